package tlog_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"testing"

	"filippo.io/torchwood"
	formats "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"kelisim/commands/journal"
	ledgerlog "kelisim/commands/tlog"
	"kelisim/commands/tlog/tree"
	"kelisim/commands/tlog/verify"
)

func slices2(hashes []tlog.Hash) (out [][]byte) {
	for _, h := range hashes {
		out = append(out, h[:])
	}
	return out
}

// Every proof is checked by three programs: ours, torchwood's and transparency-dev's.
func TestProofsByThreeVerifiers(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.some(700, 20)
	w.settle()
	w.some(5, 3) // not covered
	theirs, err := torchwood.ParsePolicy(ledgerlog.PolicyText(testKeys.VerifierKeys()[:1]))
	if err != nil {
		t.Fatal(err)
	}
	c := w.checkpoint()
	for r, err := range w.journal.ReadAll(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		text, err := w.Reader().Prove(t.Context(), r.ID)
		if r.Stream == "ledger-checkpoints" {
			if !errors.Is(err, ledgerlog.ErrNotFound) {
				t.Errorf("a checkpoint's body was proved (%v)", err)
			}
			continue
		}
		if errors.Is(err, ledgerlog.ErrNotCovered) || errors.Is(err, ledgerlog.ErrNotFound) {
			if r.Position <= 3*c.Size {
				t.Errorf("position %d: %v", r.Position, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := verify.Proof(text, policy(t))
		if err != nil || got.ID != r.ID || got.Stream != r.Stream || got.Revision != r.Revision || got.Type != r.Type ||
			got.Data != sha256.Sum256(r.Data) || got.Meta != sha256.Sum256(r.Meta) || got.Checkpoint.N != c.Size {
			t.Fatalf("position %d: %+v (%v)", r.Position, got, err)
		}
		leaf, err := torchwood.ProofExtraData(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := torchwood.VerifyProof(theirs, tlog.RecordHash(leaf), text); err != nil {
			t.Errorf("position %d, by torchwood: %v", r.Position, err)
		}
		var p formats.TLogProof
		if err := p.Unmarshal(text); err != nil {
			t.Fatal(err)
		}
		var hashes [][]byte
		for _, h := range p.Hashes {
			hashes = append(hashes, h[:])
		}
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, p.Index, uint64(c.Size), rfc6962.DefaultHasher.HashLeaf(leaf), hashes, c.Root[:]); err != nil {
			t.Errorf("position %d, by transparency-dev: %v", r.Position, err)
		}
	}
}

// Any two sizes of any log are consistent, by three verifiers, and neither with another root.
func TestConsistency(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.some(1200, 20)
	w.settle()
	c := w.checkpoint()
	var roots []tree.Hash
	var e tree.Edge
	for l, err := range w.store.Leaves(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		tile, err := w.store.Tile(t.Context(), 0, l.Index/tree.TileWidth)
		if err != nil {
			t.Fatal(err)
		}
		e.Append(tree.HashAt(tile, int(l.Index%tree.TileWidth)), func(int, tree.Hash) {})
		roots = append(roots, e.Root())
	}
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.Int64Range(1, c.Size).Draw(t, "from")
		to := rapid.Int64Range(from, c.Size).Draw(t, "to")
		text, err := w.Reader().Consistency(context.Background(), from, to)
		if err != nil {
			t.Fatal(err)
		}
		p, err := verify.ParseHashes(text)
		if err != nil {
			t.Fatal(err)
		}
		a, b := roots[from-1], roots[to-1]
		if err := tlog.CheckTree(p, to, b, from, a); err != nil {
			t.Error(err)
		}
		if err := proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(from), uint64(to), slices2(p), a[:], b[:]); err != nil {
			t.Error(err)
		}
		if from < to {
			if tlog.CheckTree(p, to, b, from, b) == nil || tlog.CheckTree(p, to, a, from, a) == nil {
				t.Error("consistent with a root that is not its own")
			}
		}
	})
}

// servedTiles is a server of tiles, for a client that trusts it in nothing.
type servedTiles struct{ r *ledgerlog.Reader }

