package subscription_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kelisim/domain"
	"kelisim/domain/calendar"
	"kelisim/domain/decidertest"
	"kelisim/domain/event"
	"kelisim/domain/subscription"
)

const refundID = "0b0e7a3c-90b9-4c8f-8b57-3f5d3c0a1d09"

// paidFor is a month paid on 1 February, which covers 13 April to 12 May.
func paidFor(t testing.TB) (*story, subscription.RecordPayment) {
	c := pay(t, firstOrder, "1")
	return ordered(t, order(t, firstOrder, 1), order(t, secondOrder, 1)).When(domain.Context{}, c).
		Then(completed(c, 1), granted(t, c, 1, "2026-04-13 00:00", "2026-05-13 00:00")), c
}

// went is a refund that the processor made on 2 February.
func went(t testing.TB, transaction string, tenge int64) subscription.RecordRefund {
	return subscription.RecordRefund{Provider: provider, TransactionID: "1", Transaction: transaction, Amount: domain.KZT(tenge), RefundedAt: local(t, "2026-02-02 12:00")}
}

func refunded(c subscription.RecordRefund, id string, full bool) subscription.RefundCompleted {
	return subscription.RefundCompleted{RefundID: id, Provider: c.Provider, TransactionID: c.TransactionID, Transaction: c.Transaction, Amount: c.Amount, RefundedAt: c.RefundedAt, Full: full}
}

func taken(t testing.TB, months int, cause, at string) subscription.MonthsRevoked {
	return subscription.MonthsRevoked{Provider: provider, TransactionID: "1", Months: months, Cause: cause, At: local(t, at)}
}

// Decision 15: a request takes nothing; the refund that makes the sum whole takes the months that had not begun at its own time.
func TestRefundTakesMonths(t *testing.T) {
	s, _ := paidFor(t)
	s.At(local(t, "2026-02-02 10:00"))
	ask := subscription.RequestRefund{RefundID: refundID, TransactionID: "1", Amount: domain.KZT(4990), Reason: domain.NewPersonal("changed their mind")}
	asked := subscription.RefundRequested{RefundID: refundID, Provider: provider, TransactionID: "1", Amount: ask.Amount, Reason: ask.Reason}
	s = s.When(domain.Context{}, ask).Then(asked)
	if len(s.State().Coverage(forever)) != 2 {
		t.Error("a request took months")
	}
	s.When(domain.Context{}, ask).Refused("refund-exceeds-payment")
	c := went(t, "9", 4990)
	s = s.When(domain.Context{}, c).Then(refunded(c, refundID, true), taken(t, 1, subscription.CauseRefund, "2026-02-02 12:00"))
	s.When(domain.Context{}, c).Nothing() // told again
	if got := s.State().Coverage(forever); len(got) != 1 {
		t.Errorf("coverage is %v", got)
	}

	// Time that was used is not taken: on 2 May the month had begun.
	s, _ = paidFor(t)
	c.RefundedAt = local(t, "2026-05-02 12:00")
	s.At(c.RefundedAt).When(domain.Context{}, c).Then(refunded(c, provider+":9", true), taken(t, 0, subscription.CauseRefund, "2026-05-02 12:00"))
}

