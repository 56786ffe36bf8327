package statistics

import (
	"context"
	"time"

	"kelisim/domain/activity"
	"kelisim/domain/calendar"
	"kelisim/projections/reports"
)

// retention follows those who registered in a month, a cohort, over the months after it: how many of them did anything in each (P-2.3 (2)). A
// count is left out where it, or the rest of the cohort, is of fewer than 5 persons; no sum over cohorts or months is shown.
var retention = Statistic{
	Name: "retention", Purpose: marketing, By: []string{byMonth}, Most: 1,
	columns: func([]string) []reports.Column {
		return []reports.Column{
			{Key: "cohort", Kind: reports.Day}, {Key: "members", Kind: reports.Number}, {Key: "months_after", Kind: reports.Number},
			{Key: "persons", Kind: reports.Number}, {Key: "suppressed", Kind: reports.Flag},
		}
	},
	count: func(ctx context.Context, f *facts) (rows []reports.Row, err error) {
		cohort, acted := make([]int, len(f.people)), make([]uint64, len(f.people)) // acted: a bit for each month after the first
		members := make([]int, len(f.periods))
		for i := range f.people {
			if cohort[i] = f.cohort(i); cohort[i] >= 0 {
				members[cohort[i]]++
			}
		}
		err = f.acts(ctx, func(who int, at time.Time, _ activity.Observed) {
			if cohort[who] < 0 {
				return
			}
			if n := monthsBetween(f.periods[cohort[who]], calendar.DayOf(at)); n >= 0 && n < longest {
				acted[who] |= 1 << n
			}
		})
		persons := make([][longest]int, len(f.periods))
		for i := range f.people {
			for n := range longest {
				if acted[i]&(1<<n) != 0 {
					persons[cohort[i]][n]++
				}
			}
		}
		last := calendar.DayOf(f.KnownAt)
		for i, d := range f.periods {
			for n := range min(monthsBetween(d, last)+1, longest) {
				hidden := guardChain(members[i], persons[i][n])
				whole := f.shown(members[i], hidden[0])[0]
				rows = append(rows, append(reports.Row{d, whole, n}, f.shown(persons[i][n], hidden[1])...))
			}
		}
		return rows, err
	},
}

// longest is for how many months a cohort is followed.
const longest = 25

// monthsBetween is how many months of the calendar a day lies after the month that begins with another.
func monthsBetween(first, d calendar.Day) int {
	a, b := first.Start().In(calendar.Zone()), d.Start().In(calendar.Zone())
	return (b.Year()-a.Year())*12 + int(b.Month()) - int(a.Month())
}
