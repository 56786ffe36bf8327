// Package user binds the four books of one person together: one stream, so that one append is one decision.
//
// A Buy press is a consent and an order; a withdrawal is refused because of a fine: such rules cross the books and live
// here. Each book stays a package of its own and knows nothing of the others.
package user

import (
	"fmt"

	"kelisim/domain/account"
	"kelisim/domain/consent"
	"kelisim/domain/event"
	"kelisim/domain/obligation"
	"kelisim/domain/permission"
	"kelisim/domain/subscription"
)

// State is the four books, folded.
type State struct {
	permission.Books
}

// Recorded is an event of the user's stream with its envelope.
type Recorded struct {
	event.Meta
	Data any
}

// Evolve folds one event into the book that it belongs to.
func Evolve(s State, data any, m event.Meta) State {
	switch e := data.(type) {
	case account.Event:
		s.Account = account.Decider.Evolve(s.Account, e, m)
	case consent.Event:
		s.Consent = consent.Decider.Evolve(s.Consent, e, m)
	case subscription.Event:
		s.Subscription = subscription.Decider.Evolve(s.Subscription, e, m)
	case obligation.Event:
		s.Obligations = obligation.Decider.Evolve(s.Obligations, e, m)
	default:
		panic(fmt.Sprintf("unhandled user event %T", data))
	}
	return s
}

// Fold is the state after the events, which are a stream's first ones. Entries that were voided among them are left out
// from the beginning, so that an answer known before the approval does not change (see TestVoidedEntry).
func Fold(events []Recorded) State {
	voided := map[string]bool{}
	for _, e := range events {
		if v, ok := e.Data.(account.EntryVoided); ok {
			voided[v.EventID] = true
		}
	}
	var s State
	for _, e := range events {
		if !voided[e.ID.String()] {
			s = Evolve(s, e.Data, e.Meta)
		}
	}
	return s
}

// Voids tells whether an event makes earlier ones drop out, so that a fold cannot simply go on.
func Voids(data any) bool {
	_, ok := data.(account.EntryVoided)
	return ok
}
