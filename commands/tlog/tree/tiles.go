package tree

import (
	"crypto/sha256"
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// TileHeight and TileWidth are those of c2sp.org/tlog-tiles: a full tile holds 256 hashes, and stands for as many levels of the tree as its height.
const (
	TileHeight = 8
	TileWidth  = 1 << TileHeight
)

// Edge is the right edge of a growing tree: the roots of its perfect subtrees, the largest first, each of another size. It gives the root at
// every size that it passes, at one inner hash a leaf. The zero value is the empty tree; a copy made by Clone grows by itself.
type Edge struct {
	size  int64
	roots []Hash
}

// NewEdge is the edge of a tree of a size, from its hashes.
func NewEdge(size int64, hashes tlog.HashReader) (Edge, error) {
	var indexes []int64
	for at, rest := int64(0), size; rest > 0; {
		level := bits.Len64(uint64(rest)) - 1
		indexes = append(indexes, tlog.StoredHashIndex(level, at>>level))
		at += 1 << level
		rest -= 1 << level
	}
	if len(indexes) == 0 {
		return Edge{}, nil
	}
	roots, err := hashes.ReadHashes(indexes)
	if err != nil {
		return Edge{}, fmt.Errorf("read the edge of a tree of %d leaves: %w", size, err)
	}
	return Edge{size: size, roots: roots}, nil
}

// Size is the number of leaves.
func (e *Edge) Size() int64 { return e.size }

// Append adds a leaf by its record hash. Each hash that thereby comes to stand in a tile is given to put: at level 0 the leaf's own, at level 1 the
// root of 256 leaves, and so on.
func (e *Edge) Append(h Hash, put func(level int, h Hash)) {
	put(0, h)
	for level, n := 1, e.size; n&1 == 1; level, n = level+1, n>>1 {
		last := len(e.roots) - 1
		h = tlog.NodeHash(e.roots[last], h)
		e.roots = e.roots[:last]
		if level%TileHeight == 0 {
			put(level/TileHeight, h)
		}
	}
	e.roots = append(e.roots, h)
	e.size++
}

// Root is the root of the tree as it stands.
func (e *Edge) Root() Hash {
	if e.size == 0 {
		return sha256.Sum256(nil)
	}
	h := e.roots[len(e.roots)-1]
	for i := len(e.roots) - 2; i >= 0; i-- {
		h = tlog.NodeHash(e.roots[i], h)
	}
	return h
}

// HashAt is the hash at a place of a tile's data, which is long enough.
func HashAt(tile []byte, i int) Hash { return Hash(tile[i*len(Hash{}):][:len(Hash{})]) }

// TileFunc gives the hashes of a tile, at least as many as asked for.
type TileFunc func(level int, n int64, width int) ([]byte, error)

// Hashes reads the hashes of a tree from its tiles, without a check that they belong to it: for tiles of one's own. tlog.TileHashReader
// is for those of others.
func Hashes(tile TileFunc) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]Hash, error) {
		hashes := make([]Hash, len(indexes))
		for i, index := range indexes {
			t := tlog.TileForIndex(TileHeight, index)
			data, err := tile(t.L, t.N, t.W)
			if err != nil {
				return nil, err
			}
			if hashes[i], err = tlog.HashFromTile(t, data, index); err != nil {
				return nil, err
			}
		}
		return hashes, nil
	})
}
