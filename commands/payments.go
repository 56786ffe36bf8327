package commands

import (
	"context"

	"github.com/google/uuid"

	"kelisim/commands/cloudpayments"
	"kelisim/domain"
	"kelisim/domain/event"
	"kelisim/domain/payment"
	"kelisim/domain/subscription"
	"kelisim/domain/user"
)

// Provider is the card processor's name in the ledger.
const Provider = "cloudpayments"

// Money is how the ledger takes the card processor's notifications.
type Money struct {
	*Service
	// Test: test money is taken for real. In production it is recorded and held.
	Test bool
}

// Notified answers one notification, which was signed. A check is decided from one read and records nothing. Every other kind is recorded
// before it is answered; what was recorded before is answered again, and writes nothing. Money is judged at the processor's
// time, whenever it is delivered (T-2.1), and is never lost: what fits no order of a user is held in a stream of its own.
func (m Money) Notified(ctx context.Context, n cloudpayments.Notification) (cloudpayments.Code, error) {
	order, found, err := m.order(ctx, n.InvoiceID)
	if err != nil {
		return cloudpayments.NotAccepted, err
	}
	switch {
	case n.Kind == cloudpayments.Check:
		return m.check(n, order, found), nil
	case n.TakesMoney():
		err = m.pay(ctx, n, order, found)
	case n.Kind == cloudpayments.Fail && found.known:
		err = m.decline(ctx, n, order, found)
	case n.Kind == cloudpayments.Refund:
		err = m.refund(ctx, n, order, found)
	default:
		err = m.note(ctx, n)
	}
	if domain.Code(err) == "idempotency-key-reused" || domain.Code(err) == "transaction-conflict" {
		// The same transaction with other content, or another user's: the first one stands, and what came now is noted beside it.
		if m.Log != nil {
			m.Log.Warn("a notification contradicts an earlier one", "notification", n.Key())
		}
		err = m.noteAs(ctx, n, "conflict:"+m.Vault.Fingerprint(n.Canonical()))
	}
	return cloudpayments.Accepted, err
}

// invoiced is whose order an invoice is.
type invoiced struct {
	known bool
	user  domain.UserID
	state user.State
}

func (m Money) order(ctx context.Context, invoice string) (subscription.Order, invoiced, error) {
	id, err := user.InvoiceUser(invoice)
	if err != nil {
		return subscription.Order{}, invoiced{}, nil
	}
	snap, err := m.Snapshot(ctx, id, Known{})
	if domain.Code(err) == "user-not-found" {
		return subscription.Order{}, invoiced{}, nil
	}
	if err != nil {
		return subscription.Order{}, invoiced{}, err
	}
	o, ok := snap.State.Subscription.OrderByInvoice(invoice)
	return o, invoiced{ok, id, snap.State}, nil
}

func (m Money) check(n cloudpayments.Notification, o subscription.Order, found invoiced) cloudpayments.Code {
	facts := cloudpayments.CheckFacts{Asked: n, Production: !m.Test}
	if found.known {
		_, paid := found.state.Subscription.PaidBy(o.OrderID)
		facts.Order = &cloudpayments.CheckOrder{AccountID: o.AccountID, Price: o.Price, ExpiresAt: o.ExpiresAt, Paid: paid}
		_, facts.Blocked = found.state.Account.BlockedAt(n.DateTime)
	}
	return cloudpayments.CheckAnswer(facts)
}

func (m Money) pay(ctx context.Context, n cloudpayments.Notification, o subscription.Order, found invoiced) error {
	test := n.TestMode == nil || *n.TestMode
	held, err := m.load(ctx, Payment.stream(Provider+"-"+n.TransactionID), Payment)
	if err != nil {
		return err
	}
	if !found.known || held.state.(payment.State).Event != "" {
		reason := subscription.HeldUnknownOrder
		if test && !m.Test {
			reason = subscription.HeldTestMode
		}
		return m.say(ctx, n, "hold-payment", Provider+"-"+n.TransactionID, &payment.Hold{Held: payment.Held{
			Provider: Provider, TransactionID: n.TransactionID, InvoiceID: n.InvoiceID, AccountID: n.AccountID, PaidAt: n.DateTime, Amount: n.Amount, Reason: reason,
		}})
	}
	return m.say(ctx, n, "record-payment", string(found.user), &user.RecordPayment{
		OrderID: o.OrderID, Provider: Provider, TransactionID: n.TransactionID, PaidAt: n.DateTime, Amount: n.Amount,
		TestMode: test && !m.Test, OtherAccount: n.AccountID != o.AccountID,
	})
}

func (m Money) decline(ctx context.Context, n cloudpayments.Notification, o subscription.Order, found invoiced) error {
	code := n.ReasonCode
	if code == "" {
		code = "unknown"
	}
	return m.say(ctx, n, "decline-payment", string(found.user), &subscription.DeclinePayment{
		OrderID: o.OrderID, Provider: Provider, TransactionID: n.TransactionID, DeclinedAt: n.DateTime, Amount: n.Amount, ReasonCode: code,
	})
}

