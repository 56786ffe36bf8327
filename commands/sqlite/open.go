// Package sqlite keeps the ledger in files on one machine: journal.db here, and the files beside it (keys, tokens, tiles, read models,
// how far outlets are).
//
// It is the only home of the SQLite driver, and every file is opened by openDB, because the driver's own defaults lose acknowledged
// writes at a power cut: it asks for synchronous=NORMAL on each connection, whatever the journal mode. Here each connection is set to
// EXTRA before anything is written, every setting is read back, and a file whose settings did not take is not opened at all
// (TestOpenRefusesWeakSettings).
//
// Nothing here cancels a write that has begun: an interrupted statement leaves the outcome unknown, so a request's context never reaches one.
package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// mode is how a file keeps its commits whole.
type mode int

const (
	// walMode: readers go on while the writer commits, and a commit is one sync. For all that is appended to.
	walMode mode = iota
	// deleteMode: a rollback journal, with the freed bytes overwritten (secure_delete). For what must be gone when it is
	// deleted, since a write-ahead log would keep the old page for a while. Readers and the writer take turns.
	deleteMode
	// viewMode is walMode for a file that is made again from the journal: a commit waits for no sync, so that it does not stand in the way of the
	// journal's, and a power cut may take the last ones, whole, from the end (TestViewsLoseOnlyTheirEnd).
	viewMode
)

// Below this SQLite could corrupt a write-ahead log when it was restarted (3.7.0 to 3.51.2).
const oldestSQLite = 3_051_003

// A setting is a pragma, what to set it to ("" leaves it), and what it must then read.
type setting struct{ name, set, want string }

// Both kinds of connection. Faults in a file are looked for, and its schema cannot call functions with side effects.
var always = []setting{
	{"busy_timeout", "5000", "5000"}, // ms
	{"trusted_schema", "OFF", "0"},
	{"cell_size_check", "ON", "1"},
	{"mmap_size", "0", "0"}, // an I/O error must be an error, not a signal
}

// The order matters: the switch to WAL writes the file's first page by way of a rollback journal, and under a weaker setting
// nothing makes that journal's removal last. One that comes back after a power cut would undo all that followed.
var writerSettings = map[mode][]setting{
	walMode: {
		{"synchronous", "EXTRA", "3"},
		{"journal_mode", "WAL", "wal"},
		{"wal_autocheckpoint", "1000", "1000"},         // pages
		{"journal_size_limit", "67108864", "67108864"}, // bytes
		{"foreign_keys", "ON", "1"},
		{"recursive_triggers", "ON", "1"}, // so that REPLACE cannot pass by a trigger that refuses DELETE
		{"cache_size", "-32768", "-32768"},
	},
	viewMode: {
		{"synchronous", "EXTRA", "3"}, // for the switch alone
		{"journal_mode", "WAL", "wal"},
		{"synchronous", "NORMAL", "1"},
		{"wal_autocheckpoint", "4000", "4000"},
		{"journal_size_limit", "67108864", "67108864"},
		{"foreign_keys", "ON", "1"},
		{"recursive_triggers", "ON", "1"},
		{"cache_size", "-32768", "-32768"},
	},
	deleteMode: {
		{"synchronous", "EXTRA", "3"},
		{"journal_mode", "DELETE", "delete"},
		{"secure_delete", "ON", "1"},
		{"foreign_keys", "ON", "1"},
		{"recursive_triggers", "ON", "1"},
	},
}

var readerSettings = map[mode][]setting{
	walMode:    {{"query_only", "ON", "1"}, {"journal_mode", "", "wal"}, {"cache_size", "-8192", "-8192"}},
	viewMode:   {{"query_only", "ON", "1"}, {"journal_mode", "", "wal"}, {"cache_size", "-8192", "-8192"}},
	deleteMode: {{"query_only", "ON", "1"}, {"journal_mode", "", "delete"}},
}

