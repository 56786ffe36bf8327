package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"kelisim/commands/journal"
)

// A copy is the file as it stood, made beside the process that writes it, and is no way to overwrite another file.
func TestCopy(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "journal.db"), filepath.Join(dir, "copy.db")
	j, err := OpenJournal(from, Options{})
	must(t, err)
	defer j.Close()
	grow := func(revision int64) {
		t.Helper()
		record := journal.NewRecord{ID: uuid.New(), Type: "a.b", Data: []byte(`{}`), Meta: []byte(`{}`)}
		if _, err := j.Append(t.Context(), "s-1", revision-1, []journal.NewRecord{record}); err != nil {
			t.Fatal(err)
		}
	}
	grow(0)
	must(t, Copy(t.Context(), from, to))
	grow(1)

	info, err := os.Stat(to)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the copy has mode %v: it is its owner's alone", info.Mode())
	}
	copied, err := OpenJournal(to, Options{})
	must(t, err)
	defer copied.Close()
	if head, _, err := copied.Head(t.Context()); err != nil || head != 1 {
		t.Errorf("the copy's head is %d (%v), want 1", head, err)
	}

	if err := Copy(t.Context(), from, to); !errors.Is(err, os.ErrExist) {
		t.Errorf("over another file: %v", err)
	}
	if _, err := os.Stat(to); err != nil {
		t.Errorf("the other file is gone: %v", err)
	}
	if err := Copy(t.Context(), filepath.Join(dir, "none.db"), filepath.Join(dir, "new.db")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("of no file: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "new.db")); err == nil {
		t.Error("a copy of nothing was made")
	}
}
