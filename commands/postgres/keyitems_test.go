package postgres_test

import (
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"kelisim/commands/postgres"
	"kelisim/commands/postgres/postgrestest"
	"kelisim/commands/sqlite"
	"kelisim/commands/vault"
	"kelisim/domain"
)

// furnish gives a key store something of every kind.
func furnish(t *testing.T, keys vault.Keys) {
	t.Helper()
	at := time.Date(2026, 1, 31, 7, 0, 0, 123456000, time.UTC)
	mac := func(s string) (m vault.MAC) { copy(m[:], s); return m }
	do := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for n, subject := range []string{"aliya", "berik", "Дана", "gone", "half"} {
		var made []vault.Key
		for _, class := range []domain.Class{domain.Attributes, domain.Freeform, domain.Identity} {
			made = append(made, vault.Key{ID: fmt.Sprint(9-n, "-", class), Subject: subject, Class: class, Generation: 1 + n%2, Wrapped: []byte{0, byte(n), 255}, State: domain.Available})
		}
		do(keys.Apply(t.Context(), vault.Change{
			Reserve: []vault.Reservation{{Login: mac(subject), Subject: subject, ReservedAt: at.Add(time.Duration(n)), Instance: "an-instance"}}, Keys: made,
			Index: []vault.Entry{{Field: vault.Email, Value: mac("shared"), Subject: subject}, {Field: vault.IIN, Value: mac(subject), Subject: subject}},
		}))
	}
	do(keys.Apply(t.Context(), vault.Change{Confirm: []vault.Holding{{Login: mac("berik"), Subject: "berik"}}}))
	do(keys.Claim(t.Context(), vault.Claim{Kind: "master-key", Holder: "a-mark"}))
	do(keys.Claim(t.Context(), vault.Claim{Kind: "claim/transaction", Thing: mac("t"), Holder: "aliya"}))
	do(keys.Destroy(t.Context(), vault.Destruction{Subject: "half", Classes: []domain.Class{domain.Freeform}, As: domain.Depersonalised, At: at}))
	do(keys.Destroy(t.Context(), vault.Destruction{Subject: "gone", Classes: []domain.Class{domain.Identity, domain.Attributes, domain.Freeform},
		IDs: []string{"never-had"}, As: domain.Destroyed, At: at.Add(time.Hour), Forget: true}))
}

func gathered(t *testing.T, items iter.Seq2[vault.Item, error]) (all []vault.Item) {
	t.Helper()
	for i, err := range items {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, i)
	}
	return all
}