// Two equal parts are two refunds, by their own transactions; neither alone takes months, and each answers one request.
func TestEqualParts(t *testing.T) {
	part := func(id string) subscription.RequestRefund {
		return subscription.RequestRefund{RefundID: id, TransactionID: "1", Amount: domain.KZT(2495)}
	}
	s, _ := paidFor(t)
	for _, id := range []string{refundID, secondOrder} {
		s = s.When(domain.Context{}, part(id)).Then(subscription.RefundRequested{RefundID: id, Provider: provider, TransactionID: "1", Amount: domain.KZT(2495)})
	}
	s.When(domain.Context{}, part(consentID)).Refused("refund-exceeds-payment")
	s.When(domain.Context{}, subscription.RequestRefund{RefundID: refundID, TransactionID: "1", Amount: domain.KZT(1)}).Refused("refund-exceeds-payment")

	second := went(t, "8", 2495)
	second.RefundID = secondOrder // the answer to the second request is known for it, and comes first
	s = s.When(domain.Context{}, second).Then(refunded(second, secondOrder, false))
	first := went(t, "9", 2495)
	s = s.When(domain.Context{}, first).Then(refunded(first, refundID, true), taken(t, 1, subscription.CauseRefund, "2026-02-02 12:00"))
	s.When(domain.Context{}, first).Nothing()
	s.When(domain.Context{}, second).Nothing()
	p, _ := s.State().Payment(provider, "1")
	if len(p.Refunds) != 2 || p.Refunds[0].Transaction != "9" || p.Refunds[1].Transaction != "8" || p.Left() != domain.KZT(0) {
		t.Errorf("%+v", p.Refunds)
	}
}

// A request is sent once and may be refused; then the money is there again.
func TestRefundSentAndRefused(t *testing.T) {
	s, _ := paidFor(t)
	at := domain.Context{OccurredAt: local(t, "2026-02-02 10:00")}
	send := subscription.SendRefund{Provider: provider, TransactionID: "1", RefundID: refundID}
	s.When(at, send).Nothing()
	s = s.When(at, subscription.RequestRefund{RefundID: refundID, TransactionID: "1", Amount: domain.KZT(4990)}).
		Then(subscription.RefundRequested{RefundID: refundID, Provider: provider, TransactionID: "1", Amount: domain.KZT(4990)})
	s = s.When(at, send).Then(subscription.RefundSent{refundID, provider, "1", at.OccurredAt})
	later := domain.Context{OccurredAt: at.OccurredAt.Add(time.Minute)}
	s.When(later, send).Nothing() // the first time counts
	if r, ok := s.State().WaitingRefund(provider, "1", refundID); !ok || !r.SentAt.Equal(at.OccurredAt) {
		t.Errorf("%+v, %v", r, ok)
	}
	no := subscription.RefundRefused{refundID, provider, "1", domain.NewPersonal("too late")}
	refuse := subscription.RefuseRefund{Provider: provider, TransactionID: "1", RefundID: refundID, Message: no.Message}
	s = s.When(later, refuse).Then(no)
	s.When(later, refuse).Nothing()
	s.When(later, send).Nothing()
	if p, _ := s.State().Payment(provider, "1"); p.Left() != domain.KZT(4990) {
		t.Errorf("left: %v", p.Left())
	}
	s.When(later, subscription.RequestRefund{RefundID: consentID, TransactionID: "1", Amount: domain.KZT(4990)}).
		Then(subscription.RefundRequested{RefundID: consentID, Provider: provider, TransactionID: "1", Amount: domain.KZT(4990)})
	// Should it have gone back all the same, it counts.
	c := went(t, "9", 4990)
	s, _ = paidFor(t)
	s.Given(subscription.RefundRequested{RefundID: refundID, Provider: provider, TransactionID: "1", Amount: domain.KZT(4990)}, no).
		When(domain.Context{}, c).Then(refunded(c, provider+":9", true), taken(t, 1, subscription.CauseRefund, "2026-02-02 12:00"))
}

// Money that went back by another way than the processor's is entered with its moment.
func TestRefundByAnotherWay(t *testing.T) {
	s, _ := paidFor(t)
	now := domain.Context{OccurredAt: local(t, "2026-02-03 12:00")}
	at := local(t, "2026-02-02 12:00")
	c := subscription.RequestRefund{RefundID: refundID, TransactionID: "1", Amount: domain.KZT(4990), RefundedAt: &at, Reason: domain.NewPersonal("in cash")}
	want := subscription.RefundCompleted{RefundID: refundID, Provider: provider, TransactionID: "1", Amount: c.Amount, RefundedAt: at, Full: true, Reason: c.Reason}
	for _, bad := range []string{"2026-02-01 12:04", "2026-02-03 12:01"} { // before it was paid, and not yet
		wrong, moment := c, local(t, bad)
		wrong.RefundedAt = &moment
		s.When(now, wrong).Refused("invalid-request")
	}
	s.When(now, c).Then(want, taken(t, 1, subscription.CauseRefund, "2026-02-02 12:00"))
}

