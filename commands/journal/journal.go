// Package journal is the record: what was decided, in one global order, never changed.
//
// Store is the port: it keeps bytes, knows streams, revisions and positions, and nothing of the
// domain. journaltest is its contract; memory.go the reference; commands/sqlite,
// commands/postgres and commands/eventstoredb the ones that last. Journal is the typed view over a Store, as sql.DB is over a driver: it
// encodes and decodes with the catalogue. Follow reads it in order, for ever: read models, the Merkle log,
// policies and the bus are all followers with a cursor of their own, so the journal is the only outbox.
//
// The outcome of an append is one of four: done (a Receipt), a conflict (*ConflictError: the stream is not at the expected
// revision and nothing was written), surely not written (ErrNotWritten), unknown (ErrUnknown: the caller
// retries with the same event ids and the same expected revision, and learns which it was).
package journal

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/google/uuid"
)

// NoStream is the expected revision of a stream that has no event yet.
const NoStream int64 = -1

// Limits that every store keeps, so that a journal can be moved to any other.
const (
	MaxAppendBytes  = 1 << 20 // data and metadata of one append, together, stay below 1 MiB
	MaxAppendEvents = 10_000
)

// NewRecord is an event to be stored.
type NewRecord struct {
	ID   uuid.UUID
	Type string
	Data []byte // JSON object, stored as it is
	// Meta is a JSON object without "recorded_at": the store adds that as its last member (see Stamp) when it fixes the event's place.
	Meta []byte
	// RecordedAt, when not zero, asks for this moment instead of the store's clock (import). It may not be
	// before the last event's; the append then fails with ErrBeforeLast.
	RecordedAt time.Time
}

// Record is an event as stored. Data and Meta are the exact stored bytes: what the Merkle log hashes.
type Record struct {
	ID         uuid.UUID
	Stream     string
	Revision   int64
	Position   int64 // grows from 1; dense in some stores, with gaps in others
	Type       string
	Data       []byte
	Meta       []byte
	RecordedAt time.Time // the "recorded_at" inside Meta
}

// Receipt tells where an append landed.
type Receipt struct {
	Revision   int64 // of the last event appended
	Position   int64 // of the last event appended
	RecordedAt time.Time
	Repeated   bool // the same ids stood there already: this call wrote nothing
}

// Store keeps records. Every method may be called from many goroutines.
type Store interface {
	// Append adds the records to the stream, all or none, if its last revision is expected (NoStream: it has none).
	// When the very same ids stand already right after expected, it answers their receipt, Repeated.
	// A context that ends before the write has begun means ErrNotWritten; once begun, it is carried through.
	// RecordedAt never runs backwards along positions: the store takes the maximum of its clock and the last. The
	// records of one append share theirs, and their positions follow each other without a gap where Exclusive.
	Append(ctx context.Context, stream string, expected int64, records []NewRecord) (Receipt, error)

	// ReadStream yields the stream's records from a revision on, in order. A stream that is not there yields nothing.
	ReadStream(ctx context.Context, stream string, from int64) iter.Seq2[Record, error]

	// ReadAll yields records whose position is greater than after, in order, up to what is there now.
	ReadAll(ctx context.Context, after int64) iter.Seq2[Record, error]

	// Head is the last position and its recorded time; zero where there is no event.
	Head(ctx context.Context) (position int64, recordedAt time.Time, err error)

	// Settled is a moment up to which the record is final: every event recorded at or before it can be read now, and none will be
	// added to them, save those for which an import asks an earlier moment. It is not before the last readable event's recorded time, and
	// later calls never answer an earlier moment. An answer that knows what was recorded up to Settled never changes.
	Settled(ctx context.Context) (time.Time, error)

	// Wait returns once the head is past after, or with the context's error.
	Wait(ctx context.Context, after int64) error

	// Exclusive tells that nobody but this value appends to the journal while it is open, so that a
	// caller's own knowledge of a stream cannot be stale.
	Exclusive() bool

	Close() error
}

var (
	// ErrNotWritten: surely nothing was stored; the caller may try again.
	ErrNotWritten = errors.New("the append was not written")
	// ErrUnknown: the outcome is not known; retry with the same ids and expectation.
	ErrUnknown = errors.New("the append's outcome is unknown")
	// ErrBeforeLast: the asked RecordedAt lies before the last event's.
	ErrBeforeLast = errors.New("recorded_at lies before the last event's")
	// ErrTooLarge: the append is over MaxAppendBytes or MaxAppendEvents.
	ErrTooLarge = errors.New("the append is too large")
	// ErrInvalid: the append breaks a rule that Check tells; it can never succeed as it is.
	ErrInvalid = errors.New("the append is malformed")
	// ErrDuplicateID: an event with one of the ids stands elsewhere in the journal. Nothing was written.
	// When it stands in the same stream the error is a *ConflictError too: the caller's view of the stream is stale.
	ErrDuplicateID = errors.New("an event with this id stands elsewhere")
	// ErrClosed: the store was closed, or stopped itself at its first I/O error.
	ErrClosed = errors.New("the journal is closed")
)

// ConflictError: the stream is not where the caller thought. Nothing was written.
type ConflictError struct {
	Stream           string
	Expected, Actual int64
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("stream %s is at revision %d, not %d", e.Stream, e.Actual, e.Expected)
}
