package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"kelisim/commands/access"
	"kelisim/commands/access/accesstest"
	"kelisim/commands/sqlite"
)

func openAccess(t testing.TB, path string) *sqlite.Access {
	t.Helper()
	a, err := sqlite.OpenAccess(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func TestAccessContract(t *testing.T) {
	accesstest.Store(t, func(t *testing.T) (access.Store, access.Store) {
		path := filepath.Join(t.TempDir(), "access.db")
		return openAccess(t, path), openAccess(t, path)
	})
}

// Revoking after a token was checked, through the very store that remembers it.
func TestAccessForgetsItsOwnChanges(t *testing.T) {
	ctx := context.Background()
	a := openAccess(t, filepath.Join(t.TempDir(), "access.db"))
	tokens := access.NewTokens(a, time.Now)
	secret, _, err := tokens.Create(ctx, access.Wish{Name: "site", Role: access.Service})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := tokens.Check(ctx, secret); err != nil {
			t.Fatal(err)
		}
	}
	if err := tokens.Revoke(ctx, "site"); err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.Check(ctx, secret); err == nil {
		t.Fatal("a revoked token still opens")
	}
}

func TestAccessFileHoldsNoSecret(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "access.db")
	a := openAccess(t, path)
	secret, made, err := access.NewTokens(a, time.Now).Create(ctx, access.Wish{Name: "site", Role: access.Service})
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	if !bytes.Contains(all, []byte(made.ID)) {
		t.Fatal("the token's id is not in the file: the search below proves nothing")
	}
	if bytes.Contains(all, []byte(secret[21:64])) {
		t.Error("the secret lies in the file")
	}
}

// A check is part of every request, so its cost is compared with what it saves: reading the row each time.
func BenchmarkAccessCheck(b *testing.B) {
	ctx := context.Background()
	a := openAccess(b, filepath.Join(b.TempDir(), "access.db"))
	tokens := access.NewTokens(a, time.Now)
	secret, _, err := tokens.Create(ctx, access.Wish{Name: "site", Role: access.Service})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := tokens.Check(ctx, secret); err != nil {
			b.Fatal(err)
		}
	}
}

// A file that was closed is whole by itself, so that it can be copied alone.
func TestClosedAccessLeavesNoLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.db")
	a, err := sqlite.OpenAccess(path)
	if err != nil {
		t.Fatal(err)
	}
	tokens := access.NewTokens(a, time.Now)
	secret, _, err := tokens.Create(t.Context(), access.Wish{Name: "site", Role: access.Service})
	if err == nil {
		_, err = tokens.Check(t.Context(), secret)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + "-wal"); err == nil {
		t.Error("a log lies beside the closed file")
	}
}

// A file of the first form goes on to work, and its tokens stand for the persons of their names.
func TestOldAccessFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.db")
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := os.ReadFile("schema/access/1.sql")
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(string(schema) + `;
		INSERT INTO tokens (id, name, role, subject, hash, created_at, expires_at) VALUES ('a', 'aigul', 'officer', '', zeroblob(32), 1, 2);
		PRAGMA user_version = 1`)
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	a := openAccess(t, path)
	r, found, err := a.Find(t.Context(), "a")
	if err != nil || !found || r.Name != "aigul" || r.Owner() != "aigul" || r.Person != "" {
		t.Errorf("an old token reads %+v, %v, %v", r, found, err)
	}
}
