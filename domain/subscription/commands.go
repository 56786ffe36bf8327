package subscription

import (
	"time"

	"kelisim/domain"
	"kelisim/domain/account"
)

// Command is any wish about a subscription. What is not in its JSON is filled in by the user's book.
type Command interface{ isCommand() }

// StartTrial comes with a registration, never alone.
type StartTrial struct{}

// PlaceOrder is the order that a Buy press makes; its consent is the consent book's.
type PlaceOrder struct {
	OrderID    string        `json:"order_id,omitempty"`
	Months     int           `json:"months"`
	ShownPrice *domain.Money `json:"price,omitempty"`

	Price        domain.Money         `json:"-"` // of the tariff in force
	ConsentID    string               `json:"-"`
	InvoiceID    string               `json:"-"`
	AccountID    string               `json:"-"`
	TermsVersion string               `json:"-"`
	Offer        *account.DocumentRef `json:"-"`
}

// RecordPayment is money that the processor took, at the processor's time.
type RecordPayment struct {
	OrderID       string       `json:"order_id"`
	Provider      string       `json:"provider"`
	TransactionID string       `json:"transaction_id"`
	PaidAt        time.Time    `json:"paid_at"`
	Amount        domain.Money `json:"amount"`

	BlockedAtPaid bool `json:"-"` // the cabinet was blocked at PaidAt
	TestMode      bool `json:"-"` // test money where only real money counts
	OtherAccount  bool `json:"-"` // the processor names another account than the order's
}

// DeclinePayment is an attempt that the processor declined.
type DeclinePayment struct {
	OrderID       string       `json:"order_id"`
	Provider      string       `json:"provider"`
	TransactionID string       `json:"transaction_id"`
	DeclinedAt    time.Time    `json:"declined_at"`
	Amount        domain.Money `json:"amount"`
	ReasonCode    string       `json:"reason_code"`
}

// ApplyPayment gives held money to an order.
type ApplyPayment struct {
	Provider      string `json:"provider"`
	TransactionID string `json:"transaction_id"`
	OrderID       string `json:"order_id"`

	// PaidAt and Amount say what was held in a stream of its own; for money held in this book they are left out.
	PaidAt time.Time    `json:"-"`
	Amount domain.Money `json:"-"`
}

// GrantDays gives days as of the command's moment.
type GrantDays struct {
	Days   int             `json:"days"`
	Reason domain.Personal `json:"reason,omitzero"`
}

func (StartTrial) isCommand()     {}
func (PlaceOrder) isCommand()     {}
func (RecordPayment) isCommand()  {}
func (DeclinePayment) isCommand() {}
func (ApplyPayment) isCommand()   {}
func (GrantDays) isCommand()      {}
