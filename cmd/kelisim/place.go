package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"kelisim/commands/access"
	"kelisim/commands/bus"
	"kelisim/commands/eventstoredb"
	"kelisim/commands/journal"
	"kelisim/commands/postgres"
	"kelisim/commands/sqlite"
	"kelisim/commands/tlog"
	"kelisim/commands/vault"
	"kelisim/domain"
)

// place is where a ledger stands: a data directory, and the journal and the key store where several processes share them. Then each process
// has a directory of its own, with its read models and its copy of the log, and master.key and log.key are the same files in all of them.
type place struct {
	dir     string
	journal string // "", "sqlite": a file of the directory; else an address
	keys    string // "": beside the journal, if that is PostgreSQL, else a file of the directory; a file's name; an address
}

func (pl *place) flags(f *pflag.FlagSet, usage string) {
	f.StringVar(&pl.dir, "data", defaultData, usage)
	f.StringVar(&pl.journal, "journal", "", "where the journal is: sqlite, which is a file of the data directory, postgres://… or esdb://…; better set by "+variable("journal")+", since others see a command line")
	f.StringVar(&pl.keys, "keys", "", "where the keys are: a file, or postgres://…; in the journal's database where that is PostgreSQL, else in the data directory")
}

const (
	overSQLite = iota
	overPostgres
	overEventStoreDB
)

// kind tells what an address names.
func kind(address string) (int, error) {
	scheme, _, remote := strings.Cut(address, "://")
	switch {
	case address == "" || address == "sqlite":
		return overSQLite, nil
	case scheme == "postgres" || scheme == "postgresql":
		return overPostgres, nil
	case strings.TrimSuffix(scheme, "+discover") == "esdb" || strings.TrimSuffix(scheme, "+discover") == "kurrentdb":
		return overEventStoreDB, nil
	case remote:
		return 0, errors.New("its scheme is not one of postgres, esdb and esdb+discover")
	}
	return 0, errors.New("sqlite, postgres://… or esdb://… is wanted") // what else it may hold is shown to nobody
}

// shared tells whether other processes may write to the journal too.
func (pl place) shared() (bool, error) {
	k, err := kind(pl.journal)
	if err != nil {
		return false, misuse("--journal: %w", err)
	}
	return k != overSQLite, nil
}

// keyAddress is where the keys are, "" for the directory's file.
func (pl place) keyAddress() (string, error) {
	if pl.keys != "" {
		return pl.keys, nil
	}
	if k, err := kind(pl.journal); err != nil || k != overPostgres {
		return "", err
	}
	return pl.journal, nil
}

// made refuses a data directory in which there is no ledger yet.
func (pl place) made() error {
	shared, err := pl.shared()
	if err == nil && !shared && !there(filepath.Join(pl.dir, journalFile)) {
		err = fmt.Errorf("there is no ledger in %s", pl.dir)
	}
	return err
}

// relayed are a relay's cursors and deliveries.
type relayed interface {
	bus.Cursors
	bus.Deliveries
}

// sharedStores are the stores of a place whose journal several processes share.
type sharedStores struct {
	journal journal.Store
	keys    vault.Keys
	tokens  access.Store
	relayed relayed // nil where no database is shared: then each process has a file
	stopped []<-chan error
	closers []func() error
}

// Close closes what was opened, the last first.
func (s *sharedStores) Close() error {
	var err error
	for i := len(s.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, s.closers[i]())
	}
	s.closers = nil
	return err
}

// openShared opens a shared journal and the keys and tokens that go with it.
func (pl place) openShared(ctx context.Context, now func() time.Time) (*sharedStores, error) {
	s := new(sharedStores)
	if err := s.open(ctx, pl, now); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *sharedStores) open(ctx context.Context, pl place, now func() time.Time) error {
	databases := map[string]*postgres.Database{}
	database := func(url string) (*postgres.Database, error) {
		if db := databases[url]; db != nil {
			return db, nil
		}
		db, err := postgres.Open(ctx, url, postgres.Options{Now: now})
		if err == nil {
			databases[url] = db
			s.relayed = db.Bus()
			s.closers = append(s.closers, db.Close)
		}
		return db, err
	}
	store, stopped, done, err := openJournal(ctx, pl.journal, now, database)
	if err != nil {
		return err
	}
	if done != nil {
		s.closers = append(s.closers, done)
	}
	s.journal = store
	if stopped != nil {
		s.stopped = append(s.stopped, stopped)
	}
	address, err := pl.keyAddress()
	if err != nil {
		return misuse("--keys: %w", err)
	}
	if k, err := kind(address); address != "" && err == nil && k == overPostgres {
		db, err := database(address)
		if err != nil {
			return err
		}
		s.keys, s.tokens = db.Keys(), db.Access()
		return nil
	}
	if address == "" {
		address = filepath.Join(pl.dir, keysFile)
	} else if strings.Contains(address, "://") {
		return misuse("--keys: a file or postgres://… is wanted")
	}
	keys, err := sqlite.OpenKeys(address, false)
	if err != nil {
		return err
	}
	s.keys, s.stopped, s.closers = keys, append(s.stopped, keys.Failed()), append(s.closers, keys.Close)
	tokens, err := sqlite.OpenAccess(filepath.Join(pl.dir, accessFile))
	if err != nil {
		return err
	}
	s.tokens, s.closers = tokens, append(s.closers, tokens.Close)
	return nil
}

