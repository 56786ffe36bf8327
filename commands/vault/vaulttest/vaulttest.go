// Package vaulttest is the contract of a vault.Keys: what the vault relies on, whoever keeps the keys.
package vaulttest

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"kelisim/commands/vault"
	"kelisim/domain"
)

// Test runs the contract; open makes an empty store and has it closed when the test ends.
func Test(t *testing.T, open func(t *testing.T) vault.Keys) {
	for name, test := range map[string]func(*testing.T, store){
		"KeysAreMadeOnce":         keysAreMadeOnce,
		"ALoginHasOneHolder":      aLoginHasOneHolder,
		"AFailedChangeIsNone":     aFailedChangeIsNone,
		"TheOrderOfAChange":       theOrderOfAChange,
		"OthersHoldingsStay":      othersHoldingsStay,
		"DropTakesUnconfirmed":    dropTakesUnconfirmed,
		"DestroyTakesKeys":        destroyTakesKeys,
		"DestroyForgets":          destroyForgets,
		"DestroyUnknownKeys":      destroyUnknownKeys,
		"ErasedStaysErased":       erasedStaysErased,
		"RewrapNeverRevives":      rewrapNeverRevives,
		"LivePages":               livePages,
		"UnconfirmedOldestFirst":  unconfirmedOldestFirst,
		"FindListsSubjects":       findListsSubjects,
		"AClaimIsForEver":         aClaimIsForEver,
		"OneOfManyWins":           oneOfManyWins,
		"ARefusalFailsNoOther":    aRefusalFailsNoOther,
		"AnEndedContextIsRefused": anEndedContextIsRefused,
	} {
		t.Run(name, func(t *testing.T) { test(t, store{open(t), t}) })
	}
}

var (
	ctx   = context.Background()
	noon  = time.Date(2026, 1, 31, 12, 0, 0, 123456789, time.FixedZone("", 5*3600))
	noonU = time.Date(2026, 1, 31, 7, 0, 0, 123456000, time.UTC)
)

type store struct {
	vault.Keys
	t *testing.T
}

func value(s string) (m vault.MAC) { copy(m[:], s); return m }

// keysFor are a new subject's three keys.
func keysFor(subject, stem string) []vault.Key {
	var out []vault.Key
	for _, class := range []domain.Class{domain.Attributes, domain.Freeform, domain.Identity} {
		out = append(out, vault.Key{ID: stem + "." + string(class[0]), Subject: subject, Class: class, Generation: 1,
			Wrapped: []byte("wrapped " + stem + string(class)), State: domain.Available})
	}
	return out
}

func reserve(login, subject string) vault.Reservation {
	return vault.Reservation{Login: value(login), Subject: subject, ReservedAt: noon, Instance: "first"}
}

func (s store) apply(c vault.Change) []vault.Key {
	s.t.Helper()
	keys, err := s.Apply(ctx, c)
	if err != nil {
		s.t.Fatal(err)
	}
	return keys
}

// register makes a subject with one login of its own name and one search entry.
func (s store) register(subject string) []vault.Key {
	s.t.Helper()
	return s.apply(vault.Change{Keys: keysFor(subject, "stem of "+subject), Reserve: []vault.Reservation{reserve(subject, subject)},
		Index: []vault.Entry{{Field: vault.Email, Value: value("shared"), Subject: subject}}})
}

func (s store) holder(login string) string {
	s.t.Helper()
	r, ok, err := s.Holder(ctx, value(login))
	if err != nil || ok != (r.Subject != "") {
		s.t.Fatalf("%s is held by %q: %v, %v", login, r.Subject, ok, err)
	}
	return r.Subject
}

func (s store) found(v string) []string {
	s.t.Helper()
	out, err := s.Find(ctx, vault.Email, value(v), 100)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s store) keysOf(subject string) []vault.Key {
	s.t.Helper()
	keys, err := s.KeysOf(ctx, subject)
	if err != nil {
		s.t.Fatal(err)
	}
	return keys
}

func (s store) destroy(d vault.Destruction) []string {
	s.t.Helper()
	d.At = noon
	ids, err := s.Destroy(ctx, d)
	if err != nil {
		s.t.Fatal(err)
	}
	return ids
}

func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %+v, want %+v", what, got, want)
	}
}

