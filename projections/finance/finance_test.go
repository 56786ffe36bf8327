package finance_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/calendar"
	"kelisim/domain/catalogue"
	"kelisim/domain/decidertest"
	"kelisim/domain/event"
	"kelisim/domain/obligation"
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

// A month that is bought in January and used in April is deferred until then, recognised by its days, and the odd tiyn come with the last one.
func TestRecognition(t *testing.T) {
	b := newBook(t).on("2026-01-10")
	b.do(me, subscription.StartTrial{}) // through 10 April
	b.on("2026-01-20")
	placed(b, "1", 1, domain.Money{Minor: 100_001, Currency: "KZT"})
	b.do(me, paying("1", "11", b.at, domain.Money{Minor: 100_001, Currency: "KZT"})) // 11 April through 10 May: 30 days
	expect(t, "January", lines(b.statement("2026-01", "2026-07-01")), "provider-clearing KZT 0 100001 100001", "deferred-revenue KZT 0 -100001 -100001")
	// 20 of 30 days begin in April.
	expect(t, "April", lines(b.statement("2026-04", "2026-07-01")), "provider-clearing KZT 100001 0 100001", "deferred-revenue KZT -100001 66667 -33334", "revenue KZT 0 -66667 -66667")
	expect(t, "May", lines(b.statement("2026-05", "2026-07-01")), "provider-clearing KZT 100001 0 100001", "deferred-revenue KZT -33334 33334 0", "revenue KZT -66667 -33334 -100001")
	s := b.statement("2026-01", "2026-07-01")
	if len(s.Receipts) != 1 || s.Receipts[0].Day.String() != "2026-01-20" || s.Receipts[0].UTCDay != "2026-01-20" || s.Receipts[0].Received != 100_001 || s.Receipts[0].Payments != 1 {
		t.Errorf("receipts: %+v", s.Receipts)
	}
}

// Of what goes back, the unused part was deferred and the used part is a cost; a part that goes back leaves the months, and less to earn.
func TestRefundEntries(t *testing.T) {
	half := domain.KZT(500)
	make := func() *book {
		b := newBook(t).on("2026-01-10")
		b.do(me, subscription.StartTrial{})
		b.on("2026-05-01") // a chain of its own: 1 through 31 May and the first of June
		placed(b, "1", 1, domain.KZT(1000))
		b.do(me, paying("1", "11", b.at, domain.KZT(1000)))
		return b
	}
	back := func(tenge int64, when string) subscription.RecordRefund {
		return subscription.RecordRefund{Provider: "cloudpayments", TransactionID: "11", Transaction: "12", Amount: domain.KZT(tenge), RefundedAt: at(when)}
	}
	b := make().on("2026-05-16")
	b.do(me, back(1000, "2026-05-16")) // 16 of 32 days have begun
	expect(t, "whole", lines(b.statement("2026-05", "2026-07-01")), "revenue KZT 0 -50000 -50000", "refunds KZT 0 50000 50000")
	b = make().on("2026-05-16")
	b.do(me, back(half.Minor/100, "2026-05-16"))
	expect(t, "half, May", lines(b.statement("2026-05", "2026-07-01")), "provider-clearing KZT 0 50000 50000", "revenue KZT 0 -50000 -50000")
	// A charge-back before its months begin takes all of them.
	b = newBook(t).on("2026-01-10")
	b.do(me, subscription.StartTrial{})
	placed(b, "1", 1, domain.KZT(1000))
	b.do(me, paying("1", "11", b.at, domain.KZT(1000)))
	b.on("2026-02-01")
	b.do(me, subscription.RecordChargeBack{TransactionID: "11", Amount: domain.KZT(900), ChargedBackAt: b.at})
	expect(t, "charged back", lines(b.statement("2026-02", "2026-07-01")), "provider-clearing KZT 100000 -90000 10000", "deferred-revenue KZT -100000 100000 0", "revenue KZT 0 -10000 -10000")
}

