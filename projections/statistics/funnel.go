package statistics

import (
	"context"
	"slices"
	"time"

	"kelisim/domain/activity"
	"kelisim/projections/reports"
)

// funnel counts, by the month of registration, how many of those who registered came to each further step (P-2.3 (2)): did anything, bought,
// bought again. A step counts after the one before it, and where the consent stood at it. The groups are nested: a count is left out where the
// step itself, or what was lost since the step above that is shown, is of fewer than 5 persons.
var funnel = Statistic{
	Name: "funnel", Purpose: marketing, By: []string{byMonth}, Most: 1, labels: steps,
	columns: func([]string) []reports.Column {
		return []reports.Column{
			{Key: "registered_in", Kind: reports.Day}, {Key: "step", Kind: reports.Text}, {Key: "persons", Kind: reports.Number}, {Key: "suppressed", Kind: reports.Flag},
		}
	},
	count: func(ctx context.Context, f *facts) (rows []reports.Row, err error) {
		first := map[int]time.Time{} // act of a person, by those who registered in the range
		cohort := make([]int, len(f.people))
		for i := range f.people {
			cohort[i] = f.cohort(i)
		}
		err = f.acts(ctx, func(who int, at time.Time, _ activity.Observed) {
			if before, acted := first[who]; cohort[who] >= 0 && (!acted || at.Before(before)) {
				first[who] = at
			}
		})
		reached := make([][]int, len(f.periods))
		for i := range reached {
			reached[i] = make([]int, len(steps))
		}
		for i := range f.people {
			if cohort[i] < 0 {
				continue
			}
			at, acted := first[i]
			for n := range f.people[i].steps(at, acted, f.KnownAt) {
				reached[cohort[i]][n]++
			}
		}
		for i, d := range f.periods {
			hidden := guardChain(reached[i]...)
			for n, s := range steps {
				rows = append(rows, append(reports.Row{d, s}, f.shown(reached[i][n], hidden[n])...))
			}
		}
		return rows, err
	},
}

var steps = []string{"registered", "acted", "bought", "bought-again"}

// steps is how many of the steps the person came to, one after the other.
func (p *person) steps(acted time.Time, has bool, known time.Time) int {
	if !has {
		return 1
	}
	var bought []time.Time
	for _, y := range p.State.Subscription.Payments() {
		if y.Event != "" && !y.PaidAt.Before(acted) && !y.PaidAt.After(known) && p.counts(y.PaidAt) {
			bought = append(bought, y.PaidAt)
		}
	}
	slices.SortFunc(bought, time.Time.Compare)
	return min(2+len(bought), len(steps))
}

// cohort is the place of the period in which a person registered whose registration may be counted, or -1.
func (f *facts) cohort(i int) int {
	p := &f.people[i]
	if at := p.State.Account.Registered.At; p.counts(at) {
		return f.period(at)
	}
	return -1
}
