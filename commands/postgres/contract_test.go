package postgres_test

import (
	"errors"
	"flag"
	"testing"
	"time"

	"kelisim/commands/access"
	"kelisim/commands/access/accesstest"
	"kelisim/commands/journal"
	"kelisim/commands/journal/journaltest"
	"kelisim/commands/postgres"
	"kelisim/commands/postgres/postgrestest"
	"kelisim/commands/vault"
	"kelisim/commands/vault/vaulttest"
)

// Each run of the contract's model makes a schema, which takes the server longer than the run: fewer are made, unless a number is asked for.
func TestMain(m *testing.M) {
	if checks := flag.Lookup("rapid.checks"); checks != nil {
		_ = checks.Value.Set("12")
	}
	postgrestest.Main(m)
}

func open(t testing.TB, url string, o postgres.Options) *postgres.Database {
	t.Helper()
	db, err := postgres.Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// whole is a journal that closes its database.
type whole struct {
	*postgres.Journal
	db *postgres.Database
}

func (w whole) Close() error { return errors.Join(w.Journal.Close(), w.db.Close()) }

func TestJournalKeepsTheContract(t *testing.T) {
	schemas := map[string]string{} // by place
	journaltest.Run(t, func(t *testing.T, place string, now func() time.Time) journal.Store {
		url, there := schemas[place]
		if !there {
			url = postgrestest.URL(t)
			schemas[place] = url
		}
		db, err := postgres.Open(t.Context(), url, postgres.Options{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return whole{db.Journal(), db}
	}, journaltest.Options{Persistent: true, Shared: true})
}

func TestKeysKeepTheContract(t *testing.T) {
	vaulttest.Test(t, func(t *testing.T) vault.Keys { return open(t, postgrestest.URL(t), postgres.Options{}).Keys() })
}

func TestAccessKeepsTheContract(t *testing.T) {
	accesstest.Store(t, func(t *testing.T) (access.Store, access.Store) {
		url := postgrestest.URL(t)
		return open(t, url, postgres.Options{}).Access(), open(t, url, postgres.Options{}).Access()
	})
}
