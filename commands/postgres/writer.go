package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"kelisim/commands/journal"
)

// The statements of an append. READ COMMITTED is asked for by name: each statement then sees what was committed when it began, and so those after
// the lock see all that the lock waited for.
var statements = map[string]string{
	"begin":    "BEGIN ISOLATION LEVEL READ COMMITTED",
	"commit":   "COMMIT",
	"rollback": "ROLLBACK",
	"lock":     "SELECT position, recorded_at, pg_postmaster_start_time()::text, " + settings + " FROM head FOR UPDATE",
	"ends":     "SELECT s, (SELECT max(revision) FROM events WHERE stream = s) FROM unnest($1::text[]) AS s",
	"standing": "SELECT id, stream, revision, position, meta FROM events WHERE id = ANY ($1::uuid[])",
	"settled":  "SELECT at, epoch FROM settled FOR UPDATE",
	"unsettle": "UPDATE settled SET at = $1, epoch = $2",
	"insert": `INSERT INTO events (position, stream, revision, id, type, data, meta)
		SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::uuid[], $5::text[], $6::bytea[], $7::bytea[])`,
	"advance": "UPDATE head SET position = $1, recorded_at = $2",
	"tell":    "SELECT pg_notify($1, $2)",
}

// writer is the goroutine that appends, with its connection. No caller's context reaches it.
type writer struct {
	journal *Journal

	conn     *pgx.Conn // nil: to be made
	prepared bool      // it knows the statements
	warned   bool      // it brought a warning since this was last cleared

	mu   sync.Mutex
	last error // why the last try came to nothing
}

// lastError tells a caller who has waited in vain what is wrong.
func (w *writer) lastError() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

func (w *writer) note(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = err
}

// run appends until the journal stops.
func (w *writer) run() {
	j := w.journal
	defer w.drop()
	for n := 0; ; {
		if len(j.candidates()) == 0 {
			select {
			case <-j.wake:
				continue
			case <-j.ctx.Done():
				return
			}
		}
		if j.ctx.Err() != nil {
			return
		}
		err := w.ready()
		if err == nil {
			err = w.write()
		}
		w.note(err)
		if err == nil {
			n = 0
			continue
		}
		w.drop()
		if pause(j.ctx, n) != nil {
			return
		}
		n++
	}
}

// ready sees to it that there is a connection. Where the server refuses us, those who wait are told; where it is away they wait on.
func (w *writer) ready() error {
	if w.conn != nil && w.prepared {
		return nil
	}
	j := w.journal
	ctx, cancel := j.db.deadline(j.ctx)
	defer cancel()
	err := w.connect(ctx)
	for name, text := range statements {
		if err == nil {
			_, err = w.conn.Prepare(ctx, name, text)
		}
	}
	if w.prepared = err == nil; w.prepared {
		return nil
	}
	err = fmt.Errorf("prepare to append: %w", err)
	if unreachable(err) {
		return err
	}
	return w.answer(j.begin(j.candidates()), fmt.Errorf("%w: %w", journal.ErrNotWritten, err))
}

// connect makes the connection where there is none.
func (w *writer) connect(ctx context.Context) (err error) {
	if w.conn == nil {
		w.conn, err = w.journal.db.connect(ctx, func() { w.warned = true })
	}
	return err
}

func (w *writer) drop() {
	if w.conn != nil {
		ended, cancel := context.WithTimeout(context.Background(), time.Second)
		_ = w.conn.Close(ended) // however it ends
		cancel()
		w.conn, w.prepared = nil, false
	}
}

// write carries a transaction through and answers its appends. An error is one after which the connection is not used again; what had
// not begun still waits.
func (w *writer) write() error {
	j := w.journal
	candidates := j.candidates()
	t, err := w.lock(candidates)
	if err != nil {
		if passing(err) || w.conn.IsClosed() || j.ctx.Err() != nil {
			return err
		}
		return w.answer(j.begin(candidates), fmt.Errorf("%w: %w", journal.ErrNotWritten, err))
	}
	if err := j.lost(t.seen, t.position); err != nil {
		return err
	}
	batch := j.begin(candidates)
	for _, r := range batch {
		t.decide(r)
	}
	if len(t.rows.ids) == 0 && !t.repeats {
		if err := w.rollback(); err != nil {
			return w.answer(batch, fmt.Errorf("%w: %w", journal.ErrNotWritten, err))
		}
		return w.answer(batch, nil)
	}
	outcome, err := w.commit(t)
	if err != nil {
		return w.answer(batch, fmt.Errorf("%w: %w", outcome, err))
	}
	j.saw(t.position)
	return w.answer(batch, nil)
}

