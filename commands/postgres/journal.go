package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"kelisim/commands/journal"
)

// Journal is a journal.Store in a PostgreSQL database, shared by every process that opens it.
//
// Whoever appends locks the one row of head until the commit, and takes positions from it. So positions are given out in the order of
// the commits: a reader who sees a position has seen all below it, and none is ever missing. A sequence would give them out before: a slow
// transaction's lower position would come to light after a quick one's higher one, and a reader gone past would never see it
// (TestNoReaderSkipsASlowAppend). The same lock keeps recorded_at from running backwards, whatever the clocks of the instances say.
//
// The lock makes appends wait for each other's commit, so one goroutine takes all that wait in this process into one transaction, in two
// round trips; each is decided by itself, and one that conflicts does not touch the others. An answer is given after the commit. When the
// connection is lost in the second round trip the outcome is ErrUnknown; before that, the append is tried again until its deadline.
//
// If the server is ever found behind what this process has seen of it, it has lost what it acknowledged (a standby was promoted that did not
// have everything). The journal then stops for good (Failed): read models and answers would contradict the record.
type Journal struct {
	db      *Database
	channel string // where appends are told of
	writer  *writer

	ctx    context.Context // ends with the journal
	cancel context.CancelFunc
	ended  sync.WaitGroup // the goroutines
	failed chan error
	wake   chan struct{} // something waits

	mu        sync.Mutex
	waiting   []*request
	stopped   error         // why nothing is taken any more; nil while the journal is open
	head      int64         // the highest position seen
	grown     chan struct{} // closed when a higher one is seen, and when the journal stops
	listening bool
}

var _ journal.Store = (*Journal)(nil)

// ErrHistoryLost: the server is behind what it showed before. The process must end, and somebody must find out why.
var ErrHistoryLost = errors.New("the PostgreSQL server has lost acknowledged events: it was promoted or restored without them")

func newJournal(db *Database) *Journal {
	j := &Journal{db: db, failed: make(chan error, 1), wake: make(chan struct{}, 1), grown: make(chan struct{})}
	j.ctx, j.cancel = context.WithCancel(context.Background())
	j.channel = "kelisim " + db.schema
	j.channel = j.channel[:min(len(j.channel), 63)] // of two with one beginning each only looks once more than it must
	j.writer = &writer{journal: j}
	return j
}

// request is one append on its way.
type request struct {
	stream   string
	expected int64
	records  []journal.NewRecord
	begun    bool // under Journal.mu: it is being written, or the caller has left

	receipt journal.Receipt
	err     error
	done    chan struct{}
}

func (r *request) refuse(err error) { r.receipt, r.err = journal.Receipt{}, err }

// Append waits for its turn, and then for the commit. Only the first wait ends with the context; the second ends, with ErrUnknown, after
// the database's timeout.
func (j *Journal) Append(ctx context.Context, stream string, expected int64, records []journal.NewRecord) (journal.Receipt, error) {
	receipt, err := j.append(ctx, stream, expected, records)
	if err != nil {
		return journal.Receipt{}, fmt.Errorf("append to %s: %w", stream, err)
	}
	return receipt, nil
}

func (j *Journal) append(ctx context.Context, stream string, expected int64, records []journal.NewRecord) (journal.Receipt, error) {
	if err := check(stream, expected, records); err != nil {
		return journal.Receipt{}, err
	}
	ctx, cancel := j.db.deadline(ctx)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return journal.Receipt{}, fmt.Errorf("%w: %w", journal.ErrNotWritten, err)
	}
	r := &request{stream: stream, expected: expected, records: records, done: make(chan struct{})}
	if err := j.enqueue(r); err != nil {
		return journal.Receipt{}, err
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		j.mu.Lock()
		left := !r.begun
		r.begun = true
		j.mu.Unlock()
		if left {
			return journal.Receipt{}, errors.Join(fmt.Errorf("%w: %w", journal.ErrNotWritten, ctx.Err()), j.writer.lastError())
		}
		<-r.done
	}
	return r.receipt, r.err
}

