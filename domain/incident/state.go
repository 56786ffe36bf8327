package incident

import (
	"slices"
	"time"

	"kelisim/domain/event"
)

// State is one incident and what was done about it.
type State struct {
	Detected
	Event string // that opened it; "" while there is no incident

	Contained     Containment
	Assessments   []Assessment
	Notifications []Notification
	Closed        Closing
}

// Containment, Assessment, Notification and Closing are the entries; Event is "" where there is none.
type (
	Containment struct {
		Contained
		Event string
	}
	Assessment struct {
		Assessed
		At    time.Time
		Event string
	}
	Notification struct {
		Notified
		Event string
	}
	Closing struct {
		Closed
		At    time.Time
		Event string
	}
)

func evolve(s State, e Event, m event.Meta) State {
	at, id := m.OccurredAt, m.ID.String()
	switch e := e.(type) {
	case Detected:
		s.Detected, s.Event = e, id
	case Contained:
		s.Contained = Containment{e, id}
	case Assessed:
		s.Assessments = append(slices.Clip(s.Assessments), Assessment{e, at, id})
	case Notified:
		s.Notifications = append(slices.Clip(s.Notifications), Notification{e, id})
	case Closed:
		s.Closed = Closing{e, at, id}
	default:
		panic("unhandled incident event")
	}
	return s
}

// Assessment is the last one: what holds.
func (s State) Assessment() (Assessment, bool) {
	if len(s.Assessments) == 0 {
		return Assessment{}, false
	}
	return s.Assessments[len(s.Assessments)-1], true
}

// lastAt is when the last thing was done about the incident.
func (s State) lastAt() time.Time {
	last := s.Contained.ContainedAt
	for _, a := range s.Assessments {
		last = later(last, a.At)
	}
	for _, n := range s.Notifications {
		last = later(last, n.NotifiedAt)
	}
	return last
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// The phases of an incident, in the words of the contract.
const (
	StatusDetected  = "detected"
	StatusContained = "contained"
	StatusAssessed  = "assessed" // contained and assessed
	StatusClosed    = "closed"
)

// StatusAt is how far the incident has come at a moment; "" before it was detected.
func (s State) StatusAt(t time.Time) string {
	contained := s.Contained.Event != "" && !t.Before(s.Contained.ContainedAt)
	assessed := slices.ContainsFunc(s.Assessments, func(a Assessment) bool { return !t.Before(a.At) })
	switch {
	case s.Event == "" || t.Before(s.DetectedAt):
		return ""
	case s.Closed.Event != "" && !t.Before(s.Closed.At):
		return StatusClosed
	case contained && assessed:
		return StatusAssessed
	case contained:
		return StatusContained
	}
	return StatusDetected
}

// AuthorityOverdueAt tells whether, at a moment, the authority should have been told and was not: the incident is a
// breach by its kind, or the last assessment until then wants it.
func (s State) AuthorityOverdueAt(t time.Time) bool {
	if s.Event == "" || t.Before(s.AuthorityDue) {
		return false
	}
	wanted := s.Kind != "system-failure"
	for _, a := range s.Assessments {
		if !t.Before(a.At) {
			wanted = slices.Contains(a.Notify, Authority)
		}
	}
	told := slices.ContainsFunc(s.Notifications, func(n Notification) bool { return n.Whom == Authority && !t.Before(n.NotifiedAt) })
	return wanted && !told
}
