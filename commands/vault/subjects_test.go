package vault_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kelisim/commands/vault"
	"kelisim/domain"
)

func search(values ...string) (out []vault.Indexed) {
	for i := 0; i < len(values); i += 2 {
		out = append(out, vault.Indexed{Field: vault.Field(values[i]), Value: values[i+1]})
	}
	return out
}

func (w *world) finds(t *testing.T, field vault.Field, value string, want ...string) {
	t.Helper()
	got, err := w.Find(ctx, field, value)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("by %s: %v (%v), want %v", field, got, err, want)
	}
}

// taken tells who holds the login that err is about.
func taken(t *testing.T, err error) vault.Reservation {
	t.Helper()
	var e *vault.TakenError
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want that the login is taken", err)
	}
	if errors.Is(err, vault.ErrKeyUnavailable) {
		t.Fatal("a taken login looks like a key store that is down")
	}
	return e.Reservation
}

// T-3.2: one login, one subject, however it is spelt.
func TestRegister(t *testing.T) {
	w := newWorld(t)
	must(t, w.Register(ctx, aliya, "Aliya", search("email", "Aliya@Example.kz", "mobile", "8 (701) 234-56-78", "iin", "791028302728")))
	r := taken(t, w.Register(ctx, berik, " ALIYA ", nil))
	if r.Subject != aliya || !r.ReservedAt.Equal(w.now) || r.Instance != w.Instance() || r.Confirmed || !w.IsOf(r, "aliya") || w.IsOf(r, "berik") {
		t.Errorf("held by %+v", r)
	}
	if strings.Contains(strings.ToLower(fmt.Sprint(w.Register(ctx, berik, "aliya", nil))), "aliya ") {
		t.Error("the refusal repeats the login")
	}
	w.finds(t, vault.Login, "aLIYA", aliya)
	w.finds(t, vault.Email, "aliya@EXAMPLE.kz", aliya)
	w.finds(t, vault.Mobile, "+77012345678", aliya)
	w.finds(t, vault.IIN, "791028302728", aliya)
	w.finds(t, vault.IIN, "990101000004")

	// The same again changes nothing; what was sealed before still opens, also in another process.
	l := written(t, w.Vault, aliya, place)
	w.restart(t)
	must(t, w.Register(ctx, aliya, "aliya", nil))
	must(t, w.Open(ctx, aliya, place, &l))
	reads(t, l, filled())

	// One who lost has no keys, and can register under another login.
	fresh := filled()
	if err := w.Seal(ctx, berik, place, &fresh); !errors.Is(err, vault.ErrKeyUnavailable) {
		t.Errorf("a subject without keys: %v", err)
	}
	must(t, w.Register(ctx, berik, "berik", search("email", "aliya@example.kz")))
	w.finds(t, vault.Email, "aliya@example.kz", aliya, berik)
}

func TestMalformedValues(t *testing.T) {
	w := newWorld(t)
	malformed := func(err error) {
		t.Helper()
		if domain.Code(err) != "invalid-request" || strings.Contains(err.Error(), "850101") {
			t.Errorf("got %v", err)
		}
	}
	malformed(w.Register(ctx, aliya, "850101\x00", nil))
	malformed(w.Register(ctx, aliya, "aliya", search("iin", "850101300600")))
	malformed(w.Register(ctx, aliya, "aliya", search("colour", "850101")))
	malformed(w.Reserve(ctx, aliya, "\n"))
	malformed(w.Confirm(ctx, aliya, "\n"))
	malformed(w.Confirm(ctx, aliya, "aliya", "\n"))
	malformed(w.Takeover(ctx, "", aliya, berik))
	malformed(w.Reserve(ctx, aliya, ""))
	malformed(w.Index(ctx, aliya, search("mobile", "850101")))
	malformed(w.Unindex(ctx, aliya, search("email", "850101")))
	_, err := w.Find(ctx, "colour", "850101")
	malformed(err)
	_, err = w.Find(ctx, vault.IIN, "850101300600")
	malformed(err)
	if err := w.Index(ctx, aliya, search("login", "aliya")); err == nil {
		t.Error("a login was indexed like any other value")
	}
	if keys, _ := w.keys.KeysOf(ctx, aliya); len(keys) > 0 {
		t.Error("a refused registration made keys")
	}
}

// T-3.2: of 64 who want one login at once, one gets it.
func TestOneLoginWins(t *testing.T) {
	w := newWorld(t)
	var mu sync.Mutex
	var won []string
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			subject := fmt.Sprintf("s%02d", i)
			err := w.Register(ctx, subject, "Wanted", search("email", "shared@example.kz"))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won = append(won, subject)
			} else {
				taken(t, err)
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Fatalf("%d won", len(won))
	}
	w.finds(t, vault.Login, "wanted", won[0])
	w.finds(t, vault.Email, "shared@example.kz", won[0])
}

