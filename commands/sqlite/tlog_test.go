package sqlite_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/commands/journal"
	"kelisim/commands/sqlite"
	"kelisim/commands/tlog"
	"kelisim/commands/tlog/tlogtest"
	"kelisim/commands/tlog/verify"
	"kelisim/domain/event"
	"kelisim/domain/ledger"
)

func openLog(t testing.TB, path string, readOnly bool) *sqlite.Log {
	t.Helper()
	l, err := sqlite.OpenLog(path, readOnly)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLogContract(t *testing.T) {
	tlogtest.Store(t, func(t *testing.T) (tlog.Store, func() tlog.Store) {
		path := filepath.Join(t.TempDir(), "tlog.db")
		l := openLog(t, path, false)
		t.Cleanup(func() { _ = l.Close() })
		return l, func() tlog.Store {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			l = openLog(t, path, false)
			return l
		}
	})
}

// A reader beside the follower sees what was committed.
func TestLogIsReadBesideItsFollower(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tlog.db")
	if l, err := sqlite.OpenLog(path, true); err == nil {
		_ = l.Close()
		t.Error("opened for reading what is not there")
	}
	l := openLog(t, path, false)
	defer l.Close()
	reader := openLog(t, path, true)
	defer reader.Close()
	if err := l.Commit(t.Context(), tlog.Batch{State: tlog.State{Size: 1, Position: 7}, Leaves: []tlog.Leaf{{Position: 7, Prev: -1}}}); err != nil {
		t.Fatal(err)
	}
	if s, err := reader.State(t.Context()); err != nil || s.Position != 7 {
		t.Errorf("the reader sees %+v (%v)", s, err)
	}
	if leaf, err := reader.Leaf(t.Context(), 0); err != nil || leaf.Position != 7 {
		t.Errorf("the reader sees %+v (%v)", leaf, err)
	}
}

// What was signed cannot be made unsaid by whoever writes to the file through this program's schema.
func TestSignedCheckpointsStay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tlog.db")
	l := openLog(t, path, false)
	signed := tlog.Checkpoint{Size: 1, Note: []byte("n")}
	if err := l.Commit(t.Context(), tlog.Batch{State: tlog.State{Size: 1, Signed: signed}, Leaves: []tlog.Leaf{{Prev: -1}}}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, query := range []string{"UPDATE checkpoints SET size = 2", "DELETE FROM checkpoints"} {
		if _, err := db.Exec(query); err == nil || !strings.Contains(err.Error(), "never") {
			t.Errorf("%s: %v", query, err)
		}
	}
}

const logOrigin = "kelisim.test/ledger"

func follower(t testing.TB, j journal.Store, s tlog.Store, keys *tlog.Keys) *tlog.Follower {
	t.Helper()
	events, err := event.NewCatalogue(ledger.Events)
	if err != nil {
		t.Fatal(err)
	}
	f, err := tlog.NewFollower(t.Context(), tlog.Config{Journal: journal.New(j, events), Store: s, Keys: keys, Now: standing})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func standing() time.Time { return time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC) }

// wishes are events whose ids follow from their numbers.
func wishes(stream string, from, n int) []journal.NewRecord {
	records := make([]journal.NewRecord, n)
	for i := range records {
		records[i] = journal.NewRecord{
			ID: uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, stream, from+i)), Type: "test.happened", Data: fmt.Appendf(nil, `{"n":%d}`, from+i),
			Meta: []byte(`{"version":1,"occurred_at":"2026-01-31T10:00:00.000000Z","actor":{"kind":"user","id":"7"}}`),
		}
	}
	return records
}

func happen(t testing.TB, j journal.Store, stream string, from, n int) {
	t.Helper()
	if _, err := j.Append(t.Context(), stream, int64(from)-1, wishes(stream, from, n)); err != nil {
		t.Fatal(err)
	}
}

