package cloudpayments_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"kelisim/commands/cloudpayments"
	"kelisim/commands/cloudpayments/cloudpaymentstest"
	"kelisim/domain"
)

// row and entry are two views of one payment, by default without a difference.
func row(id string, change ...func(*cloudpayments.Row)) cloudpayments.Row {
	r := cloudpayments.Row{TransactionID: id, Type: cloudpayments.RowPayment, InvoiceID: "i" + id, Amount: domain.KZT(4990), Status: "Completed", CreatedAt: paidAt}
	for _, c := range change {
		c(&r)
	}
	return r
}

func entry(id string, change ...func(*cloudpayments.Entry)) cloudpayments.Entry {
	e := cloudpayments.Entry{TransactionID: id, InvoiceID: "i" + id, State: cloudpayments.EntryApplied, Amount: domain.KZT(4990), PaidAt: paidAt}
	for _, c := range change {
		c(&e)
	}
	return e
}

func refundRow(id, of string, tenge int64) cloudpayments.Row {
	return row(id, func(r *cloudpayments.Row) {
		r.Type, r.OriginalTransactionID, r.Amount, r.CreatedAt = cloudpayments.RowRefund, of, domain.KZT(tenge), paidAt.Add(time.Hour)
	})
}

func refunded(refunds ...cloudpayments.EntryRefund) func(*cloudpayments.Entry) {
	return func(e *cloudpayments.Entry) {
		for _, r := range refunds {
			r.At = paidAt.Add(time.Hour)
			e.Refunds = append(e.Refunds, r)
		}
	}
}

func compare(rows []cloudpayments.Row, entries []cloudpayments.Entry, claims ...cloudpayments.ChargeBack) cloudpayments.Comparison {
	return cloudpayments.Comparison{From: paidAt.Add(-time.Hour), Until: paidAt.Add(24 * time.Hour), Rows: rows, Entries: entries, ChargeBacks: claims, Production: true}
}

// told is what findings say, in short.
func told(found []cloudpayments.Finding) []string {
	out := []string{}
	for _, f := range found {
		out = append(out, fmt.Sprintf("%s %s", f.Kind, f.TransactionID))
	}
	return out
}

