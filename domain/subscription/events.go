// Package subscription is the book of a user's trial, orders, payments and coverage.
//
// Coverage is never stored: it is folded from dated facts (the trial, payments, granted days, revocations) in the order
// in which they happened, so that the order in which they became known does not matter, and no timer has a part in it. See
// Coverage for the rules and TestArrivalOrder for the promise. What period_granted and months_revoked say
// of lengths is what was known then.
//
// Money that cannot be applied is never lost and never grants: it is held until an officer applies or refunds it.
package subscription

import (
	"time"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/calendar"
	"kelisim/domain/event"
)

// Event is any fact of this book in a user's stream.
type Event interface{ isSubscription() }

// Events is the catalogue of this book.
var Events = []event.Type{
	event.Of[TrialStarted]("subscription.trial_started"),
	event.Of[OrderPlaced]("subscription.order_placed"),
	event.Of[OrderExpired]("subscription.order_expired"),
	event.Of[PaymentCompleted]("subscription.payment_completed"),
	event.Of[PaymentDeclined]("subscription.payment_declined"),
	event.Of[PaymentHeld]("subscription.payment_held"),
	event.Of[PaymentApplied]("subscription.payment_applied"),
	event.Of[PeriodGranted]("subscription.period_granted"),
	event.Of[MonthsRevoked]("subscription.months_revoked"),
	event.Of[DaysGranted]("subscription.days_granted"),
	event.Of[RefundRequested]("subscription.refund_requested"),
	event.Of[RefundSent]("subscription.refund_sent"),
	event.Of[RefundRefused]("subscription.refund_refused"),
	event.Of[RefundCompleted]("subscription.refund_completed"),
	event.Of[ChargedBack]("subscription.charged_back"),
	event.Of[ChargeBackReturned]("subscription.charge_back_returned"),
	event.Of[TrialEnded]("subscription.trial_ended"),
	event.Of[CoverageLapsed]("subscription.coverage_lapsed"),
	event.Of[CoverageEndApproached]("subscription.coverage_end_approached"),
}

// TrialStarted: use is free from registration through the local day that bears its number Months later (T-2.1).
type TrialStarted struct {
	RegisteredAt time.Time    `json:"registered_at"`
	From         time.Time    `json:"from"`
	Until        time.Time    `json:"until"`
	Months       int          `json:"months"`
	Anchor       calendar.Day `json:"anchor"`
}

// OrderPlaced: "Buy" was pressed for a period (T-2.1). It can be paid before ExpiresAt, by the processor's time; the price
// is the one of this moment.
type OrderPlaced struct {
	OrderID      string               `json:"order_id"`
	ConsentID    string               `json:"consent_id"`
	Months       int                  `json:"months"`
	Price        domain.Money         `json:"price"`
	InvoiceID    string               `json:"invoice_id"`
	AccountID    string               `json:"account_id"`
	PlacedAt     time.Time            `json:"placed_at"`
	ExpiresAt    time.Time            `json:"expires_at"`
	TermsVersion string               `json:"terms_version"`
	Offer        *account.DocumentRef `json:"offer,omitempty"` // the public offer, where one is published (T-2.2)
}

// OrderExpired marks, for followers, that an order was not paid in time. No answer depends on it.
type OrderExpired struct {
	OrderID   string    `json:"order_id"`
	ExpiredAt time.Time `json:"expired_at"`
}

// PaymentCompleted: the processor took the order's price, and it grants the order's months as of PaidAt (T-2.1).
type PaymentCompleted struct {
	OrderID       string       `json:"order_id"`
	Provider      string       `json:"provider"`
	TransactionID string       `json:"transaction_id"`
	PaidAt        time.Time    `json:"paid_at"`
	Amount        domain.Money `json:"amount"`
	Months        int          `json:"months"`
}

// PaymentDeclined: an attempt failed; the order stands as it was.
type PaymentDeclined struct {
	OrderID       string       `json:"order_id"`
	Provider      string       `json:"provider"`
	TransactionID string       `json:"transaction_id"`
	DeclinedAt    time.Time    `json:"declined_at"`
	Amount        domain.Money `json:"amount"`
	ReasonCode    string       `json:"reason_code"` // the processor's
}

// PaymentHeld: money came that cannot be applied by itself; Reason is one of the Held words. Of money that had been applied by itself it
// says that an earlier payment of the same order became known: it grants nothing any more.
type PaymentHeld struct {
	OrderID       string       `json:"order_id"` // as the processor named it
	Provider      string       `json:"provider"`
	TransactionID string       `json:"transaction_id"`
	PaidAt        time.Time    `json:"paid_at"`
	Amount        domain.Money `json:"amount"`
	Reason        string       `json:"reason"`
}

// Why money is held.
const (
	HeldUnknownOrder   = "unknown-order"
	HeldTestMode       = "test-mode"
	HeldDuplicate      = "duplicate"
	HeldAmountMismatch = "amount-mismatch"
	HeldOrderExpired   = "order-expired"
	HeldBlocked        = "blocked"
)

// PaymentApplied: an officer applied held money to an order. It grants the order's months as of PaidAt, as if it had
// never been held, and says all that this takes: the money may have been held in another stream.
type PaymentApplied struct {
	OrderID       string       `json:"order_id"`
	Provider      string       `json:"provider"`
	TransactionID string       `json:"transaction_id"`
	PaidAt        time.Time    `json:"paid_at"`
	Amount        domain.Money `json:"amount"`
	Months        int          `json:"months"`
}