// A charge-back that came to nothing costs nothing: what it had cost is made up for, and the rest is earned by the days that are given again.
func TestReturnEntries(t *testing.T) {
	b := newBook(t).on("2026-01-10")
	b.do(me, subscription.StartTrial{})
	b.on("2026-05-01") // a chain of its own
	b.record(me, subscription.OrderPlaced{OrderID: order("1"), Months: 3, Price: domain.KZT(3000), InvoiceID: "1", PlacedAt: b.at, ExpiresAt: b.at.Add(time.Hour)})
	b.do(me, paying("1", "11", b.at, domain.KZT(3000)))
	b.on("2026-05-16")
	b.do(me, subscription.RecordChargeBack{TransactionID: "11", Amount: domain.KZT(3000), ChargedBackAt: b.at})
	taken := b.statement("2026-05", "2026-12-01")
	b.on("2026-07-10")
	if !b.do(me, subscription.RecordChargeBackReturn{TransactionID: "11", Amount: domain.KZT(3000), ReturnedAt: b.at}) {
		t.Fatal("the return is refused")
	}
	if s := b.statement("2026-05", "2026-12-01"); fmt.Sprint(s) != fmt.Sprint(taken) {
		t.Errorf("May was\n%v\nand is\n%v", taken, s)
	}
	clearing, cost, earned := int64(0), int64(0), int64(0)
	for _, l := range b.statement("2026-12", "2027-02-01").Accounts {
		switch l.Account {
		case finance.Clearing:
			clearing = l.Closing
		case finance.ChargeBack:
			cost = l.Closing
		case finance.Revenue:
			earned = l.Closing
		}
	}
	if clearing != 300_000 || cost != 0 || earned != -300_000 {
		t.Errorf("in the end there are %d in clearing, %d lost and %d earned", clearing, cost, earned)
	}
	july := lines(b.statement("2026-07", "2026-12-01"))
	if !slices.ContainsFunc(july, func(l string) bool { return strings.HasPrefix(l, "deferred-revenue KZT 0 -") }) {
		t.Errorf("nothing is deferred by the days that were given: %q", july)
	}
}

// Money that is held is the payer's; test money is none; fines are owed until they are paid or let go; payouts carry their fee.
func TestOtherEntries(t *testing.T) {
	b := newBook(t).on("2026-01-10")
	b.do(me, subscription.StartTrial{})
	placed(b, "1", 1, domain.KZT(1000))
	blocked, test := paying("1", "11", b.at, domain.KZT(1000)), paying("1", "12", b.at, domain.KZT(1000))
	blocked.BlockedAtPaid, test.TestMode = true, true
	b.do(me, blocked)
	b.do(me, test)
	lost := payment.Held{Provider: "cloudpayments", TransactionID: "13", PaidAt: at("2026-01-31 03:00"), Amount: domain.KZT(10), Reason: "unknown-order"}
	b.on("2026-02-01")
	b.record("payment-cloudpayments-13", lost)
	b.record("payment-cloudpayments-14", payment.Refunded{Transaction: "15", Amount: domain.KZT(1), RefundedAt: b.at})
	b.record(me, obligation.FineDemanded{ObligationID: "f1", Amount: domain.KZT(50_000), ActOn: calendar.DayOf(b.at)}, obligation.FineDemanded{ObligationID: "f2", Amount: domain.KZT(50_000), ActOn: calendar.DayOf(b.at)})
	s := b.statement("2026-01", "2026-07-01")
	expect(t, "January", lines(s), "provider-clearing KZT 0 101000 101000", "customer-unapplied KZT 0 -101000 -101000")
	if len(s.Held) != 2 || s.Held[0].AgeDays != 21 || s.Held[1].TransactionID != "13" || s.Held[1].AgeDays != 0 || s.Held[0].Reason != "blocked" {
		t.Errorf("held: %+v", s.Held)
	}
	if len(s.Receipts) != 2 || s.Receipts[1].Day.String() != "2026-01-31" || s.Receipts[1].UTCDay != "2026-01-30" {
		t.Errorf("receipts: %+v", s.Receipts)
	}
	b.on("2026-02-10")
	b.do(me, subscription.ApplyPayment{Provider: "cloudpayments", TransactionID: "11", OrderID: order("1")})
	b.record("payment-cloudpayments-13", payment.Refunded{Transaction: "16", Amount: domain.KZT(10), RefundedAt: b.at})
	b.record(me, obligation.Discharged{ObligationID: "f1", How: obligation.Paid}, obligation.Discharged{ObligationID: "f2", How: obligation.Waived})
	b.record("reconciliation-cloudpayments-2026-02", reconciliation.Settled{Provider: "cloudpayments", Payouts: []reconciliation.Payout{
		{TransactionID: "11", Amount: domain.KZT(1000), Payout: domain.KZT(975), Fee: domain.KZT(25), At: b.at}}})
	s = b.statement("2026-02", "2026-07-01")
	expect(t, "February", lines(s), "provider-clearing KZT 101000 -101100 -100", "bank KZT 0 5097500 5097500", "customer-unapplied KZT -101000 101000 0",
		"deferred-revenue KZT 0 -100000 -100000", "suspense KZT 0 100 100", "provider-fees KZT 0 2500 2500", "fines-income KZT 0 -5000000 -5000000")
	if len(s.Held) != 0 {
		t.Errorf("held: %+v", s.Held)
	}
}

