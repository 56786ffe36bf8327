package statistics

import (
	"context"
	"time"

	"kelisim/domain/activity"
	"kelisim/projections/reports"
)

// activeUsers counts, by period, the persons who did anything (T-1.5, P-2.3 (2)). The periods' groups overlap, and no sum over them is shown: no
// row tells anything of another.
var activeUsers = Statistic{
	Name: "active-users", Purpose: marketing, By: []string{byMonth, byWeek, byDay}, Most: 1,
	columns: func([]string) []reports.Column {
		return []reports.Column{{Key: "period", Kind: reports.Day}, {Key: "persons", Kind: reports.Number}, {Key: "suppressed", Kind: reports.Flag}}
	},
	count: func(ctx context.Context, f *facts) (rows []reports.Row, err error) {
		seen := make([][]uint64, len(f.periods)) // a bit for each person
		persons := make([]int, len(f.periods))
		err = f.acts(ctx, func(who int, at time.Time, _ activity.Observed) {
			i := f.period(at)
			if i < 0 {
				return
			}
			if seen[i] == nil {
				seen[i] = make([]uint64, len(f.people)/64+1)
			}
			if word, bit := &seen[i][who/64], uint64(1)<<(who%64); *word&bit == 0 {
				*word |= bit
				persons[i]++
			}
		})
		for i, d := range f.periods {
			rows = append(rows, append(reports.Row{d}, f.shown(persons[i], persons[i] < Least)...))
		}
		return rows, err
	},
}

// shown is a count as the asker may see it, and whether it is left out.
func (f *facts) shown(n int, hidden bool) []any {
	if hidden && !f.whole {
		return []any{nil, true}
	}
	return []any{n, false}
}
