package commands_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"kelisim/commands"
	"kelisim/commands/cloudpayments"
	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/event"
	"kelisim/domain/obligation"
	"kelisim/domain/reconciliation"
	"kelisim/domain/subscription"
)

// row is an operation as the register tells it.
func row(o op) cloudpayments.Row {
	r := cloudpayments.Row{TransactionID: o.TransactionID, Type: cloudpayments.RowPayment, OriginalTransactionID: o.Original, InvoiceID: o.InvoiceID, Amount: o.Amount,
		Status: "Completed", CreatedAt: o.At, TestMode: o.Test}
	if o.Original != "" {
		r.Type = cloudpayments.RowRefund
	}
	return r
}

func kinds(found []cloudpayments.Finding) []string {
	out := []string{}
	for _, f := range found {
		out = append(out, fmt.Sprint(f.Kind, " ", f.TransactionID))
	}
	return out
}

// The register tells what no notification did. Each difference is recorded once; a second run finds nothing new, and with enter what is
// missing is brought in as a notification would have brought it.
func TestReconcile(t *testing.T) {
	b := newTill(t, 6)
	from, until := noon.Add(-time.Hour), noon.Add(23*time.Hour)
	known, lost, unnamed, given, claimed, sum, gone := b.paying(0, 10), b.paying(1, 11), b.paying(2, 12), b.paying(3, 13), b.paying(4, 14), b.paying(5, 15), b.paying(5, 16)
	unnamed.InvoiceID = "nobodys"
	back := b.giving(given, given.Amount.Minor, 60)
	for _, o := range []op{known, given, claimed, sum, gone} {
		b.take(told(t, cloudpayments.Pay, o))
	}
	paid := row(known)
	paid.PayoutAt, paid.Payout, paid.Fee = noon.Add(2*time.Hour), known.Amount.Minor-100, 100
	less := row(sum)
	less.Amount.Minor--
	register := cloudpayments.Register{
		Rows:        []cloudpayments.Row{paid, row(lost), row(unnamed), row(given), row(back), row(claimed), less},
		ChargeBacks: []cloudpayments.ChargeBack{{ID: "c1", TransactionID: claimed.TransactionID, Amount: claimed.Amount, At: noon.Add(3 * time.Hour)}},
	}
	run := func(enter bool) commands.Reconciled {
		t.Helper()
		r, err := b.money().Reconcile(t.Context(), from, until, register, enter)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	want := []string{
		"missing-here " + lost.TransactionID, "missing-here " + unnamed.TransactionID, "charge-back " + claimed.TransactionID,
		"amount-mismatch " + sum.TransactionID, "missing-there " + gone.TransactionID, "late-refund " + back.TransactionID,
	}
	slices.Sort(want)
	first := run(false)
	got := kinds(first.Found)
	slices.Sort(got)
	if !slices.Equal(got, want) || first.Payouts != 1 || first.Entered != 0 || first.Standing != len(want) {
		t.Fatalf("found %v, want %v; %+v", got, want, first)
	}
	if r := run(false); len(r.Found) != 0 || r.Payouts != 0 || r.Standing != len(want) {
		t.Errorf("the second run found %+v", r)
	}
	b.open()
	entered := run(true)
	if len(entered.Found) != 0 || entered.Entered != 4 {
		t.Errorf("brought in: %+v", entered)
	}
	if r := run(true); r.Standing != 2 || r.Entered != 0 { // the sum and what is missing there are for a person
		t.Errorf("after that there stand %+v", r)
	}
	s := b.sub()
	for order, transaction := range map[int]string{1: lost.TransactionID, 0: known.TransactionID, 3: given.TransactionID} {
		if p, ok := s.PaidBy(b.orders[order].OrderID); !ok || p.TransactionID != transaction {
			t.Errorf("order %d is paid by %+v", order, p)
		}
	}
	if p, _ := s.Payment(commands.Provider, given.TransactionID); p.Left().Minor != 0 || len(p.Revocations) != 1 {
		t.Errorf("the refund is not known: %+v", p)
	}
	snap, _ := b.Snapshot(t.Context(), b.user, commands.Known{})
	owed := snap.State.Obligations.All()
	if len(owed) != 1 || owed[0].Kind != obligation.ChargeBack || owed[0].TransactionID != claimed.TransactionID {
		t.Errorf("owed: %+v", owed)
	}
	// The notification of what was brought in may come yet, and changes nothing.
	head, _, _ := b.store.Head(t.Context())
	b.take(told(t, cloudpayments.Pay, lost))
	b.take(told(t, cloudpayments.Pay, unnamed))
	b.take(told(t, cloudpayments.Refund, back))
	if after, _, _ := b.store.Head(t.Context()); after != head {
		t.Error("a late notification of what was brought in is recorded")
	}

	var found, settled, runs int
	for e, err := range b.Journal.ReadAll(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		switch v := e.Data.(type) {
		case reconciliation.Found:
			found++
		case reconciliation.Settled:
			settled += len(v.Payouts)
		case reconciliation.Compared:
			runs++
		}
	}
	if found != len(want) || settled != 1 || runs != 4 {
		t.Errorf("recorded: %d findings, %d payouts, %d runs", found, settled, runs)
	}
}

// Test money counts in test mode alone; a voided entry is as if it had not been.
func TestReconcileInTestMode(t *testing.T) {
	b := newTill(t, 1)
	o := b.paying(0, 10)
	o.Test = true
	register := cloudpayments.Register{Rows: []cloudpayments.Row{row(o)}}
	money := commands.Money{Service: b.Service, Test: true}
	if r, err := money.Reconcile(t.Context(), noon, noon.Add(time.Hour), register, true); err != nil || r.Entered != 1 {
		t.Fatal(r, err)
	}
	if p := b.sub().Payments(); len(p) != 1 || p[0].Status() != subscription.StatusApplied {
		t.Errorf("%+v", p)
	}
	r, err := b.money().Reconcile(t.Context(), noon, noon.Add(time.Hour), register, false)
	if err != nil || fmt.Sprint(kinds(r.Found)) != "[test-in-production "+o.TransactionID+"]" {
		t.Errorf("%v, %v", kinds(r.Found), err)
	}
}

// More payouts than one append holds are recorded all the same, once; a run that was cut short is completed by the next.
func TestReconcileManyPayouts(t *testing.T) {
	b := newTill(t, 1)
	var register cloudpayments.Register
	for i := range 2*reconciliation.MaxPayouts + 10 {
		register.Rows = append(register.Rows, cloudpayments.Row{TransactionID: fmt.Sprint(1000 + i), Type: cloudpayments.RowPayment, Amount: domain.KZT(10), Status: "Declined",
			CreatedAt: noon, PayoutAt: noon, Payout: 1000})
	}
	n := 0
	b.store.Fail = func(string) journal.Failure {
		if n++; n == 2 {
			return journal.Refused
		}
		return journal.Works
	}
	if _, err := b.money().Reconcile(t.Context(), noon, noon.Add(time.Hour), register, false); err == nil {
		t.Fatal("the second append was refused, and nobody noticed")
	}
	r, err := b.money().Reconcile(t.Context(), noon, noon.Add(time.Hour), register, false)
	if err != nil || r.Payouts != reconciliation.MaxPayouts+10 {
		t.Fatal(r.Payouts, err)
	}
	if r, err = b.money().Reconcile(t.Context(), noon, noon.Add(time.Hour), register, false); err != nil || r.Payouts != 0 {
		t.Fatal(r.Payouts, err)
	}
}

// A charge-back and its return are brought in together, in their order, and what was brought in is resolved; a return of a claim that nobody
// told of waits for a person, and once resolved it is not found again.
func TestReconcileReturns(t *testing.T) {
	b := newTill(t, 2)
	claimed, untold := b.paying(0, 10), b.paying(1, 11)
	b.take(told(t, cloudpayments.Pay, claimed))
	b.take(told(t, cloudpayments.Pay, untold))
	claim := cloudpayments.ChargeBack{ID: "c1", TransactionID: claimed.TransactionID, Amount: claimed.Amount, At: noon.Add(3 * time.Hour)}
	returned, alone := claim, claim
	returned.At, returned.Reversed = noon.Add(5*time.Hour), true
	alone.ID, alone.TransactionID, alone.Reversed = "c2", untold.TransactionID, true
	register := cloudpayments.Register{Rows: []cloudpayments.Row{row(claimed), row(untold)}, ChargeBacks: []cloudpayments.ChargeBack{returned, claim, alone}}
	run := func() commands.Reconciled {
		t.Helper()
		r, err := b.money().Reconcile(t.Context(), noon.Add(-time.Hour), noon.Add(23*time.Hour), register, true)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	b.at = noon.Add(24 * time.Hour)
	if r := run(); len(r.Found) != 3 || r.Entered != 2 {
		t.Fatalf("%+v", r)
	}
	snap, _ := b.Snapshot(t.Context(), b.user, commands.Known{})
	owed := snap.State.Obligations.All()
	if len(owed) != 1 || owed[0].How != obligation.Cancelled || len(snap.State.Subscription.Gifts()) != 1 {
		t.Errorf("owed %+v, given %+v", owed, snap.State.Subscription.Gifts())
	}
	var open []string
	resolved := map[string]bool{}
	for e, err := range b.Journal.ReadAll(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		switch v := e.Data.(type) {
		case reconciliation.Found:
			open = append(open, e.ID.String())
			resolved[e.ID.String()] = v.Reference == "c2" // what is expected not to be
		case reconciliation.FindingResolved:
			if resolved[v.FindingID] || v.How != reconciliation.Entered {
				t.Errorf("resolved: %+v", v)
			}
			open = slices.DeleteFunc(open, func(id string) bool { return id == v.FindingID })
		}
	}
	if len(open) != 1 || !resolved[open[0]] {
		t.Fatalf("open are %v", open)
	}
	wish := commands.Wish{Actor: event.Actor{Kind: "officer", ID: "o"}}
	resolve := reconciliation.Resolve{FindingID: open[0], How: reconciliation.Explained, Note: domain.NewPersonal("told by telephone")}
	if _, err := b.ResolveFinding(t.Context(), wish, alone.At, resolve); err != nil {
		t.Fatal(err)
	}
	if _, err := b.ResolveFinding(t.Context(), wish, alone.At, resolve); domain.Code(err) != "finding-resolved" {
		t.Errorf("a second time: %v", err)
	}
	if _, err := b.ResolveFinding(t.Context(), wish, alone.At.AddDate(0, 1, 0), resolve); domain.Code(err) != "finding-not-found" {
		t.Errorf("in another month: %v", err)
	}
	if r := run(); len(r.Found) != 0 || r.Standing != 1 || r.Entered != 0 {
		t.Errorf("the next run: %+v", r)
	}
	register.ChargeBacks[2].Amount.Minor--
	if r := run(); len(r.Found) != 1 {
		t.Errorf("with another sum: %+v", r)
	}
}
