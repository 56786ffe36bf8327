package statistics_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"kelisim/projections/reports"
	"kelisim/projections/statistics"
)

// drawn is a random table: how often each person did something, by content and language.
func drawn(r *rand.Rand) map[[2]string]map[int]int {
	out := map[[2]string]map[int]int{}
	people, contents, languages := 4+r.IntN(60), 1+r.IntN(6), 1+r.IntN(4)
	sparse := r.IntN(3)
	for range people * (1 + r.IntN(6)) {
		k := [2]string{fmt.Sprint("course-", min(r.IntN(contents), r.IntN(contents))), []string{"kk", "ru", "en", "tr"}[min(r.IntN(languages), r.IntN(languages))]}
		if sparse == 0 && len(out) > 0 && out[k] == nil && r.IntN(4) > 0 {
			continue
		}
		if out[k] == nil {
			out[k] = map[int]int{}
		}
		times := 1
		if r.IntN(10) == 0 {
			times += r.IntN(30)
		}
		out[k][r.IntN(people)] += times
	}
	return out
}

// published is a table as a reader has it.
type published struct {
	keys   [][2]string
	shown  map[[2]string]int
	hidden map[[2]string]bool
	closed bool
}

func read(rows []reports.Row) published {
	p := published{shown: map[[2]string]int{}, hidden: map[[2]string]bool{}}
	for _, row := range rows {
		k := [2]string{row[0].(string), "*"}
		if len(row) == 4 {
			k[1] = row[1].(string)
		}
		if k == [2]string{"~", "~"} {
			p.closed = true
			continue
		}
		p.keys = append(p.keys, k)
		if n, ok := row[len(row)-2].(int); ok {
			p.shown[k] = n
		} else {
			p.hidden[k] = true
		}
	}
	return p
}

// interval is what a reader who solves the table's sums exactly learns of a hidden cell: its least and its greatest possible value. A listed
// cell has at least one action; what is not listed has none, unless cells are closed.
func (p published) interval(cell [2]string) (least, most float64) {
	var unknown [][2]string
	at := map[[2]string]int{}
	floor := map[[2]string]float64{}
	add := func(k [2]string, lower float64) {
		at[k] = len(unknown)
		floor[k] = lower
		unknown = append(unknown, k)
	}
	for _, k := range p.keys {
		if p.hidden[k] {
			add(k, 1)
		}
	}
	rows, cols := map[string]bool{}, map[string]bool{}
	for _, k := range p.keys {
		rows[k[0]], cols[k[1]] = true, true
	}
	delete(rows, "*")
	delete(cols, "*")
	table := len(cols) > 0
	if p.closed {
		for r := range rows {
			for c := range cols {
				add([2]string{r, c}, 0)
			}
		}
	}
	var a [][]float64
	var b []float64
	equation := func(parts [][2]string, sum [2]string) { // parts − sum = 0
		line, right := make([]float64, len(unknown)), 0.0
		put := func(k [2]string, sign float64) {
			if i, ok := at[k]; ok {
				line[i] += sign
				right -= sign * floor[k]
			} else {
				right -= sign * float64(p.shown[k])
			}
		}
		for _, k := range parts {
			put(k, 1)
		}
		put(sum, -1)
		a, b = append(a, line), append(b, right)
	}
	line := func(keys map[string]bool, key func(string) [2]string) (out [][2]string) {
		for _, k := range slices.Sorted(maps.Keys(keys)) {
			out = append(out, key(k))
		}
		return out
	}
	equation(line(rows, func(k string) [2]string { return [2]string{k, "*"} }), [2]string{"*", "*"})
	if table {
		equation(line(cols, func(k string) [2]string { return [2]string{"*", k} }), [2]string{"*", "*"})
		for r := range rows {
			equation(line(cols, func(k string) [2]string { return [2]string{r, k} }), [2]string{r, "*"})
		}
		for c := range cols {
			equation(line(rows, func(k string) [2]string { return [2]string{k, c} }), [2]string{"*", c})
		}
	}
	goal := make([]float64, len(unknown))
	goal[at[cell]] = 1
	most = greatest(a, b, goal) + floor[cell]
	goal[at[cell]] = -1
	return floor[cell] - greatest(a, b, goal), most
}

