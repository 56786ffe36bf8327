package event

import (
	"time"

	"github.com/google/uuid"
)

// Meta is the envelope of a recorded event.
type Meta struct {
	ID       uuid.UUID // derived from the command and the event's index in it
	Stream   string
	Revision int64 // in the stream, from 0
	Position int64 // in the journal; grows, need not be dense
	Type     string
	Version  int

	OccurredAt time.Time // when it happened, UTC
	RecordedAt time.Time // when the ledger learnt it, UTC; never runs backwards along positions
	ImportedAt time.Time // zero unless it was brought in from elsewhere with an earlier RecordedAt
	Late       bool      // it was entered more than five minutes after it happened

	Actor        Actor
	Command      string    // the command's name, "purchase"
	CommandID    uuid.UUID // all events of one command share it
	Fingerprint  string    // keyed hash of the command's body: tells a retry from a reused key
	Correlation  string
	Causation    uuid.UUID // the event that led to the command, where one did
	TermsVersion string
}

// Actor is who did it, by a name that says nothing of the person.
type Actor struct {
	Kind string `json:"kind"` // user, service, officer, approver, auditor, operator, subject, provider, system, import
	ID   string `json:"id"`
	// Person is whose credential it is, by a pseudonym; empty where the credential's name stands for the person.
	Person string `json:"person,omitempty"`
}

// Who is the person behind the actor: what rules that want two people compare.
func (a Actor) Who() string {
	if a.Person != "" {
		return a.Person
	}
	return a.ID
}

// Is tells whether the actor is the one who stands recorded, by person or by credential.
func (a Actor) Is(who string) bool { return who == a.ID || who == a.Who() }
