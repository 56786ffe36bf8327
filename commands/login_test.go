package commands_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kelisim/commands"
	"kelisim/commands/journal"
	"kelisim/commands/vault"
	"kelisim/domain"
	"kelisim/domain/account"
)

// T-3.1: of registrations that race for one login, whatever its spelling, one wins.
func TestOneLoginUnderRaces(t *testing.T) {
	b := newBench(t)
	spellings := []string{"aigerim", " Aigerim", "AIGERIM ", "aıgerim"}
	var wg sync.WaitGroup
	var won atomic.Int64
	for i := range 64 {
		login := spellings[i%3]
		wish := b.wish("register", "", fmt.Sprintf("k%d", i), fmt.Sprintf(`{"login":%q,"acceptance":%s,"contacts":{"email":"u%d@example.kz"}}`,
			login, b.accept("register", "subscription", "terms", "personal-data"), i))
		wg.Go(func() {
			_, err := b.Do(t.Context(), wish)
			switch domain.Code(err) {
			case "":
				if err != nil {
					t.Errorf("registration: %v", err)
				}
				won.Add(1)
			case "login-taken":
			default:
				t.Errorf("registration: %v", err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d registrations won one login", won.Load())
	}
	if found, err := b.Find(t.Context(), vault.Login, "Aigerim"); err != nil || len(found) != 1 {
		t.Errorf("the login finds %v (%v)", found, err)
	}
}

// A process that dies between the reservation of a login and the registration leaves the login to be had again: at once after a restart,
// and by the same request or by another person's.
func TestCrashBetweenReservationAndRegistration(t *testing.T) {
	for _, healed := range []bool{true, false} {
		b := newBench(t)
		wish := b.wish("register", "", "k1", b.registration("aigerim"))
		b.store.Fail = func(string) journal.Failure { return journal.Refused }
		if _, err := b.Do(t.Context(), wish); !errors.Is(err, journal.ErrNotWritten) {
			t.Fatalf("the crash: %v", err)
		}
		b.store.Fail = nil
		if _, err := b.Do(t.Context(), b.wish("register", "", "k2", b.registration("aigerim"))); domain.Code(err) != "login-taken" {
			t.Fatalf("a moment after, the slow writer may still come: %v", err)
		}
		b.open()
		if healed {
			if err := b.Heal(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		done, err := b.Do(t.Context(), b.wish("register", "", "k2", b.registration("aigerim")))
		if err != nil {
			t.Fatalf("after the restart (healed %v): %v", healed, err)
		}
		// The slow writer loses cleanly.
		if _, err := b.Do(t.Context(), wish); domain.Code(err) != "registration-abandoned" && domain.Code(err) != "login-taken" {
			t.Errorf("the slow writer: %v", err)
		}
		found, err := b.Find(t.Context(), vault.Login, "aigerim")
		if err != nil || len(found) != 1 || string(found[0]) != done.Answer["user_id"] {
			t.Errorf("the login finds %v (%v)", found, err)
		}
	}
}

// The same request, sent again after the crash, goes through, whether or not the login was given up meanwhile.
func TestCrashThenTheSameRegistration(t *testing.T) {
	for _, healed := range []bool{true, false} {
		b := newBench(t)
		wish := b.wish("register", "", "k1", b.registration("aigerim"))
		b.store.Fail = func(string) journal.Failure { return journal.Refused }
		if _, err := b.Do(t.Context(), wish); err == nil {
			t.Fatal("the crash did not happen")
		}
		b.store.Fail = nil
		b.open()
		if healed {
			if err := b.Heal(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := b.Do(t.Context(), wish); err != nil {
			t.Errorf("the same request (healed %v): %v", healed, err)
		}
	}
}

// An old reservation of this very process is given up too.
func TestSlowReservationIsGivenUp(t *testing.T) {
	b := newBench(t)
	b.store.Fail = func(string) journal.Failure { return journal.Refused }
	_, _ = b.Do(t.Context(), b.wish("register", "", "k1", b.registration("aigerim")))
	b.store.Fail = nil
	b.move(time.Minute)
	if _, err := b.Do(t.Context(), b.wish("register", "", "k2", b.registration("aigerim"))); err != nil {
		t.Error(err)
	}
}

// A changed login frees the old one and takes the new; contacts are found by their newest value alone.
func TestChangeLoginAndContacts(t *testing.T) {
	b := newBench(t)
	id := b.register("aigerim")
	b.do("change-login", string(id), `{"login":"aigerim.k"}`)
	b.do("change-contacts", string(id), `{"email":"new@example.kz","mobile":"8 701 123 45 67"}`)
	for value, field := range map[string]vault.Field{"aigerim": vault.Login, "aigerim@example.kz": vault.Email} {
		if found, err := b.Find(t.Context(), field, value); err != nil || len(found) != 0 {
			t.Errorf("the old %s finds %v (%v)", field, found, err)
		}
	}
	for value, field := range map[string]vault.Field{"AIGERIM.K": vault.Login, "new@example.kz": vault.Email, "+77011234567": vault.Mobile} {
		if found, err := b.Find(t.Context(), field, value); err != nil || len(found) != 1 || found[0] != id {
			t.Errorf("the new %s finds %v (%v)", field, found, err)
		}
	}
	other := b.register("aigerim") // the old login is free again
	if _, err := b.Do(t.Context(), b.wish("change-login", string(other), "", `{"login":"Aigerim.K"}`)); domain.Code(err) != "login-taken" {
		t.Errorf("another's login: %v", err)
	}
}

// A user who is not there and one whose registration was abandoned are not found.
func TestAbandonedUserIsNotFound(t *testing.T) {
	b := newBench(t)
	b.store.Shared = true // else a dead process's registration is only let go of
	b.store.Fail = func(string) journal.Failure { return journal.Refused }
	wish := b.wish("register", "", "k1", b.registration("aigerim"))
	_, _ = b.Do(t.Context(), wish)
	b.store.Fail = nil
	b.open()
	b.move(time.Minute) // else it could be a living process's
	if err := b.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	var abandoned domain.UserID
	for e, err := range b.Journal.ReadAll(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := e.Data.(account.RegistrationAbandoned); ok {
			abandoned, _ = domain.Stream(e.Stream).User()
		}
	}
	if abandoned == "" {
		t.Fatal("nothing was abandoned")
	}
	if _, err := b.Snapshot(t.Context(), abandoned, commands.Known{}); domain.Code(err) != "user-not-found" {
		t.Errorf("an abandoned user: %v", err)
	}
	if _, err := b.Do(t.Context(), b.wish("block", string(abandoned), "", `{"clause":"T-6.1"}`)); domain.Code(err) != "user-not-found" {
		t.Errorf("a command to an abandoned user: %v", err)
	}
}

// T-3.1: a process that starts beside others takes no registration from them that is under way.
func TestHealLeavesLivingRegistrations(t *testing.T) {
	b := newBench(t)
	b.store.Shared = true
	living, wish := b.Service, b.wish("register", "", "k1", b.registration("aigerim"))
	b.store.Fail = func(string) journal.Failure { return journal.Refused } // the login is reserved, and the append is slow
	_, _ = b.Do(t.Context(), wish)
	b.store.Fail = nil
	b.open()
	if err := b.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Do(t.Context(), b.wish("register", "", "k2", b.registration("aigerim"))); domain.Code(err) != "login-taken" {
		t.Errorf("another's registration: %v", err)
	}
	if _, err := living.Do(t.Context(), wish); err != nil {
		t.Errorf("the registration that was under way: %v", err)
	}
}
