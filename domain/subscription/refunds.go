package subscription

import (
	"slices"
	"time"

	"kelisim/domain"
	"kelisim/domain/calendar"
)

// RequestRefund asks for money of a payment to go back. Where it has gone back already, by another way than the processor's, RefundedAt
// says when.
type RequestRefund struct {
	RefundID      string          `json:"refund_id,omitempty"`
	Provider      string          `json:"provider,omitempty"` // needed only where two have a transaction of this id
	TransactionID string          `json:"transaction_id"`
	Amount        domain.Money    `json:"amount"`
	Reason        domain.Personal `json:"reason,omitzero"`
	RefundedAt    *time.Time      `json:"refunded_at,omitempty"`
}

// SendRefund says that the processor is asked now. Again: all that was asked before surely came to nothing, so that the time for repeating
// begins anew.
type SendRefund struct {
	Provider, TransactionID, RefundID string
	Again                             bool
}

// RefuseRefund says that the processor will not.
type RefuseRefund struct {
	Provider, TransactionID, RefundID string
	Message                           domain.Personal
}

// RecordRefund is a refund that the processor made. Transaction is the refund's own: two equal parts of one payment are two refunds.
type RecordRefund struct {
	RefundID      string // the request that it answers, where that is known
	Provider      string
	TransactionID string // of the payment
	Transaction   string // of the refund
	Amount        domain.Money
	RefundedAt    time.Time
}

// RecordChargeBack is money that the payer's bank took back, as the processor's register tells it.
type RecordChargeBack struct {
	Provider      string       `json:"provider,omitempty"`
	TransactionID string       `json:"transaction_id"`
	Amount        domain.Money `json:"amount"`
	ChargedBackAt time.Time    `json:"charged_back_at"`
}

// RecordChargeBackReturn is money that a charge-back had taken and that the bank gave again, as the processor's register tells it: the whole
// sum of one charge-back.
type RecordChargeBackReturn struct {
	Provider      string       `json:"provider,omitempty"`
	TransactionID string       `json:"transaction_id"`
	Amount        domain.Money `json:"amount"`
	ReturnedAt    time.Time    `json:"returned_at"`
}

// alreadyRefunded is what refunds take that were known before their payment: a payment that is granted with nothing left of it
// loses at once the months that had not begun.
func (s State) alreadyRefunded(p Payment) []Event {
	var sum int64
	var last time.Time
	for _, r := range p.Refunds {
		if !r.RefundedAt.IsZero() {
			sum, last = sum+r.Amount.Minor, later(last, r.RefundedAt)
		}
	}
	if sum == 0 || sum < p.Amount.Minor {
		return nil
	}
	return s.revoke(p, CauseRefund, later(last, p.PaidAt))
}

func (RequestRefund) isCommand()          {}
func (SendRefund) isCommand()             {}
func (RefuseRefund) isCommand()           {}
func (RecordRefund) isCommand()           {}
func (RecordChargeBack) isCommand()       {}
func (RecordChargeBackReturn) isCommand() {}

// find is the one payment of a transaction's id, of a provider where one is named.
func (s State) find(provider, id string) (Payment, error) {
	var found []Payment
	for _, p := range s.payments {
		if p.TransactionID == id && (provider == "" || p.Provider == provider) && (p.Status() == StatusApplied || p.Status() == StatusHeld) {
			found = append(found, p)
		}
	}
	switch len(found) {
	case 0:
		return Payment{}, domain.Refuse(domain.NotFound, "payment-not-found", "this user has no such payment").At("/transaction_id")
	case 1:
		return found[0], nil
	}
	return Payment{}, domain.Malformed("/provider", "two providers have a transaction of this id; name the provider")
}

func requestRefund(s State, c RequestRefund, in domain.Context) ([]Event, error) {
	p, err := s.find(c.Provider, c.TransactionID)
	switch {
	case err != nil:
		return nil, err
	case c.Amount.Minor <= 0 || c.Amount.Currency != p.Amount.Currency:
		return nil, domain.Malformed("/amount", "an amount above zero, in the payment's currency, is wanted")
	case p.taken() >= p.Amount.Minor:
		return nil, domain.Refuse(domain.Conflict, "payment-charged-back", "the bank took this payment back")
	case c.Amount.Minor > p.Left().Minor:
		return nil, domain.Refuse(domain.Conflict, "refund-exceeds-payment", "with the refunds before it that is more than was paid").At("/amount")
	}
	id := c.RefundID
	if id == "" {
		id = in.ID("refund")
	}
	if _, known := p.refundBy(func(r Refund) bool { return r.ID == id }); known {
		return nil, domain.Refuse(domain.Conflict, "refund-exists", "a refund of this id stands already").At("/refund_id")
	}
	if c.RefundedAt == nil {
		return []Event{RefundRequested{id, p.Provider, p.TransactionID, c.Amount, c.Reason}}, nil
	}
	if c.RefundedAt.After(in.OccurredAt) || c.RefundedAt.Before(p.PaidAt) {
		return nil, domain.Malformed("/refunded_at", "money goes back after it was paid, and not in the future")
	}
	done := RefundCompleted{RefundID: id, Provider: p.Provider, TransactionID: p.TransactionID, Amount: c.Amount, RefundedAt: c.RefundedAt.UTC(), Reason: c.Reason}
	return s.refunded(p, done), nil
}

