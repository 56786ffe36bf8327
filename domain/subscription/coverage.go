package subscription

import (
	"cmp"
	"slices"
	"time"

	"kelisim/domain/calendar"
)

// Stretch is a time of use for one reason.
type Stretch struct {
	From, Until time.Time // half-open
	Reason      string    // one of the Reason words
	Events      []string  // ids of the facts that make the chain what it is, in the order in which they happened
	ChainEnd    time.Time // when the unbroken coverage that this is part of ends
}

// Why a stretch is covered.
const (
	ReasonTrial   = "trial"
	ReasonPaid    = "paid"
	ReasonGranted = "granted"
)

// Coverage is the time of use that the facts make which happened up to a moment, in order and disjoint (T-2.1).
//
// The trial is the first period of the first chain. A payment made before a chain's end extends it; one
// made later starts a new chain on its own local day, covering from its own moment. A chain's months are counted
// together from its anchor, and granted days follow all months; granted while nothing is covered, they
// start a chain of no months. Days of a chain that were used before something was bought stay where they were: the bought
// months begin after them, and the end is the same.
//
// A revocation takes the months of its payment that had not begun at its moment; later purchases move up, so that no
// gap opens, and time that was covered stays covered. What happened before the registration counts from it, and a revocation
// before its payment counts from that.
func (s State) Coverage(asOf time.Time) []Stretch {
	n := len(s.facts)
	for n > 0 && s.facts[n-1].when.After(asOf) {
		n--
	}
	if n == len(s.facts) {
		return slices.Clone(s.whole)
	}
	return lay(s.facts[:n])
}

// The standings of coverage beside the reasons of a stretch.
const (
	NotStarted = "not-started"
	Lapsed     = "lapsed"
)

// StandingAt is how use stands at a moment: trial, paid or granted until the unbroken coverage ends, lapsed since its last end, or not-started.
func (s State) StandingAt(t time.Time) (status string, until time.Time) {
	status = NotStarted
	for _, c := range s.Coverage(t) {
		switch {
		case c.From.After(t):
		case t.Before(c.Until):
			status, until = c.Reason, c.ChainEnd
		default:
			status, until = Lapsed, c.Until
		}
	}
	return status, until
}

// Boundaries are the moments at which the answer of Coverage(t) about t could change, in order: those of the facts, and
// the ends of the stretches.
func (s State) Boundaries() []time.Time {
	var out []time.Time
	for _, f := range s.facts {
		out = append(out, f.when)
	}
	for _, c := range s.whole {
		out = append(out, c.From, c.Until)
	}
	slices.SortFunc(out, time.Time.Compare)
	return slices.CompactFunc(out, time.Time.Equal)
}

// fact is one thing that coverage is made of.
type fact struct {
	when   time.Time
	kind   kind
	of     transaction
	event  string
	months int
	days   int
	anchor calendar.Day // of a trial
}

type transaction struct{ provider, id string }

// kind orders facts of one moment: what gives comes before what takes.
type kind int

const (
	trial kind = iota
	payment
	gift
	revocation
)

