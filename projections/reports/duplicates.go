package reports

import (
	"slices"

	"kelisim/domain/subscription"
)

// duplicates lists the payments that came for an order that another payment had paid: which that was, and what became of the second one
// (decision 14). Two payments that are equal but for their orders are two purchases, and not here.
var duplicates = Report{
	Name: "duplicates", By: "paid_at",
	Codes: map[string][]string{"status": {"held", "applied", "refunded", "refund-requested"}},
	Columns: []Column{
		{"user_id", Text}, {"order_id", Text}, {"provider", Text}, {"transaction_id", Text}, {"amount", Sum}, {"paid_at", Moment}, {"first_transaction_id", Text},
		{"status", Text}, {"event_id", Text},
	},
	Make: func(f *Facts) (rows []Row) {
		for _, p := range f.Users {
			payments := p.State.Subscription.Payments()
			for _, m := range payments {
				if m.HeldReason != subscription.HeldDuplicate || !f.happened(m.HeldAt) {
					continue
				}
				first := ""
				if i := slices.IndexFunc(payments, func(o subscription.Payment) bool {
					return o.Event != "" && o.OrderID == m.NamedOrder && o.TransactionID != m.TransactionID
				}); i >= 0 {
					first = payments[i].TransactionID
				}
				status := "held"
				switch {
				case m.Event != "" && f.happened(m.AppliedAt):
					status = "applied"
				case f.left(m).Minor <= 0:
					status = "refunded"
				case slices.ContainsFunc(m.Refunds, f.waits):
					status = "refund-requested"
				}
				rows = append(rows, Row{string(p.ID), m.NamedOrder, m.Provider, m.TransactionID, m.Amount, m.PaidAt, first, status, m.HeldEvent})
			}
		}
		return rows
	},
}
