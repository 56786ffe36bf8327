package finance_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kelisim/domain"
	"kelisim/domain/calendar"
	"kelisim/domain/obligation"
	"kelisim/domain/payment"
	"kelisim/domain/reconciliation"
	"kelisim/domain/subscription"
	"kelisim/projections/finance"
)

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
