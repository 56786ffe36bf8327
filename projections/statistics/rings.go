package statistics

// rings are the hidden cells of a grid as links between rows and columns.
type rings struct {
	*grid
	edges []edge
	links [][]int // edges of a node
	// Of the search of a path: the step by which a node was come to and how much can go so far, if it was seen in this search at all.
	came   []step
	room   []int
	seen   []int
	search int
	queue  []node
}

func (g *grid) rings() *rings {
	n := len(g.rows) + len(g.cols)
	r := &rings{grid: g, links: make([][]int, n), came: make([]step, n), room: make([]int, n), seen: make([]int, n)}
	for _, p := range g.places {
		if c := g.at[p]; c.hidden {
			r.add(p, c)
		}
	}
	return r
}

func (r *rings) add(p place, c *cell) {
	n := len(r.edges)
	r.edges = append(r.edges, r.edge(p))
	for _, at := range []node{r.row(p.row), r.column(p.col)} {
		r.links[at] = append(r.links[at], n)
	}
}

// wide tells whether a hidden cell's possible values, those that agree with every shown number, lie at least so far apart: as far as it can
// be raised and lowered along rings together.
func (r *rings) wide(i, want int) bool {
	e := r.edges[i]
	raised := r.flow(i, true, min(e.up, want))
	return raised >= want || raised+r.flow(i, false, min(e.down, want-raised)) >= want
}

// node is a row or, after all of them, a column.
type node int

func (r *rings) row(n int) node    { return node(n) }
func (r *rings) column(n int) node { return node(len(r.grid.rows) + n) }

func (r *rings) isColumn(n node) bool { return int(n) >= len(r.grid.rows) }

// flow is how much, up to a limit, can go round through an edge and back over others: forth from its row to its column, or else from its column
// to its row.
func (r *rings) flow(i int, forth bool, limit int) int {
	from, to := r.column(r.edges[i].col), r.row(r.edges[i].row)
	if !forth {
		from, to = to, from
	}
	moved := map[int]int{} // by edge, from its row to its column
	sum := 0
	for sum < limit {
		path, most := r.path(i, from, to, moved)
		if most == 0 {
			return sum
		}
		most = min(most, limit-sum)
		for _, s := range path {
			if s.forth {
				moved[s.edge] += most
			} else {
				moved[s.edge] -= most
			}
		}
		sum += most
	}
	return sum
}

// step goes over an edge, from its row to its column or back.
type step struct {
	edge  int
	forth bool
}

// path is a shortest way between two nodes that leaves one edge alone, and how much can go along it; 0 where there is none.
func (r *rings) path(without int, from, to node, moved map[int]int) (steps []step, most int) {
	r.search++
	r.seen[from], r.room[from] = r.search, unbounded
	r.queue = append(r.queue[:0], from)
	for i := 0; i < len(r.queue); i++ { // grows
		at := r.queue[i]
		forth := !r.isColumn(at)
		for _, k := range r.links[at] {
			e := r.edges[k]
			next, left := r.column(e.col), e.up-moved[k]
			if !forth {
				next, left = r.row(e.row), e.down+moved[k]
			}
			if r.seen[next] == r.search || k == without || left <= 0 {
				continue
			}
			r.seen[next], r.came[next], r.room[next] = r.search, step{k, forth}, min(left, r.room[at])
			if next == to {
				for n := to; n != from; {
					s := r.came[n]
					steps = append(steps, s)
					if s.forth {
						n = r.row(r.edges[s.edge].row)
					} else {
						n = r.column(r.edges[s.edge].col)
					}
				}
				return steps, r.room[to]
			}
			r.queue = append(r.queue, next)
		}
	}
	return nil, 0
}