func TestRefundRefused(t *testing.T) {
	s, _ := paidFor(t)
	ask := func(change func(*subscription.RequestRefund)) *decidertest.Outcome[subscription.Command, subscription.State, subscription.Event] {
		c := subscription.RequestRefund{RefundID: refundID, TransactionID: "1", Amount: domain.KZT(4990)}
		change(&c)
		return s.When(domain.Context{}, c)
	}
	ask(func(c *subscription.RequestRefund) { c.TransactionID = "2" }).Refused("payment-not-found")
	ask(func(c *subscription.RequestRefund) { c.Provider = "kaspi" }).Refused("payment-not-found")
	ask(func(c *subscription.RequestRefund) { c.Amount = domain.KZT(0) }).Refused("invalid-request")
	ask(func(c *subscription.RequestRefund) { c.Amount.Minor = -1 }).Refused("invalid-request")
	ask(func(c *subscription.RequestRefund) { c.Amount.Currency = "RUB" }).Refused("invalid-request")
	ask(func(c *subscription.RequestRefund) { c.Amount.Minor++ }).Refused("refund-exceeds-payment")
	s = ask(func(c *subscription.RequestRefund) { c.Amount = domain.KZT(1) }).Then(subscription.RefundRequested{RefundID: refundID, Provider: provider, TransactionID: "1", Amount: domain.KZT(1)})
	ask(func(c *subscription.RequestRefund) { c.Amount = domain.KZT(2) }).Refused("refund-exists")

	for _, bad := range []func(*subscription.RecordRefund){
		func(c *subscription.RecordRefund) { c.Transaction = "" },
		func(c *subscription.RecordRefund) { c.TransactionID = "" },
		func(c *subscription.RecordRefund) { c.RefundedAt = time.Time{} },
		func(c *subscription.RecordRefund) { c.Amount = domain.KZT(0) },
	} {
		c := went(t, "9", 4990)
		bad(&c)
		s.When(domain.Context{}, c).Refused("invalid-request")
	}

	// Two processors with a transaction of one id.
	other := pay(t, secondOrder, "1")
	other.Provider = "kaspi"
	s, _ = paidFor(t)
	s = s.Given(completed(other, 1))
	ask(func(c *subscription.RequestRefund) {}).Refused("invalid-request")
	ask(func(c *subscription.RequestRefund) { c.Provider = "kaspi" }).Then(subscription.RefundRequested{RefundID: refundID, Provider: "kaspi", TransactionID: "1", Amount: domain.KZT(4990)})
}