func refused(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

func taken(t *testing.T, err error, want vault.Reservation) {
	t.Helper()
	var e *vault.TakenError
	if !errors.As(err, &e) {
		t.Errorf("got %v, want that the login is taken", err)
		return
	}
	same(t, "the holder", e.Reservation, want)
}

func keysAreMadeOnce(t *testing.T, s store) {
	same(t, "keys of nobody", len(s.keysOf("a")), 0)
	want := keysFor("a", "first")
	same(t, "made", s.apply(vault.Change{Keys: keysFor("a", "first")}), want)
	same(t, "made again", s.apply(vault.Change{Keys: keysFor("a", "second")}), want)
	same(t, "listed", s.keysOf("a"), want)
	for _, k := range want {
		got, err := s.Key(ctx, k.ID)
		same(t, "found", got, k)
		same(t, "error", err, nil)
	}
	_, err := s.Key(ctx, "second.i")
	refused(t, err, vault.ErrNoKey)
	if keys := s.apply(vault.Change{}); len(keys) != 0 {
		t.Errorf("nothing asked for, and %v made", keys)
	}
}

func aLoginHasOneHolder(t *testing.T, s store) {
	s.register("a")
	want := reserve("a", "a")
	want.ReservedAt = noonU
	_, err := s.Apply(ctx, vault.Change{Reserve: []vault.Reservation{{Login: value("a"), Subject: "b", ReservedAt: noon.Add(time.Hour), Instance: "second"}}})
	taken(t, err, want)
	// The holder itself may reserve it again, and the reservation stays as it was.
	s.apply(vault.Change{Confirm: []vault.Holding{{Login: value("a"), Subject: "a"}}})
	s.apply(vault.Change{Reserve: []vault.Reservation{{Login: value("a"), Subject: "a", ReservedAt: noon.Add(time.Hour), Instance: "second"}}})
	want.Confirmed = true
	got, ok, err := s.Holder(ctx, value("a"))
	same(t, "held", got, want)
	same(t, "is held", ok, true)
	same(t, "error", err, nil)
	same(t, "free", s.holder("b"), "")
}

func aFailedChangeIsNone(t *testing.T, s store) {
	s.register("a")
	s.register("b")
	s.register("d")
	_, err := s.Apply(ctx, vault.Change{
		Confirm: []vault.Holding{{Login: value("d"), Subject: "d"}},
		Release: []vault.Holding{{Login: value("b"), Subject: "b"}},
		Drop:    []vault.Holding{{Login: value("b"), Subject: "b"}},
		Reserve: []vault.Reservation{reserve("c", "c"), reserve("a", "c")},
		Keys:    keysFor("c", "c"),
		Index:   []vault.Entry{{Field: vault.Email, Value: value("mail"), Subject: "c"}},
		Unindex: []vault.Entry{{Field: vault.Email, Value: value("shared"), Subject: "a"}},
	})
	want := reserve("a", "a")
	want.ReservedAt = noonU
	taken(t, err, want)
	same(t, "released", s.holder("b"), "b")
	same(t, "reserved", s.holder("c"), "")
	same(t, "keys", len(s.keysOf("c")), 0)
	same(t, "entries", s.found("mail"), nil)
	same(t, "entries", s.found("shared"), []string{"a", "b", "d"})
	r, _, _ := s.Holder(ctx, value("d"))
	same(t, "confirmed", r.Confirmed, false)

	// The same where the change fails at its very end.
	s.register("gone")
	s.destroy(vault.Destruction{Subject: "gone", Classes: []domain.Class{domain.Identity}, As: domain.Destroyed})
	_, err = s.Apply(ctx, vault.Change{Release: []vault.Holding{{Login: value("b"), Subject: "b"}}, Reserve: []vault.Reservation{reserve("c", "c")}, Keys: keysFor("c", "c"),
		Index: []vault.Entry{{Field: vault.Email, Value: value("mail"), Subject: "c"}, {Field: vault.Email, Value: value("mail"), Subject: "gone"}}})
	refused(t, err, vault.ErrErased)
	same(t, "released", s.holder("b"), "b")
	same(t, "reserved", s.holder("c"), "")
	same(t, "keys", len(s.keysOf("c")), 0)
	same(t, "entries", s.found("mail"), nil)
	s.register("c")
}

func theOrderOfAChange(t *testing.T, s store) {
	s.register("a")
	s.apply(vault.Change{Reserve: []vault.Reservation{reserve("a", "b")}, Release: []vault.Holding{{Login: value("a"), Subject: "a"}}})
	same(t, "released, then reserved", s.holder("a"), "b")
	s.apply(vault.Change{Reserve: []vault.Reservation{reserve("a", "c")}, Drop: []vault.Holding{{Login: value("a"), Subject: "b"}}})
	same(t, "dropped, then reserved", s.holder("a"), "c")
	s.apply(vault.Change{Confirm: []vault.Holding{{Login: value("a"), Subject: "c"}}, Drop: []vault.Holding{{Login: value("a"), Subject: "c"}}})
	same(t, "confirmed, then not dropped", s.holder("a"), "c")
}

func othersHoldingsStay(t *testing.T, s store) {
	s.register("a")
	other := []vault.Holding{{Login: value("a"), Subject: "b"}, {Login: value("nobody's"), Subject: "b"}}
	s.apply(vault.Change{Confirm: other, Release: other, Drop: other})
	got, _, _ := s.Holder(ctx, value("a"))
	want := reserve("a", "a")
	want.ReservedAt = noonU
	same(t, "held", got, want)
	same(t, "nobody's", s.holder("nobody's"), "")
}

func dropTakesUnconfirmed(t *testing.T, s store) {
	s.register("a")
	second := vault.Holding{Login: value("second"), Subject: "a"}
	s.apply(vault.Change{Reserve: []vault.Reservation{reserve("second", "a")}})
	s.apply(vault.Change{Drop: []vault.Holding{second}})
	same(t, "dropped", s.holder("second"), "")
	same(t, "the other login", s.holder("a"), "a")
	same(t, "entries of one who holds a login", s.found("shared"), []string{"a"})

	first := vault.Holding{Login: value("a"), Subject: "a"}
	s.apply(vault.Change{Confirm: []vault.Holding{first}})
	s.apply(vault.Change{Drop: []vault.Holding{first}})
	same(t, "confirmed", s.holder("a"), "a")

	s.register("b")
	s.apply(vault.Change{Drop: []vault.Holding{{Login: value("b"), Subject: "b"}}})
	same(t, "dropped", s.holder("b"), "")
	same(t, "entries of one who holds none", s.found("shared"), []string{"a"})
	same(t, "keys", len(s.keysOf("b")), 3)
}

func unconfirmedOldestFirst(t *testing.T, s store) {
	for i, subject := range []string{"c", "a", "b", "d"} {
		r := reserve(subject, subject)
		r.ReservedAt = noon.Add(time.Duration(i) * time.Minute)
		s.apply(vault.Change{Reserve: []vault.Reservation{r}})
	}
	s.apply(vault.Change{Confirm: []vault.Holding{{Login: value("a"), Subject: "a"}}})
	list := func(before time.Time, limit int) (out []string) {
		rs, err := s.Unconfirmed(ctx, before, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rs {
			held, _, _ := s.Holder(ctx, r.Login)
			same(t, "listed", r, held)
			out = append(out, r.Subject)
		}
		return out
	}
	same(t, "all", list(noon.Add(time.Hour), 100), []string{"c", "b", "d"})
	same(t, "limited", list(noon.Add(time.Hour), 2), []string{"c", "b"})
	same(t, "up to a moment", list(noon.Add(3*time.Minute), 100), []string{"c", "b"})
	same(t, "none yet", list(noon, 100), nil)
}

func findListsSubjects(t *testing.T, s store) {
	for _, subject := range []string{"c", "a", "b"} {
		s.register(subject)
		s.register(subject)
	}
	same(t, "all", s.found("shared"), []string{"a", "b", "c"})
	got, err := s.Find(ctx, vault.Email, value("shared"), 2)
	same(t, "limited", got, []string{"a", "b"})
	same(t, "error", err, nil)
	got, _ = s.Find(ctx, vault.Mobile, value("shared"), 2)
	same(t, "another field", got, nil)
	s.apply(vault.Change{Unindex: []vault.Entry{{Field: vault.Email, Value: value("shared"), Subject: "b"}, {Field: vault.Mobile, Value: value("shared"), Subject: "a"}}})
	same(t, "without one", s.found("shared"), []string{"a", "c"})
}
