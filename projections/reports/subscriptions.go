package reports

import (
	"cmp"
	"slices"
	"time"

	"kelisim/domain"
	"kelisim/domain/calendar"
	"kelisim/domain/subscription"
)

// subscriptions counts, for each month of the calendar of Astana, what became of trials and coverage and which periods were bought (T-2.1).
// They are counts for running the service (T-1.5): they rest on nobody's consent and tell of nobody.
//
// registered: trials begun. trial-ended: trials whose end came; trial-converted: those of them that paid use followed without a gap.
// first-bought, renewed, returned: payments that granted months, being a person's first, one within coverage, or one after a gap; each by the
// months of its period. lapsed: unbroken use that ended, the trial's included. Sums are of payments as they came, before refunds.
var subscriptions = Report{
	Name:  "subscriptions",
	Codes: map[string][]string{"measure": measures},
	Columns: []Column{
		{"month", Day}, {"measure", Text}, {"period_months", Number}, {"count", Number}, {"amount", Sum},
	},
	Make: func(f *Facts) (rows []Row) {
		t := tally{Facts: f, counts: map[cell]int{}, sums: map[cell]int64{}}
		for _, p := range f.present() {
			t.take(p.State.Subscription)
		}
		for c := range t.counts {
			t.cells = append(t.cells, c)
		}
		slices.SortFunc(t.cells, func(a, b cell) int {
			return cmp.Or(a.month.Compare(b.month), cmp.Compare(slices.Index(measures, a.measure), slices.Index(measures, b.measure)),
				cmp.Compare(a.period, b.period), cmp.Compare(a.currency, b.currency))
		})
		for _, c := range t.cells {
			row := Row{c.month, c.measure, nil, t.counts[c], nil}
			if c.period > 0 {
				row[2], row[4] = c.period, domain.Money{Minor: t.sums[c], Currency: c.currency}
			}
			rows = append(rows, row)
		}
		return rows
	},
}

var measures = []string{"registered", "trial-ended", "trial-converted", "first-bought", "renewed", "returned", "lapsed"}

type cell struct {
	month    calendar.Day // its first
	measure  string
	period   int // months bought, 0 where nothing was
	currency string
}

type tally struct {
	*Facts
	counts map[cell]int
	sums   map[cell]int64
	cells  []cell
}

// add counts what happened at a moment, if it lies in the range.
func (t *tally) add(at time.Time, measure string, period int, amount domain.Money) {
	if !t.happened(at) || !t.selects(at) {
		return
	}
	d := calendar.DayOf(at)
	first, _ := calendar.ParseDay(d.String()[:8] + "01")
	c := cell{first, measure, period, amount.Currency}
	t.counts[c]++
	t.sums[c] += amount.Minor
}

func (t *tally) take(s subscription.State) {
	for _, m := range Milestones(s, t.AsOf) {
		t.add(m.At, m.Measure, m.Months, m.Amount)
	}
}

// Milestone is a turn in a person's use, in a word of subscriptions; a payment has its months and its sum.
type Milestone struct {
	At      time.Time
	Measure string
	Months  int
	Amount  domain.Money
}

// Milestones are the turns in a person's use up to a moment, as facts made them that had happened by then.
func Milestones(s subscription.State, asOf time.Time) (out []Milestone) {
	add := func(at time.Time, measure string, months int, amount domain.Money) {
		if !at.IsZero() && !at.After(asOf) {
			out = append(out, Milestone{at, measure, months, amount})
		}
	}
	covered := s.Coverage(asOf)
	if k, ok := s.Trial(); ok {
		add(k.From, "registered", 0, domain.Money{})
		add(k.Until, "trial-ended", 0, domain.Money{})
		if slices.ContainsFunc(covered, func(c subscription.Stretch) bool { return c.Reason == subscription.ReasonPaid && c.From.Equal(k.Until) }) {
			add(k.Until, "trial-converted", 0, domain.Money{})
		}
	}
	paid := slices.DeleteFunc(s.Payments(), func(p subscription.Payment) bool { return p.Event == "" || p.PaidAt.IsZero() || p.PaidAt.After(asOf) })
	slices.SortStableFunc(paid, func(a, b subscription.Payment) int { return a.PaidAt.Compare(b.PaidAt) })
	for i, p := range paid {
		measure := "returned"
		if i == 0 {
			measure = "first-bought"
		} else if slices.ContainsFunc(s.Coverage(p.PaidAt.Add(-1)), func(c subscription.Stretch) bool { return !c.From.After(p.PaidAt) && p.PaidAt.Before(c.Until) }) {
			measure = "renewed"
		}
		add(p.PaidAt, measure, p.Months, p.Amount)
	}
	for _, c := range covered {
		if c.Until.Equal(c.ChainEnd) {
			add(c.Until, "lapsed", 0, domain.Money{})
		}
	}
	return out
}