// check adds to the port's rules the one that PostgreSQL has: text is UTF-8 without a zero byte.
func check(stream string, expected int64, records []journal.NewRecord) error {
	if err := journal.Check(stream, expected, records); err != nil {
		return err
	}
	if !plain(stream) {
		return fmt.Errorf("%w: the stream's name is not UTF-8 text", journal.ErrInvalid)
	}
	for i, r := range records {
		if !plain(r.Type) {
			return fmt.Errorf("%w: the type of event %d is not UTF-8 text", journal.ErrInvalid, i)
		}
	}
	return nil
}

// enqueue lets an append wait.
func (j *Journal) enqueue(r *request) error {
	j.mu.Lock()
	if err := j.stopped; err != nil {
		j.mu.Unlock()
		return fmt.Errorf("%w: %w", journal.ErrNotWritten, err)
	}
	j.waiting = append(j.waiting, r)
	j.mu.Unlock()
	select {
	case j.wake <- struct{}{}:
	default:
	}
	return nil
}

// A transaction takes at most so much, so that the first in it does not wait long.
const (
	batchAppends = 256
	batchBytes   = 4 << 20
)

// candidates are the appends that wait, oldest first, as many as a transaction may hold. They may still leave.
func (j *Journal) candidates() []*request {
	j.mu.Lock()
	defer j.mu.Unlock()
	staying := j.waiting[:0]
	for _, r := range j.waiting {
		if !r.begun {
			staying = append(staying, r)
		}
	}
	clear(j.waiting[len(staying):])
	j.waiting = staying
	size := 0
	for n, r := range staying {
		if n == batchAppends || size > batchBytes {
			return append([]*request(nil), staying[:n]...)
		}
		for _, record := range r.records {
			size += len(record.Data) + len(record.Meta)
		}
	}
	return append([]*request(nil), staying...)
}

// begin takes those of the candidates who have not left; from here on their append is carried through.
func (j *Journal) begin(candidates []*request) []*request {
	j.mu.Lock()
	defer j.mu.Unlock()
	batch := candidates[:0]
	for _, r := range candidates {
		if !r.begun {
			r.begun = true
			batch = append(batch, r)
		}
	}
	return batch
}

// saw publishes a position that the server has shown.
func (j *Journal) saw(position int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if position > j.head {
		j.head = position
		close(j.grown)
		j.grown = make(chan struct{})
	}
}

// seen is the highest position that the server has shown.
func (j *Journal) seen() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.head
}

// stop refuses all that waits and all that will come. Only the first call has an effect, and answers true.
func (j *Journal) stop(why error) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.stopped != nil {
		return false
	}
	j.stopped = why
	for _, r := range j.waiting {
		if !r.begun {
			r.begun = true
			r.refuse(fmt.Errorf("%w: %w", journal.ErrNotWritten, why))
			close(r.done)
		}
	}
	j.waiting = nil
	close(j.grown)
	j.grown = make(chan struct{})
	j.cancel()
	return true
}

// lost stops the journal for good if the server is behind what it showed before.
func (j *Journal) lost(seen, head int64) error {
	if head >= seen {
		return nil
	}
	err := fmt.Errorf("%w: %w: it ends at position %d, and was at %d", journal.ErrClosed, ErrHistoryLost, head, seen)
	if j.stop(err) {
		j.failed <- err
	}
	return err
}

// state is why the journal stopped, or nil.
func (j *Journal) state() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.stopped
}

// Failed delivers the error that stopped the journal, once, to one listener. The process must then end. A server that is away stops nothing.
func (j *Journal) Failed() <-chan error { return j.failed }

// Exclusive is false: other processes append to the same journal.
func (j *Journal) Exclusive() bool { return false }

// Close ends the writer after the transaction that it is in. What still waits is answered ErrNotWritten.
func (j *Journal) Close() error {
	j.stop(journal.ErrClosed)
	j.ended.Wait()
	return nil
}
