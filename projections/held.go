package projections

import (
	"context"
	"errors"
	"strings"
	"time"

	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/payment"
	"kelisim/domain/subscription"
)

// held is the money that came and could not be applied, until it is applied or all of it has gone back; and the refunds that
// are asked for and neither made nor refused. A refund may be known before its payment, so both are kept from the first word on.
var held = Projection{
	Name: "held", Version: 3, Tables: []string{"money", "refunds"},
	Schema: `
CREATE TABLE @_money (
	provider    TEXT    NOT NULL,
	transaction_id TEXT NOT NULL,
	user        TEXT    NOT NULL, -- empty where no user is known
	order_id    TEXT    NOT NULL,
	minor       INTEGER NOT NULL,
	currency    TEXT    NOT NULL,
	reason      TEXT    NOT NULL,
	paid        INTEGER NOT NULL, -- microseconds since 1970, UTC
	since       INTEGER NOT NULL,
	waits       INTEGER NOT NULL, -- 1: it is held and not applied
	back        INTEGER NOT NULL, -- minor units that went back or were taken back and not returned
	PRIMARY KEY (provider, transaction_id, user)
) STRICT, WITHOUT ROWID;
CREATE INDEX @_money_waits ON @_money (since) WHERE waits = 1;
CREATE TABLE @_refunds (
	provider    TEXT    NOT NULL,
	transaction_id TEXT NOT NULL, -- of the payment
	user        TEXT    NOT NULL, -- empty where no user is known
	refund_id   TEXT    NOT NULL,
	minor       INTEGER NOT NULL,
	currency    TEXT    NOT NULL,
	requested   INTEGER NOT NULL,
	sent        INTEGER NOT NULL, -- 0: the processor was not asked
	PRIMARY KEY (provider, transaction_id, user, refund_id)
) STRICT, WITHOUT ROWID;`,
	Apply: func(ctx context.Context, t Tables, e journal.Event) error {
		m := moneyEvent{ctx: ctx, t: t, e: e}
		if id, ok := domain.Stream(e.Stream).User(); ok {
			m.user = string(id)
		}
		switch v := e.Data.(type) {
		case subscription.PaymentHeld:
			return m.of(v.Provider, v.TransactionID).holds(v.OrderID, v.Amount, v.Reason, v.PaidAt)
		case subscription.PaymentApplied:
			return m.of(v.Provider, v.TransactionID).applied()
		case subscription.RefundRequested:
			return m.of(v.Provider, v.TransactionID).asked(v.RefundID, v.Amount)
		case subscription.RefundSent:
			return m.of(v.Provider, v.TransactionID).sent(v.RefundID, v.AskedAt)
		case subscription.RefundRefused:
			return m.of(v.Provider, v.TransactionID).answered(v.RefundID)
		case subscription.RefundCompleted:
			m = m.of(v.Provider, v.TransactionID)
			return errors.Join(m.answered(v.RefundID), m.back(v.Amount.Minor))
		case subscription.ChargedBack:
			return m.of(v.Provider, v.TransactionID).back(v.Amount.Minor)
		case subscription.ChargeBackReturned:
			return m.of(v.Provider, v.TransactionID).back(-v.Amount.Minor)
		case payment.Held:
			return m.of(v.Provider, v.TransactionID).holds("", v.Amount, v.Reason, v.PaidAt)
		case payment.Applied:
			return m.of(paymentOf(e.Stream)).applied()
		case payment.RefundRequested:
			return m.of(paymentOf(e.Stream)).asked(v.RefundID, v.Amount)
		case payment.RefundSent:
			return m.of(paymentOf(e.Stream)).sent(v.RefundID, v.AskedAt)
		case payment.RefundRefused:
			return m.of(paymentOf(e.Stream)).answered(v.RefundID)
		case payment.Refunded:
			m = m.of(paymentOf(e.Stream))
			return errors.Join(m.answered(v.RefundID), m.back(v.Amount.Minor))
		}
		return nil
	},
}

// moneyEvent is one event about one transaction.
type moneyEvent struct {
	ctx                         context.Context
	t                           Tables
	e                           journal.Event
	user, provider, transaction string
}

func (m moneyEvent) of(provider, transaction string) moneyEvent {
	m.provider, m.transaction = provider, transaction
	return m
}

// exec runs a statement whose last three parameters are the transaction's.
func (m moneyEvent) exec(query string, args ...any) error {
	return m.t.Exec(m.ctx, query, append(args, m.provider, m.transaction, m.user)...)
}

func (m moneyEvent) holds(order string, amount domain.Money, reason string, paid time.Time) error {
	return m.exec(`INSERT INTO @_money (order_id, minor, currency, reason, paid, since, waits, back, provider, transaction_id, user)
		VALUES (?, ?, ?, ?, ?, ?, 1, 0, ?, ?, ?)
		ON CONFLICT DO UPDATE SET order_id = excluded.order_id, minor = excluded.minor, currency = excluded.currency, reason = excluded.reason,
			paid = excluded.paid, since = excluded.since, waits = 1`,
		order, amount.Minor, amount.Currency, reason, paid.UnixMicro(), m.e.OccurredAt.UnixMicro())
}

