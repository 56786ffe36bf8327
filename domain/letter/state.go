package letter

import (
	"time"

	"kelisim/domain/event"
)

// State is one letter and whose it is.
type State struct {
	Received
	EnteredAt time.Time // occurred_at of the entry: on the day of receipt or later
	Event     string    // that received it; "" while there is no letter

	Sender Sender
}

// Sender is whose letter it is; Event is "" while nobody knows.
type Sender struct {
	Matched
	At    time.Time
	Event string
}

func evolve(s State, e Event, m event.Meta) State {
	switch e := e.(type) {
	case Received:
		s.Received, s.EnteredAt, s.Event = e, m.OccurredAt, m.ID.String()
	case Matched:
		s.Sender = Sender{e, m.OccurredAt, m.ID.String()}
	default:
		panic("unhandled letter event")
	}
	return s
}

// MatchedAt tells whose letter it was known to be at a moment.
func (s State) MatchedAt(t time.Time) (Sender, bool) {
	return s.Sender, s.Sender.Event != "" && !t.Before(s.Sender.At)
}
