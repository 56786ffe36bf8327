//go:build linux

package sqlite

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestViewsChild is the process under watch: transactions that each add a row to two tables and move a cursor, with the log folded in between.
func TestViewsChild(t *testing.T) {
	dir := os.Getenv("KELISIM_DISK_DIR")
	if dir == "" {
		t.Skip("this is the process that others watch")
	}
	v, err := OpenViews(filepath.Join(dir, "views.db"))
	must(t, err)
	for _, statement := range []string{
		"PRAGMA wal_autocheckpoint = 12",
		"CREATE TABLE cursor (at INTEGER)", "INSERT INTO cursor VALUES (0)",
		"CREATE TABLE a (n INTEGER PRIMARY KEY, text TEXT)", "CREATE TABLE b (n INTEGER PRIMARY KEY, text TEXT)",
	} {
		_, err := v.Writer.Exec(statement)
		must(t, err)
	}
	for n := range 40 {
		tx, err := v.Writer.Begin()
		must(t, err)
		for _, statement := range []string{
			"INSERT INTO a VALUES (?1, hex(randomblob(300)))", "INSERT INTO b SELECT n, text FROM a WHERE n = ?1", "UPDATE cursor SET at = ?1",
		} {
			_, err := tx.Exec(statement, n+1)
			must(t, err)
		}
		must(t, tx.Commit())
	}
	must(t, v.Close())
}

// Whenever the power is cut, and whatever of the unsynced is lost, torn or kept: the read models are whole, and stand at one of their positions.
func TestViewsLoseOnlyTheirEnd(t *testing.T) {
	dir := t.TempDir()
	notes := underWatch(t, "TestViewsChild", dir, "")
	random := rand.New(rand.NewPCG(*diskSeed, 1))
	points := random.Perm(len(notes))
	if !*everyFault {
		points = points[:min(25, len(points))]
	}
	slices.Sort(points)
	d := &disk{dir: dir, files: map[string]*file{}, rand: random}
	done, reached := 0, map[int]bool{}
	for _, point := range points {
		for ; done <= point; done++ {
			d.do(notes[done])
		}
		for loss := range losses {
			to := t.TempDir()
			d.image(t, loss, to)
			path := filepath.Join(to, "views.db")
			v, err := OpenViews(path)
			if err != nil {
				t.Fatalf("cut after request %d, loss %d: %v", point, loss, err)
			}
			var made, at, a, b, same int
			must(t, v.Writer.QueryRow("SELECT count(*) FROM sqlite_master").Scan(&made))
			if made == 3 && v.Writer.QueryRow("SELECT at FROM cursor").Scan(&at) == nil {
				must(t, v.Writer.QueryRow("SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b), (SELECT count(*) FROM a JOIN b USING (n, text))").Scan(&a, &b, &same))
			}
			must(t, v.Close())
			if a != at || b != at || same != at {
				t.Errorf("cut after request %d, loss %d: the cursor is at %d, with %d and %d rows, %d of them alike", point, loss, at, a, b, same)
			}
			if out := integrity(t, path); out != "ok" {
				t.Errorf("cut after request %d, loss %d: %s", point, loss, out)
			}
			reached[at] = true
			must(t, os.RemoveAll(to))
		}
	}
	if len(reached) < 4 {
		t.Errorf("the cuts left %d different positions", len(reached))
	}
}