// timeline puts the facts in the order in which they happened, whatever the order in which they became known.
func (s State) timeline() []fact {
	var out []fact
	start := time.Time{}
	if s.trial.Months > 0 {
		start = s.trial.From
		out = append(out, fact{when: start, kind: trial, event: s.trial.Event, months: s.trial.Months, anchor: s.trial.Anchor})
	}
	for _, p := range s.payments {
		if p.Event == "" {
			continue
		}
		of, when := transaction{p.Provider, p.TransactionID}, later(start, p.PaidAt)
		out = append(out, fact{when: when, kind: payment, of: of, event: p.Event, months: p.Months})
		for _, r := range p.Revocations {
			out = append(out, fact{when: later(when, r.At), kind: revocation, of: of, event: r.Event})
		}
	}
	for _, g := range s.gifts {
		out = append(out, fact{when: later(start, g.At), kind: gift, event: g.Event, days: g.Days})
	}
	slices.SortFunc(out, func(a, b fact) int {
		return cmp.Or(a.when.Compare(b.when), cmp.Compare(a.kind, b.kind),
			cmp.Compare(a.of.id, b.of.id), cmp.Compare(a.of.provider, b.of.provider), cmp.Compare(a.event, b.event))
	})
	return out
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// lay makes coverage of facts, which are in order.
func lay(facts []fact) []Stretch {
	var out []Stretch
	for _, c := range chains(facts) {
		out = append(out, c.stretches()...)
	}
	return out
}

func chains(facts []fact) []chain {
	var out []chain
	for _, f := range facts {
		if n := len(out); f.kind != revocation && (n == 0 || !f.when.Before(out[n-1].end())) {
			out = append(out, chain{anchor: calendar.DayOf(f.when), from: f.when, given: f.kind == gift})
		}
		out[len(out)-1].take(f) // a revocation comes after its payment, so there is one
	}
	return out
}

// chain is unbroken coverage.
type chain struct {
	anchor calendar.Day
	from   time.Time
	given  bool // it began with granted days: they cover the anchor day, and the first month begins after it
	trial  int  // months
	bought []period
	months int // of the trial and of all that was bought
	days   int // granted
	used   int // of days, before the last purchase that came after all months
	events []string
}

// period is one payment's months.
type period struct {
	of     transaction
	months int
	shift  int // granted days that were used before it
}

func (c *chain) take(f fact) {
	switch f.kind {
	case trial:
		c.anchor, c.trial, c.months = f.anchor, f.months, f.months
	case payment:
		if over := c.monthsThrough(c.months, c.used).DaysUntil(calendar.DayOf(f.when)); over > 0 {
			c.used += over
		}
		c.bought = append(c.bought, period{f.of, f.months, c.used})
		c.months += f.months
	case gift:
		c.days += f.days
	case revocation:
		if !c.revoke(f) {
			return
		}
	}
	c.events = append(c.events, f.event)
}

// revoke takes the months that have not begun, and tells whether there were any.
func (c *chain) revoke(f fact) bool {
	first := c.trial
	for i := range c.bought {
		p := &c.bought[i]
		if p.of == f.of {
			begun := 0
			for begun < p.months && !c.begins(first+begun, p.shift).After(f.when) {
				begun++
			}
			took := p.months - begun
			p.months, c.months = begun, c.months-took
			return took > 0
		}
		first += p.months
	}
	return false
}

// end is the instant at which the chain is over.
func (c *chain) end() time.Time {
	return calendar.Chain{Anchor: c.anchor, Months: c.months, Days: c.days}.End()
}

// monthsThrough is the last day of the first n months where so many granted days were used before them.
func (c *chain) monthsThrough(n, shift int) calendar.Day {
	return calendar.Chain{Anchor: c.anchor, Months: n, Days: shift}.Through()
}

// begins is the instant at which month i begins where so many granted days were used before it.
func (c *chain) begins(i, shift int) time.Time {
	if c.given || shift > 0 {
		return c.monthsThrough(i, shift).End()
	}
	return calendar.Chain{Anchor: c.anchor}.MonthBegins(i)
}

// stretches lays the chain out.
func (c *chain) stretches() []Stretch {
	var out []Stretch
	at, end := c.from, c.end()
	add := func(reason string, until time.Time) {
		if !until.After(at) {
			return
		}
		if n := len(out); n > 0 && out[n-1].Reason == reason {
			out[n-1].Until = until
		} else {
			out = append(out, Stretch{From: at, Until: until, Reason: reason, Events: c.events, ChainEnd: end})
		}
		at = until
	}
	n := c.trial
	if n > 0 {
		add(ReasonTrial, c.begins(n, 0))
	}
	for _, p := range c.bought {
		add(ReasonGranted, c.begins(n, p.shift))
		n += p.months
		add(ReasonPaid, c.monthsThrough(n, p.shift).End())
	}
	add(ReasonGranted, end)
	return out
}

// period is where the months of a payment lie.
func (s State) period(of transaction) PeriodGranted {
	for _, c := range chains(s.facts) {
		first := c.trial
		for _, p := range c.bought {
			if p.of == of {
				return PeriodGranted{
					From: later(c.from, c.begins(first, p.shift)), Until: c.monthsThrough(first+p.months, p.shift).End(),
					ChainAnchor: c.anchor, CoveredUntil: c.end(),
				}
			}
			first += p.months
		}
	}
	return PeriodGranted{}
}

// Bought is where the months of a payment lie as all facts make it, with those that were revoked of them and without. They are equal where
// nothing was revoked, and zero where the payment grants nothing.
func (s State) Bought(provider, id string) (from, until, revoked time.Time) {
	of := transaction{provider, id}
	if p, ok := s.Payment(provider, id); !ok || p.Event == "" {
		return time.Time{}, time.Time{}, time.Time{}
	}
	left := s.period(of)
	s.payment(provider, id, func(p *Payment) { p.Revocations = nil })
	s.facts = s.timeline()
	whole := s.period(of)
	return whole.From, whole.Until, left.Until
}
