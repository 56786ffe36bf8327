package site

import (
	"time"

	"kelisim/domain"
	"kelisim/domain/calendar"
)

// Command is any wish about the site.
type Command interface{ isCommand() }

// From is a moment that may be written as an instant or as a day, which means its start in Astana.
type From struct{ time.Time }

func (f *From) UnmarshalText(b []byte) error {
	if t, err := time.Parse(time.RFC3339, string(b)); err == nil {
		f.Time = t.UTC()
		return nil
	}
	d, err := calendar.ParseDay(string(b))
	if err != nil {
		return domain.Malformed("/in_force_from", "a moment (RFC 3339) or a day (YYYY-MM-DD) is wanted")
	}
	f.Time = d.Start()
	return nil
}

// UnmarshalJSON reads the text form; it stands before the one that time.Time would lend.
func (f *From) UnmarshalJSON(b []byte) error {
	if len(b) < 2 || b[0] != '"' {
		return domain.Malformed("/in_force_from", "a moment (RFC 3339) or a day (YYYY-MM-DD) is wanted")
	}
	return f.UnmarshalText(b[1 : len(b)-1])
}

// PublishDocument puts a document's text in force. Content is its exact text, UTF-8.
type PublishDocument struct {
	ID          string   `json:"id"`
	Version     string   `json:"version"`
	Language    string   `json:"language"`
	Content     string   `json:"content"`
	InForceFrom From     `json:"in_force_from"`
	Purposes    []string `json:"purposes,omitempty"`
	FullSHA256  string   `json:"full_sha256,omitempty"`
}

// SetTariff sets the price of a period.
type SetTariff struct {
	Months      int          `json:"months"`
	Price       domain.Money `json:"price"`
	InForceFrom From         `json:"in_force_from"`
}

// SetParameters sets the numbers of the terms.
type SetParameters struct {
	InForceFrom From `json:"in_force_from"`
	domain.Parameters
}

// ImposeRestriction closes the paid content to a category (T-1.3).
type ImposeRestriction struct {
	RestrictionID string          `json:"restriction_id,omitempty"`
	Category      Category        `json:"category"`
	Reason        domain.Personal `json:"reason,omitzero"`
}

// LiftRestriction opens it again.
type LiftRestriction struct {
	RestrictionID string          `json:"restriction_id"`
	Reason        domain.Personal `json:"reason,omitzero"`
}

func (PublishDocument) isCommand()   {}
func (SetTariff) isCommand()         {}
func (SetParameters) isCommand()     {}
func (ImposeRestriction) isCommand() {}
func (LiftRestriction) isCommand()   {}
