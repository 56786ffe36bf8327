package reports

import (
	"time"

	"kelisim/domain/account"
	"kelisim/domain/calendar"
	"kelisim/domain/subscription"
)

// paidWhileBlocked lists what a block cost the user: money that came in while the cabinet was blocked, and the days of paid use that a
// block took (T-3.8, decision 13: time runs while blocked, and an officer may grant days back).
//
// A day is lost if any of its paid time was blocked. A row of kind payment is one payment; one of kind days is one block.
var paidWhileBlocked = Report{
	Name: "paid-while-blocked", By: "blocked_since", Keeps: []string{"account.unblocked"},
	Codes: map[string][]string{"kind": {"payment", "days"}, "status": payments},
	Columns: []Column{
		{"kind", Text}, {"user_id", Text}, {"blocked_since", Moment}, {"blocked_until", Moment}, {"provider", Text}, {"transaction_id", Text},
		{"order_id", Text}, {"paid_at", Moment}, {"amount", Sum}, {"status", Text}, {"days_lost", Number}, {"days_granted", Number}, {"event_id", Text},
	},
	Make: func(f *Facts) (rows []Row) {
		for _, p := range f.present() {
			covered := p.State.Subscription.Coverage(f.AsOf)
			for _, b := range p.State.Account.Blocks {
				if !f.happened(b.Since) {
					continue
				}
				for _, m := range p.State.Subscription.Payments() {
					if f.happened(m.PaidAt) && b.At(m.PaidAt) {
						rows = append(rows, Row{
							"payment", string(p.ID), b.Since, b.Until, m.Provider, m.TransactionID, m.OrderID, m.PaidAt, m.Amount, m.Status(), nil, nil, b.Began,
						})
					}
				}
				until := b.Until
				if until.IsZero() || until.After(f.AsOf) {
					until = f.AsOf
				}
				if lost := paidDays(covered, b.Since, until); lost > 0 {
					ended, _ := p.entry(b.Ended).Data.(account.Unblocked)
					granted := 0
					if f.happened(b.Until) {
						granted = ended.CompensateDays
					}
					rows = append(rows, Row{"days", string(p.ID), b.Since, b.Until, nil, nil, nil, nil, nil, nil, lost, granted, b.Began})
				}
			}
		}
		return rows
	},
}

// paidDays counts the days of Astana that have paid time in them between two moments.
func paidDays(covered []subscription.Stretch, from, until time.Time) (n int) {
	last := calendar.Day{} // counted
	for _, s := range covered {
		if s.Reason != subscription.ReasonPaid {
			continue
		}
		begin, end := s.From, s.Until
		if begin.Before(from) {
			begin = from
		}
		if end.After(until) {
			end = until
		}
		if !begin.Before(end) {
			continue
		}
		for d := calendar.DayOf(begin); d.Start().Before(end); d = d.AddDays(1) {
			if d.After(last) {
				n, last = n+1, d
			}
		}
	}
	return n
}