// greatest is the most that goal·z can be where a·z = b and no z is below 0; +Inf where it has no bound. It is the simplex method in two phases,
// by Bland's rule.
func greatest(a [][]float64, b, goal []float64) float64 {
	const eps = 1e-7
	rows, cols := len(a), len(goal)
	t := make([][]float64, rows)
	basis := make([]int, rows)
	for i := range a {
		t[i] = make([]float64, cols+rows+1)
		copy(t[i], a[i])
		t[i][cols+rows] = b[i]
		if b[i] < 0 {
			for j := range t[i] {
				t[i][j] = -t[i][j]
			}
		}
		t[i][cols+i] = 1
		basis[i] = cols + i
	}
	run := func(cost []float64, usable int) float64 {
		for {
			enter := -1
			for j := 0; j < usable && enter < 0; j++ {
				gain := cost[j]
				for i := range t {
					gain -= cost[basis[i]] * t[i][j]
				}
				if gain > eps {
					enter = j
				}
			}
			if enter < 0 {
				sum := 0.0
				for i := range t {
					sum += cost[basis[i]] * t[i][cols+rows]
				}
				return sum
			}
			leave := -1
			for i := range t {
				if t[i][enter] > eps {
					ratio := t[i][cols+rows] / t[i][enter]
					if leave < 0 || ratio < t[leave][cols+rows]/t[leave][enter]-eps ||
						ratio < t[leave][cols+rows]/t[leave][enter]+eps && basis[i] < basis[leave] {
						leave = i
					}
				}
			}
			if leave < 0 {
				return math.Inf(1)
			}
			pivot := t[leave][enter]
			for j := range t[leave] {
				t[leave][j] /= pivot
			}
			for i := range t {
				if f := t[i][enter]; i != leave && f != 0 {
					for j := range t[i] {
						t[i][j] -= f * t[leave][j]
					}
				}
			}
			basis[leave] = enter
		}
	}
	first := make([]float64, cols+rows)
	for j := cols; j < len(first); j++ {
		first[j] = -1
	}
	if run(first, cols+rows) < -eps {
		panic("the published table has no solution")
	}
	for i := range basis { // what is still artificial is 0: let a real one stand for it, or leave an empty line
		if basis[i] >= cols {
			for j := range cols {
				if math.Abs(t[i][j]) > eps {
					pivot := t[i][j]
					for k := range t[i] {
						t[i][k] /= pivot
					}
					for m := range t {
						if f := t[m][j]; m != i && f != 0 {
							for k := range t[m] {
								t[m][k] -= f * t[i][k]
							}
						}
					}
					basis[i] = j
					break
				}
			}
		}
	}
	return run(append(slices.Clone(goal), make([]float64, rows)...), cols)
}