// refund records what went back in the stream that holds the payment, or will: a refund may come before its payment.
func (m Money) refund(ctx context.Context, n cloudpayments.Notification, o subscription.Order, found invoiced) error {
	name := Provider + "-" + n.PaymentTransactionID
	held, err := m.load(ctx, Payment.stream(name), Payment)
	if err != nil {
		return err
	}
	st := held.state.(payment.State)
	if found.known && st.Event == "" {
		return m.say(ctx, n, "record-refund", string(found.user), &subscription.RecordRefund{
			Provider: Provider, TransactionID: n.PaymentTransactionID, Transaction: n.TransactionID, Amount: n.AmountIn(o.Price.Currency), RefundedAt: n.DateTime,
		})
	}
	if st.IsApplied {
		return m.say(ctx, n, "record-refund", string(st.Applied.UserID), &subscription.RecordRefund{
			Provider: Provider, TransactionID: n.PaymentTransactionID, Transaction: n.TransactionID, Amount: n.AmountIn(st.Held.Amount.Currency), RefundedAt: n.DateTime,
		})
	}
	currency := st.Held.Amount.Currency
	if currency == "" {
		currency = "KZT"
	}
	return m.say(ctx, n, "record-held-refund", name, &payment.RecordRefund{Refunded: payment.Refunded{
		Transaction: n.TransactionID, Amount: n.AmountIn(currency), RefundedAt: n.DateTime,
	}})
}

// note records what decides nothing: a hold on a card, a payment that was given up, a subscription that the processor debits.
func (m Money) note(ctx context.Context, n cloudpayments.Notification) error {
	return m.noteAs(ctx, n, n.Key())
}

func (m Money) noteAs(ctx context.Context, n cloudpayments.Notification, key string) error {
	id := n.TransactionID
	if id == "" {
		id = n.Subscription
	}
	noted := payment.Noted{
		Provider: Provider, Kind: string(n.Kind), TransactionID: n.TransactionID, InvoiceID: n.InvoiceID, Status: n.Status, ReasonCode: n.ReasonCode,
		Amount: n.AmountIn("KZT"),
	}
	if !n.DateTime.IsZero() {
		noted.At = &n.DateTime
	}
	return m.sayAs(ctx, n, key, "note-payment", Provider+"-"+id, &payment.Note{Noted: noted})
}

// said is the root of the ids of what notifications say: each is a wish of its own, by its kind and transaction.
var said = uuid.MustParse("9d0f4b0a-6f3e-5d0c-9a51-2f6f0f0b7c11")

// say records what a notification says, once. It occurred when the ledger heard of it: the processor's time stands in the event.
func (m Money) say(ctx context.Context, n cloudpayments.Notification, command, subject string, body any) error {
	return m.sayAs(ctx, n, n.Key(), command, subject, body)
}

func (m Money) sayAs(ctx context.Context, n cloudpayments.Notification, key, command, subject string, body any) error {
	_, err := m.do(ctx, Wish{
		Command: command, Subject: subject, Body: body, Actor: event.Actor{Kind: "provider", ID: Provider},
		ID: uuid.NewSHA1(said, []byte(key)), Fingerprinted: n.Canonical(),
	})
	return err
}

// ApplyHeld gives held money to a user's order. The money may be held in the user's own stream or in one of its own; the user's is
// written first, and applying again completes the other.
func (s *Service) ApplyHeld(ctx context.Context, w Wish, id domain.UserID, a subscription.ApplyPayment) (Done, error) {
	held, err := s.load(ctx, Payment.stream(a.Provider+"-"+a.TransactionID), Payment)
	if err != nil {
		return Done{}, err
	}
	st := held.state.(payment.State)
	if st.Event != "" {
		if !st.Waiting() && (!st.IsApplied || st.Applied.UserID != id || st.Applied.OrderID != a.OrderID) || st.Asked != nil {
			return Done{}, domain.Refuse(domain.Conflict, "payment-applied", "this money was applied, or is on its way back")
		}
		a.PaidAt, a.Amount = st.Held.PaidAt, st.Held.Amount
	}
	w.Command, w.Subject, w.Body = "apply-payment", string(id), &a
	done, err := s.do(ctx, w)
	if err != nil || st.Event == "" || st.IsApplied {
		return done, err
	}
	_, err = s.do(ctx, Wish{
		Command: "mark-payment-applied", Subject: a.Provider + "-" + a.TransactionID, Body: &payment.Apply{UserID: id, OrderID: a.OrderID}, Actor: w.Actor,
	})
	return done, err
}

// RefundHeld asks for held money to go back: of the user's stream if the user is named, else of the payment's own.
func (s *Service) RefundHeld(ctx context.Context, w Wish, id domain.UserID, provider, transaction string, reason domain.Personal) (Done, error) {
	if id == "" {
		w.Command, w.Subject, w.Body = "refund-held-payment", provider+"-"+transaction, &payment.RequestRefund{Reason: reason}
		return s.do(ctx, w)
	}
	snap, err := s.Snapshot(ctx, id, Known{})
	if err != nil {
		return Done{}, err
	}
	p, ok := snap.State.Subscription.Payment(provider, transaction)
	if !ok || p.Status() != subscription.StatusHeld {
		return Done{}, domain.Refuse(domain.NotFound, "payment-not-found", "no such payment is held")
	}
	w.Command, w.Subject, w.Body = "refund", string(id), &subscription.RequestRefund{Provider: provider, TransactionID: transaction, Amount: p.Amount, Reason: reason}
	return s.do(ctx, w)
}
