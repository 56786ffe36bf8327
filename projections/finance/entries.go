// Package finance is the company's money as the journal tells it: double entry, recognised by the day, and closed by the month.
//
// Each fact makes entries, and an entry is one sum from one account to another, so that the books balance at every event
// (TestBooksBalance). A month is closed at the start of the 6th of the next one: its statement rests on what was recorded until then and nothing else, so
// that it comes out the same for ever; what became known later falls into the next month that was open (TestClosedMonthsStand).
//
// Money is counted at the processor's time, in local days of Astana. Test money is none. No personal value is read.
package finance

import (
	"cmp"
	"slices"
	"time"

	"kelisim/domain"
	"kelisim/domain/calendar"
	"kelisim/domain/obligation"
	"kelisim/domain/payment"
	"kelisim/domain/reconciliation"
	"kelisim/domain/subscription"
)

// Account is where money is, or what it is for.
type Account string

// The accounts. Assets and expenses stand in debit, the others in credit.
const (
	Clearing   Account = "provider-clearing"  // what the processor has taken for us and not paid out
	Bank       Account = "bank"               // what it paid out, fines that were paid, and refunds by other ways than the processor's
	Unapplied  Account = "customer-unapplied" // held: it is the payer's until it is applied
	Deferred   Account = "deferred-revenue"   // paid for days that have not begun
	Revenue    Account = "revenue"
	Refunds    Account = "refunds"      // of days that had begun
	ChargeBack Account = "charge-backs" // of days that had begun, less what users paid of them
	Fees       Account = "provider-fees"
	FinesOwed  Account = "fines-receivable"
	Fines      Account = "fines-income"
	Suspense   Account = "suspense" // went back without being known to have come
)

// accounts are all accounts, in the order in which they are shown.
var accounts = []Account{Clearing, Bank, FinesOwed, Unapplied, Deferred, Suspense, Revenue, Refunds, ChargeBack, Fees, Fines}

// Entry moves a sum from one account to another.
type Entry struct {
	At            time.Time
	Debit, Credit Account
	Amount        domain.Money
}

// writer writes entries.
type writer struct {
	currency string
	out      []Entry
}

func (w *writer) write(at time.Time, debit, credit Account, minor int64) {
	if minor != 0 {
		w.out = append(w.out, Entry{at, debit, credit, domain.Money{Minor: minor, Currency: w.currency}})
	}
}

// step is what happens to a payment after it was made.
type step struct {
	at      time.Time
	kind    stepKind
	minor   int64
	account Account // from which a refund goes
	days    int     // given with what the bank returned
}

type stepKind int

// The steps of one moment, in this order.
const (
	applies stepKind = iota
	goesBack
	taken
	revokes
	returned
)

// ofPayment is the entries of one payment of a user up to a moment, that moment included.
func ofPayment(s subscription.State, p subscription.Payment, asOf time.Time) []Entry {
	if p.HeldReason == subscription.HeldTestMode {
		return nil
	}
	b := bought{writer: writer{currency: p.Amount.Currency}}
	b.made = p.Event != "" || p.HeldEvent != ""
	if b.made && !p.PaidAt.After(asOf) {
		if p.HeldEvent != "" || !p.AppliedAt.IsZero() {
			b.held, b.unapplied = true, p.Amount.Minor
			b.write(p.PaidAt, Clearing, Unapplied, b.unapplied)
		} else {
			b.deferred = p.Amount.Minor
			b.write(p.PaidAt, Clearing, Deferred, b.deferred)
		}
	}
	b.from, b.until, b.revoked = s.Bought(p.Provider, p.TransactionID)
	b.days = daysOf(b.from, b.until)
	for _, st := range steps(p) {
		if !st.at.After(asOf) {
			b.take(st)
		}
	}
	b.earn(asOf)
	return b.out
}

func steps(p subscription.Payment) []step {
	var out []step
	at := func(t time.Time) time.Time { // what was known before its payment counts from it
		if t.Before(p.PaidAt) {
			return p.PaidAt
		}
		return t
	}
	if p.Event != "" && !p.AppliedAt.IsZero() {
		out = append(out, step{at: at(p.AppliedAt), kind: applies})
	}
	for _, r := range p.Refunds {
		account := Clearing
		if r.Transaction == "" {
			account = Bank
		}
		if !r.RefundedAt.IsZero() {
			out = append(out, step{at: at(r.RefundedAt), kind: goesBack, minor: r.Amount.Minor, account: account})
		}
	}
	for _, c := range p.ChargeBacks {
		out = append(out, step{at: at(c.At), kind: taken, minor: c.Amount.Minor, account: Clearing})
	}
	for _, c := range p.Returns {
		out = append(out, step{at: at(c.At), kind: returned, minor: c.Amount.Minor, days: c.Days})
	}
	for _, r := range p.Revocations {
		out = append(out, step{at: at(r.At), kind: revokes})
	}
	slices.SortStableFunc(out, func(a, b step) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.kind, b.kind), cmp.Compare(a.minor, b.minor))
	})
	return out
}

// bought is a payment's money on its way from what is deferred to what is earned.
type bought struct {
	writer
	made                bool // the money itself is known
	held                bool // it is not applied
	unapplied, deferred int64
	lost, over          int64 // at the company's cost: to charge-backs, and in refunds of more than was held

	from, until, revoked time.Time // where its months lie
	days, begun          int       // of them
}