// openDB opens the file at path, made with owner-only rights if it is not there, and proves that its settings took.
//
// The writer holds one connection whose transactions begin IMMEDIATE; the readers are a pool that cannot write. With readOnly the file
// must be there, writer is nil, and a writer in another process is not disturbed. Close the readers before the writer: the last to
// leave folds the write-ahead log into the file, and a reader cannot.
func openDB(path string, m mode, readOnly bool) (writer, readers *sql.DB, err error) {
	if text, number, _ := sqlite3.Version(); number < oldestSQLite {
		return nil, nil, fmt.Errorf("open %s: SQLite %s is too old and can corrupt a write-ahead log", path, text)
	}
	if readOnly {
		readers, err = openReaders(path, m)
		return nil, readers, err
	}
	if err := create(path); err != nil {
		return nil, nil, err
	}
	writer = pool(dsn(path, url.Values{"_txlock": {"immediate"}}), append(always[:len(always):len(always)], writerSettings[m]...))
	writer.SetMaxOpenConns(1)
	if err := writer.Ping(); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open %s: %w", path, err), writer.Close())
	}
	readers, err = openReaders(path, m)
	if err != nil {
		return nil, nil, errors.Join(err, writer.Close())
	}
	return writer, readers, nil
}

func openReaders(path string, m mode) (*sql.DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open for reading: %w", err)
	}
	settings := append(always[:len(always):len(always)], readerSettings[m]...)
	readers := pool(dsn(path, url.Values{"mode": {"ro"}}), settings)
	err := readers.Ping()
	if err != nil && onlyReadable(path) {
		// No writer can be at work where nothing can be written, and nothing waits in a log: the file may be taken as it stands.
		err = errors.Join(readers.Close())
		readers = pool(dsn(path, url.Values{"mode": {"ro"}, "immutable": {"1"}}), append(always[:len(always):len(always)], setting{"query_only", "ON", "1"}))
		err = errors.Join(err, readers.Ping())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s for reading: %w", path, err), readers.Close())
	}
	n := max(4, runtime.NumCPU())
	readers.SetMaxOpenConns(n)
	readers.SetMaxIdleConns(n)
	return readers, nil
}

// onlyReadable: the file lies in a folder that cannot be written to, has no log or journal that holds anything, and none of the
// shared memory that a process at work on it would have.
func onlyReadable(path string) bool {
	for suffix, most := range map[string]int64{"-wal": 0, "-journal": 0, "-shm": -1} {
		if info, err := os.Stat(path + suffix); err == nil && info.Size() > most {
			return false
		}
	}
	probe, err := os.CreateTemp(filepath.Dir(path), ".probe-*")
	if err != nil {
		return true
	}
	_ = probe.Close()
	_ = os.Remove(probe.Name())
	return false
}

// create makes an empty file for its owner alone, and makes its name last.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("create a database: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("create a database: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the names in a folder last through a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync a folder: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}

// dsn names a file as a URI, so that any letter may stand in its path.
func dsn(path string, params url.Values) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if params == nil {
		params = url.Values{}
	}
	params.Set("_stmt_cache_size", "32") // the same few statements, over and over
	return "file:" + strings.ReplaceAll((&url.URL{Path: path}).EscapedPath(), "?", "%3F") + "?" + params.Encode()
}

// pool opens connections that were each set and proved.
func pool(dsn string, settings []setting) *sql.DB {
	return sql.OpenDB(connector{dsn, &sqlite3.SQLiteDriver{ConnectHook: func(c *sqlite3.SQLiteConn) error { return apply(c, settings) }}})
}

type connector struct {
	dsn    string
	driver *sqlite3.SQLiteDriver
}

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }
func (c connector) Driver() driver.Driver                        { return c.driver }

// apply sets each pragma and reads it back.
func apply(c *sqlite3.SQLiteConn, settings []setting) error {
	for _, s := range settings {
		if s.set != "" {
			if _, err := c.Exec("PRAGMA "+s.name+" = "+s.set, nil); err != nil {
				return fmt.Errorf("set %s: %w", s.name, err)
			}
		}
		got, err := pragma(c, s.name)
		if err != nil {
			return err
		}
		if got != s.want {
			return fmt.Errorf("setting %s is %q where it must be %q", s.name, got, s.want)
		}
	}
	return nil
}

// pragma reads one setting as text, on this very connection.
func pragma(c *sqlite3.SQLiteConn, name string) (string, error) {
	rows, err := c.Query("PRAGMA "+name, nil)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	defer rows.Close()
	row := make([]driver.Value, len(rows.Columns()))
	if err := rows.Next(row); errors.Is(err, io.EOF) {
		return "", nil
	} else if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	return fmt.Sprint(row[0]), nil
}
