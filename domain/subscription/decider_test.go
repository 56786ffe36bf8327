package subscription_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/calendar"
	"kelisim/domain/decidertest"
	"kelisim/domain/subscription"
)

const (
	firstOrder  = "0b0e7a3c-90b9-4c8f-8b57-3f5d3c0a1d01"
	secondOrder = "0b0e7a3c-90b9-4c8f-8b57-3f5d3c0a1d02"
	consentID   = "0b0e7a3c-90b9-4c8f-8b57-3f5d3c0a1d03"
	provider    = "cloudpayments"
)

type story = decidertest.Story[subscription.Command, subscription.State, subscription.Event]

// begin is a user registered at decidertest.Start: 12 January 2026, 11:00 in Astana; the trial ends with 12 April.
func begin(t testing.TB) *story {
	return decidertest.New(t, subscription.Decider).When(domain.Context{}, subscription.StartTrial{}).Then(trialStarted(t))
}

func trialStarted(t testing.TB) subscription.TrialStarted {
	return subscription.TrialStarted{
		RegisteredAt: decidertest.Start, From: decidertest.Start, Until: local(t, "2026-04-13 00:00"),
		Months: 3, Anchor: calendar.DayOf(decidertest.Start),
	}
}

// order is one placed on 1 February, 12:00 in Astana.
func order(t testing.TB, id string, months int) subscription.OrderPlaced {
	at := local(t, "2026-02-01 12:00")
	return subscription.OrderPlaced{
		OrderID: id, ConsentID: consentID, Months: months, Price: domain.KZT(4990), InvoiceID: "invoice of " + id, AccountID: "account",
		PlacedAt: at, ExpiresAt: at.Add(24 * time.Hour), TermsVersion: "2020-10-27",
	}
}

func ordered(t testing.TB, orders ...subscription.OrderPlaced) *story {
	s := begin(t).At(local(t, "2026-02-01 12:00"))
	for _, o := range orders {
		s.Given(o)
	}
	return s
}

func pay(t testing.TB, order, transaction string) subscription.RecordPayment {
	return subscription.RecordPayment{OrderID: order, Provider: provider, TransactionID: transaction, PaidAt: local(t, "2026-02-01 12:05"), Amount: domain.KZT(4990)}
}

func completed(c subscription.RecordPayment, months int) subscription.PaymentCompleted {
	return subscription.PaymentCompleted{c.OrderID, c.Provider, c.TransactionID, c.PaidAt, c.Amount, months}
}

func held(c subscription.RecordPayment, reason string) subscription.PaymentHeld {
	return subscription.PaymentHeld{c.OrderID, c.Provider, c.TransactionID, c.PaidAt, c.Amount, reason}
}

func granted(t testing.TB, c subscription.RecordPayment, months int, from, until string) subscription.PeriodGranted {
	return subscription.PeriodGranted{
		OrderID: c.OrderID, Provider: c.Provider, TransactionID: c.TransactionID, Months: months, From: local(t, from), Until: local(t, until),
		ChainAnchor: calendar.DayOf(decidertest.Start), CoveredUntil: local(t, until),
	}
}

func TestEvolveIsTotal(t *testing.T) { decidertest.Total(t, subscription.Decider, subscription.Events) }

// T-2.1: free from registration through the local day that bears the same number three months later.
func TestStartTrial(t *testing.T) {
	s := begin(t)
	s.When(domain.Context{}, subscription.StartTrial{}).Refused("trial-used", "T-2.1")
	if trial, ok := s.State().Trial(); !ok || trial.Event != decidertest.EventID(0).String() {
		t.Errorf("the trial is %v, %v", trial, ok)
	}
	none := decidertest.Parameters()
	none.TrialMonths = 0
	s = decidertest.New(t, subscription.Decider).When(domain.Context{Parameters: none}, subscription.StartTrial{}).Nothing()
	if _, ok := s.State().Trial(); ok || len(s.State().Coverage(forever)) != 0 {
		t.Error("terms without free months gave some")
	}
}

