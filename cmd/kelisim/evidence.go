package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"kelisim/commands/sqlite"
	"kelisim/commands/tlog"
)

const (
	logFile = "tlog.db"
	keyFile = "log.key"

	// headsEvery is how soon a history can be shown to be whole after something was added to it. A commitment costs a pass over the heads
	// of all streams, a fraction of a second for a million.
	headsEvery = 2 * time.Minute
)

// evidence begins to follow the journal into the Merkle log. A log that is not a continuation of what was signed signs nothing more: it is told of
// loudly, and the ledger goes on to answer.
func (l *ledger) evidence(ctx context.Context, dir, origin string, log *slog.Logger) error {
	store, err := sqlite.OpenLog(filepath.Join(dir, logFile), false)
	if err != nil {
		return err
	}
	keys, err := tlog.OpenKeys(filepath.Join(dir, keyFile), origin)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	follower, err := tlog.NewFollower(ctx, tlog.Config{Journal: l.Journal, Store: store, Keys: keys, HeadsEvery: headsEvery})
	if err != nil {
		return errors.Join(err, store.Close())
	}
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for following.Err() == nil {
			err := follower.Run(following)
			if following.Err() != nil {
				return
			}
			log.Error("the log signs nothing now", "error", err)
			if follower.Status().Fault != nil {
				return // only a person can say what happened
			}
			select {
			case <-time.After(5 * time.Second):
			case <-following.Done():
			}
		}
	}()
	l.Evidence = follower
	l.stopEvidence = func() error {
		stop()
		<-ended
		return store.Close()
	}
	return nil
}
