package policies

import (
	"context"
	"log/slog"
	"time"

	"kelisim/commands"
	"kelisim/commands/journal"
	"kelisim/domain/event"
)

// Erasures carries destructions to their end (P-1.5, P-2.5): it asks the key store again for what it could not destroy, soon and until it has,
// looks every hour whether all that the journal says is destroyed is gone, and drops the generations of the master key that are no longer
// needed. Its fields are set once.
type Erasures struct {
	Service *commands.Service
	// Retention is how long copies of the key store are kept: a generation of the master key is dropped so long after the next one took its
	// place.
	Retention time.Duration
	// Sweep destroys again what the journal says is destroyed.
	Sweep func(context.Context) error
	Log   *slog.Logger

	swept time.Time
}

const (
	retryEvery = 5 * time.Second
	sweepEvery = time.Hour
)

// Run makes a pass every five seconds until the context ends. A pass that has nothing to do asks nobody.
func (e *Erasures) Run(ctx context.Context) {
	e.swept = time.Now() // a server that starts has looked already
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(retryEvery):
		}
		e.Pass(ctx, time.Now())
	}
}

// Follow carries out what is recorded after a position until the context ends, as it comes: where several instances share a ledger, the one that recorded a
// destruction may die before the deed (TestDestructionOfADeadInstance).
func (e *Erasures) Follow(ctx context.Context, after int64) {
	for {
		err := journal.Follow(ctx, e.Service.Journal.Store, after, func(r journal.Record) error {
			if err := e.Service.ReconcileRecord(ctx, r); err != nil {
				return err
			}
			after = r.Position
			return nil
		})
		if ctx.Err() != nil {
			return
		}
		e.Log.Warn("it could not be looked which keys other instances destroy; it is looked again", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(retryEvery):
		}
	}
}

// Pass does what is due at a moment. What fails is told in the log, and done by a later pass.
func (e *Erasures) Pass(ctx context.Context, now time.Time) {
	if n := e.Service.Vault.Outstanding(); n > 0 {
		if err := e.Service.Vault.Retry(ctx); err != nil && ctx.Err() == nil {
			e.Log.Warn("keys that are destroyed are still in the key store; it is asked again", "destructions", e.Service.Vault.Outstanding(), "error", err)
		} else if err == nil {
			e.Log.Info("the key store has let go of keys that it could not destroy before", "destructions", n)
		}
	}
	if now.Sub(e.swept) < sweepEvery {
		return
	}
	e.swept = now
	if err := e.Sweep(ctx); err != nil && ctx.Err() == nil {
		e.Log.Warn("it could not be looked whether all destroyed keys are gone", "error", err)
		return // nothing is dropped before they are
	}
	dropped, err := e.Service.DropGenerations(ctx, e.Retention, event.Actor{Kind: "system", ID: "custody"})
	if err != nil && ctx.Err() == nil {
		e.Log.Warn("a generation of the master key is not dropped yet", "error", err)
	}
	for _, n := range dropped {
		e.Log.Info("a generation of the master key is dropped: what older copies of the key store hold under it cannot be read any more", "generation", n)
	}
}
