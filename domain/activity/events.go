// Package activity is the record of what users did on the Site (T-1.5): one event for each action, in streams of their own,
// so that a user's book stays short. Nothing personal stands in it: an action and its object are codes and ids.
//
// The record itself rests on T-1.5. Statistics that look at what persons did need a consent (P-2.3); whoever
// makes them asks domain/permission.
package activity

import (
	"kelisim/domain"
	"kelisim/domain/event"
)

// Event is any fact in a stream of activity.
type Event interface{ isActivity() }

// Events is the catalogue of this book.
var Events = []event.Type{
	event.Of[Observed]("activity.observed"),
}

// Observed: a user did something, at the event's occurred_at.
type Observed struct {
	UserID   domain.UserID `json:"user_id"`
	Action   string        `json:"action"`           // "lesson.opened"
	Object   string        `json:"object,omitempty"` // what it was done to: an id or a path
	Language string        `json:"language,omitempty"`
	Location string        `json:"location,omitempty"`
}

func (Observed) isActivity() {}
