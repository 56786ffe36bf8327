package eventstoredb

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"kelisim/commands/journal"
)

// shareFor is how long after its moment was taken a group is joined; then it is waited for. It is how far recorded_at may lie before the clock.
const shareFor = 25 * time.Millisecond

// moments gives appends the moments at which they are recorded, so that among this instance's events they never run backwards along
// positions, though the server alone decides the order. Appends under way together share one moment; none gets a later one before the
// outcome of all those is known. Another instance's moments are known only once its events are seen.
type moments struct {
	now   func() time.Time
	bound time.Duration // 0: no other instance appends

	mu      sync.Mutex
	last    time.Time // the latest of an event that stands
	settled time.Time
	group   *group // under way; nil for none
}

// group is appends that share a moment.
type group struct {
	at   time.Time
	n    int
	shut bool          // nobody joins any more
	over chan struct{} // closed when the last has left
}

func (m *moments) saw(at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = later(m.last, at)
}

// next is the moment of an append that begins now. The caller holds the lock.
func (m *moments) next() time.Time {
	at := later(m.now().UTC().Truncate(time.Microsecond), m.last)
	if !at.After(m.settled) {
		at = m.settled.Add(time.Microsecond)
	}
	return at
}

// join answers the moment of each record, and the group that the append must leave. Where a record asks for a moment the append is alone in its group.
func (m *moments) join(ctx context.Context, records []journal.NewRecord) (*group, []time.Time, error) {
	for {
		g, stamps, wait, err := m.try(records, slices.ContainsFunc(records, asks))
		if err != nil || wait == nil {
			return g, stamps, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("wait for the appends under way: %w", ctx.Err())
		}
	}
}

func (m *moments) try(records []journal.NewRecord, alone bool) (*group, []time.Time, <-chan struct{}, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	g, at := m.group, m.next()
	if g != nil && (alone || g.shut || at.After(g.at.Add(shareFor)) || m.last.After(g.at)) {
		g.shut = true
		return nil, nil, g.over, nil
	}
	if g != nil {
		at = g.at
	}
	stamps, last := make([]time.Time, len(records)), m.last
	for i, r := range records {
		var err error
		if stamps[i], err = journal.NextRecordedAt(r.RecordedAt, at, last); err != nil {
			return nil, nil, nil, err
		}
		last = stamps[i]
	}
	if ahead := last.Sub(m.now()); m.bound > 0 && ahead > m.bound {
		return nil, nil, nil, fmt.Errorf("%w: it lies %v ahead", errBehind, ahead)
	}
	if g == nil {
		g = &group{at: stamps[0], shut: alone, over: make(chan struct{})}
		m.group = g
	}
	g.n++
	return g, stamps, nil, nil
}

// leave ends an append's part in a group. last is the moment of its last record if that stands or may stand; zero where it surely does not.
func (m *moments) leave(g *group, last time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = later(m.last, last)
	if g.n--; g.n == 0 {
		m.group = nil
		close(g.over)
	}
}

// settle raises the settled moment up to at, as far as the appends under way allow, and answers it. It is least at the earliest; while the
// appends under way do not allow that, it answers what to wait for.
func (m *moments) settle(at, least time.Time) (time.Time, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.bound == 0 {
		least = m.last
		at = later(at, least)
	}
	if g := m.group; g != nil && !at.Before(g.at) {
		if at = g.at.Add(-time.Microsecond); at.Before(least) {
			g.shut = true
			return time.Time{}, g.over
		}
	}
	m.settled = later(m.settled, at)
	return m.settled, nil
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// Settled answers a moment up to which the record is final.
//
// Where this instance is alone it needs no clock but its own: it waits for the appends under way whose moment it cannot stay before. Among several
// instances it waits until the clock is past the last readable event by Options.ClockBound: then every other
// instance's clock is past that event too, and what was recorded up to it has reached the leader or never will. It fails
// where the clock is further behind. An answer so costs up to ClockBound after the latest event; a question that names a position need not ask.
//
// It holds for appends that reach the leader within half the bound, and, for what a process that was killed had under way, likewise.
func (j *Journal) Settled(ctx context.Context) (time.Time, error) {
	ctx, cancel := j.within(ctx)
	defer cancel()
	at, err := j.settle(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the settled moment: %w", j.because(ctx, err))
	}
	return at, nil
}

func (j *Journal) settle(ctx context.Context) (time.Time, error) {
	if err := j.because(ctx, nil); err != nil {
		return time.Time{}, err
	}
	m := &j.moments
	var least time.Time
	if m.bound > 0 {
		if _, _, err := j.Head(ctx); err != nil {
			return time.Time{}, err
		}
		m.mu.Lock()
		least = m.last
		m.mu.Unlock()
	}
	for {
		at := m.now().UTC().Truncate(time.Microsecond).Add(-m.bound)
		if short := least.Sub(at); m.bound > 0 && short > 0 {
			if short > 2*m.bound {
				return time.Time{}, errBehind
			}
			if err := sleep(ctx, short); err != nil {
				return time.Time{}, err
			}
			continue
		}
		settled, wait := m.settle(at, least)
		if wait == nil {
			return settled, nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("wait for the appends under way: %w", ctx.Err())
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
