package postgres

import (
	"context"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"kelisim/commands/journal"
)

// A reader takes so much at once and lets go of the connection. What a page holds is in memory, so it is bounded in bytes too: the server adds up
// sizes and leaves out what is beyond. One statement sees one state of the journal.
const (
	pageRecords = 1000
	pageBytes   = 1 << 20
)

var (
	pageOfStream = page("stream = $1 AND revision >= $2 AND position <= $3 ORDER BY revision")
	pageOfAll    = page("position > $1 AND position <= $2 ORDER BY position")
)

func page(of string) string {
	return fmt.Sprintf(`SELECT position, stream, revision, id, type, data, meta, head FROM (
		SELECT *, sum(size) OVER (ORDER BY position ROWS UNBOUNDED PRECEDING) - size AS ahead, (SELECT position FROM head) AS head
		FROM (SELECT *, octet_length(data) + octet_length(meta) AS size FROM events WHERE %s LIMIT %d) AS of_it
	) AS page WHERE ahead < %d ORDER BY position`, of, pageRecords, pageBytes)
}

// ReadStream reads page by page what was there when it began.
func (j *Journal) ReadStream(ctx context.Context, stream string, from int64) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		if !plain(stream) {
			return // there is none of that name
		}
		next := max(from, 0)
		err := j.pages(ctx, func(head int64) (string, []any) { return pageOfStream, []any{stream, next, head} }, func(r journal.Record) bool {
			next = r.Revision + 1
			return yield(r, nil)
		})
		if err != nil {
			yield(journal.Record{}, fmt.Errorf("read %s: %w", stream, err))
		}
	}
}

// ReadAll reads page by page up to what was the head when it began.
func (j *Journal) ReadAll(ctx context.Context, after int64) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		next := after
		err := j.pages(ctx, func(head int64) (string, []any) { return pageOfAll, []any{next, head} }, func(r journal.Record) bool {
			next = r.Position
			return yield(r, nil)
		})
		if err != nil {
			yield(journal.Record{}, fmt.Errorf("read all after %d: %w", after, err))
		}
	}
}

// pages reads until nothing is left up to the head of the first page, or take has enough.
func (j *Journal) pages(ctx context.Context, query func(head int64) (string, []any), take func(journal.Record) bool) error {
	head := int64(math.MaxInt64)
	for {
		seen := j.seen()
		var records []journal.Record
		at := int64(-1)
		err := j.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
			records = records[:0]
			text, args := query(head)
			rows, err := c.Query(ctx, text, args...)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				r, err := scan(rows, &at)
				if err != nil {
					return err
				}
				records = append(records, r)
			}
			return rows.Err()
		})
		if err != nil {
			return err
		}
		if len(records) == 0 {
			return nil
		}
		if err := j.lost(seen, at); err != nil {
			return err
		}
		head = min(head, at)
		size := 0
		for _, r := range records {
			size += len(r.Data) + len(r.Meta)
			if !take(r) {
				return nil
			}
		}
		if len(records) < pageRecords && size < pageBytes {
			return nil
		}
	}
}

func scan(rows pgx.Rows, head *int64) (r journal.Record, err error) {
	var id [16]byte
	if err := rows.Scan(&r.Position, &r.Stream, &r.Revision, &id, &r.Type, &r.Data, &r.Meta, head); err != nil {
		return r, err
	}
	r.ID = uuid.UUID(id)
	if r.RecordedAt, err = journal.Stamped(r.Meta); err != nil {
		return r, fmt.Errorf("position %d: %w", r.Position, err)
	}
	return r, nil
}

// read does something on a connection of the pool, while the journal is open.
func (j *Journal) read(ctx context.Context, do func(context.Context, *pgx.Conn) error) error {
	if err := j.state(); err != nil {
		return err
	}
	return j.db.try(ctx, do)
}

// Head asks the server: another process may have appended a moment ago.
func (j *Journal) Head(ctx context.Context) (int64, time.Time, error) {
	position, at, _, err := j.last(ctx)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("read the head: %w", err)
	}
	return position, at, nil
}

// last reads the head, and tells whether its moment was called settled.
func (j *Journal) last(ctx context.Context) (position int64, recordedAt time.Time, settled bool, err error) {
	seen := j.seen()
	var at int64
	err = j.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, "SELECT head.position, head.recorded_at, settled.at >= head.recorded_at FROM head, settled").Scan(&position, &at, &settled)
	})
	if err == nil {
		err = j.lost(seen, position)
	}
	if err != nil {
		return 0, time.Time{}, false, err
	}
	j.saw(position)
	return position, moment(at), settled, nil
}

// Settled is the last event's moment, and sees to it that no event is recorded at it any more: the first to ask after an append writes so,
// without waiting for a disk or for an append that is under way. Clocks of other instances need not be trusted for it, so a moment after the last
// event is never called settled (TestSettledAcrossInstances).
func (j *Journal) Settled(ctx context.Context) (time.Time, error) {
	_, at, settled, err := j.last(ctx)
	if err == nil && !settled {
		err = j.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
			var b pgx.Batch // one implicit transaction
			b.Queue("SELECT set_config('synchronous_commit', 'off', true)")
			b.Queue("UPDATE settled SET at = $1 WHERE at < $1", at.UnixMicro())
			return c.SendBatch(ctx, &b).Close()
		})
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("read the settled moment: %w", err)
	}
	return at, nil
}