// T-2.1, decision 21.
func TestPlaceOrder(t *testing.T) {
	at := domain.Context{OccurredAt: local(t, "2026-02-01 12:00")}
	shown, other := domain.KZT(4990), domain.KZT(3990)
	place := subscription.PlaceOrder{
		OrderID: firstOrder, Months: 1, ShownPrice: &shown, Price: shown, ConsentID: consentID,
		InvoiceID: "invoice of " + firstOrder, AccountID: "account", TermsVersion: "2020-10-27",
	}
	s := begin(t).When(at, place).Then(order(t, firstOrder, 1))
	s.When(at, place).Refused("order-exists")

	place.OrderID, place.InvoiceID, place.ShownPrice = "", "i2", nil
	place.Offer = &account.DocumentRef{ID: "public-offer", Version: "1", SHA256: "00"}
	ctx := domain.Context{OccurredAt: at.OccurredAt, Command: uuid.NewSHA1(uuid.NameSpaceOID, []byte("press"))}
	want := order(t, ctx.ID("order"), 1)
	want.InvoiceID, want.Offer = "i2", place.Offer
	s.When(ctx, place).Then(want)
	if o, ok := s.State().OrderByInvoice("i2"); !ok || o.OrderID != want.OrderID || o.Event != decidertest.EventID(2).String() {
		t.Errorf("by its invoice the order is %v, %v", o, ok)
	}
	if o, ok := s.State().OrderByInvoice("i3"); ok {
		t.Errorf("an invoice of nobody is %v", o)
	}

	place.ShownPrice = &other
	s.When(at, place).Refused("price-mismatch", "T-2.1")
	place.ShownPrice, place.OrderID = nil, "order-1"
	s.When(at, place).Refused("invalid-request")
	place.OrderID = secondOrder
	for _, months := range []int{-1, 0, 2, 24} {
		place.Months = months
		s.When(at, place).Refused("period-not-offered", "T-2.1")
	}
}

// T-2.1, decisions 12 and 13: a payment in the trial extends it.
func TestRecordPayment(t *testing.T) {
	c := pay(t, firstOrder, "1")
	s := ordered(t, order(t, firstOrder, 1)).When(domain.Context{}, c).Then(completed(c, 1), granted(t, c, 1, "2026-04-13 00:00", "2026-05-13 00:00"))
	p, ok := s.State().Payment(provider, "1")
	if !ok || p.Status() != subscription.StatusApplied || p.Period.Until != local(t, "2026-05-13 00:00") || p.Event != decidertest.EventID(2).String() {
		t.Errorf("the payment is %+v, %v", p, ok)
	}
	if by, ok := s.State().PaidBy(firstOrder); !ok || by.TransactionID != "1" {
		t.Errorf("the order is paid by %v, %v", by, ok)
	}
	if _, ok := s.State().Payment("kaspi", "1"); ok {
		t.Error("another processor's transaction of the same id is known")
	}
	twice := c
	twice.Provider = "kaspi"
	s.When(domain.Context{}, twice).Then(held(twice, subscription.HeldDuplicate))
	if n := len(s.State().Payments()); n != 2 {
		t.Errorf("%d payments are known", n)
	}

	// The same again changes nothing, on whatever clock; other content is a conflict.
	s.When(domain.Context{}, c).Nothing()
	again := c
	again.PaidAt, again.BlockedAtPaid, again.TestMode = c.PaidAt.In(calendar.Zone()), true, true
	s.When(domain.Context{}, again).Nothing()
	for _, change := range []func(*subscription.RecordPayment){
		func(c *subscription.RecordPayment) { c.Amount = domain.KZT(1) },
		func(c *subscription.RecordPayment) { c.OrderID = secondOrder },
		func(c *subscription.RecordPayment) { c.PaidAt = c.PaidAt.Add(time.Second) },
	} {
		other := c
		change(&other)
		s.When(domain.Context{}, other).Refused("transaction-conflict")
	}
}

// Decision 12: judged by the processor's time, a payment after the end of the trial starts a chain of its own; granted days
// come after its months.
func TestPaymentAfterTrial(t *testing.T) {
	o := order(t, firstOrder, 3)
	o.ExpiresAt = local(t, "2026-06-02 00:00")
	c := pay(t, firstOrder, "1")
	c.PaidAt = local(t, "2026-05-31 18:00")
	want := granted(t, c, 3, "2026-05-31 18:00", "2026-09-01 00:00")
	want.ChainAnchor, want.CoveredUntil = calendar.DayOf(c.PaidAt), local(t, "2026-09-06 00:00")
	ordered(t, o).Given(subscription.DaysGranted{Days: 5, At: local(t, "2026-06-01 18:00")}).When(domain.Context{}, c).Then(completed(c, 3), want)

	c.PaidAt = c.PaidAt.In(calendar.Zone())
	stored := c
	stored.PaidAt = c.PaidAt.UTC()
	// As did what was used of them before the purchase.
	c.PaidAt = local(t, "2026-04-15 18:00")
	among := granted(t, c, 3, "2026-04-16 00:00", "2026-07-16 00:00")
	among.CoveredUntil = local(t, "2026-07-18 00:00")
	ordered(t, o).Given(subscription.DaysGranted{Days: 5, At: local(t, "2026-04-01 18:00")}).When(domain.Context{}, c).Then(completed(c, 3), among)

	c.PaidAt = local(t, "2026-05-31 18:00")
	want.CoveredUntil = want.Until
	s := ordered(t, o).When(domain.Context{}, c).Then(completed(stored, 3), want)
	if p, _ := s.State().Payment(provider, "1"); p.PaidAt.Location() != time.UTC {
		t.Error("the moment of the payment is not in UTC")
	}
}

