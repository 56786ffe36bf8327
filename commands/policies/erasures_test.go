package policies_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"kelisim/commands"
	"kelisim/commands/journal"
	"kelisim/commands/policies"
	"kelisim/commands/terms"
	"kelisim/commands/vault"
	"kelisim/domain/catalogue"
)

// stubborn is a key store that can fail to destroy.
type stubborn struct {
	*vault.Memory
	kek   *vault.MemoryKEK
	fails atomic.Bool
}

func (s *stubborn) Destroy(ctx context.Context, d vault.Destruction) ([]string, error) {
	if s.fails.Load() {
		return nil, errors.New("the key store does not destroy now")
	}
	return s.Memory.Destroy(ctx, d)
}

func (s *stubborn) living(t *testing.T) int {
	t.Helper()
	keys, err := s.Live(t.Context(), "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	return len(keys)
}

// erasing is a ledger with a user whose keys are to go, and the policy.
func erasing(t *testing.T) (*commands.Service, *stubborn, *policies.Erasures, *bytes.Buffer) {
	t.Helper()
	time.Sleep(time.Until(time.Date(2026, 1, 31, 7, 0, 0, 0, time.UTC)))
	store := &stubborn{Memory: &vault.Memory{}, kek: vault.NewMemoryKEK()}
	v, err := vault.New(t.Context(), store, store.kek)
	if err != nil {
		t.Fatal(err)
	}
	log := &bytes.Buffer{}
	s := &commands.Service{Journal: journal.New(&journal.Memory{}, catalogue.All()), Vault: v, Now: time.Now, Log: slog.New(slog.NewTextHandler(log, nil))}
	builtin, err := terms.Builtin()
	if err == nil {
		err = builtin.Publish(t.Context(), s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s, store, &policies.Erasures{Service: s, Retention: 35 * 24 * time.Hour, Sweep: s.ReconcileKeys, Log: s.Log}, log
}

func depersonalise(t *testing.T, s *commands.Service, login string) {
	t.Helper()
	do := func(name, subject, body string) commands.Done {
		t.Helper()
		decoded, err := commands.Decode(name, []byte(body), nil)
		if err != nil {
			t.Fatal(err)
		}
		done, err := s.Do(t.Context(), commands.Wish{Command: name, Subject: subject, Body: decoded.Command, Actor: officer, Imported: true})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		time.Sleep(time.Second)
		return done
	}
	user := do("register", "", `{"login":"`+login+`","acceptance":{"button":"register","page":"subscription","language":"kk"},"contacts":{"mobile":"+77015550101"}}`)
	do("depersonalise", user.Answer["user_id"].(string), `{"basis":"retention-ended"}`)
}

// A key that could not be deleted is deleted soon after the store works again, without a restart; until then it is told of and reads as gone.
func TestDestructionIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, policy, log := erasing(t)
		ctx, stop := context.WithCancel(t.Context())
		go policy.Run(ctx)
		store.fails.Store(true)
		depersonalise(t, s, "aigerim")
		time.Sleep(time.Minute)
		synctest.Wait()
		if s.Vault.Outstanding() != 1 || store.living(t) != 3 {
			t.Errorf("%d outstanding, %d keys live", s.Vault.Outstanding(), store.living(t))
		}
		if !strings.Contains(log.String(), "destructions=1") {
			t.Errorf("the log does not tell: %s", log)
		}
		store.fails.Store(false)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if s.Vault.Outstanding() != 0 || store.living(t) != 0 {
			t.Errorf("%d outstanding, %d keys live", s.Vault.Outstanding(), store.living(t))
		}
		said := log.Len()
		time.Sleep(time.Minute)
		synctest.Wait()
		if log.Len() != said {
			t.Errorf("it goes on to tell: %s", log.String()[said:])
		}
		stop()
		synctest.Wait()
	})
}

// An instance that dies between the record of a destruction and the deed is followed by the others, at once; what was recorded while the key store failed them is done
// when it works again.
func TestDestructionOfADeadInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead, store, _, _ := erasing(t)
		store.fails.Store(true)
		depersonalise(t, dead, "before")
		if store.living(t) != 3 {
			t.Fatal("nothing is left to destroy")
		}
		others := &stubborn{Memory: store.Memory}
		v, err := vault.New(t.Context(), others, store.kek)
		if err != nil {
			t.Fatal(err)
		}
		living := &commands.Service{Journal: dead.Journal, Vault: v, Now: time.Now}
		policy := &policies.Erasures{Service: living, Log: dead.Log}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { policy.Follow(ctx, 0); close(ended) }()
		synctest.Wait()
		if store.living(t) != 0 {
			t.Error("what was recorded before is not destroyed")
		}
		depersonalise(t, dead, "after")
		synctest.Wait()
		if store.living(t) != 0 {
			t.Error("what is recorded is not destroyed at once")
		}
		others.fails.Store(true)
		depersonalise(t, dead, "later")
		time.Sleep(time.Minute)
		if store.living(t) != 3 {
			t.Error("it is destroyed by a store that destroys nothing")
		}
		others.fails.Store(false)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if store.living(t) != 0 {
			t.Error("it is not asked again")
		}
		stop()
		<-ended
	})
}

// Once an hour it looks whether what the journal says is destroyed is gone, and drops what no copy of the key store needs.
func TestSweepAndDrop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, policy, log := erasing(t)
		depersonalise(t, s, "aigerim")
		if n, err := s.RotateKeys(t.Context(), commands.Wish{Actor: officer}); n != 2 || err != nil {
			t.Fatal(n, err)
		}
		generations := func(want ...int) {
			t.Helper()
			if got, err := s.Vault.Generations(t.Context()); err != nil || !slices.Equal(got, want) {
				t.Errorf("there are generations %v, want %v (%v)", got, want, err)
			}
		}
		pass := func(after time.Duration) {
			time.Sleep(after)
			policy.Pass(t.Context(), time.Now())
		}
		pass(35*24*time.Hour - time.Hour)
		generations(1, 2)
		pass(2 * time.Hour)
		generations(2)

		// Nothing is dropped while it cannot be looked whether all destroyed keys are gone.
		if n, err := s.RotateKeys(t.Context(), commands.Wish{Actor: officer}); n != 3 || err != nil {
			t.Fatal(n, err)
		}
		policy.Sweep = func(context.Context) error { return errors.New("down") }
		pass(36 * 24 * time.Hour)
		generations(2, 3)
		if !strings.Contains(log.String(), "could not be looked") {
			t.Errorf("the log does not tell: %s", log)
		}
		policy.Sweep = s.ReconcileKeys
		pass(time.Hour - time.Second)
		generations(2, 3)
		pass(time.Second)
		generations(3)
	})
}