// A charge-back takes the unbegun months once; what the bank left can still go back.
func TestChargeBack(t *testing.T) {
	s, _ := paidFor(t)
	now := domain.Context{OccurredAt: local(t, "2026-03-01 12:00")}
	c := subscription.RecordChargeBack{TransactionID: "1", Amount: domain.KZT(4000), ChargedBackAt: local(t, "2026-02-20 12:00")}
	fact := subscription.ChargedBack{provider, "1", c.Amount, c.ChargedBackAt}
	s = s.When(now, c).Then(fact, taken(t, 1, subscription.CauseChargeBack, "2026-02-20 12:00"))
	s.When(now, c).Nothing()
	if len(s.State().Coverage(forever)) != 1 {
		t.Error("the months of money that is gone stand")
	}
	s.When(now, subscription.RequestRefund{RefundID: refundID, TransactionID: "1", Amount: domain.KZT(991)}).Refused("refund-exceeds-payment")
	s.When(now, subscription.RequestRefund{RefundID: refundID, TransactionID: "1", Amount: domain.KZT(990)}).
		Then(subscription.RefundRequested{RefundID: refundID, Provider: provider, TransactionID: "1", Amount: domain.KZT(990)})
	again := c
	again.ChargedBackAt = local(t, "2026-02-21 12:00")
	s.When(now, again).Then(subscription.ChargedBack{provider, "1", c.Amount, again.ChargedBackAt}). // the months went with the first
														When(now, subscription.RequestRefund{RefundID: consentID, TransactionID: "1", Amount: domain.KZT(1)}).Refused("payment-charged-back")
	for _, bad := range []func(*subscription.RecordChargeBack){
		func(c *subscription.RecordChargeBack) { c.Amount = domain.KZT(0) },
		func(c *subscription.RecordChargeBack) { c.Amount = domain.KZT(4991) },
		func(c *subscription.RecordChargeBack) { c.Amount.Currency = "RUB" },
		func(c *subscription.RecordChargeBack) { c.ChargedBackAt = time.Time{} },
		func(c *subscription.RecordChargeBack) { c.ChargedBackAt = local(t, "2026-02-01 12:04") },
		func(c *subscription.RecordChargeBack) { c.ChargedBackAt = local(t, "2026-03-01 12:01") },
	} {
		wrong := c
		bad(&wrong)
		s.When(now, wrong).Refused("invalid-request")
	}
	s.When(now, subscription.RecordChargeBack{TransactionID: "2", Amount: c.Amount, ChargedBackAt: c.ChargedBackAt}).Refused("payment-not-found")
}

