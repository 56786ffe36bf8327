package statistics

import (
	"context"
	"time"

	"kelisim/domain/activity"
	"kelisim/projections/reports"
)

// actions counts what was done in each month, by one or two of: what was done, to which content, in which language and where (T-1.5, P-2.3
// (1)), with the sums. Every month is guarded by itself, so that a cell does not depend on the range. How many persons there were is not told:
// it is what cells are guarded by.
var actions = Statistic{
	Name: "actions", Purpose: research, By: []string{"content", "action", "language", "location"}, Most: 2, labels: []string{all, unknown, closed},
	columns: func(by []string) []reports.Column {
		out := []reports.Column{{Key: "month", Kind: reports.Day}}
		for _, w := range by {
			out = append(out, reports.Column{Key: w, Kind: reports.Text})
		}
		return append(out, reports.Column{Key: "actions", Kind: reports.Number}, reports.Column{Key: "suppressed", Kind: reports.Flag})
	},
	count: func(ctx context.Context, f *facts) (rows []reports.Row, err error) {
		months := make([]map[[2]string]cell, len(f.periods))
		err = f.acts(ctx, func(who int, at time.Time, o activity.Observed) {
			i := f.period(at)
			if i < 0 {
				return
			}
			if months[i] == nil {
				months[i] = map[[2]string]cell{}
			}
			var key [2]string
			for n, w := range f.by {
				key[n] = keyOf(o, w)
			}
			c := months[i][key]
			c.actions++
			c.who.add(who)
			months[i][key] = c
		})
		for i, d := range f.periods {
			g := newGrid(months[i])
			if len(f.by) == 1 {
				rows = append(rows, f.line(g, reports.Row{d})...)
			} else {
				rows = append(rows, f.table(g, reports.Row{d})...)
			}
		}
		return rows, err
	},
}

// What stands in place of a key; no key that is recorded has such a sign.
const (
	all     = "*" // the sum
	unknown = "?" // nothing was said
	closed  = "~" // cells that are not shown at all
)

func keyOf(o activity.Observed, by string) string {
	key := o.Object
	switch by {
	case "action":
		key = o.Action
	case "language":
		key = o.Language
	case "location":
		key = o.Location
	}
	if key == "" {
		return unknown
	}
	return key
}

// line is a month by one key. Where the sum is of too few persons, or of nobody, only that is said.
func (f *facts) line(g *grid, begin reports.Row) (rows []reports.Row) {
	sum := g.total()
	guardLine(g.cells(g.inCol[0]), sum)
	if !sum.hidden || f.whole {
		for _, p := range g.inCol[0] {
			if p.row > 0 {
				rows = append(rows, f.row(begin, g.at[p], g.rows[p.row]))
			}
		}
	}
	return append(rows, f.row(begin, sum, all))
}

// table is a month by two keys, its sums after its cells.
func (f *facts) table(g *grid, begin reports.Row) (rows []reports.Row) {
	sum := g.total()
	g.guard()
	if sum.hidden && !f.whole {
		return []reports.Row{f.row(begin, sum, all, all)}
	}
	var cells, sums []reports.Row
	for _, p := range g.places {
		row, col := all, all
		if p.row > 0 {
			row = g.rows[p.row]
		}
		if p.col > 0 {
			col = g.cols[p.col]
		}
		switch {
		case p == place{}:
		case p.row == 0 || p.col == 0:
			sums = append(sums, f.row(begin, g.at[p], row, col))
		case !g.closed || f.whole:
			cells = append(cells, f.row(begin, g.at[p], row, col))
		}
	}
	if g.closed && !f.whole {
		cells = []reports.Row{f.row(begin, &cell{hidden: true}, closed, closed)}
	}
	return append(append(cells, sums...), f.row(begin, sum, all, all))
}

func (f *facts) row(begin reports.Row, c *cell, keys ...string) reports.Row {
	row := append(reports.Row{}, begin...)
	for _, k := range keys {
		row = append(row, k)
	}
	return append(row, f.shown(c.actions, c.hidden)...)
}