// openJournal opens a journal at an address that is not a directory's. Whoever has the databases closes a PostgreSQL one.
func openJournal(ctx context.Context, address string, now func() time.Time, database func(string) (*postgres.Database, error)) (journal.Store, <-chan error, func() error, error) {
	k, err := kind(address)
	switch {
	case err != nil:
		return nil, nil, nil, misuse("--journal: %w", err)
	case k == overPostgres:
		db, err := database(address)
		if err != nil {
			return nil, nil, nil, err
		}
		return db.Journal(), db.Journal().Failed(), nil, nil
	}
	j, err := eventstoredb.Open(ctx, address, eventstoredb.Options{Now: now})
	if err != nil {
		return nil, nil, nil, err
	}
	return j, nil, j.Close, nil
}

// tokenFile is where the tokens are, "" where they are in the keys' database.
func (pl place) tokenFile() (string, error) {
	address, err := pl.keyAddress()
	if err != nil {
		return "", misuse("--journal: %w", err)
	}
	if k, err := kind(address); err == nil && k == overPostgres {
		return "", nil
	}
	return filepath.Join(pl.dir, accessFile), nil
}

// openTokens opens the tokens of a place; it may be done beside a running server.
func (pl place) openTokens(ctx context.Context, now func() time.Time) (*access.Tokens, func() error, error) {
	file, err := pl.tokenFile()
	if err != nil {
		return nil, nil, err
	}
	if file != "" {
		return openTokens(pl.dir, now)
	}
	address, _ := pl.keyAddress()
	db, err := postgres.Open(ctx, address, postgres.Options{Now: now})
	if err != nil {
		return nil, nil, err
	}
	return access.NewTokens(db.Access(), now), db.Close, nil
}

// reading is a ledger opened for reading, also beside a server.
type reading struct {
	Store journal.Store
	log   tlog.Store
	close func() error
}

// read opens a place for reading.
func (pl place) read(ctx context.Context) (*reading, error) {
	shared, err := pl.shared()
	if err == nil {
		err = pl.made()
	}
	if err != nil {
		return nil, err
	}
	if !shared {
		return readLedger(pl.dir)
	}
	var db *postgres.Database
	store, _, done, err := openJournal(ctx, pl.journal, time.Now, func(url string) (*postgres.Database, error) {
		var err error
		db, err = postgres.Open(ctx, url, postgres.Options{})
		return db, err
	})
	if err != nil {
		return nil, err
	}
	if done == nil {
		done = db.Close
	}
	log, err := readLog(pl.dir)
	if err != nil {
		return nil, errors.Join(err, done())
	}
	return &reading{store, log, func() error { return errors.Join(log.Close(), done()) }}, nil
}

// readLedger opens a data directory for reading.
func readLedger(dir string) (*reading, error) {
	store, err := sqlite.OpenJournal(filepath.Join(dir, journalFile), sqlite.Options{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	log, err := readLog(dir)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return &reading{store, log, func() error { return errors.Join(log.Close(), store.Close()) }}, nil
}

// readLog opens a directory's copy of the log, which is empty where it has none.
func readLog(dir string) (tlog.Store, error) {
	if !there(filepath.Join(dir, logFile)) {
		return new(tlog.Memory), nil
	}
	return sqlite.OpenLog(filepath.Join(dir, logFile), true)
}

// Close closes what was opened.
func (r *reading) Close() error { return r.close() }

func there(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, os.ErrNotExist)
}

// sameKeys refuses to make a new key where one is in use elsewhere.
func (pl place) sameKeys(ctx context.Context, j journal.Store, master string) error {
	head, _, err := j.Head(ctx)
	if err != nil {
		return fmt.Errorf("read the journal's head: %w", err)
	}
	signed := false
	for _, err := range j.ReadStream(ctx, string(domain.CheckpointsStream), 0) {
		if err != nil {
			return fmt.Errorf("read what was signed: %w", err)
		}
		signed = true
		break
	}
	logKey := filepath.Join(pl.dir, keyFile)
	for path, inUse := range map[string]bool{master: head > 0, logKey: signed} {
		if inUse && !there(path) {
			return fmt.Errorf("%s is missing beside a journal that was written with one: put there the one of another instance, or of a backup", path)
		}
	}
	return nil
}