// T-3.1: a login changes in two steps, and the old one is free only after the append.
func TestChangeOfLogin(t *testing.T) {
	w := newWorld(t)
	must(t, w.Register(ctx, aliya, "first", nil))
	must(t, w.Confirm(ctx, aliya, "first"))
	must(t, w.Reserve(ctx, aliya, "second"))
	taken(t, w.Reserve(ctx, berik, "first"))
	taken(t, w.Reserve(ctx, berik, "second"))
	must(t, w.Confirm(ctx, aliya, "second", "first"))
	must(t, w.Flush(ctx))
	w.finds(t, vault.Login, "first")
	w.finds(t, vault.Login, "second", aliya)
	if !taken(t, w.Reserve(ctx, berik, "second")).Confirmed {
		t.Error("the new login is not confirmed")
	}
	// In its spelling alone.
	must(t, w.Reserve(ctx, aliya, "SECOND"))
	must(t, w.Confirm(ctx, aliya, "SECOND", "second"))
	must(t, w.Flush(ctx))
	w.finds(t, vault.Login, "second", aliya)
}

// A subject that takes its old login again while that is being freed ends up with it.
func TestOldLoginIsTakenAgain(t *testing.T) {
	w := newWorld(t)
	slow := &slowRelease{Memory: w.keys, begun: make(chan bool), reached: make(chan bool, 1), goOn: make(chan bool)}
	v, err := vault.New(ctx, slow, w.kek)
	must(t, err)
	w.Vault = v
	must(t, w.Register(ctx, aliya, "first", nil))
	must(t, w.Reserve(ctx, aliya, "second"))
	must(t, w.Confirm(ctx, aliya, "second", "first"))
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := w.Register(ctx, berik, "berik", nil); err != nil { // carries the release
			t.Error(err)
		}
	})
	<-slow.begun
	wg.Go(func() {
		if err := w.Reserve(ctx, aliya, "first"); err != nil {
			t.Error(err)
		}
		if err := w.Confirm(ctx, aliya, "first", "second"); err != nil {
			t.Error(err)
		}
	})
	select {
	case <-slow.reached: // the store was asked before the release was done
	case <-time.After(20 * time.Millisecond):
	}
	close(slow.goOn)
	wg.Wait()
	must(t, w.Flush(ctx))
	w.finds(t, vault.Login, "first", aliya)
	w.finds(t, vault.Login, "second")
}

// slowRelease stops the first change that frees a login, before it is done, and tells of the next.
type slowRelease struct {
	*vault.Memory
	stopped              atomic.Bool
	begun, reached, goOn chan bool
}

func (s *slowRelease) Apply(ctx context.Context, c vault.Change) ([]vault.Key, error) {
	if len(c.Release) > 0 && s.stopped.CompareAndSwap(false, true) {
		s.begun <- true
		<-s.goOn
		return s.Memory.Apply(ctx, c)
	}
	keys, err := s.Memory.Apply(ctx, c)
	if s.stopped.Load() {
		select {
		case s.reached <- true:
		default:
		}
	}
	return keys, err
}

// Confirmations ride along with the next change, and survive a store that is down.
func TestConfirmationsAreLazy(t *testing.T) {
	w := newWorld(t)
	list := func(want ...string) {
		t.Helper()
		rs, err := w.Unconfirmed(ctx, w.now.Add(time.Hour), 100)
		var got []string
		for _, r := range rs {
			got = append(got, r.Subject)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("unconfirmed: %v (%v), want %v", got, err, want)
		}
	}
	for i := range 4 {
		must(t, w.Register(ctx, fmt.Sprint("s", i), fmt.Sprint("login", i), nil))
		w.now = w.now.Add(time.Minute)
	}
	list("s0", "s1", "s2", "s3")
	must(t, w.Confirm(ctx, "s0", "login0"))
	list("s1", "s2", "s3") // it looks at what waits first
	must(t, w.Confirm(ctx, "s1", "login1"))
	must(t, w.Register(ctx, "s4", "login4", nil)) // carries it
	v, err := vault.New(ctx, w.keys, w.kek)
	must(t, err)
	w.Vault = v // what waited is gone with the process
	list("s2", "s3", "s4")

	must(t, w.Confirm(ctx, "s2", "login2"))
	w.keys.Break(errDown)
	if err := w.Flush(ctx); !errors.Is(err, vault.ErrKeyUnavailable) {
		t.Errorf("%v", err)
	}
	w.keys.Break(nil)
	taken(t, w.Register(ctx, "s5", "login4", nil)) // a refused change carries nothing, and loses nothing
	list("s3", "s4")

	for range 200 {
		must(t, w.Confirm(ctx, "s3", "login3"))
	}
	w.restart(t)
	list("s4")
}