func TestReconcile(t *testing.T) {
	set := func(f func(*cloudpayments.Row)) func(*cloudpayments.Row) { return f }
	status := func(s string) func(*cloudpayments.Row) { return func(r *cloudpayments.Row) { r.Status = s } }
	state := func(s cloudpayments.EntryState) func(*cloudpayments.Entry) {
		return func(e *cloudpayments.Entry) { e.State = s }
	}
	claim := cloudpayments.ChargeBack{ID: "c", TransactionID: "1", Amount: domain.KZT(4990), At: paidAt}
	type rows = []cloudpayments.Row
	type entries = []cloudpayments.Entry
	for what, c := range map[string]struct {
		in   cloudpayments.Comparison
		want []string
	}{
		"nothing":                      {compare(nil, nil), nil},
		"the same":                     {compare(rows{row("1")}, entries{entry("1")}), nil},
		"held here":                    {compare(rows{row("1")}, entries{entry("1", state(cloudpayments.EntryHeld))}), nil},
		"a notification that was lost": {compare(rows{row("1")}, nil), []string{"missing-here 1"}},
		"a hold that was not told":     {compare(rows{row("1", status("Authorized"))}, nil), []string{"missing-here 1"}},
		"an attempt that was not told": {compare(rows{row("1", status("Declined")), row("2", status("AwaitingAuthentication")), row("3", status("Cancelled"))}, nil), nil},
		"a refund known, its payment not": {compare(rows{row("1"), refundRow("2", "1", 10)},
			entries{entry("1", state(cloudpayments.EntryNone), refunded(cloudpayments.EntryRefund{TransactionID: "2", Amount: domain.KZT(10)}))}), []string{"missing-here 1"}},
		"unknown there":           {compare(nil, entries{entry("1")}), []string{"missing-there 1"}},
		"a decline unknown there": {compare(nil, entries{entry("1", state(cloudpayments.EntryDeclined))}), nil},
		"paid outside of the span": {compare(nil, entries{entry("1", func(e *cloudpayments.Entry) { e.PaidAt = paidAt.Add(24 * time.Hour) }),
			entry("2", func(e *cloudpayments.Entry) { e.PaidAt = paidAt.Add(-time.Hour - time.Second) })}), nil},
		"paid at its first moment":  {compare(nil, entries{entry("1", func(e *cloudpayments.Entry) { e.PaidAt = paidAt.Add(-time.Hour) })}), []string{"missing-there 1"}},
		"a tiyn less there":         {compare(rows{row("1", set(func(r *cloudpayments.Row) { r.Amount.Minor-- }))}, entries{entry("1")}), []string{"amount-mismatch 1"}},
		"another currency there":    {compare(rows{row("1", set(func(r *cloudpayments.Row) { r.Amount.Currency = "RUB" }))}, entries{entry("1")}), []string{"currency-mismatch 1"}},
		"applied and declined":      {compare(rows{row("1", status("Declined"))}, entries{entry("1")}), []string{"status-mismatch 1"}},
		"applied and cancelled":     {compare(rows{row("1", status("Cancelled"))}, entries{entry("1")}), []string{"status-mismatch 1"}},
		"applied and only held":     {compare(rows{row("1", status("Authorized"))}, entries{entry("1")}), []string{"status-mismatch 1"}},
		"declined and paid":         {compare(rows{row("1")}, entries{entry("1", state(cloudpayments.EntryDeclined))}), []string{"status-mismatch 1"}},
		"declined and held":         {compare(rows{row("1", status("Authorized"))}, entries{entry("1", state(cloudpayments.EntryDeclined))}), []string{"status-mismatch 1"}},
		"declined on both sides":    {compare(rows{row("1", status("Declined"))}, entries{entry("1", state(cloudpayments.EntryDeclined))}), nil},
		"another order":             {compare(rows{row("1", set(func(r *cloudpayments.Row) { r.InvoiceID = "other" }))}, entries{entry("1")}), []string{"invoice-mismatch 1"}},
		"no order there":            {compare(rows{row("1", set(func(r *cloudpayments.Row) { r.InvoiceID = "" }))}, entries{entry("1")}), nil},
		"a test in production":      {compare(rows{row("1", set(func(r *cloudpayments.Row) { r.TestMode = true }))}, nil), []string{"test-in-production 1"}},
		"a test that was applied":   {compare(rows{row("1", set(func(r *cloudpayments.Row) { r.TestMode = true }))}, entries{entry("1")}), []string{"test-in-production 1"}},
		"money to a card":           {compare(rows{row("1", set(func(r *cloudpayments.Row) { r.Type = cloudpayments.RowPayout }))}, nil), []string{"card-payout 1"}},
		"settled in full":           {compare(rows{row("1", set(func(r *cloudpayments.Row) { r.PayoutAt, r.Payout, r.Fee = paidAt, 484_030, 14_970 }))}, entries{entry("1")}), nil},
		"settled with less":         {compare(rows{row("1", set(func(r *cloudpayments.Row) { r.PayoutAt, r.Payout, r.Fee = paidAt, 484_029, 14_970 }))}, entries{entry("1")}), []string{"payout-mismatch 1"}},
		"a refund in the cabinet":   {compare(rows{row("1"), refundRow("2", "1", 1000)}, entries{entry("1")}), []string{"late-refund 2"}},
		"a refund known by its id":  {compare(rows{row("1"), refundRow("2", "1", 1000)}, entries{entry("1", refunded(cloudpayments.EntryRefund{TransactionID: "2", Amount: domain.KZT(1000)}))}), nil},
		"a refund known by its sum": {compare(rows{row("1"), refundRow("2", "1", 1000)}, entries{entry("1", refunded(cloudpayments.EntryRefund{Amount: domain.KZT(1000)}))}), nil},
		"two equal refunds, one known": {compare(rows{row("1"), refundRow("2", "1", 1000), refundRow("3", "1", 1000)},
			entries{entry("1", refunded(cloudpayments.EntryRefund{TransactionID: "2", Amount: domain.KZT(1000)}))}), []string{"late-refund 3"}},
		"the later one known by its id, the other by its sum": {compare(rows{row("1"), refundRow("2", "1", 1000), refundRow("3", "1", 1000)},
			entries{entry("1", refunded(cloudpayments.EntryRefund{Amount: domain.KZT(1000)}, cloudpayments.EntryRefund{TransactionID: "3", Amount: domain.KZT(1000)}))}), nil},
		"a refund of another sum": {compare(rows{row("1"), refundRow("2", "1", 1000)}, entries{entry("1", refunded(cloudpayments.EntryRefund{TransactionID: "2", Amount: domain.KZT(999)}))}),
			[]string{"amount-mismatch 2"}},
		"a refund unknown there": {compare(rows{row("1")}, entries{entry("1", refunded(cloudpayments.EntryRefund{TransactionID: "2", Amount: domain.KZT(5)}))}), []string{"missing-there 2"}},
		"two refunds of one sum, each unknown to the other side": {compare(rows{row("1"), refundRow("2", "1", 1000)}, entries{entry("1", refunded(cloudpayments.EntryRefund{TransactionID: "9", Amount: domain.KZT(1000)}))}),
			[]string{"late-refund 2", "missing-there 9"}},
		"a refund that did not happen": {compare(rows{row("1"), func() cloudpayments.Row { r := refundRow("2", "1", 5); r.Status = "Declined"; return r }()}, entries{entry("1")}), nil},
		"a refund without its payment": {compare(rows{row("1"), refundRow("2", "", 1000)}, entries{entry("1", refunded(cloudpayments.EntryRefund{TransactionID: "2", Amount: domain.KZT(1000)}))}), nil},
		"a refund of the only payment of its order": {compare(rows{row("1"), func() cloudpayments.Row { r := refundRow("2", "", 1000); r.InvoiceID = "i1"; return r }()},
			entries{entry("1", refunded(cloudpayments.EntryRefund{Amount: domain.KZT(1000)}))}), nil},
		"a refund of nothing known": {compare(rows{refundRow("2", "77", 1000)}, nil), []string{"late-refund 2"}},
		"marked as refunded":        {compare(rows{row("1", set(func(r *cloudpayments.Row) { r.Refunded = true }))}, entries{entry("1")}), []string{"late-refund 1"}},
		"marked, and known":         {compare(rows{row("1", set(func(r *cloudpayments.Row) { r.Refunded = true })), refundRow("2", "1", 5)}, entries{entry("1", refunded(cloudpayments.EntryRefund{TransactionID: "2", Amount: domain.KZT(5)}))}), nil},
		"a claim":                   {compare(rows{row("1")}, entries{entry("1")}, claim), []string{"charge-back 1"}},
		"a claim of old":            {compare(nil, nil, claim), []string{"charge-back 1"}},
		"a claim that is known":     {compare(rows{row("1")}, entries{entry("1", func(e *cloudpayments.Entry) { e.ChargeBacks = []domain.Money{domain.KZT(4990)} })}, claim), nil},
		"the second of two claims": {compare(rows{row("1")}, entries{entry("1", func(e *cloudpayments.Entry) { e.ChargeBacks = []domain.Money{domain.KZT(4990)} })}, claim,
			cloudpayments.ChargeBack{ID: "d", TransactionID: "1", Amount: domain.KZT(4990), At: paidAt.Add(time.Hour)}), []string{"charge-back 1"}},
		"its end and its fee": {compare(rows{row("1")}, entries{entry("1", func(e *cloudpayments.Entry) { e.ChargeBacks = []domain.Money{domain.KZT(4990)} })}, claim,
			cloudpayments.ChargeBack{ID: "c", TransactionID: "1", Amount: domain.KZT(4990), At: paidAt.Add(time.Hour), Reversed: true},
			cloudpayments.ChargeBack{ID: "c", TransactionID: "1", Amount: domain.KZT(10), At: paidAt.Add(time.Hour), Fee: true}), []string{"charge-back-fee 1", "charge-back-reversed 1"}},
		"all at once, by transaction": {compare(rows{row("10"), row("9", set(func(r *cloudpayments.Row) { r.Amount = domain.KZT(1) }))}, entries{entry("9"), entry("2")}),
			[]string{"missing-there 2", "amount-mismatch 9", "missing-here 10"}},
		"one row twice, the later state counts": {compare(rows{row("1"), row("1", status("Authorized"))}, entries{entry("1")}), nil},
	} {
		if got := told(cloudpayments.Reconcile(c.in)); !slices.Equal(got, append([]string{}, c.want...)) {
			t.Errorf("%s: %v, want %v", what, got, c.want)
		}
	}
}

