// Package tree is the arithmetic of the Merkle log: what a leaf is made of, how leaves make a root, how the heads of all streams make
// another, and how an event is written down in a bundle. It does no I/O, and both who builds the log and who checks it stand on it.
//
// The log is the tree of RFC 6962 over SHA-256 (TestTreeOfRFC6962). Every format here is fixed for ever by the vectors in testdata/vectors
// (TestLeafVectors, TestHeadsVectors): a change of one byte would void every proof ever given, so another form needs another name.
package tree

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Hash is a SHA-256 of the log.
type Hash = tlog.Hash

// Event is what the log knows of a stored event. Data and Meta are the exact stored bytes.
type Event struct {
	ID         [16]byte
	Stream     string
	Revision   int64
	Type       string
	Data, Meta []byte
}

// The ledger's own streams, as domain names them.
const (
	HeadsStream       = "ledger-heads"
	CheckpointsStream = "ledger-checkpoints"
	leases            = "lease-" // who may run what at the moment
)

// Counted tells whether the events of a stream are leaves. Checkpoints are not, since each would call for the next; leases are not,
// since they say nothing of anybody.
func Counted(stream string) bool {
	return stream != CheckpointsStream && !strings.HasPrefix(stream, leases)
}

// Leaf is what the log commits to. It names the leaf before it in the stream, so that a stream cannot lose an event in its middle, and holds
// nothing that a store assigns, so that the same events give the same root on any journal.
type Leaf struct {
	ID         [16]byte
	Stream     string
	Revision   int64
	Type       string
	Prev       Hash // record hash of the stream's leaf before; not written at revision 0
	Data, Meta Hash // SHA-256 of the stored bytes
}

const leafHeader = "kelisim-leaf/v1\n"

// LeafOf is an event's leaf. prev is the record hash of the stream's leaf before, ignored at revision 0.
func LeafOf(e Event, prev Hash) Leaf {
	return Leaf{ID: e.ID, Stream: e.Stream, Revision: e.Revision, Type: e.Type, Prev: prev, Data: sha256.Sum256(e.Data), Meta: sha256.Sum256(e.Meta)}
}

// Append writes the leaf to b: the header; id, stream, revision, type and prev; the two hashes. A text or an id has its length before it in two
// bytes; every number is big-endian; prev has length 0 at revision 0. A stream's name and a type have at most 65,535 bytes.
func (l Leaf) Append(b []byte) []byte {
	b = append(b, leafHeader...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(l.ID)))
	b = append(b, l.ID[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(l.Stream)))
	b = append(b, l.Stream...)
	b = binary.BigEndian.AppendUint64(b, uint64(l.Revision))
	b = binary.BigEndian.AppendUint16(b, uint16(len(l.Type)))
	b = append(b, l.Type...)
	if l.Revision == 0 {
		b = append(b, 0, 0)
	} else {
		b = binary.BigEndian.AppendUint16(b, uint16(len(l.Prev)))
		b = append(b, l.Prev[:]...)
	}
	b = append(b, l.Data[:]...)
	return append(b, l.Meta[:]...)
}

var errLeaf = errors.New("malformed leaf")

// ParseLeaf reads what Append wrote, and nothing else (FuzzParseLeaf).
func ParseLeaf(b []byte) (Leaf, error) {
	b, ok := bytes.CutPrefix(b, []byte(leafHeader))
	if !ok {
		return Leaf{}, errLeaf
	}
	var l Leaf
	id, b, ok := cutPrefixed(b)
	if !ok || len(id) != len(l.ID) {
		return Leaf{}, errLeaf
	}
	copy(l.ID[:], id)
	stream, b, ok := cutPrefixed(b)
	if !ok || len(b) < 8 {
		return Leaf{}, errLeaf
	}
	revision := binary.BigEndian.Uint64(b)
	if revision > math.MaxInt64 {
		return Leaf{}, errLeaf
	}
	kind, b, ok := cutPrefixed(b[8:])
	if !ok {
		return Leaf{}, errLeaf
	}
	prev, b, ok := cutPrefixed(b)
	if want := len(l.Prev); !ok || revision == 0 && len(prev) != 0 || revision > 0 && len(prev) != want || len(b) != len(l.Data)+len(l.Meta) {
		return Leaf{}, errLeaf
	}
	l.Stream, l.Revision, l.Type = string(stream), int64(revision), string(kind)
	copy(l.Prev[:], prev)
	copy(l.Data[:], b)
	copy(l.Meta[:], b[len(l.Data):])
	return l, nil
}

func cutPrefixed(b []byte) (field, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b) < 2+n {
		return nil, nil, false
	}
	return b[2 : 2+n], b[2+n:], true
}

// Hasher hashes leaves, one after another, without asking for memory. The zero value is for use, by one goroutine.
type Hasher struct{ buf []byte }

// Record is the leaf's record hash: SHA-256 over a zero byte and the leaf.
func (h *Hasher) Record(l Leaf) Hash {
	h.buf = l.Append(append(h.buf[:0], 0))
	return sha256.Sum256(h.buf)
}

// Leaf is the leaf that was hashed last, until the next.
func (h *Hasher) Leaf() []byte { return h.buf[1:] }
