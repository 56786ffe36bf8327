package consent

import (
	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/calendar"
)

// Command is any wish about consents.
type Command interface{ isCommand() }

// Give is the press of a button. Purposes are those of the shown version; the user's book fills them in.
type Give struct {
	ConsentID  string              `json:"consent_id,omitempty"`
	Acceptance *account.Acceptance `json:"acceptance"`
	// AcknowledgePendingWithdrawal: the person was told that a notice is running and pressed all the same.
	AcknowledgePendingWithdrawal bool `json:"acknowledge_pending_withdrawal,omitempty"`

	Purposes []string `json:"-"`
}

// Withdraw enters a notice of withdrawal.
type Withdraw struct {
	NoticeID       string        `json:"notice_id,omitempty"`
	ReceivedOn     calendar.Day  `json:"received_on"`
	Channel        string        `json:"channel"`
	TrackingNumber string        `json:"tracking_number,omitempty"`
	SentOn         *calendar.Day `json:"sent_on,omitempty"`
	RequestedOn    *calendar.Day `json:"requested_on,omitempty"`
	Purposes       []string      `json:"purposes,omitempty"`
	LetterSHA256   string        `json:"letter_sha256,omitempty"`
	RetryOf        string        `json:"retry_of,omitempty"`
	// AcknowledgeTrackingNumber: the officer has seen that a notice of this tracking number is entered for somebody else, and this is
	// another letter, or one envelope for both.
	AcknowledgeTrackingNumber bool `json:"acknowledge_tracking_number,omitempty"`

	LetterID string `json:"-"`
	// Owed are the grounds that stood at the end of the day of receipt in the other books.
	Owed []Ground `json:"-"`
}

type RescindWithdrawal struct {
	NoticeID string          `json:"notice_id"`
	Ground   domain.Personal `json:"ground,omitzero"`
}

type RefuseWithdrawal struct {
	NoticeID string          `json:"notice_id"`
	Ground   domain.Personal `json:"ground"`
}

type AcceptWithdrawal struct {
	NoticeID string          `json:"notice_id"`
	Ground   domain.Personal `json:"ground,omitzero"`

	// Owed as in Withdraw.
	Owed []Ground `json:"-"`
}

type SetLegalHold struct {
	HoldID string          `json:"hold_id,omitempty"`
	Basis  string          `json:"basis"`
	Acts   []string        `json:"acts"`
	Note   domain.Personal `json:"note,omitzero"`
}

type LiftLegalHold struct {
	HoldID string          `json:"hold_id"`
	Note   domain.Personal `json:"note,omitzero"`
}

type Disclose struct {
	DisclosureID string `json:"disclosure_id,omitempty"`
	Recipient    string `json:"recipient"`
	Country      string `json:"country"`
	Purpose      string `json:"purpose"`
	Basis        string `json:"basis"`

	// Allowed and Code are the ledger's own answer at that moment.
	Allowed bool   `json:"-"`
	Code    string `json:"-"`
}

func (Give) isCommand()              {}
func (Withdraw) isCommand()          {}
func (RescindWithdrawal) isCommand() {}
func (RefuseWithdrawal) isCommand()  {}
func (AcceptWithdrawal) isCommand()  {}
func (SetLegalHold) isCommand()      {}
func (LiftLegalHold) isCommand()     {}
func (Disclose) isCommand()          {}