func (m moneyEvent) applied() error {
	return m.exec(`UPDATE @_money SET waits = 0 WHERE provider = ? AND transaction_id = ? AND user = ?`)
}

func (m moneyEvent) back(minor int64) error {
	return m.exec(`INSERT INTO @_money (back, order_id, minor, currency, reason, paid, since, waits, provider, transaction_id, user)
		VALUES (?, '', 0, '', '', 0, 0, 0, ?, ?, ?)
		ON CONFLICT DO UPDATE SET back = back + excluded.back`, minor)
}

func (m moneyEvent) asked(id string, amount domain.Money) error {
	return m.exec(`INSERT OR REPLACE INTO @_refunds (refund_id, minor, currency, requested, sent, provider, transaction_id, user)
		VALUES (?, ?, ?, ?, 0, ?, ?, ?)`, id, amount.Minor, amount.Currency, m.e.OccurredAt.UnixMicro())
}

func (m moneyEvent) sent(id string, at time.Time) error {
	return m.exec(`UPDATE @_refunds SET sent = ? WHERE refund_id = ? AND provider = ? AND transaction_id = ? AND user = ?`, at.UnixMicro(), id)
}

func (m moneyEvent) answered(id string) error {
	return m.exec(`DELETE FROM @_refunds WHERE refund_id = ? AND provider = ? AND transaction_id = ? AND user = ?`, id)
}

// WaitingRefund is a refund that is asked for and neither made nor refused.
type WaitingRefund struct {
	Provider      string
	TransactionID string        // of the payment
	UserID        domain.UserID // "" where the money is in a stream of its own
	RefundID      string
	Amount        domain.Money
	RequestedAt   time.Time
	SentAt        time.Time // zero: the processor was not asked
}

// WaitingRefunds lists what is to go back, the oldest request first.
func (r *Runner) WaitingRefunds(ctx context.Context) ([]WaitingRefund, error) {
	t, err := r.tables("held")
	if err != nil {
		return nil, err
	}
	var out []WaitingRefund
	err = t.each(ctx, func(scan func(...any) error) error {
		var w WaitingRefund
		var requested, sent int64
		if err := scan(&w.Provider, &w.TransactionID, &w.UserID, &w.RefundID, &w.Amount.Minor, &w.Amount.Currency, &requested, &sent); err != nil {
			return err
		}
		w.RequestedAt = time.UnixMicro(requested).UTC()
		if sent != 0 {
			w.SentAt = time.UnixMicro(sent).UTC()
		}
		out = append(out, w)
		return nil
	}, `SELECT provider, transaction_id, user, refund_id, minor, currency, requested, sent FROM @_refunds ORDER BY requested, refund_id`)
	return out, err
}

// Held is money that waits for an officer.
type Held struct {
	Provider      string       `json:"provider"`
	TransactionID string       `json:"transaction_id"`
	UserID        string       `json:"user_id,omitempty"`
	OrderID       string       `json:"order_id,omitempty"`
	Amount        domain.Money `json:"amount"` // what is left of it
	Reason        string       `json:"reason"`
	PaidAt        time.Time    `json:"paid_at"`
	Since         time.Time    `json:"since"`
	// RefundRequested: it is on its way back.
	RefundRequested bool `json:"refund_requested"`
}

// HeldMoney lists what is held, the oldest first.
func (r *Runner) HeldMoney(ctx context.Context) ([]Held, error) {
	t, err := r.tables("held")
	if err != nil {
		return nil, err
	}
	out := []Held{}
	err = t.each(ctx, func(scan func(...any) error) error {
		var h Held
		var paid, since int64
		if err := scan(&h.Provider, &h.TransactionID, &h.UserID, &h.OrderID, &h.Amount.Minor, &h.Amount.Currency, &h.Reason, &paid, &since, &h.RefundRequested); err != nil {
			return err
		}
		h.PaidAt, h.Since = time.UnixMicro(paid).UTC(), time.UnixMicro(since).UTC()
		out = append(out, h)
		return nil
	}, `SELECT provider, transaction_id, user, order_id, minor - back, currency, reason, paid, since,
		EXISTS (SELECT 1 FROM @_refunds r WHERE r.provider = m.provider AND r.transaction_id = m.transaction_id AND r.user = m.user)
		FROM @_money m WHERE waits = 1 AND back < minor ORDER BY since, provider, transaction_id, user`)
	return out, err
}

// paymentOf is what the stream of a payment is named after. A provider's name may hold hyphens, a transaction's id of one that has such a
// stream does not.
func paymentOf(stream string) (provider, transaction string) {
	id := domain.Stream(stream).ID()
	i := strings.LastIndexByte(id, '-')
	return id[:max(i, 0)], id[i+1:]
}
