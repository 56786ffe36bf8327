package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"kelisim/commands"
	"kelisim/commands/access"
	"kelisim/commands/journal"
	"kelisim/commands/sqlite"
	"kelisim/commands/terms"
	"kelisim/commands/vault"
	"kelisim/domain/catalogue"
)

// ledger is everything that a command works with, opened from a data directory. It is the only place where ports meet
// their adapters.
type ledger struct {
	Journal *journal.Journal
	Store   *sqlite.Journal
	Keys    *sqlite.Keys
	Vault   *vault.Vault
	Service *commands.Service
}

// The files of a data directory.
const (
	journalFile = "journal.db"
	keysFile    = "keys.db"
	accessFile  = "access.db"
	masterFile  = "master.key"
)

// openLedger opens a data directory for writing, creating what is not there. Terms are published into an empty one. The caller
// closes it.
func openLedger(ctx context.Context, dir, termsFile string, now func() time.Time, log *slog.Logger) (*ledger, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	published, err := terms.Builtin()
	if termsFile != "" {
		published, err = terms.Load(termsFile)
	}
	if err != nil {
		return nil, err
	}
	var l ledger
	if err := l.open(ctx, dir, now, log); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	if err := errors.Join(l.Service.Heal(ctx), published.Publish(ctx, l.Service)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &l, nil
}

func (l *ledger) open(ctx context.Context, dir string, now func() time.Time, log *slog.Logger) error {
	var err error
	if l.Store, err = sqlite.OpenJournal(filepath.Join(dir, journalFile), sqlite.Options{Now: now}); err != nil {
		return err
	}
	if l.Keys, err = sqlite.OpenKeys(filepath.Join(dir, keysFile), false); err != nil {
		return err
	}
	master, err := vault.OpenMasterFile(filepath.Join(dir, masterFile))
	if err != nil {
		return err
	}
	if l.Vault, err = vault.New(ctx, l.Keys, master); err != nil {
		return err
	}
	l.Vault.Now = now
	l.Journal = journal.New(l.Store, catalogue.All())
	l.Service = &commands.Service{Journal: l.Journal, Vault: l.Vault, Now: now, Log: log}
	return nil
}

// Close tells the key store what waits, and closes every file.
func (l *ledger) Close() error {
	var err error
	if l.Vault != nil {
		err = l.Vault.Flush(context.Background())
	}
	if l.Store != nil {
		err = errors.Join(err, l.Store.Close())
	}
	if l.Keys != nil {
		err = errors.Join(err, l.Keys.Close())
	}
	return err
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
