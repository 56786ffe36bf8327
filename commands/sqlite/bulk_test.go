package sqlite

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/commands/journal"
	"kelisim/commands/vault"
	"kelisim/commands/vault/vaulttest"
)

// A store in bulk keeps the contract of any other, save that it lasts later.
func TestBulkKeys(t *testing.T) {
	vaulttest.Test(t, func(t *testing.T) vault.Keys {
		k, err := OpenBulkKeys(keysFile(t))
		must(t, err)
		t.Cleanup(func() { k.Close() })
		return k
	})
}

// What was changed lasts with Flush and with Close, all of it since the last one or none.
func TestBulkKeysLastWhenFlushed(t *testing.T) {
	path := keysFile(t)
	k, err := OpenBulkKeys(path)
	must(t, err)
	claim := func(thing byte) {
		t.Helper()
		holder, err := k.Claim(t.Context(), vault.Claim{Kind: "k", Thing: vault.MAC{thing}, Holder: "me"})
		if err != nil || holder != "me" {
			t.Fatalf("claimed by %q, %v", holder, err)
		}
	}
	held := func(thing byte) bool {
		t.Helper()
		other, err := OpenKeys(path, true)
		must(t, err)
		defer other.Close()
		var holders []string
		must(t, other.read(t.Context(), "claim", scanText(&holders), "k", []byte{thing, 15: 0}))
		return len(holders) > 0
	}
	claim(1)
	if held(1) {
		t.Error("it lasts before Flush")
	}
	must(t, k.Flush())
	claim(2)
	if !held(1) || held(2) {
		t.Errorf("after Flush the first lasts (%v) and the second not yet (%v)", held(1), held(2))
	}
	must(t, k.Close())
	if !held(2) {
		t.Error("the second does not last after Close")
	}
}

// AppendAll leaves the journal as the appends would leave it one after another, and answers each at its place.
func TestAppendAll(t *testing.T) {
	open := func() *Journal {
		j, err := OpenJournal(filepath.Join(t.TempDir(), "journal.db"), Options{})
		must(t, err)
		t.Cleanup(func() { j.Close() })
		return j
	}
	at := time.Date(2026, 1, 31, 5, 0, 0, 0, time.UTC)
	entry := func(stream string, expected int64, n int) Entry {
		e := Entry{Stream: stream, Expected: expected}
		for i := range n {
			e.Records = append(e.Records, journal.NewRecord{ID: uuid.NewSHA1(uuid.Nil, []byte{byte(len(stream)), byte(expected), byte(i)}),
				Type: "a.b", Data: []byte(`{}`), Meta: []byte(`{}`), RecordedAt: at})
		}
		return e
	}
	entries := []Entry{entry("a", -1, 2), entry("bb", -1, 1), entry("a", 1, 1), entry("ccc", 4, 1), entry("", -1, 1), entry("bb", 0, 3)}
	early := entry("dddd", -1, 1)
	early.Records[0].RecordedAt = at.Add(-time.Second)
	entries = append(entries, early)

	single, all := open(), open()
	receipts, errs := all.AppendAll(entries)
	for i, e := range entries {
		want, wantErr := single.Append(t.Context(), e.Stream, e.Expected, e.Records)
		if receipts[i] != want || (errs[i] == nil) != (wantErr == nil) || wantErr != nil && errs[i].Error() != wantErr.Error() {
			t.Errorf("append %d: %+v, %v; alone %+v, %v", i, receipts[i], errs[i], want, wantErr)
		}
	}
	if !errors.Is(errs[6], journal.ErrBeforeLast) || !errors.Is(errs[4], journal.ErrInvalid) {
		t.Errorf("errors are %v", errs)
	}
	if head, _, _ := all.Head(t.Context()); head != 7 {
		t.Errorf("the head is %d, want 7", head)
	}
	must(t, all.Close())
	if _, errs := all.AppendAll(entries[:2]); !errors.Is(errs[1], journal.ErrNotWritten) {
		t.Errorf("after Close: %v", errs)
	}
}
