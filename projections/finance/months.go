package finance

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"kelisim/domain"
	"kelisim/domain/calendar"
	"kelisim/domain/payment"
	"kelisim/domain/subscription"
	"kelisim/domain/user"
)

// closeDay is the local day of the next month at whose start a month is closed: notifications come up to two days late.
const closeDay = 6

// Month is a calendar month in Astana: its first day.
type Month struct{ first calendar.Day }

// ParseMonth reads "2026-10".
func ParseMonth(s string) (Month, error) {
	d, err := calendar.ParseDay(s + "-01")
	if err != nil || len(s) != len("2026-10") {
		return Month{}, domain.Malformed("", "a month is written as 2026-10")
	}
	return Month{d}, nil
}

// MonthOf is the month of a moment.
func MonthOf(t time.Time) Month {
	m, err := ParseMonth(calendar.DayOf(t).String()[:len("2026-10")])
	if err != nil {
		panic("a day has a month: " + err.Error())
	}
	return m
}

func (m Month) String() string      { return m.first.String()[:len("2026-10")] }
func (m Month) Next() Month         { return Month{m.first.AddMonths(1)} }
func (m Month) Previous() Month     { return Month{m.first.AddMonths(-1)} }
func (m Month) Start() time.Time    { return m.first.Start() }
func (m Month) End() time.Time      { return m.Next().Start() }
func (m Month) Closes() time.Time   { return m.Next().first.AddDays(closeDay - 1).Start() }
func (m Month) before(o Month) bool { return m.first.Before(o.first) }

// Statement is a month's paper. All sums are minor units.
type Statement struct {
	Month    string    `json:"month"`
	Zone     string    `json:"zone"`
	ClosesAt time.Time `json:"closes_at"`
	// Closed: the statement is final. Before that it rests on what is recorded up to Position.
	Closed   bool      `json:"closed"`
	KnownAt  time.Time `json:"known_before"`
	Accounts []Line    `json:"accounts"`
	Receipts []Receipt `json:"receipts"`
	Held     []Held    `json:"held"`
	SHA256   string    `json:"sha256"` // of this document with an empty sha256
}

// Line is one account in one currency over the month; what stands in debit is above zero.
type Line struct {
	Account  Account `json:"account"`
	Currency string  `json:"currency"`
	Opening  int64   `json:"opening"`
	Movement int64   `json:"movement"`
	Closing  int64   `json:"closing"`
}

// Receipt is a day's money of one processor, by the day in Astana and by the processor's own, in UTC. A day of an earlier month became known
// after that month was closed.
type Receipt struct {
	Day         calendar.Day `json:"day"`
	UTCDay      string       `json:"utc_day"`
	Provider    string       `json:"provider"`
	Currency    string       `json:"currency"`
	Payments    int          `json:"payments"`
	Received    int64        `json:"received"`
	Refunded    int64        `json:"refunded"`
	Elsewhere   int64        `json:"refunded_elsewhere"` // by other ways than the processor's
	ChargedBack int64        `json:"charged_back"`       // less what came again
	PaidOut     int64        `json:"paid_out"`
	Fees        int64        `json:"fees"`
}

// Held is real money that nobody had applied or given back by the end of the month.
type Held struct {
	Provider      string    `json:"provider"`
	TransactionID string    `json:"transaction_id"`
	Currency      string    `json:"currency"`
	Left          int64     `json:"left"`
	Reason        string    `json:"reason"`
	PaidAt        time.Time `json:"paid_at"`
	AgeDays       int       `json:"age_days"`
}

// Statement makes a month's paper. now is when it is asked for.
func (r *Record) Statement(m Month, now time.Time) Statement {
	known := func(m Month) time.Time {
		if c := m.Closes(); c.Before(now) {
			return c
		}
		return now
	}
	asOf := func(m Month) time.Time {
		if e := m.End(); e.Before(now) {
			return e.Add(-time.Microsecond)
		}
		return now
	}
	out := Statement{Month: m.String(), Zone: calendar.Zone().String(), ClosesAt: m.Closes().UTC(), Closed: !now.Before(m.Closes()), KnownAt: known(m).UTC(),
		Accounts: []Line{}, Receipts: r.receipts(m, known), Held: r.held(asOf(m), known(m))}
	opening := Balances(r.Entries(asOf(m.Previous()), known(m.Previous())))
	closing := Balances(r.Entries(asOf(m), known(m)))
	for _, currency := range currencies(opening, closing) {
		for _, a := range accounts {
			p := Place{a, currency}
			if opening[p] != 0 || closing[p] != 0 {
				out.Accounts = append(out.Accounts, Line{a, currency, opening[p], closing[p] - opening[p], closing[p]})
			}
		}
	}
	body, err := json.Marshal(out)
	if err != nil {
		panic(fmt.Sprintf("a statement is made of values that can be written: %v", err))
	}
	sum := sha256.Sum256(body)
	out.SHA256 = hex.EncodeToString(sum[:])
	return out
}

