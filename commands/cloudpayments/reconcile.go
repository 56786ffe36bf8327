package cloudpayments

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"kelisim/domain"
)

// Entry is what the ledger knows of one of the processor's transactions.
type Entry struct {
	TransactionID string
	InvoiceID     string // of the order that it was paid for; "" where none fits
	State         EntryState
	Amount        domain.Money
	PaidAt        time.Time // the processor's time
	Refunds       []EntryRefund
	ChargeBacks   []domain.Money
	Returns       []domain.Money // of charge-backs that came to nothing
}

// EntryState is what became of a transaction here.
type EntryState string

// The states there are. EntryNone is a transaction of which only a refund or a charge-back is known.
const (
	EntryNone     EntryState = "none"
	EntryApplied  EntryState = "applied"
	EntryHeld     EntryState = "held"
	EntryDeclined EntryState = "declined"
)

func (e Entry) taken() bool { return e.State == EntryApplied || e.State == EntryHeld }

// EntryRefund is money that has gone back, as the ledger knows it; one that is only wished for is none.
type EntryRefund struct {
	TransactionID string // the refund's own, of the processor; "" where it is not known
	Amount        domain.Money
	At            time.Time
}

// FindingKind says how the two differ.
type FindingKind string

// The kinds there are.
const (
	MissingHere        FindingKind = "missing-here"  // money was taken or held, and the ledger knows nothing of it
	MissingThere       FindingKind = "missing-there" // the ledger has money, or a refund, that the register has not
	AmountMismatch     FindingKind = "amount-mismatch"
	CurrencyMismatch   FindingKind = "currency-mismatch"
	StatusMismatch     FindingKind = "status-mismatch"
	InvoiceMismatch    FindingKind = "invoice-mismatch" // paid for another order than the one here
	LateRefund         FindingKind = "late-refund"      // money went back, and the ledger does not know
	ChargedBack        FindingKind = "charge-back"      // a bank's claim that the ledger does not know
	ChargeBackReversed FindingKind = "charge-back-reversed"
	ChargeBackFee      FindingKind = "charge-back-fee"
	PayoutMismatch     FindingKind = "payout-mismatch" // what was settled and its fee do not make up the payment
	CardPayout         FindingKind = "card-payout"     // money to a card, which the ledger never asks for
	TestInProduction   FindingKind = "test-in-production"
)

// FindingKinds are all of them.
var FindingKinds = []FindingKind{
	MissingHere, MissingThere, AmountMismatch, CurrencyMismatch, StatusMismatch, InvoiceMismatch, LateRefund, ChargedBack, ChargeBackReversed, ChargeBackFee,
	PayoutMismatch, CardPayout, TestInProduction,
}

// Finding is one difference. It holds ids, sums, states and moments, and nothing of a person.
type Finding struct {
	Kind          FindingKind  `json:"kind"`
	TransactionID string       `json:"transaction_id"`       // the processor's, of the operation at fault
	PaymentID     string       `json:"payment_id,omitempty"` // the payment that a refund belongs to
	Reference     string       `json:"reference,omitempty"`  // the id of a charge-back
	Here          string       `json:"here,omitempty"`       // what the ledger says
	There         string       `json:"there,omitempty"`      // what the register says
	Amount        domain.Money `json:"amount,omitzero"`      // of the operation, for what is to be entered
	At            time.Time    `json:"at"`                   // the processor's time
}

// ID is the same for the same difference at every run, and another once either side says something else.
func (f Finding) ID() string {
	return strings.Join([]string{string(f.Kind), f.TransactionID, f.PaymentID, f.Reference, f.Here, f.There}, "|")
}

// Comparison is what is held against each other: the register and the ledger's transactions, both of [From, Until) by the processor's time. Entries
// outside of it do no harm; they are needed for refunds and charge-backs of older payments.
type Comparison struct {
	From, Until time.Time
	Rows        []Row
	ChargeBacks []ChargeBack
	Entries     []Entry
	Production  bool            // only real money counts here
	Known       map[string]bool // ids of findings that are recorded already
}

