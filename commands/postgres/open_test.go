package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"kelisim/commands/access"
	"kelisim/commands/journal"
	"kelisim/commands/postgres"
	"kelisim/commands/postgres/postgrestest"
	"kelisim/commands/vault"
	"kelisim/domain"
)

func TestManyOpenAtOnce(t *testing.T) {
	address := postgrestest.URL(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			db, err := postgres.Open(t.Context(), address, postgres.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := db.Journal().Append(t.Context(), fmt.Sprint("user-", i), journal.NoStream, wish(1)); err != nil {
				t.Error(err)
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := len(all(t, open(t, address, postgres.Options{}).Journal())); got != 8 {
		t.Errorf("%d events, want 8", got)
	}
}

func TestNewerTablesAreRefused(t *testing.T) {
	address := postgrestest.URL(t)
	open(t, address, postgres.Options{})
	postgrestest.Exec(t, address, "UPDATE schema_version SET version = 99")
	if _, err := postgres.Open(t.Context(), address, postgres.Options{}); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("opened newer tables: %v", err)
	}
}

// A server that would acknowledge what it may lose is refused, at the beginning and in the midst.
func TestWeakSettingsAreRefused(t *testing.T) {
	address := postgrestest.URL(t)
	weak := func(what string, err error) {
		t.Helper()
		var e *postgres.WeakError
		if !errors.As(err, &e) || !strings.Contains(err.Error(), what) {
			t.Errorf("%v, want that %s is too weak", err, what)
		}
	}
	began := time.Now()
	_, err := postgres.Open(t.Context(), postgrestest.With(address, "synchronous_commit", "off"), postgres.Options{Timeout: time.Hour})
	weak("synchronous_commit is off", err)
	if time.Since(began) > 30*time.Minute {
		t.Error("a refusal was waited for")
	}
	open(t, postgrestest.With(address, "synchronous_commit", "local"), postgres.Options{}) // there is no standby

	// A trigger of the schema turns the setting down once the connection stands.
	db := open(t, address, postgres.Options{})
	mustAppend(t, db.Journal(), "user-a", journal.NoStream, wish(1))
	postgrestest.Exec(t, address,
		`CREATE FUNCTION weaken() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM set_config(''synchronous_commit'', ''off'', false); RETURN NULL; END'`,
		`CREATE TRIGGER weaken AFTER UPDATE ON head FOR EACH STATEMENT EXECUTE FUNCTION weaken()`)
	mustAppend(t, db.Journal(), "user-a", 0, wish(1))
	_, err = db.Journal().Append(t.Context(), "user-a", 1, wish(1))
	weak("synchronous_commit is off", err)
	if !errors.Is(err, journal.ErrNotWritten) {
		t.Errorf("%v, want that it was not written", err)
	}
}

// Whatever is given up ends within its deadline, and no cancel request follows it: during the wait for a standby the server would take one as leave to
// go on without.
func TestNoCancelRequest(t *testing.T) {
	proxy, address := postgrestest.NewProxy(t, postgrestest.URL(t))
	db := open(t, address, postgres.Options{Timeout: time.Minute})
	records := wish(1)
	mustAppend(t, db.Journal(), "user-a", journal.NoStream, records)
	calls := everyCall(db, records)
	for name, call := range calls { // on connections that stand
		if err := call(t.Context()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	proxy.Stall(true)
	var wg sync.WaitGroup
	for name, call := range calls {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			defer cancel()
			if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s while the server does not answer: %v", name, err)
			}
		})
	}
	wg.Wait()
	proxy.Stall(false)
	for name, call := range calls {
		if err := call(t.Context()); err != nil {
			t.Errorf("%s, when the server answers again: %v", name, err)
		}
	}
	if n := proxy.Cancels(); n > 0 {
		t.Errorf("%d cancel requests were sent", n)
	}
}

// A commit that is not answered ends by the database's timeout, whatever the caller's context would allow.
func TestAppendEndsByItself(t *testing.T) {
	direct := postgrestest.URL(t)
	other := open(t, direct, postgres.Options{}).Journal()
	proxy, address := postgrestest.NewProxy(t, direct)
	j := open(t, address, postgres.Options{Timeout: 4 * time.Second}).Journal()
	goOn := make(chan struct{})
	proxy.AtCommit(func() postgrestest.Fate { <-goOn; return postgrestest.Passes })
	records := wish(1)
	// On a busy machine the time may have passed before the append began.
	err := errors.New("not asked yet")
	postgrestest.Until(t, func() bool {
		_, err = j.Append(context.Background(), "user-a", journal.NoStream, records)
		return !errors.Is(err, journal.ErrNotWritten)
	})
	if !errors.Is(err, journal.ErrUnknown) {
		t.Errorf("a commit that is not answered: %v, want ErrUnknown", err)
	}
	close(goOn)
	mustAppend(t, other, "user-a", journal.NoStream, records) // when the server has ended the transaction that was given up
	if n := proxy.Cancels(); n > 0 {
		t.Errorf("%d cancel requests were sent", n)
	}
}

// everyCall holds one call of each method that asks the server, which may be made again and again; the records stand as user-a's first.
func everyCall(db *postgres.Database, records []journal.NewRecord) map[string]func(context.Context) error {
	j, k, a := db.Journal(), db.Keys(), db.Access()
	first := func(records func(func(journal.Record, error) bool)) (err error) {
		records(func(_ journal.Record, e error) bool { err = e; return false })
		return err
	}
	var mac vault.MAC
	return map[string]func(context.Context) error{
		"Append": func(ctx context.Context) error {
			_, err := j.Append(ctx, "user-a", journal.NoStream, records)
			return err
		},
		"ReadAll":    func(ctx context.Context) error { return first(j.ReadAll(ctx, 0)) },
		"ReadStream": func(ctx context.Context) error { return first(j.ReadStream(ctx, "user-a", 0)) },
		"Head":       func(ctx context.Context) error { _, _, err := j.Head(ctx); return err },
		"Settled":    func(ctx context.Context) error { _, err := j.Settled(ctx); return err },
		"Apply": func(ctx context.Context) error {
			_, err := k.Apply(ctx, vault.Change{Confirm: []vault.Holding{{Subject: "a"}}})
			return err
		},
		"Claim": func(ctx context.Context) error { _, err := k.Claim(ctx, vault.Claim{Kind: "k"}); return err },
		"Destroy": func(ctx context.Context) error {
			_, err := k.Destroy(ctx, vault.Destruction{Subject: "b", IDs: []string{"k"}, As: domain.Destroyed})
			return err
		},
		"Rewrap":      func(ctx context.Context) error { return k.Rewrap(ctx, []vault.Key{{ID: "k"}}) },
		"KeysOf":      func(ctx context.Context) error { _, err := k.KeysOf(ctx, "a"); return err },
		"Key":         func(ctx context.Context) error { _, err := k.Live(ctx, "", 1); return err },
		"Holder":      func(ctx context.Context) error { _, _, err := k.Holder(ctx, mac); return err },
		"Unconfirmed": func(ctx context.Context) error { _, err := k.Unconfirmed(ctx, time.Now(), 1); return err },
		"Find":        func(ctx context.Context) error { _, err := k.Find(ctx, vault.Email, mac, 1); return err },
		"Insert": func(ctx context.Context) error {
			return a.Insert(ctx, access.Record{Token: access.Token{ID: "a", Name: "a", ExpiresAt: time.Now().Add(time.Hour)}})
		},
		"Find token": func(ctx context.Context) error { _, _, err := a.Find(ctx, "a"); return err },
		"List":       func(ctx context.Context) error { _, err := a.List(ctx); return err },
		"Revoke":     func(ctx context.Context) error { _, err := a.Revoke(ctx, "a", time.Now()); return err },
		"Touch":      func(ctx context.Context) error { return a.Touch(ctx, "a", time.Now()) },
	}
}

// Wherever the opening fails, what it says shows no password.
func TestNoPasswordShows(t *testing.T) {
	address := postgrestest.URL(t)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("locked", "planted-secret")
	locked := u.String()
	u.Host = "127.0.0.1:1"
	closed := u.String()
	u.Host = "kelisim.invalid,127.0.0.1:1"
	for _, bad := range []string{
		locked, closed, u.String(), address + "&sslmode=planted-secret", address + "&search_path=planted-secret",
		"postgres://kelisim:planted-secret@[::1", "postgres://kelisim:planted-secret@localhost:port/x", "postgres://kelisim:planted-secret@h/%zz",
		"host=localhost password=planted-secret", "planted-secret", "postgres://kelisim@127.0.0.1:1/x?password=planted-secret&connect_timeout=x",
	} {
		_, err := postgres.Open(t.Context(), bad, postgres.Options{Timeout: 100 * time.Millisecond})
		if err == nil {
			t.Errorf("opened %s", bad)
		} else if text := fmt.Sprintf("%v %+v %q", err, err, err); strings.Contains(text, "planted-secret") {
			t.Errorf("the error shows the password: %s", text)
		}
	}
}
