// Package letter is the book of one postal notice whose sender is not known to the ledger yet. It keeps the
// day on which it was received, from which a withdrawal's clock runs (P-2.2), while officers look for the user.
package letter

import (
	"kelisim/domain"
	"kelisim/domain/calendar"
	"kelisim/domain/event"
)

// Event is any fact in a letter's stream.
type Event interface{ isLetter() }

// Events is the catalogue of this book.
var Events = []event.Type{
	event.Of[Received]("letter.received"),
	event.Of[Matched]("letter.matched"),
}

// Received: a written notice came by registered post to the Company's address (P-2.2).
type Received struct {
	ReceivedOn     calendar.Day    `json:"received_on"` // from which the days are counted, whoever sent it
	TrackingNumber string          `json:"tracking_number"`
	SentOn         calendar.Day    `json:"sent_on,omitzero"` // P-2.6 speaks of sending; shown to officers, counted by nobody
	LetterSHA256   string          `json:"letter_sha256,omitempty"`
	Note           domain.Personal `json:"note,omitzero" personal:"freeform"` // what it says of its sender
}

// Matched: the sender is found. The notice that was made of the letter stands in the user's own stream, with the letter's day.
type Matched struct {
	UserID   domain.UserID `json:"user_id"`
	NoticeID string        `json:"notice_id"`
}

func (Received) isLetter() {}
func (Matched) isLetter()  {}
