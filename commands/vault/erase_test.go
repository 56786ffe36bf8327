package vault_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

	"kelisim/commands/vault"
	"kelisim/domain"
)

var all = []domain.Class{domain.Identity, domain.Attributes, domain.Freeform}

// P-1.5: depersonalised, a letter keeps its attributes; destroyed, nothing. Reading it is no error and says which.
func TestDestroy(t *testing.T) {
	w := newWorld(t)
	must(t, w.Register(ctx, aliya, "Aliya", search("email", "a@b.kz")))
	l := written(t, w.Vault, aliya, place)
	read := func(what string, want map[domain.PersonalState]string) {
		t.Helper()
		for range 2 { // with the keys in memory, and without
			back := stored(t, l)
			if err := w.Open(ctx, aliya, place, &back); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			if got := back.states(); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: %v, want %v", what, got, want)
			}
			w.restart(t)
		}
	}
	read("before", map[domain.PersonalState]string{domain.Available: "name emails.0 emails.1 region note"})

	named, err := w.KeyIDs(ctx, aliya, domain.Identity, domain.Freeform)
	must(t, err)
	warm := stored(t, l)
	must(t, w.Open(ctx, aliya, place, &warm))
	ids, err := w.Destroy(ctx, aliya, domain.Depersonalised, domain.Identity, domain.Freeform)
	if err != nil || len(ids) != 2 || !slices.Equal(ids, named) {
		t.Errorf("destroyed %v (%v), named %v", ids, err, named)
	}
	read("depersonalised", map[domain.PersonalState]string{domain.Depersonalised: "name emails.0 emails.1 note", domain.Available: "region"})
	w.finds(t, vault.Login, "aliya")
	w.finds(t, vault.Email, "a@b.kz")
	must(t, w.Register(ctx, berik, "aliya", nil)) // decision 19

	fresh := filled()
	for what, err := range map[string]error{
		"seal": w.Seal(ctx, aliya, place, &fresh), "register": w.Register(ctx, aliya, "new", nil), "keys": w.Register(ctx, aliya, "", nil),
		"reserve": w.Reserve(ctx, aliya, "new"), "index": w.Index(ctx, aliya, search("email", "a@b.kz")),
	} {
		if !errors.Is(err, vault.ErrErased) || domain.Code(err) != "destroyed" || errors.Is(err, vault.ErrKeyUnavailable) {
			t.Errorf("%s: %v", what, err)
		}
	}
	region := letter{Region: domain.NewPersonal("Almaty")}
	must(t, w.Seal(ctx, aliya, place, &region))

	ids, err = w.Destroy(ctx, aliya, domain.Destroyed, all...)
	if err != nil || len(ids) != 3 {
		t.Errorf("destroyed %v (%v)", ids, err)
	}
	read("destroyed", map[domain.PersonalState]string{domain.Destroyed: "name emails.0 emails.1 region note"})
	again, err := w.Destroy(ctx, aliya, domain.Destroyed, all...)
	if err != nil || !slices.Equal(again, ids) {
		t.Errorf("destroyed again %v (%v)", again, err)
	}
	if _, err := w.Destroy(ctx, aliya, domain.Available, all...); err == nil {
		t.Error("destroyed, and available")
	}
}

// E10: two subjects in one event; destroying one leaves the other to be read.
func TestTwoSubjects(t *testing.T) {
	w := newWorld(t)
	must(t, w.Register(ctx, aliya, "", nil))
	must(t, w.Register(ctx, berik, "", nil))
	ours, theirs := written(t, w.Vault, aliya, place), written(t, w.Vault, berik, place)
	both := func() letter {
		l := stored(t, ours)
		l.Note = stored(t, theirs).Note
		return l
	}
	l := both()
	must(t, w.Open(ctx, aliya, place, &l))
	reads(t, l, filled())
	_, err := w.Destroy(ctx, aliya, domain.Destroyed, all...)
	must(t, err)
	for _, subject := range []string{aliya, berik, ""} {
		l = both()
		must(t, w.Open(ctx, subject, place, &l))
		got := l.states()
		if got[domain.Available] != "note" || got[domain.Destroyed] != "name emails.0 emails.1 region" {
			t.Errorf("%v", got)
		}
	}
}

