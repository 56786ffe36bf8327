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

// project begins to follow the journal into the read models of views.db, and holds the key store against what the journal says is
// destroyed before the first answer is given: a key store that was put back from a backup loses those keys here, and a master key those generations that were dropped.
func (l *ledger) project(ctx context.Context, dir string, log *slog.Logger) error {
	views, err := sqlite.OpenViews(filepath.Join(dir, viewsFile))
	if err != nil {
		return err
	}
	runner := &projections.Runner{Journal: l.Journal, Writer: views.Writer, Readers: views.Readers, Log: log}
	if err := runner.Open(ctx); err != nil {
		return errors.Join(err, views.Close())
	}
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() {
		err := runner.Run(following)
		if err != nil {
			log.Error("the read models are no longer kept up", "error", err)
		}
		ended <- err
	}()
	l.Views = runner
	l.stopViews = func() error {
		stop()
		return errors.Join(<-ended, views.Close())
	}
	if l.erasedTo, _, err = l.Journal.Head(ctx); err != nil {
		return fmt.Errorf("read the journal's head: %w", err)
	}
	if err := l.reconcileKeys(ctx); err != nil {
		return err
	}
	return l.Service.ReconcileCustody(ctx)
}

// reconcileKeys destroys again what the journal says is destroyed. It writes nothing where nothing is amiss.
func (l *ledger) reconcileKeys(ctx context.Context) error {
	head, _, err := l.Journal.Head(ctx)
	if err != nil {
		return fmt.Errorf("read the journal's head: %w", err)
	}
	waiting, done := context.WithTimeout(ctx, time.Hour) // a views.db that was thrown away is rebuilt first
	defer done()
	if err := l.Views.WaitFor(waiting, "erasures", head); err != nil {
		return fmt.Errorf("read which keys are destroyed: %w", err)
	}
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
