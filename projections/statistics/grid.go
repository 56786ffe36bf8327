package statistics

import (
	"cmp"
	"slices"
)

// grid is a table of actions with its sums. Place 0 of a row or a column is the sum of the others; {0,0} is the sum of all. Cells without
// actions are not there.
type grid struct {
	rows, cols []string // the keys, from place 1 on; "" at place 0
	at         map[place]*cell
	places     []place // in the order of rows and columns, sums first
	inRow      map[int][]place
	inCol      map[int][]place
	// closed: the cells could not be guarded, and only the sums are shown.
	closed bool
}

type place struct{ row, col int }

// newGrid makes a table of counts by two keys.
func newGrid(counts map[[2]string]cell) *grid {
	g := &grid{rows: []string{""}, cols: []string{""}, at: map[place]*cell{}}
	for k := range counts {
		g.rows, g.cols = append(g.rows, k[0]), append(g.cols, k[1])
	}
	for _, keys := range []*[]string{&g.rows, &g.cols} {
		slices.Sort((*keys)[1:])
		*keys = slices.Compact(*keys)
	}
	placed := func(keys []string, key string) int { // a key may be empty, as place 0 is
		i, _ := slices.BinarySearch(keys[1:], key)
		return i + 1
	}
	for k, c := range counts {
		p := place{placed(g.rows, k[0]), placed(g.cols, k[1])}
		for _, q := range []place{p, {p.row, 0}, {0, p.col}, {0, 0}} {
			if g.at[q] == nil {
				g.at[q] = &cell{}
				g.places = append(g.places, q)
			}
			g.at[q].add(c)
		}
	}
	slices.SortFunc(g.places, func(a, b place) int { return cmp.Or(a.row-b.row, a.col-b.col) })
	g.inRow, g.inCol = map[int][]place{}, map[int][]place{}
	for _, p := range g.places {
		g.inRow[p.row], g.inCol[p.col] = append(g.inRow[p.row], p), append(g.inCol[p.col], p)
	}
	return g
}

// cells are those at places, without the sum of all.
func (g *grid) cells(places []place) (out []*cell) {
	for _, p := range places {
		if p != (place{}) {
			out = append(out, g.at[p])
		}
	}
	return out
}

// total is the sum of all, which is there also where nothing is.
func (g *grid) total() *cell {
	if g.at[place{}] == nil {
		g.at[place{}] = &cell{}
	}
	return g.at[place{}]
}

func rowOf(p place) int { return p.row }
func colOf(p place) int { return p.col }

// guard hides small cells and whatever would give them away. The sums of each edge are guarded as the statistic by that key alone guards
// them, so that the answers show the same. Every cell that is hidden then lies on a ring of hidden cells around which actions can be moved with no
// shown number changed, as many of them as the cell must be wide; and what is hidden of a line whose sum is shown is of enough persons
// together. Where that cannot be had, the cells are all closed.
func (g *grid) guard() {
	total := g.total()
	guardLine(g.cells(g.inCol[0]), total)
	guardLine(g.cells(g.inRow[0]), total)
	if total.hidden {
		return // nothing but this is shown
	}
	for _, p := range g.places {
		if c := g.at[p]; p.row > 0 && p.col > 0 {
			c.hidden = c.small() || g.at[place{p.row, 0}].hidden || g.at[place{0, p.col}].hidden
		}
	}
	for {
		if !g.surround() {
			g.closed = true
			return
		}
		if !g.widen() {
			return
		}
	}
}

// surround sees to it that every hidden cell is on rings that are wide enough, and hides the cheapest ones where it is not.
func (g *grid) surround() bool {
	r := g.rings()
	for i := 0; i < len(r.edges); i++ { // grows
		p := r.edges[i].place
		if r.wide(i, g.at[p].wide()) {
			continue
		}
		ring, ok := g.cheapest(p)
		if !ok {
			return false
		}
		for _, q := range ring {
			if c := g.at[q]; !c.hidden {
				c.hidden = true
				r.add(q, c)
			}
		}
	}
	return true
}

// widen hides one more cell where what is hidden of a line with a shown sum is of too few persons, and tells whether there was such a line.
func (g *grid) widen() bool {
	for _, of := range []func(place) int{rowOf, colOf} {
		hidden := map[int]*cell{}
		next := map[int]*cell{}
		for _, p := range g.places {
			if p.row == 0 || p.col == 0 {
				continue
			}
			c, line := g.at[p], of(p)
			switch {
			case c.hidden && hidden[line] == nil:
				hidden[line] = &cell{}
				fallthrough
			case c.hidden:
				hidden[line].add(*c)
			case next[line] == nil || c.actions < next[line].actions:
				next[line] = c
			}
		}
		for line := range max(len(g.rows), len(g.cols)) {
			if h := hidden[line]; h != nil && h.small() && next[line] != nil {
				next[line].hidden = true
				return true
			}
		}
	}
	return false
}

// cheapest is the ring of four around a cell that hides the fewest actions more, of those that are wide enough for it.
func (g *grid) cheapest(p place) (ring []place, ok bool) {
	if p.row == 0 || p.col == 0 {
		return nil, false // a sum's ring is of cells that are hidden already
	}
	usable := func(q place) bool {
		c := g.at[q]
		return c != nil && (c.hidden || q.row > 0 && q.col > 0)
	}
	least := 0
	for _, a := range g.inRow[p.row] {
		if a == p || !usable(a) {
			continue
		}
		for _, b := range g.inCol[p.col] {
			d := place{b.row, a.col}
			if b == p || !usable(b) || !usable(d) {
				continue
			}
			cost := 0
			for _, q := range []place{a, b, d} {
				if c := g.at[q]; !c.hidden {
					cost += c.actions
				}
			}
			if width(g.edge(p), g.edge(a), g.edge(b), g.edge(d)) >= g.at[p].wide() && (!ok || cost < least) {
				ring, ok, least = []place{a, b, d}, true, cost
			}
		}
	}
	return ring, ok
}

// without bound is more than any count.
const unbounded = 1 << 60

// edge is a hidden cell as a link between its row and its column. Every row and column of the table sums to nothing if the sums count as
// less than nothing; so whatever goes round over links changes no shown number. up is how much may go from the row to the column, down
// how much the other way: a cell loses all its actions but one at most.
type edge struct {
	place
	up, down int
}

func (g *grid) edge(p place) edge {
	left := g.at[p].actions - 1
	if (p.row == 0) != (p.col == 0) {
		return edge{p, left, unbounded}
	}
	return edge{p, unbounded, left}
}

// width is how far the first cell of a ring of four can be moved: along with the last, against the two between.
func width(p, a, b, d edge) int {
	return min(p.up, a.down, b.down, d.up, unbounded/2) + min(p.down, a.up, b.up, d.down, unbounded/2)
}
