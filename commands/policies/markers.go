package policies

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"kelisim/commands"
	"kelisim/domain"
)

// Markers writes a marker of each moment that time alone brings: a withdrawal that took effect, a trial that ended, coverage that lapsed or soon will, an
// order that was not paid. Followers hear of time that way, and of nothing else: a moment has come whether or not it is marked.
//
// It finds moments in a table and asks the user's stream before it writes, so a table that is behind does no harm; a moment is marked once, by whichever
// instance is first, whatever is lost on the way (TestOneMarkerEach). Its fields are set once, before Run.
type Markers struct {
	Service *commands.Service
	// Due lists moments that have come by now and that no marker stands for, from old to new, after one of them.
	Due func(ctx context.Context, now time.Time, after Moment, limit int) ([]Moment, error)
	// Next is the first moment after now; zero where none is known.
	Next func(ctx context.Context, now time.Time) (time.Time, error)
	// Grown returns how far the table is, once that is past a position.
	Grown func(ctx context.Context, past int64) (int64, error)
	Now   func() time.Time
	Log   *slog.Logger
}

// Moment is one that has come; the zero value is before all.
type Moment struct {
	At     time.Time
	UserID domain.UserID
	Marker string // the id of the marker to come
}

const (
	// looksEvery is how long a clock that is set goes unseen: a moment is looked for no later, however far off the next one is.
	looksEvery = time.Minute
	// looksAfter lets what is recorded gather, so that a busy journal does not wake the policy for each event.
	looksAfter = time.Second
	// page is how many moments are read at once, and atOnce how many users are marked at once: they share the journal's flushes.
	page, atOnce = 500, 8
)

// Run makes a pass as soon as the table answers, whenever it has moved, at the next moment and every minute, until the context ends.
func (m *Markers) Run(ctx context.Context) {
	position, sleep := int64(-1), looksEvery
	for {
		waiting, done := context.WithTimeout(ctx, sleep)
		reached, err := m.Grown(waiting, position)
		over := waiting.Err() != nil
		done()
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			position = reached
		case !over: // the table has halted
			m.Log.Warn("what time has brought cannot be looked up for now", "error", err)
			if !waits(ctx, looksEvery) {
				return
			}
			continue
		}
		now := m.Now()
		n, err := m.Pass(ctx, now)
		if n > 0 {
			m.Log.Info("what time has brought was marked", "markers", n)
		}
		if err != nil && ctx.Err() == nil {
			m.Log.Warn("what time has brought is not marked for now", "error", err)
		}
		if !waits(ctx, looksAfter) {
			return
		}
		sleep = m.sleeps(ctx, now)
	}
}

// sleeps is how long nothing will come that had not come by a moment, if nothing is recorded.
func (m *Markers) sleeps(ctx context.Context, now time.Time) time.Duration {
	next, err := m.Next(ctx, now)
	if err != nil || next.IsZero() {
		return looksEvery
	}
	return max(0, min(next.Sub(m.Now()), looksEvery))
}

func waits(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// Pass marks what has come by a moment, and answers how many markers it wrote. A user of whom it fails does not keep the others from theirs; the
// first such failure is the error.
func (m *Markers) Pass(ctx context.Context, now time.Time) (written int, err error) {
	after := Moment{}
	for {
		moments, listed := m.Due(ctx, now, after, page)
		if listed != nil {
			return written, listed
		}
		n, failed := m.mark(ctx, moments)
		written += n
		if err == nil {
			err = failed
		}
		if len(moments) < page || ctx.Err() != nil {
			return written, err
		}
		after = moments[len(moments)-1]
	}
}

// mark marks the users of some moments.
func (m *Markers) mark(ctx context.Context, moments []Moment) (written int, err error) {
	users := make(chan domain.UserID)
	var mu sync.Mutex
	var running sync.WaitGroup
	for range min(atOnce, len(moments)) {
		running.Go(func() {
			for id := range users {
				n, failed := m.Service.MarkDue(ctx, id)
				mu.Lock()
				written += n
				if err == nil {
					err = failed
				}
				mu.Unlock()
			}
		})
	}
	seen := map[domain.UserID]bool{}
	for _, k := range moments {
		if !seen[k.UserID] && ctx.Err() == nil {
			seen[k.UserID] = true
			users <- k.UserID
		}
	}
	close(users)
	running.Wait()
	return written, err
}
