package obligation

import (
	"time"

	"kelisim/domain"
	"kelisim/domain/calendar"
)

// Command is any wish about an obligation.
type Command interface{ isCommand() }

// DemandFine demands a fine for one act (T-6.6). What is not in its JSON is filled in by the user's book.
type DemandFine struct {
	ObligationID string          `json:"obligation_id,omitempty"`
	Clause       string          `json:"clause"`
	ActOn        calendar.Day    `json:"act_on"`
	Note         domain.Personal `json:"note,omitzero"`

	Amount       domain.Money `json:"-"`
	TermsVersion string       `json:"-"`
	Permissions  []string     `json:"-"`
	RegisteredAt time.Time    `json:"-"`
}

// ContestFine is the user's objection.
type ContestFine struct {
	ObligationID string          `json:"obligation_id"`
	Note         domain.Personal `json:"note,omitzero"`
}

// Discharge ends an obligation: how is paid, waived or cancelled; a payment is shown by its reference.
type Discharge struct {
	ObligationID string          `json:"obligation_id"`
	How          string          `json:"how"`
	Reference    domain.Personal `json:"reference,omitzero"`
}

func (DemandFine) isCommand()  {}
func (ContestFine) isCommand() {}
func (Discharge) isCommand()   {}
