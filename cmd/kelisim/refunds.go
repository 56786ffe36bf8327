package main

import (
	"context"
	"log/slog"
	"time"

	"kelisim/commands"
	"kelisim/commands/policies"
)

// refunds carries refunds to the processor until stop is called; where no API is set they are made in its cabinet, and stop does nothing.
func (c processing) refunds(ctx context.Context, l *ledger, log *slog.Logger) (stop func()) {
	if c.api == nil {
		return func() {}
	}
	policy := &policies.Refunds{Service: l.Service, Processor: c.api, Now: time.Now, Log: log, Waiting: func(ctx context.Context) ([]commands.Refund, error) {
		waiting, err := l.Views.WaitingRefunds(ctx)
		out := make([]commands.Refund, len(waiting))
		for i, w := range waiting {
			out[i] = commands.Refund{Provider: w.Provider, TransactionID: w.TransactionID, UserID: w.UserID, RefundID: w.RefundID}
		}
		return out, err
	}}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		policy.Run(ctx)
	}()
	return func() {
		cancel()
		<-ended
	}
}
