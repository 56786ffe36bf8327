package tlog

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"filippo.io/torchwood"
	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"

	"kelisim/commands/journal"
	"kelisim/commands/tlog/tree"
	"kelisim/commands/tlog/verify"
)

// Reader gives what is asked of the log. It never writes, so it may stand beside the follower of another process.
type Reader struct {
	journal journal.Store
	store   Store
	cache   tileCache
}

// NewReader reads a log from its journal and its store.
func NewReader(j journal.Store, s Store) *Reader { return &Reader{journal: j, store: s} }

// Checkpoint is the newest signed checkpoint; ErrNotFound where there is none yet.
func (r *Reader) Checkpoint(ctx context.Context) (Checkpoint, error) {
	state, err := r.store.State(ctx)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("read the log's state: %w", err)
	}
	if state.Signed.Size == 0 {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", ErrNotFound)
	}
	return state.Signed, nil
}

// Published is the checkpoint to show to others, with all signatures: the newest that the witnesses' quorum has cosigned where they are waited for, else the
// newest signed one with what cosignatures there are; ErrNotFound where there is none yet.
func (r *Reader) Published(ctx context.Context) (Checkpoint, error) {
	c, err := r.Checkpoint(ctx)
	if err != nil {
		return Checkpoint{}, err
	}
	all, err := r.store.Cosigned(ctx)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("read the cosignatures: %w", err)
	}
	for _, said := range slices.Backward(all) {
		if said.Size == c.Size {
			c.Cosigned = said.Lines
		}
		if said.Quorum {
			return r.cosigned(ctx, c, said)
		}
		if said.Open {
			break
		}
	}
	return c, nil
}

// Witnessed is the newest checkpoint that the witnesses' quorum has cosigned; ErrNotFound where there is none.
func (r *Reader) Witnessed(ctx context.Context) (Checkpoint, error) {
	all, err := r.store.Cosigned(ctx)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("read the cosignatures: %w", err)
	}
	for _, said := range slices.Backward(all) {
		if said.Quorum {
			return r.cosigned(ctx, Checkpoint{}, said)
		}
	}
	return Checkpoint{}, fmt.Errorf("cosigned checkpoint: %w", ErrNotFound)
}

// cosigned is the checkpoint that something was said of, c if it is that one.
func (r *Reader) cosigned(ctx context.Context, c Checkpoint, said Cosigned) (Checkpoint, error) {
	if c.Size != said.Size {
		for next, err := range r.store.Checkpoints(ctx, said.Size-1) {
			if err != nil {
				return Checkpoint{}, fmt.Errorf("read the cosigned checkpoint: %w", err)
			}
			c = next
			break
		}
	}
	if c.Size != said.Size {
		return Checkpoint{}, fmt.Errorf("cosigned checkpoint of %d leaves: %w", said.Size, ErrNotFound)
	}
	c.Lasting, c.Cosigned = said.Lasting, said.Lines
	return c, nil
}

// Keys are the public keys that sign, as c2sp.org/signed-note writes them, the oldest first.
func (r *Reader) Keys(ctx context.Context) ([]string, error) { return r.store.Keys(ctx) }

// Tile gives a resource of c2sp.org/tlog-tiles by its path: "tile/0/x001/234.p/5", "tile/entries/000". Only what the newest signed checkpoint covers is
// given, and nothing else is ErrNotFound. What it gives never changes. Entries show streams and types: not for everybody.
func (r *Reader) Tile(ctx context.Context, path string) ([]byte, error) {
	t, err := torchwood.ParseTilePath(path)
	if err != nil || torchwood.TilePath(t) != path {
		return nil, fmt.Errorf("tile: %w", ErrNotFound)
	}
	c, err := r.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	level := max(t.L, 0)
	if level > 7 || t.N > c.Size || (t.N<<tree.TileHeight+int64(t.W))<<(tree.TileHeight*level) > c.Size {
		return nil, fmt.Errorf("%s: %w", path, ErrNotFound)
	}
	if t.L < 0 {
		return r.entries(ctx, t)
	}
	return r.tile(ctx, t)
}

// tile is a tile of the log, as wide as it is asked for.
func (r *Reader) tile(ctx context.Context, t tlog.Tile) ([]byte, error) {
	want := t.W * len(tree.Hash{})
	if data, ok := r.cache.get(t.L, t.N, want); ok {
		return data[:want:want], nil
	}
	data, err := r.store.Tile(ctx, t.L, t.N)
	if err == nil && len(data) < want {
		err = fmt.Errorf("it has %d bytes of %d", len(data), want)
	}
	if err != nil {
		return nil, fmt.Errorf("read tile %d of level %d: %w", t.N, t.L, err)
	}
	r.cache.put(t.L, t.N, data)
	return data[:want:want], nil
}

func (r *Reader) entries(ctx context.Context, t tlog.Tile) ([]byte, error) {
	var b []byte
	from := t.N * tree.TileWidth
	for l, err := range r.store.Leaves(ctx, from) {
		if err != nil {
			return nil, fmt.Errorf("read the leaves from %d on: %w", from, err)
		}
		if l.Index == from+int64(t.W) {
			break
		}
		_, leaf, err := r.event(ctx, l)
		if err != nil {
			return nil, err
		}
		if b, err = torchwood.AppendTileEntry(b, leaf); err != nil {
			return nil, fmt.Errorf("leaf %d: %w", l.Index, err)
		}
	}
	return b, nil
}