// Reconcile lists what differs and is not known yet, by transaction and kind: the order of the input does not matter, what comes
// twice counts once, and a second run that knows the findings of the first finds nothing.
//
// Attempts that came to nothing are no finding when the ledger does not know them: no money moved.
func Reconcile(c Comparison) []Finding {
	m := matcher{c: c, rows: map[string]Row{}, entries: map[string]Entry{}, refunds: map[string][]Row{}}
	for _, r := range c.Rows {
		if old, twice := m.rows[r.TransactionID]; !twice || before(old, r) {
			m.rows[r.TransactionID] = r
		}
	}
	for _, e := range c.Entries {
		m.entries[e.TransactionID] = e
	}
	paymentOf := m.attribution()
	for _, r := range m.rows {
		if r.Type == RowRefund && done(r) {
			payment := paymentOf(r)
			m.refunds[payment] = append(m.refunds[payment], r)
		}
	}
	m.payments()
	m.giveBacks()
	m.claims()
	slices.SortFunc(m.found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(len(a.TransactionID), len(b.TransactionID)), cmp.Compare(a.TransactionID, b.TransactionID),
			cmp.Compare(a.ID(), b.ID()))
	})
	found := slices.CompactFunc(m.found, func(a, b Finding) bool { return a.ID() == b.ID() })
	return slices.DeleteFunc(found, func(f Finding) bool { return c.Known[f.ID()] })
}

type matcher struct {
	c       Comparison
	rows    map[string]Row   // by transaction
	entries map[string]Entry // by transaction
	refunds map[string][]Row // by the payment that they give back
	found   []Finding
}

func (m *matcher) add(f Finding) { m.found = append(m.found, f) }

// attribution tells which payment a refund gives back: the one that the register names, or that the ledger knows the refund under, or the
// only one of its order; "" where there is none of these.
func (m *matcher) attribution() func(Row) string {
	known, ofOrder := map[string]string{}, map[string][]string{}
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(m.entries))) { // where two claim one refund, always the same has it
		e := m.entries[id]
		for _, k := range e.Refunds {
			known[k.TransactionID] = id
		}
		if e.taken() && e.InvoiceID != "" {
			ofOrder[e.InvoiceID] = append(ofOrder[e.InvoiceID], id)
		}
	}
	return func(r Row) string {
		only := ""
		if ids := ofOrder[r.InvoiceID]; len(ids) == 1 {
			only = ids[0]
		}
		return cmp.Or(r.OriginalTransactionID, known[r.TransactionID], only)
	}
}

// done tells whether the operation moved money.
func done(r Row) bool { return r.Status == StatusCompleted }

// before orders two rows of one transaction by how far it had come.
func before(a, b Row) bool {
	progress := []string{StatusDeclined, StatusCancelled, StatusAuthorized, StatusCompleted}
	return cmp.Or(cmp.Compare(slices.Index(progress, a.Status), slices.Index(progress, b.Status)),
		a.PayoutAt.Compare(b.PayoutAt), a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.Amount.Minor, b.Amount.Minor),
		cmp.Compare(a.Amount.Currency, b.Amount.Currency), cmp.Compare(a.InvoiceID, b.InvoiceID)) < 0
}

func (m *matcher) within(t time.Time) bool { return !t.Before(m.c.From) && t.Before(m.c.Until) }

// payments holds payments against entries, both ways.
func (m *matcher) payments() {
	for _, r := range m.rows {
		e, known := m.entries[r.TransactionID]
		f := Finding{TransactionID: r.TransactionID, Here: string(EntryNone), There: r.Status, Amount: r.Amount, At: r.CreatedAt}
		if known {
			f.Here = string(e.State)
		}
		switch {
		case r.TestMode && m.c.Production:
			f.Kind = TestInProduction
			m.add(f)
		case r.Type == RowPayout:
			f.Kind = CardPayout
			m.add(f)
		case r.Type == RowPayment:
			m.payment(r, e, f)
		}
	}
	for _, e := range m.entries {
		if _, there := m.rows[e.TransactionID]; !there && e.taken() && m.within(e.PaidAt) {
			m.add(Finding{Kind: MissingThere, TransactionID: e.TransactionID, Here: string(e.State), Amount: e.Amount, At: e.PaidAt})
		}
	}
}

