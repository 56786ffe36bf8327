package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
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
// loudly, and the ledger goes on to answer. witnesses is a file that names who is asked to cosign, "" for nobody.
func (l *ledger) evidence(ctx context.Context, dir, origin, witnesses string, log *slog.Logger) error {
	store, err := sqlite.OpenLog(filepath.Join(dir, logFile), false)
	if err != nil {
		return err
	}
	keys, err := tlog.OpenKeys(filepath.Join(dir, keyFile), origin)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	asked, err := readWitnesses(witnesses, keys)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	config := tlog.Config{Journal: l.Journal, Store: store, Keys: keys, HeadsEvery: headsEvery, Witnesses: asked}
	signer := l.lease(signerLease, log)
	if !l.Journal.Exclusive() {
		config.Leads = signer.Held // of many instances one says what is signed, and all sign it
	}
	follower, err := tlog.NewFollower(ctx, config)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() {
		err := signer.Run(following, func(ctx context.Context, _ int64) error { <-ctx.Done(); return nil })
		if err != nil && following.Err() == nil {
			log.Error("nobody here can decide what the log signs", "error", err)
		}
	})
	running.Go(func() {
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
	})
	running.Go(func() { contradictions(following, follower.Status, 10*time.Second, log) })
	l.Evidence = follower
	l.stopEvidence = func() error {
		stop()
		running.Wait()
		return store.Close()
	}
	return nil
}

// readWitnesses reads who is asked to cosign the log's checkpoints.
func readWitnesses(name string, keys *tlog.Keys) (*tlog.Witnesses, error) {
	if name == "" {
		return nil, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read who witnesses: %w", err)
	}
	w, err := tlog.NewWitnesses(text, keys)
	if err != nil {
		return nil, misuse("read who witnesses, in %s: %w", name, err)
	}
	return w, nil
}