// A reader that began before a destruction leaves no key in memory after it.
func TestDestroyPurgesTheCache(t *testing.T) {
	w := newWorld(t)
	must(t, w.Register(ctx, aliya, "", nil))
	l := written(t, w.Vault, aliya, place)
	slow := &slowKeys{Memory: w.keys, read: make(chan bool), goOn: make(chan bool)}
	v, err := vault.New(ctx, slow, w.kek)
	must(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		back := stored(t, l)
		_ = v.Open(ctx, aliya, place, &back)
	})
	<-slow.read
	_, err = v.Destroy(ctx, aliya, domain.Destroyed, all...)
	must(t, err)
	slow.goOn <- true
	wg.Wait()
	back := stored(t, l)
	must(t, v.Open(ctx, aliya, place, &back))
	if got := back.states(); got[domain.Available] != "" {
		t.Errorf("after the destruction: %v", got)
	}
}

// slowKeys stops the first reader between its reading and its answer.
type slowKeys struct {
	*vault.Memory
	once       sync.Once
	read, goOn chan bool
}

func (s *slowKeys) KeysOf(ctx context.Context, subject string) ([]vault.Key, error) {
	keys, err := s.Memory.KeysOf(ctx, subject)
	s.once.Do(func() {
		s.read <- true
		<-s.goOn
	})
	return keys, err
}

// E4: an older key store brings destroyed keys, logins and search entries back; what the journal tells takes them away again.
func TestReconcile(t *testing.T) {
	for _, as := range []domain.PersonalState{domain.Depersonalised, domain.Destroyed} {
		w := newWorld(t)
		must(t, w.Register(ctx, aliya, "Aliya", search("email", "a@b.kz")))
		must(t, w.Register(ctx, berik, "Berik", nil))
		ids, err := w.KeyIDs(ctx, aliya, domain.Identity, domain.Freeform)
		must(t, err)
		l := written(t, w.Vault, aliya, place)
		theirs := written(t, w.Vault, berik, place)
		w.restart(t)
		must(t, w.Open(ctx, aliya, place, &l)) // brought back, and in memory

		must(t, w.Reconcile(ctx, aliya, as, ids...))
		l = stored(t, l)
		must(t, w.Open(ctx, aliya, place, &l))
		if got := l.states(); got[as] != "name emails.0 emails.1 note" || got[domain.Available] != "region" {
			t.Errorf("%s: %v", as, got)
		}
		w.finds(t, vault.Login, "aliya")
		w.finds(t, vault.Email, "a@b.kz")
		w.finds(t, vault.Login, "berik", berik)
		must(t, w.Open(ctx, berik, place, &theirs))

		// Told again it writes nothing.
		idle, err := vault.New(ctx, onlyReads{w.keys}, w.kek)
		must(t, err)
		must(t, idle.Reconcile(ctx, aliya, as, ids...))
		// Destroyed after it was depersonalised; and then of no less.
		must(t, w.Reconcile(ctx, aliya, domain.Destroyed, ids...))
		must(t, idle.Reconcile(ctx, aliya, domain.Depersonalised, ids...))
		l = stored(t, l)
		must(t, w.Open(ctx, aliya, place, &l))
		if got := l.states(); got[domain.Destroyed] != "name emails.0 emails.1 note" {
			t.Errorf("%v", got)
		}
	}

	// A store from before the subject was registered.
	w, older := newWorld(t), newWorld(t)
	must(t, w.Register(ctx, aliya, "Aliya", nil))
	l := written(t, w.Vault, aliya, place)
	ids, err := w.KeyIDs(ctx, aliya, all...)
	must(t, err)
	must(t, older.Reconcile(ctx, aliya, domain.Destroyed, ids...))
	must(t, older.Open(ctx, aliya, place, &l))
	if got := l.states(); got[domain.Destroyed] != "name emails.0 emails.1 region note" {
		t.Errorf("%v", got)
	}
	fresh := filled()
	if err := older.Seal(ctx, aliya, place, &fresh); !errors.Is(err, vault.ErrErased) {
		t.Errorf("sealed for an erased subject: %v", err)
	}
}

// onlyReads destroys nothing.
type onlyReads struct{ *vault.Memory }

func (onlyReads) Destroy(context.Context, vault.Destruction) ([]string, error) { return nil, errDown }

