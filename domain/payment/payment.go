// Package payment is the book of one transaction that no user's book could take: money for an order that nobody knows, and what the
// processor says that decides nothing (a hold on a card, a change of a subscription that it debits). It is the stream
// payment-<provider>-<transaction>. Money here is held until an officer applies it to an order or gives it back.
package payment

import (
	"slices"
	"time"

	"kelisim/domain"
	"kelisim/domain/event"
)

// Event is any fact of this book.
type Event interface{ isPayment() }

// Events is the catalogue of this book.
var Events = []event.Type{
	event.Of[Held]("payment.held"),
	event.Of[Applied]("payment.applied"),
	event.Of[RefundRequested]("payment.refund_requested"),
	event.Of[Refunded]("payment.refunded"),
	event.Of[Noted]("payment.noted"),
}

// Held: money came for an order that is not known.
type Held struct {
	Provider      string       `json:"provider"`
	TransactionID string       `json:"transaction_id"`
	InvoiceID     string       `json:"invoice_id,omitempty"`
	AccountID     string       `json:"account_id,omitempty"`
	PaidAt        time.Time    `json:"paid_at"`
	Amount        domain.Money `json:"amount"`
	Reason        string       `json:"reason"` // unknown-order, test-mode
}

// Applied: an officer gave the money to a user's order; the user's own stream has the payment.
type Applied struct {
	UserID  domain.UserID `json:"user_id"`
	OrderID string        `json:"order_id"`
}

// RefundRequested: an officer wants the money to go back.
type RefundRequested struct {
	RefundID string          `json:"refund_id"`
	Amount   domain.Money    `json:"amount"`
	Reason   domain.Personal `json:"reason,omitzero" personal:"freeform"`
}

// Refunded: money went back, by the processor's time.
type Refunded struct {
	RefundID    string       `json:"refund_id,omitempty"`
	Transaction string       `json:"refund_transaction_id"`
	Amount      domain.Money `json:"amount"`
	RefundedAt  time.Time    `json:"refunded_at"`
}

// Noted: the processor said something that decides nothing here.
type Noted struct {
	Provider      string       `json:"provider"`
	Kind          string       `json:"kind"` // of the notification
	TransactionID string       `json:"transaction_id,omitempty"`
	InvoiceID     string       `json:"invoice_id,omitempty"`
	Status        string       `json:"status,omitempty"`
	ReasonCode    string       `json:"reason_code,omitempty"`
	Amount        domain.Money `json:"amount,omitzero"`
	At            *time.Time   `json:"at,omitempty"` // the processor's
}

func (Held) isPayment()            {}
func (Applied) isPayment()         {}
func (RefundRequested) isPayment() {}
func (Refunded) isPayment()        {}
func (Noted) isPayment()           {}

// Command is any wish about such a transaction.
type Command interface{ isCommand() }

// Hold records money that fits no order.
type Hold struct{ Held }

// Apply marks the money as applied; the user's stream was written first.
type Apply struct {
	UserID  domain.UserID `json:"user_id"`
	OrderID string        `json:"order_id"`
}

// RequestRefund asks for all of the money to go back.
type RequestRefund struct {
	RefundID string          `json:"refund_id,omitempty"`
	Reason   domain.Personal `json:"reason,omitzero"`
}

// RecordRefund is a refund that the processor made.
type RecordRefund struct{ Refunded }

// Note records what decides nothing.
type Note struct{ Noted }

func (Hold) isCommand()          {}
func (Apply) isCommand()         {}
func (RequestRefund) isCommand() {}
func (RecordRefund) isCommand()  {}
func (Note) isCommand()          {}

// State is what is known of the transaction.
type State struct {
	Held      Held
	HeldAt    time.Time
	Event     string // that held it; "" while no money came
	Applied   Applied
	IsApplied bool
	Asked     *RefundRequested
	Refunds   []Refunded
	Notes     []Noted
}

// Decider is the book's rules.
var Decider = domain.Decider[Command, State, Event]{Decide: decide, Evolve: evolve}

func evolve(s State, e Event, m event.Meta) State {
	switch e := e.(type) {
	case Held:
		s.Held, s.HeldAt, s.Event = e, m.OccurredAt, m.ID.String()
	case Applied:
		s.Applied, s.IsApplied = e, true
	case RefundRequested:
		s.Asked = &e
	case Refunded:
		s.Refunds = append(slices.Clip(s.Refunds), e)
	case Noted:
		s.Notes = append(slices.Clip(s.Notes), e)
	default:
		panic("unhandled payment event")
	}
	return s
}

// Waiting tells whether money is held: it came, and was neither applied nor given back.
func (s State) Waiting() bool { return s.Event != "" && !s.IsApplied && len(s.Refunds) == 0 }

func decide(s State, c Command, in domain.Context) ([]Event, error) {
	switch c := c.(type) {
	case Hold:
		switch {
		case s.Event == "":
			return []Event{c.Held}, nil
		case s.Held.PaidAt.Equal(c.PaidAt) && s.Held.Amount == c.Amount:
			return nil, nil
		}
		return nil, domain.Refuse(domain.Conflict, "transaction-conflict", "this transaction is recorded with other content")
	case Apply:
		switch {
		case s.IsApplied && s.Applied == Applied(c):
			return nil, nil
		case !s.Waiting():
			return nil, notHeld()
		case s.Asked != nil:
			return nil, domain.Refuse(domain.Conflict, "refund-requested", "the money is on its way back")
		}
		return []Event{Applied(c)}, nil
	case RequestRefund:
		if !s.Waiting() || s.Asked != nil {
			return nil, notHeld()
		}
		id := c.RefundID
		if id == "" {
			id = in.ID("refund")
		}
		return []Event{RefundRequested{id, s.Held.Amount, c.Reason}}, nil
	case RecordRefund:
		if slices.ContainsFunc(s.Refunds, func(r Refunded) bool { return r.Transaction == c.Transaction }) {
			return nil, nil
		}
		r := c.Refunded
		if s.Asked != nil && s.Asked.Amount == r.Amount {
			r.RefundID = s.Asked.RefundID
		}
		return []Event{r}, nil
	case Note:
		if slices.ContainsFunc(s.Notes, func(n Noted) bool { return same(n, c.Noted) }) {
			return nil, nil
		}
		return []Event{c.Noted}, nil
	}
	panic("unhandled payment command")
}

func same(a, b Noted) bool {
	if (a.At == nil) != (b.At == nil) || (a.At != nil && !a.At.Equal(*b.At)) {
		return false
	}
	a.At, b.At = nil, nil
	return a == b
}

func notHeld() error {
	return domain.Refuse(domain.NotFound, "payment-not-found", "no such payment is held")
}
