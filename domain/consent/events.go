// Package consent is the book of what a person agreed to and took back: consents by the press of a button (P-2.2),
// notices of withdrawal and their clock, refusals with their grounds (P-2.6), legal holds, and disclosures.
//
// Withdrawn is never an event: it follows from the notices and the moment that is asked about, so that no answer waits
// for a timer. consent.withdrawal_took_effect is a marker for followers alone.
package consent

import (
	"time"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/calendar"
	"kelisim/domain/event"
)

// Event is any fact of this book in a user's stream.
type Event interface{ isConsent() }

// Events is the catalogue of this book.
var Events = []event.Type{
	event.Of[Given]("consent.given"),
	event.Of[WithdrawalNoticeReceived]("consent.withdrawal_notice_received"),
	event.Of[WithdrawalAccepted]("consent.withdrawal_accepted"),
	event.Of[WithdrawalRefused]("consent.withdrawal_refused"),
	event.Of[WithdrawalRescinded]("consent.withdrawal_rescinded"),
	event.Of[WithdrawalTookEffect]("consent.withdrawal_took_effect"),
	event.Of[DisclosureMade]("consent.disclosure_made"),
	event.Of[LegalHoldSet]("consent.legal_hold_set"),
	event.Of[LegalHoldLifted]("consent.legal_hold_lifted"),
}

// Given: the person pressed the button under the displayed agreement; that day is the day of written consent (P-2.2). Every
// press is a new consent, also if nothing changed.
type Given struct {
	ConsentID  string              `json:"consent_id"`
	Acceptance account.Acceptance  `json:"acceptance"`
	Document   account.DocumentRef `json:"document"` // the agreement on personal data, as shown
	Purposes   []string            `json:"purposes"` // those that this version covers (P-2.3)
	Day        calendar.Day        `json:"day"`
	// DuringNotice: a notice of withdrawal was running, the person was told and went on.
	DuringNotice bool `json:"during_notice,omitempty"`
}

// WithdrawalNoticeReceived: a written notice arrived on a day, whenever it was entered (P-2.2, P-2.6).
type WithdrawalNoticeReceived struct {
	NoticeID       string        `json:"notice_id"`
	ReceivedOn     calendar.Day  `json:"received_on"`
	Channel        string        `json:"channel"`
	TrackingNumber string        `json:"tracking_number,omitempty"`
	SentOn         *calendar.Day `json:"sent_on,omitempty"`
	RequestedOn    *calendar.Day `json:"requested_on,omitempty"`
	// RequestedOnTooEarly: the named day is before the rule's; the rule's day holds.
	RequestedOnTooEarly bool     `json:"requested_on_too_early,omitempty"`
	Purposes            []string `json:"purposes,omitempty"` // empty: everything
	LetterSHA256        string   `json:"letter_sha256,omitempty"`
	LetterID            string   `json:"letter_id,omitempty"`
	RetryOf             string   `json:"retry_of,omitempty"`
	// PerTerms: it came by registered post; any other channel needs an officer's acceptance.
	PerTerms      bool         `json:"per_terms"`
	EffectiveOn   calendar.Day `json:"effective_on"`
	EffectiveFrom time.Time    `json:"effective_from"`
}

// WithdrawalAccepted: an officer accepts a notice by another channel; its clock runs from its receipt.
type WithdrawalAccepted struct {
	NoticeID string          `json:"notice_id"`
	Ground   domain.Personal `json:"ground,omitzero" personal:"freeform"`
}

// WithdrawalRefused: the notice has no effect, for each ground listed (P-2.6).
type WithdrawalRefused struct {
	NoticeID  string          `json:"notice_id"`
	Grounds   []Ground        `json:"grounds"`
	ByOfficer bool            `json:"by_officer,omitempty"`
	Ground    domain.Personal `json:"ground,omitzero" personal:"freeform"`
}

// Ground is one reason why a notice is refused.
type Ground struct {
	Code         string `json:"code"` // unfulfilled-obligation, legal-hold, officer
	Clause       string `json:"clause"`
	ObligationID string `json:"obligation_id,omitempty"`
	HoldID       string `json:"hold_id,omitempty"`
}

// WithdrawalRescinded: the person took the notice back before its effect.
type WithdrawalRescinded struct {
	NoticeID string          `json:"notice_id"`
	Ground   domain.Personal `json:"ground,omitzero" personal:"freeform"`
}

// WithdrawalTookEffect marks, for followers, that a notice's moment has come. No answer depends on it.
type WithdrawalTookEffect struct {
	NoticeID      string    `json:"notice_id"`
	EffectiveFrom time.Time `json:"effective_from"`
	Purposes      []string  `json:"purposes,omitempty"`
}

// DisclosureMade: the person's data were given to someone (P-1.5, P-2.6).
type DisclosureMade struct {
	DisclosureID string `json:"disclosure_id"`
	Recipient    string `json:"recipient"`
	Country      string `json:"country"`
	Purpose      string `json:"purpose"`
	Basis        string `json:"basis"`
	// Allowed is what the ledger answered at the time, by its code.
	Allowed bool   `json:"allowed"`
	Code    string `json:"code"`
}

// LegalHoldSet: legislation forbids the withdrawal as to these acts (P-2.6).
type LegalHoldSet struct {
	HoldID string          `json:"hold_id"`
	Basis  string          `json:"basis"`
	Acts   []string        `json:"acts"`
	Note   domain.Personal `json:"note,omitzero" personal:"freeform"`
}

type LegalHoldLifted struct {
	HoldID string          `json:"hold_id"`
	Note   domain.Personal `json:"note,omitzero" personal:"freeform"`
}

func (Given) isConsent()                    {}
func (WithdrawalNoticeReceived) isConsent() {}
func (WithdrawalAccepted) isConsent()       {}
func (WithdrawalRefused) isConsent()        {}
func (WithdrawalRescinded) isConsent()      {}
func (WithdrawalTookEffect) isConsent()     {}
func (DisclosureMade) isConsent()           {}
func (LegalHoldSet) isConsent()             {}
func (LegalHoldLifted) isConsent()          {}
