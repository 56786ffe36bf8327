package user_test

import (
	"testing"
	"time"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/consent"
	"kelisim/domain/subscription"
	"kelisim/domain/user"
)

func payment(at string) user.RecordPayment {
	return user.RecordPayment{OrderID: id(2), Provider: "cloudpayments", TransactionID: "504", PaidAt: moment(at), Amount: domain.KZT(4_990)}
}

func ordering(t *testing.T) *story {
	return registered(t, published()).At(moment("2026-02-01")).Given(ordered(buy(1), 4_990, "2026-02-01"))
}

// T-2.1, decision 12: money for an order extends the free months.
func TestPayment(t *testing.T) {
	rules := published()
	s := ordering(t).When(on("2026-02-01T10:05:00+05:00", rules), payment("2026-02-01T10:00:00+05:00")).Then(
		subscription.PaymentCompleted{OrderID: id(2), Provider: "cloudpayments", TransactionID: "504", PaidAt: moment("2026-02-01T10:00:00+05:00"), Amount: domain.KZT(4_990), Months: 1},
		subscription.PeriodGranted{OrderID: id(2), Provider: "cloudpayments", TransactionID: "504", Months: 1, From: moment("2026-04-13"), Until: moment("2026-05-13"),
			ChainAnchor: day("2026-01-12"), CoveredUntil: moment("2026-05-13")})
	s.When(on("2026-02-01T10:06:00+05:00", rules), payment("2026-02-01T10:00:00+05:00")).Nothing()

	now := on("2026-02-01T10:00:00+05:00", rules)
	now.Now = now.OccurredAt.Add(time.Minute)
	future := payment("2026-02-01T10:00:00+05:00")
	future.PaidAt = now.Now.Add(5*time.Minute + 1)
	ordering(t).When(now, future).Refused("invalid-request")
	ordering(t).When(now, user.RecordPayment{OrderID: id(2), Provider: "cloudpayments", TransactionID: "504", Amount: domain.KZT(4_990)}).Refused("invalid-request")
}

// T-3.8, decision 14: the block is judged at the processor's time of the payment, not at its arrival; the money is held, never lost.
func TestPaymentWhileBlocked(t *testing.T) {
	rules := published()
	blocked := func() *story {
		return ordering(t).At(moment("2026-02-01T12:00:00+05:00")).Given(account.Blocked{Clause: "T-1.4"}).
			At(moment("2026-02-01T14:00:00+05:00")).Given(account.Unblocked{})
	}
	for paid, held := range map[string]bool{
		"2026-02-01T11:59:59+05:00": false, "2026-02-01T12:00:00+05:00": true, "2026-02-01T13:59:59+05:00": true, "2026-02-01T14:00:00+05:00": false,
	} {
		for _, arrived := range []string{"2026-02-01T14:30:00+05:00", "2026-03-01"} {
			made := blocked().When(on(arrived, rules), payment(paid))
			if held {
				made.Then(subscription.PaymentHeld{OrderID: id(2), Provider: "cloudpayments", TransactionID: "504", PaidAt: moment(paid), Amount: domain.KZT(4_990), Reason: subscription.HeldBlocked})
			} else if made.Then(paidAndGranted(moment(paid))...); t.Failed() {
				t.Errorf("paid %s, arrived %s", paid, arrived)
			}
		}
	}
	test := payment("2026-02-01T10:00:00+05:00")
	test.TestMode = true
	ordering(t).When(on("2026-02-02", rules), test).
		Then(subscription.PaymentHeld{OrderID: id(2), Provider: "cloudpayments", TransactionID: "504", PaidAt: test.PaidAt, Amount: domain.KZT(4_990), Reason: subscription.HeldTestMode})
	// Money comes in also where the person's data are gone.
	ordering(t).At(moment("2026-02-01T15:00:00+05:00")).Given(account.Destroyed{}).When(on("2026-02-02", rules), payment("2026-02-01T16:00:00+05:00")).
		Then(paidAndGranted(moment("2026-02-01T16:00:00+05:00"))...)
}

func paidAndGranted(at time.Time) []any {
	return []any{
		subscription.PaymentCompleted{OrderID: id(2), Provider: "cloudpayments", TransactionID: "504", PaidAt: at, Amount: domain.KZT(4_990), Months: 1},
		subscription.PeriodGranted{OrderID: id(2), Provider: "cloudpayments", TransactionID: "504", Months: 1, From: moment("2026-04-13"), Until: moment("2026-05-13"),
			ChainAnchor: day("2026-01-12"), CoveredUntil: moment("2026-05-13")},
	}
}

// T-3.8, decision 13: unblocking may grant days for the time that ran, and grants none by itself.
func TestUnblockWithCompensation(t *testing.T) {
	rules := published()
	blocked := func() *story {
		return registered(t, rules).At(moment("2026-02-01")).Given(account.Blocked{Clause: "T-1.4"})
	}
	at := on("2026-02-06", rules)
	with := user.Unblock{Unblock: account.Unblock{CompensateDays: 5, Note: text("our mistake")}}
	after := blocked().When(by(officer, at), with).
		Then(account.Unblocked{CompensateDays: 5, Note: text("our mistake")}, subscription.DaysGranted{Days: 5, At: moment("2026-02-06")}).State().State
	if c := after.Subscription.Coverage(moment("2026-02-06")); len(c) == 0 || c[0].ChainEnd != moment("2026-04-18") {
		t.Errorf("five days more: %+v", c)
	}
	blocked().When(by(officer, at), user.Unblock{}).Then(account.Unblocked{})
	registered(t, rules).When(by(officer, at), with).Refused("not-blocked", "T-3.8")
	with.CompensateDays = 400
	blocked().When(by(officer, at), with).Refused("invalid-request")
}

// What is half a decision cannot be wished for alone: its other half would be missing.
func TestHalvesAreNoWishes(t *testing.T) {
	rules := published()
	for _, c := range []user.Command{account.Register{}, account.Unblock{}, consent.Give{}, subscription.StartTrial{}, subscription.PlaceOrder{}, subscription.RecordPayment{}, "a word"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%T was decided upon", c)
				}
			}()
			s := registered(t, rules).State()
			_, _ = user.Decide(s.State, s.Events, rules, c, on("2026-02-01", rules))
		}()
	}
}