func (s servedTiles) ReadTiles(ctx context.Context, tiles []tlog.Tile) (data [][]byte, err error) {
	for _, t := range tiles {
		b, err := s.r.Tile(ctx, torchwood.TilePath(t))
		if err != nil {
			return nil, err
		}
		data = append(data, b)
	}
	return data, nil
}
func (servedTiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (servedTiles) ReadEndpoint(context.Context, string) ([]byte, error) {
	return nil, errors.New("none")
}

// What is served by path is a log that other programs read: every entry, at the size of each checkpoint.
func TestServedTilesAreALog(t *testing.T) {
	w := newWorld(t, nil, nil)
	for range 3 {
		w.some(300, 20)
		w.settle()
		c := w.checkpoint()
		client, err := torchwood.NewClient(servedTiles{w.Reader()})
		if err != nil {
			t.Fatal(err)
		}
		n := int64(0)
		for i, entry := range client.AllEntries(t.Context(), tlog.Tree{N: c.Size, Hash: c.Root}, 0) {
			if _, err := tree.ParseLeaf(entry); err != nil || i != n {
				t.Errorf("entry %d is no leaf (%v)", i, err)
			}
			n++
		}
		if client.Err() != nil || n != c.Size {
			t.Errorf("%d of %d entries: %v", n, c.Size, client.Err())
		}
	}
	w.some(40, 3)
	size := w.checkpoint().Size
	last := fmt.Sprintf("%03d.p/%d", size/256, size%256)
	for path, there := range map[string]bool{
		"tile/0/000": true, "tile/entries/000": true, "tile/0/000.p/7": true, "tile/0/" + last: true, "tile/1/000.p/3": true,
		fmt.Sprintf("tile/0/%03d.p/%d", size/256, size%256+1): false, "tile/0/004": false, "tile/1/000": false, "tile/1/000.p/4": false, "tile/2/000.p/1": false,
		"tile/63/000.p/1": false, "tile/8/000": false, "tile/0/0": false, "tile/0/000.p/256": false, "tile/0/000.p/0": false, "tile/0/x001/000.p/1": false,
		"tile/0/../0/000": false, "tile/entries/000.p/300": false, "checkpoint": false, "": false, "tile/0/x999/x999/x999/x999/x999/x999/999.p/1": false,
	} {
		_, err := w.Reader().Tile(t.Context(), path)
		if there && err != nil || !there && !errors.Is(err, ledgerlog.ErrNotFound) {
			t.Errorf("%q: %v, want there %v", path, err, there)
		}
	}
}

// Nothing is proved of an event that was changed after it was hashed.
func TestChangedEventsAreNotProved(t *testing.T) {
	w := newWorld(t, nil, nil)
	e := w.record("user-a", 3)[1]
	w.settle()
	for what, change := range map[string]func(*journal.Record){
		"data":     func(r *journal.Record) { r.Data = []byte(`{}`) },
		"metadata": func(r *journal.Record) { r.Meta = []byte(`{}`) },
		"type":     func(r *journal.Record) { r.Type = "test.undone" },
		"id":       func(r *journal.Record) { r.ID[0]++ },
	} {
		r := ledgerlog.NewReader(changed{w.journal, 6, change}, w.store)
		_, err := r.Prove(t.Context(), e.ID)
		wantFault(t, err, verify.EventChanged)
		_, err = r.Tile(t.Context(), "tile/entries/000.p/4")
		wantFault(t, err, verify.EventChanged)
		err = r.ExportFull(t.Context(), files{}, ledgerlog.ExportOptions{})
		wantFault(t, err, verify.EventChanged)
		_ = what
	}
}

// short is a store that lost a tile.
type short struct{ ledgerlog.Store }

func (s short) Tile(ctx context.Context, level int, n int64) ([]byte, error) {
	data, err := s.Store.Tile(ctx, level, n)
	if err == nil && level == 0 && n == 1 {
		data[77] ^= 1
	}
	return data, err
}

func (s short) Leaves(ctx context.Context, from int64) iter.Seq2[ledgerlog.Leaf, error] {
	return s.Store.Leaves(ctx, from)
}

// A damaged tile never becomes a false proof: what is read is held against the signed root.
func TestDamagedTilesAreNoProof(t *testing.T) {
	w := newWorld(t, nil, nil)
	first := w.record("user-a", 1)[0]
	w.some(700, 9)
	w.settle()
	r := ledgerlog.NewReader(w.journal, short{w.store})
	if text, err := r.Prove(t.Context(), first.ID); err == nil {
		if _, err := verify.Proof(text, policy(t)); err != nil {
			t.Errorf("gave a proof that does not hold: %v", err)
		}
	}
	if _, err := r.Consistency(t.Context(), 300, 600); err == nil {
		t.Error("proved consistency by a damaged tile")
	}
	f := wantFault(t, second(verify.Dir(t.Context(), ledgerlog.NewSource(w.journal, short{w.store}), verify.Options{Policy: policy(t)})), verify.TileDiffers)
	if f.Index != 256+2 || f.File != "tile/0/001" {
		t.Errorf("the fault is at %s", f.Place)
	}
}

func second[T any](_ T, err error) error { return err }

func TestNoteOfTheCheckpointIsPlain(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.some(3, 2)
	w.settle()
	v, err := note.NewVerifier(testKeys.VerifierKeys()[0])
	if err != nil {
		t.Fatal(err)
	}
	c := w.checkpoint()
	for _, signed := range [][]byte{c.Note, c.Full()} {
		if n, err := note.Open(signed, note.VerifierList(v)); err != nil || n.Text != fmt.Sprintf("%s\n%d\n%s\n", origin, c.Size, c.Root) {
			t.Errorf("%+v (%v)", n, err)
		}
	}
}
