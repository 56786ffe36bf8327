package statistics

import (
	"context"
	"slices"
	"time"

	"kelisim/domain/consent"
	"kelisim/domain/subscription"
	"kelisim/projections/reports"
)

// operations counts what the service needs to know to run, by period, a row for each measure (T-1.5). It looks at nothing that a person did
// but what they agreed to, ordered and paid.
//
// registered: registrations; trial-ended, trial-converted, first-bought, renewed, returned and lapsed as the report subscriptions tells them.
// withdrawal-received: notices by the day of receipt; withdrawn: those that took effect. blocked, unblocked: of cabinets. active-cabinets: those
// that had paid or free use and no block at the period's end, or at known_at where that comes first.
var operations = Statistic{
	Name: "operations", By: []string{byMonth, byWeek, byDay}, Most: 1, labels: measures,
	columns: func([]string) []reports.Column {
		return []reports.Column{{Key: "period", Kind: reports.Day}, {Key: "measure", Kind: reports.Text}, {Key: "count", Kind: reports.Number}}
	},
	count: func(_ context.Context, f *facts) (rows []reports.Row, err error) {
		counts := make([]map[string]int, len(f.periods))
		for i := range counts {
			counts[i] = map[string]int{}
		}
		add := func(at time.Time, measure string) {
			if i := f.period(at); i >= 0 && !at.IsZero() && !at.After(f.KnownAt) {
				counts[i][measure]++
			}
		}
		for i := range f.people {
			f.people[i].milestones(f.KnownAt, add)
		}
		for i, d := range f.periods {
			end := after(f.grain, d, 1).Start().Add(-time.Microsecond)
			if f.KnownAt.Before(end) {
				end = f.KnownAt
			}
			for n := range f.people {
				if f.people[n].active(f.KnownAt, end) {
					counts[i]["active-cabinets"]++
				}
			}
		}
		for i, d := range f.periods {
			for _, m := range measures {
				rows = append(rows, reports.Row{d, m, counts[i][m]})
			}
		}
		return rows, nil
	},
}

var measures = []string{
	"registered", "trial-ended", "trial-converted", "first-bought", "renewed", "returned", "lapsed",
	"withdrawal-received", "withdrawn", "blocked", "unblocked", "active-cabinets",
}

func (p *person) milestones(known time.Time, add func(time.Time, string)) {
	for _, m := range reports.Milestones(p.State.Subscription, known) {
		add(m.At, m.Measure)
	}
	for _, n := range p.State.Consent.Notices {
		add(n.ReceivedOn.Start(), "withdrawal-received")
		if n.StatusAt(known) == consent.StatusEffective {
			add(n.EffectiveFrom, "withdrawn")
		}
	}
	for _, b := range p.State.Account.Blocks {
		add(b.Since, "blocked")
		if !b.Until.IsZero() {
			add(b.Until, "unblocked")
		}
	}
}

// active tells whether the cabinet could be used at a moment, by what is known.
func (p *person) active(known, at time.Time) bool {
	if _, blocked := p.State.Account.BlockedAt(at); blocked {
		return false
	}
	return slices.ContainsFunc(p.State.Subscription.Coverage(known), func(c subscription.Stretch) bool { return !c.From.After(at) && at.Before(c.Until) })
}
