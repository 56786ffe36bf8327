package payment_test

import (
	"testing"
	"time"

	"kelisim/domain"
	"kelisim/domain/decidertest"
	"kelisim/domain/payment"
)

type story = decidertest.Story[payment.Command, payment.State, payment.Event]

const (
	refundID = "0b0e7a3c-90b9-4c8f-8b57-3f5d3c0a1d03"
	user     = domain.UserID("5f0c1b1e-7c5b-4a3e-9a60-0d1f2a3b4c5d")
	order    = "0b0e7a3c-90b9-4c8f-8b57-3f5d3c0a1d01"
)

var paidAt = decidertest.Start.Add(-time.Hour)

func held() payment.Held {
	return payment.Held{Provider: "cloudpayments", TransactionID: "504", InvoiceID: "nobodys", PaidAt: paidAt, Amount: domain.KZT(4990), Reason: "unknown-order"}
}

func back(transaction string, tenge int64) payment.Refunded {
	return payment.Refunded{Transaction: transaction, Amount: domain.KZT(tenge), RefundedAt: paidAt.Add(time.Hour)}
}

func begin(t *testing.T) *story { return decidertest.New(t, payment.Decider) }

func TestEvolveIsTotal(t *testing.T) { decidertest.Total(t, payment.Decider, payment.Events) }

// Decision 14: money of an unknown order is held once, and what contradicts it is refused.
func TestHold(t *testing.T) {
	s := begin(t).When(domain.Context{}, payment.Hold{Held: held()}).Then(held())
	s.When(domain.Context{}, payment.Hold{Held: held()}).Nothing()
	other := held()
	other.Amount = domain.KZT(1)
	s.When(domain.Context{}, payment.Hold{Held: other}).Refused("transaction-conflict")
	other = held()
	other.PaidAt = paidAt.Add(time.Second)
	s.When(domain.Context{}, payment.Hold{Held: other}).Refused("transaction-conflict")
	if st := s.State(); !st.Waiting() || st.Left() != held().Amount || st.HeldAt.IsZero() || st.Event == "" {
		t.Errorf("%+v", st)
	}
}

// The user's stream was written first: the mark is made whatever came meanwhile, and once.
func TestApply(t *testing.T) {
	apply := payment.Apply{UserID: user, OrderID: order}
	begin(t).When(domain.Context{}, apply).Refused("payment-not-found")
	s := begin(t).Given(held()).When(domain.Context{}, apply).Then(payment.Applied(apply))
	s.When(domain.Context{}, apply).Nothing()
	s.When(domain.Context{}, payment.Apply{UserID: user, OrderID: refundID}).Refused("payment-applied")
	s.When(domain.Context{}, payment.RequestRefund{}).Refused("payment-not-found")
	if s.State().Waiting() {
		t.Error("what is applied waits")
	}
	begin(t).Given(held(), payment.RefundRequested{RefundID: refundID, Amount: domain.KZT(4990)}).When(domain.Context{}, apply).Then(payment.Applied(apply))
	begin(t).Given(held(), back("9", 90)).When(domain.Context{}, apply).Then(payment.Applied(apply))
}