// A new generation takes all living keys along; when the old one is dropped, an old copy of the store is of no use.
func TestRotate(t *testing.T) {
	w := newWorld(t)
	letters := map[string]letter{}
	for range 400 { // more keys than one page
		subject := uuid.NewString()
		must(t, w.Register(ctx, subject, "", nil))
		letters[subject] = written(t, w.Vault, subject, place)
	}
	must(t, w.Register(ctx, aliya, "Aliya", nil))
	l := written(t, w.Vault, aliya, place)
	backup, err := w.keys.KeysOf(ctx, aliya)
	must(t, err)
	_, err = w.Destroy(ctx, aliya, domain.Destroyed, all...)
	must(t, err)
	if err := w.DropGeneration(ctx, 1); err == nil {
		t.Fatal("the newest generation was dropped")
	}

	g, err := w.RotateTo(ctx, 0)
	if g != 2 || err != nil {
		t.Fatalf("generation %d, %v", g, err)
	}
	w.restart(t)
	for subject, l := range letters {
		must(t, w.Open(ctx, subject, place, &l))
		reads(t, l, filled())
	}
	w.finds(t, vault.Login, "aliya") // derived secrets stay what they were
	must(t, w.Register(ctx, berik, "berik", nil))
	live, err := w.keys.Live(ctx, "", 10_000)
	must(t, err)
	if i := slices.IndexFunc(live, func(k vault.Key) bool { return k.Generation != 2 }); i >= 0 || len(live) != 401*3 {
		t.Fatalf("of %d keys, number %d is left behind", len(live), i)
	}

	// The backup still opens under the first generation, and no more when it is dropped.
	reopened := func() error {
		keys := &vault.Memory{}
		if _, err := keys.Apply(ctx, vault.Change{Keys: backup}); err != nil {
			t.Fatal(err)
		}
		v, err := vault.New(ctx, keys, w.kek)
		must(t, err)
		back := stored(t, l)
		return v.Open(ctx, aliya, place, &back)
	}
	must(t, reopened())
	must(t, w.DropGeneration(ctx, 1))
	must(t, w.DropGeneration(ctx, 1))
	if err := reopened(); !errors.Is(err, vault.ErrKeyUnavailable) {
		t.Errorf("a destroyed key came back from a backup: %v", err)
	}
	for subject, l := range letters {
		back := stored(t, l)
		must(t, w.Open(ctx, subject, place, &back))
	}
}

// A rotation that is cut short loses nothing, and the next one ends it.
func TestRotateIsCutShort(t *testing.T) {
	w := newWorld(t)
	letters := map[string]letter{}
	for range 400 {
		subject := uuid.NewString()
		must(t, w.Register(ctx, subject, "", nil))
		letters[subject] = written(t, w.Vault, subject, place)
	}
	broken := &brokenRewrap{Memory: w.keys, good: 1}
	v, err := vault.New(ctx, broken, w.kek)
	must(t, err)
	if _, err := v.RotateTo(ctx, 0); !errors.Is(err, vault.ErrKeyUnavailable) {
		t.Fatalf("%v", err)
	}
	w.restart(t)
	for subject, l := range letters {
		back := stored(t, l)
		must(t, w.Open(ctx, subject, place, &back))
	}
	for _, old := range []int{1, 2} {
		if err := w.DropGeneration(ctx, old); err == nil {
			t.Errorf("generation %d is in use and was dropped", old)
		}
	}
	if g, err := w.RotateTo(ctx, 0); g != 3 || err != nil {
		t.Fatalf("generation %d, %v", g, err)
	}
	must(t, w.DropGeneration(ctx, 1))
	must(t, w.DropGeneration(ctx, 2))
	w.restart(t)
	for subject, l := range letters {
		back := stored(t, l)
		must(t, w.Open(ctx, subject, place, &back))
	}
}

// brokenRewrap fails after some pages.
type brokenRewrap struct {
	*vault.Memory
	good int
}

func (b *brokenRewrap) Rewrap(ctx context.Context, keys []vault.Key) error {
	if b.good--; b.good < 0 {
		return errDown
	}
	return b.Memory.Rewrap(ctx, keys)
}

// What is registered, sealed, opened and destroyed while the master key is rotated ends as if it had not been.
func TestRotateUnderWork(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := range 50 {
				subject := fmt.Sprintf("s%d-%d", i, n)
				if err := w.Register(ctx, subject, subject, nil); err != nil {
					t.Error(err)
					return
				}
				l := filled()
				if err := w.Seal(ctx, subject, place, &l); err != nil {
					t.Error(err)
				}
				if n%2 == 0 {
					if _, err := w.Destroy(ctx, subject, domain.Destroyed, all...); err != nil {
						t.Error(err)
					}
				}
				back := l
				back.Name.Close(domain.NotAuthorised)
				back.Emails, back.Region, back.Note = nil, domain.Personal{}, domain.Personal{}
				if err := w.Open(ctx, subject, place, &back); err != nil || (back.Name.State() == domain.Destroyed) != (n%2 == 0) {
					t.Errorf("%s reads as %s (%v)", subject, back.Name.State(), err)
				}
			}
		})
	}
	var last int
	for range 5 {
		var err error
		if last, err = w.RotateTo(ctx, 0); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	g, err := w.RotateTo(ctx, 0)
	must(t, err)
	for old := range g {
		must(t, w.DropGeneration(ctx, old))
	}
	if g != last+1 {
		t.Errorf("generation %d after %d", g, last)
	}
	live, _ := w.keys.Live(ctx, "", 10_000)
	if len(live) != 4*25*3 {
		t.Errorf("%d keys live", len(live))
	}
}