func (m *matcher) payment(r Row, e Entry, f Finding) {
	there := done(r) || r.Status == StatusAuthorized
	switch {
	case !e.taken() && e.State != EntryDeclined:
		if there {
			f.Kind = MissingHere
			m.add(f)
		}
		return
	case e.taken() && !done(r), !e.taken() && there:
		f.Kind = StatusMismatch
		m.add(f)
	}
	f.Here, f.There = e.Amount.String(), r.Amount.String()
	switch {
	case e.Amount.Currency != r.Amount.Currency:
		f.Kind = CurrencyMismatch
		m.add(f)
	case e.Amount != r.Amount:
		f.Kind = AmountMismatch
		m.add(f)
	}
	if e.InvoiceID != "" && r.InvoiceID != "" && e.InvoiceID != r.InvoiceID {
		f.Kind, f.Here, f.There = InvoiceMismatch, e.InvoiceID, r.InvoiceID
		m.add(f)
	}
	if !r.PayoutAt.IsZero() && r.Payout+r.Fee != r.Amount.Minor {
		settled := domain.Money{Minor: r.Payout, Currency: r.Amount.Currency}
		fee := domain.Money{Minor: r.Fee, Currency: r.Amount.Currency}
		f.Kind, f.Here, f.There = PayoutMismatch, r.Amount.String(), settled.String()+" and a fee of "+fee.String()
		m.add(f)
	}
}

// giveBacks holds refunds against those that the ledger knows: by their own transaction, else by their sum.
func (m *matcher) giveBacks() {
	for payment, rows := range m.refunds {
		slices.SortFunc(rows, func(a, b Row) int {
			return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.TransactionID, b.TransactionID))
		})
		open := slices.Clone(m.entries[payment].Refunds)
		var rest []Row
		for _, r := range rows {
			i := slices.IndexFunc(open, func(e EntryRefund) bool { return e.TransactionID == r.TransactionID })
			if i < 0 {
				rest = append(rest, r)
				continue
			}
			if open[i].Amount.Minor != r.Amount.Minor {
				m.add(Finding{Kind: AmountMismatch, TransactionID: r.TransactionID, PaymentID: payment, Here: open[i].Amount.String(),
					There: r.Amount.String(), Amount: r.Amount, At: r.CreatedAt})
			}
			open = slices.Delete(open, i, i+1)
		}
		for _, r := range rest {
			i := slices.IndexFunc(open, func(e EntryRefund) bool { return e.TransactionID == "" && e.Amount.Minor == r.Amount.Minor })
			if i >= 0 {
				open = slices.Delete(open, i, i+1)
			} else if !r.TestMode || !m.c.Production {
				m.add(Finding{Kind: LateRefund, TransactionID: r.TransactionID, PaymentID: payment, There: r.Amount.String(), Amount: r.Amount, At: r.CreatedAt})
			}
		}
		m.unlisted(payment, open)
	}
	for id, e := range m.entries {
		if len(m.refunds[id]) == 0 {
			m.unlisted(id, e.Refunds)
		}
		if r, ok := m.rows[id]; ok && r.Refunded && len(e.Refunds) == 0 && len(m.refunds[id]) == 0 {
			m.add(Finding{Kind: LateRefund, TransactionID: id, PaymentID: id, There: "refunded", At: r.CreatedAt})
		}
	}
}

// unlisted is refunds of the ledger that the register has not.
func (m *matcher) unlisted(payment string, refunds []EntryRefund) {
	for _, r := range refunds {
		if m.within(r.At) {
			m.add(Finding{Kind: MissingThere, TransactionID: cmp.Or(r.TransactionID, payment), PaymentID: payment,
				Here: "refund of " + r.Amount.String(), Amount: r.Amount, At: r.At})
		}
	}
}

// claims holds charge-backs and their returns against those that the ledger knows, by payment and sum.
func (m *matcher) claims() {
	claims := slices.Clone(m.c.ChargeBacks)
	slices.SortFunc(claims, func(a, b ChargeBack) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
	type told struct {
		payment string
		back    bool
	}
	open := map[told][]domain.Money{}
	for id, e := range m.entries {
		open[told{id, false}], open[told{id, true}] = slices.Clone(e.ChargeBacks), slices.Clone(e.Returns)
	}
	seen := map[string]bool{}
	for _, b := range claims {
		if seen[b.key()] {
			continue
		}
		seen[b.key()] = true
		f := Finding{Kind: ChargedBack, TransactionID: b.TransactionID, PaymentID: b.TransactionID, Reference: b.ID,
			There: b.Amount.String(), Amount: b.Amount, At: b.At}
		if b.Fee {
			f.Kind = ChargeBackFee
			m.add(f)
			continue
		}
		if b.Reversed {
			f.Kind = ChargeBackReversed
		}
		known := told{b.TransactionID, b.Reversed}
		if i := slices.Index(open[known], b.Amount); i >= 0 {
			open[known] = slices.Delete(open[known], i, i+1)
			continue
		}
		m.add(f)
	}
}
