package statistics

import "kelisim/projections/reports"

// Table is a month by two keys as everybody sees it. counts tells how often each person did something, by the keys.
func Table(counts map[[2]string]map[int]int) []reports.Row {
	return (&facts{}).table(newGrid(cellsOf(counts)), nil)
}

// Line is a month by the first key alone.
func Line(counts map[[2]string]map[int]int) []reports.Row {
	return (&facts{}).line(newGrid(cellsOf(counts)), nil)
}

func cellsOf(counts map[[2]string]map[int]int) map[[2]string]cell {
	out := map[[2]string]cell{}
	for k, by := range counts {
		var c cell
		for who, n := range by {
			c.actions += n
			c.who.add(who)
		}
		out[k] = c
	}
	return out
}

// GuardChain tells which counts of nested groups are left out.
var GuardChain = guardChain
