package subscription

import (
	"slices"
	"time"

	"kelisim/domain"
	"kelisim/domain/event"
)

// State is what was ordered, paid, given and taken, as dated facts. Its values are shared: nobody changes
// what its methods return.
type State struct {
	trial    Trial
	orders   []Order
	payments []Payment
	gifts    []Gift

	facts []fact    // of the above, in the order in which they happened
	whole []Stretch // what all facts make
}

// Trial is the free period.
type Trial struct {
	TrialStarted
	Event string
}

// Order is a placed order.
type Order struct {
	OrderPlaced
	Event string
}

// Payment is all that is known of one transaction of one processor. Its facts may arrive in any order: PaidAt is zero
// where only a decline, a refund or a charge-back is known yet.
type Payment struct {
	Provider      string
	TransactionID string
	OrderID       string // that it pays; of held money, the one that the processor named
	NamedOrder    string // that the processor named; "" where that is not known here
	PaidAt        time.Time
	Amount        domain.Money

	Months    int    // granted
	Event     string // payment_completed or payment_applied; "" while nothing is granted
	AppliedAt time.Time
	Period    PeriodGranted // as recorded with the grant

	HeldReason string
	HeldAt     time.Time
	HeldEvent  string

	DeclinedAt    time.Time
	DeclineReason string

	Refunds     []Refund
	ChargeBacks []ChargeBack
	Returns     []Return
	Revocations []Revocation
}

// Refund is money that is to go back or, with RefundedAt, has gone back.
type Refund struct {
	ID          string
	Transaction string // the processor's, of the refund itself; "" while it has not told
	Amount      domain.Money
	RequestedAt time.Time
	SentAt      time.Time // when the processor was first asked
	RefusedAt   time.Time // the processor will not; the money stays
	RefundedAt  time.Time
	Full        bool
	Event       string // the last one about it
}

// ChargeBack is money that the bank took back.
type ChargeBack struct {
	Amount domain.Money
	At     time.Time
	Event  string
}

// Return is money that a charge-back had taken and that came again, and how many days were given with it.
type Return struct {
	Amount domain.Money
	At     time.Time
	Days   int
	Event  string
}

// Revocation takes the months that had not begun at At.
type Revocation struct {
	At    time.Time
	Cause string
	Event string
}

// Gift is days granted.
type Gift struct {
	Days  int
	At    time.Time
	Event string
}

// The states of a payment.
const (
	StatusApplied  = "applied"
	StatusHeld     = "held"
	StatusDeclined = "declined"
)

// Status is applied, held or declined, or "" while nothing of the payment itself is known.
func (p Payment) Status() string {
	switch {
	case p.Event != "":
		return StatusApplied
	case p.HeldEvent != "":
		return StatusHeld
	case !p.DeclinedAt.IsZero():
		return StatusDeclined
	}
	return ""
}

func evolve(s State, e Event, m event.Meta) State {
	id := m.ID.String()
	switch e := e.(type) {
	case TrialStarted:
		s.trial = Trial{TrialStarted: e, Event: id}
	case OrderPlaced:
		s.orders = append(slices.Clip(s.orders), Order{OrderPlaced: e, Event: id})
	case PaymentCompleted:
		s.payment(e.Provider, e.TransactionID, func(p *Payment) {
			p.NamedOrder = e.OrderID
			p.grant(e.OrderID, e.PaidAt, e.Amount, e.Months, id)
		})
	case PaymentApplied:
		s.payment(e.Provider, e.TransactionID, func(p *Payment) {
			p.AppliedAt = m.OccurredAt
			p.grant(e.OrderID, e.PaidAt, e.Amount, e.Months, id)
		})
	case PaymentHeld:
		s.payment(e.Provider, e.TransactionID, func(p *Payment) {
			p.hold(e, m.OccurredAt, id)
		})
	case PaymentDeclined:
		s.payment(e.Provider, e.TransactionID, func(p *Payment) {
			p.DeclinedAt, p.DeclineReason = e.DeclinedAt, e.ReasonCode
			if p.PaidAt.IsZero() {
				p.OrderID, p.NamedOrder, p.Amount = e.OrderID, e.OrderID, e.Amount
			}
		})
	case PeriodGranted:
		s.payment(e.Provider, e.TransactionID, func(p *Payment) { p.Period = e })
	case MonthsRevoked:
		s.payment(e.Provider, e.TransactionID, func(p *Payment) {
			p.Revocations = append(slices.Clip(p.Revocations), Revocation{e.At, e.Cause, id})
		})
	case RefundRequested:
		s.refund(e.Provider, e.TransactionID, e.RefundID, func(r *Refund) {
			r.RequestedAt = m.OccurredAt
			if r.RefundedAt.IsZero() {
				r.Amount, r.Event = e.Amount, id
			}
		})
	case RefundSent:
		s.refund(e.Provider, e.TransactionID, e.RefundID, func(r *Refund) { r.SentAt = e.AskedAt })
	case RefundRefused:
		s.refund(e.Provider, e.TransactionID, e.RefundID, func(r *Refund) {
			if r.RefundedAt.IsZero() {
				r.RefusedAt, r.Event = m.OccurredAt, id
			}
		})
	case RefundCompleted:
		s.refund(e.Provider, e.TransactionID, e.RefundID, func(r *Refund) {
			r.Transaction, r.Amount, r.RefundedAt, r.Full, r.Event = e.Transaction, e.Amount, e.RefundedAt, e.Full, id
		})
	case ChargedBack:
		s.payment(e.Provider, e.TransactionID, func(p *Payment) {
			p.ChargeBacks = append(slices.Clip(p.ChargeBacks), ChargeBack{e.Amount, e.ChargedBackAt, id})
		})
	case ChargeBackReturned:
		s.payment(e.Provider, e.TransactionID, func(p *Payment) {
			p.Returns = append(slices.Clip(p.Returns), Return{e.Amount, e.ReturnedAt, e.Days, id})
		})
	case DaysGranted:
		s.gifts = append(slices.Clip(s.gifts), Gift{e.Days, e.At, id})
	case OrderExpired, TrialEnded, CoverageLapsed, CoverageEndApproached: // markers change nothing
	default:
		panic("unhandled subscription event")
	}
	switch e.(type) {
	case TrialStarted, PaymentCompleted, PaymentHeld, PaymentApplied, MonthsRevoked, DaysGranted:
		s.facts = s.timeline()
		s.whole = lay(s.facts)
	}
	return s
}

