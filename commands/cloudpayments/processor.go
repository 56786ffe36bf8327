package cloudpayments

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"kelisim/domain"
)

// Processor is what the ledger asks of the card processor. Client asks it over HTTP; cloudpaymentstest.Processor is the double.
//
// An error wraps ErrNoAnswer where it is not known whether the processor acted; after every other error it surely did not.
type Processor interface {
	// Refund gives money of a payment back, a part or all of it, and tells the refund's own transaction.
	Refund(ctx context.Context, r RefundRequest) (transactionID string, err error)
	// Payments yields all operations that were made in [from, until): payments, refunds and payouts, from old to new, each once.
	// An error ends it.
	Payments(ctx context.Context, from, until time.Time) iter.Seq2[Row, error]
	// ChargeBacks yields what banks claimed in [from, until), from old to new. It may be a year at most.
	ChargeBacks(ctx context.Context, from, until time.Time) iter.Seq2[ChargeBack, error]
	// Get tells one operation in whatever state it is.
	Get(ctx context.Context, transactionID string) (Row, error)
}

// RefundRequest is a refund that the ledger has recorded before it asks.
type RefundRequest struct {
	// RequestID is the id of our own refund, and nothing derived from payment and amount: two equal parts of one payment are two
	// refunds. The processor does the same request once, for an hour.
	RequestID     string
	TransactionID string // of the payment
	Amount        domain.Money
	// FirstAsked is when this request was first sent; zero if it is sent for the first time. A request that is too old to be
	// repeated safely is refused with ErrTooOld.
	FirstAsked time.Time
}

// RepeatWithin is how long a refund may be repeated. The processor promises an hour; clocks and waiting need the rest.
const RepeatWithin = 50 * time.Minute

// Why the processor did not do it, or is not known to have done it.
var (
	// ErrCredentials: public id or secret are wrong.
	ErrCredentials = errors.New("the processor does not know these credentials")
	// ErrBusy: too many requests at once, also after waiting.
	ErrBusy = errors.New("the processor is asked too often")
	// ErrNotFound: there is no such operation.
	ErrNotFound = errors.New("the processor does not know this operation")
	// ErrNoAnswer: the request was lost, or its answer was, or the answer cannot be read. A refund is repeated with the same
	// RequestID within RepeatWithin, and looked up in the register after that.
	ErrNoAnswer = errors.New("the processor gave no answer that can be read")
	// ErrTooOld: a repetition now could be done a second time.
	ErrTooOld = errors.New("the request is too old to be repeated; look it up in the register")
)

// RefusedError: the processor understood and declined to act. Success in an answer tells this, and not the state of a payment.
type RefusedError struct {
	Call string // "payments/refund"
	// Message is the processor's own text. It may name anything: it is for an officer and sealed, and no part of Error.
	Message string
}

func (e *RefusedError) Error() string { return "the processor refused " + e.Call }

// StatusError: an answer with a status that means neither yes nor no; the processor did not act.
type StatusError struct {
	Call   string
	Status int
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("the processor answered %s with status %d", e.Call, e.Status)
}

// Row is one operation in the processor's register: of its API, or of a file.
type Row struct {
	TransactionID string
	Type          RowType
	// OriginalTransactionID is the payment that a refund gave back, where the register tells it.
	OriginalTransactionID string
	InvoiceID             string // "" also where it has not the form of an id of ours
	Amount                domain.Money
	Status                string
	CreatedAt             time.Time // UTC; what DateTime is in the notification
	TestMode              bool
	Refunded              bool // money of this payment has gone back
	ReasonCode            string
	Rrn                   string
	// PayoutAt is when the money was settled with us; zero before. Payout and Fee are minor units in Amount's currency.
	PayoutAt    time.Time
	Payout, Fee int64
}

// RowType is what an operation did with money.
type RowType string

// The types there are.
const (
	RowPayment RowType = "payment"
	RowRefund  RowType = "refund"
	RowPayout  RowType = "card-payout"
)

// ChargeBack is a bank's claim, or its end. No notification tells of it.
type ChargeBack struct {
	ID            string
	TransactionID string // of the payment
	Amount        domain.Money
	At            time.Time
	Reversed      bool // the claim was taken back (Representment)
	Fee           bool // a fee for the claim, and no claim itself
}

// key tells claims apart: nothing says that the end of a claim has an id of its own.
func (b ChargeBack) key() string { return fmt.Sprintf("%s %t %t", b.ID, b.Reversed, b.Fee) }
