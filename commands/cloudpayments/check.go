package cloudpayments

import (
	"time"

	"kelisim/domain"
)

// Code is an answer to a notification.
type Code int

// The codes that the processor knows. All but Accepted are for a check alone, and each declines the payment there.
const (
	Accepted     Code = 0
	WrongInvoice Code = 10 // there is no such order
	WrongAccount Code = 11 // the order is another's
	WrongAmount  Code = 12 // the sum or the currency is not the order's
	NotAccepted  Code = 13 // the payment cannot be taken
	Expired      Code = 20 // the order's time is over; the payer is told so
)

// CheckFacts are what a check is answered from: all of it is in memory or comes from one read.
type CheckFacts struct {
	Asked Notification
	// Order is the one that the invoice names; nil where there is none of ours.
	Order *CheckOrder
	// Blocked: the cabinet is blocked at the moment of the payment, so that the money would be held (T-3.8).
	Blocked bool
	// Production: only real money counts here.
	Production bool
}

// CheckOrder is what an order says of its payment.
type CheckOrder struct {
	AccountID string
	Price     domain.Money // of the moment of "Buy" (T-2.1)
	ExpiresAt time.Time    // by the processor's time
	Paid      bool         // a payment of it is applied or on its way
}

// CheckAnswer decides a check. The first of these that holds is the answer: no such order 10, another's account 11, another sum or currency 12,
// paid already 13, blocked 13, test money where real counts or the reverse 13, time is over 20, else 0. A check that does
// not say whether it is a test is taken for the wrong one.
func CheckAnswer(f CheckFacts) Code {
	o := f.Order
	switch {
	case o == nil:
		return WrongInvoice
	case f.Asked.AccountID != o.AccountID:
		return WrongAccount
	case f.Asked.Amount != o.Price:
		return WrongAmount
	case o.Paid, f.Blocked:
		return NotAccepted
	case f.Asked.TestMode == nil, *f.Asked.TestMode == f.Production:
		return NotAccepted
	case !f.Asked.DateTime.Before(o.ExpiresAt):
		return Expired
	}
	return Accepted
}