// grant takes what a payment grants.
func (p *Payment) grant(order string, paidAt time.Time, amount domain.Money, months int, id string) {
	p.OrderID, p.PaidAt, p.Amount, p.Months, p.Event = order, paidAt, amount, months, id
	p.settleCurrency()
}

// hold takes money that waits. What it granted by itself until then it grants no longer; what an officer applied stays.
func (p *Payment) hold(e PaymentHeld, at time.Time, id string) {
	p.NamedOrder, p.HeldReason, p.HeldAt, p.HeldEvent = e.OrderID, e.Reason, at, id
	if p.AppliedAt.IsZero() {
		p.OrderID, p.PaidAt, p.Amount = e.OrderID, e.PaidAt, e.Amount
		p.Event, p.Months, p.Period = "", 0, PeriodGranted{}
	}
	p.settleCurrency()
}

// settleCurrency gives refunds that were known before their payment its currency: their notifications name none.
func (p *Payment) settleCurrency() {
	p.Refunds = slices.Clone(p.Refunds)
	for i := range p.Refunds {
		p.Refunds[i].Amount.Currency = p.Amount.Currency
	}
}

// back is how much of a payment has gone back or was taken back, in minor units.
func (p Payment) back() int64 {
	var sum int64
	for _, r := range p.Refunds {
		if !r.RefundedAt.IsZero() {
			sum += r.Amount.Minor
		}
	}
	return sum + p.taken()
}

// taken is how much of a payment banks took back and did not return.
func (p Payment) taken() int64 {
	var sum int64
	for _, b := range p.ChargeBacks {
		sum += b.Amount.Minor
	}
	for _, b := range p.Returns {
		sum -= b.Amount.Minor
	}
	return sum
}

// Left is what is left of a payment after what has gone back, was taken back, or is on its way back; never below nothing.
func (p Payment) Left() domain.Money {
	if p.PaidAt.IsZero() {
		return domain.Money{Currency: p.Amount.Currency}
	}
	return domain.Money{Minor: max(0, p.Amount.Minor-p.given()-p.taken()), Currency: p.Amount.Currency}
}

// payment changes one transaction in a copy of the list, new if it was not known.
func (s *State) payment(provider, transaction string, change func(*Payment)) {
	i := slices.IndexFunc(s.payments, func(p Payment) bool { return p.Provider == provider && p.TransactionID == transaction })
	if i < 0 {
		i = len(s.payments)
		s.payments = append(slices.Clip(s.payments), Payment{Provider: provider, TransactionID: transaction})
	} else {
		s.payments = slices.Clone(s.payments)
	}
	change(&s.payments[i])
}

func (s *State) refund(provider, transaction, id string, change func(*Refund)) {
	s.payment(provider, transaction, func(p *Payment) {
		i := slices.IndexFunc(p.Refunds, func(r Refund) bool { return r.ID == id })
		if i < 0 {
			i = len(p.Refunds)
			p.Refunds = append(slices.Clip(p.Refunds), Refund{ID: id})
		} else {
			p.Refunds = slices.Clone(p.Refunds)
		}
		change(&p.Refunds[i])
	})
}

// Trial is the free period, and whether there is one.
func (s State) Trial() (Trial, bool) { return s.trial, s.trial.Event != "" }

// Orders are all orders, in the order of their entry.
func (s State) Orders() []Order { return slices.Clone(s.orders) }

// Order finds an order by its id.
func (s State) Order(id string) (Order, bool) {
	return s.order(func(o Order) bool { return o.OrderID == id })
}

// OrderByInvoice finds an order by the id under which the processor knows it.
func (s State) OrderByInvoice(invoice string) (Order, bool) {
	return s.order(func(o Order) bool { return o.InvoiceID == invoice })
}

func (s State) order(is func(Order) bool) (Order, bool) {
	if i := slices.IndexFunc(s.orders, is); i >= 0 {
		return s.orders[i], true
	}
	return Order{}, false
}

// Payments are all transactions, in the order in which they became known.
func (s State) Payments() []Payment { return slices.Clone(s.payments) }

// Payment finds a transaction of a processor.
func (s State) Payment(provider, transaction string) (Payment, bool) {
	for _, p := range s.payments {
		if p.Provider == provider && p.TransactionID == transaction {
			return p, true
		}
	}
	return Payment{}, false
}

// PaidBy is the payment that an order's months were granted for.
func (s State) PaidBy(order string) (Payment, bool) {
	for _, p := range s.payments {
		if p.OrderID == order && p.Event != "" {
			return p, true
		}
	}
	return Payment{}, false
}

// Gifts are the days granted, in the order of their entry.
func (s State) Gifts() []Gift { return slices.Clone(s.gifts) }
