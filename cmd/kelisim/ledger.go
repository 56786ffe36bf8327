package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"kelisim/commands"
	"kelisim/commands/access"
	"kelisim/commands/journal"
	"kelisim/commands/lease"
	"kelisim/commands/sqlite"
	"kelisim/commands/terms"
	"kelisim/commands/tlog"
	"kelisim/commands/vault"
	"kelisim/domain/catalogue"
	"kelisim/projections"
)

// ledger is everything that a command works with, opened from a data directory. It is the only place where ports meet
// their adapters.
type ledger struct {
	Journal *journal.Journal
	Store   journal.Store
	Keys    vault.Keys
	Vault   *vault.Vault
	Service *commands.Service
	Views   *projections.Runner // nil unless project was called

	Evidence *tlog.Follower // nil unless evidence was called

	shared   *sharedStores  // nil: the journal is the directory's
	leaseTTL time.Duration  // 0: the default
	leases   []*lease.Lease // that this process takes part in
	erasedTo int64          // the position up to which what is destroyed is gone, as it was found at the start

	catchingUp func(events, first int64) *meter // is told of much that is read before the first answer; nil: nobody

	stopViews, stopEvidence func() error
	behind                  *behind        // nil unless opened for an import
	stopped                 []<-chan error // each delivers, once, why one of the stores ended itself
	closeStores             func() error
}

// The files of a data directory.
const (
	defaultData = "./kelisim-data"
	termsUsage  = "a file of terms to publish into an empty directory, in place of the built-in examples"

	journalFile = "journal.db"
	keysFile    = "keys.db"
	accessFile  = "access.db"
	masterFile  = "master.key"
)

// opening says how a data directory is opened.
type opening struct {
	place
	terms  string // a file of terms for an empty directory; "": the built-in examples
	master string // the file of the master key; "": the directory's own
	now    func() time.Time
	log    *slog.Logger
	// leaseTTL is how long what one instance alone does is left undone when it dies; 0: the default.
	leaseTTL time.Duration
	// importing: one goroutine writes very much, and what it writes lasts after flush alone; see behind.
	importing bool
}

