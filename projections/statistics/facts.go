package statistics

import (
	"context"
	"fmt"
	"slices"
	"time"

	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/activity"
	"kelisim/domain/calendar"
	"kelisim/domain/permission"
	"kelisim/projections/reports"
)

// facts are what was known of all users, and the way to what they did.
type facts struct {
	*reports.Facts
	journal *journal.Journal
	by      []string
	whole   bool
	grain   string
	periods []calendar.Day
	index   map[calendar.Day]int // of periods
	people  []person
	of      map[domain.UserID]int // in people
}

// person is one registered user, and when what they did may be counted.
type person struct {
	*reports.Person
	standing []stretch // none where the asking finds no consent
}

// stretch is a time, half-open; without an end where until is zero.
type stretch struct{ from, until time.Time }

func (s stretch) holds(t time.Time) bool {
	return !t.Before(s.from) && (s.until.IsZero() || t.Before(s.until))
}

// gather reads what was known of all users and of the range.
func gather(ctx context.Context, j *journal.Journal, a Asked, by []string) (*facts, error) {
	known, err := reports.Gather(ctx, j, a.Asked)
	if err != nil {
		return nil, err
	}
	f := &facts{Facts: known, journal: j, by: by, whole: a.Whole, grain: byMonth, index: map[calendar.Day]int{}, of: map[domain.UserID]int{}}
	if _, ok := usual[by[0]]; ok {
		f.grain = by[0]
	}
	if f.periods, err = periods(f.grain, a.From, a.To, f.KnownAt); err != nil {
		return nil, err
	}
	for i, d := range f.periods {
		f.index[d] = i
	}
	if n := len(f.periods); n > 0 {
		f.From, f.To = f.periods[0].Start(), after(f.grain, f.periods[n-1], 1).Start()
	}
	f.AsOf = f.KnownAt
	f.TermsVersion = f.Site.ParametersAt(f.AsOf).TermsVersion
	for _, p := range f.Users {
		if e := p.State.Account; e.Exists && !e.Registered.At.After(f.KnownAt) {
			f.of[p.ID] = len(f.people)
			f.people = append(f.people, person{Person: p})
		}
	}
	return f, nil
}

// ask finds out when what each person did may be counted for a purpose.
func (f *facts) ask(purpose string) {
	if purpose == "" {
		return
	}
	for i := range f.people {
		p := &f.people[i]
		if permission.ProcessingOnly(p.State.Books, f.Site, purpose, use, f.KnownAt).Allowed {
			p.standing = allowed(p.State.Books, func(t time.Time) permission.ProcessingAnswer {
				return permission.Processing(p.State.Books, f.Site, purpose, use, t)
			})
		}
	}
}

// allowed are the times at which the answer was yes.
func allowed(b permission.Books, ask func(time.Time) permission.ProcessingAnswer) (out []stretch) {
	for t := b.Account.Registered.At; ; {
		a := ask(t)
		s := stretch{from: t}
		if a.NextChangeAt != nil {
			s.until = *a.NextChangeAt
		}
		if a.Allowed {
			out = append(out, s)
		}
		if s.until.IsZero() {
			return out
		}
		t = s.until
	}
}

// counts tells whether what the person did at a moment may be counted.
func (p *person) counts(t time.Time) bool {
	if !slices.ContainsFunc(p.standing, func(s stretch) bool { return s.holds(t) }) {
		return false
	}
	_, disputed := p.State.Account.DisputedAt(t)
	return !disputed
}

// period is the place of the period in which a moment lies, or -1 where it is none that is told of.
func (f *facts) period(t time.Time) int {
	if i, ok := f.index[periodOf(f.grain, calendar.DayOf(t))]; ok {
		return i
	}
	return -1
}

// acts visits what persons did that may be counted, in the order in which it was recorded. who is a place in people.
func (f *facts) acts(ctx context.Context, visit func(who int, at time.Time, o activity.Observed)) error {
	for r, err := range f.journal.Store.ReadAll(ctx, 0) {
		if err != nil {
			return fmt.Errorf("read the journal: %w", err)
		}
		if r.Position > f.Position {
			return nil
		}
		if domain.Stream(r.Stream).Category() != "activity" {
			continue
		}
		e, err := f.journal.Decode(r)
		if err != nil {
			return err
		}
		o, ok := e.Data.(activity.Observed)
		if !ok {
			continue
		}
		if i, known := f.of[o.UserID]; known && !e.OccurredAt.After(f.KnownAt) && f.people[i].counts(e.OccurredAt) {
			visit(i, e.OccurredAt, o)
		}
	}
	return nil
}
