package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"

	"kelisim/commands/journal"
)

// Options of a journal. The zero value is for use.
type Options struct {
	Now      func() time.Time // the clock; nil is time.Now
	ReadOnly bool             // reads beside the process that writes, or where none does
}

// Journal is a journal.Store in one file, journal.db.
//
// One goroutine writes. It takes every append that waits, up to a bound, into one transaction, so that many callers share one
// sync of the disk; each is decided by itself, and one that conflicts does not touch the others. An answer is given after the commit.
//
// At its first I/O error the journal stops for good (Failed): what the system holds in memory and what is on the disk may then differ,
// and to go on would acknowledge what a power cut takes away. The process must end; the next one reads what truly stands
// (TestFailedCommitStopsTheJournal, TestDiskErrorLosesNothing). A full disk is no such error: the append is surely undone, and a later one may succeed (TestFullDisk).
type Journal struct {
	now     func() time.Time
	lock    *os.File // nil: only reads
	file    *sql.DB
	readers *sql.DB
	writer  *writer

	closing chan struct{} // tells the writing goroutine to end
	ended   chan struct{} // it has
	failed  chan error
	wake    chan struct{} // something waits

	mu      sync.Mutex
	waiting []*request
	stopped error // why nothing is taken any more; nil while the journal is open
	head    int64
	headAt  time.Time
	grown   chan struct{} // closed at the next commit, and when the journal stops
	settled time.Time     // the last moment that Settled answered
	inHand  time.Time     // the first moment of the transaction that is open; zero when none is
	between chan struct{} // closed when that transaction ends

	broken  bool // the writing goroutine ended by an error
	release func() error
}

var _ journal.Store = (*Journal)(nil)

var errOnlyReads = errors.New("the journal was opened for reading")

// OpenJournal opens the journal at path, and makes it if it is not there. One process at a time may (ErrHeld), save with ReadOnly, which
// needs the file to be there: such a value reads what others commit, its Append answers ErrNotWritten, and its Wait looks ten times a second.
func OpenJournal(path string, opts Options) (*Journal, error) {
	return openJournal(path, opts, func(*sqlite3.SQLiteConn) error { return nil })
}

// openJournal lets prepare see the writing connection before its first use.
func openJournal(path string, opts Options, prepare func(*sqlite3.SQLiteConn) error) (*Journal, error) {
	j := &Journal{
		now: opts.Now, closing: make(chan struct{}), ended: make(chan struct{}), failed: make(chan error, 1),
		wake: make(chan struct{}, 1), grown: make(chan struct{}), between: make(chan struct{}),
	}
	j.release = sync.OnceValue(j.closeFiles)
	if j.now == nil {
		j.now = time.Now
	}
	open := j.openToWrite
	if opts.ReadOnly {
		open = j.openToRead
	}
	if err := open(path, prepare); err != nil {
		return nil, errors.Join(fmt.Errorf("open the journal: %w", err), j.release())
	}
	return j, nil
}

func (j *Journal) openToRead(path string, _ func(*sqlite3.SQLiteConn) error) (err error) {
	close(j.ended)
	if _, j.readers, err = openDB(path, walMode, true); err != nil {
		return err
	}
	return migrated(j.readers, "journal")
}

func (j *Journal) openToWrite(path string, prepare func(*sqlite3.SQLiteConn) error) (err error) {
	if j.lock, err = hold(path); err != nil {
		return err
	}
	if j.file, j.readers, err = openDB(path, walMode, false); err != nil {
		return err
	}
	if err := migrate(j.file, "journal"); err != nil {
		return err
	}
	if j.head, j.headAt, err = j.last(context.Background()); err != nil {
		return err
	}
	if j.writer, err = newWriter(j, prepare); err != nil {
		return err
	}
	go j.writer.run()
	return nil
}

// request is one append on its way.
type request struct {
	stream   string
	expected int64
	records  []journal.NewRecord
	begun    bool // under Journal.mu: the writer has it, or the caller has left
	careful  bool // look before inserting: an earlier try had to be undone

	receipt journal.Receipt
	err     error
	done    chan struct{}
}

func (r *request) refuse(err error) { r.receipt, r.err = journal.Receipt{}, err }

// Append waits for its turn, and then for the commit. Only the first wait ends with the context.
func (j *Journal) Append(ctx context.Context, stream string, expected int64, records []journal.NewRecord) (journal.Receipt, error) {
	receipt, err := j.append(ctx, stream, expected, records)
	if err != nil {
		return journal.Receipt{}, fmt.Errorf("append to %s: %w", stream, err)
	}
	return receipt, nil
}

