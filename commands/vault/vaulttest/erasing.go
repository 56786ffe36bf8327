package vaulttest

import (
	"slices"
	"testing"
	"time"

	"kelisim/commands/vault"
	"kelisim/domain"
)

func destroyTakesKeys(t *testing.T, s store) {
	keys := s.register("a")
	s.register("b")
	a, f, i := keys[0], keys[1], keys[2]
	gone := func(k vault.Key, as domain.PersonalState, at time.Time) vault.Key {
		k.Wrapped, k.Generation, k.State, k.At = nil, 0, as, at
		return k
	}
	some := []domain.Class{domain.Identity, domain.Freeform}
	same(t, "ids", s.destroy(vault.Destruction{Subject: "a", Classes: some, As: domain.Depersonalised}), []string{f.ID, i.ID})
	same(t, "keys", s.keysOf("a"), []vault.Key{a, gone(f, domain.Depersonalised, noonU), gone(i, domain.Depersonalised, noonU)})
	got, err := s.Key(ctx, i.ID)
	same(t, "found", got, gone(i, domain.Depersonalised, noonU))
	same(t, "error", err, nil)
	same(t, "another's", len(s.keysOf("b")[2].Wrapped) > 0, true)

	ids, err := s.Destroy(ctx, vault.Destruction{Subject: "a", Classes: some, As: domain.Depersonalised, At: noon.Add(time.Hour)})
	same(t, "ids again", ids, []string{f.ID, i.ID})
	same(t, "error", err, nil)
	same(t, "keys again", s.keysOf("a")[1], gone(f, domain.Depersonalised, noonU))

	// Destroyed is more than depersonalised, and nothing makes it less.
	same(t, "ids", s.destroy(vault.Destruction{Subject: "a", IDs: []string{a.ID, i.ID}, As: domain.Destroyed}), []string{a.ID, i.ID})
	want := []vault.Key{gone(a, domain.Destroyed, noonU), gone(f, domain.Destroyed, noonU), gone(i, domain.Destroyed, noonU)}
	same(t, "keys", s.keysOf("a"), want)
	s.destroy(vault.Destruction{Subject: "a", Classes: some, As: domain.Depersonalised})
	same(t, "keys", s.keysOf("a"), want)

	if _, err := s.Destroy(ctx, vault.Destruction{Subject: "a", IDs: []string{"stem of b.a", "unknown.i"}, As: domain.Destroyed, At: noon}); err == nil {
		t.Error("another subject's key was destroyed by its id")
	}
	same(t, "another's", len(s.keysOf("b")[0].Wrapped) > 0, true)
	_, err = s.Key(ctx, "unknown.i")
	refused(t, err, vault.ErrNoKey)
	same(t, "keys of nobody", s.destroy(vault.Destruction{Subject: "nobody", Classes: some, As: domain.Destroyed}), nil)
}

func destroyForgets(t *testing.T, s store) {
	s.register("a")
	s.register("b")
	s.apply(vault.Change{Reserve: []vault.Reservation{reserve("second", "a")}, Confirm: []vault.Holding{{Login: value("a"), Subject: "a"}}})
	if _, err := s.Claim(ctx, vault.Claim{Kind: "k", Thing: value("t"), Holder: "a"}); err != nil {
		t.Fatal(err)
	}
	s.destroy(vault.Destruction{Subject: "a", Classes: []domain.Class{domain.Freeform}, As: domain.Destroyed})
	same(t, "login", s.holder("a"), "a")
	same(t, "entries", s.found("shared"), []string{"a", "b"})
	s.destroy(vault.Destruction{Subject: "a", Classes: []domain.Class{domain.Identity}, As: domain.Destroyed, Forget: true})
	same(t, "login", s.holder("a"), "")
	same(t, "second login", s.holder("second"), "")
	same(t, "entries", s.found("shared"), []string{"b"})
	same(t, "another's login", s.holder("b"), "b")
	holder, err := s.Claim(ctx, vault.Claim{Kind: "k", Thing: value("t"), Holder: "b"})
	same(t, "what it claimed", holder, "a")
	same(t, "error", err, nil)
	// The login may be another's now (decision 19).
	s.apply(vault.Change{Reserve: []vault.Reservation{reserve("a", "c")}})
}

