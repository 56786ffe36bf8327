package sqlite

import (
	"context"
	"database/sql/driver"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// Every file: what is acknowledged lasts through a power cut, which the driver's own defaults do not give.
func TestOpenSetsWhatDurabilityNeeds(t *testing.T) {
	for _, m := range []mode{walMode, deleteMode} {
		path := filepath.Join(t.TempDir(), "x.db")
		writer, readers, err := openDB(path, m, false)
		if err != nil {
			t.Fatal(err)
		}
		var sync, secure int
		var journal string
		for name, into := range map[string]any{"synchronous": &sync, "journal_mode": &journal, "secure_delete": &secure} {
			if err := writer.QueryRow("PRAGMA " + name).Scan(into); err != nil {
				t.Fatal(err)
			}
		}
		if sync != 3 {
			t.Errorf("mode %d: synchronous is %d, want 3 (EXTRA)", m, sync)
		}
		if want := map[mode]string{walMode: "wal", deleteMode: "delete"}[m]; journal != want {
			t.Errorf("mode %d: journal_mode is %s, want %s", m, journal, want)
		}
		if m == deleteMode && secure != 1 {
			t.Errorf("mode %d: secure_delete is %d, want 1", m, secure)
		}
		if _, err := readers.Exec("CREATE TABLE t (a)"); err == nil {
			t.Errorf("mode %d: a reader could write", m)
		}
		if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
			t.Errorf("mode %d: file rights are %v, want its owner's alone", m, info.Mode())
		}
		readers.Close()
		writer.Close()
	}
}

// A connection whose settings did not take is refused, and so is a file that cannot be given them.
func TestOpenRefusesWeakSettings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	for _, weak := range []setting{
		{"synchronous", "", "3"}, // the driver's default is 1
		{"synchronous", "FULL", "3"},
		{"journal_mode", "MEMORY", "wal"},
	} {
		db := pool(dsn(path, nil), []setting{weak})
		if err := db.Ping(); err == nil || !strings.Contains(err.Error(), weak.name) {
			t.Errorf("%+v: opened (%v)", weak, err)
		}
		db.Close()
	}

	// A database in memory cannot have a write-ahead log: all that openDB asks for is asked of it, and one setting does not take.
	if db := pool("file::memory:", writerSettings[walMode]); db.Ping() == nil {
		t.Error("a file without a write-ahead log was opened")
	}
}

func TestOpenTakesAnyPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "келісім 100% a?b#c&d=e")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	writer, readers, err := openDB(filepath.Join(dir, "x.db"), walMode, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "x.db-wal")); err != nil {
		t.Error(err)
	}
	readers.Close()
	writer.Close()
}

func TestReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	if _, _, err := openDB(path, walMode, true); err == nil {
		t.Fatal("a file that is not there was opened for reading")
	}
	if _, err := os.Stat(path); err == nil {
		t.Fatal("opening for reading made a file")
	}
	writer, readers, err := openDB(path, walMode, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Exec("CREATE TABLE t (a); INSERT INTO t VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	see := func(when string, want int) {
		t.Helper()
		_, ro, err := openDB(path, walMode, true)
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		defer ro.Close()
		var n int
		if err := ro.QueryRow("SELECT sum(a) FROM t").Scan(&n); err != nil || n != want {
			t.Errorf("%s: saw %d (%v), want %d", when, n, err, want)
		}
		if _, err := ro.Exec("INSERT INTO t VALUES (1)"); err == nil {
			t.Errorf("%s: a reader wrote", when)
		}
	}
	see("beside the writer", 1)
	readers.Close()
	writer.Close()
	see("after the writer left", 1)
	see("again", 1)

	writer, readers, err = openDB(path, walMode, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Exec("INSERT INTO t VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	see("beside the next writer", 2)
	copyCrashed(t, path) // the log as a killed process leaves it
	readers.Close()
	writer.Close()
	path += ".crashed"
	see("after a crash", 2)
}

// copyCrashed copies a file and its log as they stand now under path.crashed; by another process, because
// closing a file here would drop the locks that SQLite holds on it.
func copyCrashed(t *testing.T, path string) {
	t.Helper()
	for _, suffix := range []string{"", "-wal"} {
		if out, err := exec.Command("cp", path+suffix, path+".crashed"+suffix).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
}

// A bundle or a backup may lie where nothing can be written, as a writer left it, as a reader left it, or as a crash left it.
func TestReadOnlyFolder(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("the superuser may write anywhere")
	}
	for _, left := range []string{"by a writer", "by a reader", "by a crash"} {
		path := filepath.Join(t.TempDir(), "x.db")
		writer, readers, err := openDB(path, walMode, false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := writer.Exec("CREATE TABLE t (a); INSERT INTO t VALUES (1)"); err != nil {
			t.Fatal(err)
		}
		if left == "by a crash" {
			copyCrashed(t, path)
		}
		readers.Close()
		writer.Close()
		switch left {
		case "by a reader":
			_, ro, err := openDB(path, walMode, true)
			if err != nil {
				t.Fatal(err)
			}
			ro.Close()
		case "by a crash":
			path += ".crashed"
		}
		if err := os.Chmod(filepath.Dir(path), 0o500); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Chmod(filepath.Dir(path), 0o700) })
		_, ro, err := openDB(path, walMode, true)
		if left == "by a crash" {
			if err == nil {
				t.Error("what the log of a crash holds was passed over")
				ro.Close()
			}
			continue
		}
		if err != nil {
			t.Fatalf("left %s: %v", left, err)
		}
		var n int
		if err := ro.QueryRow("SELECT a FROM t").Scan(&n); err != nil || n != 1 {
			t.Errorf("left %s: saw %d (%v)", left, n, err)
		}
		ro.Close()
	}
}

// Each connection of a pool is proved, not only the first.
func TestEveryConnectionIsProved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	writer, readers, err := openDB(path, walMode, false)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	defer readers.Close()
	for range 4 {
		c, err := readers.Conn(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		err = c.Raw(func(dc any) error {
			got, err := pragma(dc.(*sqlite3.SQLiteConn), "query_only")
			if got != "1" {
				t.Errorf("query_only is %s", got)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	var _ driver.Connector = connector{}
	if d := dsn("a", url.Values{"mode": {"ro"}}); !strings.HasSuffix(d, "/a?_stmt_cache_size=32&mode=ro") {
		t.Errorf("dsn: %s", d)
	}
}