func (j *Journal) append(ctx context.Context, stream string, expected int64, records []journal.NewRecord) (journal.Receipt, error) {
	if err := journal.Check(stream, expected, records); err != nil {
		return journal.Receipt{}, err
	}
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
			return journal.Receipt{}, fmt.Errorf("%w: %w", journal.ErrNotWritten, ctx.Err())
		}
		<-r.done
	}
	return r.receipt, r.err
}

// enqueue lets appends wait, in their order.
func (j *Journal) enqueue(all ...*request) error {
	if j.lock == nil {
		return fmt.Errorf("%w: %w", journal.ErrNotWritten, errOnlyReads)
	}
	j.mu.Lock()
	if err := j.stopped; err != nil {
		j.mu.Unlock()
		return fmt.Errorf("%w: %w", journal.ErrNotWritten, err)
	}
	j.waiting = append(j.waiting, all...)
	j.mu.Unlock()
	select {
	case j.wake <- struct{}{}:
	default:
	}
	return nil
}

// A transaction takes at most so much, so that the first in it does not wait long and a failed one is cheap to undo.
const (
	batchAppends = 256
	batchBytes   = 4 << 20
)

// take hands the writer the appends that wait, oldest first, as many as a transaction may hold.
func (j *Journal) take() []*request {
	j.mu.Lock()
	defer j.mu.Unlock()
	var batch []*request
	size, n := 0, 0
	for _, r := range j.waiting {
		if len(batch) == batchAppends || size > batchBytes {
			break
		}
		n++
		if r.begun {
			continue // its caller has left
		}
		r.begun = true
		for _, record := range r.records {
			size += len(record.Data) + len(record.Meta)
		}
		batch = append(batch, r)
	}
	rest := copy(j.waiting, j.waiting[n:])
	clear(j.waiting[rest:])
	j.waiting = j.waiting[:rest]
	return batch
}

// opening fixes the moment at which a transaction's events are recorded: not before the last, and after all that was called settled.
func (j *Journal) opening() time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.inHand = latest(j.now().UTC().Truncate(time.Microsecond), j.headAt)
	if !j.inHand.After(j.settled) {
		j.inHand = j.settled.Add(time.Microsecond)
	}
	return j.inHand
}

// finished answers the callers of a transaction that was committed or undone, and publishes the head after it.
func (j *Journal) finished(batch []*request, head int64, at time.Time) {
	j.mu.Lock()
	j.inHand = time.Time{}
	j.wakeAll(&j.between)
	if head != j.head {
		j.head, j.headAt = head, at
		j.wakeAll(&j.grown)
	}
	j.mu.Unlock()
	for _, r := range batch {
		close(r.done)
	}
}

// stop refuses all that waits and all that will come. Only the first call has an effect.
func (j *Journal) stop(why error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.stopped != nil {
		return
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
	j.wakeAll(&j.grown)
	j.wakeAll(&j.between)
	close(j.closing)
}

// wakeAll wakes those who wait on a channel; who waits next, waits on another.
func (j *Journal) wakeAll(c *chan struct{}) {
	close(*c)
	*c = make(chan struct{})
}

// fail is the end of the writing goroutine by an error.
func (j *Journal) fail(err error) {
	j.stop(failure(err))
	j.broken = true // closeFiles looks after the goroutine has ended
	j.failed <- failure(err)
}

func failure(err error) error {
	return fmt.Errorf("%w after an error of its file: %w", journal.ErrClosed, err)
}

// state is why the journal stopped, or nil.
func (j *Journal) state() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.stopped
}

// Failed delivers the error that stopped the journal, once, to one listener. The process must then end.
func (j *Journal) Failed() <-chan error { return j.failed }

// Exclusive: the lock keeps every other writer out.
func (j *Journal) Exclusive() bool { return j.lock != nil }

// Close ends the writer after the transaction that it is in. What still waits is answered ErrNotWritten.
func (j *Journal) Close() error {
	j.stop(journal.ErrClosed)
	<-j.ended
	return j.release()
}

// closeFiles leaves the write-ahead log folded into the file, unless the journal failed: then the files stay as they are for the next
// process, since folding would write by way of the memory that may differ from the disk.
func (j *Journal) closeFiles() error {
	var errs []error
	if j.readers != nil {
		errs = append(errs, j.readers.Close())
	}
	if !j.broken {
		if j.writer != nil {
			errs = append(errs, j.writer.close())
		}
		if j.file != nil {
			errs = append(errs, j.file.Close())
		}
	}
	if j.lock != nil {
		errs = append(errs, j.lock.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the journal: %w", err)
	}
	return nil
}