func currencies(all ...map[Place]int64) []string {
	var out []string
	for _, b := range all {
		for p := range b {
			out = append(out, p.Currency)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// receipts are the facts of money that belong to a month: those that happened in it and were known when it was closed, and those of earlier months that became
// known after theirs was.
func (r *Record) receipts(m Month, known func(Month) time.Time) []Receipt {
	type key struct {
		day                     calendar.Day
		utc, provider, currency string
	}
	days := map[key]*Receipt{}
	for _, f := range r.cash(known(m)) {
		posted := MonthOf(f.at)
		for posted.before(m) && !f.recorded.Before(known(posted)) {
			posted = posted.Next()
		}
		if posted != m {
			continue
		}
		k := key{calendar.DayOf(f.at), f.at.UTC().Format(time.DateOnly), f.provider, f.currency}
		if days[k] == nil {
			days[k] = &Receipt{Day: k.day, UTCDay: k.utc, Provider: k.provider, Currency: k.currency}
		}
		f.count(days[k])
	}
	out := []Receipt{}
	for _, d := range days {
		out = append(out, *d)
	}
	slices.SortFunc(out, func(a, b Receipt) int {
		return cmp.Or(a.Day.Compare(b.Day), cmp.Compare(a.UTCDay, b.UTCDay), cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Currency, b.Currency))
	})
	return out
}

// held lists what waited at a moment.
func (r *Record) held(asOf, known time.Time) []Held {
	out := []Held{}
	add := func(provider, id, reason string, paid time.Time, left domain.Money) {
		if left.Minor > 0 && !paid.After(asOf) && reason != subscription.HeldTestMode {
			age := calendar.DayOf(paid).DaysUntil(calendar.DayOf(asOf))
			out = append(out, Held{provider, id, left.Currency, left.Minor, reason, paid.UTC(), age})
		}
	}
	for _, u := range r.users {
		for _, p := range fold(before(u.events, known)).Payments() {
			if p.HeldEvent != "" && (p.Event == "" || p.AppliedAt.After(asOf)) {
				add(p.Provider, p.TransactionID, p.HeldReason, p.PaidAt, leftAt(p, asOf))
			}
		}
	}
	for _, s := range r.apart(known) {
		if s.Event == "" {
			continue
		}
		left := s.Held.Amount
		for _, b := range s.Refunds {
			if !b.RefundedAt.After(asOf) {
				left.Minor -= b.Amount.Minor
			}
		}
		add(s.Held.Provider, s.Held.TransactionID, s.Held.Reason, s.Held.PaidAt, left)
	}
	slices.SortFunc(out, func(a, b Held) int {
		return cmp.Or(a.PaidAt.Compare(b.PaidAt), cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.TransactionID, b.TransactionID))
	})
	return out
}

// leftAt is what was left of a payment at a moment.
func leftAt(p subscription.Payment, asOf time.Time) domain.Money {
	left := p.Amount
	for _, b := range p.Refunds {
		if !b.RefundedAt.IsZero() && !b.RefundedAt.After(asOf) {
			left.Minor -= b.Amount.Minor
		}
	}
	for _, b := range p.ChargeBacks {
		if !b.At.After(asOf) {
			left.Minor -= b.Amount.Minor
		}
	}
	for _, b := range p.Returns {
		if !b.At.After(asOf) {
			left.Minor += b.Amount.Minor
		}
	}
	return left
}

func foldHeld(events []user.Recorded) payment.State {
	var s payment.State
	for _, e := range events {
		s = payment.Decider.Evolve(s, e.Data.(payment.Event), e.Meta)
	}
	return s
}

func fold(events []user.Recorded) subscription.State { return user.Fold(events).Subscription }