// P-2.5: what is to be destroyed reads as destroyed from then on, also while the key store cannot do it; it is asked again until it has, and
// it is known how many wait.
func TestOutstandingDestruction(t *testing.T) {
	w := newWorld(t)
	must(t, w.Register(ctx, aliya, "Aliya", nil))
	must(t, w.Register(ctx, berik, "Berik", nil))
	l, other := written(t, w.Vault, aliya, place), written(t, w.Vault, berik, place)
	w.keys.Break(errDown)
	for range 2 { // twice is one
		if _, err := w.Destroy(ctx, aliya, domain.Destroyed, all...); !errors.Is(err, vault.ErrKeyUnavailable) {
			t.Fatal(err)
		}
	}
	if _, err := w.Destroy(ctx, berik, domain.Depersonalised, domain.Identity); !errors.Is(err, vault.ErrKeyUnavailable) {
		t.Fatal(err)
	}
	if err := w.Retry(ctx); !errors.Is(err, vault.ErrKeyUnavailable) || w.Outstanding() != 2 {
		t.Fatalf("%d outstanding (%v)", w.Outstanding(), err)
	}
	w.keys.Break(nil)
	back := stored(t, l)
	must(t, w.Open(ctx, aliya, place, &back))
	if got := back.states(); len(got) != 1 || got[domain.Destroyed] == "" {
		t.Errorf("it reads %v", got)
	}
	if _, err := w.FieldKey(ctx, l.Name); !errors.Is(err, vault.ErrErased) {
		t.Errorf("a key is given: %v", err)
	}
	fresh := filled()
	if err := w.Seal(ctx, aliya, place, &fresh); !errors.Is(err, vault.ErrErased) {
		t.Errorf("something more is sealed: %v", err)
	}
	theirs := stored(t, other)
	must(t, w.Open(ctx, berik, place, &theirs))
	if theirs.Name.State() != domain.Depersonalised || theirs.Note.State() != domain.Available {
		t.Errorf("one class is to be destroyed, and it reads %v", theirs.states())
	}
	if keys, _ := w.keys.KeysOf(ctx, aliya); keys[0].Wrapped == nil {
		t.Fatal("the store has done it")
	}
	must(t, w.Retry(ctx))
	if keys, _ := w.keys.KeysOf(ctx, aliya); w.Outstanding() != 0 || keys[0].Wrapped != nil || keys[0].State != domain.Destroyed {
		t.Errorf("%d outstanding, the first key is %+v", w.Outstanding(), keys[0])
	}
	w.restart(t)
	back = stored(t, l)
	must(t, w.Open(ctx, aliya, place, &back))
	if back.Name.State() != domain.Destroyed {
		t.Errorf("after a restart it reads %v", back.states())
	}
}

// P-1.5: what one process destroys is destroyed for every other on the same key store that keeps no keys in memory, whatever it has read before.
func TestDestroyedByAnother(t *testing.T) {
	w := newWorld(t)
	other, err := vault.New(ctx, w.keys, w.kek)
	must(t, err)
	other.Now, other.CacheSize = w.Now, 0
	must(t, w.Register(ctx, aliya, "aliya", nil))
	read := func(want domain.PersonalState, l letter) {
		t.Helper()
		l = stored(t, l)
		must(t, other.Open(ctx, aliya, place, &l))
		if got := l.states(); len(got) != 1 || got[want] == "" {
			t.Errorf("it reads as %v, want %s", got, want)
		}
	}
	sealed := written(t, w.Vault, aliya, place)
	read(domain.Available, sealed)
	_, err = w.Destroy(ctx, aliya, domain.Destroyed, domain.Identity, domain.Attributes, domain.Freeform)
	must(t, err)
	read(domain.Destroyed, sealed)
	l := filled()
	if err := other.Seal(ctx, aliya, place, &l); !errors.Is(err, vault.ErrErased) {
		t.Errorf("sealing under destroyed keys: %v", err)
	}
}