// openLedger opens a data directory for writing, creating what is not there. Terms are published into an empty one. The caller
// closes it.
func openLedger(ctx context.Context, o opening) (*ledger, error) {
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	published, err := terms.Builtin()
	if o.terms != "" {
		published, err = terms.Load(o.terms)
	}
	if err != nil {
		return nil, err
	}
	if o.master == "" {
		o.master = filepath.Join(o.dir, masterFile)
	}
	var l ledger
	if err := l.open(ctx, o); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	if err := errors.Join(l.Service.Heal(ctx), published.Publish(ctx, l.Service)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &l, nil
}

func (l *ledger) open(ctx context.Context, o opening) error {
	shared, err := o.shared()
	if err != nil {
		return err
	}
	var written journal.Store
	var keyStore vault.Keys
	if shared {
		written, keyStore, err = l.openShared(ctx, o)
	} else {
		written, keyStore, err = l.openFiles(ctx, o)
	}
	if err != nil {
		return err
	}
	master, err := vault.OpenMasterFile(o.master)
	if err != nil {
		return err
	}
	if l.Vault, err = vault.New(ctx, keyStore, master); err != nil {
		return err
	}
	l.Vault.Now, l.leaseTTL = o.now, o.leaseTTL
	if shared {
		l.Vault.CacheSize = 0 // other processes destroy keys too
	}
	l.Journal = journal.New(written, catalogue.All())
	l.Service = &commands.Service{Journal: l.Journal, Vault: l.Vault, Now: o.now, Log: o.log}
	return nil
}

// openFiles opens the journal and the keys of a data directory, and answers what is to be written through.
func (l *ledger) openFiles(ctx context.Context, o opening) (journal.Store, vault.Keys, error) {
	if journalPath := filepath.Join(o.dir, journalFile); there(filepath.Join(o.dir, keysFile)) && !there(journalPath) {
		return nil, nil, fmt.Errorf("%s is missing beside its key store: put back the newest backup of it, or name an empty directory", journalPath)
	}
	store, err := sqlite.OpenJournal(filepath.Join(o.dir, journalFile), sqlite.Options{Now: o.now})
	if errors.Is(err, sqlite.ErrHeld) {
		return nil, nil, fmt.Errorf("the ledger in %s is in use: another kelisim process writes to it; stop that one, or name another directory with --data", o.dir)
	}
	if err != nil {
		return nil, nil, err
	}
	l.Store, l.closeStores = store, store.Close
	keysPath := filepath.Join(o.dir, keysFile)
	if o.keys != "" {
		if keysPath = o.keys; strings.Contains(keysPath, "://") {
			return nil, nil, misuse("--keys: the keys of a journal in a data directory are in a file")
		}
	}
	head, _, err := l.Store.Head(ctx)
	if err != nil {
		return nil, nil, err
	}
	if head > 0 && !there(keysPath) { // a new one would let every login look free, and nothing that is sealed could be read
		return nil, nil, fmt.Errorf("%s is missing beside a journal that has events: put back the newest backup of it", keysPath)
	}
	if there(keysPath) && !there(o.master) {
		return nil, nil, fmt.Errorf("%s is missing: without it no personal data can be read; put back the one that this directory was made with", o.master)
	}
	openKeys := func(path string) (*sqlite.Keys, error) { return sqlite.OpenKeys(path, false) }
	if o.importing {
		openKeys = sqlite.OpenBulkKeys
	}
	keys, err := openKeys(keysPath)
	if err != nil {
		return nil, nil, err
	}
	l.Keys, l.stopped = keys, []<-chan error{store.Failed(), keys.Failed()}
	l.closeStores = func() error { return errors.Join(store.Close(), keys.Close()) }
	if !o.importing {
		return store, keys, nil
	}
	l.behind, err = newBehind(ctx, store, keys, o.now)
	if err != nil {
		return nil, nil, err
	}
	return l.behind, l.behind.keys, nil
}

// openShared opens a journal that other processes may write to as well, and the keys that go with it.
func (l *ledger) openShared(ctx context.Context, o opening) (journal.Store, vault.Keys, error) {
	lock, err := sqlite.LockDirectory(o.dir)
	if errors.Is(err, sqlite.ErrHeld) {
		return nil, nil, fmt.Errorf("the directory %s is in use: each kelisim process on a shared journal has one of its own; name another with --data", o.dir)
	}
	if err != nil {
		return nil, nil, err
	}
	l.closeStores = lock.Close
	s, err := o.openShared(ctx, o.now)
	if err != nil {
		return nil, nil, err
	}
	s.closers = append([]func() error{lock.Close}, s.closers...)
	l.shared, l.Store, l.Keys, l.stopped, l.closeStores = s, s.journal, s.keys, s.stopped, s.Close
	if err := o.sameKeys(ctx, s.journal, o.master); err != nil {
		return nil, nil, err
	}
	return s.journal, s.keys, nil
}

// copyLedger copies a data directory's journal and keys as they stand, also beside a process that writes to them. The master key stays
// where it is: keys are of no use without it.
func copyLedger(ctx context.Context, from, to string) error {
	for _, name := range []string{journalFile, keysFile} { // a key stands before what is sealed under it, so the journal is the first
		if err := sqlite.Copy(ctx, filepath.Join(from, name), filepath.Join(to, name)); err != nil {
			return err
		}
	}
	return nil
}

// flush makes last what an import has written.
func (l *ledger) flush() error {
	if l.behind == nil {
		return nil
	}
	return l.behind.Flush()
}

// Close writes what waits, tells the key store of it, and closes every file.
func (l *ledger) Close() error {
	err := l.flush()
	if l.stopViews != nil {
		err = errors.Join(err, l.stopViews())
	}
	if l.stopEvidence != nil {
		err = errors.Join(err, l.stopEvidence())
	}
	if l.Vault != nil && err == nil {
		err = l.Vault.Flush(context.Background())
	}
	if l.closeStores != nil {
		err = errors.Join(err, l.closeStores())
	}
	return err
}

// tokens are those of the ledger's place.
func (l *ledger) tokens(dir string) (*access.Tokens, func() error, error) {
	if l.shared != nil {
		return access.NewTokens(l.shared.tokens, time.Now), func() error { return nil }, nil // they are closed with the other stores
	}
	return openTokens(dir, time.Now)
}

// openTokens opens the tokens of a data directory; it may be done beside a running server.
func openTokens(dir string, now func() time.Time) (*access.Tokens, func() error, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("make the data directory: %w", err)
	}
	store, err := sqlite.OpenAccess(filepath.Join(dir, accessFile))
	if err != nil {
		return nil, nil, err
	}
	return access.NewTokens(store, now), store.Close, nil
}
