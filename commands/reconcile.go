package commands

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"kelisim/commands/cloudpayments"
	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/event"
	"kelisim/domain/payment"
	"kelisim/domain/reconciliation"
	"kelisim/domain/subscription"
	"kelisim/domain/user"
)

// Reconciled is what came of a comparison.
type Reconciled struct {
	Found    []cloudpayments.Finding // that no run before had found
	Standing int                     // differences that stand, those found before included
	Payouts  int                     // operations whose payout was not known
	Entered  int                     // differences that were brought in
}

// Reconcile holds a register of [from, until), by the processor's time, against the ledger, and records what differs and what was paid
// out. What is recorded is found again by no later run (TestReconcile). With enter, what the ledger does not know is brought in, in the same
// way as a notification would have been: payments, refunds, and charge-backs of a user's payment and their returns. Everything else waits for a
// person.
func (m Money) Reconcile(ctx context.Context, from, until time.Time, register cloudpayments.Register, enter bool) (Reconciled, error) {
	var out Reconciled
	all, err := m.transactions(ctx)
	if err != nil {
		return out, err
	}
	c := cloudpayments.Comparison{From: from, Until: until, Rows: register.Rows, ChargeBacks: register.ChargeBacks, Production: !m.Test}
	for _, k := range all {
		c.Entries = append(c.Entries, k.Entry)
	}
	found := cloudpayments.Reconcile(c)
	out.Standing = len(found)
	months := map[string]*reconciliation.Record{}
	of := func(at time.Time) *reconciliation.Record {
		month := at.UTC().Format("2006-01")
		if months[month] == nil {
			months[month] = &reconciliation.Record{Provider: Provider}
		}
		return months[month]
	}
	for _, f := range found {
		month := of(f.At)
		state, err := m.registered(ctx, f.At)
		if err != nil {
			return out, err
		}
		if !state.Knows(f.ID()) {
			out.Found = append(out.Found, f)
			month.Found = append(month.Found, reconciliation.Found{
				Provider: Provider, Finding: f.ID(), Kind: string(f.Kind), TransactionID: f.TransactionID, PaymentID: f.PaymentID, Reference: f.Reference,
				Here: f.Here, There: f.There, Amount: f.Amount, At: f.At,
			})
		}
	}
	for _, r := range register.Rows {
		if r.PayoutAt.IsZero() || r.Type != cloudpayments.RowPayment || r.TestMode && !m.Test {
			continue
		}
		state, err := m.registered(ctx, r.PayoutAt)
		if err != nil {
			return out, err
		}
		month := of(r.PayoutAt)
		if state.KnowsPayout(r.TransactionID) || slices.ContainsFunc(month.Payouts, func(p reconciliation.Payout) bool { return p.TransactionID == r.TransactionID }) {
			continue
		}
		out.Payouts++
		currency := r.Amount.Currency
		month.Payouts = append(month.Payouts, reconciliation.Payout{TransactionID: r.TransactionID, Amount: r.Amount,
			Payout: domain.Money{Minor: r.Payout, Currency: currency}, Fee: domain.Money{Minor: r.Fee, Currency: currency}, At: r.PayoutAt})
	}
	of(until.Add(-1)).Run = &reconciliation.Compared{Provider: Provider, From: from.UTC(), Until: until.UTC(),
		Rows: len(register.Rows), ChargeBacks: len(register.ChargeBacks), Findings: len(out.Found)}
	for month, record := range months {
		if err := m.register(ctx, month, *record); err != nil {
			return out, err
		}
	}
	if enter {
		out.Entered, err = m.enter(ctx, found, register, all)
	}
	return out, err
}

// reconciler is who compares.
var reconciler = event.Actor{Kind: "system", ID: "reconciliation"}

func (m Money) registered(ctx context.Context, at time.Time) (reconciliation.State, error) {
	loaded, err := m.load(ctx, Register.stream(registerOf(at)), Register)
	if err != nil {
		return reconciliation.State{}, err
	}
	return loaded.state.(reconciliation.State), nil
}

// register records what is new to a month, in appends of a bounded size; the run itself comes with the last.
func (m Money) register(ctx context.Context, month string, all reconciliation.Record) error {
	for first := true; first || len(all.Payouts) > 0; first = false {
		part := reconciliation.Record{Provider: all.Provider, Payouts: all.Payouts[:min(len(all.Payouts), reconciliation.MaxPayouts)]}
		all.Payouts = all.Payouts[len(part.Payouts):]
		if first {
			part.Found = all.Found
		}
		if len(all.Payouts) == 0 {
			part.Run = all.Run
		}
		if _, err := m.do(ctx, Wish{Command: "record-comparison", Subject: Provider + "-" + month, Body: &part, Actor: reconciler}); err != nil {
			return err
		}
	}
	return nil
}

