package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"time"

	"github.com/google/uuid"
	sqlite3 "github.com/mattn/go-sqlite3"

	"kelisim/commands/journal"
)

// A reader takes so much at once and lets go of the file: a long read transaction would keep the log from being folded. What a page
// holds is in memory, so it is bounded in bytes too.
const (
	pageRecords = 1000
	pageBytes   = 1 << 20
)

const columns = "SELECT position, stream, revision, id, type, data, meta FROM events "

// ReadStream reads page by page what was there when it began. What is being committed is not: it is for all readers
// there at once, when Head says so.
func (j *Journal) ReadStream(ctx context.Context, stream string, from int64) iter.Seq2[journal.Record, error] {
	const query = columns + "WHERE stream = ?1 AND revision >= ?2 AND position <= ?3 ORDER BY revision LIMIT ?4"
	return func(yield func(journal.Record, error) bool) {
		head, _, err := j.Head(ctx)
		for next := max(from, 0); err == nil; {
			var page []journal.Record
			var more bool
			if page, more, err = j.page(ctx, query, stream, next, head, int64(pageRecords)); err != nil {
				break
			}
			for _, r := range page {
				if !yield(r, nil) {
					return
				}
				next = r.Revision + 1
			}
			if !more {
				return
			}
		}
		yield(journal.Record{}, fmt.Errorf("read %s: %w", stream, err))
	}
}

// ReadAll reads page by page up to what was the head when it began.
func (j *Journal) ReadAll(ctx context.Context, after int64) iter.Seq2[journal.Record, error] {
	const query = columns + "WHERE position > ?1 AND position <= ?2 ORDER BY position LIMIT ?3"
	return func(yield func(journal.Record, error) bool) {
		head, _, err := j.Head(ctx)
		for next := after; err == nil && next < head; {
			var page []journal.Record
			var more bool
			if page, more, err = j.page(ctx, query, next, head, int64(pageRecords)); err != nil {
				break
			}
			for _, r := range page {
				if !yield(r, nil) {
					return
				}
				next = r.Position
			}
			if !more {
				return
			}
		}
		if err != nil {
			yield(journal.Record{}, fmt.Errorf("read all after %d: %w", after, err))
		}
	}
}

// page reads a few records and tells whether there may be more. The context is asked before, not during: a page is short,
// and an interrupted connection is of no use to the next reader.
func (j *Journal) page(ctx context.Context, query string, args ...driver.Value) (page []journal.Record, more bool, err error) {
	if err := j.readable(ctx); err != nil {
		return nil, false, err
	}
	conn, err := j.readers.Conn(context.WithoutCancel(ctx))
	if err != nil {
		return nil, false, errors.Join(err, j.state())
	}
	defer conn.Close()
	err = conn.Raw(func(c any) error {
		rows, err := c.(*sqlite3.SQLiteConn).Query(query, args)
		if err != nil {
			return err
		}
		defer rows.Close()
		size := 0
		for row := make([]driver.Value, 7); size < pageBytes && len(page) < pageRecords; {
			if err := rows.Next(row); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			r, err := record(row)
			if err != nil {
				return err
			}
			size += len(r.Data) + len(r.Meta)
			page = append(page, r)
		}
		more = true
		return nil
	})
	if err != nil {
		return nil, false, errors.Join(err, j.state())
	}
	return page, more, nil
}

// record reads a row of columns. The table is STRICT, so their kinds are certain.
func record(row []driver.Value) (journal.Record, error) {
	r := journal.Record{
		Position: row[0].(int64), Stream: row[1].(string), Revision: row[2].(int64), ID: uuid.UUID(row[3].([]byte)),
		Type: row[4].(string), Data: row[5].([]byte), Meta: row[6].([]byte),
	}
	var err error
	if r.RecordedAt, err = journal.Stamped(r.Meta); err != nil {
		return journal.Record{}, fmt.Errorf("position %d: %w", r.Position, err)
	}
	return r, nil
}

func (j *Journal) readable(ctx context.Context) error {
	if err := j.state(); err != nil {
		return err
	}
	return ctx.Err()
}

// Head is known without a look at the file, save where another process writes.
func (j *Journal) Head(ctx context.Context) (int64, time.Time, error) {
	if err := j.readable(ctx); err != nil {
		return 0, time.Time{}, fmt.Errorf("read the head: %w", err)
	}
	if j.lock == nil {
		return j.last(ctx)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.head, j.headAt, nil
}

// Settled waits only where an append is being written whose moment cannot be told from the last event's, as under a
// clock that was set back. Where another process writes, it is the last event's moment. It holds for the life of the process that
// writes: what a clock that is set back over a restart does with it is not known.
func (j *Journal) Settled(ctx context.Context) (time.Time, error) {
	if j.lock == nil {
		_, at, err := j.Head(ctx)
		return at, err
	}
	for {
		if err := j.readable(ctx); err != nil {
			return time.Time{}, fmt.Errorf("read the settled moment: %w", err)
		}
		j.mu.Lock()
		at := latest(j.now().UTC().Truncate(time.Microsecond), j.headAt)
		if !j.inHand.IsZero() && !at.Before(j.inHand) {
			at = j.inHand.Add(-time.Microsecond)
		}
		between := j.between
		if !at.Before(j.headAt) {
			j.settled = latest(j.settled, at)
			defer j.mu.Unlock()
			return j.settled, nil
		}
		j.mu.Unlock()
		select {
		case <-between:
		case <-ctx.Done():
		}
	}
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// last looks for the head in the file.
func (j *Journal) last(ctx context.Context) (int64, time.Time, error) {
	const query = columns + "WHERE position <= ?1 ORDER BY position DESC LIMIT 1"
	page, _, err := j.page(ctx, query, int64(math.MaxInt64))
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("read the head: %w", err)
	}
	if len(page) == 0 {
		return 0, time.Time{}, nil
	}
	return page[0].Position, page[0].RecordedAt, nil
}

// Wait is woken by the writer; where another process writes it looks at the file now and then.
func (j *Journal) Wait(ctx context.Context, after int64) error {
	for {
		j.mu.Lock()
		head, grown, stopped := j.head, j.grown, j.stopped
		j.mu.Unlock()
		if stopped != nil {
			return fmt.Errorf("wait for the journal: %w", stopped)
		}
		var look <-chan time.Time
		if j.lock == nil {
			var err error
			if head, _, err = j.last(ctx); err != nil {
				return fmt.Errorf("wait for the journal: %w", err)
			}
			look = time.After(100 * time.Millisecond)
		}
		if head > after {
			return nil
		}
		select {
		case <-grown:
		case <-look:
		case <-ctx.Done():
			return fmt.Errorf("wait for the journal: %w", ctx.Err())
		}
	}
}