// Money that an officer gave to an order from a stream of its own is the user's, also while that stream does not say so yet.
func TestAppliedFromAStreamOfItsOwn(t *testing.T) {
	b := newBook(t).on("2026-01-10")
	b.do(me, subscription.StartTrial{})
	placed(b, "1", 1, domain.KZT(1000))
	b.record("payment-cloudpayments-13", payment.Held{Provider: "cloudpayments", TransactionID: "13", PaidAt: b.at, Amount: domain.KZT(1000), Reason: "unknown-order"})
	b.on("2026-02-10")
	b.do(me, subscription.ApplyPayment{Provider: "cloudpayments", TransactionID: "13", OrderID: order("1"), PaidAt: at("2026-01-10"), Amount: domain.KZT(1000)})
	for range 2 {
		s := b.statement("2026-02", "2026-07-01")
		expect(t, "February", lines(s), "provider-clearing KZT 100000 0 100000", "customer-unapplied KZT -100000 100000 0", "deferred-revenue KZT 0 -100000 -100000")
		if len(s.Held)+len(s.Receipts) != 0 {
			t.Errorf("%+v", s)
		}
		if s = b.statement("2026-01", "2026-07-01"); len(s.Held) != 1 || len(s.Receipts) != 1 {
			t.Errorf("%+v", s)
		}
		b.record("payment-cloudpayments-13", payment.Applied{UserID: "5f0c1b1e-7c5b-4a3e-9a60-0d1f2a3b4c5d", OrderID: order("1")})
	}
}