// A refund may be known before its payment: the months come and go at once.
func TestPaymentAfterItsRefund(t *testing.T) {
	c := pay(t, firstOrder, "1")
	back := local(t, "2026-02-02 12:00")
	s := ordered(t, order(t, firstOrder, 1)).Given(
		subscription.RefundCompleted{RefundID: secondOrder, Provider: provider, TransactionID: "1", Amount: c.Amount, RefundedAt: back, Full: true},
		subscription.MonthsRevoked{Provider: provider, TransactionID: "1", Cause: subscription.CauseRefund, At: back})
	if p, ok := s.State().Payment(provider, "1"); !ok || p.Status() != "" {
		t.Errorf("the payment is %+v, %v", p, ok)
	}
	s.When(domain.Context{}, c).Then(completed(c, 1), granted(t, c, 1, "2026-04-13 00:00", "2026-04-13 00:00"))
	if got := s.State().Coverage(forever); len(got) != 1 || got[0].Reason != subscription.ReasonTrial {
		t.Errorf("coverage is %v", got)
	}
}

// Decisions 14 and 21: what cannot be applied is held, for the first reason in this order.
func TestHeld(t *testing.T) {
	all := pay(t, secondOrder, "9") // unknown, test money, late, of a wrong sum, while blocked
	all.TestMode, all.BlockedAtPaid, all.Amount, all.PaidAt = true, true, domain.KZT(1), local(t, "2026-02-02 12:00")
	s := ordered(t).When(domain.Context{}, all).Then(held(all, subscription.HeldUnknownOrder))
	s.When(domain.Context{}, all).Nothing()

	first := pay(t, secondOrder, "1")
	paidBefore := func() *story {
		return ordered(t, order(t, secondOrder, 1)).When(domain.Context{}, first).
			Then(completed(first, 1), granted(t, first, 1, "2026-04-13 00:00", "2026-05-13 00:00"))
	}
	paidBefore().When(domain.Context{}, all).Then(held(all, subscription.HeldTestMode))
	all.TestMode = false
	again := pay(t, secondOrder, "9")
	paidBefore().When(domain.Context{}, again).Then(held(again, subscription.HeldDuplicate))
	paidBefore().When(domain.Context{}, all).Then(held(all, subscription.HeldAmountMismatch))
	unpaid := func() *story { return ordered(t, order(t, secondOrder, 1)) }
	unpaid().When(domain.Context{}, all).Then(held(all, subscription.HeldAmountMismatch))
	all.Amount = domain.Money{Minor: 499000, Currency: "RUB"}
	unpaid().When(domain.Context{}, all).Then(held(all, subscription.HeldAmountMismatch))
	all.Amount = domain.KZT(4990)
	unpaid().When(domain.Context{}, all).Then(held(all, subscription.HeldOrderExpired))
	all.PaidAt = all.PaidAt.Add(-time.Second)
	s = unpaid().When(domain.Context{}, all).Then(held(all, subscription.HeldBlocked))
	s.When(domain.Context{}, all).Nothing()

	// Nothing is granted, and the order can still be paid.
	p, ok := s.State().Payment(provider, "9")
	if !ok || p.Status() != subscription.StatusHeld || p.HeldReason != subscription.HeldBlocked || p.HeldEvent != decidertest.EventID(2).String() || p.HeldAt.IsZero() {
		t.Errorf("the payment is %+v, %v", p, ok)
	}
	if got := s.State().Coverage(forever); len(got) != 1 || got[0].Reason != subscription.ReasonTrial {
		t.Errorf("coverage is %v", got)
	}
	s.When(domain.Context{}, first).Then(completed(first, 1), granted(t, first, 1, "2026-04-13 00:00", "2026-05-13 00:00"))
}

