// Package tlog is the evidence: a Merkle log over the journal's global order, so that years later anybody can show, with a few hashes and a public key,
// that an event was recorded and that nothing before it was changed.
//
// Follower reads the journal like every other follower, hashes each event into the tree, and signs checkpoints. Reader gives what is asked of the
// log: checkpoints, tiles, proofs, bundles. commands/tlog/tree is the arithmetic, commands/tlog/verify checks all of it from outside.
//
// What the follower promises:
//
//   - The tree is a function of the events alone. The same events give the same root on every journal (TestSameRootOnEveryJournal).
//   - Of each stream no revision is left out, or it halts (TestGapHalts).
//   - Nothing is signed whose body does not stand in the journal first, at a revision that only one writer gets, and that this follower's own tree
//     does not give: two followers who race sign one chain (TestTwoSignersOneChain).
//   - Where the tree is not a continuation of what was signed, it refuses to sign, halts and says so. Nothing is mended by signing again
//     (TestYesterdaysJournalIsNotSigned).
//   - An export never appends.
//
// Until a checkpoint covers an event, which takes about a second, its history is only as good as the operator's word; and a checkpoint that no outsider
// has seen can be taken back together with the whole directory. Witnesses and auditors who keep checkpoints close that.
package tlog

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"

	"kelisim/commands/tlog/tree"
)

var (
	// ErrNotFound: there is no such event, tile or checkpoint.
	ErrNotFound = errors.New("not found in the log")
	// ErrNotCovered: the event is recorded, and no signed checkpoint covers it yet. In about a second one will.
	ErrNotCovered = errors.New("no signed checkpoint covers the event yet")
	// ErrNoHeads: no commitment of heads is covered by a checkpoint yet, so that nothing could show a history to be whole.
	ErrNoHeads = errors.New("no commitment of heads is covered by a checkpoint yet")
	// ErrStale: another follower has written to the same store.
	ErrStale = errors.New("the log's store was changed by another follower")
)

// Leaf is where a leaf's event stands.
type Leaf struct {
	Index    int64
	Position int64 // in the journal
	Prev     int64 // index of the stream's leaf before, -1 for its first
	ID       uuid.UUID
}

// Head is where a stream ends.
type Head struct {
	tree.Head
	Index int64 // of its last leaf
}

// Tile is a tile of a tree, as wide as it is so far.
type Tile struct {
	Level int
	N     int64
	Data  []byte
}

// Checkpoint is a signed checkpoint.
type Checkpoint struct {
	Size int64
	Root tlog.Hash
	Note []byte // signed with Ed25519
	// Lasting are the lines of further signatures, with ML-DSA-44, that hold when Ed25519 does not. They are kept for ever where Audit.
	Lasting []byte
	Audit   bool // the first that covers a new commitment of heads
	// Cosigned are the lines of witnesses. They are there for the newest alone, and for the one that is published.
	Cosigned []byte
}

// Full is the note with all its signatures.
func (c Checkpoint) Full() []byte { return slices.Concat(c.Note, c.Cosigned, c.Lasting) }

// Cosigned is what witnesses said of a signed checkpoint, and what that means for the one that is published.
type Cosigned struct {
	Size    int64
	Lines   []byte // of their signatures
	Lasting []byte // the checkpoint's own further signatures: a published one has them all
	Quorum  bool   // those whom the ledger asks to be there have cosigned: it is published
	// Open: the witnesses were waited for as long as they may be, or are asked no more. What is signed from here on is published at once, until a later
	// checkpoint has a quorum.
	Open bool
}

// Commitment is a commitment of heads that stands in the log.
type Commitment struct {
	Index int64 // of its leaf; -1 for none
	UpTo  int64
}

// State is how far a follower came.
type State struct {
	Size     int64     // leaves
	Position int64     // in the journal, of the last record that was looked at
	Record   uuid.UUID // its id
	Bodies   int64     // last revision of domain.CheckpointsStream, -1 for none
	Heads    Commitment
	Signed   Checkpoint // the newest; size 0 for none
}

// Batch is what a follower adds in one transaction.
type Batch struct {
	From   int64 // the size that the store must have, or ErrStale
	State  State // afterwards; Signed is new where its size is greater than the one that stands
	Tiles  []Tile
	Leaves []Leaf // From, From+1, …
	Heads  []Head
}

// Store keeps what the log is made of beside the journal. All but the signed checkpoints can be made anew from the journal. Every method
// may be called from many goroutines; only one follower may write.
type Store interface {
	State(ctx context.Context) (State, error)
	// Commit adds a batch, all of it or nothing.
	Commit(ctx context.Context, b Batch) error
	// Tile is a tile of the log, as wide as it is; ErrNotFound.
	Tile(ctx context.Context, level int, n int64) ([]byte, error)
	// Leaf and Find look for a leaf by its index and by its event's id; ErrNotFound.
	Leaf(ctx context.Context, index int64) (Leaf, error)
	Find(ctx context.Context, id uuid.UUID) (Leaf, error)
	// Leaves yields leaves from an index on.
	Leaves(ctx context.Context, from int64) iter.Seq2[Leaf, error]
	// Head is a stream's end; ErrNotFound.
	Head(ctx context.Context, key tree.Key) (Head, error)
	// Heads yields the heads of the buckets from a first one up to a last, by ascending key.
	Heads(ctx context.Context, first, last int) iter.Seq2[Head, error]
	// Checkpoints yields the signed checkpoints of more than a size, by ascending size. Lasting is there for those that are Audit.
	Checkpoints(ctx context.Context, after int64) iter.Seq2[Checkpoint, error]
	// SaveCosigned keeps what witnesses said of a checkpoint, in place of what was kept of it before. What was said of smaller ones goes where this one
	// has a quorum, and goes but for the newest that has one where it is Open.
	SaveCosigned(ctx context.Context, c Cosigned) error
	// Cosigned is all that is kept of what witnesses said, by ascending size.
	Cosigned(ctx context.Context) ([]Cosigned, error)
	// SaveHeads keeps the tiles of a tree of heads. Those of older trees go, but for the last.
	SaveHeads(ctx context.Context, upTo int64, tiles []Tile) error
	// HeadsTile is a tile of a tree of heads; ErrNotFound.
	HeadsTile(ctx context.Context, upTo int64, level int, n int64) ([]byte, error)
	// AddKeys keeps the public keys that sign, in the order in which they came; Keys gives them.
	AddKeys(ctx context.Context, vkeys []string) error
	Keys(ctx context.Context) ([]string, error)
	// Reset empties the store of all but checkpoints, what witnesses said of them, and keys, so that a follower builds it again and compares what it gets with
	// each checkpoint that was signed.
	Reset(ctx context.Context) error
	Close() error
}