// A test ledger has tests in it.
func TestTestsAreNoFindingAmongTests(t *testing.T) {
	c := compare([]cloudpayments.Row{row("1", func(r *cloudpayments.Row) { r.TestMode = true })}, []cloudpayments.Entry{entry("1")})
	c.Production = false
	if found := cloudpayments.Reconcile(c); len(found) != 0 {
		t.Errorf("%v", told(found))
	}
}

// What a finding says is enough to enter what is missing.
func TestFindingSaysWhatToEnter(t *testing.T) {
	found := cloudpayments.Reconcile(compare([]cloudpayments.Row{row("1"), refundRow("2", "1", 1000)}, nil))
	want := []cloudpayments.Finding{
		{Kind: cloudpayments.MissingHere, TransactionID: "1", Here: "none", There: "Completed", Amount: domain.KZT(4990), At: paidAt},
		{Kind: cloudpayments.LateRefund, TransactionID: "2", PaymentID: "1", There: "1000.00 KZT", Amount: domain.KZT(1000), At: paidAt.Add(time.Hour)},
	}
	if !reflect.DeepEqual(found, want) {
		t.Errorf("%+v, want\n%+v", found, want)
	}
}

// Of two equal refunds, of which the ledger knows one by its sum, the later is the one that it does not know.
func TestTheEarlierRefundIsTheKnownOne(t *testing.T) {
	later := refundRow("2", "1", 1000)
	later.CreatedAt = later.CreatedAt.Add(time.Hour)
	for range 20 { // maps have no order
		found := cloudpayments.Reconcile(compare([]cloudpayments.Row{row("1"), later, refundRow("3", "1", 1000)},
			[]cloudpayments.Entry{entry("1", refunded(cloudpayments.EntryRefund{Amount: domain.KZT(1000)}))}))
		if got := told(found); !slices.Equal(got, []string{"late-refund 2"}) {
			t.Fatalf("%v", got)
		}
	}
}

