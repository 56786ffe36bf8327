package custody_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"kelisim/domain"
	"kelisim/domain/custody"
	"kelisim/domain/decidertest"
	"kelisim/domain/event"
)

func story(t *testing.T) *decidertest.Story[custody.Command, custody.State, custody.Event] {
	return decidertest.New(t, custody.Decider)
}

func TestTotal(t *testing.T) { decidertest.Total(t, custody.Decider, custody.Events) }

// A generation is announced, holds all living keys, and is dropped when a newer one does.
func TestGenerations(t *testing.T) {
	var in domain.Context
	s := story(t).
		When(in, custody.DropGeneration{1}).Refused("generation-in-use").
		When(in, custody.BeginRotation{1}).Refused("generation-exists").
		When(in, custody.FinishRotation{2}).Refused("generation-not-found").
		When(in, custody.BeginRotation{2}).Then(custody.RotationBegun{2}).
		When(in, custody.BeginRotation{2}).Refused("generation-exists").
		When(in, custody.DropGeneration{1}).Refused("generation-in-use"). // while keys are being wrapped anew
		When(in, custody.FinishRotation{2}).Then(custody.Rotated{2}).
		When(in, custody.FinishRotation{2}).Nothing().
		When(in, custody.DropGeneration{1}).Then(custody.GenerationDropped{1}).
		When(in, custody.DropGeneration{1}).Nothing().
		When(in, custody.DropGeneration{2}).Refused("generation-in-use").
		When(in, custody.DropGeneration{3}).Refused("generation-not-found").
		When(in, custody.BeginRotation{5}).Then(custody.RotationBegun{5}). // an older master key was put back
		State()
	if s.Newest() != 5 || s.InUse() != 2 || len(s.Generations()) != 3 {
		t.Errorf("newest %d, in use %d, %+v", s.Newest(), s.InUse(), s.Generations())
	}
	if _, ok := s.Superseded(2); ok {
		t.Error("a generation in use is superseded")
	}
	if _, ok := s.Superseded(1); !ok {
		t.Error("a generation that nobody needs is not superseded")
	}
}

// happened folds events that are recorded at positions 1, 2, 3 …
func happened(events ...custody.Event) custody.State {
	var s custody.State
	for i, e := range events {
		s = custody.Decider.Evolve(s, e, event.Meta{Position: int64(i + 1), OccurredAt: decidertest.Start.Add(time.Duration(i) * time.Hour)})
	}
	return s
}

// P-2.5: a destruction is final when every generation is gone under which its keys were ever wrapped, and not a moment before.
func TestFinal(t *testing.T) {
	type step = custody.Event
	begun, rotated, dropped := func(n int) step { return custody.RotationBegun{n} }, func(n int) step { return custody.Rotated{n} }, func(n int) step { return custody.GenerationDropped{n} }
	for name, c := range map[string]struct {
		at     int64 // where the destruction is recorded: after so many steps
		events []step
		final  int64 // by which position; 0: never
	}{
		"nothing happened":                           {0, nil, 0},
		"rotated, and the old one is kept":           {0, []step{begun(2), rotated(2)}, 0},
		"rotated and dropped":                        {0, []step{begun(2), rotated(2), dropped(1)}, 3},
		"destroyed while keys were wrapped anew":     {1, []step{begun(2), rotated(2), dropped(1)}, 0},
		"destroyed after the rotation":               {2, []step{begun(2), rotated(2), dropped(1)}, 0},
		"and the next rotation":                      {2, []step{begun(2), rotated(2), dropped(1), begun(3), rotated(3)}, 0},
		"and its drop":                               {2, []step{begun(2), rotated(2), dropped(1), begun(3), rotated(3), dropped(2)}, 6},
		"a rotation that was cut short":              {0, []step{begun(2)}, 0},
		"and the one after it":                       {0, []step{begun(2), begun(3), rotated(3), dropped(1)}, 0},
		"and what it left":                           {0, []step{begun(2), begun(3), rotated(3), dropped(1), dropped(2)}, 5},
		"dropped out of order":                       {0, []step{begun(2), begun(3), rotated(3), dropped(2), dropped(1)}, 5},
		"a later rotation does not wait for nothing": {0, []step{begun(2), rotated(2), begun(3), rotated(3), dropped(1)}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			fact, ok := happened(c.events...).Final(c.at)
			if ok != (c.final > 0) || fact.Position != c.final {
				t.Errorf("final by position %d (%v), want %d", fact.Position, ok, c.final)
			}
		})
	}
}

// Whatever is rotated and dropped in whatever order: what is said to be final was never wrapped under a generation that is kept.
func TestFinalIsTrue(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var s custody.State
		wrapped := map[int]bool{1: true} // the generations under which the destroyed key was ever wrapped
		kept := map[int]bool{1: true}
		position, newest, begun, destroyed := int64(0), 1, 0, int64(-1)
		record := func(e custody.Event) {
			position++
			s = custody.Decider.Evolve(s, e, event.Meta{Position: position})
		}
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			switch rapid.IntRange(0, 3).Draw(rt, "step") {
			case 0: // a rotation begins; what is not destroyed yet may be wrapped under it at any moment from now on
				newest++
				begun = newest
				record(custody.RotationBegun{newest})
				kept[newest] = true
				if destroyed < 0 {
					wrapped[newest] = true
				}
			case 1:
				if begun > 0 {
					record(custody.Rotated{begun})
					begun = 0
				}
			case 2:
				n := rapid.IntRange(1, newest).Draw(rt, "generation")
				if events, err := custody.Decider.Decide(s, custody.DropGeneration{n}, domain.Context{}); err == nil && len(events) == 1 {
					record(events[0])
					delete(kept, n)
				}
			case 3:
				if destroyed < 0 {
					position++ // its event stands in another stream
					destroyed = position
				}
			}
			if destroyed < 0 {
				continue
			}
			fact, final := s.Final(destroyed)
			readable := false
			for n := range wrapped {
				readable = readable || kept[n]
			}
			if final && (readable || fact.Position > position || fact.Position <= destroyed) {
				rt.Fatalf("final by position %d, and the key was wrapped under %v of which %v are kept", fact.Position, wrapped, kept)
			}
		}
	})
}
