package domain

import (
	"time"

	"github.com/google/uuid"
)

// Due is a moment that time alone brings: nobody decides anything at it, and no answer waits for it. A marker tells followers of it.
type Due struct {
	// Key says what it is the moment of, and when: with the user it makes the marker's id, so that there is one marker of each, whoever
	// writes it and however often.
	Key string
	At  time.Time // when it comes, in UTC: the marker's occurred_at
	// Until is when a marker is of no use any more, in UTC; zero: it never comes too late.
	Until  time.Time
	Cause  string // the id of the event that fixes the moment
	Marker any    // the event
}

// NewDue is a moment of a thing of some kind; thing is "" where a user has one of the kind at a moment.
func NewDue(kind, thing string, at time.Time, cause string, marker any) Due {
	at = at.UTC()
	return Due{Key: kind + " " + thing + " " + at.Format(time.RFC3339Nano), At: at, Cause: cause, Marker: marker}
}

var dueIDs = uuid.MustParse("d5a5b6de-32ab-5b0c-8c7e-6e9e4f2f6a70")

// ID is the marker's id in a user's stream of markers.
func (d Due) ID(id UserID) uuid.UUID { return uuid.NewSHA1(dueIDs, []byte(string(id)+" "+d.Key)) }

// Comes tells whether a marker is wanted at a moment.
func (d Due) Comes(now time.Time) bool {
	return !d.At.After(now) && (d.Until.IsZero() || now.Before(d.Until))
}
