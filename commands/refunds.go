package commands

import (
	"context"
	"time"

	"kelisim/domain"
	"kelisim/domain/event"
	"kelisim/domain/payment"
	"kelisim/domain/subscription"
	"kelisim/domain/user"
)

// Refund names a refund that somebody asked for.
type Refund struct {
	Provider      string
	TransactionID string        // of the payment
	UserID        domain.UserID // "" where the money is in a stream of its own
	RefundID      string
}

// RefundState is how a refund stands that waits.
type RefundState struct {
	Amount      domain.Money
	RequestedAt time.Time
	SentAt      time.Time // when the processor was asked first; zero: never
	// Known are the processor's transactions of the payment's refunds that are made.
	Known []string
}

// refunder is who carries refunds to the processor.
var refunder = event.Actor{Kind: "system", ID: "refunds"}

// WaitingRefund is how a refund stands in its stream; false: it is made, refused, or was never asked for.
func (s *Service) WaitingRefund(ctx context.Context, r Refund) (RefundState, bool, error) {
	target, subject := r.place()
	loaded, err := s.load(ctx, target.stream(subject), target)
	if err != nil {
		return RefundState{}, false, err
	}
	var out RefundState
	if target == Payment {
		st := loaded.state.(payment.State)
		if !st.Waits(r.RefundID) {
			return out, false, nil
		}
		for _, m := range st.Refunds {
			out.Known = append(out.Known, m.Transaction)
		}
		out.Amount, out.RequestedAt, out.SentAt = st.Asked.Amount, st.AskedAt, st.SentAt
		return out, true, nil
	}
	st := loaded.state.(user.State).Subscription
	waiting, ok := st.WaitingRefund(r.Provider, r.TransactionID, r.RefundID)
	p, _ := st.Payment(r.Provider, r.TransactionID)
	for _, m := range p.Refunds {
		if m.Transaction != "" {
			out.Known = append(out.Known, m.Transaction)
		}
	}
	out.Amount, out.RequestedAt, out.SentAt = waiting.Amount, waiting.RequestedAt, waiting.SentAt
	return out, ok, nil
}

// SendingRefund records that the processor is asked now, before it is.
func (s *Service) SendingRefund(ctx context.Context, r Refund, again bool) error {
	if r.UserID == "" {
		return s.refund(ctx, r, "send-held-refund", &payment.SendRefund{RefundID: r.RefundID, Again: again})
	}
	return s.refund(ctx, r, "send-refund", &subscription.SendRefund{Provider: r.Provider, TransactionID: r.TransactionID, RefundID: r.RefundID, Again: again})
}

// RefundRefused records that the processor will not.
func (s *Service) RefundRefused(ctx context.Context, r Refund, message string) error {
	said := domain.Personal{}
	if message != "" {
		said = domain.NewPersonal(message)
	}
	if r.UserID == "" {
		return s.refund(ctx, r, "refuse-held-refund", &payment.RefuseRefund{RefundID: r.RefundID, Message: said})
	}
	return s.refund(ctx, r, "refuse-refund", &subscription.RefuseRefund{Provider: r.Provider, TransactionID: r.TransactionID, RefundID: r.RefundID, Message: said})
}

// RefundMade records that the processor did it. Its notification of the same, earlier or later, changes nothing.
func (s *Service) RefundMade(ctx context.Context, r Refund, amount domain.Money, transaction string, at time.Time) error {
	if r.UserID == "" {
		return s.refund(ctx, r, "record-held-refund", &payment.RecordRefund{Refunded: payment.Refunded{RefundID: r.RefundID, Transaction: transaction, Amount: amount, RefundedAt: at}})
	}
	return s.refund(ctx, r, "record-refund", &subscription.RecordRefund{
		RefundID: r.RefundID, Provider: r.Provider, TransactionID: r.TransactionID, Transaction: transaction, Amount: amount, RefundedAt: at,
	})
}

func (r Refund) place() (Target, string) {
	if r.UserID == "" {
		return Payment, r.Provider + "-" + r.TransactionID
	}
	return User, string(r.UserID)
}

func (s *Service) refund(ctx context.Context, r Refund, command string, body any) error {
	_, subject := r.place()
	_, err := s.do(ctx, Wish{Command: command, Subject: subject, Body: body, Actor: refunder})
	return err
}