// PeriodGranted is where a payment's months came to lie, as known then. They can shift when earlier facts become
// known later; Coverage tells where they are.
type PeriodGranted struct {
	OrderID       string       `json:"order_id"`
	Provider      string       `json:"provider"`
	TransactionID string       `json:"transaction_id"`
	Months        int          `json:"months"`
	From          time.Time    `json:"from"`
	Until         time.Time    `json:"until"`
	ChainAnchor   calendar.Day `json:"chain_anchor"`
	// CoveredUntil is the end of the whole chain, which granted days put after Until.
	CoveredUntil time.Time `json:"covered_until"`
}

// MonthsRevoked takes from a payment the months that had not begun at At. Months is how many those were, as known then.
type MonthsRevoked struct {
	Provider      string    `json:"provider"`
	TransactionID string    `json:"transaction_id"`
	Months        int       `json:"months"`
	Cause         string    `json:"cause"` // refund, charge-back
	At            time.Time `json:"at"`
}

// Why months are revoked.
const (
	CauseRefund     = "refund"
	CauseChargeBack = "charge-back"
)

// DaysGranted: an officer gave days beside what was bought; they follow all months of the chain.
type DaysGranted struct {
	Days   int             `json:"days"`
	Reason domain.Personal `json:"reason,omitzero" personal:"freeform"`
	At     time.Time       `json:"at"`
}

// RefundRequested: money is to go back; the processor has not done it yet.
type RefundRequested struct {
	RefundID      string          `json:"refund_id"`
	Provider      string          `json:"provider"`
	TransactionID string          `json:"transaction_id"`
	Amount        domain.Money    `json:"amount"`
	Reason        domain.Personal `json:"reason,omitzero" personal:"freeform"`
}

// RefundSent: the processor is asked to give the money back, from AskedAt on. It is recorded before it is asked, since a request whose answer
// is lost may be repeated only for a while.
type RefundSent struct {
	RefundID      string    `json:"refund_id"`
	Provider      string    `json:"provider"`
	TransactionID string    `json:"transaction_id"`
	AskedAt       time.Time `json:"asked_at"`
}

// RefundRefused: the processor will not give the money back, and surely has not. Message is its own text.
type RefundRefused struct {
	RefundID      string          `json:"refund_id"`
	Provider      string          `json:"provider"`
	TransactionID string          `json:"transaction_id"`
	Message       domain.Personal `json:"message,omitzero" personal:"freeform"`
}

// RefundCompleted: money went back at RefundedAt, by the processor's time. Full: nothing of the payment is left. It
// touches money alone; months are taken by months_revoked.
type RefundCompleted struct {
	RefundID      string          `json:"refund_id"`
	Provider      string          `json:"provider"`
	TransactionID string          `json:"transaction_id"`
	Transaction   string          `json:"refund_transaction_id,omitempty"` // the processor's, of the refund itself
	Amount        domain.Money    `json:"amount"`
	RefundedAt    time.Time       `json:"refunded_at"`
	Full          bool            `json:"full"`
	Reason        domain.Personal `json:"reason,omitzero" personal:"freeform"`
}

// ChargedBack: the bank took the money back. It touches money alone, as RefundCompleted does.
type ChargedBack struct {
	Provider      string       `json:"provider"`
	TransactionID string       `json:"transaction_id"`
	Amount        domain.Money `json:"amount"`
	ChargedBackAt time.Time    `json:"charged_back_at"`
}

// ChargeBackReturned: the bank's claim came to nothing, and the money that it had taken came again. It touches money alone: Days is how many
// days the days_granted beside it gives for those that the charge-back had taken.
type ChargeBackReturned struct {
	Provider      string       `json:"provider"`
	TransactionID string       `json:"transaction_id"`
	Amount        domain.Money `json:"amount"`
	ReturnedAt    time.Time    `json:"returned_at"`
	Days          int          `json:"days"`
}

// TrialEnded marks, for followers, that the free months are over. No answer depends on it.
type TrialEnded struct {
	EndedAt time.Time `json:"ended_at"`
}

// CoverageLapsed marks, for followers, that coverage ended with nothing after it. No answer depends on it.
type CoverageLapsed struct {
	LapsedAt time.Time `json:"lapsed_at"`
}

// CoverageEndApproached tells followers, seven days before it, that coverage will end if nothing more is bought. No answer depends on it, and whether
// the person may be written to is another question.
type CoverageEndApproached struct {
	EndsAt time.Time `json:"ends_at"`
	Reason string    `json:"reason"` // of the last of it: trial, paid, granted
}

func (TrialStarted) isSubscription()          {}
func (OrderPlaced) isSubscription()           {}
func (OrderExpired) isSubscription()          {}
func (PaymentCompleted) isSubscription()      {}
func (PaymentDeclined) isSubscription()       {}
func (PaymentHeld) isSubscription()           {}
func (PaymentApplied) isSubscription()        {}
func (PeriodGranted) isSubscription()         {}
func (MonthsRevoked) isSubscription()         {}
func (DaysGranted) isSubscription()           {}
func (RefundRequested) isSubscription()       {}
func (RefundSent) isSubscription()            {}
func (RefundRefused) isSubscription()         {}
func (RefundCompleted) isSubscription()       {}
func (ChargedBack) isSubscription()           {}
func (ChargeBackReturned) isSubscription()    {}
func (TrialEnded) isSubscription()            {}
func (CoverageLapsed) isSubscription()        {}
func (CoverageEndApproached) isSubscription() {}