func TestRecordPaymentRefusesBadForms(t *testing.T) {
	s := ordered(t, order(t, firstOrder, 1))
	for name, change := range map[string]func(*subscription.RecordPayment){
		"no provider":        func(c *subscription.RecordPayment) { c.Provider = "" },
		"no transaction":     func(c *subscription.RecordPayment) { c.TransactionID = "" },
		"a spaced one":       func(c *subscription.RecordPayment) { c.TransactionID = "4111 1111" },
		"no time":            func(c *subscription.RecordPayment) { c.PaidAt = time.Time{} },
		"no amount":          func(c *subscription.RecordPayment) { c.Amount = domain.Money{} },
		"an amount of zero":  func(c *subscription.RecordPayment) { c.Amount = domain.KZT(0) },
		"no order":           func(c *subscription.RecordPayment) { c.OrderID = "" },
		"an order of a name": func(c *subscription.RecordPayment) { c.OrderID = "Aigerim's" },
	} {
		t.Run(name, func(t *testing.T) {
			c := pay(t, firstOrder, "1")
			change(&c)
			s.When(domain.Context{}, c).Refused("invalid-request")
		})
	}
}

// Decision 14: an officer applies held money; it grants as of the processor's time.
func TestApplyPayment(t *testing.T) {
	c := pay(t, firstOrder, "1")
	c.BlockedAtPaid = true
	s := ordered(t, order(t, firstOrder, 1), order(t, secondOrder, 3)).Given(held(c, subscription.HeldBlocked)).At(local(t, "2026-07-01 12:00"))
	apply := subscription.ApplyPayment{Provider: provider, TransactionID: "1", OrderID: firstOrder}

	s.When(domain.Context{}, subscription.ApplyPayment{Provider: provider, TransactionID: "2", OrderID: firstOrder}).Refused("payment-not-found")
	s.When(domain.Context{}, subscription.ApplyPayment{Provider: provider, TransactionID: "1", OrderID: consentID}).Refused("order-not-found")
	s.When(domain.Context{}, apply).Then(subscription.PaymentApplied(completed(c, 1)), granted(t, c, 1, "2026-04-13 00:00", "2026-05-13 00:00"))
	p, _ := s.State().Payment(provider, "1")
	if p.Status() != subscription.StatusApplied || p.Event != decidertest.EventID(4).String() || !p.AppliedAt.Equal(local(t, "2026-07-01 12:00")) || p.HeldReason != subscription.HeldBlocked {
		t.Errorf("the payment is %+v", p)
	}
	if got := s.State().Coverage(forever); len(got) != 2 || !slices.Contains(got[1].Events, p.Event) {
		t.Errorf("coverage is %v", got)
	}
	s.When(domain.Context{}, apply).Nothing()
	s.When(domain.Context{}, c).Nothing() // the processor tells of it again
	apply.OrderID = secondOrder
	s.When(domain.Context{}, apply).Refused("payment-applied")
}

// Money of an order that the processor named wrongly, here or in a stream of its own.
func TestApplyPaymentToAnotherOrder(t *testing.T) {
	named := pay(t, consentID, "1")
	apply := subscription.ApplyPayment{Provider: provider, TransactionID: "1", OrderID: firstOrder}
	want := completed(pay(t, firstOrder, "1"), 1)
	period := granted(t, pay(t, firstOrder, "1"), 1, "2026-04-13 00:00", "2026-05-13 00:00")

	s := ordered(t, order(t, firstOrder, 1)).Given(held(named, subscription.HeldUnknownOrder)).When(domain.Context{}, apply).Then(subscription.PaymentApplied(want), period)
	s.When(domain.Context{}, named).Nothing()
	s.When(domain.Context{}, pay(t, firstOrder, "1")).Refused("transaction-conflict")

	apply.PaidAt, apply.Amount = want.PaidAt.In(calendar.Zone()), want.Amount
	s = ordered(t, order(t, firstOrder, 1)).When(domain.Context{}, apply).Then(subscription.PaymentApplied(want), period)
	if p, _ := s.State().Payment(provider, "1"); p.PaidAt.Location() != time.UTC {
		t.Error("the moment of the payment is not in UTC")
	}
	s.When(domain.Context{}, named).Nothing()
}

