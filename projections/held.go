package projections

import (
	"context"
	"strings"
	"time"

	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/payment"
	"kelisim/domain/subscription"
)

// held is the money that came and could not be applied, until it is applied or has gone back.
var held = Projection{
	Name: "held", Version: 1, Tables: []string{"money"},
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
	refund      INTEGER NOT NULL, -- 1: it is on its way back
	PRIMARY KEY (provider, transaction_id, user)
) STRICT, WITHOUT ROWID;`,
	Apply: func(ctx context.Context, t Tables, e journal.Event) error {
		user, provider, transaction := "", "", ""
		if id, ok := domain.Stream(e.Stream).User(); ok {
			user = string(id)
		}
		add := func(provider, transaction, order string, amount domain.Money, reason string, paid time.Time) error {
			return t.Exec(ctx, `INSERT OR REPLACE INTO @_money (provider, transaction_id, user, order_id, minor, currency, reason, paid, since, refund)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)`,
				provider, transaction, user, order, amount.Minor, amount.Currency, reason, paid.UnixMicro(), e.OccurredAt.UnixMicro())
		}
		change := `DELETE FROM @_money WHERE provider = ? AND transaction_id = ? AND user = ?`
		switch v := e.Data.(type) {
		case subscription.PaymentHeld:
			return add(v.Provider, v.TransactionID, v.OrderID, v.Amount, v.Reason, v.PaidAt)
		case payment.Held:
			return add(v.Provider, v.TransactionID, "", v.Amount, v.Reason, v.PaidAt)
		case subscription.PaymentApplied:
			provider, transaction = v.Provider, v.TransactionID
		case subscription.RefundRequested:
			provider, transaction = v.Provider, v.TransactionID
			change = `UPDATE @_money SET refund = 1 WHERE provider = ? AND transaction_id = ? AND user = ?`
		case subscription.RefundCompleted:
			provider, transaction = v.Provider, v.TransactionID
		case payment.Applied, payment.Refunded, payment.RefundRequested:
			provider, transaction = paymentOf(e.Stream)
			if _, asked := v.(payment.RefundRequested); asked {
				change = `UPDATE @_money SET refund = 1 WHERE provider = ? AND transaction_id = ? AND user = ?`
			}
		default:
			return nil
		}
		return t.Exec(ctx, change, provider, transaction, user)
	},
}

// Held is money that waits for an officer.
type Held struct {
	Provider      string       `json:"provider"`
	TransactionID string       `json:"transaction_id"`
	UserID        string       `json:"user_id,omitempty"`
	OrderID       string       `json:"order_id,omitempty"`
	Amount        domain.Money `json:"amount"`
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
	}, `SELECT provider, transaction_id, user, order_id, minor, currency, reason, paid, since, refund FROM @_money ORDER BY since, provider, transaction_id, user`)
	return out, err
}

// paymentOf is what the stream of a payment is named after. A provider's name may hold hyphens, a transaction's id of one that has such a
// stream does not.
func paymentOf(stream string) (provider, transaction string) {
	id := domain.Stream(stream).ID()
	i := strings.LastIndexByte(id, '-')
	return id[:max(i, 0)], id[i+1:]
}
