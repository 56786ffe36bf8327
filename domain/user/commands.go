package user

import (
	"time"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/subscription"
)

// Command is any wish about one user: one of this package, or one of a book, which is routed to it.
type Command any

// Register opens a cabinet: registration, consent and trial in one decision (T-2.1, T-2.3, P-2.2).
type Register struct {
	account.Register
	ConsentID string `json:"consent_id,omitempty"`
}

// Consent is a Buy press on the marketplace that orders nothing here (P-2.2).
type Consent struct {
	ConsentID                    string              `json:"consent_id,omitempty"`
	Acceptance                   *account.Acceptance `json:"acceptance"`
	AcknowledgePendingWithdrawal bool                `json:"acknowledge_pending_withdrawal,omitempty"`
}

// Purchase is a Buy press for a period: a consent and an order in one decision (T-2.1, T-2.2, P-2.2).
type Purchase struct {
	OrderID                      string              `json:"order_id,omitempty"`
	ConsentID                    string              `json:"consent_id,omitempty"`
	Months                       int                 `json:"months"`
	Acceptance                   *account.Acceptance `json:"acceptance"`
	Price                        *domain.Money       `json:"price,omitempty"`
	AcknowledgePendingWithdrawal bool                `json:"acknowledge_pending_withdrawal,omitempty"`
}

// RecordPayment is money that the processor took for an order, at the processor's time.
type RecordPayment struct {
	OrderID       string       `json:"order_id"`
	Provider      string       `json:"provider"`
	TransactionID string       `json:"transaction_id"`
	PaidAt        time.Time    `json:"paid_at"`
	Amount        domain.Money `json:"amount"`

	TestMode     bool `json:"-"` // test money where only real money counts
	OtherAccount bool `json:"-"` // the processor names another account than the order's
}

// ChargeBack is money that the payer's bank took back: the payment's unbegun months go, and the user owes it.
type ChargeBack struct {
	subscription.RecordChargeBack
	ObligationID string `json:"obligation_id,omitempty"`
}

// ReturnChargeBack is money that the bank gave again: the obligation that stands for it was never owed, and the days that were taken are given.
type ReturnChargeBack struct {
	subscription.RecordChargeBackReturn
	Reference domain.Personal `json:"reference,omitzero"` // of the paper that shows it
}

// Unblock opens the cabinet again and may grant days for the time lost.
type Unblock struct {
	account.Unblock
}

// Register's acceptance and the others' are completed with the documents in force where a story leaves them out.
func acceptanceOf(c Command) **account.Acceptance {
	switch c := c.(type) {
	case *Register:
		return &c.Register.Acceptance
	case *Consent:
		return &c.Acceptance
	case *Purchase:
		return &c.Acceptance
	}
	return nil
}
