package tlog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"

	"kelisim/commands/journal"
	"kelisim/commands/tlog/tree"
	"kelisim/commands/tlog/verify"
	"kelisim/domain/ledger"
)

// advance takes every record that is there.
func (f *Follower) advance(ctx context.Context) error {
	for r, err := range f.Journal.Store.ReadAll(ctx, f.next.Position) {
		if err != nil {
			return fmt.Errorf("follow the journal after %d: %w", f.next.Position, err)
		}
		if r.Position <= f.next.Position {
			return fmt.Errorf("follow the journal: position %d came after %d", r.Position, f.next.Position)
		}
		if err := f.take(ctx, r); err != nil {
			return err
		}
		if len(f.leaves) == maxBatch {
			if err := f.flush(ctx); err != nil {
				return err
			}
		}
	}
	if f.edge.Size() < f.state.Signed.Size {
		return &verify.Fault{Code: verify.Behind, Place: verify.Nowhere, Detail: fmt.Sprintf(
			"the journal holds %d events of the log, and %d were signed: an earlier state of it was put back, or events were lost", f.edge.Size(), f.state.Signed.Size)}
	}
	return nil
}

// take hashes one record into the tree, or compares it with the tree where it is a checkpoint's body.
func (f *Follower) take(ctx context.Context, r journal.Record) (err error) {
	switch {
	case tree.Counted(r.Stream):
		err = f.grow(ctx, r)
	case r.Stream == tree.CheckpointsStream:
		err = f.agree(ctx, r)
	}
	if err != nil {
		return err
	}
	f.next.Position, f.next.Record, f.next.Size = r.Position, r.ID, f.edge.Size()
	return nil
}

// place is where a record stands, for a fault.
func place(r journal.Record, index int64) verify.Place {
	return verify.Place{Index: index, Position: r.Position, Stream: r.Stream, Revision: r.Revision}
}

func (f *Follower) grow(ctx context.Context, r journal.Record) error {
	index := f.edge.Size()
	head, err := f.head(ctx, tree.KeyOf(r.Stream))
	if err != nil {
		return err
	}
	if r.Revision != head.Revision+1 {
		return &verify.Fault{Code: verify.Gap, Place: place(r, index), Detail: fmt.Sprintf("revision %d should come here", head.Revision+1)}
	}
	if r.Stream == tree.HeadsStream {
		if err := f.note(r, index); err != nil {
			return err
		}
	}
	h := f.hasher.Record(tree.LeafOf(EventOf(r), head.Leaf))
	f.edge.Append(h, f.put)
	f.leaves = append(f.leaves, Leaf{Index: index, Position: r.Position, Prev: head.Index, ID: r.ID})
	head.Revision, head.Leaf, head.Index = r.Revision, h, index
	f.heads[head.Key] = head
	return f.reached(ctx)
}

// EventOf is what the log knows of a record.
func EventOf(r journal.Record) tree.Event {
	return tree.Event{ID: r.ID, Stream: r.Stream, Revision: r.Revision, Type: r.Type, Data: r.Data, Meta: r.Meta}
}

// head is a stream's end, with revision and index -1 for a stream that has no event yet.
func (f *Follower) head(ctx context.Context, key tree.Key) (Head, error) {
	if h, ok := f.heads[key]; ok {
		return h, nil
	}
	h, err := f.Store.Head(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return Head{Head: tree.Head{Key: key, Revision: -1}, Index: -1}, nil
	}
	if err != nil {
		return Head{}, fmt.Errorf("read a stream's head: %w", err)
	}
	return h, nil
}

// putHash puts a hash at the end of its level.
func (f *Follower) putHash(level int, h tree.Hash) {
	if level == len(f.edges) {
		f.edges = append(f.edges, nil)
	}
	f.edges[level] = append(f.edges[level], h[:]...)
	if len(f.edges[level]) == tree.TileWidth*len(h) {
		n := (f.edge.Size() >> (tree.TileHeight * (level + 1)))
		f.full[[2]int64{int64(level), n}] = f.edges[level]
		f.edges[level] = nil
	}
}

