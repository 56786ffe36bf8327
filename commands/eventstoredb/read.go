package eventstoredb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"kelisim/commands/journal"
)

// A page is read at once and held in memory; no call is open while the reader works on it, so a slow reader costs the server nothing.
const (
	pageEvents = 500
	pageBytes  = 1 << 20
)

// page is what one call read.
type page struct {
	events []*esdb.RecordedEvent
	more   bool // it ended at a limit of ours, not where the server ended it
}

// collect reads a page, of two events at least since the first may be one that was read before, or up to the event that until accepts.
func collect(s *esdb.ReadStream, err error, until func(*esdb.RecordedEvent) bool) (page, error) {
	if err != nil {
		return page{}, err
	}
	defer s.Close()
	var p page
	for size := 0; size < pageBytes || len(p.events) < 2; {
		e, err := s.Recv()
		switch {
		case errors.Is(err, io.EOF) || noStream(err):
			p.more = len(p.events) >= pageEvents
			return p, nil
		case err != nil:
			return page{}, err
		}
		size += len(e.Event.Data) + len(e.Event.UserMetadata)
		if p.events = append(p.events, e.Event); until(e.Event) {
			return p, nil
		}
	}
	p.more = true
	return p, nil
}

func never(*esdb.RecordedEvent) bool { return false }

// retry repeats a reading until it succeeds, another try would be answered likewise, or the deadline passes. Each try has half the
// deadline, so that a node that is silent costs one.
func retry[T any](ctx context.Context, j *Journal, read func(context.Context, *esdb.Client) (T, error)) (T, error) {
	ctx, cancel := j.within(ctx)
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		var value T
		err := j.because(ctx, nil)
		if err == nil {
			value, err = try(ctx, j.opts.Deadline/2, j.pool, read)
		}
		if err == nil || final(err) {
			return value, err
		}
		if sleep(ctx, pause) != nil {
			return value, j.because(ctx, err)
		}
	}
}

// Between tries a call waits, each time twice as long.
const (
	firstPause = 20 * time.Millisecond
	lastPause  = time.Second
)

func try[T any](ctx context.Context, limit time.Duration, p *pool, op func(context.Context, *esdb.Client) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return call(ctx, p, op)
}

// record is an event as the journal gives it.
func (j *Journal) record(e *esdb.RecordedEvent) (journal.Record, error) {
	if e.Position.Commit == 0 || e.Position.Commit > math.MaxInt64 {
		return journal.Record{}, fmt.Errorf("event %s of %s has no position in the log", e.EventID, e.StreamID)
	}
	at, err := journal.Stamped(e.UserMetadata)
	if err != nil {
		return journal.Record{}, fmt.Errorf("position %d is no event of a journal: %w", e.Position.Commit, err)
	}
	return journal.Record{
		ID: e.EventID, Stream: strings.TrimPrefix(e.StreamID, j.opts.Prefix), Revision: int64(e.EventNumber), Position: int64(e.Position.Commit),
		Type: e.EventType, Data: e.Data, Meta: e.UserMetadata, RecordedAt: at,
	}, nil
}

// ReadStream reads page by page. A revision that the server left out is an error: nothing that is not there may look as if it never was.
func (j *Journal) ReadStream(ctx context.Context, stream string, from int64) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		next := max(from, 0)
		for {
			p, err := j.streamPage(ctx, stream, next, pageEvents)
			for _, e := range p.events {
				var r journal.Record
				if r, err = j.record(e); err == nil && r.Revision != next {
					err = fmt.Errorf("%w: revision %d came where %d must be", errMissing, r.Revision, next)
				}
				if err == nil {
					err = ctx.Err()
				}
				if err != nil {
					break
				}
				if next++; !yield(r, nil) {
					return
				}
			}
			if err != nil {
				yield(journal.Record{}, fmt.Errorf("read %s: %w", stream, err))
				return
			}
			if !p.more {
				return
			}
		}
	}
}

// streamPage reads a stream from a revision on.
func (j *Journal) streamPage(ctx context.Context, stream string, from int64, count uint64) (page, error) {
	return retry(ctx, j, func(ctx context.Context, c *esdb.Client) (page, error) {
		s, err := c.ReadStream(onLeader(ctx), j.opts.Prefix+stream, esdb.ReadStreamOptions{From: esdb.Revision(uint64(from))}, count)
		return collect(s, err, never)
	})
}

// lastOf reads the last revision of a stream.
func (j *Journal) lastOf(ctx context.Context, stream string) (int64, error) {
	p, err := retry(ctx, j, func(ctx context.Context, c *esdb.Client) (page, error) {
		s, err := c.ReadStream(onLeader(ctx), j.opts.Prefix+stream, esdb.ReadStreamOptions{Direction: esdb.Backwards, From: esdb.End{}}, 1)
		return collect(s, err, never)
	})
	if err != nil || len(p.events) == 0 {
		return journal.NoStream, err
	}
	return int64(p.events[0].EventNumber), nil
}