func sum(t *testing.T, items iter.Seq2[vault.Item, error]) vault.Sum {
	t.Helper()
	s, err := vault.SumOf(items)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A key store is carried from a file to a database and from there to another, whole and the same; and what was destroyed stays so.
func TestKeysAreCarried(t *testing.T) {
	file, err := sqlite.OpenKeys(filepath.Join(t.TempDir(), "keys.db"), false)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	furnish(t, file)
	first, second := open(t, postgrestest.URL(t), postgres.Options{}).Keys(), open(t, postgrestest.URL(t), postgres.Options{}).Keys()
	if err := errors.Join(first.Fill(t.Context(), file.Items(t.Context())), second.Fill(t.Context(), first.Items(t.Context()))); err != nil {
		t.Fatal(err)
	}
	want := sum(t, file.Items(t.Context()))
	if want.Living != 11 || want.Destroyed != 5 || want.Logins != 4 || want.Entries != 8 || want.Claims != 2 {
		t.Fatalf("the file holds %+v", want)
	}
	for name, keys := range map[string]*postgres.Keys{"first": first, "second": second} {
		if got := sum(t, keys.Items(t.Context())); got != want {
			t.Errorf("the %s database holds %+v, the file %+v", name, got, want)
		}
		if x, y := gathered(t, keys.Items(t.Context())), gathered(t, file.Items(t.Context())); !reflect.DeepEqual(x, y) {
			t.Errorf("the %s database holds\n%+v\nand the file\n%+v", name, x, y)
		}
	}
	reserve := vault.Change{Reserve: []vault.Reservation{{Subject: "gone", ReservedAt: time.Now()}}}
	if _, err := second.Apply(t.Context(), reserve); !errors.Is(err, vault.ErrErased) {
		t.Errorf("a destroyed subject: %v", err)
	}
	if err := second.Fill(t.Context(), file.Items(t.Context())); !errors.Is(err, vault.ErrNotEmpty) {
		t.Errorf("filled twice: %v", err)
	}
}

// What is cut short leaves nothing behind.
func TestHalfAKeyStoreIsNone(t *testing.T) {
	file, err := sqlite.OpenKeys(filepath.Join(t.TempDir(), "keys.db"), false)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	furnish(t, file)
	keys := open(t, postgrestest.URL(t), postgres.Options{}).Keys()
	broken := errors.New("broken")
	err = keys.Fill(t.Context(), func(yield func(vault.Item, error) bool) {
		n := 0
		for i := range file.Items(t.Context()) {
			if n++; n == 20 {
				yield(vault.Item{}, broken)
				return
			}
			if !yield(i, nil) {
				return
			}
		}
	})
	if !errors.Is(err, broken) {
		t.Errorf("cut short: %v", err)
	}
	if left := gathered(t, keys.Items(t.Context())); len(left) != 0 {
		t.Errorf("%d items are left", len(left))
	}
	if err := keys.Fill(t.Context(), file.Items(t.Context())); err != nil {
		t.Errorf("and then whole: %v", err)
	}
}

// No two stores that differ have one sum.
func TestSumSeesEveryDifference(t *testing.T) {
	db := open(t, postgrestest.URL(t), postgres.Options{}).Keys()
	furnish(t, db)
	whole := gathered(t, db.Items(t.Context()))
	of := func(items []vault.Item) vault.Sum {
		return sum(t, func(yield func(vault.Item, error) bool) {
			for _, i := range items {
				if !yield(i, nil) {
					return
				}
			}
		})
	}
	seen := map[vault.Sum]string{of(whole): "the whole"}
	tell := func(name string, items []vault.Item) {
		t.Helper()
		s := of(items)
		if other, ok := seen[s]; ok {
			t.Errorf("%s and %s have one sum", name, other)
		}
		seen[s] = name
	}
	for n, i := range whole {
		tell(fmt.Sprint("without ", n), slices.Delete(slices.Clone(whole), n, n+1))
		change := func(name string, other vault.Item) {
			all := slices.Clone(whole)
			all[n] = other
			tell(fmt.Sprint(n, " with another ", name), all)
		}
		switch {
		case i.Key != nil:
			for name, do := range map[string]func(*vault.Key){
				"id": func(k *vault.Key) { k.ID += "x" }, "subject": func(k *vault.Key) { k.Subject += "x" }, "class": func(k *vault.Key) { k.Class += "x" },
				"generation": func(k *vault.Key) { k.Generation++ }, "wrapped": func(k *vault.Key) { k.Wrapped = []byte("x") },
				"state": func(k *vault.Key) { k.State = "x" }, "moment": func(k *vault.Key) { k.At = time.Now() },
			} {
				k := *i.Key
				do(&k)
				change(name, vault.Item{Key: &k})
			}
		case i.Login != nil:
			for name, do := range map[string]func(*vault.Reservation){
				"login": func(r *vault.Reservation) { r.Login[0]++ }, "subject": func(r *vault.Reservation) { r.Subject += "x" }, "instance": func(r *vault.Reservation) { r.Instance += "x" },
				"moment": func(r *vault.Reservation) { r.ReservedAt = time.Now() }, "confirmation": func(r *vault.Reservation) { r.Confirmed = !r.Confirmed },
			} {
				r := *i.Login
				do(&r)
				change(name, vault.Item{Login: &r})
			}
		case i.Entry != nil:
			for name, do := range map[string]func(*vault.Entry){
				"field": func(e *vault.Entry) { e.Field += "x" }, "value": func(e *vault.Entry) { e.Value[0]++ }, "subject": func(e *vault.Entry) { e.Subject += "x" },
			} {
				e := *i.Entry
				do(&e)
				change(name, vault.Item{Entry: &e})
			}
		case i.Claim != nil:
			for name, do := range map[string]func(*vault.Claim){
				"kind": func(c *vault.Claim) { c.Kind += "x" }, "thing": func(c *vault.Claim) { c.Thing[0]++ }, "holder": func(c *vault.Claim) { c.Holder += "x" },
			} {
				c := *i.Claim
				do(&c)
				change(name, vault.Item{Claim: &c})
			}
		}
	}
}