// The order of what came does not matter, nor that it came twice; and a second run that knows the first's findings finds nothing.
func TestReconcileIsSteady(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		c := compare(nil, nil)
		for i := range 1 + rnd.IntN(12) {
			id := fmt.Sprint(100 + i)
			r := row(id, func(r *cloudpayments.Row) {
				r.Status = []string{"Completed", "Completed", "Declined", "Authorized", "Cancelled"}[rnd.IntN(5)]
				r.Amount = domain.KZT(1 + rnd.Int64N(2))
				r.TestMode, r.Refunded = rnd.IntN(9) == 0, rnd.IntN(5) == 0
				if rnd.IntN(3) == 0 {
					r.Type, r.OriginalTransactionID = cloudpayments.RowRefund, []string{"", "100", "101", "102"}[rnd.IntN(4)]
					r.InvoiceID = "i101"
				}
			})
			if rnd.IntN(4) > 0 {
				c.Rows = append(c.Rows, r)
			}
			if rnd.IntN(4) > 0 {
				c.Entries = append(c.Entries, entry(id, func(e *cloudpayments.Entry) {
					e.State = []cloudpayments.EntryState{cloudpayments.EntryApplied, cloudpayments.EntryHeld, cloudpayments.EntryDeclined, cloudpayments.EntryNone}[rnd.IntN(4)]
					e.Amount = domain.KZT(1 + rnd.Int64N(2))
					e.ChargeBacks = slices.Repeat([]domain.Money{domain.KZT(1)}, rnd.IntN(3))
					for range rnd.IntN(3) {
						refunded(cloudpayments.EntryRefund{TransactionID: []string{"", fmt.Sprint(100 + rnd.IntN(12))}[rnd.IntN(2)], Amount: domain.KZT(1 + rnd.Int64N(2))})(e)
					}
				}))
			}
			if rnd.IntN(4) == 0 {
				c.ChargeBacks = append(c.ChargeBacks, cloudpayments.ChargeBack{ID: "c" + id, TransactionID: "101", Amount: domain.KZT(1), At: paidAt.Add(time.Duration(i))})
			}
		}
		first := cloudpayments.Reconcile(c)
		again := c
		again.Rows, again.Entries, again.ChargeBacks = slices.Concat(c.Rows, c.Rows), slices.Clone(c.Entries), slices.Concat(c.ChargeBacks, c.ChargeBacks)
		rnd.Shuffle(len(again.Rows), func(i, j int) { again.Rows[i], again.Rows[j] = again.Rows[j], again.Rows[i] })
		rnd.Shuffle(len(again.Entries), func(i, j int) { again.Entries[i], again.Entries[j] = again.Entries[j], again.Entries[i] })
		rnd.Shuffle(len(again.ChargeBacks), func(i, j int) {
			again.ChargeBacks[i], again.ChargeBacks[j] = again.ChargeBacks[j], again.ChargeBacks[i]
		})
		if second := cloudpayments.Reconcile(again); !reflect.DeepEqual(first, second) {
			t.Fatalf("seed %d: %v, in another order %v", seed, told(first), told(second))
		}
		c.Known = map[string]bool{}
		for _, f := range first {
			if c.Known[f.ID()] {
				t.Fatalf("seed %d: %s twice", seed, f.ID())
			}
			c.Known[f.ID()] = true
		}
		if rest := cloudpayments.Reconcile(c); len(rest) != 0 {
			t.Fatalf("seed %d: a second run finds %v", seed, told(rest))
		}
	}
}

