package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"kelisim/commands/sqlite"
	"kelisim/projections"
)

const viewsFile = "views.db"

const (
	// worthTelling is from how many events on a start says that it reads them, and listens before its lists are made.
	worthTelling = 20_000
	// soonMade is how long a start waits for lists that are nearly made, so that the first question finds them.
	soonMade = 2 * time.Second
)

// project begins to follow the journal into the read models of views.db, and holds the key store against what the journal says is
// destroyed before the first answer is given: a key store that was put back from a backup loses those keys here, and a master key those generations that were dropped.
//
// That needs one small table alone. After an import or an upgrade the others are made beside the answers; what asks them is unavailable until then.
// Where little is behind it waits for them, so that the first question finds them (TestStartTellsWhatItReads).
func (l *ledger) project(ctx context.Context, dir string, log *slog.Logger) error {
	views, err := sqlite.OpenViews(filepath.Join(dir, viewsFile))
	if err != nil {
		return err
	}
	runner := &projections.Runner{Journal: l.Journal, Writer: views.Writer, Readers: views.Readers, Log: log}
	if err := runner.Open(ctx); err != nil {
		return errors.Join(err, views.Close())
	}
	l.Views = runner
	behind, err := l.readErasures(ctx)
	if err == nil {
		err = l.destroyAgain(ctx)
	}
	if err == nil {
		err = l.Service.ReconcileCustody(ctx)
	}
	if err != nil {
		return errors.Join(err, views.Close())
	}
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended, made := make(chan error, 1), make(chan struct{})
	go func() {
		err := runner.Run(following)
		if err != nil {
			log.Error("the read models are no longer kept up", "error", err)
		}
		ended <- err
	}()
	began := time.Now()
	go func() {
		defer close(made)
		for _, p := range projections.All {
			if runner.WaitFor(following, p.Name, l.erasedTo) != nil {
				return // halted, which is in the log, or stopped
			}
		}
		if behind >= worthTelling {
			log.Info("all lists are made", "in", time.Since(began).Round(time.Millisecond))
		}
	}()
	l.stopViews = func() error {
		stop()
		<-made
		return errors.Join(<-ended, views.Close())
	}
	if behind >= worthTelling {
		return nil
	}
	select {
	case <-made:
	case <-time.After(soonMade):
	case <-ctx.Done():
	}
	return nil
}

// readErasures reads what the journal says is destroyed, up to erasedTo, and answers how many events the furthest of all read models had still to take.
func (l *ledger) readErasures(ctx context.Context) (behind int64, err error) {
	if l.erasedTo, _, err = l.Journal.Head(ctx); err != nil {
		return 0, fmt.Errorf("read the journal's head: %w", err)
	}
	models, err := l.Views.Statuses(ctx)
	if err != nil {
		return 0, err
	}
	reached := l.erasedTo
	for _, m := range models {
		behind = max(behind, m.Lag)
		if m.Name == "erasures" {
			reached = max(l.erasedTo-m.Lag, m.Built)
		}
	}
	told := &meter{}
	if l.catchingUp != nil && behind >= worthTelling {
		told = l.catchingUp(behind, l.erasedTo-reached)
	}
	err = l.Views.Ready(ctx, "erasures", func(position int64) {
		told.add(int(position - reached))
		reached = position
	})
	told.end()
	if err != nil {
		return 0, fmt.Errorf("read which keys are destroyed: %w", err)
	}
	return behind, nil
}

// catchingUp says what is done before the server listens. events are those that the lists have still to take, first those that are read before.
func (p *program) catchingUp(events, first int64) *meter {
	fmt.Fprintf(p.stderr, "kelisim reads %d events: it listens once it knows which keys are destroyed, and makes its lists beside the answers (503 unavailable until then)\n", events)
	return p.meter("which keys are destroyed", first)
}

// reconcileKeys destroys again what the journal says is destroyed by now. It writes nothing where nothing is amiss.
func (l *ledger) reconcileKeys(ctx context.Context) error {
	head, _, err := l.Journal.Head(ctx)
	if err != nil {
		return fmt.Errorf("read the journal's head: %w", err)
	}
	waiting, done := context.WithTimeout(ctx, time.Hour) // lists that are being made take their time
	defer done()
	if err := l.Views.WaitFor(waiting, "erasures", head); err != nil {
		return fmt.Errorf("read which keys are destroyed: %w", err)
	}
	return l.destroyAgain(ctx)
}

// destroyAgain destroys what the table of destroyed keys holds.
func (l *ledger) destroyAgain(ctx context.Context) error {
	erasures, err := l.Views.Erasures(ctx)
	if err != nil {
		return fmt.Errorf("read which keys are destroyed: %w", err)
	}
	for _, e := range erasures {
		if err := l.Vault.Reconcile(ctx, string(e.User), e.State, e.Keys...); err != nil {
			return fmt.Errorf("destroy keys again: %w", err)
		}
	}
	return nil
}
