package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"

	"kelisim/commands/journal"
)

// The first event of an append stands only right after another of its stream, or opens it; the indexes do the rest.
const (
	insertFirst = `INSERT INTO events (position, stream, revision, id, type, data, meta)
		SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE ?3 = 0 OR EXISTS (SELECT 1 FROM events WHERE stream = ?2 AND revision = ?3 - 1)`
	insertNext = `INSERT INTO events (position, stream, revision, id, type, data, meta) VALUES (?, ?, ?, ?, ?, ?, ?)`
)

// writer is the goroutine that writes, with its connection. No context reaches it.
type writer struct {
	journal *Journal
	held    *sql.Conn // keeps conn out of its pool
	conn    *sqlite3.SQLiteConn

	// The last event, those of the open transaction included.
	position int64
	at       time.Time

	checkpointAt    int64 // when the log has so many frames
	checkpointEvery int64
}

// newWriter takes the file's one writing connection for good.
func newWriter(j *Journal, prepare func(*sqlite3.SQLiteConn) error) (*writer, error) {
	held, err := j.file.Conn(context.Background())
	if err != nil {
		return nil, fmt.Errorf("take the writing connection: %w", err)
	}
	w := &writer{journal: j, held: held, position: j.head, at: j.headAt, checkpointAt: checkpointFrames, checkpointEvery: checkpointFrames}
	err = held.Raw(func(c any) error {
		w.conn = c.(*sqlite3.SQLiteConn)
		// SQLite's own checkpoint comes inside a commit and hides its errors; see checkpoint.
		return errors.Join(apply(w.conn, []setting{{"wal_autocheckpoint", "0", "0"}}), prepare(w.conn))
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare the writing connection: %w", err), held.Close())
	}
	return w, nil
}

// run writes until the journal is closed or an error stops it.
func (w *writer) run() {
	j := w.journal
	defer close(j.ended)
	var idle <-chan time.Time // ticks while the log holds something
	quiet := false            // nothing was written since the last tick
	for {
		select {
		case <-j.closing:
			return
		default:
		}
		var err error
		if batch := j.take(); len(batch) > 0 {
			quiet, err = false, w.write(batch)
			if idle == nil {
				idle = time.After(time.Second)
			}
			// Let the callers just answered ask again: together they fill the next transaction.
			runtime.Gosched()
		} else {
			select {
			case <-j.closing:
			case <-j.wake:
			case <-idle:
				var left bool
				if left, err = w.tidy(quiet); left {
					idle = time.After(time.Second)
				} else {
					idle = nil
				}
				quiet = true
			}
		}
		if err != nil {
			j.fail(err)
			return
		}
	}
}

// write carries a batch through and answers it. An error is one after which nothing may be written.
func (w *writer) write(batch []*request) error {
	j := w.journal
	for {
		err := w.transact(batch)
		if err == nil {
			j.finished(batch, w.position, w.at)
			return w.checkpoint()
		}
		_, undone := w.exec("ROLLBACK")
		w.position, w.at = j.head, j.headAt
		if errors.Is(err, errAgain) && undone == nil {
			continue
		}
		answer := journal.ErrUnknown
		survived := survivable(err) && (undone == nil || w.conn.AutoCommit()) && w.asBefore()
		if survived {
			answer = journal.ErrNotWritten
		}
		for _, r := range batch {
			r.refuse(fmt.Errorf("%w: %w", answer, err))
		}
		if survived {
			j.finished(batch, w.position, w.at)
			return nil
		}
		j.stop(failure(err))
		for _, r := range batch {
			close(r.done)
		}
		return err
	}
}

// errAgain: one append of the batch turned out impossible after some of its events had been inserted. SQLite undoes a
// statement by itself; to undo several takes the whole transaction, so it is done anew, and that append is looked at first.
var errAgain = errors.New("do the transaction again")

func (w *writer) transact(batch []*request) error {
	if _, err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	moment := w.journal.opening()
	for _, r := range batch {
		if err := w.place(r, moment); err != nil {
			return err
		}
	}
	if _, err := w.exec("COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// place inserts one append, or finds why it may not be and leaves no trace of it. An error concerns the whole transaction.
func (w *writer) place(r *request, moment time.Time) error {
	r.receipt, r.err = journal.Receipt{}, nil
	if r.careful {
		if settled, err := w.settle(r); settled || err != nil {
			return err
		}
	}
	position, at := w.position, w.at
	stamped := make([][]byte, len(r.records))
	for i, record := range r.records {
		var err error
		if at, err = journal.NextRecordedAt(record.RecordedAt, moment, at); err == nil {
			stamped[i], err = journal.Stamp(record.Meta, at)
		}
		if err != nil {
			if settled, broken := w.settle(r); settled || broken != nil {
				return broken
			}
			r.refuse(err)
			return nil
		}
	}
	for i, record := range r.records {
		query := insertNext
		if i == 0 {
			query = insertFirst
		}
		position++
		n, err := w.exec(query, position, r.stream, r.expected+1+int64(i), record.ID[:], record.Type, record.Data, stamped[i])
		switch {
		case err != nil && !isConstraint(err):
			return fmt.Errorf("insert: %w", err)
		case err == nil && n == 1:
		case r.careful:
			return errors.New("insert: the file refuses an event that nothing stands against")
		case i > 0:
			r.careful = true
			return errAgain
		default:
			settled, err := w.settle(r)
			if err == nil && !settled {
				r.careful, err = true, errAgain
			}
			return err
		}
	}
	w.position, w.at = position, at
	r.receipt = journal.Receipt{Revision: r.expected + int64(len(r.records)), Position: position, RecordedAt: at}
	return nil
}

// settle answers an append that adds nothing: it stands already, its stream is elsewhere, or one of its ids is taken.
// False: nothing stands against it.
func (w *writer) settle(r *request) (bool, error) {
	var top [1]driver.Value
	if _, err := w.row(top[:], "SELECT coalesce(max(revision), -1) FROM events WHERE stream = ?", r.stream); err != nil {
		return false, fmt.Errorf("look for the end of %s: %w", r.stream, err)
	}
	conflict := &journal.ConflictError{Stream: r.stream, Expected: r.expected, Actual: top[0].(int64)}
	if conflict.Actual != r.expected {
		repeated, err := w.repeated(r)
		if err == nil && !repeated {
			r.refuse(conflict)
		}
		return err == nil, err
	}
	for _, record := range r.records {
		var stream [1]driver.Value
		found, err := w.row(stream[:], "SELECT stream FROM events WHERE id = ?", record.ID[:])
		if err != nil {
			return false, fmt.Errorf("look for an id: %w", err)
		}
		if found && stream[0] == r.stream {
			r.refuse(fmt.Errorf("%w: %w", journal.ErrDuplicateID, conflict))
			return true, nil
		}
		if found {
			r.refuse(journal.ErrDuplicateID)
			return true, nil
		}
	}
	return false, nil
}

// repeated tells whether the very same ids stand right after the expected revision, and then answers where.
func (w *writer) repeated(r *request) (bool, error) {
	var stands [3]driver.Value
	for i, record := range r.records {
		found, err := w.row(stands[:], "SELECT id, position, meta FROM events WHERE stream = ? AND revision = ?", r.stream, r.expected+1+int64(i))
		if err != nil {
			return false, fmt.Errorf("look for a repetition in %s: %w", r.stream, err)
		}
		if !found || [16]byte(stands[0].([]byte)) != record.ID {
			return false, nil
		}
	}
	at, err := journal.Stamped(stands[2].([]byte))
	if err != nil {
		return false, fmt.Errorf("read %s: %w", r.stream, err)
	}
	r.receipt = journal.Receipt{Revision: r.expected + int64(len(r.records)), Position: stands[1].(int64), RecordedAt: at, Repeated: true}
	return true, nil
}

// asBefore proves that an undone transaction left nothing.
func (w *writer) asBefore() bool {
	var last [1]driver.Value
	_, err := w.row(last[:], "SELECT coalesce(max(position), 0) FROM events")
	return err == nil && last[0] == w.journal.head
}

const checkpointFrames = 4096 // of 4 KiB: 16 MiB

// checkpoint folds the log into the file when it has grown, as far as readers let it.
func (w *writer) checkpoint() error {
	log, _, err := w.fold("NOOP")
	if err != nil || log < w.checkpointAt {
		return err
	}
	log, folded, err := w.fold("PASSIVE")
	if w.checkpointAt = w.checkpointEvery; folded < log {
		w.checkpointAt += log // a reader or a full disk is in the way: try again when there is more
	}
	return err
}

// tidy folds what the log holds, and when nobody has been writing gives the log's space back. It tells whether something is left.
func (w *writer) tidy(quiet bool) (left bool, err error) {
	if !quiet {
		_, _, err = w.fold("PASSIVE")
		return true, err
	}
	// No waiting for readers: new appends would wait behind it.
	if err := apply(w.conn, []setting{{"busy_timeout", "0", "0"}}); err != nil {
		return false, err
	}
	log, _, err := w.fold("TRUNCATE")
	return log > 0, errors.Join(err, apply(w.conn, []setting{{"busy_timeout", "5000", "5000"}}))
}

// fold runs a checkpoint and tells how many frames the log has and how many of them are in the file.
func (w *writer) fold(how string) (log, folded int64, err error) {
	var counts [3]driver.Value
	if _, err := w.row(counts[:], "PRAGMA wal_checkpoint("+how+")"); survivable(err) {
		return math.MaxInt32, 0, nil // the log keeps it all the same
	} else if err != nil {
		return 0, 0, fmt.Errorf("checkpoint: %w", err)
	}
	return counts[1].(int64), counts[2].(int64), nil
}

func (w *writer) exec(query string, args ...driver.Value) (changed int64, err error) {
	result, err := w.conn.Exec(query, args)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// row reads the first row of an answer, and tells whether there is one.
func (w *writer) row(into []driver.Value, query string, args ...driver.Value) (bool, error) {
	rows, err := w.conn.Query(query, args)
	if err != nil {
		return false, err
	}
	err = rows.Next(into)
	if errors.Is(err, io.EOF) {
		return false, rows.Close()
	}
	return err == nil, errors.Join(err, rows.Close())
}

func (w *writer) close() error { return w.held.Close() }

func isConstraint(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e) && e.Code == sqlite3.ErrConstraint
}

// Damaged tells whether an error says that a file is not a whole database any more, as opposed to one that cannot be read now.
func Damaged(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e) && (e.Code == sqlite3.ErrCorrupt || e.Code == sqlite3.ErrNotADB)
}

// survivable errors say that the file was not touched: it is full, or someone else had it for too long.
func survivable(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e) && (e.Code == sqlite3.ErrFull || e.Code == sqlite3.ErrBusy)
}