// known is what the ledger knows of one of the processor's transactions, and whose it is.
type known struct {
	cloudpayments.Entry
	user domain.UserID // "" where it fits no order
}

// transactions is all that the ledger knows of the processor's transactions. It reads the journal once.
func (m Money) transactions(ctx context.Context) (map[string]*known, error) {
	var all []journal.Event
	voided := map[string]bool{}
	for e, err := range m.Journal.ReadAll(ctx, 0) {
		if err != nil {
			return nil, fmt.Errorf("read the journal: %w", err)
		}
		switch v := e.Data.(type) {
		case account.EntryVoided:
			voided[v.EventID] = true
		case subscription.OrderPlaced, subscription.PaymentCompleted, subscription.PaymentHeld, subscription.PaymentApplied, subscription.PaymentDeclined,
			subscription.RefundCompleted, subscription.ChargedBack, subscription.ChargeBackReturned, payment.Held, payment.Refunded:
			e.RawData, e.RawMeta = nil, nil
			all = append(all, e)
		}
	}
	g := gathered{known: map[string]*known{}, invoices: map[string]string{}, apart: map[string][]cloudpayments.EntryRefund{}}
	for _, e := range all {
		if !voided[e.ID.String()] {
			g.take(e)
		}
	}
	for id, refunds := range g.apart {
		// Refunds in a stream of its own belong to the money in it; of money in a user's book they are not known there.
		if k := g.known[id]; k == nil || k.user == "" {
			g.of(id, "").Refunds = refunds
		}
	}
	return g.known, nil
}

type gathered struct {
	known    map[string]*known
	invoices map[string]string // by order
	apart    map[string][]cloudpayments.EntryRefund
}

func (g *gathered) of(transaction string, user domain.UserID) *known {
	k := g.known[transaction]
	if k == nil {
		k = &known{Entry: cloudpayments.Entry{TransactionID: transaction, State: cloudpayments.EntryNone}}
		g.known[transaction] = k
	}
	if user != "" {
		k.user = user
	}
	return k
}

func (g *gathered) take(e journal.Event) {
	id, _ := domain.Stream(e.Stream).User()
	money := func(provider, transaction, order string, state cloudpayments.EntryState, amount domain.Money, at time.Time) {
		if provider != Provider {
			return
		}
		k := g.of(transaction, id)
		if state == cloudpayments.EntryDeclined && k.State != cloudpayments.EntryNone {
			return
		}
		k.State, k.Amount, k.PaidAt = state, amount, at
		if invoice := g.invoices[order]; invoice != "" {
			k.InvoiceID = invoice
		}
	}
	switch v := e.Data.(type) {
	case subscription.OrderPlaced:
		g.invoices[v.OrderID] = v.InvoiceID
	case subscription.PaymentCompleted:
		money(v.Provider, v.TransactionID, v.OrderID, cloudpayments.EntryApplied, v.Amount, v.PaidAt)
	case subscription.PaymentHeld:
		money(v.Provider, v.TransactionID, v.OrderID, cloudpayments.EntryHeld, v.Amount, v.PaidAt)
	case subscription.PaymentApplied:
		// The order is the officer's choice; the register tells the one that was paid for.
		money(v.Provider, v.TransactionID, "", cloudpayments.EntryApplied, v.Amount, v.PaidAt)
	case subscription.PaymentDeclined:
		money(v.Provider, v.TransactionID, v.OrderID, cloudpayments.EntryDeclined, v.Amount, v.DeclinedAt)
	case subscription.RefundCompleted:
		if v.Provider == Provider {
			k := g.of(v.TransactionID, id)
			k.Refunds = append(k.Refunds, cloudpayments.EntryRefund{TransactionID: v.Transaction, Amount: v.Amount, At: v.RefundedAt})
		}
	case subscription.ChargedBack:
		if v.Provider == Provider {
			k := g.of(v.TransactionID, id)
			k.ChargeBacks = append(k.ChargeBacks, v.Amount)
		}
	case subscription.ChargeBackReturned:
		if v.Provider == Provider {
			k := g.of(v.TransactionID, id)
			k.Returns = append(k.Returns, v.Amount)
		}
	case payment.Held:
		money(v.Provider, v.TransactionID, "", cloudpayments.EntryHeld, v.Amount, v.PaidAt)
		if v.Provider == Provider {
			g.of(v.TransactionID, "").InvoiceID = v.InvoiceID
		}
	case payment.Refunded:
		transaction, ours := strings.CutPrefix(e.Stream, "payment-"+Provider+"-")
		if !ours {
			return
		}
		g.apart[transaction] = append(g.apart[transaction], cloudpayments.EntryRefund{TransactionID: v.Transaction, Amount: v.Amount, At: v.RefundedAt})
	}
}

