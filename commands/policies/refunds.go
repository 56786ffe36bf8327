// Package policies acts on what is recorded, with nobody asking: each policy follows from events, acts through the commands, and may be
// stopped at any moment and started again, since all that it must remember is recorded before it acts.
package policies

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"kelisim/commands"
	"kelisim/commands/cloudpayments"
)

// Refunds carries refunds that were asked for to the card processor. That the processor is asked is recorded before it is, with the moment,
// since the processor does one request once for an hour alone: within that time a request whose answer was lost is repeated under the same
// id; after it, what became of it is looked up in the register, and never asked for blindly (TestRefundIsMadeOnce).
type Refunds struct {
	Service   *commands.Service
	Processor cloudpayments.Processor
	// Waiting lists refunds that may wait; each is looked at again in its stream before anything is done, so a stale list does no harm.
	Waiting func(context.Context) ([]commands.Refund, error)
	Now     func() time.Time
	Log     *slog.Logger

	// surely holds the refunds of which every request so far surely came to nothing.
	surely map[string]bool
}

const (
	// every is the time between two passes.
	every = 20 * time.Second
	// renewAfter is the age of a request that surely came to nothing at which its time begins anew.
	renewAfter = cloudpayments.RepeatWithin / 2
	// settledAfter is how long after a request the register is sure to show what became of it.
	settledAfter = 24 * time.Hour
	// around is how far the processor's clock and ours may be apart.
	around = time.Hour
)

// Run makes a pass now and every 20 seconds, until the context ends.
func (r *Refunds) Run(ctx context.Context) {
	for {
		if err := r.Pass(ctx); err != nil && ctx.Err() == nil {
			r.Log.Warn("refunds are not carried on for now", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
	}
}

// Pass carries on every refund that waits. One that fails is told in the log and does not keep the others from it.
func (r *Refunds) Pass(ctx context.Context) error {
	waiting, err := r.Waiting(ctx)
	if err != nil {
		return err
	}
	if r.surely == nil {
		r.surely = map[string]bool{}
	}
	for _, w := range waiting {
		if w.Provider != commands.Provider {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := r.carry(ctx, w); err != nil {
			r.Log.Warn("a refund is not made yet", "refund", w.RefundID, "transaction", w.TransactionID, "error", err)
		}
	}
	return nil
}

// carry takes one refund a step on.
func (r *Refunds) carry(ctx context.Context, w commands.Refund) error {
	state, waits, err := r.Service.WaitingRefund(ctx, w)
	if err != nil || !waits {
		return err
	}
	first := state.SentAt
	if first.IsZero() && r.Now().Sub(state.RequestedAt) > cloudpayments.RepeatWithin {
		// An old wish that nobody carried on: it was brought in with old records, or the ledger was put back from a backup. It may have been made.
		if done, err := r.found(ctx, w, state, state.RequestedAt); done || err != nil {
			return err
		}
	}
	renew := r.surely[w.RefundID] && r.Now().Sub(first) > renewAfter
	if first.IsZero() || renew {
		if err := r.Service.SendingRefund(ctx, w, renew); err != nil {
			return err
		}
		first, r.surely[w.RefundID] = time.Time{}, true
	} else if r.Now().Sub(first) > cloudpayments.RepeatWithin {
		return r.lookUp(ctx, w, state)
	}
	transaction, err := r.Processor.Refund(ctx, cloudpayments.RefundRequest{RequestID: w.RefundID, TransactionID: w.TransactionID, Amount: state.Amount, FirstAsked: first})
	var refused *cloudpayments.RefusedError
	switch {
	case err == nil:
		delete(r.surely, w.RefundID)
		return r.Service.RefundMade(ctx, w, state.Amount, transaction, r.Now().UTC().Truncate(time.Second))
	case errors.As(err, &refused):
		return r.refused(ctx, w, refused.Message)
	case errors.Is(err, cloudpayments.ErrNotFound):
		return r.refused(ctx, w, "the processor does not know this payment")
	case errors.Is(err, cloudpayments.ErrTooOld):
		return r.lookUp(ctx, w, state)
	case errors.Is(err, cloudpayments.ErrNoAnswer):
		delete(r.surely, w.RefundID)
	}
	return err
}

func (r *Refunds) refused(ctx context.Context, w commands.Refund, message string) error {
	delete(r.surely, w.RefundID)
	r.Log.Warn("the processor refused a refund; an officer has to look", "refund", w.RefundID, "transaction", w.TransactionID)
	return r.Service.RefundRefused(ctx, w, message)
}

// lookUp finds in the register what became of a request that may not be repeated any more. What is not there a day later was not done, and is
// given back to the officer, who may ask for it anew.
func (r *Refunds) lookUp(ctx context.Context, w commands.Refund, state commands.RefundState) error {
	done, err := r.found(ctx, w, state, state.SentAt)
	switch {
	case done || err != nil:
		return err
	case r.Now().Sub(state.SentAt) < settledAfter:
		return cloudpayments.ErrTooOld
	}
	return r.refused(ctx, w, "asked for, and not in the processor's register a day later")
}

// found records a refund that the register shows since a moment, and tells whether it did. Where the register leaves it open, it is an error.
func (r *Refunds) found(ctx context.Context, w commands.Refund, state commands.RefundState, since time.Time) (bool, error) {
	maybe := false
	for row, err := range r.Processor.Payments(ctx, since.Add(-around), r.Now().Add(around)) {
		switch {
		case err != nil:
			return false, err
		case row.TransactionID == w.TransactionID && row.Refunded && len(state.Known) == 0:
			maybe = true
		case row.Type != cloudpayments.RowRefund || row.Amount.Minor != state.Amount.Minor || slices.Contains(state.Known, row.TransactionID):
		case row.OriginalTransactionID == w.TransactionID:
			return true, r.Service.RefundMade(ctx, w, state.Amount, row.TransactionID, row.CreatedAt)
		case row.OriginalTransactionID == "":
			maybe = true // the register does not tell whose
		}
	}
	if maybe {
		return false, errUnclear
	}
	return false, nil
}

var errUnclear = errors.New("the register does not say whether it was made; look in the processor's cabinet")