// given is how much of a payment has gone back or is to, in minor units.
func (p Payment) given() int64 {
	var sum int64
	for _, r := range p.Refunds {
		if r.RefusedAt.IsZero() || !r.RefundedAt.IsZero() {
			sum += r.Amount.Minor
		}
	}
	return sum
}

// Waits tells whether a refund is asked for and neither made nor refused.
func (r Refund) Waits() bool {
	return !r.RequestedAt.IsZero() && r.RefundedAt.IsZero() && r.RefusedAt.IsZero()
}

// WaitingRefund finds a refund of a payment that is asked for and neither made nor refused.
func (s State) WaitingRefund(provider, transaction, id string) (Refund, bool) {
	p, _ := s.Payment(provider, transaction)
	return p.refundBy(func(r Refund) bool { return r.ID == id && r.Waits() })
}

// sendRefund is recorded once: how long a request may be repeated counts from the first time.
func sendRefund(s State, c SendRefund, in domain.Context) ([]Event, error) {
	if r, waits := s.WaitingRefund(c.Provider, c.TransactionID, c.RefundID); !waits || !r.SentAt.IsZero() && !c.Again {
		return nil, nil
	}
	return []Event{RefundSent{c.RefundID, c.Provider, c.TransactionID, in.OccurredAt.UTC()}}, nil
}

func refuseRefund(s State, c RefuseRefund) ([]Event, error) {
	if _, waits := s.WaitingRefund(c.Provider, c.TransactionID, c.RefundID); !waits {
		return nil, nil
	}
	return []Event{RefundRefused{c.RefundID, c.Provider, c.TransactionID, c.Message}}, nil
}

func (p Payment) refundBy(is func(Refund) bool) (Refund, bool) {
	for _, r := range p.Refunds {
		if is(r) {
			return r, true
		}
	}
	return Refund{}, false
}

// recordRefund takes what the processor did. It is known by the refund's own transaction; it completes the oldest request of this
// sum, and is a refund of its own where none waits. A refund of a payment that is not known yet is kept until the payment comes.
func recordRefund(s State, c RecordRefund) ([]Event, error) {
	if err := checkTransaction(c.Provider, c.TransactionID, c.Amount); err != nil {
		return nil, err
	}
	if !transactionForm.MatchString(c.Transaction) || c.RefundedAt.IsZero() {
		return nil, domain.Malformed("", "the refund's own transaction and moment are wanted")
	}
	p, _ := s.Payment(c.Provider, c.TransactionID)
	if _, known := p.refundBy(func(r Refund) bool { return r.Transaction == c.Transaction }); known {
		return nil, nil
	}
	if p.Amount.Currency != "" {
		c.Amount.Currency = p.Amount.Currency // a refund's notification names none
	}
	answers := func(r Refund) bool { return r.Waits() && r.Amount == c.Amount }
	if c.RefundID != "" {
		answers = func(r Refund) bool { return r.Waits() && r.ID == c.RefundID }
	}
	id := c.Provider + ":" + c.Transaction
	if asked, waits := p.refundBy(answers); waits {
		id = asked.ID
	}
	return s.refunded(p, RefundCompleted{
		RefundID: id, Provider: c.Provider, TransactionID: c.TransactionID, Transaction: c.Transaction, Amount: c.Amount, RefundedAt: c.RefundedAt.UTC(),
	}), nil
}

// refunded adds to a completed refund what it takes: with the part that makes the sum whole, the months that had not begun.
func (s State) refunded(p Payment, e RefundCompleted) []Event {
	sum, last := e.Amount.Minor, e.RefundedAt
	for _, r := range p.Refunds {
		if r.RefundedAt.IsZero() || r.ID == e.RefundID {
			continue
		}
		sum += r.Amount.Minor
		if r.RefundedAt.After(last) {
			last = r.RefundedAt
		}
	}
	e.Full = p.Amount.Minor > 0 && !p.PaidAt.IsZero() && sum >= p.Amount.Minor
	if !e.Full {
		return []Event{e}
	}
	return append([]Event{e}, s.revoke(p, CauseRefund, last)...)
}