// What is left out cannot be solved from what is shown: each hidden cell has an interval of possible values at least 5 wide, and as wide as its
// own value where it is small; and what is hidden of a line whose sum is shown is of 5 persons at least.
func TestNothingCanBeSolved(t *testing.T) {
	hidden, closed, tables := 0, 0, 0
	for seed := range uint64(600) {
		r := rand.New(rand.NewPCG(21, seed))
		counts := drawn(r)
		who, truth := sums(counts)
		for form, rows := range map[string][]reports.Row{"table": statistics.Table(counts), "line": statistics.Line(counts)} {
			p := read(rows)
			for k, n := range p.shown {
				if n != truth[k] || len(who[k]) < statistics.Least {
					t.Fatalf("seed %d, %s: %v is shown as %d: %d actions of %d persons", seed, form, k, n, truth[k], len(who[k]))
				}
			}
			if p.hidden[[2]string{"*", "*"}] {
				if len(p.keys) != 1 {
					t.Fatalf("seed %d, %s: the sum of all is hidden, and more is told: %v", seed, form, rows)
				}
				continue
			}
			tables++
			if p.closed {
				closed++
			}
			for k := range p.hidden {
				hidden++
				want := statistics.Least
				if len(who[k]) < statistics.Least {
					want = max(want, truth[k])
				}
				least, most := p.interval(k)
				if most-least < float64(want)-1e-6 || float64(truth[k]) < least-1e-6 || float64(truth[k]) > most+1e-6 {
					t.Fatalf("seed %d, %s: %v, which is %d of %d persons, is known to be from %v to %v: %v", seed, form, k, truth[k], len(who[k]), least, most, rows)
				}
			}
			for line, together := range hiddenOf(p, who) {
				if _, shown := p.shown[line]; shown && len(together) < statistics.Least {
					t.Fatalf("seed %d, %s: what is hidden of %v is of %d persons together: %v", seed, form, line, len(together), rows)
				}
			}
		}
	}
	t.Logf("%d hidden cells in %d tables, %d of them closed", hidden, tables, closed)
	if hidden < 2000 || closed > tables/8 {
		t.Errorf("%d hidden cells, %d of %d tables closed: too little is held here", hidden, closed, tables)
	}
}

// sums are the persons and the actions of each cell and each sum.
func sums(counts map[[2]string]map[int]int) (who map[[2]string]map[int]bool, actions map[[2]string]int) {
	who, actions = map[[2]string]map[int]bool{}, map[[2]string]int{}
	for k, by := range counts {
		for _, q := range [][2]string{k, {k[0], "*"}, {"*", k[1]}, {"*", "*"}} {
			if who[q] == nil {
				who[q] = map[int]bool{}
			}
			for n, times := range by {
				who[q][n] = true
				actions[q] += times
			}
		}
	}
	return who, actions
}

// hiddenOf are the persons of what is hidden of each line, by its sum.
func hiddenOf(p published, who map[[2]string]map[int]bool) map[[2]string]map[int]bool {
	out := map[[2]string]map[int]bool{}
	for k := range p.hidden {
		var of [][2]string
		switch {
		case k[0] != "*" && k[1] != "*":
			of = [][2]string{{k[0], "*"}, {"*", k[1]}}
		default:
			of = [][2]string{{"*", "*"}}
		}
		for _, line := range of {
			if line == ([2]string{"*", "*"}) && k[0] == "*" { // of the other edge
				line[0] = "* by column"
			}
			if out[line] == nil {
				out[line] = map[int]bool{}
			}
			maps.Copy(out[line], who[k])
		}
	}
	if by, ok := out[[2]string{"* by column", "*"}]; ok {
		delete(out, [2]string{"* by column", "*"})
		if rows, both := out[[2]string{"*", "*"}]; !both || len(by) < len(rows) {
			out[[2]string{"*", "*"}] = by
		}
	}
	return out
}

// A reader who knows the rule of nested groups is left with at least 5 possible counts for each that is hidden.
func TestChainLeavesFivePossible(t *testing.T) {
	const top = 16
	seen := map[string][3]map[int]bool{} // what is shown, and which counts can be behind it
	for a := range top {
		for b := range a + 1 {
			for c := range b + 1 {
				counts, shown := []int{a, b, c}, []any{a, b, c}
				for i, hidden := range statistics.GuardChain(counts...) {
					if hidden {
						shown[i] = "-"
					}
				}
				k := fmt.Sprint(shown)
				if _, ok := seen[k]; !ok {
					seen[k] = [3]map[int]bool{{}, {}, {}}
				}
				for i, n := range counts {
					seen[k][i][n] = true
				}
			}
		}
	}
	for k, behind := range seen {
		for i, possible := range behind {
			var shown [3]string
			fmt.Sscanf(k, "[%s %s %s", &shown[0], &shown[1], &shown[2])
			if shown[i][0] == '-' && len(possible) < statistics.Least {
				t.Errorf("%s leaves only %v at %d", k, slices.Sorted(maps.Keys(possible)), i)
			}
		}
	}
}