// enter brings in what the register knows and the ledger does not, charge-backs before their returns, and resolves those findings.
func (m Money) enter(ctx context.Context, found []cloudpayments.Finding, register cloudpayments.Register, all map[string]*known) (int, error) {
	rows := map[string]cloudpayments.Row{}
	for _, r := range register.Rows {
		rows[r.TransactionID] = r
	}
	m.from = "register-"
	n := 0
	found = slices.Clone(found)
	slices.SortStableFunc(found, func(a, b cloudpayments.Finding) int { return cmp.Compare(returned(a), returned(b)) })
	for _, f := range found {
		row, listed := rows[f.TransactionID]
		switch {
		case f.Kind == cloudpayments.MissingHere && listed:
			o, _, err := m.order(ctx, row.InvoiceID)
			if err != nil {
				return n, err
			}
			if _, err := m.Notified(ctx, cloudpayments.Notification{Kind: cloudpayments.Pay, TransactionID: row.TransactionID, InvoiceID: row.InvoiceID, AccountID: o.AccountID,
				Amount: row.Amount, DateTime: row.CreatedAt, TestMode: &row.TestMode, Status: row.Status, OperationType: cloudpayments.OperationPayment}); err != nil {
				return n, err
			}
		case f.Kind == cloudpayments.LateRefund && listed && f.TransactionID != f.PaymentID && f.PaymentID != "":
			invoice := row.InvoiceID
			if k := all[f.PaymentID]; k != nil && k.InvoiceID != "" {
				invoice = k.InvoiceID
			}
			if _, err := m.Notified(ctx, cloudpayments.Notification{Kind: cloudpayments.Refund, TransactionID: row.TransactionID, PaymentTransactionID: f.PaymentID,
				InvoiceID: invoice, Amount: row.Amount, DateTime: row.CreatedAt}); err != nil {
				return n, err
			}
		case f.Kind == cloudpayments.ChargedBack && all[f.PaymentID] != nil && all[f.PaymentID].user != "":
			_, err := m.Do(ctx, Wish{Command: "charge-back", Subject: string(all[f.PaymentID].user), Actor: reconciler, Body: &user.ChargeBack{
				RecordChargeBack: subscription.RecordChargeBack{Provider: Provider, TransactionID: f.PaymentID, Amount: f.Amount, ChargedBackAt: f.At},
			}})
			if err != nil {
				return n, fmt.Errorf("enter the charge-back of %s: %w", f.PaymentID, err)
			}
		case f.Kind == cloudpayments.ChargeBackReversed && all[f.PaymentID] != nil && all[f.PaymentID].user != "":
			_, err := m.Do(ctx, Wish{Command: "return-charge-back", Subject: string(all[f.PaymentID].user), Actor: reconciler, Body: &user.ReturnChargeBack{
				RecordChargeBackReturn: subscription.RecordChargeBackReturn{Provider: Provider, TransactionID: f.PaymentID, Amount: f.Amount, ReturnedAt: f.At},
			}})
			if domain.Code(err) == "charge-back-not-found" {
				continue // of a claim that nobody told of: a person's to decide
			}
			if err != nil {
				return n, fmt.Errorf("enter the return of the charge-back of %s: %w", f.PaymentID, err)
			}
		default:
			continue
		}
		n++
		if err := m.entered(ctx, f); err != nil {
			return n, err
		}
	}
	return n, nil
}

func returned(f cloudpayments.Finding) int {
	if f.Kind == cloudpayments.ChargeBackReversed {
		return 1
	}
	return 0
}

// entered resolves a finding that was brought in.
func (m Money) entered(ctx context.Context, f cloudpayments.Finding) error {
	state, err := m.registered(ctx, f.At)
	if err != nil {
		return err
	}
	id := state.Open(f.ID())
	if id == "" {
		return nil
	}
	_, err = m.do(ctx, Wish{Command: "resolve-finding", Subject: registerOf(f.At), Body: &reconciliation.Resolve{FindingID: id, How: reconciliation.Entered}, Actor: reconciler})
	if err != nil {
		return fmt.Errorf("resolve the finding of %s: %w", f.TransactionID, err)
	}
	return nil
}

// ResolveFinding resolves one finding of the month of operations in which it lies, named by its operation's moment.
func (s *Service) ResolveFinding(ctx context.Context, w Wish, operation time.Time, r reconciliation.Resolve) (Done, error) {
	w.Command, w.Subject, w.Body = "resolve-finding", registerOf(operation), &r
	return s.do(ctx, w)
}

// registerOf names the month in which an operation lies.
func registerOf(operation time.Time) string {
	return Provider + "-" + operation.UTC().Format("2006-01")
}
