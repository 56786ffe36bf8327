// Package reads is the record of who looked at a person's data (P-2.4): every reading of personal data in
// clear is an event in the person's own stream of reads, and the person may see it (T-3.4).
package reads

import (
	"kelisim/domain"
	"kelisim/domain/event"
)

// Event is any fact in a person's stream of reads.
type Event interface{ isReads() }

// Events is the catalogue of this book.
var Events = []event.Type{
	event.Of[PersonalDataRead]("reads.personal_data_read"),
}

// PersonalDataRead: somebody saw personal data in clear. Who it was is the event's actor, and when its occurred_at.
type PersonalDataRead struct {
	Fields  []string        `json:"fields"`                               // what was shown: "iin", "contacts.email"
	Purpose domain.Personal `json:"purpose,omitzero" personal:"freeform"` // why, in the reader's own words
	Route   string          `json:"route"`                                // how: a route's pattern or a report's name, never a URL with ids
}

func (PersonalDataRead) isReads() {}
