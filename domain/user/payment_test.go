package user_test

import (
	"testing"
	"time"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/consent"
	"kelisim/domain/obligation"
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
	for _, c := range []user.Command{account.Register{}, account.Unblock{}, consent.Give{}, subscription.StartTrial{}, subscription.PlaceOrder{}, subscription.RecordPayment{}, subscription.RecordChargeBack{}, subscription.RecordChargeBackReturn{}, "a word"} {
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

// P-2.6: what the bank took back is owed, beside the months that it takes from the subscription.
func TestChargeBack(t *testing.T) {
	rules := published()
	paid := moment("2026-02-01T10:00:00+05:00")
	taken := subscription.RecordChargeBack{Provider: "cloudpayments", TransactionID: "504", Amount: domain.KZT(4_990), ChargedBackAt: moment("2026-03-01")}
	s := func() *story { return ordering(t).Given(paidAndGranted(paid)...) }
	charged := func() *story {
		return s().When(on("2026-03-02", rules), user.ChargeBack{RecordChargeBack: taken, ObligationID: id(31)}).Then(
			subscription.ChargedBack{Provider: "cloudpayments", TransactionID: "504", Amount: domain.KZT(4_990), ChargedBackAt: moment("2026-03-01")},
			subscription.MonthsRevoked{Provider: "cloudpayments", TransactionID: "504", Months: 1, Cause: subscription.CauseChargeBack, At: moment("2026-03-01")},
			obligation.ChargeBackOwed{ObligationID: id(31), Provider: "cloudpayments", TransactionID: "504", Amount: domain.KZT(4_990)})
	}
	after := charged()
	if c := after.State().State.Subscription.Coverage(moment("2026-03-02")); len(c) != 1 || c[0].Until != moment("2026-04-13") {
		t.Errorf("the bought month, which had not begun, is gone: %+v", c)
	}
	after.When(on("2026-03-03", rules), user.ChargeBack{RecordChargeBack: taken}).Nothing()
	paper := domain.NewPersonal("letter of the bank")
	back := user.ReturnChargeBack{RecordChargeBackReturn: subscription.RecordChargeBackReturn{TransactionID: "504", Amount: taken.Amount, ReturnedAt: moment("2026-03-05")}, Reference: paper}
	came := subscription.ChargeBackReturned{Provider: "cloudpayments", TransactionID: "504", Amount: taken.Amount, ReturnedAt: moment("2026-03-05"), Days: 30}
	days := subscription.DaysGranted{Days: 30, At: moment("2026-03-06")}
	returned := charged().When(on("2026-03-06", rules), back).Then(came, days, obligation.Discharged{ObligationID: id(31), How: obligation.Cancelled, Reference: paper})
	returned.When(on("2026-03-07", rules), back).Nothing()
	if c := returned.State().State.Subscription.Coverage(moment("2026-03-07")); len(c) != 2 || c[1].Until != moment("2026-05-13") {
		t.Errorf("the days that were taken are not given: %+v", c)
	}
	// What the user has paid of it stays paid.
	charged().When(on("2026-03-04", rules), obligation.Discharge{ObligationID: id(31), How: obligation.Paid, Reference: paper}).
		Then(obligation.Discharged{ObligationID: id(31), How: obligation.Paid, Reference: paper}).When(on("2026-03-06", rules), back).Then(came, days)
	s().When(on("2026-03-06", rules), back).Refused("charge-back-not-found")
	w := posted("2026-03-02")
	returned.When(on("2026-03-07", rules), posted("2026-03-06")).Then(received(posted("2026-03-06"), "2026-03-16"))
	after.When(on("2026-03-03", rules), w).Then(received(w, "2026-03-12"),
		consent.WithdrawalRefused{NoticeID: id(20), Grounds: []consent.Ground{{Code: "unfulfilled-obligation", Clause: "P-2.6", ObligationID: id(31)}}})
	s().Given(obligation.FineDemanded{ObligationID: id(31)}).When(on("2026-03-02", rules), user.ChargeBack{RecordChargeBack: taken, ObligationID: id(31)}).Refused("obligation-exists")
	s().When(on("2026-03-02", rules), user.ChargeBack{RecordChargeBack: taken, ObligationID: "debt"}).Refused("invalid-request")
	taken.TransactionID = "505"
	s().When(on("2026-03-02", rules), user.ChargeBack{RecordChargeBack: taken}).Refused("payment-not-found")
}

// P-2.6: no key goes while a legal hold stands, at the moment that the command names or now.
func TestErasureUnderHold(t *testing.T) {
	rules := published()
	s := func() *story {
		return registered(t, rules).Given(account.DestructionRequested{Basis: "asked", By: "officer-1"}).
			At(moment("2026-02-01")).Given(consent.LegalHoldSet{HoldID: id(60), Acts: []string{"store"}}).
			At(moment("2026-03-01")).Given(consent.LegalHoldLifted{HoldID: id(60)})
	}
	destroyed := account.Destroyed{Basis: "asked", RequestedBy: "officer-1", ApprovedBy: "approver-1"}
	for _, c := range []struct {
		occurred, now string
		held          bool
	}{
		{"2026-01-31", "2026-01-31", false}, {"2026-01-31", "2026-02-01", true}, {"2026-02-01", "2026-02-01", true}, {"2026-02-28", "2026-03-05", true}, {"2026-03-05", "2026-03-05", false},
	} {
		in := by(approver, on(c.occurred, rules))
		in.Now = moment(c.now)
		made := s().When(in, account.ApproveDestruction{})
		if c.held {
			made.Refused("legal-hold", "P-2.6")
		} else {
			made.Then(destroyed)
		}
	}
	in := by(officer, on("2026-02-02", rules))
	for _, c := range []user.Command{account.Depersonalise{Basis: "asked"}, account.RequestDestruction{Basis: "asked"}} {
		s().When(in, c).Refused("legal-hold", "P-2.6")
	}
}
