package subscription_test

import (
	"reflect"
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
	c, named := pay(t, firstOrder, "1"), pay(t, consentID, "1")
	back := local(t, "2026-02-03 12:00")
	facts := []subscription.Event{
		held(named, subscription.HeldUnknownOrder), subscription.PaymentApplied(completed(c, 1)), granted(t, c, 1, "2026-04-13 00:00", "2026-05-13 00:00"),
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
		Provider: provider, TransactionID: "1", OrderID: firstOrder, NamedOrder: consentID, PaidAt: c.PaidAt, Amount: c.Amount,
		Months: 1, Event: id(1), AppliedAt: decidertest.Start.Add(1), Period: facts[2].(subscription.PeriodGranted),
		HeldReason: subscription.HeldUnknownOrder, HeldAt: decidertest.Start, HeldEvent: id(0), DeclinedAt: c.PaidAt, DeclineReason: "5051",
		Refunds:     []subscription.Refund{{ID: consentID, Amount: domain.KZT(4990), RequestedAt: decidertest.Start.Add(4), RefundedAt: back, Full: true, Event: id(5)}},
		ChargeBacks: []subscription.ChargeBack{{domain.KZT(4990), back, id(7)}}, Revocations: []subscription.Revocation{{back, subscription.CauseRefund, id(6)}},
	}
	for _, order := range [][]int{{0, 1, 2, 3, 4, 5, 6, 7}, {7, 6, 5, 4, 3, 2, 1, 0}, {3, 0, 5, 4, 1, 7, 2, 6}} {
		if d := cmp.Diff(want, known(order), cmp.Comparer(func(a, b calendar.Day) bool { return a == b })); d != "" {
			t.Errorf("known in the order %v (-want +got):\n%s", order, d)
		}
	}
}

// States share nothing that another fold could overwrite.
func TestStatesShareNothing(t *testing.T) {
	at := func(n int) time.Time { return decidertest.Start.AddDate(0, 0, n) }
	name := func(n int) string { return string(rune('a' + n)) }
	for kind, some := range map[string]func(n int) subscription.Event{
		"orders": func(n int) subscription.Event { return subscription.OrderPlaced{OrderID: name(n)} },
		"payments": func(n int) subscription.Event {
			return subscription.PaymentCompleted{TransactionID: name(n), PaidAt: at(n), Months: 1}
		},
		"one payment": func(n int) subscription.Event { return subscription.PaymentHeld{TransactionID: "a", OrderID: name(n)} },
		"revocations": func(n int) subscription.Event { return subscription.MonthsRevoked{TransactionID: "a", At: at(n)} },
		"refunds": func(n int) subscription.Event {
			return subscription.RefundRequested{TransactionID: "a", RefundID: name(n)}
		},
		"one refund": func(n int) subscription.Event {
			return subscription.RefundCompleted{TransactionID: "a", RefundID: "a", RefundedAt: at(n)}
		},
		"charge-backs": func(n int) subscription.Event {
			return subscription.ChargedBack{TransactionID: "a", ChargedBackAt: at(n)}
		},
		"granted days": func(n int) subscription.Event { return subscription.DaysGranted{Days: n, At: at(n)} },
	} {
		t.Run(kind, func(t *testing.T) {
			first := []subscription.Event{
				trialStarted(t), subscription.PaymentCompleted{TransactionID: "a", PaidAt: at(0), Months: 12},
				subscription.OrderPlaced{OrderID: name(1)}, subscription.OrderPlaced{OrderID: name(2)},
			}
			grow := func(to int) (s subscription.State) {
				for _, e := range first {
					s = subscription.Decider.Evolve(s, e, event.Meta{})
				}
				for n := 1; n <= to; n++ {
					s = subscription.Decider.Evolve(s, some(n), event.Meta{})
				}
				return s
			}
			s := grow(0)
			for n := 1; n < 10; n++ {
				before := s
				s = subscription.Decider.Evolve(before, some(n), event.Meta{})
				subscription.Decider.Evolve(before, some(20), event.Meta{})
				if !reflect.DeepEqual(s, grow(n)) || !reflect.DeepEqual(before, grow(n-1)) {
					t.Fatalf("another fold from the %d. state changed one", n)
				}
			}
		})
	}
}

// What a state answers is the caller's own.
func TestAnswersAreTheCallers(t *testing.T) {
	s := ordered(t, order(t, firstOrder, 1)).Given(completed(pay(t, firstOrder, "1"), 1), subscription.DaysGranted{Days: 1, At: decidertest.Start}).State()
	s.Coverage(forever)[0].Reason = "none"
	s.Orders()[0].OrderID = "none"
	s.Payments()[0].TransactionID = "none"
	s.Gifts()[0].Days = 99
	s.Boundaries()[0] = time.Time{}
	if s.Coverage(forever)[0].Reason == "none" || s.Orders()[0].OrderID == "none" || s.Payments()[0].TransactionID == "none" ||
		s.Gifts()[0].Days == 99 || s.Boundaries()[0].IsZero() {
		t.Error("a caller changed the state")
	}
}