// revoke takes the months of a payment that had not begun at a moment, once.
func (s State) revoke(p Payment, cause string, at time.Time) []Event {
	if p.Event == "" || len(p.Revocations) > 0 {
		return nil
	}
	return []Event{MonthsRevoked{Provider: p.Provider, TransactionID: p.TransactionID, Months: s.unbegun(p, at), Cause: cause, At: at.UTC()}}
}

// unbegun is how many months of a payment had not begun at a moment, as known now.
func (s State) unbegun(p Payment, at time.Time) int {
	id := transaction{p.Provider, p.TransactionID}
	before := s.months(id)
	s.payment(p.Provider, p.TransactionID, func(p *Payment) { p.Revocations = []Revocation{{At: at, Cause: CauseRefund, Event: "this"}} })
	return before - s.months(id)
}

// months is how many months a payment grants after what was revoked.
func (s State) months(id transaction) int {
	for _, c := range chains(s.timeline()) {
		for _, p := range c.bought {
			if p.of == id {
				return p.months
			}
		}
	}
	return 0
}

// recordChargeBack takes a bank's claim. The obligation that follows from it is the user's book's to add.
func recordChargeBack(s State, c RecordChargeBack, in domain.Context) ([]Event, error) {
	p, err := s.find(c.Provider, c.TransactionID)
	switch {
	case err != nil:
		return nil, err
	case c.Amount.Minor <= 0 || c.Amount.Currency != p.Amount.Currency || c.Amount.Minor > p.Amount.Minor:
		return nil, domain.Malformed("/amount", "an amount of the payment, in its currency, is wanted")
	case c.ChargedBackAt.IsZero() || c.ChargedBackAt.Before(p.PaidAt) || c.ChargedBackAt.After(in.Now):
		return nil, domain.Malformed("/charged_back_at", "a bank takes money back after it was paid, and not in the future")
	}
	for _, b := range p.ChargeBacks {
		if b.Amount == c.Amount && b.At.Equal(c.ChargedBackAt) {
			return nil, nil
		}
	}
	taken := ChargedBack{p.Provider, p.TransactionID, c.Amount, c.ChargedBackAt.UTC()}
	return append([]Event{taken}, s.revoke(p, CauseChargeBack, c.ChargedBackAt)...), nil
}

// recordChargeBackReturn takes money that the bank gave again. When nothing is taken any more, the days that charge-backs had taken from the
// payment follow from the command's own moment on: time that went by without use is not counted as used (decision 15). They stay given,
// whatever becomes of the payment afterwards. The obligation is the user's book's to discharge.
func recordChargeBackReturn(s State, c RecordChargeBackReturn, in domain.Context) ([]Event, error) {
	p, err := s.find(c.Provider, c.TransactionID)
	if err != nil {
		return nil, err
	}
	open := 0
	for _, b := range p.ChargeBacks {
		if b.Amount == c.Amount && !b.At.After(c.ReturnedAt) {
			open++
		}
	}
	for _, b := range p.Returns {
		if b.Amount != c.Amount {
			continue
		}
		if b.At.Equal(c.ReturnedAt) {
			return nil, nil
		}
		open--
	}
	switch {
	case c.ReturnedAt.IsZero() || c.ReturnedAt.After(in.Now):
		return nil, domain.Malformed("/returned_at", "say when the money came again; that is not in the future")
	case open <= 0:
		return nil, domain.Refuse(domain.NotFound, "charge-back-not-found", "by that time the bank had taken no such sum of this payment that is still taken").At("/amount")
	}
	e := ChargeBackReturned{Provider: p.Provider, TransactionID: p.TransactionID, Amount: c.Amount, ReturnedAt: c.ReturnedAt.UTC()}
	if p.taken() == c.Amount.Minor && p.given() < p.Amount.Minor {
		e.Days = s.daysTaken(p)
	}
	if e.Days == 0 {
		return []Event{e}, nil
	}
	return []Event{e, DaysGranted{Days: e.Days, At: in.OccurredAt.UTC()}}, nil
}

// daysTaken is how many days of a payment's months charge-backs took and no return has given.
func (s State) daysTaken(p Payment) int {
	if len(p.Revocations) == 0 || p.Revocations[0].Cause != CauseChargeBack || slices.ContainsFunc(p.Returns, func(r Return) bool { return r.Days > 0 }) {
		return 0
	}
	from, until, left := s.Bought(p.Provider, p.TransactionID)
	if from.IsZero() || !left.Before(until) {
		return 0
	}
	return calendar.DayOf(left).DaysUntil(calendar.DayOf(until))
}
