package tlog

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"kelisim/commands/tlog/tree"
	"kelisim/commands/tlog/verify"
)

// headsTree is a tree of heads, whole.
type headsTree struct {
	root    tree.Hash
	tiles   []Tile
	streams int64
}

// headsAt makes the tree of heads as it was when the log had so many leaves. Streams that went on since are followed back to where they were then.
func (r *Reader) headsAt(ctx context.Context, upTo int64) (headsTree, error) {
	var t headsTree
	var edge tree.Edge
	at := map[int]int{} // level → place in t.tiles of its last tile
	put := func(level int, h tree.Hash) {
		i, ok := at[level]
		if !ok || len(t.tiles[i].Data) == tree.TileWidth*len(h) {
			next := Tile{Level: level}
			if ok {
				next.N = t.tiles[i].N + 1
			}
			i, at[level] = len(t.tiles), len(t.tiles)
			t.tiles = append(t.tiles, next)
		}
		t.tiles[i].Data = append(t.tiles[i].Data, h[:]...)
	}
	bucket, none := []byte{}, tlog.RecordHash(nil)
	next := 0 // the bucket that is being filled
	seal := func(until int) {
		for ; next < until; next++ {
			h := none
			if len(bucket) > 0 {
				h, bucket = tlog.RecordHash(bucket), bucket[:0]
			}
			edge.Append(h, put)
		}
	}
	for h, err := range r.store.Heads(ctx, 0, tree.Buckets-1) {
		if err != nil {
			return t, fmt.Errorf("read the heads: %w", err)
		}
		h, ok, err := r.back(ctx, h, upTo)
		if err != nil {
			return t, err
		}
		if ok {
			seal(h.Key.Bucket())
			bucket = h.Append(bucket)
			t.streams++
		}
	}
	seal(tree.Buckets)
	t.root = edge.Root()
	return t, nil
}

// back follows a stream from its head to where it ended when the log had so many leaves, if it had begun.
func (r *Reader) back(ctx context.Context, h Head, upTo int64) (Head, bool, error) {
	if h.Index < upTo {
		return h, true, nil
	}
	for h.Index >= upTo {
		l, err := r.store.Leaf(ctx, h.Index)
		if err != nil {
			return h, false, fmt.Errorf("read leaf %d: %w", h.Index, err)
		}
		h.Index = l.Prev
		h.Revision--
	}
	if h.Index < 0 {
		return h, false, nil
	}
	var err error
	h.Leaf, err = r.hash(ctx, h.Index)
	return h, true, err
}

// headsRoot is the root of a tree of heads that is stored.
func (r *Reader) headsRoot(ctx context.Context, upTo int64) (tree.Hash, error) {
	data, err := r.store.HeadsTile(ctx, upTo, 2, 0)
	if err != nil {
		return tree.Hash{}, fmt.Errorf("read the tree of heads: %w", err)
	}
	if len(data) != len(tree.Hash{}) {
		return tree.Hash{}, fmt.Errorf("read the tree of heads: its root has %d bytes", len(data))
	}
	return tree.Hash(data), nil
}

// bucket is a bucket of a tree of heads, and the proof that it stands there.
func (r *Reader) bucket(ctx context.Context, upTo int64, root tree.Hash, n int) (content, proof []byte, err error) {
	for h, err := range r.store.Heads(ctx, n, n) {
		if err != nil {
			return nil, nil, fmt.Errorf("read the heads of bucket %d: %w", n, err)
		}
		h, ok, err := r.back(ctx, h, upTo)
		if err != nil {
			return nil, nil, err
		}
		if ok {
			content = h.Append(content)
		}
	}
	stored := func(t tlog.Tile) ([]byte, error) { return r.store.HeadsTile(ctx, upTo, t.L, t.N) }
	path, err := proveBucket(n, root, stored)
	if errors.Is(err, ErrNotFound) { // the store was reset
		var t headsTree
		if t, err = r.headsAt(ctx, upTo); err == nil {
			path, err = proveBucket(n, root, t.tile)
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("prove bucket %d of the heads: %w", n, err)
	}
	if err := tlog.CheckRecord(path, tree.Buckets, root, int64(n), tlog.RecordHash(content)); err != nil {
		return nil, nil, &verify.Fault{Code: verify.HeadsDiffer, Place: verify.Nowhere,
			Detail: fmt.Sprintf("bucket %d of the stored heads is not the one that was committed", n)}
	}
	return content, verify.FormatHashes(path), nil
}

func proveBucket(n int, root tree.Hash, tile tileReader) (tlog.RecordProof, error) {
	return tlog.ProveRecord(tree.Buckets, int64(n), tlog.TileHashReader(tlog.Tree{N: tree.Buckets, Hash: root}, tile))
}

func (t headsTree) tile(want tlog.Tile) ([]byte, error) {
	for _, tile := range t.tiles {
		if tile.Level == want.L && tile.N == want.N {
			return tile.Data, nil
		}
	}
	return nil, ErrNotFound
}
