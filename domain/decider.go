package domain

import (
	"time"

	"github.com/google/uuid"

	"kelisim/domain/event"
)

// A Decider is one book's rules: pure functions over commands C, state S and events E.
// decidertest.Total checks that Evolve knows every event of the book.
type Decider[C, S, E any] struct {
	// Decide answers a wish with the facts that follow from it, or with a refusal (*Error).
	// No events and no error means that nothing needs to happen.
	Decide func(S, C, Context) ([]E, error)
	// Evolve folds one recorded fact into the state. It may not change the state that it was
	// given: slices and maps are copied before they grow, since folds are cached and shared.
	Evolve func(S, E, event.Meta) S
}

// Context is what a decision may know beside the state: all of it is passed in, none is looked up.
type Context struct {
	// OccurredAt is the moment as of which the command is decided.
	OccurredAt time.Time
	// Now is when the ledger learns of it; never before what is already recorded.
	Now time.Time
	// Subject is the id of the user, letter or incident that the command is about.
	Subject string
	// Actor is who wishes it.
	Actor event.Actor
	// Command names the wish; the ids of the things that it creates derive from it.
	Command uuid.UUID
	// Parameters are those of the terms in force at OccurredAt.
	Parameters Parameters
}

// ID derives the id of a thing that the command creates: the same command always makes the
// same ids, so that a repeated command cannot create two. what tells several things of one
// command apart ("order", "consent").
func (c Context) ID(what string) string {
	return uuid.NewSHA1(c.Command, []byte(what)).String()
}

// NewID is the id of a thing that the command creates: the one that the caller chose, or ID where none was. A chosen
// id is a UUID, so that it can say nothing of a person. what is the field without "_id".
func (c Context) NewID(chosen, what string) (string, error) {
	if chosen == "" {
		return c.ID(what), nil
	}
	if _, err := ParseID(chosen); err != nil {
		return "", Malformed("/"+what+"_id", "an id is a UUID in lower case with hyphens; leave it out to have one made")
	}
	return chosen, nil
}
