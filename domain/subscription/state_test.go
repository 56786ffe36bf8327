package subscription_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kelisim/domain"
	"kelisim/domain/calendar"
	"kelisim/domain/decidertest"
	"kelisim/domain/event"
	"kelisim/domain/subscription"
)

// What is known of one payment does not depend on the order in which it became known.
func TestPaymentFacts(t *testing.T) {
	c := pay(t, firstOrder, "1")
	back := local(t, "2026-02-03 12:00")
	facts := []subscription.Event{
		held(c, subscription.HeldBlocked), subscription.PaymentApplied(completed(c, 1)), granted(t, c, 1, "2026-04-13 00:00", "2026-05-13 00:00"),
		subscription.PaymentDeclined{secondOrder, provider, "1", c.PaidAt, domain.KZT(1), "5051"},
		subscription.RefundRequested{RefundID: consentID, Provider: provider, TransactionID: "1", Amount: domain.KZT(4000)},
		subscription.RefundCompleted{RefundID: consentID, Provider: provider, TransactionID: "1", Amount: domain.KZT(4990), RefundedAt: back, Full: true},
		subscription.MonthsRevoked{Provider: provider, TransactionID: "1", Months: 1, Cause: subscription.CauseRefund, At: back},
		subscription.ChargedBack{Provider: provider, TransactionID: "1", Amount: domain.KZT(4990), ChargedBackAt: back},
	}
	known := func(order []int) subscription.Payment {
		var s subscription.State
		for _, i := range order {
			s = subscription.Decider.Evolve(s, facts[i], event.Meta{ID: decidertest.EventID(i), OccurredAt: decidertest.Start.Add(time.Duration(i))})
		}
		if len(s.Payments()) != 1 {
			t.Fatalf("payments: %v", s.Payments())
		}
		return s.Payments()[0]
	}
	id := func(i int) string { return decidertest.EventID(i).String() }
	want := subscription.Payment{
		Provider: provider, TransactionID: "1", OrderID: firstOrder, NamedOrder: firstOrder, PaidAt: c.PaidAt, Amount: c.Amount,
		Months: 1, Event: id(1), AppliedAt: decidertest.Start.Add(1), Period: facts[2].(subscription.PeriodGranted),
		HeldReason: subscription.HeldBlocked, HeldAt: decidertest.Start, HeldEvent: id(0), DeclinedAt: c.PaidAt, DeclineReason: "5051",
		Refunds:     []subscription.Refund{{ID: consentID, Amount: domain.KZT(4990), RequestedAt: decidertest.Start.Add(4), RefundedAt: back, Full: true, Event: id(5)}},
		ChargeBacks: []subscription.ChargeBack{{domain.KZT(4990), back, id(7)}}, Revocations: []subscription.Revocation{{back, subscription.CauseRefund, id(6)}},
	}
	for _, order := range [][]int{{0, 1, 2, 3, 4, 5, 6, 7}, {7, 6, 5, 4, 3, 2, 1, 0}, {3, 0, 5, 4, 1, 7, 2, 6}} {
		if d := cmp.Diff(want, known(order), cmp.Comparer(func(a, b calendar.Day) bool { return a == b })); d != "" {
			t.Errorf("known in the order %v (-want +got):\n%s", order, d)
		}
	}
}
