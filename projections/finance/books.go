package finance

import (
	"context"
	"fmt"
	"time"

	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/obligation"
	"kelisim/domain/payment"
	"kelisim/domain/reconciliation"
	"kelisim/domain/subscription"
	"kelisim/domain/user"
)

// Record is every event that money follows from, as recorded up to a position.
type Record struct {
	Position int64
	KnownAt  time.Time // of the last event

	users    []*stream // in the order in which they began
	payments []*stream
	settled  []user.Recorded
}

type stream struct {
	name   string
	events []user.Recorded
}

// Read reads the journal once.
func Read(ctx context.Context, j *journal.Journal) (*Record, error) {
	r := &Record{}
	of := map[string]*stream{}
	for e, err := range j.ReadAll(ctx, 0) {
		if err != nil {
			return nil, fmt.Errorf("read the journal: %w", err)
		}
		r.Position, r.KnownAt = e.Position, e.RecordedAt
		all := &r.users
		switch e.Data.(type) {
		case reconciliation.Settled:
			r.settled = append(r.settled, user.Recorded{Meta: e.Meta, Data: e.Data})
			continue
		case payment.Event:
			all = &r.payments
		case subscription.Event, obligation.Event, account.EntryVoided:
			if domain.Stream(e.Stream).Category() != "user" {
				continue // a marker of time
			}
		default:
			continue
		}
		s := of[e.Stream]
		if s == nil {
			s = &stream{name: e.Stream}
			of[e.Stream] = s
			*all = append(*all, s)
		}
		s.events = append(s.events, user.Recorded{Meta: e.Meta, Data: e.Data})
	}
	return r, nil
}

// before is the events that were recorded before a moment.
func before(events []user.Recorded, known time.Time) []user.Recorded {
	n := len(events)
	for n > 0 && !events[n-1].RecordedAt.Before(known) {
		n--
	}
	return events[:n]
}

// Entries are the books as of a moment, that moment included, as they were known before another.
func (r *Record) Entries(asOf, known time.Time) []Entry {
	var out []Entry
	for _, u := range r.users {
		s := user.Fold(before(u.events, known))
		for _, p := range s.Subscription.Payments() {
			out = append(out, ofPayment(s.Subscription, p, asOf)...)
		}
		for _, o := range s.Obligations.All() {
			out = append(out, ofObligation(o, asOf)...)
		}
	}
	for _, s := range r.apart(known) {
		out = append(out, ofHeld(s, asOf)...)
	}
	for _, e := range before(r.settled, known) {
		for _, p := range e.Data.(reconciliation.Settled).Payouts {
			out = append(out, ofPayout(p, asOf)...)
		}
	}
	return out
}

// apart is the money in streams of its own that is in no user's book. What an officer gave to an order is in both for a moment.
func (r *Record) apart(known time.Time) []payment.State {
	users := map[transaction]bool{}
	for _, u := range r.users {
		for _, e := range before(u.events, known) {
			if v, ok := e.Data.(subscription.PaymentApplied); ok {
				users[transaction{v.Provider, v.TransactionID}] = true
			}
		}
	}
	var out []payment.State
	for _, m := range r.payments {
		s := foldHeld(before(m.events, known))
		if !users[transaction{s.Held.Provider, s.Held.TransactionID}] {
			out = append(out, s)
		}
	}
	return out
}

// Place is an account in a currency.
type Place struct {
	Account  Account
	Currency string
}

// Balances sums entries up: what stands in debit is above zero.
func Balances(entries []Entry) map[Place]int64 {
	out := map[Place]int64{}
	for _, e := range entries {
		out[Place{e.Debit, e.Amount.Currency}] += e.Amount.Minor
		out[Place{e.Credit, e.Amount.Currency}] -= e.Amount.Minor
	}
	return out
}
