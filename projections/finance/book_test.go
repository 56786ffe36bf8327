package finance_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/calendar"
	"kelisim/domain/catalogue"
	"kelisim/domain/decidertest"
	"kelisim/domain/event"
	"kelisim/domain/payment"
	"kelisim/domain/reconciliation"
	"kelisim/domain/subscription"
	"kelisim/projections/finance"
)

const me = "user-5f0c1b1e-7c5b-4a3e-9a60-0d1f2a3b4c5d"

// book is a journal in the making: each event is recorded at the book's moment.
type book struct {
	t     testing.TB
	store *journal.Memory
	*journal.Journal
	at   time.Time
	subs map[string]subscription.State
	last map[string]int64
	n    int
}

func newBook(t testing.TB) *book {
	b := &book{t: t, store: &journal.Memory{}, at: at("2026-01-10"), subs: map[string]subscription.State{}, last: map[string]int64{}}
	b.store.Now = func() time.Time { return b.at }
	b.Journal = journal.New(b.store, catalogue.All())
	return b
}

// at reads a local day, as noon, or a day and a clock.
func at(s string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04", s, calendar.Zone())
	if err != nil {
		t, err = time.ParseInLocation(time.DateOnly, s, calendar.Zone())
		t = t.Add(12 * time.Hour)
	}
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

// on moves to a moment of the record.
func (b *book) on(s string) *book {
	b.at = at(s)
	return b
}

func (b *book) record(stream string, events ...any) {
	b.t.Helper()
	for _, e := range events {
		b.n++
		m := event.Meta{ID: uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, b.n)), OccurredAt: b.at, Actor: event.Actor{Kind: "system"}}
		r, err := b.Encode(e, m)
		if err != nil {
			b.t.Fatal(err)
		}
		expected, begun := b.last[stream]
		if !begun {
			expected = journal.NoStream
		}
		receipt, err := b.Append(b.t.Context(), stream, expected, []journal.NewRecord{r})
		if err != nil {
			b.t.Fatal(err)
		}
		b.last[stream] = receipt.Revision
		if v, ok := e.(subscription.Event); ok {
			b.subs[stream] = subscription.Decider.Evolve(b.subs[stream], v, m)
		}
	}
}

// do decides by the book's own rules and records what follows; a refusal records nothing.
func (b *book) do(stream string, c subscription.Command) bool {
	b.t.Helper()
	events, err := subscription.Decider.Decide(b.subs[stream], c, domain.Context{OccurredAt: b.at, Now: b.at, Command: uuid.NewSHA1(uuid.NameSpaceURL, fmt.Append(nil, b.n)), Parameters: decidertest.Parameters()})
	if err != nil {
		return false
	}
	for _, e := range events {
		b.record(stream, e)
	}
	return true
}

func (b *book) read() *finance.Record {
	b.t.Helper()
	r, err := finance.Read(b.t.Context(), b.Journal)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *book) statement(month, asked string) finance.Statement {
	b.t.Helper()
	m, err := finance.ParseMonth(month)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.read().Statement(m, at(asked))
}

// lines are a statement's accounts as "account opening movement closing".
func lines(s finance.Statement) []string {
	var out []string
	for _, l := range s.Accounts {
		out = append(out, fmt.Sprint(l.Account, " ", l.Currency, " ", l.Opening, " ", l.Movement, " ", l.Closing))
	}
	return out
}

func expect(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n%q\nwant\n%q", what, got, want)
	}
}

func placed(b *book, id string, months int, price domain.Money) {
	b.record(me, subscription.OrderPlaced{OrderID: order(id), Months: months, Price: price, InvoiceID: id, AccountID: "a", PlacedAt: b.at, ExpiresAt: b.at.Add(24 * time.Hour)})
}

func order(id string) string { return uuid.NewSHA1(uuid.NameSpaceDNS, []byte(id)).String() }

func paying(id, transaction string, when time.Time, amount domain.Money) subscription.RecordPayment {
	return subscription.RecordPayment{OrderID: order(id), Provider: "cloudpayments", TransactionID: transaction, PaidAt: when, Amount: amount}
}

