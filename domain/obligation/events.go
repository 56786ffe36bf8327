// Package obligation is the book of what a user owes to the Company: fines (T-6.6) and charge-backs.
//
// An obligation stands from the moment of its demand to that of its discharge. While one stands, a withdrawal of consent
// is refused (P-2.6); contesting a fine changes nothing of that. Nothing here is ever debited: an officer discharges an
// obligation and names the paper that shows it.
package obligation

import (
	"kelisim/domain"
	"kelisim/domain/calendar"
	"kelisim/domain/event"
)

// Event is any fact of this book in a user's stream.
type Event interface{ isObligation() }

// Events is the catalogue of this book.
var Events = []event.Type{
	event.Of[FineDemanded]("obligation.fine_demanded"),
	event.Of[FineContested]("obligation.fine_contested"),
	event.Of[ChargeBackOwed]("obligation.charge_back_owed"),
	event.Of[Discharged]("obligation.discharged"),
}

// FineDemanded: the Company demands a fine for an act of unauthorised use (T-6.6). The sum is the one of the terms that
// the user had accepted before the act.
type FineDemanded struct {
	ObligationID string          `json:"obligation_id"`
	Clause       string          `json:"clause"` // that was broken
	ActOn        calendar.Day    `json:"act_on"`
	Amount       domain.Money    `json:"amount"`
	TermsVersion string          `json:"terms_version"`
	Permissions  []string        `json:"permissions"` // ids of the written permissions in force on that day (T-6.3, T-6.4)
	Note         domain.Personal `json:"note,omitzero" personal:"freeform"`
}

// FineContested: the user disputes the fine. It stands until it is discharged.
type FineContested struct {
	ObligationID string          `json:"obligation_id"`
	Note         domain.Personal `json:"note,omitzero" personal:"freeform"`
}

// ChargeBackOwed: the bank took a payment back, and the user owes it.
type ChargeBackOwed struct {
	ObligationID  string       `json:"obligation_id"`
	Provider      string       `json:"provider"`
	TransactionID string       `json:"transaction_id"`
	Amount        domain.Money `json:"amount"`
}

// Discharged: the obligation is fulfilled or given up.
type Discharged struct {
	ObligationID string          `json:"obligation_id"`
	How          string          `json:"how"`
	Reference    domain.Personal `json:"reference,omitzero" personal:"freeform"`
}

// How an obligation is discharged.
const (
	Paid      = "paid"
	Waived    = "waived"    // it was owed, and the Company gives it up
	Cancelled = "cancelled" // it was never owed
)

func (FineDemanded) isObligation()   {}
func (FineContested) isObligation()  {}
func (ChargeBackOwed) isObligation() {}
func (Discharged) isObligation()     {}
