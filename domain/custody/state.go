package custody

import (
	"slices"
	"time"

	"kelisim/domain/event"
)

// State is the master key's history. It begins with generation 1, which no event made.
type State struct {
	made []Generation // above the first, in the order of their numbers
	one  Fact         // when the first was dropped
}

// Fact is when something became so, and by which event; zero where it never did.
type Fact struct {
	At       time.Time
	Position int64
	Event    string
}

// Generation is one generation of the master key.
type Generation struct {
	N       int
	Begun   Fact // zero for the first
	Rotated Fact // zero while not every living key is wrapped under it, and for the first
	Dropped Fact // zero while it is kept
}

func evolve(s State, e Event, m event.Meta) State {
	fact := Fact{m.OccurredAt, m.Position, m.ID.String()}
	s.made = slices.Clone(s.made)
	change := func(n int, set func(*Generation)) {
		for i := range s.made {
			if s.made[i].N == n {
				set(&s.made[i])
			}
		}
	}
	switch e := e.(type) {
	case RotationBegun:
		s.made = append(s.made, Generation{N: e.Generation, Begun: fact})
	case Rotated:
		change(e.Generation, func(g *Generation) { g.Rotated = fact })
	case GenerationDropped:
		if e.Generation == 1 {
			s.one = fact
		}
		change(e.Generation, func(g *Generation) { g.Dropped = fact })
	default:
		panic("unhandled custody event")
	}
	return s
}

// Generations lists all there were, the oldest first.
func (s State) Generations() []Generation {
	return append([]Generation{{N: 1, Dropped: s.one}}, s.made...)
}

// Newest is the number of the newest generation that there was or is to be.
func (s State) Newest() int {
	all := s.Generations()
	return all[len(all)-1].N
}

// InUse is the generation under which every living key is wrapped: the newest whose rotation came to its end.
func (s State) InUse() int {
	n := 1
	for _, g := range s.made {
		if g.Rotated.Event != "" {
			n = g.N
		}
	}
	return n
}

func (s State) generation(n int) (Generation, bool) {
	for _, g := range s.Generations() {
		if g.N == n {
			return g, true
		}
	}
	return Generation{}, false
}

// Superseded tells since when no living key needs a generation, and whether that is so.
func (s State) Superseded(n int) (since time.Time, ok bool) {
	for _, g := range s.made {
		if g.N > n && g.Rotated.Event != "" {
			return g.Rotated.At, true
		}
	}
	return time.Time{}, false
}

// Final tells by which fact a destruction of keys became final that is recorded at a position, and whether it did. The first rotation that
// began after it was carried through is its boundary: the destroyed keys were never wrapped under that generation, only under older ones, and
// all of these are dropped.
func (s State) Final(position int64) (Fact, bool) {
	all := s.Generations()
	boundary := slices.IndexFunc(all, func(g Generation) bool { return g.Begun.Position > position && g.Rotated.Event != "" })
	if boundary < 0 {
		return Fact{}, false
	}
	var last Fact
	for _, g := range all[:boundary] {
		if g.Dropped.Event == "" {
			return Fact{}, false
		}
		if g.Dropped.Position > last.Position {
			last = g.Dropped
		}
	}
	return last, true
}