// What is left goes back, once at a time; a refusal of the processor leaves it where it is.
func TestRefund(t *testing.T) {
	ask := payment.RequestRefund{RefundID: refundID, Reason: domain.NewPersonal("nobody ordered it")}
	begin(t).When(domain.Context{}, ask).Refused("payment-not-found")
	s := begin(t).Given(held(), back("9", 90)).When(domain.Context{}, ask).Then(payment.RefundRequested{RefundID: refundID, Amount: domain.KZT(4900), Reason: ask.Reason})
	s.When(domain.Context{}, ask).Refused("refund-requested")
	s.When(domain.Context{}, payment.SendRefund{RefundID: order}).Nothing()
	s.When(domain.Context{}, payment.RefuseRefund{RefundID: order}).Nothing()
	at := domain.Context{OccurredAt: decidertest.Start.Add(time.Hour)}
	s.When(at, payment.SendRefund{RefundID: refundID}).Then(payment.RefundSent{RefundID: refundID, AskedAt: at.OccurredAt})
	s.When(domain.Context{}, payment.SendRefund{RefundID: refundID}).Nothing() // the first time counts
	if st := s.State(); !st.Waits(refundID) || !st.SentAt.Equal(at.OccurredAt) {
		t.Errorf("%+v", st)
	}
	refused := payment.RefundRefused{RefundID: refundID, Message: domain.NewPersonal("too late")}
	s.When(domain.Context{}, payment.RefuseRefund(refused)).Then(refused)
	if st := s.State(); st.Waits(refundID) || !st.Waiting() || !st.SentAt.IsZero() {
		t.Errorf("after the refusal: %+v", st)
	}
	s.When(domain.Context{}, payment.RequestRefund{RefundID: order}).Then(payment.RefundRequested{RefundID: order, Amount: domain.KZT(4900)})
	part := back("10", 4000) // not the sum that was asked for: one of its own
	s.When(domain.Context{}, payment.RecordRefund{Refunded: part}).Then(part)
	rest := back("11", 4900)
	want := rest
	want.RefundID = order
	s.When(domain.Context{}, payment.RecordRefund{Refunded: rest}).Then(want)
	s.When(domain.Context{}, payment.RecordRefund{Refunded: rest}).Nothing()
	if st := s.State(); st.Waiting() || st.Waits(order) || st.Left() != domain.KZT(0) {
		t.Errorf("at the end: %+v", st)
	}
}

// A refund may be known before its money, in either way; its notification names no currency, and it has that of the payment.
func TestRefundBeforeItsPayment(t *testing.T) {
	in := held()
	in.Amount.Currency = "RUB"
	early := begin(t).When(domain.Context{}, payment.RecordRefund{Refunded: back("9", 4990)}).Then(back("9", 4990)).
		When(domain.Context{}, payment.Hold{Held: in}).Then(in).State()
	want := back("9", 4990)
	want.Amount.Currency = "RUB"
	late := begin(t).Given(in).When(domain.Context{}, payment.RecordRefund{Refunded: back("9", 4990)}).Then(want).State()
	for _, st := range []payment.State{early, late} {
		if st.Waiting() || st.Left().Minor != 0 || st.Refunds[0].Amount.Currency != "RUB" {
			t.Errorf("%+v", st)
		}
	}
	if st := begin(t).Given(back("9", 90), held()).State(); !st.Waiting() || st.Left() != domain.KZT(4900) {
		t.Errorf("a part that went back: %+v", st)
	}
}

// What decides nothing and what cannot stand are both recorded once.
func TestNotes(t *testing.T) {
	at := paidAt
	other := paidAt.Add(time.Second)
	note := payment.Noted{Provider: "cloudpayments", Kind: "cancel", TransactionID: "504", At: &at}
	s := begin(t).When(domain.Context{}, payment.Note{Noted: note}).Then(note)
	s.When(domain.Context{}, payment.Note{Noted: note}).Nothing()
	note.At = &other
	s = s.When(domain.Context{}, payment.Note{Noted: note}).Then(note)
	note.At = nil
	s = s.When(domain.Context{}, payment.Note{Noted: note}).Then(note)
	s.When(domain.Context{}, payment.Note{Noted: note}).Nothing()

	claim := payment.Contradicted{Provider: "cloudpayments", Kind: "pay", TransactionID: "504", Amount: domain.KZT(1), At: &at, Code: "transaction-conflict"}
	s = s.When(domain.Context{}, payment.Contradict{Contradicted: claim}).Then(claim)
	s.When(domain.Context{}, payment.Contradict{Contradicted: claim}).Nothing()
	claim.Amount = domain.KZT(2)
	s.When(domain.Context{}, payment.Contradict{Contradicted: claim}).Then(claim)
	if s.State().Waiting() {
		t.Error("a note is money")
	}
}
