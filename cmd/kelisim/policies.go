package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"kelisim/commands"
	"kelisim/commands/policies"
)

// policies carries refunds to the processor and compares its register every day, until stop is called; where no API is set a person does
// both, and stop does nothing.
func (c processing) policies(ctx context.Context, l *ledger, log *slog.Logger) (stop func()) {
	if c.api == nil {
		return func() {}
	}
	refunds := &policies.Refunds{Service: l.Service, Processor: c.api, Now: time.Now, Log: log, Waiting: func(ctx context.Context) ([]commands.Refund, error) {
		waiting, err := l.Views.WaitingRefunds(ctx)
		out := make([]commands.Refund, len(waiting))
		for i, w := range waiting {
			out[i] = commands.Refund{Provider: w.Provider, TransactionID: w.TransactionID, UserID: w.UserID, RefundID: w.RefundID}
		}
		return out, err
	}}
	registers := &policies.Registers{Money: commands.Money{Service: l.Service, Test: c.test}, Processor: c.api, Now: time.Now, Log: log}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { refunds.Run(ctx) })
	running.Go(func() { registers.Run(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}