func TestApplyPaymentRefused(t *testing.T) {
	first, second := pay(t, firstOrder, "1"), pay(t, firstOrder, "2")
	apply := subscription.ApplyPayment{Provider: provider, TransactionID: "2", OrderID: firstOrder}
	paidTwice := func() *story {
		return ordered(t, order(t, firstOrder, 1), order(t, secondOrder, 1)).Given(completed(first, 1), held(second, subscription.HeldDuplicate))
	}
	paidTwice().When(domain.Context{}, apply).Refused("order-paid")
	s := paidTwice()
	s.When(domain.Context{}, subscription.ApplyPayment{Provider: provider, TransactionID: "1", OrderID: secondOrder}).Refused("payment-applied")
	s.When(domain.Context{}, subscription.ApplyPayment{Provider: provider, TransactionID: "1", OrderID: firstOrder}).Refused("payment-applied")

	apply.OrderID = secondOrder
	requested := subscription.RefundRequested{RefundID: consentID, Provider: provider, TransactionID: "2", Amount: second.Amount}
	done := subscription.RefundCompleted{RefundID: consentID, Provider: provider, TransactionID: "2", Amount: second.Amount, RefundedAt: local(t, "2026-02-03 12:00"), Full: true}
	paidTwice().Given(requested, done).When(domain.Context{}, apply).Refused("payment-refunded")
	paidTwice().Given(subscription.ChargedBack{Provider: provider, TransactionID: "2", Amount: second.Amount}).When(domain.Context{}, apply).Refused("payment-refunded")
	paidTwice().Given(requested).When(domain.Context{}, apply).Refused("refund-requested")
	refused := subscription.RefundRefused{RefundID: consentID, Provider: provider, TransactionID: "2"}
	paidTwice().Given(requested, refused).When(domain.Context{}, apply).Then(
		subscription.PaymentApplied{secondOrder, provider, "2", second.PaidAt, second.Amount, 1},
		granted(t, subscription.RecordPayment{OrderID: secondOrder, Provider: provider, TransactionID: "2"}, 1, "2026-05-13 00:00", "2026-06-13 00:00"))

	// Nothing is left of the payment that the order was granted for: another may take its place.
	apply.OrderID = firstOrder
	gone := subscription.RefundCompleted{RefundID: "r", Provider: provider, TransactionID: "1", Amount: first.Amount, RefundedAt: local(t, "2026-02-03 12:00"), Full: true}
	taken := subscription.MonthsRevoked{Provider: provider, TransactionID: "1", Months: 1, Cause: subscription.CauseRefund, At: gone.RefundedAt}
	paidTwice().Given(gone, taken).When(domain.Context{}, apply).Then(
		subscription.PaymentApplied(completed(second, 1)), granted(t, second, 1, "2026-04-13 00:00", "2026-05-13 00:00"))
}

// A declined attempt leaves the order as it was.
func TestDeclinePayment(t *testing.T) {
	c := subscription.DeclinePayment{firstOrder, provider, "1", local(t, "2026-02-01 12:01"), domain.KZT(4990), "5051"}
	s := ordered(t, order(t, firstOrder, 1)).When(domain.Context{}, c).Then(subscription.PaymentDeclined(c))
	s.When(domain.Context{}, c).Nothing()
	if p, _ := s.State().Payment(provider, "1"); p.Status() != subscription.StatusDeclined || p.DeclineReason != "5051" || !p.PaidAt.IsZero() {
		t.Errorf("the attempt is %+v", p)
	}
	other := c
	other.ReasonCode = "5057"
	s.When(domain.Context{}, other).Refused("transaction-conflict")
	for _, change := range []func(*subscription.DeclinePayment){
		func(c *subscription.DeclinePayment) { c.ReasonCode = "not enough money" },
		func(c *subscription.DeclinePayment) { c.DeclinedAt = time.Time{} },
		func(c *subscription.DeclinePayment) { c.Provider = "" },
	} {
		bad := c
		change(&bad)
		s.When(domain.Context{}, bad).Refused("invalid-request")
	}
	other.OrderID = secondOrder
	s.When(domain.Context{}, other).Refused("order-not-found")

	// Should the processor have taken the money all the same, it counts; a decline told after it does not.
	paid := pay(t, firstOrder, "1")
	s.When(domain.Context{}, paid).Then(completed(paid, 1), granted(t, paid, 1, "2026-04-13 00:00", "2026-05-13 00:00"))
	s.When(domain.Context{}, c).Refused("transaction-conflict")
	if p, _ := s.State().Payment(provider, "1"); p.Status() != subscription.StatusApplied {
		t.Errorf("the payment is %+v", p)
	}
}

// Decision 13: days can be given back.
func TestGrantDays(t *testing.T) {
	at := domain.Context{OccurredAt: local(t, "2026-03-01 12:00")}
	reason := domain.NewPersonal("the block was a mistake")
	begin(t).When(at, subscription.GrantDays{Days: 366, Reason: reason}).Then(subscription.DaysGranted{366, reason, at.OccurredAt})
	s := begin(t).When(at, subscription.GrantDays{Days: 1}).Then(subscription.DaysGranted{Days: 1, At: at.OccurredAt})
	for _, days := range []int{-1, 0, 367} {
		s.When(at, subscription.GrantDays{Days: days}).Refused("invalid-request")
	}
	if got := s.State().Gifts(); len(got) != 1 || got[0].Event != decidertest.EventID(1).String() {
		t.Errorf("granted: %v", got)
	}
}
