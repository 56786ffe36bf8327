package projections_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"kelisim/domain"
	"kelisim/domain/payment"
	"kelisim/domain/subscription"
	"kelisim/projections"
)

// Decision 14: money is listed while some of it is left and nobody applied it, whatever became known first; and a refund while it is
// neither made nor refused.
func TestHeldMoney(t *testing.T) {
	held := func(id string) subscription.PaymentHeld {
		return subscription.PaymentHeld{OrderID: "o", Provider: "cloudpayments", TransactionID: id, PaidAt: noon, Amount: domain.KZT(4990), Reason: "duplicate"}
	}
	back := func(of, id string, tenge int64) subscription.RefundCompleted {
		return subscription.RefundCompleted{RefundID: "cloudpayments:" + id, Provider: "cloudpayments", TransactionID: of, Transaction: id, Amount: domain.KZT(tenge), RefundedAt: noon}
	}
	taken := func(of string, tenge int64) subscription.ChargedBack {
		return subscription.ChargedBack{Provider: "cloudpayments", TransactionID: of, Amount: domain.KZT(tenge), ChargedBackAt: noon}
	}
	all := []any{ // in any order
		held("1"), back("1", "11", 4990),
		held("2"), back("2", "12", 90), back("2", "13", 100),
		held("3"), taken("3", 4000), back("3", "14", 990),
		held("4"), taken("4", 4000),
		held("6"), taken("6", 4990), subscription.ChargeBackReturned{Provider: "cloudpayments", TransactionID: "6", Amount: domain.KZT(4000), ReturnedAt: noon},
		back("5", "15", 4990),
	}
	want := "[2 4800.00 KZT 4 990.00 KZT 6 4000.00 KZT]"
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(3, seed))
		b := newBench(t, projections.All...)
		var events []any
		for _, i := range r.Perm(len(all)) {
			events = append(events, all[i])
		}
		last := b.append("user-"+string(someone), events...)
		b.wait("held", last)
		items, err := b.HeldMoney(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(items, func(a, b projections.Held) int { return int(a.TransactionID[0]) - int(b.TransactionID[0]) })
		got := []string{}
		for _, h := range items {
			got = append(got, fmt.Sprint(h.TransactionID, " ", h.Amount))
			if h.UserID != string(someone) || h.Reason != "duplicate" || h.RefundRequested {
				t.Errorf("%+v", h)
			}
		}
		if fmt.Sprint(got) != want {
			t.Fatalf("held: %v, want %v (order %d)", got, want, seed)
		}
		b.stop()
	}
}

func TestHeldMoneyMovesOn(t *testing.T) {
	b := newBench(t, projections.All...)
	alone := "payment-cloudpayments-9"
	state := func(last int64) string {
		t.Helper()
		b.wait("held", last)
		items, err := b.HeldMoney(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		waiting, err := b.WaitingRefunds(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		out := ""
		for _, h := range items {
			out += fmt.Sprint(h.TransactionID, " ", h.Amount.Amount(), " ", h.RefundRequested, ";")
		}
		for _, w := range waiting {
			out += fmt.Sprint(" ", w.UserID != "", " ", w.TransactionID, " ", w.RefundID, " ", w.Amount.Amount(), " ", !w.SentAt.IsZero(), ";")
		}
		return out
	}
	check := func(last int64, want string) {
		t.Helper()
		if got := state(last); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	user := "user-" + string(someone)
	check(b.append(alone, payment.Held{Provider: "cloudpayments", TransactionID: "9", PaidAt: noon, Amount: domain.KZT(10), Reason: "unknown-order"}), "9 10.00 false;")
	check(b.append(alone, payment.RefundRequested{RefundID: "r1", Amount: domain.KZT(10)}), "9 10.00 true; false 9 r1 10.00 false;")
	check(b.append(alone, payment.RefundSent{RefundID: "r1", AskedAt: noon}), "9 10.00 true; false 9 r1 10.00 true;")
	check(b.append(alone, payment.RefundRefused{RefundID: "r1"}), "9 10.00 false;")
	check(b.append(alone, payment.Refunded{Transaction: "10", Amount: domain.KZT(3), RefundedAt: noon}), "9 7.00 false;")
	check(b.append(alone, payment.Applied{UserID: someone, OrderID: "o"}), "")
	check(b.append(user, subscription.PaymentHeld{Provider: "cloudpayments", TransactionID: "8", PaidAt: noon, Amount: domain.KZT(10), Reason: "blocked"}), "8 10.00 false;")
	check(b.append(user, subscription.RefundRequested{RefundID: "r2", Provider: "cloudpayments", TransactionID: "8", Amount: domain.KZT(4)},
		subscription.RefundRequested{RefundID: "r3", Provider: "cloudpayments", TransactionID: "8", Amount: domain.KZT(6)},
		subscription.RefundSent{RefundID: "r2", Provider: "cloudpayments", TransactionID: "8", AskedAt: noon}), "8 10.00 true; true 8 r2 4.00 true; true 8 r3 6.00 false;")
	check(b.append(user, subscription.RefundCompleted{RefundID: "r2", Provider: "cloudpayments", TransactionID: "8", Transaction: "80", Amount: domain.KZT(4), RefundedAt: noon}), "8 6.00 true; true 8 r3 6.00 false;")
	check(b.append(user, subscription.RefundRefused{RefundID: "r3", Provider: "cloudpayments", TransactionID: "8"}), "8 6.00 false;")
	check(b.append(user, subscription.PaymentApplied{Provider: "cloudpayments", TransactionID: "8", OrderID: "o", PaidAt: noon, Amount: domain.KZT(10)}), "")
}