// answer gives every append of a transaction its answer, or all of them the error that ended it.
func (w *writer) answer(batch []*request, err error) error {
	for _, r := range batch {
		if err != nil {
			r.refuse(err)
		}
		close(r.done)
	}
	return err
}

func (w *writer) rollback() error {
	ctx, cancel := w.journal.db.deadline(context.Background())
	defer cancel()
	_, err := w.conn.Exec(ctx, "rollback")
	return err
}

// lock opens a transaction and reads what decides the appends: one round trip, and one more where the clock is not past the last event.
func (w *writer) lock(candidates []*request) (*transaction, error) {
	j := w.journal
	ctx, cancel := j.db.deadline(j.ctx)
	defer cancel()
	var streams []string
	var ids [][16]byte
	for _, r := range candidates {
		streams = append(streams, r.stream)
		for _, record := range r.records {
			ids = append(ids, record.ID)
		}
	}
	t := &transaction{seen: j.seen(), ends: map[string]int64{}, standing: map[uuid.UUID]place{}}
	var b pgx.Batch
	b.Queue("begin")
	b.Queue("lock")
	b.Queue("ends", streams)
	b.Queue("standing", ids)
	results := w.conn.SendBatch(ctx, &b)
	err := t.read(results)
	if err = errors.Join(err, results.Close()); err != nil {
		return nil, fmt.Errorf("begin to append: %w", err)
	}
	if t.moment = j.db.now().UTC().Truncate(time.Microsecond); !t.moment.After(t.recordedAt) {
		if err := w.unsettle(ctx, t); err != nil {
			return nil, fmt.Errorf("begin to append: %w", err)
		}
	}
	return t, nil
}

// unsettle is for an append whose clock is not past the last event: it is recorded at that event's moment, or right after it if the moment was
// called settled. The row stays locked until the commit, so that no one calls it settled meanwhile. What was called settled is written
// without waiting for the disk, so if the server has begun a new life since, it is taken to have been (TestKilledServer).
func (w *writer) unsettle(ctx context.Context, t *transaction) error {
	var at int64
	var epoch string
	if err := w.conn.QueryRow(ctx, "settled").Scan(&at, &epoch); err != nil {
		return err
	}
	last := t.recordedAt.UnixMicro()
	if t.position == 0 || epoch == t.epoch && at < last {
		return nil
	}
	t.moment = t.recordedAt.Add(time.Microsecond)
	if epoch == t.epoch {
		return nil
	}
	_, err := w.conn.Exec(ctx, "unsettle", last, t.epoch)
	return err
}

// commit writes what was decided, in one round trip, and tells how it failed: ErrNotWritten or ErrUnknown. Repetitions are committed too: the lock
// has written, so the commit waits until all before it is as durable as the server makes anything.
func (w *writer) commit(t *transaction) (outcome, err error) {
	ctx, cancel := w.journal.db.deadline(context.Background())
	defer cancel()
	var b pgx.Batch
	if len(t.rows.ids) > 0 {
		b.Queue("insert", t.rows.positions, t.rows.streams, t.rows.revisions, t.rows.ids, t.rows.types, t.rows.data, t.rows.metas)
		b.Queue("advance", t.position, t.recordedAt.UnixMicro())
		b.Queue("tell", w.journal.channel, strconv.FormatInt(t.position, 10))
	}
	b.Queue("commit")
	w.warned = false
	results := w.conn.SendBatch(ctx, &b)
	for range b.Len() - 1 {
		if _, err := results.Exec(); err != nil {
			// An error of a statement is the server's word that it goes no further; without a word, nobody knows.
			var refused *pgconn.PgError
			if outcome = journal.ErrUnknown; errors.As(err, &refused) {
				outcome = journal.ErrNotWritten
			}
			_ = results.Close()
			return outcome, fmt.Errorf("write: %w", err)
		}
	}
	tag, err := results.Exec()
	if err = errors.Join(err, results.Close()); err != nil {
		return journal.ErrUnknown, fmt.Errorf("commit: %w", err)
	}
	if tag.String() != "COMMIT" {
		return journal.ErrNotWritten, fmt.Errorf("commit: the server answered %s", tag)
	}
	if w.warned {
		return journal.ErrUnknown, errors.New("commit: the server warned that a standby may not have it")
	}
	return nil, nil
}

// plain text is what PostgreSQL keeps as text.
func plain(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// moment reads a time as it is stored; none yet is the zero time.
func moment(micros int64) time.Time {
	if micros == math.MinInt64 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}
