package commands

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"kelisim/commands/cloudpayments"
	"kelisim/commands/journal"
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

	// from tells where a notification comes from that the processor did not send: what the register says is a wish of its own, so that the
	// notification of the same may come yet.
	from string
}

// Notified answers one notification, which was signed. A check is decided from one read and records nothing. Every other kind is recorded
// before it is answered; what was recorded before is answered again, and writes nothing. Money is judged at the processor's
// time, whenever it is delivered (T-2.1), and is never lost: what fits no order of a user is held in a stream of its own, and what cannot
// stand beside what was said before is recorded as a contradiction. Any order and any repetition of the same notifications ends in the same
// coverage and balances (TestAnyOrderOfNotifications).
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
	if code := refusedAs(err); code != "" {
		err = m.contradict(ctx, n, code)
	}
	return cloudpayments.Accepted, err
}

// refusedAs is the rule that stands against what a notification says, for good; "" where there is none. The money has moved
// all the same, so that asking again would help nobody.
func refusedAs(err error) string {
	var refusal *domain.Error
	switch {
	case errors.Is(err, journal.ErrDuplicateID): // the same transaction in another user's stream
		return "transaction-conflict"
	case !errors.As(err, &refusal) || refusal.Kind == domain.Unavailable:
		return ""
	case refusal.Code == "idempotency-key-reused": // the same notification with other content
		return "transaction-conflict"
	}
	return refusal.Code
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
	// The stream as it stands, and not a settled moment of it: an order is paid within seconds of "Buy".
	loaded, err := m.load(ctx, User.stream(string(id)), User)
	if err != nil {
		return subscription.Order{}, invoiced{}, err
	}
	state := loaded.state.(user.State)
	o, ok := state.Subscription.OrderByInvoice(invoice)
	return o, invoiced{ok, id, state}, nil
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
	return m.say(ctx, n, "note-payment", Provider+"-"+id, &payment.Note{Noted: noted})
}

// contradict records what cannot stand beside what is recorded.
func (m Money) contradict(ctx context.Context, n cloudpayments.Notification, code string) error {
	if m.Log != nil {
		m.Log.Warn("a notification cannot stand beside what is recorded", "notification", n.Key(), "code", code)
	}
	c := payment.Contradicted{
		Provider: Provider, Kind: string(n.Kind), TransactionID: n.TransactionID, InvoiceID: n.InvoiceID, Amount: n.AmountIn("KZT"), Code: code,
	}
	if !n.DateTime.IsZero() {
		c.At = &n.DateTime
	}
	id := n.TransactionID
	if id == "" {
		id = n.Subscription
	}
	return m.sayAs(ctx, n, "contradiction:"+m.Vault.Fingerprint(n.Canonical()), "contradict-payment", Provider+"-"+id, &payment.Contradict{Contradicted: c})
}

// said is the root of the ids of what notifications say: each is a wish of its own, by its kind and transaction.
var said = uuid.MustParse("9d0f4b0a-6f3e-5d0c-9a51-2f6f0f0b7c11")

// say records what a notification says, once. It occurred when the ledger heard of it: the processor's time stands in the event.
func (m Money) say(ctx context.Context, n cloudpayments.Notification, command, subject string, body any) error {
	return m.sayAs(ctx, n, m.from+n.Key(), command, subject, body)
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
		switch {
		case st.IsApplied && st.Applied != payment.Applied{UserID: id, OrderID: a.OrderID}:
			return Done{}, appliedAlready()
		case st.IsApplied:
		case len(st.Refunds) > 0:
			return Done{}, domain.Refuse(domain.Conflict, "payment-refunded", "money of this payment has gone back")
		case st.Asked != nil:
			return Done{}, domain.Refuse(domain.Conflict, "refund-requested", "the money is on its way back")
		}
		a.PaidAt, a.Amount = st.Held.PaidAt, st.Held.Amount
		// The wish is named after the money, so that its events can stand in one user's stream alone, however many officers try at once.
		w.ID, w.Fingerprinted = uuid.NewSHA1(said, []byte("apply:"+a.Provider+":"+a.TransactionID)), []byte(a.OrderID)
	}
	w.Command, w.Subject, w.Body = "apply-payment", string(id), &a
	done, err := s.do(ctx, w)
	if st.Event != "" && refusedAs(err) == "transaction-conflict" {
		return Done{}, appliedAlready()
	}
	if err != nil || st.Event == "" || st.IsApplied {
		return done, err
	}
	_, err = s.do(ctx, Wish{
		Command: "mark-payment-applied", Subject: a.Provider + "-" + a.TransactionID, Body: &payment.Apply{UserID: id, OrderID: a.OrderID}, Actor: w.Actor,
	})
	return done, err
}

func appliedAlready() error {
	return domain.Refuse(domain.Conflict, "payment-applied", "this money was applied already")
}

// RefundHeld asks for what is left of held money to go back: of the user's stream if the user is named, else of the payment's own.
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
	if p.Left().Minor == 0 {
		return Done{}, domain.Refuse(domain.Conflict, "payment-refunded", "nothing is left of this payment, or all of it is on its way back")
	}
	w.Command, w.Subject, w.Body = "refund", string(id), &subscription.RequestRefund{Provider: provider, TransactionID: transaction, Amount: p.Left(), Reason: reason}
	return s.do(ctx, w)
}
