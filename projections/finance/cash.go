package finance

import (
	"strings"
	"time"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/payment"
	"kelisim/domain/reconciliation"
	"kelisim/domain/subscription"
)

// moved is money that moved at a processor, once, with when it was recorded first.
type moved struct {
	recorded, at       time.Time
	provider, currency string
	count              func(*Receipt)
}

type transaction struct{ provider, id string }

// cash is all real money that moved, as it was known before a moment.
func (r *Record) cash(known time.Time) []moved {
	c := counting{money: map[transaction]string{}, test: map[transaction]bool{}}
	for _, m := range r.payments { // money that was applied from a stream of its own came when it came there
		c.held(m, known)
	}
	for _, u := range r.users {
		c.user(u, known)
	}
	for _, e := range before(r.settled, known) {
		s := e.Data.(reconciliation.Settled)
		for _, p := range s.Payouts {
			c.add(e.RecordedAt, p.At, s.Provider, p.Amount.Currency, func(d *Receipt) { d.PaidOut, d.Fees = d.PaidOut+p.Payout.Minor, d.Fees+p.Fee.Minor })
		}
	}
	return c.out
}

type counting struct {
	money map[transaction]string // the currency of money that came
	test  map[transaction]bool
	out   []moved
}

func (c *counting) add(recorded, at time.Time, provider, currency string, count func(*Receipt)) {
	c.out = append(c.out, moved{recorded, at, provider, currency, count})
}

func (c *counting) came(recorded, at time.Time, of transaction, amount domain.Money) {
	if _, before := c.money[of]; !before {
		c.money[of] = amount.Currency
		c.add(recorded, at, of.provider, amount.Currency, func(d *Receipt) { d.Payments, d.Received = d.Payments+1, d.Received+amount.Minor })
	}
}

// currency is the payment's, where that is known: a refund's notification names none.
func (c *counting) currency(of transaction, told string) string {
	if known := c.money[of]; known != "" {
		return known
	}
	return told
}

func (c *counting) held(m *stream, known time.Time) {
	events := before(m.events, known)
	name := strings.TrimPrefix(m.name, "payment-")
	i := strings.LastIndexByte(name, '-')
	of := transaction{name[:max(i, 0)], name[i+1:]}
	for _, e := range events {
		if h, ok := e.Data.(payment.Held); ok {
			if h.Reason == subscription.HeldTestMode {
				c.test[of] = true
				return
			}
			c.came(e.RecordedAt, h.PaidAt, of, h.Amount)
		}
	}
	for _, e := range events {
		if b, ok := e.Data.(payment.Refunded); ok {
			c.add(e.RecordedAt, b.RefundedAt, of.provider, c.currency(of, b.Amount.Currency), func(d *Receipt) { d.Refunded += b.Amount.Minor })
		}
	}
}

func (c *counting) user(u *stream, known time.Time) {
	events := before(u.events, known)
	voided := map[string]bool{}
	for _, e := range events {
		switch v := e.Data.(type) {
		case account.EntryVoided:
			voided[v.EventID] = true
		case subscription.PaymentHeld:
			if v.Reason == subscription.HeldTestMode {
				c.test[transaction{v.Provider, v.TransactionID}] = true
			}
		}
	}
	for pass := range 2 { // money first: a refund may be known before it
		for _, e := range events {
			of, ok := transactionOf(e.Data)
			if !ok || c.test[of] || voided[e.ID.String()] {
				continue
			}
			switch v := e.Data.(type) {
			case subscription.PaymentCompleted:
				c.came(e.RecordedAt, v.PaidAt, of, v.Amount)
			case subscription.PaymentHeld:
				c.came(e.RecordedAt, v.PaidAt, of, v.Amount)
			case subscription.PaymentApplied:
				c.came(e.RecordedAt, v.PaidAt, of, v.Amount)
			case subscription.RefundCompleted:
				if pass == 1 {
					c.add(e.RecordedAt, v.RefundedAt, of.provider, c.currency(of, v.Amount.Currency), func(d *Receipt) {
						if v.Transaction == "" {
							d.Elsewhere += v.Amount.Minor
						} else {
							d.Refunded += v.Amount.Minor
						}
					})
				}
			case subscription.ChargedBack:
				if pass == 1 {
					c.add(e.RecordedAt, v.ChargedBackAt, of.provider, v.Amount.Currency, func(d *Receipt) { d.ChargedBack += v.Amount.Minor })
				}
			case subscription.ChargeBackReturned:
				if pass == 1 {
					c.add(e.RecordedAt, v.ReturnedAt, of.provider, v.Amount.Currency, func(d *Receipt) { d.ChargedBack -= v.Amount.Minor })
				}
			}
		}
	}
}

func transactionOf(data any) (transaction, bool) {
	switch v := data.(type) {
	case subscription.PaymentCompleted:
		return transaction{v.Provider, v.TransactionID}, true
	case subscription.PaymentHeld:
		return transaction{v.Provider, v.TransactionID}, true
	case subscription.PaymentApplied:
		return transaction{v.Provider, v.TransactionID}, true
	case subscription.RefundCompleted:
		return transaction{v.Provider, v.TransactionID}, true
	case subscription.ChargedBack:
		return transaction{v.Provider, v.TransactionID}, true
	case subscription.ChargeBackReturned:
		return transaction{v.Provider, v.TransactionID}, true
	}
	return transaction{}, false
}