// ReadAll reads page by page up to what was the head when it began. The server reads from a position on, that one included; of
// an event that was read before nothing is yielded.
func (j *Journal) ReadAll(ctx context.Context, after int64) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		if err := j.readAll(ctx, max(after, j.opts.After), yield); err != nil {
			yield(journal.Record{}, fmt.Errorf("read all after %d: %w", after, err))
		}
	}
}

func (j *Journal) readAll(ctx context.Context, after int64, yield func(journal.Record, error) bool) error {
	head, _, err := j.Head(ctx)
	if err != nil {
		return err
	}
	for next, first := after, true; next < head; first = false {
		p, err := j.allPage(ctx, next, head)
		if err != nil && first && final(err) && next > j.opts.After {
			// No event is at the position that the caller names. The server cannot find the next, so the search begins at the beginning.
			next = j.opts.After
			p, err = j.allPage(ctx, next, head)
		}
		if err != nil {
			return err
		}
		for _, e := range p.events {
			if next = int64(e.Position.Commit); next <= after || !j.ours(e) {
				continue
			}
			r, err := j.record(e)
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return err
			}
			if !yield(r, nil) {
				return nil
			}
		}
	}
	return ctx.Err()
}

// allPage reads what comes after a position, up to the head. It is never empty: the head is there.
func (j *Journal) allPage(ctx context.Context, after, head int64) (page, error) {
	return retry(ctx, j, func(ctx context.Context, c *esdb.Client) (page, error) {
		s, err := c.ReadAll(onLeader(ctx), esdb.ReadAllOptions{From: position(after)}, pageEvents+1)
		p, err := collect(s, err, func(e *esdb.RecordedEvent) bool { return int64(e.Position.Commit) >= head })
		if err != nil {
			return page{}, err
		}
		if len(p.events) > 0 && int64(p.events[0].Position.Commit) == after {
			p.events = p.events[1:]
		}
		if len(p.events) == 0 {
			return page{}, fmt.Errorf("%w: it ends before position %d", errStale, head)
		}
		return p, nil
	})
}

// position is where a reading of all begins. What is appended in one go has one commit position a record, and the same as prepare position.
func position(at int64) esdb.AllPosition {
	if at == 0 {
		return esdb.Start{}
	}
	return esdb.Position{Commit: uint64(at), Prepare: uint64(at)}
}

// Head asks the leader, each time.
func (j *Journal) Head(ctx context.Context) (int64, time.Time, error) {
	head, at, err := j.readHead(ctx)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("read the head: %w", err)
	}
	return head, at, nil
}

func (j *Journal) readHead(ctx context.Context) (int64, time.Time, error) {
	if err := j.because(ctx, nil); err != nil {
		return 0, time.Time{}, err
	}
	last, err := retry(ctx, j, j.lastEvent)
	if err != nil {
		return 0, time.Time{}, err
	}
	if last != nil {
		r, err := j.record(last)
		if err != nil {
			return 0, time.Time{}, err
		}
		j.saw(r.Position, r.RecordedAt)
	}
	// An append may have been acknowledged meanwhile. Where nothing is the journal's, the head is where it begins, at no time.
	head, at := j.known()
	if at.IsZero() {
		return 0, at, nil
	}
	return head, at, nil
}

// lastEvent reads $all backwards to the journal's last event, past what the server itself wrote since; nil where it has none. What
// was known to stand must be among what is read: a node that does not have it has not the last event either.
func (j *Journal) lastEvent(ctx context.Context, c *esdb.Client) (*esdb.RecordedEvent, error) {
	known, at := j.known()
	var from esdb.AllPosition = esdb.End{}
	for {
		s, err := c.ReadAll(onLeader(ctx), esdb.ReadAllOptions{Direction: esdb.Backwards, From: from}, pageEvents)
		p, err := collect(s, err, func(e *esdb.RecordedEvent) bool { return j.ours(e) || int64(e.Position.Commit) <= known })
		if err != nil {
			return nil, err
		}
		n := len(p.events)
		if n == 0 || !j.ours(p.events[n-1]) && int64(p.events[n-1].Position.Commit) <= known {
			if !at.IsZero() {
				return nil, fmt.Errorf("%w: position %d is not there", errStale, known)
			}
			return nil, nil
		}
		last := p.events[n-1]
		if j.ours(last) {
			if !at.IsZero() && int64(last.Position.Commit) < known {
				return nil, fmt.Errorf("%w: it ends at position %d, before %d", errStale, last.Position.Commit, known)
			}
			return last, nil
		}
		from = esdb.Position{Commit: last.Position.Commit, Prepare: last.Position.Prepare}
	}
}

// Wait is woken by the tail and by this instance's own appends.
func (j *Journal) Wait(ctx context.Context, after int64) error {
	for {
		j.mu.Lock()
		head, at, grown, closed := j.head, j.headAt, j.grown, j.closed
		j.mu.Unlock()
		var err error
		switch {
		case closed:
			err = journal.ErrClosed
		case head > after && !at.IsZero():
			return nil
		default:
			select {
			case <-grown:
			case <-ctx.Done():
				err = ctx.Err()
			}
		}
		if err != nil {
			return fmt.Errorf("wait for the journal: %w", err)
		}
	}
}
