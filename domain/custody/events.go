// Package custody is the book of the master key: which generations of it there were, since when the living keys of persons are wrapped under
// each, and which are gone. It says when a destruction of keys is final: a key that was destroyed may still stand, wrapped, in an old copy of
// the key store, and nobody can unwrap it once every generation that it was ever wrapped under is dropped (P-1.5, P-2.5).
package custody

import (
	"kelisim/domain"
	"kelisim/domain/event"
)

// Event is any fact about the master key.
type Event interface{ isCustody() }

// Events is the catalogue of this book.
var Events = []event.Type{
	event.Of[RotationBegun]("custody.rotation_begun"),
	event.Of[Rotated]("custody.rotated"),
	event.Of[GenerationDropped]("custody.generation_dropped"),
}

// RotationBegun comes before a generation is made, once all keys that were destroyed before it are surely gone from the key store: so
// none of them was ever wrapped under this generation.
type RotationBegun struct {
	Generation int `json:"generation"`
}

// Rotated: every living key is wrapped under this generation.
type Rotated struct {
	Generation int `json:"generation"`
}

// GenerationDropped: the generation is gone from the master key. What copies of the key store hold under it is lost for ever, as far as no
// copy of the master key holds it.
type GenerationDropped struct {
	Generation int `json:"generation"`
}

func (RotationBegun) isCustody()     {}
func (Rotated) isCustody()           {}
func (GenerationDropped) isCustody() {}

// Command is any wish about the master key.
type Command interface{ isCommand() }

// BeginRotation announces a generation; FinishRotation says that it holds all living keys, and DropGeneration that one is gone.
type BeginRotation struct{ Generation int }
type FinishRotation struct{ Generation int }
type DropGeneration struct{ Generation int }

func (BeginRotation) isCommand()  {}
func (FinishRotation) isCommand() {}
func (DropGeneration) isCommand() {}

// Decider is the book's rules.
var Decider = domain.Decider[Command, State, Event]{Decide: decide, Evolve: evolve}

// decide refuses what would make the book say something that is not so. What is said already is not said again.
func decide(s State, c Command, _ domain.Context) ([]Event, error) {
	switch c := c.(type) {
	case BeginRotation:
		if c.Generation <= s.Newest() {
			return nil, domain.Refuse(domain.Conflict, "generation-exists", "the master key has had a generation %d", c.Generation)
		}
		return []Event{RotationBegun(c)}, nil
	case FinishRotation:
		g, ok := s.generation(c.Generation)
		if !ok || g.Dropped.Event != "" {
			return nil, domain.Refuse(domain.NotFound, "generation-not-found", "the master key has no such generation")
		}
		if g.Rotated.Event != "" {
			return nil, nil
		}
		return []Event{Rotated(c)}, nil
	case DropGeneration:
		g, ok := s.generation(c.Generation)
		if !ok {
			return nil, domain.Refuse(domain.NotFound, "generation-not-found", "the master key has no such generation")
		}
		if g.Dropped.Event != "" {
			return nil, nil
		}
		if c.Generation >= s.InUse() {
			return nil, domain.Refuse(domain.Conflict, "generation-in-use", "living keys are wrapped under this generation; rotate first")
		}
		return []Event{GenerationDropped(c)}, nil
	}
	panic("unhandled custody command")
}
