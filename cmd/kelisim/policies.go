package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"kelisim/commands"
	"kelisim/commands/policies"
	"kelisim/projections"
)

// policies marks what time brings, and, where an API is set, carries refunds to the processor and compares its register every day, until stop is
// called. Of many instances one does it, under a lease.
func (c processing) policies(ctx context.Context, l *ledger, log *slog.Logger) (stop func()) {
	run := []func(context.Context){marking(l, log).Run}
	if c.api != nil {
		refunds := &policies.Refunds{Service: l.Service, Processor: c.api, Now: time.Now, Log: log, Waiting: func(ctx context.Context) ([]commands.Refund, error) {
			waiting, err := l.Views.WaitingRefunds(ctx)
			out := make([]commands.Refund, len(waiting))
			for i, w := range waiting {
				out[i] = commands.Refund{Provider: w.Provider, TransactionID: w.TransactionID, UserID: w.UserID, RefundID: w.RefundID}
			}
			return out, err
		}}
		registers := &policies.Registers{Money: commands.Money{Service: l.Service, Test: c.test}, Processor: c.api, Now: time.Now, Log: log}
		run = append(run, refunds.Run, registers.Run)
	}
	held := l.lease(policiesLease, log)
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := held.Run(ctx, func(ctx context.Context, _ int64) error {
			var running sync.WaitGroup
			for _, policy := range run {
				running.Go(func() { policy(ctx) })
			}
			running.Wait()
			return nil
		})
		if err != nil {
			log.Error("the policies no longer run", "error", err)
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// marking is the policy that marks what time brings, over the read model of it.
func marking(l *ledger, log *slog.Logger) *policies.Markers {
	return &policies.Markers{Service: l.Service, Now: l.Service.Now, Log: log, Next: l.Views.NextDue,
		Due: func(ctx context.Context, now time.Time, after policies.Moment, limit int) ([]policies.Moment, error) {
			moments, err := l.Views.Due(ctx, now, projections.Moment(after), limit)
			out := make([]policies.Moment, len(moments))
			for i, m := range moments {
				out[i] = policies.Moment(m)
			}
			return out, err
		},
		Grown: func(ctx context.Context, past int64) (int64, error) { return l.Views.Grown(ctx, "due", past) },
	}
}