// hash is a leaf's record hash, as stored.
func (r *Reader) hash(ctx context.Context, index int64) (tree.Hash, error) {
	n, i := index/tree.TileWidth, int(index%tree.TileWidth)
	data, err := r.tile(ctx, tlog.Tile{H: tree.TileHeight, L: 0, N: n, W: i + 1})
	if err != nil {
		return tree.Hash{}, err
	}
	return tree.HashAt(data, i), nil
}

// event is a leaf's record and the leaf itself. A record that does not give the stored hash is a fault: nothing is proved of it.
func (r *Reader) event(ctx context.Context, l Leaf) (journal.Record, []byte, error) {
	record, ok, err := recordAt(ctx, r.journal, l.Position)
	if err != nil {
		return journal.Record{}, nil, err
	}
	if !ok {
		return journal.Record{}, nil, &verify.Fault{Code: verify.Behind, Place: verify.Place{Index: l.Index, Position: l.Position, Revision: -1},
			Detail: "the journal has no event where this leaf's stood"}
	}
	leaf, err := r.leaf(ctx, l, record)
	return record, leaf, err
}

// leaf is the leaf of a record that stands, or should stand, at a place of the log.
func (r *Reader) leaf(ctx context.Context, l Leaf, record journal.Record) ([]byte, error) {
	var prev tree.Hash
	if l.Prev >= 0 {
		var err error
		if prev, err = r.hash(ctx, l.Prev); err != nil {
			return nil, err
		}
	}
	leaf := tree.LeafOf(EventOf(record), prev).Append(nil)
	h, err := r.hash(ctx, l.Index)
	if err != nil {
		return nil, err
	}
	if record.ID != l.ID || tlog.RecordHash(leaf) != h {
		return nil, &verify.Fault{Code: verify.EventChanged, Place: place(record, l.Index), Detail: "it is not the event that was hashed, or the stored hash is damaged"}
	}
	return leaf, nil
}

// Prove is the proof of an event, in the form of c2sp.org/tlog-proof with the leaf as its extra data: ErrNotFound, or ErrNotCovered for about a second after the event
// was recorded. It stands under the published checkpoint, or under the newest where that covers the event alone. Anybody can check it by verify.Proof, or by any
// program that knows the form.
func (r *Reader) Prove(ctx context.Context, id uuid.UUID) ([]byte, error) {
	l, err := r.store.Find(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("prove event %s: %w", id, err)
	}
	c, err := r.Published(ctx)
	if err == nil && l.Index >= c.Size {
		c, err = r.Checkpoint(ctx)
	}
	if errors.Is(err, ErrNotFound) || err == nil && l.Index >= c.Size {
		return nil, fmt.Errorf("prove event %s: %w", id, ErrNotCovered)
	}
	if err != nil {
		return nil, err
	}
	_, leaf, err := r.event(ctx, l)
	if err != nil {
		return nil, err
	}
	return r.proof(ctx, c, l.Index, leaf)
}

func (r *Reader) proof(ctx context.Context, c Checkpoint, index int64, leaf []byte) ([]byte, error) {
	path, err := tlog.ProveRecord(c.Size, index, r.hashes(ctx, c))
	if err != nil {
		return nil, fmt.Errorf("prove leaf %d: %w", index, err)
	}
	return verify.FormatProof(verify.ProofText{Index: index, Leaf: leaf, Path: path, Checkpoint: slices.Concat(c.Note, c.Cosigned)}), nil
}

// hashes reads the hashes under a checkpoint, and checks that they lead to its root.
func (r *Reader) hashes(ctx context.Context, c Checkpoint) tlog.HashReader {
	return tlog.TileHashReader(tlog.Tree{N: c.Size, Hash: c.Root}, tileReader(func(t tlog.Tile) ([]byte, error) { return r.tile(ctx, t) }))
}

// tileReader hands tiles to the library that checks them against a root.
type tileReader func(tlog.Tile) ([]byte, error)

func (r tileReader) Height() int                     { return tree.TileHeight }
func (r tileReader) SaveTiles([]tlog.Tile, [][]byte) {}
func (r tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	all := make([][]byte, len(tiles))
	for i, t := range tiles {
		var err error
		if all[i], err = r(t); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// consistency is the proof that the first from leaves of the log are a beginning of its first to leaves, both under the checkpoint: hashes, in base64, one a
// line. It is what an auditor with an earlier checkpoint asks for.
func (r *Reader) consistency(ctx context.Context, c Checkpoint, from, to int64) ([]byte, error) {
	proof, err := tlog.ProveTree(to, from, r.hashes(ctx, c))
	if err != nil {
		return nil, fmt.Errorf("prove that %d leaves begin %d: %w", from, to, err)
	}
	return verify.FormatHashes(proof), nil
}

// WaitProve is Prove for an event that was just recorded: it waits, until the context ends, for a checkpoint that covers it.
func (f *Follower) WaitProve(ctx context.Context, id uuid.UUID) ([]byte, error) {
	for {
		f.statusMu.Lock()
		changed := f.changed
		f.statusMu.Unlock()
		proof, err := f.reader.Prove(ctx, id)
		if !errors.Is(err, ErrNotCovered) && !errors.Is(err, ErrNotFound) || f.halted() != nil {
			return proof, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, err
		}
	}
}
