package reads

import (
	"slices"
	"time"

	"kelisim/domain/event"
)

// State is who looked, in the order in which it was recorded.
type State struct{ Looks []Look }

// Look is one reading of the person's data.
type Look struct {
	PersonalDataRead
	By    event.Actor
	At    time.Time
	Event string
}

func evolve(s State, e Event, m event.Meta) State {
	switch e := e.(type) {
	case PersonalDataRead:
		s.Looks = append(slices.Clip(s.Looks), Look{e, m.Actor, m.OccurredAt, m.ID.String()})
	default:
		panic("unhandled reads event")
	}
	return s
}
