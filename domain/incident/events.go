// Package incident is the register of incidents: failures of the systems that threaten their work or open a
// way to unlawful acts on information (T-1.2.6), and what was done to find them in time and keep their consequences small (P-2.4).
//
// An incident is detected first and closed last. In between it is contained once, assessed as often as more becomes
// known, and notified of whenever it must be: the law gives the notice to the authority one working day from
// discovery (Law 94-V, article 25(2)(8)), so it may come before anything is contained or assessed. An incident is
// closed when it has been contained and assessed and those whom the last assessment names have been notified.
package incident

import (
	"time"

	"kelisim/domain"
	"kelisim/domain/event"
)

// Event is any fact in an incident's stream.
type Event interface{ isIncident() }

// Events is the catalogue of this book.
var Events = []event.Type{
	event.Of[Detected]("incident.detected"),
	event.Of[Contained]("incident.contained"),
	event.Of[Assessed]("incident.assessed"),
	event.Of[Notified]("incident.notified"),
	event.Of[Closed]("incident.closed"),
}

// Detected: an incident was discovered. What it did may not be known yet.
type Detected struct {
	Kind        string          `json:"kind"` // one of Kinds
	DetectedAt  time.Time       `json:"detected_at"`
	BeganAt     *time.Time      `json:"began_at,omitempty"` // where it is known or suspected
	Description domain.Personal `json:"description" personal:"freeform"`
	// AuthorityDue is the end of the working day after the discovery: until then the authority is told, if it is a breach.
	AuthorityDue time.Time `json:"authority_due"`
}

// Contained: it does no further harm.
type Contained struct {
	ContainedAt time.Time       `json:"contained_at"`
	Measures    domain.Personal `json:"measures" personal:"freeform"`
}

// Assessed: what it did, as known now. The last assessment holds; Affected may be more than the Users that are known by id.
type Assessed struct {
	Risk     string          `json:"risk"`             // one of Risks
	Affected int             `json:"affected"`         // persons, estimated
	Users    []domain.UserID `json:"users,omitempty"`  // the registered among them, where known
	Fields   []string        `json:"fields,omitempty"` // of personal data that were exposed: "iin", "contacts.email"
	Notify   []string        `json:"notify,omitempty"` // who must be told: authority, subjects
	Findings domain.Personal `json:"findings,omitzero" personal:"freeform"`
}

// Notified: the authority or the persons concerned were told.
type Notified struct {
	Whom       string          `json:"whom"` // authority, subjects
	NotifiedAt time.Time       `json:"notified_at"`
	Users      []domain.UserID `json:"users,omitempty"` // the subjects told; none means all that are concerned
	Reference  domain.Personal `json:"reference,omitzero" personal:"freeform"`
	// Late: the authority was told after AuthorityDue.
	Late bool `json:"late,omitempty"`
}

// Closed: nothing more is to be done.
type Closed struct {
	Conclusion domain.Personal `json:"conclusion" personal:"freeform"`
}

func (Detected) isIncident()  {}
func (Contained) isIncident() {}
func (Assessed) isIncident()  {}
func (Notified) isIncident()  {}
func (Closed) isIncident()    {}
