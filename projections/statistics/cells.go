package statistics

import "slices"

// few remembers up to Least different persons: as many as matter.
type few struct {
	n   int
	ids [Least]int
}

func (w *few) add(who int) {
	if w.n < Least && !slices.Contains(w.ids[:w.n], who) {
		w.ids[w.n] = who
		w.n++
	}
}

// join adds the persons of another.
func (w *few) join(o few) {
	for _, who := range o.ids[:o.n] {
		w.add(who)
	}
}

// cell is a count of actions by some persons. How many persons is not shown: only whether there are enough of them.
type cell struct {
	actions int
	who     few
	hidden  bool
}

func (c *cell) small() bool { return c.who.n < Least }

func (c *cell) add(o cell) {
	c.actions += o.actions
	c.who.join(o.who)
}

// wide is how wide the interval of a hidden cell's possible values must be: no narrower than its own value where it is small.
func (c *cell) wide() int {
	if c.small() {
		return max(Least, c.actions)
	}
	return Least
}

// guardLine hides small cells of a line whose sum is shown, and others with them, the smallest first, until no hidden one can be told from
// the sum and what is left: there are two of them at least, of enough persons together, and each may be anything within an interval that is
// wide for it. Where that cannot be had the sum is hidden too, and with it the whole line. The cells' order decides between equals.
func guardLine(cells []*cell, sum *cell) {
	if sum.small() {
		sum.hidden = true
	}
	var hidden, shown []*cell
	for _, c := range cells {
		if c.hidden = c.small(); c.hidden {
			hidden = append(hidden, c)
		} else {
			shown = append(shown, c)
		}
	}
	slices.SortStableFunc(shown, func(a, b *cell) int { return a.actions - b.actions })
	for len(hidden) > 0 && !sum.hidden && !keepsApart(hidden) {
		if len(shown) == 0 {
			sum.hidden = true
			break
		}
		shown[0].hidden = true
		hidden, shown = append(hidden, shown[0]), shown[1:]
	}
	for _, c := range cells {
		c.hidden = c.hidden || sum.hidden
	}
}

// keepsApart tells whether the hidden cells of a line with a known sum keep their secrets from each other: every one has at least one action,
// which the reader knows.
func keepsApart(hidden []*cell) bool {
	var all cell
	for _, c := range hidden {
		all.add(*c)
	}
	if len(hidden) < 2 || all.small() {
		return false
	}
	return !slices.ContainsFunc(hidden, func(c *cell) bool { return all.actions-len(hidden) < c.wide() })
}

// guardChain tells which of the counts of nested groups are hidden: those of fewer than Least persons, none at all included, and those that
// differ from the group around them, as it is shown, by fewer than Least. Each hidden count has at least Least possible values, also for a reader
// who knows this rule.
func guardChain(counts ...int) []bool {
	hidden := make([]bool, len(counts))
	around := -1
	for i, n := range counts {
		if hidden[i] = n < Least || around >= 0 && around-n < Least; !hidden[i] {
			around = n
		}
	}
	return hidden
}