// The double's own register, against a ledger that got every notification: nothing differs. Without one of them, that one.
func TestReconcileWithTheDouble(t *testing.T) {
	p := cloudpaymentstest.New(t)
	begin := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
	for i := range 120 {
		op := pay()
		op.At, op.InvoiceID = begin.Add(time.Duration(i)*time.Second), fmt.Sprintf("order-%d", i)
		p.Add(op)
	}
	ops := p.Operations()
	id, err := p.Refund(t.Context(), cloudpayments.RefundRequest{RequestID: "r", TransactionID: ops[3].TransactionID, Amount: ops[3].Amount})
	if err != nil {
		t.Fatal(err)
	}
	c := cloudpayments.Comparison{From: begin, Until: time.Now().Add(time.Hour), Production: true}
	for r, err := range p.Payments(t.Context(), c.From, c.Until) {
		if err != nil {
			t.Fatal(err)
		}
		c.Rows = append(c.Rows, r)
	}
	for i, op := range ops {
		e := cloudpayments.Entry{TransactionID: op.TransactionID, InvoiceID: op.InvoiceID, State: cloudpayments.EntryApplied, Amount: op.Amount, PaidAt: op.At}
		if i == 3 {
			e.Refunds = []cloudpayments.EntryRefund{{TransactionID: id, Amount: op.Amount, At: time.Now()}}
		}
		c.Entries = append(c.Entries, e)
	}
	if found := cloudpayments.Reconcile(c); len(found) != 0 {
		t.Errorf("%v", told(found))
	}
	lost := c.Entries[110].TransactionID
	c.Entries = slices.Delete(c.Entries, 110, 111)
	if found := told(cloudpayments.Reconcile(c)); !slices.Equal(found, []string{"missing-here " + lost}) {
		t.Errorf("%v, want %s", found, lost)
	}
}
