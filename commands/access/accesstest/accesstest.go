// Package accesstest is the contract of an access.Store: every store runs it.
package accesstest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"kelisim/commands/access"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Store runs the contract. open gives two stores over the same, empty data, as two processes would have them.
func Store(t *testing.T, open func(t *testing.T) (one, other access.Store)) {
	ctx := context.Background()
	record := func(id, name string, role access.Role) access.Record {
		r := access.Record{Token: access.Token{ID: id, Name: name, Role: role, CreatedAt: start, ExpiresAt: start.Add(time.Hour)}}
		copy(r.Hash[:], "hash of "+id)
		return r
	}
	insert := func(t *testing.T, s access.Store, r access.Record) {
		t.Helper()
		if err := s.Insert(ctx, r); err != nil {
			t.Fatalf("insert %s: %v", r.ID, err)
		}
	}

	t.Run("what is inserted is found as it was, also by the other", func(t *testing.T) {
		one, other := open(t)
		r := record("a", "site", access.Subject)
		r.Person = "aigul"
		r.Subject = "0f9d2f3e-1b0a-4c53-9d51-2f4f5f6c7a80"
		if _, found, err := other.Find(ctx, "a"); found || err != nil {
			t.Fatalf("found %v, %v before it was inserted", found, err)
		}
		insert(t, one, r)
		for _, s := range []access.Store{one, other} {
			got, found, err := s.Find(ctx, "a")
			if err != nil || !found || got != r {
				t.Fatalf("got %+v, %v, %v, want %+v", got, found, err, r)
			}
		}
	})

	t.Run("a revocation counts at once in the other", func(t *testing.T) {
		one, other := open(t)
		insert(t, one, record("a", "site", access.Service))
		if got, found, _ := other.Find(ctx, "a"); !found || !got.RevokedAt.IsZero() {
			t.Fatalf("before: %+v, %v", got, found)
		}
		for range 3 { // a second revocation finds nothing that is live
			done, err := one.Revoke(ctx, "site", start.Add(time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := other.Find(ctx, "a")
			if err != nil || !got.RevokedAt.Equal(start.Add(time.Minute)) {
				t.Fatalf("revoked (%v) at %v, %v", done, got.RevokedAt, err)
			}
		}
		if done, err := one.Revoke(ctx, "nobody", start); done || err != nil {
			t.Fatalf("revoked a token that is not there: %v, %v", done, err)
		}
		if done, err := one.Revoke(ctx, "site", start); done || err != nil {
			t.Fatalf("revoked twice: %v, %v", done, err)
		}
	})

	t.Run("a name means one caller", func(t *testing.T) {
		one, other := open(t)
		insert(t, one, record("a", "site", access.Service))
		if err := other.Insert(ctx, record("b", "site", access.Service)); !errors.Is(err, access.ErrNameTaken) {
			t.Fatalf("a second live token of the name: %v", err)
		}
		if _, err := one.Revoke(ctx, "site", start); err != nil {
			t.Fatal(err)
		}
		if err := one.Insert(ctx, record("b", "site", access.Officer)); !errors.Is(err, access.ErrNameTaken) {
			t.Fatalf("the name with another role: %v", err)
		}
		another := record("b", "site", access.Service)
		another.Person = "bolat"
		if err := one.Insert(ctx, another); !errors.Is(err, access.ErrNameTaken) {
			t.Fatalf("the name with another person: %v", err)
		}
		insert(t, other, record("b", "site", access.Service))
		expired := record("c", "site", access.Service)
		expired.CreatedAt = start.Add(time.Hour)
		insert(t, one, expired)
	})

	t.Run("of many at once one gets the name", func(t *testing.T) {
		one, other := open(t)
		var won sync.Map
		var all sync.WaitGroup
		for i := range 8 {
			s := one
			if i%2 == 1 {
				s = other
			}
			all.Go(func() {
				err := s.Insert(ctx, record(fmt.Sprint("t", i), "site", access.Service))
				if err == nil {
					won.Store(i, true)
				} else if !errors.Is(err, access.ErrNameTaken) {
					t.Errorf("insert: %v", err)
				}
			})
		}
		all.Wait()
		n := 0
		won.Range(func(any, any) bool { n++; return true })
		if list, err := one.List(ctx); n != 1 || len(list) != 1 || err != nil {
			t.Fatalf("%d got the name, %d are kept (%v)", n, len(list), err)
		}
	})

	t.Run("a list is in the order of creation, with the last use", func(t *testing.T) {
		one, other := open(t)
		insert(t, one, record("z", "first", access.Service))
		second := record("a", "second", access.Officer)
		second.CreatedAt = start.Add(time.Second)
		insert(t, other, second)
		if err := one.Touch(ctx, "z", start.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		list, err := other.List(ctx)
		if err != nil || len(list) != 2 || list[0].ID != "z" || list[1] != second {
			t.Fatalf("got %+v, %v", list, err)
		}
		if got, _, _ := other.Find(ctx, "z"); !got.LastUsedAt.Equal(start.Add(time.Minute)) || list[0] != got {
			t.Fatalf("last used %v, listed %+v", got.LastUsedAt, list[0])
		}
	})

	t.Run("subject tokens are forgotten a day after they expired, others are not", func(t *testing.T) {
		one, _ := open(t)
		for i, role := range []access.Role{access.Subject, access.Service} {
			insert(t, one, record(fmt.Sprint("old", i), fmt.Sprint("old", i), role))
		}
		for i, after := range []time.Duration{access.Forgotten, access.Forgotten + time.Second} {
			r := record(fmt.Sprint("new", i), fmt.Sprint("new", i), access.Service)
			r.CreatedAt = start.Add(time.Hour).Add(after)
			insert(t, one, r)
			if _, found, _ := one.Find(ctx, "old0"); found != (i == 0) {
				t.Errorf("%v after it expired: kept is %v", after, found)
			}
		}
		if _, found, _ := one.Find(ctx, "old1"); !found {
			t.Error("a token of a service was forgotten")
		}
	})
}