// Decision 15: when all that banks took has come again, the days of the months that it had taken are given from the moment of the entry on, once.
func TestChargeBackReturned(t *testing.T) {
	now := domain.Context{OccurredAt: local(t, "2026-06-10 12:00")}
	c := subscription.RecordChargeBack{TransactionID: "1", Amount: domain.KZT(4990), ChargedBackAt: local(t, "2026-02-20 12:00")}
	back := subscription.RecordChargeBackReturn{TransactionID: "1", Amount: c.Amount, ReturnedAt: local(t, "2026-06-01 12:00")}
	charged := func() *story {
		s, _ := paidFor(t)
		s.When(now, back).Refused("charge-back-not-found")
		return s.When(now, c).Then(subscription.ChargedBack{provider, "1", c.Amount, c.ChargedBackAt}, taken(t, 1, subscription.CauseChargeBack, "2026-02-20 12:00"))
	}
	s := charged()
	came := subscription.ChargeBackReturned{Provider: provider, TransactionID: "1", Amount: c.Amount, ReturnedAt: back.ReturnedAt, Days: 30}
	after := s.When(now, back).Then(came, subscription.DaysGranted{Days: 30, At: now.OccurredAt})
	after.When(now, back).Nothing()
	if got := after.State().Coverage(forever); len(got) != 2 || got[1].Until != local(t, "2026-07-11 00:00") || got[1].Reason != subscription.ReasonGranted {
		t.Errorf("coverage is %+v", got)
	}
	if p, _ := after.State().Payment(provider, "1"); p.Left() != c.Amount {
		t.Errorf("left is %v", p.Left())
	}
	// Taken and returned a second time, the money moves and the days stay as they are.
	again, twice := c, back
	again.ChargedBackAt, twice.ReturnedAt = local(t, "2026-06-02 12:00"), local(t, "2026-06-03 12:00")
	after = after.When(now, again).Then(subscription.ChargedBack{provider, "1", c.Amount, again.ChargedBackAt})
	came.ReturnedAt, came.Days = twice.ReturnedAt, 0
	after.When(now, twice).Then(came)

	// Of two claims one comes again: the rest is taken still, and so are the days.
	half := subscription.RecordChargeBack{TransactionID: "1", Amount: domain.KZT(2000), ChargedBackAt: c.ChargedBackAt}
	other := half
	other.Amount = domain.KZT(1000)
	two, _ := paidFor(t)
	two = two.When(now, half).Then(subscription.ChargedBack{provider, "1", half.Amount, half.ChargedBackAt}, taken(t, 1, subscription.CauseChargeBack, "2026-02-20 12:00")).
		When(now, other).Then(subscription.ChargedBack{provider, "1", other.Amount, other.ChargedBackAt})
	wrongly := back
	back.Amount = half.Amount
	came = subscription.ChargeBackReturned{Provider: provider, TransactionID: "1", Amount: half.Amount, ReturnedAt: back.ReturnedAt}
	two = two.When(now, back).Then(came)
	back.Amount, came.Amount, came.Days = other.Amount, other.Amount, 30
	two.When(now, back).Then(came, subscription.DaysGranted{Days: 30, At: now.OccurredAt})

	for _, bad := range []func(*subscription.RecordChargeBackReturn){
		func(c *subscription.RecordChargeBackReturn) { c.ReturnedAt = time.Time{} },
		func(c *subscription.RecordChargeBackReturn) { c.ReturnedAt = local(t, "2026-06-10 12:01") },
	} {
		wrong := wrongly
		bad(&wrong)
		charged().When(now, wrong).Refused("invalid-request")
	}
	for _, bad := range []func(*subscription.RecordChargeBackReturn){
		func(c *subscription.RecordChargeBackReturn) { c.Amount.Minor-- },
		func(c *subscription.RecordChargeBackReturn) { c.ReturnedAt = local(t, "2026-02-20 11:59") },
	} {
		wrong := wrongly
		bad(&wrong)
		charged().When(now, wrong).Refused("charge-back-not-found")
	}
	s.When(now, subscription.RecordChargeBackReturn{TransactionID: "2", Amount: c.Amount, ReturnedAt: back.ReturnedAt}).Refused("payment-not-found")

	// Money that was refunded besides gives no days.
	gone, _ := paidFor(t)
	part := half
	part.Amount = domain.KZT(990)
	gone = gone.When(now, part).Then(subscription.ChargedBack{provider, "1", part.Amount, part.ChargedBackAt}, taken(t, 1, subscription.CauseChargeBack, "2026-02-20 12:00"))
	gone = gone.When(domain.Context{}, went(t, "9", 4990)).Then(refunded(went(t, "9", 4990), provider+":9", true))
	back.Amount = part.Amount
	gone.When(now, back).Then(subscription.ChargeBackReturned{Provider: provider, TransactionID: "1", Amount: part.Amount, ReturnedAt: back.ReturnedAt})
}

// A refund that is known before its payment waits for it and then takes what it takes, in the payment's currency.
func TestRefundFirst(t *testing.T) {
	c, money := went(t, "9", 4990), pay(t, firstOrder, "1")
	s := ordered(t, order(t, firstOrder, 1)).When(domain.Context{}, c).Then(refunded(c, provider+":9", false))
	s = s.When(domain.Context{}, money).Then(completed(money, 1), granted(t, money, 1, "2026-04-13 00:00", "2026-05-13 00:00"), taken(t, 1, subscription.CauseRefund, "2026-02-02 12:00"))
	if len(s.State().Coverage(forever)) != 1 {
		t.Error("the months stand")
	}
	odd := money
	odd.Amount.Currency = "RUB"
	s = ordered(t, order(t, firstOrder, 1)).When(domain.Context{}, c).Then(refunded(c, provider+":9", false)).
		When(domain.Context{}, odd).Then(held(odd, subscription.HeldAmountMismatch))
	if p, _ := s.State().Payment(provider, "1"); p.Refunds[0].Amount.Currency != "RUB" || p.Left().Minor != 0 {
		t.Errorf("%+v", p)
	}
}

