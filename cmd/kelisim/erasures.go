package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"kelisim/commands/policies"
)

// defaultRetention is how long copies of the key store are kept, if nobody says otherwise.
const defaultRetention = 35 * 24 * time.Hour

// erasing carries destructions to their end until stop is called.
func (l *ledger) erasing(ctx context.Context, retention time.Duration, log *slog.Logger) (stop func()) {
	e := &policies.Erasures{Service: l.Service, Retention: retention, Sweep: l.reconcileKeys, Log: log}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { e.Run(ctx) })
	if !l.Journal.Exclusive() {
		running.Go(func() { e.Follow(ctx, l.erasedTo) })
	}
	return func() {
		cancel()
		running.Wait()
	}
}

// observeErasures shows how many destructions wait for the key store: 0 unless it fails.
func (l *ledger) observeErasures(metrics prometheus.Registerer) error {
	return metrics.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "kelisim_key_destructions_outstanding",
		Help: "Destructions that are recorded and that the key store has not carried out yet. What they destroy reads as destroyed meanwhile.",
	}, func() float64 { return float64(l.Vault.Outstanding()) }))
}
