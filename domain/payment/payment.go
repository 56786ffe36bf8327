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
	event.Of[RefundSent]("payment.refund_sent"),
	event.Of[RefundRefused]("payment.refund_refused"),
	event.Of[Refunded]("payment.refunded"),
	event.Of[Noted]("payment.noted"),
	event.Of[Contradicted]("payment.contradicted"),
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

// RefundSent: the processor is asked to give the money back, from AskedAt on; it is recorded before it is asked.
type RefundSent struct {
	RefundID string    `json:"refund_id"`
	AskedAt  time.Time `json:"asked_at"`
}

// RefundRefused: the processor will not give the money back, and surely has not. Message is its own text.
type RefundRefused struct {
	RefundID string          `json:"refund_id"`
	Message  domain.Personal `json:"message,omitzero" personal:"freeform"`
}

// Refunded: money went back, by the processor's time. It may be known before the money itself is.
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

// Contradicted: the processor said of this transaction what cannot stand beside what it said first. The first one stands; Code is the rule that
// refused this one. Somebody has to look.
type Contradicted struct {
	Provider      string       `json:"provider"`
	Kind          string       `json:"kind"` // of the notification
	TransactionID string       `json:"transaction_id"`
	InvoiceID     string       `json:"invoice_id,omitempty"`
	Amount        domain.Money `json:"amount,omitzero"`
	At            *time.Time   `json:"at,omitempty"` // the processor's
	Code          string       `json:"code"`
}

func (Held) isPayment()            {}
func (Applied) isPayment()         {}
func (RefundRequested) isPayment() {}
func (RefundSent) isPayment()      {}
func (RefundRefused) isPayment()   {}
func (Refunded) isPayment()        {}
func (Noted) isPayment()           {}
func (Contradicted) isPayment()    {}

// Command is any wish about such a transaction.
type Command interface{ isCommand() }

// Hold records money that fits no order.
type Hold struct{ Held }

// Apply marks the money as applied. The user's stream was written first, so it is recorded whatever came meanwhile.
type Apply struct {
	UserID  domain.UserID `json:"user_id"`
	OrderID string        `json:"order_id"`
}

// RequestRefund asks for all that is left of the money to go back.
type RequestRefund struct {
	RefundID string          `json:"refund_id,omitempty"`
	Reason   domain.Personal `json:"reason,omitzero"`
}

// SendRefund says that the processor is asked now. Again: all that was asked before surely came to nothing, so that the time for repeating
// begins anew.
type SendRefund struct {
	RefundID string
	Again    bool
}

// RefuseRefund says that the processor will not.
type RefuseRefund struct {
	RefundID string
	Message  domain.Personal
}

// RecordRefund is a refund that the processor made.
type RecordRefund struct{ Refunded }

// Note records what decides nothing.
type Note struct{ Noted }

// Contradict records what cannot stand.
type Contradict struct{ Contradicted }

func (Hold) isCommand()          {}
func (Apply) isCommand()         {}
func (RequestRefund) isCommand() {}
func (SendRefund) isCommand()    {}
func (RefuseRefund) isCommand()  {}
func (RecordRefund) isCommand()  {}
func (Note) isCommand()          {}
func (Contradict) isCommand()    {}

// State is what is known of the transaction.
type State struct {
	Held      Held
	HeldAt    time.Time
	Event     string // that held it; "" while no money came
	Applied   Applied
	IsApplied bool
	// Asked is the refund that was asked for last; it waits until it is made or refused.
	Asked       *RefundRequested
	AskedAt     time.Time // when it was asked for
	SentAt      time.Time // when the processor was first asked for it
	Refunds     []Refunded
	Notes       []Noted
	Contradicts []Contradicted
}

// Decider is the book's rules.
var Decider = domain.Decider[Command, State, Event]{Decide: decide, Evolve: evolve}

