package letter

import (
	"kelisim/domain"
	"kelisim/domain/calendar"
)

// Command is any wish about a letter.
type Command interface{ isCommand() }

// Receive enters a letter whose sender is not known yet.
type Receive struct {
	ReceivedOn     calendar.Day    `json:"received_on"`
	TrackingNumber string          `json:"tracking_number"`
	SentOn         calendar.Day    `json:"sent_on,omitzero"`
	LetterSHA256   string          `json:"letter_sha256,omitempty"`
	Note           domain.Personal `json:"note,omitzero"`
	// AcknowledgeTrackingNumber: the officer has seen that a notice of this tracking number is entered already, and this is another letter.
	AcknowledgeTrackingNumber bool `json:"acknowledge_tracking_number,omitempty"`
}

// Match says whose letter it is. The user's stream is written first, so that NoticeID names what stands there already.
type Match struct {
	UserID   domain.UserID `json:"user_id"`
	NoticeID string        `json:"notice_id,omitempty"`
}

func (Receive) isCommand() {}
func (Match) isCommand()   {}
