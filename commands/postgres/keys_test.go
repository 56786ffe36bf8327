package postgres_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/commands/postgres"
	"kelisim/commands/postgres/postgrestest"
	"kelisim/commands/vault"
	"kelisim/domain"
)

// spy sees the keys in clear as they are wrapped.
type spy struct {
	vault.KEK
	mu   sync.Mutex
	seen [][]byte
}

func (s *spy) Wrap(ctx context.Context, key, bound []byte) ([]byte, int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, bytes.Clone(key))
	return s.KEK.Wrap(ctx, key, bound)
}

// Neither keys nor what a person is found by stand in the tables; what was destroyed stands in none.
func TestKeysShowNothing(t *testing.T) {
	address := postgrestest.URL(t)
	db := open(t, address, postgres.Options{})
	kek := &spy{KEK: vault.NewMemoryKEK()}
	v, err := vault.New(t.Context(), db.Keys(), kek)
	if err != nil {
		t.Fatal(err)
	}
	planted := []string{"planted-login", "planted@example.kz", "+77015550123", "7015550123", "planted-transaction"}
	subject := uuid.NewString()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(v.Register(t.Context(), subject, planted[0], []vault.Indexed{{Field: vault.Email, Value: planted[1]}, {Field: vault.Mobile, Value: planted[2]}}))
	must(v.Confirm(t.Context(), subject, planted[0]))
	_, err = v.Claim(t.Context(), "planted-kind-is-clear", planted[4], subject)
	must(err)
	standing, err := db.Keys().KeysOf(t.Context(), subject)
	must(err)

	dump := func() string {
		c := postgrestest.Connect(t, address)
		defer c.Close(context.Background())
		var all strings.Builder
		for _, table := range []string{"events", "subject", "dek", "destroyed", "login", "search", "claim", "token"} {
			var text string
			must(c.QueryRow(t.Context(), "SELECT coalesce(string_agg(x::text, ' '), '') FROM "+table+" AS x").Scan(&text))
			all.WriteString(text)
		}
		return strings.ToLower(all.String())
	}
	all := dump()
	if !strings.Contains(all, "planted-kind-is-clear") || !strings.Contains(all, hex.EncodeToString(standing[0].Wrapped)) {
		t.Fatal("this looks at the wrong bytes")
	}
	for _, text := range planted {
		if strings.Contains(all, text) || strings.Contains(all, hex.EncodeToString([]byte(text))) {
			t.Errorf("the tables show %s", text)
		}
	}
	for i, key := range kek.seen {
		if strings.Contains(all, hex.EncodeToString(key)) {
			t.Errorf("the tables show key %d", i)
		}
	}
	_, err = v.Destroy(t.Context(), subject, domain.Destroyed, domain.Identity, domain.Attributes, domain.Freeform)
	must(err)
	all = dump()
	for _, k := range standing {
		if strings.Contains(all, hex.EncodeToString(k.Wrapped)) {
			t.Errorf("the tables show the destroyed key %s", k.ID)
		}
	}
}

// A change whose connection is cut at the commit is not called done, and can be asked for again.
func TestKeysUnknownOutcome(t *testing.T) {
	for _, fate := range []postgrestest.Fate{postgrestest.NeverCame, postgrestest.NoAnswer} {
		proxy, address := postgrestest.NewProxy(t, postgrestest.URL(t))
		k := open(t, address, postgres.Options{}).Keys()
		login := vault.MAC{1}
		c := vault.Change{
			Reserve: []vault.Reservation{{Login: login, Subject: "a", ReservedAt: time.Now(), Instance: "one"}},
			Keys:    []vault.Key{{ID: "a.i", Subject: "a", Class: domain.Identity, Generation: 1, Wrapped: []byte("wrapped")}},
			Index:   []vault.Entry{{Field: vault.Email, Value: vault.MAC{2}, Subject: "a"}},
		}
		var asked atomic.Int32
		proxy.AtCommit(func() postgrestest.Fate {
			if asked.Add(1) == 1 {
				return fate
			}
			return postgrestest.Passes
		})
		if _, err := k.Apply(t.Context(), c); err == nil || asked.Load() != 1 {
			t.Errorf("cut at the commit: %v after %d tries, want an error after the first", err, asked.Load())
		}
		_, stands, err := k.Holder(t.Context(), login)
		if err != nil || stands != (fate == postgrestest.NoAnswer) {
			t.Errorf("it stands: %v (%v)", stands, err)
		}
		if keys, err := k.Apply(t.Context(), c); err != nil || len(keys) != 1 {
			t.Errorf("asked again: %v (%v)", keys, err)
		}
	}
}

// Two changes that want the same logins in another order wait for each other; the server undoes one, and that is tried again and finds who won.
func TestCrossedReservations(t *testing.T) {
	k := open(t, postgrestest.URL(t), postgres.Options{Timeout: time.Minute}).Keys()
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := map[string]int{}
	for _, subject := range []string{"a", "b"} {
		wg.Go(func() {
			var c vault.Change
			for n := range 60 {
				login := vault.MAC{byte(n)}
				if subject == "b" {
					login = vault.MAC{byte(59 - n)}
				}
				c.Reserve = append(c.Reserve, vault.Reservation{Login: login, Subject: subject, ReservedAt: time.Now(), Instance: "one"})
			}
			_, err := k.Apply(t.Context(), c)
			var taken *vault.TakenError
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won[subject]++
			} else if !errors.As(err, &taken) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for n := range 60 {
		r, held, err := k.Holder(t.Context(), vault.MAC{byte(n)})
		if err != nil || !held || won[r.Subject] != 1 || len(won) != 1 {
			t.Fatalf("login %d is %q's (%v), and %v won", n, r.Subject, err, won)
		}
	}
}
