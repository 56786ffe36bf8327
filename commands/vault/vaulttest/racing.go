package vaulttest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"kelisim/commands/vault"
	"kelisim/domain"
)

func aClaimIsForEver(t *testing.T, s store) {
	claim := func(kind, thing, holder, want string) {
		t.Helper()
		got, err := s.Claim(ctx, vault.Claim{Kind: kind, Thing: value(thing), Holder: holder})
		if got != want || err != nil {
			t.Errorf("%s %s is %s's (%v), want %s's", kind, thing, got, err, want)
		}
	}
	claim("k", "t", "a", "a")
	claim("k", "t", "b", "a")
	claim("k", "t", "a", "a")
	claim("k", "u", "b", "b")
	claim("l", "t", "b", "b")
	claim("k", "", "c", "c")
	claim("k", "\x00", "d", "c") // the empty thing, as a MAC

	var mu sync.Mutex
	holders := map[string]bool{}
	each(32, func(i int) {
		h, err := s.Claim(ctx, vault.Claim{Kind: "race", Thing: value("t"), Holder: fmt.Sprint(i)})
		mu.Lock()
		defer mu.Unlock()
		holders[h] = true
		if err != nil {
			t.Error(err)
		}
	})
	same(t, "holders of one thing", len(holders), 1)
}

func each(n int, do func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { do(i) })
	}
	wg.Wait()
}

func oneOfManyWins(t *testing.T, s store) {
	var mu sync.Mutex
	var won []string
	each(64, func(i int) {
		subject := fmt.Sprintf("s%02d", i)
		_, err := s.Apply(ctx, vault.Change{Keys: keysFor(subject, subject), Reserve: []vault.Reservation{reserve("wanted", subject)}})
		var e *vault.TakenError
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			won = append(won, subject)
		} else if !errors.As(err, &e) {
			t.Error(err)
		}
	})
	if len(won) != 1 || s.holder("wanted") != won[0] {
		t.Fatalf("%v won, and %s holds it", won, s.holder("wanted"))
	}
	live, err := s.Live(ctx, "", 1000)
	same(t, "keys of those who lost", len(live), 3)
	same(t, "error", err, nil)
}

func aRefusalFailsNoOther(t *testing.T, s store) {
	s.register("first")
	each(40, func(i int) {
		subject := fmt.Sprintf("s%02d", i)
		login := subject
		if i%4 == 0 {
			login = "first"
		}
		_, err := s.Apply(ctx, vault.Change{Keys: keysFor(subject, subject), Reserve: []vault.Reservation{reserve(login, subject)}})
		if (err != nil) != (i%4 == 0) {
			t.Errorf("%s reserves %s: %v", subject, login, err)
		}
	})
	// Nor does one that breaks the store's own rules.
	each(20, func(i int) {
		subject := fmt.Sprintf("t%02d", i)
		stem := subject
		if i%4 == 0 {
			stem = "stem of first"
		}
		_, err := s.Apply(ctx, vault.Change{Keys: keysFor(subject, stem)})
		if (err != nil) != (i%4 == 0) {
			t.Errorf("%s makes keys of %s: %v", subject, stem, err)
		}
	})
	same(t, "keys of the first", len(s.keysOf("first")), 3)
	for i := range 40 {
		subject := fmt.Sprintf("s%02d", i)
		want := 3
		if i%4 == 0 {
			want = 0
		}
		same(t, subject, len(s.keysOf(subject)), want)
	}
}

func anEndedContextIsRefused(t *testing.T, s store) {
	s.register("a")
	ended, end := context.WithCancel(ctx)
	end()
	for range 20 { // a store that leaves it to chance is found out
		_, applied := s.Apply(ended, vault.Change{Keys: keysFor("b", "b")})
		_, claimed := s.Claim(ended, vault.Claim{Kind: "k", Thing: value("t"), Holder: "b"})
		_, destroyed := s.Destroy(ended, vault.Destruction{Subject: "a", Classes: []domain.Class{domain.Identity}, As: domain.Destroyed, At: noon})
		for _, err := range []error{applied, claimed, destroyed} {
			refused(t, err, context.Canceled)
		}
	}
	same(t, "made", len(s.keysOf("b")), 0)
	same(t, "destroyed", s.keysOf("a")[2].State, domain.Available)
}