// What becomes known after a month was closed belongs to the next one that is open; until then it belongs to its own.
func TestLateFacts(t *testing.T) {
	for learnt, month := range map[string]string{"2026-02-05 23:59": "2026-01", "2026-02-06 00:00": "2026-02", "2026-03-05": "2026-02", "2026-03-07": "2026-03"} {
		b := newBook(t).on("2026-01-10")
		b.do(me, subscription.StartTrial{})
		placed(b, "1", 1, domain.KZT(1000))
		paid := b.at
		b.on(learnt)
		b.do(me, paying("1", "11", paid, domain.KZT(1000)))
		for _, m := range []string{"2026-01", "2026-02", "2026-03", "2026-04"} {
			s := b.statement(m, "2026-07-01")
			received, moved := int64(0), int64(0)
			for _, r := range s.Receipts {
				received += r.Received
			}
			for _, l := range s.Accounts {
				if l.Account == finance.Clearing {
					moved = l.Movement
				}
			}
			want := int64(0)
			if m == month {
				want = 100_000
			}
			if received != want || moved != want {
				t.Errorf("learnt %s: in %s %d was received and %d moved, want %d", learnt, m, received, moved, want)
			}
		}
	}
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

// At each event and at any moment the books balance, nothing earns more than was paid, and what is held is what is owed to payers.
func TestBooksBalance(t *testing.T) {
	for seed := range uint64(12) {
		life(t, seed, 40, func(b *book) {
			r := b.read()
			now := b.at.Add(time.Microsecond)
			balances := finance.Balances(r.Entries(b.at, now))
			sum := int64(0)
			for _, v := range balances {
				sum += v
			}
			of := func(a finance.Account) int64 { return balances[finance.Place{Account: a, Currency: "KZT"}] }
			if sum != 0 || of(finance.Deferred) > 0 || of(finance.Revenue) > 0 || of(finance.Unapplied) > 0 || of(finance.Refunds) < 0 || of(finance.ChargeBack) < 0 || of(finance.Suspense) < 0 {
				t.Fatalf("seed %d: the books are %v", seed, balances)
			}
			held := int64(0)
			for _, h := range r.Statement(finance.MonthOf(b.at), now).Held {
				held += h.Left
			}
			// More than was paid may go back of a payment; of what is held no more than all of it.
			if held != -of(finance.Unapplied) {
				t.Fatalf("seed %d: %d is held, and the account says %d", seed, held, of(finance.Unapplied))
			}
		})
	}
	// When every day has been used nothing is deferred any more.
	b := life(t, 99, 60, nil)
	end := b.at.AddDate(30, 0, 0)
	if left := finance.Balances(b.read().Entries(end, end))[finance.Place{Account: finance.Deferred, Currency: "KZT"}]; left != 0 {
		t.Errorf("after thirty years %d is deferred", left)
	}
}

// A closed month comes out the same for ever, whatever is recorded later; the next one begins where it ended, and cash explains the clearing account.
func TestClosedMonthsStand(t *testing.T) {
	for seed := range uint64(8) {
		closed := map[string]string{}
		life(t, seed, 40, func(b *book) {
			r := b.read()
			end := int64(0)
			for m := finance.MonthOf(at("2025-11-01")); !m.Closes().After(b.at); m = m.Next() {
				s := r.Statement(m, b.at.Add(time.Microsecond))
				body, err := json.Marshal(s)
				if err != nil || !s.Closed {
					t.Fatal(err, s.Closed)
				}
				if was, ok := closed[m.String()]; ok && was != string(body) {
					t.Fatalf("seed %d: %s was\n%s\nand is\n%s", seed, m, was, body)
				}
				closed[m.String()] = string(body)
				cash, clearing, opening, closing := int64(0), int64(0), int64(0), int64(0)
				for _, d := range s.Receipts {
					cash += d.Received - d.Refunded - d.ChargedBack - d.PaidOut - d.Fees
				}
				for _, l := range s.Accounts {
					if l.Account == finance.Clearing {
						clearing, opening, closing = l.Movement, l.Opening, l.Closing
					}
				}
				if opening != end {
					t.Fatalf("seed %d: %s opens with %d, and the month before it closed with %d", seed, m, opening, end)
				}
				if end = closing; cash != clearing {
					t.Fatalf("seed %d: in %s %d moved in the clearing account, and cash says %d", seed, m, clearing, cash)
				}
			}
		})
		if len(closed) < 4 {
			t.Fatalf("seed %d closed %d months", seed, len(closed))
		}
	}
}

func TestParseMonth(t *testing.T) {
	if m, err := finance.ParseMonth("2026-12"); err != nil || m.Next().String() != "2027-01" || m.Closes() != at("2027-01-06 00:00") || m.Previous().String() != "2026-11" {
		t.Error(m, err)
	}
	for _, bad := range []string{"", "2026", "2026-13", "2026-1", "2026-10-01", "26-10"} {
		if _, err := finance.ParseMonth(bad); domain.Code(err) != "invalid-request" {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if m := finance.MonthOf(at("2026-10-01 00:00").Add(-1)); m.String() != "2026-09" {
		t.Error(m)
	}
}