// A reservation whose stream stayed empty is given up, or given to another.
func TestHealing(t *testing.T) {
	w := newWorld(t)
	email := search("email", "a@example.kz")
	must(t, w.Register(ctx, aliya, "wanted", email))
	rs, err := w.Unconfirmed(ctx, w.now.Add(time.Second), 10)
	must(t, err)
	must(t, w.Abandon(ctx, rs[0]))
	w.finds(t, vault.Login, "wanted")
	w.finds(t, vault.Email, "a@example.kz")
	must(t, w.Register(ctx, aliya, "wanted", email)) // the same subject may come back

	must(t, w.Takeover(ctx, "Wanted", aliya, berik))
	w.finds(t, vault.Login, "wanted", berik)
	w.finds(t, vault.Email, "a@example.kz")
	if r := taken(t, w.Takeover(ctx, "wanted", aliya, "third")); r.Subject != berik {
		t.Errorf("held by %s", r.Subject)
	}
	must(t, w.Register(ctx, berik, "wanted", email))
	must(t, w.Confirm(ctx, berik, "wanted"))
	if r := taken(t, w.Takeover(ctx, "wanted", berik, "third")); r.Subject != berik || !r.Confirmed {
		t.Errorf("a confirmed login was taken over: %+v", r)
	}
	must(t, w.Abandon(ctx, vault.Reservation{Login: rs[0].Login, Subject: berik}))
	w.finds(t, vault.Login, "wanted", berik)
	w.finds(t, vault.Email, "a@example.kz", berik)
}

func TestIndex(t *testing.T) {
	w := newWorld(t)
	must(t, w.Register(ctx, aliya, "aliya", nil))
	must(t, w.Index(ctx, aliya, search("email", "a@b.kz", "mobile", "87012345678")))
	must(t, w.Index(ctx, aliya, search("email", "c@d.kz")))
	w.finds(t, vault.Email, "a@b.kz", aliya)
	w.finds(t, vault.Email, "c@d.kz", aliya)
	w.finds(t, vault.Mobile, "+7 701 234 56 78", aliya)
	must(t, w.Unindex(ctx, aliya, search("email", "A@B.kz")))
	w.finds(t, vault.Email, "a@b.kz")
	w.finds(t, vault.Email, "c@d.kz", aliya)
}

// One value has another hash in each field, and under each master key.
func TestHashesHaveNothingInCommon(t *testing.T) {
	seen := map[vault.MAC]bool{}
	for range 2 {
		w := newWorld(t)
		r := &recorder{Memory: w.keys}
		v, err := vault.New(ctx, r, w.kek)
		must(t, err)
		must(t, v.Register(ctx, aliya, "a@b.kz", search("email", "a@b.kz")))
		must(t, v.Reserve(ctx, aliya, "87012345678"))
		must(t, v.Reserve(ctx, aliya, "+77012345678"))
		must(t, v.Reserve(ctx, aliya, "791028302728"))
		must(t, v.Index(ctx, aliya, search("mobile", "87012345678", "iin", "791028302728")))
		if len(r.seen) != 7 {
			t.Fatalf("%d hashes", len(r.seen))
		}
		for _, m := range r.seen {
			if seen[m] {
				t.Error("two fields, or two master keys, share a hash")
			}
			seen[m] = true
		}
	}
}

// recorder notes the hashes that reach the store.
type recorder struct {
	*vault.Memory
	seen []vault.MAC
}

func (r *recorder) Apply(ctx context.Context, c vault.Change) ([]vault.Key, error) {
	for _, x := range c.Reserve {
		r.seen = append(r.seen, x.Login)
	}
	for _, x := range c.Index {
		r.seen = append(r.seen, x.Value)
	}
	return r.Memory.Apply(ctx, c)
}

// A processor's transaction is one user's for ever, also after that user's data was destroyed.
func TestClaim(t *testing.T) {
	w := newWorld(t)
	claim := func(kind, thing, owner, want string) {
		t.Helper()
		if got, err := w.Claim(ctx, kind, thing, owner); got != want || err != nil {
			t.Errorf("%s %s is %s's (%v), want %s's", kind, thing, got, err, want)
		}
	}
	must(t, w.Register(ctx, aliya, "aliya", nil))
	claim("cloudpayments", "1", aliya, aliya)
	claim("cloudpayments", "1", berik, aliya)
	claim("cloudpayments", "2", berik, berik)
	claim("other", "1", berik, berik)
	claim("master-key", "", berik, berik) // the vault's own mark is not among them
	_, err := w.Destroy(ctx, aliya, domain.Destroyed, domain.Identity, domain.Attributes, domain.Freeform)
	must(t, err)
	w.restart(t)
	claim("cloudpayments", "1", berik, aliya)
}
