// Package tlogtest is the contract of a tlog.Store.
package tlogtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"reflect"
	"slices"
	"testing"

	"github.com/google/uuid"

	"kelisim/commands/tlog"
	"kelisim/commands/tlog/tree"
)

// Store runs the contract. open gives the same store again after it was closed, a new one for each test.
func Store(t *testing.T, open func(t *testing.T) (store tlog.Store, again func() tlog.Store)) {
	for name, test := range map[string]func(*testing.T, tlog.Store, func() tlog.Store){
		"empty": empty, "batches": batches, "stale": stale, "heads in order": headsInOrder, "checkpoints stay": checkpointsStay,
		"cosigned": cosigned, "trees of heads": headsTiles, "keys": keys, "reset": reset, "pages": pages,
	} {
		t.Run(name, func(t *testing.T) {
			s, again := open(t)
			test(t, s, again)
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func list[T any](t *testing.T, all iter.Seq2[T, error]) (items []T) {
	t.Helper()
	for item, err := range all {
		must(t, err)
		items = append(items, item)
	}
	return items
}

func id(n int64) (u uuid.UUID) {
	binary.BigEndian.PutUint64(u[:], uint64(n)*0x9e3779b97f4a7c15)
	u[15] = 1
	return u
}

func leaf(n int64) tlog.Leaf { return tlog.Leaf{Index: n, Position: 3*n + 1, Prev: n - 1, ID: id(n)} }

func head(key, revision int64) tlog.Head {
	h := tlog.Head{Index: revision, Head: tree.Head{Revision: revision, Leaf: tree.Hash{byte(key)}}}
	binary.BigEndian.PutUint16(h.Key[:], uint16(key>>8))
	h.Key[2] = byte(key)
	return h
}

// commit puts leaves from one size up to another, with what is given beside them.
func commit(t *testing.T, s tlog.Store, from, to int64, more tlog.Batch) tlog.State {
	t.Helper()
	b := more
	b.From = from
	b.State.Size, b.State.Position, b.State.Record = to, 3*to, id(-to)
	for n := from; n < to; n++ {
		b.Leaves = append(b.Leaves, leaf(n))
	}
	must(t, s.Commit(context.Background(), b))
	return b.State
}

func empty(t *testing.T, s tlog.Store, _ func() tlog.Store) {
	ctx := t.Context()
	state, err := s.State(ctx)
	if want := (tlog.State{Bodies: -1, Heads: tlog.Commitment{Index: -1}}); err != nil || !same(state, want) {
		t.Errorf("an empty store is at %+v (%v), want %+v", state, err, want)
	}
	_, tileErr := s.Tile(ctx, 0, 0)
	_, leafErr := s.Leaf(ctx, 0)
	_, findErr := s.Find(ctx, id(1))
	_, headErr := s.Head(ctx, tree.Key{})
	_, treeErr := s.HeadsTile(ctx, 1, 0, 0)
	for _, err := range []error{tileErr, leafErr, findErr, headErr, treeErr} {
		if !errors.Is(err, tlog.ErrNotFound) {
			t.Errorf("an empty store answers %v", err)
		}
	}
	if n := len(list(t, s.Leaves(ctx, 0))) + len(list(t, s.Heads(ctx, 0, tree.Buckets-1))) + len(list(t, s.Checkpoints(ctx, 0))); n != 0 {
		t.Errorf("an empty store holds %d things", n)
	}
	must(t, s.Reset(ctx))
}

// same compares states; no bytes and empty bytes are the same.
func same(a, b tlog.State) bool {
	equal := bytes.Equal(a.Signed.Note, b.Signed.Note) && bytes.Equal(a.Signed.Lasting, b.Signed.Lasting)
	a.Signed.Note, a.Signed.Lasting, b.Signed.Note, b.Signed.Lasting = nil, nil, nil, nil
	return equal && reflect.DeepEqual(a, b)
}

func batches(t *testing.T, s tlog.Store, again func() tlog.Store) {
	ctx := t.Context()
	tiles := []tlog.Tile{{Level: 0, N: 0, Data: []byte("full")}, {Level: 7, N: 1 << 40, Data: []byte("far")}}
	state := commit(t, s, 0, 3, tlog.Batch{Tiles: tiles, Heads: []tlog.Head{head(7, 1), head(8, 2)}, State: tlog.State{Bodies: 4, Heads: tlog.Commitment{Index: 2, UpTo: 1}}})
	state = commit(t, s, 3, 5, tlog.Batch{Tiles: []tlog.Tile{{Level: 0, N: 0, Data: []byte("fuller")}}, Heads: []tlog.Head{head(7, 4)}, State: state})
	commit(t, s, 5, 5, tlog.Batch{State: state}) // a batch that only moves on
	for _, next := range []func() tlog.Store{func() tlog.Store { return s }, again} {
		s := next()
		got, err := s.State(ctx)
		if err != nil || !same(got, state) {
			t.Errorf("the store is at %+v (%v), want %+v", got, err, state)
		}
		for n := range int64(5) {
			byIndex, err := s.Leaf(ctx, n)
			must(t, err)
			byID, err := s.Find(ctx, id(n))
			must(t, err)
			if byIndex != leaf(n) || byID != leaf(n) {
				t.Errorf("leaf %d is %+v, and by its id %+v", n, byIndex, byID)
			}
		}
		if got := list(t, s.Leaves(ctx, 3)); len(got) != 2 || got[0] != leaf(3) || got[1] != leaf(4) {
			t.Errorf("leaves from 3 on: %+v", got)
		}
		near, err := s.Tile(ctx, 0, 0)
		must(t, err)
		far, err := s.Tile(ctx, 7, 1<<40)
		must(t, err)
		if string(near) != "fuller" || string(far) != "far" {
			t.Errorf("tiles %q and %q", near, far)
		}
		seven, err := s.Head(ctx, head(7, 0).Key)
		must(t, err)
		eight, err := s.Head(ctx, head(8, 0).Key)
		must(t, err)
		if seven != head(7, 4) || eight != head(8, 2) {
			t.Errorf("heads %+v and %+v", seven, eight)
		}
	}
}

// A batch that does not begin where the store is was made by somebody who does not know what it holds.
func stale(t *testing.T, s tlog.Store, _ func() tlog.Store) {
	ctx := t.Context()
	commit(t, s, 0, 3, tlog.Batch{})
	for _, from := range []int64{0, 2, 4} {
		err := s.Commit(ctx, tlog.Batch{From: from, State: tlog.State{Size: 9}, Tiles: []tlog.Tile{{Data: []byte("x")}}})
		if !errors.Is(err, tlog.ErrStale) {
			t.Errorf("a batch from %d on a store at 3: %v", from, err)
		}
	}
	if _, err := s.Tile(ctx, 0, 0); !errors.Is(err, tlog.ErrNotFound) {
		t.Errorf("a refused batch left a tile (%v)", err)
	}
}

func headsInOrder(t *testing.T, s tlog.Store, _ func() tlog.Store) {
	ctx := t.Context()
	var b tlog.Batch
	for _, key := range []int64{0xffffff, 0xffff00, 0x000000, 0x000001, 0x123455, 0x123456, 0x1234ff, 0x123500} {
		b.Heads = append(b.Heads, head(key, 1))
	}
	commit(t, s, 0, 2, b)
	for _, c := range []struct{ first, last, want int }{{0, tree.Buckets - 1, 8}, {0x1234, 0x1234, 3}, {0, 0, 2}, {0xffff, 0xffff, 2}, {1, 0x1233, 0}, {0x1234, 0x1235, 4}} {
		got := list(t, s.Heads(ctx, c.first, c.last))
		if len(got) != c.want {
			t.Errorf("buckets %x to %x hold %d heads, want %d", c.first, c.last, len(got), c.want)
		}
		for i := 1; i < len(got); i++ {
			if bytes.Compare(got[i-1].Key[:], got[i].Key[:]) >= 0 {
				t.Errorf("buckets %x to %x are not in order", c.first, c.last)
			}
		}
	}
}

func signed(size int64, audit bool) tlog.Checkpoint {
	return tlog.Checkpoint{Size: size, Root: tree.Hash{byte(size)}, Note: []byte{'n', byte(size)}, Lasting: []byte{'l', byte(size)}, Audit: audit}
}

func checkpointsStay(t *testing.T, s tlog.Store, again func() tlog.Store) {
	ctx := t.Context()
	commit(t, s, 0, 2, tlog.Batch{State: tlog.State{Signed: signed(1, false)}})
	commit(t, s, 2, 4, tlog.Batch{State: tlog.State{Signed: signed(3, true)}})
	state := commit(t, s, 4, 6, tlog.Batch{State: tlog.State{Signed: signed(5, false)}})
	commit(t, s, 6, 6, tlog.Batch{State: state})
	for _, next := range []func() tlog.Store{func() tlog.Store { return s }, again} {
		s := next()
		got, err := s.State(ctx)
		if err != nil || !same(got, state) {
			t.Errorf("the newest is %+v (%v)", got.Signed, err)
		}
		all := list(t, s.Checkpoints(ctx, 0))
		if len(all) != 3 || all[0].Size != 1 || all[1].Size != 3 || all[2].Size != 5 {
			t.Fatalf("kept %+v", all)
		}
		if len(all[0].Lasting) != 0 || string(all[1].Full()) != "n\x03l\x03" || all[2].Root != (tree.Hash{5}) || !all[1].Audit {
			t.Errorf("kept %+v", all)
		}
		if after := list(t, s.Checkpoints(ctx, 3)); len(after) != 1 || after[0].Size != 5 {
			t.Errorf("after 3: %+v", after)
		}
	}
}

// What witnesses said of the newest checkpoint that they agreed on stays until they agree on a later one.
func cosigned(t *testing.T, s tlog.Store, again func() tlog.Store) {
	ctx := t.Context()
	lines := func(n int64) []byte { return []byte{'w', byte(n)} }
	for _, step := range []struct {
		save tlog.Cosigned
		want []int64
	}{
		{tlog.Cosigned{Size: 1, Lines: lines(1)}, []int64{1}},
		{tlog.Cosigned{Size: 3, Lines: lines(3), Lasting: []byte("l"), Quorum: true}, []int64{3}},
		{tlog.Cosigned{Size: 5, Lines: lines(5)}, []int64{3, 5}},
		{tlog.Cosigned{Size: 6, Lines: lines(6), Open: true}, []int64{3, 6}},
		{tlog.Cosigned{Size: 8, Open: true}, []int64{3, 8}},
		{tlog.Cosigned{Size: 8, Lines: lines(8), Open: true}, []int64{3, 8}},
		{tlog.Cosigned{Size: 9, Lines: lines(9)}, []int64{3, 8, 9}},
		{tlog.Cosigned{Size: 9, Lines: lines(10), Lasting: []byte("m"), Quorum: true}, []int64{9}},
		{tlog.Cosigned{Size: 7, Lines: lines(7)}, []int64{7, 9}}, // an answer that came late
	} {
		must(t, s.SaveCosigned(ctx, step.save))
		s = again()
		got, err := s.Cosigned(ctx)
		must(t, err)
		var sizes []int64
		for _, c := range got {
			sizes = append(sizes, c.Size)
			if c.Size == step.save.Size && (!bytes.Equal(c.Lines, step.save.Lines) || !bytes.Equal(c.Lasting, step.save.Lasting) || c.Quorum != step.save.Quorum || c.Open != step.save.Open) {
				t.Errorf("kept %+v of %+v", c, step.save)
			}
		}
		if !slices.Equal(sizes, step.want) {
			t.Fatalf("after %+v there is %v, want %v", step.save, sizes, step.want)
		}
	}
	must(t, s.Reset(ctx))
	if got, err := s.Cosigned(ctx); err != nil || len(got) != 2 {
		t.Errorf("after a reset there is %+v (%v)", got, err)
	}
}

func headsTiles(t *testing.T, s tlog.Store, again func() tlog.Store) {
	ctx := t.Context()
	for _, upTo := range []int64{5, 9, 12} {
		must(t, s.SaveHeads(ctx, upTo, []tlog.Tile{{Level: 0, N: 255, Data: []byte{byte(upTo)}}, {Level: 2, N: 0, Data: []byte{2, byte(upTo)}}}))
	}
	must(t, s.SaveHeads(ctx, 12, []tlog.Tile{{Level: 0, N: 255, Data: []byte{12}}, {Level: 2, N: 0, Data: []byte{2, 12}}}))
	s = again()
	if _, err := s.HeadsTile(ctx, 5, 0, 255); !errors.Is(err, tlog.ErrNotFound) {
		t.Errorf("a tree before the last two is still there (%v)", err)
	}
	for _, upTo := range []int64{9, 12} {
		a, err := s.HeadsTile(ctx, upTo, 0, 255)
		must(t, err)
		b, err := s.HeadsTile(ctx, upTo, 2, 0)
		must(t, err)
		if a[0] != byte(upTo) || b[1] != byte(upTo) {
			t.Errorf("the tree at %d has %v and %v", upTo, a, b)
		}
	}
}

func keys(t *testing.T, s tlog.Store, again func() tlog.Store) {
	ctx := t.Context()
	must(t, s.AddKeys(ctx, []string{"b", "a"}))
	must(t, s.AddKeys(ctx, []string{"a", "c"}))
	got, err := again().Keys(ctx)
	if err != nil || !reflect.DeepEqual(got, []string{"b", "a", "c"}) {
		t.Errorf("keys %v (%v)", got, err)
	}
}

func reset(t *testing.T, s tlog.Store, again func() tlog.Store) {
	ctx := t.Context()
	must(t, s.AddKeys(ctx, []string{"k"}))
	must(t, s.SaveHeads(ctx, 2, []tlog.Tile{{Data: []byte("h")}}))
	commit(t, s, 0, 3, tlog.Batch{Tiles: []tlog.Tile{{Data: []byte("x")}}, Heads: []tlog.Head{head(1, 1)}, State: tlog.State{Bodies: 3, Signed: signed(2, true)}})
	must(t, s.Reset(ctx))
	s = again()
	state, err := s.State(ctx)
	if err != nil || state.Size != 0 || state.Position != 0 || state.Bodies != -1 || state.Heads.Index != -1 || state.Signed.Size != 2 {
		t.Errorf("after a reset the store is at %+v (%v)", state, err)
	}
	_, tileErr := s.Tile(ctx, 0, 0)
	_, findErr := s.Find(ctx, id(1))
	_, headErr := s.Head(ctx, head(1, 1).Key)
	_, treeErr := s.HeadsTile(ctx, 2, 0, 0)
	for _, err := range []error{tileErr, findErr, headErr, treeErr} {
		if !errors.Is(err, tlog.ErrNotFound) {
			t.Errorf("after a reset: %v", err)
		}
	}
	if got := list(t, s.Checkpoints(ctx, 0)); len(got) != 1 || got[0].Size != 2 {
		t.Errorf("after a reset the checkpoints are %+v", got)
	}
	if got, err := s.Keys(ctx); err != nil || len(got) != 1 {
		t.Errorf("after a reset the keys are %v (%v)", got, err)
	}
	commit(t, s, 0, 3, tlog.Batch{})
}

// What is read a page at a time is read whole.
func pages(t *testing.T, s tlog.Store, _ func() tlog.Store) {
	ctx := t.Context()
	const many = 10_000
	var b tlog.Batch
	for n := range int64(many) {
		b.Heads = append(b.Heads, head(n*1000, n))
	}
	commit(t, s, 0, many, b)
	for i, l := range list(t, s.Leaves(ctx, 0)) {
		if l != leaf(int64(i)) {
			t.Fatalf("leaf %d is %+v", i, l)
		}
	}
	if n := len(list(t, s.Leaves(ctx, 1))); n != many-1 {
		t.Errorf("%d leaves from 1 on", n)
	}
	if n := len(list(t, s.Heads(ctx, 0, tree.Buckets-1))); n != many {
		t.Errorf("%d heads", n)
	}
}
