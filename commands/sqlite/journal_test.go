package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	sqlite3 "github.com/mattn/go-sqlite3"

	"kelisim/commands/journal"
	"kelisim/commands/journal/journaltest"
)

func TestJournalKeepsTheContract(t *testing.T) {
	journaltest.Run(t, func(t *testing.T, place string, now func() time.Time) journal.Store {
		j, err := OpenJournal(filepath.Join(place, "journal.db"), Options{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return j
	}, journaltest.Options{Persistent: true})
}

// opened makes a journal in a folder of the test's own; prepare, where given, sees its writing connection.
func opened(t testing.TB, prepare ...func(*sqlite3.SQLiteConn) error) (*Journal, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal.db")
	j, err := openJournal(path, Options{}, func(c *sqlite3.SQLiteConn) error {
		for _, f := range prepare {
			if err := f(c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j, path
}

func wish(n int) []journal.NewRecord {
	records := make([]journal.NewRecord, n)
	for i := range records {
		records[i] = journal.NewRecord{ID: uuid.New(), Type: "test.happened", Data: fmt.Appendf(nil, `{"n":%d}`, i), Meta: []byte(`{"version":1}`)}
	}
	return records
}

func count(t testing.TB, s journal.Store) int {
	t.Helper()
	n := 0
	for _, err := range s.ReadAll(context.Background(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// One process writes: a second would not know of the first's last position.
func TestOneWriter(t *testing.T) {
	j, path := opened(t)
	if _, err := OpenJournal(path, Options{}); !errors.Is(err, ErrHeld) || !strings.Contains(err.Error(), "another kelisim process has this journal open") {
		t.Errorf("a second writer: %v", err)
	}
	if _, err := j.Append(t.Context(), "user-a", journal.NoStream, wish(1)); err != nil {
		t.Errorf("the first writer, after a second was refused: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := OpenJournal(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestReadOnlyBesideTheWriter(t *testing.T) {
	j, path := opened(t)
	if _, err := j.Append(t.Context(), "user-a", journal.NoStream, wish(2)); err != nil {
		t.Fatal(err)
	}
	r, err := OpenJournal(path, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if r.Exclusive() {
		t.Error("a reader says that nobody else appends")
	}
	if _, err := r.Append(t.Context(), "user-a", 1, wish(1)); !errors.Is(err, journal.ErrNotWritten) {
		t.Errorf("a reader's append: %v", err)
	}
	waited := make(chan error)
	go func() { waited <- r.Wait(t.Context(), 2) }()
	receipt, err := j.Append(t.Context(), "user-a", 1, wish(3))
	if err != nil {
		t.Fatal(err)
	}
	if err := <-waited; err != nil {
		t.Error(err)
	}
	if n := count(t, r); n != 5 {
		t.Errorf("the reader sees %d events of 5", n)
	}
	if head, at, err := r.Head(t.Context()); head != 5 || !at.Equal(receipt.RecordedAt) || err != nil {
		t.Errorf("the reader's head is %d at %v (%v)", head, at, err)
	}
	if at, err := r.Settled(t.Context()); err != nil || !at.Equal(receipt.RecordedAt) {
		t.Errorf("the reader's settled moment is %v (%v), want %v", at, err, receipt.RecordedAt)
	}
	if err := errors.Join(r.Close(), j.Close()); err != nil {
		t.Fatal(err)
	}
	// Nobody writes: verify, export and report open it all the same.
	for range 2 {
		if r, err = OpenJournal(path, Options{ReadOnly: true}); err != nil {
			t.Fatal(err)
		}
		if n := count(t, r); n != 5 {
			t.Errorf("a reader alone sees %d events of 5", n)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := OpenJournal(filepath.Join(t.TempDir(), "journal.db"), Options{ReadOnly: true}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a journal that is not there: %v", err)
	}
}

// A row is written once, whoever asks.
func TestRowsStay(t *testing.T) {
	j, path := opened(t)
	if _, err := j.Append(t.Context(), "user-a", journal.NoStream, wish(2)); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	w, r, err := openDB(path, walMode, false)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	defer r.Close()
	for _, statement := range []string{
		"UPDATE events SET data = '{}'", "UPDATE events SET position = 9 WHERE position = 1", "DELETE FROM events",
		"DELETE FROM events WHERE position = 2",
		"REPLACE INTO events SELECT position, stream, revision, id, type, x'7b7d', meta FROM events",
		"INSERT INTO events SELECT * FROM events",
		"INSERT INTO events SELECT 3, stream, 2, x'00', type, data, meta FROM events WHERE position = 1",
		"INSERT INTO events SELECT 3, stream, 2, randomblob(16), type, 'text', meta FROM events WHERE position = 1",
		"INSERT INTO events SELECT 3, stream, -1, randomblob(16), type, data, meta FROM events WHERE position = 1",
	} {
		if _, err := w.Exec(statement); err == nil {
			t.Errorf("%s: done", statement)
		}
	}
	again, err := OpenJournal(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if n := count(t, again); n != 2 {
		t.Errorf("%d events", n)
	}
}

// A file that a newer program wrote is left alone.
func TestNewerTablesAreRefused(t *testing.T) {
	j, path := opened(t)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	w, r, err := openDB(path, walMode, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	for _, readOnly := range []bool{false, true} {
		if _, err := OpenJournal(path, Options{ReadOnly: readOnly}); err == nil || !strings.Contains(err.Error(), "newer") {
			t.Errorf("opened a newer file, reading only %v: %v", readOnly, err)
		}
	}
}

// The log is folded while the journal is written to, and given back when it rests; a reader of everything does not pin it.
func TestLogStaysSmall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, path := opened(t)
		large := wish(40)
		for i := range large {
			large[i].Data = fmt.Appendf(nil, `{"text":"%s"}`, strings.Repeat("x", 20_000))
		}
		var most int64
		expected := journal.NoStream
		next, stop := func() (func() bool, func()) {
			ctx, cancel := context.WithCancel(t.Context())
			taken := make(chan bool)
			go func() {
				defer close(taken)
				for _, err := range j.ReadAll(ctx, 0) {
					if err != nil {
						return
					}
					select {
					case taken <- true:
					case <-ctx.Done():
						return
					}
				}
			}()
			return func() bool { return <-taken }, cancel
		}()
		defer stop()
		for range 80 { // 64 MB in all
			for i := range large {
				large[i].ID = uuid.New()
			}
			receipt, err := j.Append(t.Context(), "user-a", expected, large)
			if err != nil {
				t.Fatal(err)
			}
			expected = receipt.Revision
			next() // a reader in the midst of a page
			info, err := os.Stat(path + "-wal")
			if err != nil {
				t.Fatal(err)
			}
			most = max(most, info.Size())
		}
		if limit := int64(2 * checkpointFrames * 4096); most > limit {
			t.Errorf("the log grew to %d bytes, want at most %d", most, limit)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if info, err := os.Stat(path + "-wal"); err != nil || info.Size() != 0 {
			t.Errorf("the log of a resting journal has %d bytes (%v)", info.Size(), err)
		}
		stop()
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