// life records what may happen to money over some months, each fact with a delay of its own, and calls between after each.
func life(t testing.TB, seed uint64, steps int, between func(*book)) *book {
	r := rand.New(rand.NewPCG(11, seed))
	b := newBook(t)
	users := []string{me, "user-5a0e5f0e-6f3c-4d0c-8a2e-7f9b1c2d3e4f"}
	for _, u := range users {
		b.do(u, subscription.StartTrial{})
	}
	type made struct {
		user, id string
		amount   domain.Money
		at       time.Time
	}
	var paid []made
	for i := range steps {
		b.at = b.at.Add(time.Duration(r.IntN(6*24*60)) * time.Minute)
		u, id := users[r.IntN(2)], fmt.Sprint(i)
		when := b.at.Add(-time.Duration(r.IntN(40*24*60)) * time.Minute) // it is told up to forty days late
		amount := domain.Money{Minor: int64(1 + r.IntN(500_000)), Currency: "KZT"}
		of := made{}
		if len(paid) > 0 {
			of = paid[r.IntN(len(paid))]
		}
		part := domain.Money{Minor: 1 + r.Int64N(amount.Minor), Currency: "KZT"}
		if r.IntN(2) == 0 && of.id != "" {
			part = of.amount
		}
		after := of.at.Add(time.Duration(r.Int64N(int64(b.at.Sub(of.at))/int64(time.Minute)+1)) * time.Minute)
		switch r.IntN(10) {
		case 0, 1, 2, 3:
			b.record(u, subscription.OrderPlaced{OrderID: order(id), Months: []int{1, 3, 6}[r.IntN(3)], Price: amount, InvoiceID: id, PlacedAt: when, ExpiresAt: when.Add(24 * time.Hour)})
			c := paying(id, "1"+id, when, amount)
			c.BlockedAtPaid, c.TestMode = r.IntN(5) == 0, r.IntN(9) == 0
			if b.do(u, c) && !c.TestMode {
				paid = append(paid, made{u, "1" + id, amount, when})
			}
		case 4, 5:
			if of.id != "" {
				b.do(of.user, subscription.RecordRefund{Provider: "cloudpayments", TransactionID: of.id, Transaction: "2" + id, Amount: part, RefundedAt: after})
			}
		case 6:
			if of.id != "" {
				b.do(of.user, subscription.RecordChargeBack{TransactionID: of.id, Amount: part, ChargedBackAt: after})
			}
			for _, p := range b.subs[u].Payments() {
				for _, taken := range p.ChargeBacks {
					if r.IntN(2) == 0 {
						back := taken.At.Add(time.Duration(r.Int64N(int64(b.at.Sub(taken.At))/int64(time.Minute)+1)) * time.Minute)
						b.do(u, subscription.RecordChargeBackReturn{TransactionID: p.TransactionID, Amount: taken.Amount, ReturnedAt: back})
					}
				}
			}
		case 7:
			b.do(u, subscription.GrantDays{Days: 1 + r.IntN(40)})
			for _, p := range b.subs[u].Payments() {
				if p.Status() == subscription.StatusHeld && p.HeldReason == subscription.HeldBlocked {
					b.do(u, subscription.ApplyPayment{Provider: p.Provider, TransactionID: p.TransactionID, OrderID: p.NamedOrder})
				}
			}
		case 8:
			b.record("payment-cloudpayments-3"+id, payment.Held{Provider: "cloudpayments", TransactionID: "3" + id, PaidAt: when, Amount: amount, Reason: "unknown-order"})
			if r.IntN(2) == 0 {
				b.record("payment-cloudpayments-3"+id, payment.Refunded{Transaction: "4" + id, Amount: part, RefundedAt: b.at})
			}
		case 9:
			b.record("reconciliation-cloudpayments-2026-01", reconciliation.Settled{Provider: "cloudpayments", Payouts: []reconciliation.Payout{
				{TransactionID: id, Amount: amount, Payout: domain.Money{Minor: amount.Minor - 1, Currency: "KZT"}, Fee: domain.Money{Minor: 1, Currency: "KZT"}, At: when}}})
		}
		if between != nil {
			between(b)
		}
	}
	return b
}
