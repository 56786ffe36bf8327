package reports

import (
	"slices"

	"kelisim/domain"
	"kelisim/domain/payment"
	"kelisim/domain/subscription"
)

// heldMoney lists the money that came and was neither applied nor given back (decision 14).
var heldMoney = Report{
	Name: "held-money", By: "held_since",
	Codes: map[string][]string{"reason": heldReasons},
	Columns: []Column{
		{"provider", Text}, {"transaction_id", Text}, {"user_id", Text}, {"order_id", Text}, {"amount", Sum}, {"reason", Text}, {"paid_at", Moment},
		{"held_since", Moment}, {"refund_requested", Flag}, {"event_id", Text},
	},
	Make: func(f *Facts) (rows []Row) {
		for _, p := range f.Users {
			for _, m := range p.State.Subscription.Payments() {
				applied := m.Event != "" && (m.AppliedAt.IsZero() || f.happened(m.AppliedAt))
				left := f.left(m)
				if m.HeldEvent == "" || !f.happened(m.HeldAt) || applied || left.Minor <= 0 {
					continue
				}
				rows = append(rows, Row{
					m.Provider, m.TransactionID, string(p.ID), m.NamedOrder, left, m.HeldReason, m.PaidAt, m.HeldAt,
					slices.ContainsFunc(m.Refunds, f.waits), m.HeldEvent,
				})
			}
		}
		for _, m := range f.Payments {
			if m.Event == "" || !f.happened(m.HeldAt) || f.happened(m.AppliedAt) {
				continue
			}
			left := m.Held.Amount
			for _, r := range m.Refunds {
				if f.happened(r.RefundedAt) {
					left.Minor -= r.Amount.Minor
				}
			}
			if left.Minor <= 0 {
				continue
			}
			rows = append(rows, Row{
				m.Provider, m.Transaction, "", "", left, m.Held.Reason, m.Held.PaidAt, m.HeldAt, m.Asked != nil && !f.answered(m), m.Event,
			})
		}
		return rows
	},
}

// left is what had not gone back of a payment by the moment as of which the paper speaks.
func (f *Facts) left(m subscription.Payment) domain.Money {
	left := m.Amount
	for _, r := range m.Refunds {
		if f.happened(r.RefundedAt) {
			left.Minor -= r.Amount.Minor
		}
	}
	for _, b := range m.ChargeBacks {
		if f.happened(b.At) {
			left.Minor -= b.Amount.Minor
		}
	}
	for _, b := range m.Returns {
		if f.happened(b.At) {
			left.Minor += b.Amount.Minor
		}
	}
	return left
}

// waits tells whether a refund was on its way.
func (f *Facts) waits(r subscription.Refund) bool {
	return f.happened(r.RequestedAt) && !f.happened(r.RefundedAt) && !f.happened(r.RefusedAt)
}

// answered tells whether the refund that was asked for last had been made.
func (f *Facts) answered(m *Payment) bool {
	return slices.ContainsFunc(m.Refunds, func(r payment.Refunded) bool { return r.RefundID == m.Asked.RefundID && f.happened(r.RefundedAt) })
}