// Decision 14: of an order's payments the earliest by the processor's time pays it, whichever became known first; the others are held.
func TestDuplicatesInAnyOrder(t *testing.T) {
	first, second, third := pay(t, firstOrder, "3"), pay(t, firstOrder, "1"), pay(t, firstOrder, "2")
	second.PaidAt = first.PaidAt.Add(time.Second)
	third.PaidAt = second.PaidAt // of two in one moment, by transaction
	wrong := pay(t, firstOrder, "4")
	wrong.Amount, wrong.PaidAt = domain.KZT(1), first.PaidAt.Add(-time.Second)
	back := went(t, "9", 4990) // of the second
	back.TransactionID = "1"
	all := []subscription.Command{first, second, third, wrong, back}
	var want map[string]string
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(1, seed))
		s := ordered(t, order(t, firstOrder, 1), order(t, secondOrder, 1)).State()
		events := 0
		for _, i := range append(r.Perm(len(all)), r.Perm(len(all))...) {
			made, err := subscription.Decider.Decide(s, all[i], domain.Context{OccurredAt: decidertest.Start, Now: decidertest.Start, Parameters: decidertest.Parameters()})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range made {
				s = evolveAs(s, e, events)
				events++
			}
		}
		got := map[string]string{"coverage": fmt.Sprint(show(withoutEvents(s.Coverage(forever))))}
		for _, p := range s.Payments() {
			got[p.TransactionID] = fmt.Sprint(p.Status(), p.Months, p.Left(), p.OrderID)
			if p.Status() == subscription.StatusHeld {
				got[p.TransactionID] += p.HeldReason
			}
		}
		if want == nil {
			want = got
			for id, status := range map[string]string{"3": "applied1", "1": "held0", "2": "held0", "4": "held0"} {
				if len(got[id]) < len(status) || got[id][:len(status)] != status {
					t.Fatalf("payment %s is %s", id, got[id])
				}
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("another order of arrival (%d) makes another end:\n%s", seed, d)
		}
	}

	// The one that is overtaken is held by name, and what an officer applied is not overtaken.
	s := ordered(t, order(t, firstOrder, 1)).When(domain.Context{}, second).Then(completed(second, 1), granted(t, second, 1, "2026-04-13 00:00", "2026-05-13 00:00"))
	s.When(domain.Context{}, first).Then(held(second, subscription.HeldDuplicate), completed(first, 1), granted(t, first, 1, "2026-04-13 00:00", "2026-05-13 00:00")).
		When(domain.Context{}, second).Nothing()
	ordered(t, order(t, firstOrder, 1)).Given(subscription.PaymentApplied(completed(second, 1))).
		When(domain.Context{}, first).Then(held(first, subscription.HeldDuplicate))
}

func evolveAs(s subscription.State, e subscription.Event, i int) subscription.State {
	return subscription.Decider.Evolve(s, e, event.Meta{ID: decidertest.EventID(i), OccurredAt: decidertest.Start})
}

func withoutEvents(stretches []subscription.Stretch) []subscription.Stretch {
	for i := range stretches {
		stretches[i].Events = nil
	}
	return stretches
}

// Where bought months lie is told with what was revoked of them and without.
func TestBought(t *testing.T) {
	s, _ := paidFor(t)
	told := func() [3]string {
		var out [3]string
		from, until, revoked := s.State().Bought(provider, "1")
		for i, m := range []time.Time{from, until, revoked} {
			out[i] = m.In(calendar.Zone()).Format("2006-01-02")
		}
		return out
	}
	if got := told(); got != [3]string{"2026-04-13", "2026-05-13", "2026-05-13"} {
		t.Error(got)
	}
	c := went(t, "9", 4990)
	s = s.When(domain.Context{}, c).Then(refunded(c, provider+":9", true), taken(t, 1, subscription.CauseRefund, "2026-02-02 12:00"))
	if got := told(); got != [3]string{"2026-04-13", "2026-05-13", "2026-04-13"} {
		t.Error(got)
	}
	if from, until, revoked := s.State().Bought(provider, "2"); !from.IsZero() || !until.IsZero() || !revoked.IsZero() {
		t.Error("an unknown payment lies somewhere")
	}
}