// hashes reads the tree, what is pending included.
func (f *Follower) hashes(ctx context.Context) tlog.HashReader {
	return tree.Hashes(func(level int, n int64, width int) ([]byte, error) {
		if data, ok := f.full[[2]int64{int64(level), n}]; ok {
			return data, nil
		}
		if level < len(f.edges) && n == f.edge.Size()>>(tree.TileHeight*(level+1)) && len(f.edges[level]) >= width*len(tree.Hash{}) {
			return f.edges[level], nil
		}
		data, err := f.Store.Tile(ctx, level, n)
		if err != nil {
			return nil, fmt.Errorf("read tile %d of level %d: %w", n, level, err)
		}
		return data, nil
	})
}

// rootAt is the root that the tree had at a size.
func (f *Follower) rootAt(ctx context.Context, size int64) (tree.Hash, error) {
	if size == f.edge.Size() {
		return f.edge.Root(), nil
	}
	root, err := tlog.TreeHash(size, f.hashes(ctx))
	if err != nil {
		return tree.Hash{}, fmt.Errorf("root at %d leaves: %w", size, err)
	}
	return root, nil
}

// reached compares the tree with a signed checkpoint of its size. There are such ahead only after the store was reset.
func (f *Follower) reached(ctx context.Context) error {
	size := f.edge.Size()
	if size > f.state.Signed.Size {
		return nil
	}
	if len(f.ahead) == 0 {
		for c, err := range f.Store.Checkpoints(ctx, size-1) {
			if err != nil {
				return fmt.Errorf("read the signed checkpoints: %w", err)
			}
			if f.ahead = append(f.ahead, c); len(f.ahead) == maxBatch {
				break
			}
		}
	}
	if len(f.ahead) == 0 || f.ahead[0].Size > size {
		return nil
	}
	signed := f.ahead[0]
	f.ahead = f.ahead[1:]
	return differs(signed.Root, f.edge.Root(), signed.Size, verify.Nowhere)
}

func differs(signed, got tree.Hash, size int64, at verify.Place) error {
	if signed == got {
		return nil
	}
	return &verify.Fault{Code: verify.RootDiffers, Place: at, Detail: fmt.Sprintf(
		"the first %d events of the journal are not those that were signed: nothing will be signed", size)}
}

// compare holds the store against the newest signed checkpoint and against the journal: the last record that was looked at must stand there.
func (f *Follower) compare(ctx context.Context) error {
	if size := f.state.Signed.Size; 0 < size && size <= f.state.Size {
		root, err := f.rootAt(ctx, size)
		if err != nil {
			return err
		}
		if err := differs(f.state.Signed.Root, root, size, verify.Nowhere); err != nil {
			return err
		}
	}
	if f.state.Position > 0 {
		r, ok, err := recordAt(ctx, f.Journal.Store, f.state.Position)
		if err != nil {
			return err
		}
		at := verify.Place{Index: -1, Position: f.state.Position, Revision: -1}
		if !ok {
			return &verify.Fault{Code: verify.Behind, Place: at, Detail: "the journal ends before the last record that was hashed: an earlier state of it was put back"}
		}
		if r.ID != f.state.Record {
			return &verify.Fault{Code: verify.RootDiffers, Place: place(r, -1), Detail: "another record stands where the last one that was hashed did"}
		}
	}
	if f.state.Size == 0 {
		return nil
	}
	last, err := f.Store.Leaf(ctx, f.state.Size-1)
	if err != nil {
		return fmt.Errorf("read the last leaf: %w", err)
	}
	_, _, err = f.reader.event(ctx, last)
	return err
}

// recordAt is the record at a position, if one stands there.
func recordAt(ctx context.Context, store journal.Store, position int64) (journal.Record, bool, error) {
	for r, err := range store.ReadAll(ctx, position-1) {
		if err != nil {
			return journal.Record{}, false, fmt.Errorf("read the journal at %d: %w", position, err)
		}
		return r, r.Position == position, nil
	}
	return journal.Record{}, false, nil
}

