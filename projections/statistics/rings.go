package statistics

// rings are the hidden cells of a grid as links between rows and columns.
type rings struct {
	*grid
	edges []edge
	rows  map[int][]int // edges of a row
	cols  map[int][]int // edges of a column
}

func (g *grid) rings() *rings {
	r := &rings{grid: g, rows: map[int][]int{}, cols: map[int][]int{}}
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
	r.rows[p.row], r.cols[p.col] = append(r.rows[p.row], n), append(r.cols[p.col], n)
}

// wide tells whether a hidden cell's possible values, those that agree with every shown number, lie at least so far apart: as far as it can
// be raised and lowered along rings together.
func (r *rings) wide(i, want int) bool {
	e := r.edges[i]
	raised := r.flow(i, true, min(e.up, want))
	return raised >= want || raised+r.flow(i, false, min(e.down, want-raised)) >= want
}

// node is a row or a column.
type node struct {
	column bool
	n      int
}

// flow is how much, up to a limit, can go round through an edge and back over others: forth from its row to its column, or else from its column
// to its row.
func (r *rings) flow(i int, forth bool, limit int) int {
	from, to := node{true, r.edges[i].col}, node{false, r.edges[i].row}
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
	came := map[node]step{from: {-1, false}}
	room := map[node]int{from: unbounded}
	for queue := []node{from}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		edges := r.rows[at.n]
		if at.column {
			edges = r.cols[at.n]
		}
		for _, k := range edges {
			e, next, left := r.edges[k], node{!at.column, 0}, 0
			if at.column {
				next.n, left = e.row, e.down+moved[k]
			} else {
				next.n, left = e.col, e.up-moved[k]
			}
			if _, seen := came[next]; seen || k == without || left <= 0 {
				continue
			}
			came[next], room[next] = step{k, !at.column}, min(left, room[at])
			if next == to {
				for n := to; n != from; {
					s := came[n]
					steps = append(steps, s)
					if s.forth {
						n = node{false, r.edges[s.edge].row}
					} else {
						n = node{true, r.edges[s.edge].col}
					}
				}
				return steps, room[to]
			}
			queue = append(queue, next)
		}
	}
	return nil, 0
}