func logKeys(t testing.TB) *tlog.Keys {
	t.Helper()
	keys, err := tlog.OpenKeys(filepath.Join(t.TempDir(), "log.key"), logOrigin)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// The same events give the same root on every journal, and the same checkpoints and bundles with it, whatever positions they have there. So a ledger
// that is moved from one journal to another shows that it is the same.
func TestSameRootOnEveryJournal(t *testing.T) {
	dir := t.TempDir()
	file, err := sqlite.OpenJournal(filepath.Join(dir, "journal.db"), sqlite.Options{Now: standing})
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	keys := logKeys(t)
	var want string
	for name, j := range map[string]journal.Store{"memory": &journal.Memory{Now: standing}, "with gaps": &journal.Memory{Now: standing, Step: 7}, "SQLite": file} {
		l := openLog(t, filepath.Join(dir, name+".db"), false)
		defer l.Close()
		f := follower(t, j, l, keys)
		for n := range 30 {
			happen(t, j, "user-a", 20*n, 20)
			happen(t, j, fmt.Sprint("user-", n), 0, 3)
			if n%10 == 9 {
				if err := f.CommitHeads(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		c, err := f.Reader().Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := string(c.Full()); want == "" {
			want = got
		} else if got != want {
			t.Errorf("%s: signed\n%s, another journal gave\n%s", name, got, want)
		}
		v, err := verify.Dir(t.Context(), tlog.NewSource(j, l), verify.Options{})
		if err != nil || v.Events != c.Size || v.Heads != 3 {
			t.Errorf("%s: %+v (%v)", name, v, err)
		}
		if err := f.Scrub(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A bit that flips anywhere in the files of a ledger is found, or changes nothing that the files say.
func TestFlippedBitsAreFound(t *testing.T) {
	dir := t.TempDir()
	j, err := sqlite.OpenJournal(filepath.Join(dir, "journal.db"), sqlite.Options{Now: standing})
	if err != nil {
		t.Fatal(err)
	}
	l := openLog(t, filepath.Join(dir, "tlog.db"), false)
	f := follower(t, j, l, logKeys(t))
	for n := range 8 {
		happen(t, j, fmt.Sprint("user-", n%4), n/4*5, 5)
	}
	if err := errors.Join(f.CommitHeads(t.Context()), j.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
	_, whole, err := verifyFiles(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	found, same := 0, 0
	for _, name := range []string{"journal.db", "tlog.db"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "tlog.db" {
			content = content[:min(len(content), 64<<10)] // the rest are trees of heads, which nobody believes unproved
		}
		file, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(content); i += 211 {
			flipped := []byte{content[i] ^ 1<<(i%8)}
			if _, err := file.WriteAt(flipped, int64(i)); err != nil {
				t.Fatal(err)
			}
			v, digest, err := verifyFiles(t, dir)
			switch {
			case err != nil:
				found++
			case digest != whole || v != 41:
				t.Errorf("byte %d of %s: another ledger was found whole", i, name)
			default:
				same++
			}
			if _, err := file.WriteAt(content[i:i+1], int64(i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if found == 0 || same == 0 {
		t.Errorf("%d flips were found, %d changed nothing: this test sees nothing", found, same)
	}
	t.Logf("%d flips were found, %d changed nothing", found, same)
}

// verifyFiles verifies a data directory as it lies, and writes down all that its journal says.
func verifyFiles(t *testing.T, dir string) (events int64, digest string, err error) {
	t.Helper()
	j, err := sqlite.OpenJournal(filepath.Join(dir, "journal.db"), sqlite.Options{ReadOnly: true})
	if err != nil {
		return 0, "", err
	}
	defer j.Close()
	l, err := sqlite.OpenLog(filepath.Join(dir, "tlog.db"), true)
	if err != nil {
		return 0, "", err
	}
	defer l.Close()
	v, err := verify.Dir(t.Context(), tlog.NewSource(j, l), verify.Options{})
	if err != nil {
		return 0, "", err
	}
	var b strings.Builder
	for r, err := range j.ReadAll(t.Context(), 0) {
		if err != nil {
			return 0, "", err
		}
		fmt.Fprintln(&b, r.ID, r.Stream, r.Revision, r.Type, string(r.Data), string(r.Meta))
	}
	return v.Events, b.String(), nil
}