func destroyUnknownKeys(t *testing.T, s store) {
	same(t, "ids", s.destroy(vault.Destruction{Subject: "a", IDs: []string{"x.i", "x.a"}, As: domain.Destroyed}), []string{"x.a", "x.i"})
	want := vault.Key{ID: "x.i", Subject: "a", State: domain.Destroyed, At: noonU}
	got, err := s.Key(ctx, "x.i")
	same(t, "listed", got, want)
	same(t, "error", err, nil)
	same(t, "of the subject", len(s.keysOf("a")), 2)
	_, err = s.Apply(ctx, vault.Change{Keys: keysFor("a", "new")})
	refused(t, err, vault.ErrErased)
}

func erasedStaysErased(t *testing.T, s store) {
	s.register("a")
	s.destroy(vault.Destruction{Subject: "a", Classes: []domain.Class{domain.Identity}, As: domain.Depersonalised, Forget: true})
	entry := []vault.Entry{{Field: vault.Email, Value: value("mail"), Subject: "a"}}
	for _, c := range []vault.Change{{Keys: keysFor("a", "new")}, {Reserve: []vault.Reservation{reserve("a", "a")}}, {Index: entry}} {
		_, err := s.Apply(ctx, c)
		refused(t, err, vault.ErrErased)
	}
	s.apply(vault.Change{Unindex: entry})
	same(t, "login", s.holder("a"), "")
	same(t, "entries", s.found("mail"), nil)

	// One who lost other keys can still be found.
	s.register("b")
	s.destroy(vault.Destruction{Subject: "b", Classes: []domain.Class{domain.Freeform}, As: domain.Destroyed})
	s.apply(vault.Change{Index: []vault.Entry{{Field: vault.Email, Value: value("mail"), Subject: "b"}}})
	same(t, "entries", s.found("mail"), []string{"b"})
}

func rewrapNeverRevives(t *testing.T, s store) {
	keys := s.register("a")
	s.destroy(vault.Destruction{Subject: "a", Classes: []domain.Class{domain.Identity}, As: domain.Destroyed})
	var anew []vault.Key
	for _, k := range append(keys, keysFor("b", "unknown")...) {
		k.Generation, k.Wrapped = 2, []byte("anew")
		anew = append(anew, k)
	}
	if err := s.Rewrap(ctx, anew); err != nil {
		t.Fatal(err)
	}
	got := s.keysOf("a")
	for _, k := range got[:2] {
		same(t, "wrapped", string(k.Wrapped), "anew")
		same(t, "generation", k.Generation, 2)
	}
	same(t, "destroyed", got[2].State, domain.Destroyed)
	same(t, "destroyed", got[2].Wrapped, nil)
	same(t, "unknown", len(s.keysOf("b")), 0)
	for i := range anew {
		anew[i].Generation, anew[i].Wrapped = 1, []byte("older")
	}
	if err := s.Rewrap(ctx, anew); err != nil {
		t.Fatal(err)
	}
	same(t, "not by an older one", string(s.keysOf("a")[0].Wrapped), "anew")
}

func livePages(t *testing.T, s store) {
	var want []string
	for _, subject := range []string{"c", "a", "d", "b"} {
		for _, k := range s.register(subject) {
			if subject != "b" || k.Class != domain.Freeform {
				want = append(want, k.ID)
			}
		}
	}
	s.destroy(vault.Destruction{Subject: "b", Classes: []domain.Class{domain.Freeform}, As: domain.Destroyed})
	slices.Sort(want)
	var got []string
	for after := ""; ; {
		page, err := s.Live(ctx, after, 3)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		if len(page) > 3 {
			t.Fatalf("%d keys on a page of 3", len(page))
		}
		for _, k := range page {
			got = append(got, k.ID)
			whole, err := s.Key(ctx, k.ID)
			same(t, "listed", k, whole)
			same(t, "error", err, nil)
		}
		after = page[len(page)-1].ID
	}
	same(t, "ids", got, want)
}