func daysOf(from, until time.Time) int {
	if !until.After(from) {
		return 0
	}
	return calendar.DayOf(from).DaysUntil(calendar.DayOf(until.Add(-1))) + 1
}

// earn recognises the days that have begun by a moment: an equal part for each, and what does not divide with the last.
func (b *bought) earn(t time.Time) {
	begun := 0
	if !t.Before(b.from) {
		begun = min(b.days, calendar.DayOf(b.from).DaysUntil(calendar.DayOf(t))+1)
	}
	if b.deferred == 0 || b.from.IsZero() {
		return
	}
	part := int64(0)
	switch {
	case begun >= b.days:
		part = b.deferred
	case begun > b.begun:
		part = mulDiv(b.deferred, int64(begun-b.begun), int64(b.days-b.begun))
	}
	b.begun = max(b.begun, begun)
	b.deferred -= part
	b.write(t, Deferred, Revenue, part)
}

// mulDiv is a*n/d without overflow for any sum: n and d are days.
func mulDiv(a, n, d int64) int64 { return a/d*n + a%d*n/d }

func (b *bought) take(s step) {
	switch s.kind {
	case applies:
		b.write(s.at, Unapplied, Deferred, b.unapplied)
		b.held, b.deferred, b.unapplied = false, b.deferred+b.unapplied, 0
		b.earn(s.at)
	case goesBack:
		b.goes(s, Refunds)
	case taken:
		b.goes(s, ChargeBack)
	case returned:
		b.returns(s)
	case revokes:
		b.earn(s.at)
		b.days = max(b.begun, daysOf(b.from, b.revoked))
	}
}

// goes lets money go: of what is held, else of what is deferred, and the rest at the company's cost.
func (b *bought) goes(s step, cost Account) {
	b.earn(s.at)
	held := min(s.minor, b.unapplied)
	b.unapplied -= held
	b.write(s.at, Unapplied, s.account, held)
	later := min(s.minor-held, b.deferred)
	b.deferred -= later
	b.write(s.at, Deferred, s.account, later)
	rest := s.minor - held - later
	if !b.made {
		cost = Suspense
	}
	switch {
	case cost == ChargeBack:
		b.lost += rest
	case b.held:
		b.over += rest
	}
	b.write(s.at, cost, s.account, rest)
}

// returns takes money that the bank gave again: it makes up for the cost of the charge-back, and the rest is what it was before, held or
// deferred. What is deferred is earned by the days that were given, counted from the return, or at once where none were.
func (b *bought) returns(s step) {
	b.earn(s.at)
	made := min(s.minor, b.lost)
	b.lost -= made
	b.write(s.at, Clearing, ChargeBack, made)
	rest := s.minor - made
	switch {
	case !b.made:
		b.write(s.at, Clearing, Suspense, rest)
		return
	case b.held:
		over := min(rest, b.over)
		b.over -= over
		b.write(s.at, Clearing, Refunds, over)
		rest -= over
		b.unapplied += rest
		b.write(s.at, Clearing, Unapplied, rest)
		return
	}
	b.deferred += rest
	b.write(s.at, Clearing, Deferred, rest)
	if s.days > 0 {
		b.from, b.days, b.begun = s.at, s.days, 0
	}
	b.earn(s.at)
}

// ofHeld is the entries of money in a stream of its own.
func ofHeld(s payment.State, asOf time.Time) []Entry {
	if s.Held.Reason == subscription.HeldTestMode {
		return nil
	}
	w := writer{currency: s.Held.Amount.Currency}
	left := int64(0)
	if s.Event != "" && !s.Held.PaidAt.After(asOf) {
		left = s.Held.Amount.Minor
		w.write(s.Held.PaidAt, Clearing, Unapplied, left)
	}
	for _, r := range s.Refunds {
		w.currency = r.Amount.Currency
		if !r.RefundedAt.After(asOf) {
			part := min(left, r.Amount.Minor)
			left -= part
			w.write(r.RefundedAt, Unapplied, Clearing, part)
			w.write(r.RefundedAt, Suspense, Clearing, r.Amount.Minor-part)
		}
	}
	return w.out
}

// ofObligation is the entries of a fine, and of a charge-back that the user paid.
func ofObligation(o obligation.Obligation, asOf time.Time) []Entry {
	w := writer{currency: o.Amount.Currency}
	settled := !o.DischargedAt.IsZero() && !o.DischargedAt.After(asOf)
	if o.Kind == obligation.ChargeBack {
		if settled && o.How == obligation.Paid {
			w.write(o.DischargedAt, Bank, ChargeBack, o.Amount.Minor)
		}
		return w.out
	}
	if o.DemandedAt.After(asOf) {
		return nil
	}
	w.write(o.DemandedAt, FinesOwed, Fines, o.Amount.Minor)
	switch {
	case settled && o.How == obligation.Paid:
		w.write(o.DischargedAt, Bank, FinesOwed, o.Amount.Minor)
	case settled:
		w.write(o.DischargedAt, Fines, FinesOwed, o.Amount.Minor)
	}
	return w.out
}

func ofPayout(p reconciliation.Payout, asOf time.Time) []Entry {
	w := writer{currency: p.Amount.Currency}
	if !p.At.After(asOf) {
		w.write(p.At, Bank, Clearing, p.Payout.Minor)
		w.write(p.At, Fees, Clearing, p.Fee.Minor)
	}
	return w.out
}