func evolve(s State, e Event, m event.Meta) State {
	switch e := e.(type) {
	case Held:
		s.Held, s.HeldAt, s.Event = e, m.OccurredAt, m.ID.String()
		s.Refunds = slices.Clone(s.Refunds)
		for i := range s.Refunds { // those that were known first: their notifications name no currency
			s.Refunds[i].Amount.Currency = e.Amount.Currency
		}
	case Applied:
		s.Applied, s.IsApplied = e, true
	case RefundRequested:
		s.Asked, s.AskedAt, s.SentAt = &e, m.OccurredAt, time.Time{}
	case RefundSent:
		s.SentAt = e.AskedAt
	case RefundRefused:
		if s.Asked != nil && s.Asked.RefundID == e.RefundID {
			s.Asked, s.SentAt = nil, time.Time{}
		}
	case Refunded:
		if s.Event != "" {
			e.Amount.Currency = s.Held.Amount.Currency
		}
		s.Refunds = append(slices.Clip(s.Refunds), e)
		if s.Asked != nil && s.Asked.RefundID == e.RefundID {
			s.Asked, s.SentAt = nil, time.Time{}
		}
	case Noted:
		s.Notes = append(slices.Clip(s.Notes), e)
	case Contradicted:
		s.Contradicts = append(slices.Clip(s.Contradicts), e)
	default:
		panic("unhandled payment event")
	}
	return s
}

// Waiting tells whether money is held: it came, it was not applied, and not all of it has gone back.
func (s State) Waiting() bool { return s.Event != "" && !s.IsApplied && s.Left().Minor > 0 }

// Waits tells whether a refund is asked for and neither made nor refused.
func (s State) Waits(refund string) bool { return s.Asked != nil && s.Asked.RefundID == refund }

// Left is what is left of the money after what has gone back; never below nothing.
func (s State) Left() domain.Money {
	left := s.Held.Amount
	for _, r := range s.Refunds {
		left.Minor -= r.Amount.Minor
	}
	left.Minor = max(0, left.Minor)
	return left
}

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
		case s.IsApplied:
			return nil, domain.Refuse(domain.Conflict, "payment-applied", "this money was applied already")
		case s.Event == "":
			return nil, notHeld()
		}
		return []Event{Applied(c)}, nil
	case RequestRefund:
		switch {
		case !s.Waiting():
			return nil, notHeld()
		case s.Asked != nil:
			return nil, domain.Refuse(domain.Conflict, "refund-requested", "the money is on its way back")
		}
		id := c.RefundID
		if id == "" {
			id = in.ID("refund")
		}
		return []Event{RefundRequested{id, s.Left(), c.Reason}}, nil
	case SendRefund:
		if !s.Waits(c.RefundID) || !s.SentAt.IsZero() && !c.Again {
			return nil, nil // how long a request may be repeated counts from the first time
		}
		return []Event{RefundSent{c.RefundID, in.OccurredAt.UTC()}}, nil
	case RefuseRefund:
		if !s.Waits(c.RefundID) {
			return nil, nil
		}
		return []Event{RefundRefused(c)}, nil
	case RecordRefund:
		if slices.ContainsFunc(s.Refunds, func(r Refunded) bool { return r.Transaction == c.Transaction }) {
			return nil, nil
		}
		r := c.Refunded
		if s.Event != "" {
			r.Amount.Currency = s.Held.Amount.Currency // a refund's notification names none
		}
		if s.Asked != nil && s.Asked.Amount == r.Amount {
			r.RefundID = s.Asked.RefundID
		}
		return []Event{r}, nil
	case Contradict:
		if slices.ContainsFunc(s.Contradicts, func(n Contradicted) bool { return sameClaim(n, c.Contradicted) }) {
			return nil, nil
		}
		return []Event{c.Contradicted}, nil
	case Note:
		if slices.ContainsFunc(s.Notes, func(n Noted) bool { return same(n, c.Noted) }) {
			return nil, nil
		}
		return []Event{c.Noted}, nil
	}
	panic("unhandled payment command")
}

func same(a, b Noted) bool {
	if !sameMoment(a.At, b.At) {
		return false
	}
	a.At, b.At = nil, nil
	return a == b
}

func sameClaim(a, b Contradicted) bool {
	if !sameMoment(a.At, b.At) {
		return false
	}
	a.At, b.At = nil, nil
	return a == b
}

func sameMoment(a, b *time.Time) bool {
	return (a == nil) == (b == nil) && (a == nil || a.Equal(*b))
}

func notHeld() error {
	return domain.Refuse(domain.NotFound, "payment-not-found", "no such payment is held")
}