// agree compares a checkpoint's body that stands in the journal with the tree. Only such a body may be signed.
func (f *Follower) agree(ctx context.Context, r journal.Record) error {
	at := place(r, -1)
	if r.Revision != f.next.Bodies+1 {
		return &verify.Fault{Code: verify.Gap, Place: at, Detail: fmt.Sprintf("revision %d should come here", f.next.Bodies+1)}
	}
	e, err := f.Journal.Decode(r)
	if err != nil {
		return &verify.Fault{Code: verify.Malformed, Place: at, Detail: err.Error()}
	}
	body, ok := e.Data.(ledger.CheckpointCommitted)
	root, err := tlog.ParseHash(body.Root)
	switch {
	case !ok || err != nil || body.Size <= f.agreed.Size || body.Size > f.edge.Size():
		return &verify.Fault{Code: verify.Malformed, Place: at, Detail: "it is no body of a checkpoint that could follow here"}
	case f.Keys != nil && body.Origin != f.Keys.Origin:
		return &verify.Fault{Code: verify.RootDiffers, Place: at, Detail: "the checkpoint is of a log of another name"}
	}
	mine, err := f.rootAt(ctx, body.Size)
	if err != nil {
		return err
	}
	if err := differs(root, mine, body.Size, at); err != nil {
		return err
	}
	f.next.Bodies, f.agreed = r.Revision, Checkpoint{Size: body.Size, Root: root}
	f.body, f.bodyAt = max(f.body, body.Size), f.Now()
	return nil
}

// signable: a body stands in the journal that is newer than the newest signed checkpoint.
func (f *Follower) signable() bool { return f.Keys != nil && f.agreed.Size > f.state.Signed.Size }

// flush signs the newest body and puts what is pending into the store, in one transaction: a checkpoint is never there before its tiles, nor
// before its body.
func (f *Follower) flush(ctx context.Context) error {
	if f.next.Position == f.state.Position && !f.signable() {
		return nil
	}
	if f.signable() && f.edge.Size() >= f.state.Signed.Size {
		signed, err := f.sign(f.agreed)
		if err != nil {
			return err
		}
		f.next.Signed = signed
	}
	b := Batch{From: f.state.Size, State: f.next, Leaves: f.leaves, Heads: slices.Collect(maps.Values(f.heads))}
	for at, data := range f.full {
		b.Tiles = append(b.Tiles, Tile{int(at[0]), at[1], data})
	}
	for level, data := range f.edges {
		if len(data) > 0 && f.grew(level) {
			b.Tiles = append(b.Tiles, Tile{level, f.edge.Size() >> (tree.TileHeight * (level + 1)), data})
		}
	}
	if err := f.Store.Commit(context.WithoutCancel(ctx), b); err != nil {
		return fmt.Errorf("store %d leaves: %w", len(f.leaves), err)
	}
	f.state = f.next
	f.leaves = f.leaves[:0]
	clear(f.heads)
	clear(f.full)
	f.publish()
	return nil
}

// grew tells whether a level has a hash more than in the store.
func (f *Follower) grew(level int) bool {
	return f.edge.Size()>>(tree.TileHeight*level) > f.state.Size>>(tree.TileHeight*level)
}

func (f *Follower) sign(c Checkpoint) (Checkpoint, error) {
	var err error
	if c.Note, c.Lasting, err = f.Keys.Sign(checkpointText(f.Keys.Origin, c.Size, c.Root)); err != nil {
		return Checkpoint{}, err
	}
	heads := f.next.Heads.Index
	c.Audit = heads >= 0 && c.Size > heads && f.state.Signed.Size <= heads
	return c, nil
}

// ownID is the id of an event of the ledger's own: two followers who wish the same make the same.
func ownID(parts ...any) uuid.UUID {
	return uuid.NewSHA1(uuid.MustParse("8c7a7f0e-6f0d-5a5e-9d1c-2f1b6f3f4a11"), fmt.Append(nil, parts...))
}
