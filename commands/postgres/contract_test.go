package postgres_test

import (
	"errors"
	"flag"
	"testing"
	"time"

	"kelisim/commands/access"
	"kelisim/commands/access/accesstest"
	"kelisim/commands/bus/bustest"
	"kelisim/commands/journal"
	"kelisim/commands/journal/journaltest"
	"kelisim/commands/postgres"
	"kelisim/commands/postgres/postgrestest"
	"kelisim/commands/vault"
	"kelisim/commands/vault/vaulttest"
)

// Each command of the contract's model takes several round trips, so its runs are fewer, unless a number is asked for.
func TestMain(m *testing.M) {
	if checks := flag.Lookup("rapid.checks"); checks != nil {
		_ = checks.Value.Set("20")
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

// reused answers a schema, and what empties it: to make the tables anew for each promise would take longer than to hold it.
func reused(t *testing.T) (address string, empty func()) {
	address = postgrestest.URL(t)
	open(t, address, postgres.Options{})
	return address, func() {
		postgrestest.Exec(t, address, `
			ALTER TABLE events DISABLE TRIGGER USER;
			ALTER TABLE destroyed DISABLE TRIGGER USER;
			DELETE FROM events; DELETE FROM search; DELETE FROM login; DELETE FROM claim; DELETE FROM dek; DELETE FROM destroyed; DELETE FROM subject; DELETE FROM token; DELETE FROM outlet; DELETE FROM delivery;
			UPDATE head SET position = 0, recorded_at = -9223372036854775808;
			UPDATE settled SET at = -9223372036854775808;
			ALTER TABLE events ENABLE ALWAYS TRIGGER events_stay;
			ALTER TABLE destroyed ENABLE ALWAYS TRIGGER destroyed_stay;
			ALTER TABLE destroyed ENABLE ALWAYS TRIGGER destroyed_remain`)
	}
}

// whole is a journal that closes its database.
type whole struct {
	*postgres.Journal
	db *postgres.Database
}

func (w whole) Close() error { return errors.Join(w.Journal.Close(), w.db.Close()) }

func TestJournalKeepsTheContract(t *testing.T) {
	address, empty := reused(t)
	last := ""
	journaltest.Run(t, func(t *testing.T, place string, now func() time.Time) journal.Store {
		if place != last { // no test comes back to a place when it has been at another
			empty()
			last = place
		}
		db, err := postgres.Open(t.Context(), address, postgres.Options{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return whole{db.Journal(), db}
	}, journaltest.Options{Persistent: true, Shared: true})
}

func TestKeysKeepTheContract(t *testing.T) {
	address, empty := reused(t)
	vaulttest.Test(t, func(t *testing.T) vault.Keys {
		empty()
		return open(t, address, postgres.Options{}).Keys()
	})
}

func TestAccessKeepsTheContract(t *testing.T) {
	address, empty := reused(t)
	accesstest.Store(t, func(t *testing.T) (access.Store, access.Store) {
		empty()
		return open(t, address, postgres.Options{}).Access(), open(t, address, postgres.Options{}).Access()
	})
}

func TestBusKeepsTheContract(t *testing.T) {
	address, empty := reused(t)
	bustest.Run(t, func(t *testing.T) (bustest.Store, func() bustest.Store) {
		empty()
		again := func() bustest.Store { return open(t, address, postgres.Options{}).Bus() }
		return again(), again
	})
}
