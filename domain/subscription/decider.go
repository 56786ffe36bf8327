package subscription

import (
	"cmp"
	"regexp"
	"slices"
	"time"

	"kelisim/domain"
	"kelisim/domain/calendar"
)

// Decider is the book's rules.
var Decider = domain.Decider[Command, State, Event]{Decide: decide, Evolve: evolve}

// maxDays is the most days that one grant may give.
const maxDays = 366

var (
	// A provider's name and a transaction's id become parts of a stream's name.
	providerForm    = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)
	transactionForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$`)
	reasonForm      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
)

func decide(s State, c Command, in domain.Context) ([]Event, error) {
	switch c := c.(type) {
	case StartTrial:
		return startTrial(s, in)
	case PlaceOrder:
		return placeOrder(s, c, in)
	case RecordPayment:
		return recordPayment(s, c, in)
	case DeclinePayment:
		return declinePayment(s, c)
	case ApplyPayment:
		return applyPayment(s, c)
	case GrantDays:
		if c.Days < 1 || c.Days > maxDays {
			return nil, domain.Malformed("/days", "from 1 to %d days can be granted at once", maxDays)
		}
		return []Event{DaysGranted{c.Days, c.Reason, in.OccurredAt.UTC()}}, nil
	case RequestRefund:
		return requestRefund(s, c, in)
	case SendRefund:
		return sendRefund(s, c, in)
	case RefuseRefund:
		return refuseRefund(s, c)
	case RecordRefund:
		return recordRefund(s, c)
	case RecordChargeBackReturn:
		return recordChargeBackReturn(s, c, in)
	case RecordChargeBack:
		return recordChargeBack(s, c, in)
	}
	panic("unhandled subscription command")
}

func startTrial(s State, in domain.Context) ([]Event, error) {
	if s.trial.Event != "" {
		return nil, domain.Refuse(domain.Conflict, "trial-used", "the free months are given once, at registration").By("T-2.1")
	}
	months := in.Parameters.TrialMonths
	if months < 1 {
		return nil, nil
	}
	at := in.OccurredAt.UTC()
	chain := calendar.Chain{Anchor: calendar.DayOf(at), Months: months}
	return []Event{TrialStarted{RegisteredAt: at, From: at, Until: chain.End(), Months: months, Anchor: chain.Anchor}}, nil
}

func placeOrder(s State, c PlaceOrder, in domain.Context) ([]Event, error) {
	if !slices.Contains(in.Parameters.Periods, c.Months) {
		return nil, domain.Refuse(domain.Invalid, "period-not-offered",
			"the terms offer the periods %v months", in.Parameters.Periods).At("/months").By("T-2.1")
	}
	if c.ShownPrice != nil && *c.ShownPrice != c.Price {
		return nil, domain.Refuse(domain.Conflict, "price-mismatch",
			"the price is %v; show it and ask again", c.Price).At("/price").By("T-2.1")
	}
	id := c.OrderID
	if id == "" {
		id = in.ID("order")
	}
	if _, err := domain.ParseID(id); err != nil {
		return nil, domain.Malformed("/order_id", "an order's id is a UUID in lower case with hyphens")
	}
	if _, known := s.Order(id); known {
		return nil, domain.Refuse(domain.Conflict, "order-exists", "an order of this id was placed already").At("/order_id")
	}
	at := in.OccurredAt.UTC()
	return []Event{OrderPlaced{
		OrderID: id, ConsentID: c.ConsentID, Months: c.Months, Price: c.Price, InvoiceID: c.InvoiceID, AccountID: c.AccountID,
		PlacedAt: at, ExpiresAt: at.Add(time.Duration(in.Parameters.OrderHours) * time.Hour), TermsVersion: c.TermsVersion, Offer: c.Offer,
	}}, nil
}

// checkTransaction checks the form of what a processor names and tells the amount from none.
func checkTransaction(provider, id string, amount domain.Money) error {
	switch {
	case !providerForm.MatchString(provider):
		return domain.Malformed("/provider", "a provider is named in small letters, digits, hyphens and underscores")
	case !transactionForm.MatchString(id):
		return domain.Malformed("/transaction_id", "a transaction's id is up to 64 letters, digits, dots, colons, hyphens and underscores")
	case amount.Minor <= 0:
		return domain.Malformed("/amount", "an amount above zero is wanted")
	}
	return nil
}

// recordPayment applies money or holds it. Of two payments of one order the earlier, by the processor's time, pays it, whichever
// became known first; the other is held from then on.
func recordPayment(s State, c RecordPayment, in domain.Context) ([]Event, error) {
	if err := checkTransaction(c.Provider, c.TransactionID, c.Amount); err != nil {
		return nil, err
	}
	if c.PaidAt.IsZero() {
		return nil, domain.Malformed("/paid_at", "the processor's time of the payment is wanted")
	}
	if _, err := domain.ParseID(c.OrderID); err != nil {
		return nil, domain.Malformed("/order_id", "an order's id is a UUID in lower case with hyphens")
	}
	c.PaidAt = c.PaidAt.UTC()
	if p, known := s.Payment(c.Provider, c.TransactionID); known && !p.PaidAt.IsZero() {
		sameOrder := p.NamedOrder == c.OrderID || p.NamedOrder == ""
		if sameOrder && p.PaidAt.Equal(c.PaidAt) && p.Amount == c.Amount {
			return nil, nil
		}
		return nil, transactionConflict()
	}
	order, known := s.Order(c.OrderID)
	if reason := s.holds(c, order, known); reason != "" {
		return []Event{PaymentHeld{c.OrderID, c.Provider, c.TransactionID, c.PaidAt, c.Amount, reason}}, nil
	}
	paid := PaymentCompleted{c.OrderID, c.Provider, c.TransactionID, c.PaidAt, c.Amount, order.Months}
	if later, overtaken := s.PaidBy(c.OrderID); overtaken {
		second := PaymentHeld{later.NamedOrder, later.Provider, later.TransactionID, later.PaidAt, later.Amount, HeldDuplicate}
		s.payment(later.Provider, later.TransactionID, func(p *Payment) { p.hold(second, in.OccurredAt, "this") })
		return append([]Event{second}, s.grant(paid)...), nil
	}
	return s.grant(paid), nil
}

func transactionConflict() error {
	return domain.Refuse(domain.Conflict, "transaction-conflict", "this transaction is recorded with other content").At("/transaction_id")
}

// holds is why money is not applied by itself, or "". All is judged at the processor's time of payment, and what is the payment's own
// fault comes first: so no answer depends on which of an order's payments became known first (TestDuplicatesInAnyOrder).
func (s State) holds(c RecordPayment, order Order, known bool) string {
	switch {
	case !known || c.OtherAccount:
		return HeldUnknownOrder
	case c.TestMode:
		return HeldTestMode
	case c.Amount != order.Price:
		return HeldAmountMismatch
	case !c.PaidAt.Before(order.ExpiresAt):
		return HeldOrderExpired
	case c.BlockedAtPaid:
		return HeldBlocked
	}
	if p, paid := s.PaidBy(c.OrderID); paid && !overtakes(c, p) {
		return HeldDuplicate
	}
	return ""
}

// overtakes tells whether a payment that becomes known now was made before the one that the order was granted for. An officer's choice is
// not overtaken.
func overtakes(c RecordPayment, p Payment) bool {
	return p.AppliedAt.IsZero() &&
		cmp.Or(c.PaidAt.Compare(p.PaidAt), cmp.Compare(c.TransactionID, p.TransactionID), cmp.Compare(c.Provider, p.Provider)) < 0
}

// grant adds to a payment where its months come to lie.
func (s State) grant(e PaymentCompleted) []Event {
	s.payment(e.Provider, e.TransactionID, func(p *Payment) { p.grant(e.OrderID, e.PaidAt, e.Amount, e.Months, "this") })
	s.facts = s.timeline()
	granted := s.period(transaction{e.Provider, e.TransactionID})
	granted.OrderID, granted.Provider, granted.TransactionID, granted.Months = e.OrderID, e.Provider, e.TransactionID, e.Months
	p, _ := s.Payment(e.Provider, e.TransactionID)
	return append([]Event{e, granted}, s.alreadyRefunded(p)...)
}

func declinePayment(s State, c DeclinePayment) ([]Event, error) {
	if err := checkTransaction(c.Provider, c.TransactionID, c.Amount); err != nil {
		return nil, err
	}
	if c.DeclinedAt.IsZero() {
		return nil, domain.Malformed("/declined_at", "the processor's time of the decline is wanted")
	}
	if !reasonForm.MatchString(c.ReasonCode) {
		return nil, domain.Malformed("/reason_code", "the processor's code of the reason is wanted")
	}
	if _, known := s.Order(c.OrderID); !known {
		return nil, orderNotFound()
	}
	if p, known := s.Payment(c.Provider, c.TransactionID); known && p.Status() != "" {
		if p.Status() == StatusDeclined && p.OrderID == c.OrderID && p.DeclinedAt.Equal(c.DeclinedAt) && p.Amount == c.Amount && p.DeclineReason == c.ReasonCode {
			return nil, nil
		}
		return nil, transactionConflict()
	}
	return []Event{PaymentDeclined{c.OrderID, c.Provider, c.TransactionID, c.DeclinedAt.UTC(), c.Amount, c.ReasonCode}}, nil
}

func orderNotFound() error {
	return domain.Refuse(domain.NotFound, "order-not-found", "there is no such order").At("/order_id")
}

func applyPayment(s State, c ApplyPayment) ([]Event, error) {
	p, _ := s.Payment(c.Provider, c.TransactionID)
	switch {
	case p.Status() == StatusApplied && p.OrderID == c.OrderID && !p.AppliedAt.IsZero():
		return nil, nil
	case p.Status() == StatusApplied:
		return nil, domain.Refuse(domain.Conflict, "payment-applied", "this payment was applied already")
	case p.Status() == StatusHeld:
		c.PaidAt, c.Amount = p.PaidAt, p.Amount
	case c.PaidAt.IsZero():
		return nil, domain.Refuse(domain.NotFound, "payment-not-found", "no such payment is held")
	}
	switch {
	case p.back() > 0:
		return nil, domain.Refuse(domain.Conflict, "payment-refunded", "money of this payment has gone back")
	case p.given() > 0:
		return nil, domain.Refuse(domain.Conflict, "refund-requested", "money of this payment is on its way back")
	}
	order, known := s.Order(c.OrderID)
	if !known {
		return nil, orderNotFound()
	}
	if first, paid := s.PaidBy(c.OrderID); paid && first.back() < first.Amount.Minor {
		return nil, domain.Refuse(domain.Conflict, "order-paid", "this order is paid already").At("/order_id")
	}
	applied := PaymentApplied{c.OrderID, c.Provider, c.TransactionID, c.PaidAt.UTC(), c.Amount, order.Months}
	return append([]Event{applied}, s.grant(PaymentCompleted(applied))[1:]...), nil
}
