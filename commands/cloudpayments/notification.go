package cloudpayments

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"kelisim/domain"
)

// Notification is what is kept of one. It has no place for card data, for the holder or for where the payer was (C-2), and its texts
// are short codes whose form leaves no room for them: see TestNotificationIsAnAllowList.
type Notification struct {
	Kind Kind `json:"kind"`
	// TransactionID is the processor's: of the payment, of the refund itself, of the payment that was given up. Up to 12 digits.
	TransactionID string `json:"transaction_id,omitempty"`
	// PaymentTransactionID is the payment that a refund gives back.
	PaymentTransactionID string `json:"payment_transaction_id,omitempty"`
	// InvoiceID and AccountID are as we gave them to the processor; what has not the form of an id of ours is left out.
	InvoiceID string `json:"invoice_id,omitempty"`
	AccountID string `json:"account_id,omitempty"`
	// Amount has no currency in refund and cancel: it is the payment's, see AmountIn.
	Amount domain.Money `json:"-"`
	// PaymentAmount is what was debited where it is told; its currency may be another.
	PaymentAmount domain.Money `json:"-"`
	// DateTime is the processor's, UTC: when the payment, the refund or the cancelling was made. Recurrent has none.
	DateTime      time.Time  `json:"date_time,omitzero"`
	TestMode      *bool      `json:"test_mode,omitempty"`
	Status        string     `json:"status,omitempty"`         // Completed, Authorized, Declined, …
	OperationType string     `json:"operation_type,omitempty"` // Payment, Refund, CardPayout
	Reason        string     `json:"reason,omitempty"`         // of a decline, in one word
	ReasonCode    string     `json:"reason_code,omitempty"`    // of a decline
	Subscription  string     `json:"subscription,omitempty"`   // the processor's id of a subscription that it debits
	Rrn           string     `json:"rrn,omitempty"`            // the bank's reference
	Recurrent     *Recurring `json:"recurrent,omitempty"`

	// KeyNames are the names of fields that are in no documentation known here; their values are gone.
	KeyNames []string `json:"-"`
	// Unread are fields of the list above that came with a value that has not their form; they are left out.
	Unread []string `json:"-"`
}

// Recurring is the state of a subscription that the processor debits by itself. We offer none: one that shows up was set in the cabinet.
// The counters are not to be relied on: they stand at 0 in subscriptions that were rejected for three failures.
type Recurring struct {
	Interval   string    `json:"interval,omitempty"`
	Period     int       `json:"period,omitempty"`
	Successful int       `json:"successful"`
	Failed     int       `json:"failed"`
	StartAt    time.Time `json:"start_at,omitzero"`
	LastAt     time.Time `json:"last_at,omitzero"`
	NextAt     time.Time `json:"next_at,omitzero"` // can be before StartAt
}

// The states and operations that decide something.
const (
	StatusCompleted  = "Completed"
	StatusAuthorized = "Authorized" // held on the card by a two-stage payment; it can still be given up
	StatusDeclined   = "Declined"
	StatusCancelled  = "Cancelled"

	OperationPayment = "Payment" // also of a decline: it does not say that anything was paid
	OperationRefund  = "Refund"
	OperationPayout  = "CardPayout" // money to a card: the ledger never asks for that
)

// Key is the same for a notification and its repetitions and for no other: "pay:897749645". It never rests on the order, the sum or
// chance.
func (n Notification) Key() string {
	if n.Kind != Recurrent {
		return string(n.Kind) + ":" + n.TransactionID
	}
	r := *n.Recurrent
	return fmt.Sprintf("%s:%s:%s:%d:%d:%s", n.Kind, n.Subscription, n.Status, r.Successful, r.Failed, r.LastAt.Format(time.RFC3339))
}

// Canonical is all that is kept, in one form whether it came as form or JSON. It is what to fingerprint, with a key: a bare hash of it could
// be found by trying sums and moments.
func (n Notification) Canonical() []byte {
	b, err := json.Marshal(struct {
		Notification
		Amount        string `json:"amount"`
		PaymentAmount string `json:"payment_amount"`
	}{n, n.Amount.String(), n.PaymentAmount.String()})
	if err != nil {
		panic("a notification is made of values that can be written: " + err.Error())
	}
	return b
}

// TakesMoney tells whether money was taken for an order: a completed payment or the second stage of one, and neither a hold on
// the card nor a payout to one.
func (n Notification) TakesMoney() bool {
	if n.OperationType != "" && n.OperationType != OperationPayment {
		return false
	}
	return n.Kind == Confirm || n.Kind == Pay && n.Status == StatusCompleted
}

// AmountIn is Amount, in the payment's currency where the notification names none.
func (n Notification) AmountIn(currency string) domain.Money {
	a := n.Amount
	if a.Currency == "" {
		a.Currency = currency
	}
	return a
}

// MalformedError: a notification that is signed, or a line of a register, cannot be read. It names a field and never shows a value.
type MalformedError struct {
	Field string // or empty, where the whole is at fault
	Want  string
}

func (e *MalformedError) Error() string {
	if e.Field == "" {
		return e.Want
	}
	return e.Field + " is to be " + e.Want
}

// kept is every field that is read, of any kind.
var kept = names(`TransactionId PaymentTransactionId InvoiceId AccountId Amount Currency PaymentAmount PaymentCurrency DateTime TestMode
	Status OperationType Reason ReasonCode SubscriptionId Rrn
	Id Interval Period SuccessfulTransactionsNumber FailedTransactionsNumber StartDate LastTransactionDate NextTransactionDate`)

// dropped is every documented field that is let go at once: card data, the person, the place, free text, and fees, which the registers tell.
var dropped = names(`CardId CardFirstSix CardLastFour CardType CardExpDate CardProduct CardCategory Token TokenRecipient AuthCode Name Email
	IpAddress IpCountry IpCity IpRegion IpDistrict IpLatitude IpLongitude Issuer IssuerBankCountry Description Data CustomFields
	GatewayName PaymentMethod StatusCode TotalFee VatAboveTotalFee ProcessorAndPartnerFee VatWithinProcessorFee
	FallBackScenarioDeclinedTransactionId RetryAfter ProviderMessage RequireConfirmation MaxPeriods`)

func names(list string) map[string]bool {
	out := map[string]bool{}
	for _, name := range strings.Fields(list) {
		out[name] = true
	}
	return out
}
