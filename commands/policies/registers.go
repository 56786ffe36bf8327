package policies

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"kelisim/commands"
	"kelisim/commands/cloudpayments"
)

// Registers compares the card processor's register with the ledger once a day, and records what differs: a notification that was lost for good
// shows here, and charge-backs, for which there is none. It brings nothing in; that is for a person.
type Registers struct {
	Money     commands.Money
	Processor cloudpayments.Processor
	Now       func() time.Time
	Log       *slog.Logger
}

const (
	comparedEvery = 24 * time.Hour
	// comparedAfter is how soon a comparison that failed is tried again.
	comparedAfter = time.Hour
	// comparedDays is how far back operations are compared: a day that was missed is in the next two. claimedDays is the same for
	// charge-backs, which banks raise late.
	comparedDays, claimedDays = 3, 90
	// underWay is how young an operation may be whose notification is still on its way.
	underWay = 2 * time.Hour
)

// Run compares now and every day, until the context ends.
func (r *Registers) Run(ctx context.Context) {
	for {
		next := comparedEvery
		if err := r.Compare(ctx); err != nil && ctx.Err() == nil {
			next = comparedAfter
			r.Log.Warn("the processor's register was not compared", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(next):
		}
	}
}

// Compare compares once.
func (r *Registers) Compare(ctx context.Context) error {
	until := r.Now().UTC().Add(-underWay).Truncate(time.Second)
	from := until.AddDate(0, 0, -comparedDays)
	register, err := ReadRegister(ctx, r.Processor, from, until)
	if err != nil {
		return err
	}
	out, err := r.Money.Reconcile(ctx, from, until, register, false)
	if err != nil {
		return fmt.Errorf("compare the register: %w", err)
	}
	for _, f := range out.Found {
		r.Log.Warn("the processor's register and the ledger differ", "finding", string(f.Kind), "transaction", f.TransactionID)
	}
	r.Log.Info("the processor's register was compared", "operations", len(register.Rows), "charge_backs", len(register.ChargeBacks),
		"differences", out.Standing, "new", len(out.Found), "payouts", out.Payouts)
	return nil
}

// ReadRegister asks for the operations of [from, until), and for the charge-backs of the 90 days before its end.
func ReadRegister(ctx context.Context, p cloudpayments.Processor, from, until time.Time) (cloudpayments.Register, error) {
	var out cloudpayments.Register
	for row, err := range p.Payments(ctx, from, until) {
		if err != nil {
			return out, fmt.Errorf("ask for the register: %w", err)
		}
		out.Rows = append(out.Rows, row)
	}
	for b, err := range p.ChargeBacks(ctx, until.AddDate(0, 0, -claimedDays), until) {
		if err != nil {
			return out, fmt.Errorf("ask for charge-backs: %w", err)
		}
		out.ChargeBacks = append(out.ChargeBacks, b)
	}
	return out, nil
}
