package tree

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// Buckets is how many leaves the tree of heads has, always. A stream's bucket is the first 16 bits of its key, so that its place is fixed: two
// heads of one stream cannot stand in one tree, and that a stream has none can be shown.
const Buckets = 1 << 16

// Key is the SHA-256 of a stream's name.
type Key [sha256.Size]byte

// KeyOf is a stream's key.
func KeyOf(stream string) Key { return sha256.Sum256([]byte(stream)) }

// Bucket is where the stream's head stands.
func (k Key) Bucket() int { return int(binary.BigEndian.Uint16(k[:])) }

// Head is where a stream ends: its last revision and that one's record hash.
type Head struct {
	Key      Key
	Revision int64
	Leaf     Hash
}

// headSize is what a head takes in a bucket, in bytes.
const headSize = sha256.Size + 8 + sha256.Size

// Append writes the head to a bucket: key, revision (8 bytes, big-endian), record hash.
func (h Head) Append(b []byte) []byte {
	b = append(b, h.Key[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(h.Revision))
	return append(b, h.Leaf[:]...)
}

var errBucket = errors.New("malformed bucket of heads")

// ParseBucket reads a bucket: heads that belong there, by ascending key, and nothing else (FuzzParseBucket).
func ParseBucket(n int, b []byte) ([]Head, error) {
	if len(b)%headSize != 0 {
		return nil, errBucket
	}
	heads := make([]Head, 0, len(b)/headSize)
	for ; len(b) > 0; b = b[headSize:] {
		revision := binary.BigEndian.Uint64(b[sha256.Size:])
		h := Head{Key: Key(b[:sha256.Size]), Revision: int64(revision), Leaf: Hash(b[sha256.Size+8 : headSize])}
		if revision > math.MaxInt64 || h.Key.Bucket() != n || len(heads) > 0 && bytes.Compare(heads[len(heads)-1].Key[:], h.Key[:]) >= 0 {
			return nil, errBucket
		}
		heads = append(heads, h)
	}
	return heads, nil
}

// FindHead looks for a stream in its bucket.
func FindHead(bucket []Head, key Key) (Head, bool) {
	i, ok := slices.BinarySearchFunc(bucket, key, compareHead)
	if !ok {
		return Head{}, false
	}
	return bucket[i], true
}

func compareHead(h Head, key Key) int { return bytes.Compare(h.Key[:], key[:]) }

// Heads are the heads of all streams, held in memory: about 100 bytes a stream and a few MiB. A root costs as much as changed since the
// last. The zero value holds no stream.
type Heads struct {
	pages [pageWidth]*page
	top   *perfect // over the pages
	buf   []byte
}

// pageWidth: a page has as many buckets as there are pages.
const pageWidth = 1 << 8

type page struct {
	buckets [pageWidth][]Head
	tree    *perfect
}

// Get is a stream's head.
func (h *Heads) Get(key Key) (Head, bool) {
	if p := h.pages[key[0]]; p != nil {
		return FindHead(p.buckets[key[1]], key)
	}
	return Head{}, false
}

// Set moves a stream's head.
func (h *Heads) Set(head Head) {
	if h.top == nil {
		h.top = newPerfect(newPerfect(tlog.RecordHash(nil)).root())
	}
	p := h.pages[head.Key[0]]
	if p == nil {
		p = &page{tree: newPerfect(tlog.RecordHash(nil))}
		h.pages[head.Key[0]] = p
	}
	h.top.touch(head.Key[0])
	p.tree.touch(head.Key[1])
	bucket := p.buckets[head.Key[1]]
	i, ok := slices.BinarySearchFunc(bucket, head.Key, compareHead)
	if ok {
		bucket[i] = head
		return
	}
	p.buckets[head.Key[1]] = slices.Insert(bucket, i, head)
}

// Root is the root of the tree of heads.
func (h *Heads) Root() Hash {
	if h.top == nil {
		return newPerfect(newPerfect(tlog.RecordHash(nil)).root()).root()
	}
	for _, n := range h.top.touched {
		p := h.pages[n]
		for _, b := range p.tree.touched {
			h.buf = h.buf[:0]
			for _, head := range p.buckets[b] {
				h.buf = head.Append(h.buf)
			}
			p.tree.nodes[pageWidth+int(b)] = tlog.RecordHash(h.buf)
		}
		h.top.nodes[pageWidth+int(n)] = p.tree.root()
	}
	return h.top.root()
}

// perfect is a tree of 256 leaves. Node n has the children 2n and 2n+1; the root is node 1, the leaves are the nodes from 256 on.
type perfect struct {
	nodes   [2 * pageWidth]Hash
	dirty   [pageWidth]bool
	touched []byte // leaves that changed since the last root
}

func newPerfect(leaf Hash) *perfect {
	p := &perfect{}
	for width := pageWidth; width > 0; width /= 2 {
		for n := width; n < 2*width; n++ {
			p.nodes[n] = leaf
		}
		leaf = tlog.NodeHash(leaf, leaf)
	}
	return p
}

func (p *perfect) touch(leaf byte) {
	if !p.dirty[leaf] {
		p.dirty[leaf] = true
		p.touched = append(p.touched, leaf)
	}
}

func (p *perfect) root() Hash {
	if len(p.touched) == 0 {
		return p.nodes[1]
	}
	nodes := make([]int, len(p.touched))
	for i, leaf := range p.touched {
		p.dirty[leaf] = false
		nodes[i] = pageWidth + int(leaf)
	}
	p.touched = p.touched[:0]
	slices.Sort(nodes)
	for nodes[0] > 1 {
		for i := range nodes {
			nodes[i] /= 2
		}
		nodes = slices.Compact(nodes)
		for _, n := range nodes {
			p.nodes[n] = tlog.NodeHash(p.nodes[2*n], p.nodes[2*n+1])
		}
	}
	return p.nodes[1]
}
