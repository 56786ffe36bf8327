package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"

	"kelisim/commands/journal"
)

// gate holds commits back, so that a test knows what waits behind them.
type gate struct {
	entered chan struct{} // a commit stands at the gate
	open    chan bool     // true lets it through, false turns it into an error
	commits atomic.Int64
	off     atomic.Bool
}

func newGate() *gate { return &gate{entered: make(chan struct{}), open: make(chan bool)} }

func (g *gate) guard(c *sqlite3.SQLiteConn) error {
	c.RegisterCommitHook(func() int {
		g.commits.Add(1)
		if g.off.Load() {
			return 0
		}
		g.entered <- struct{}{}
		if <-g.open {
			return 0
		}
		return 1
	})
	return nil
}

// outcome is how an append in the background ended.
type outcome struct {
	journal.Receipt
	error
}

// background starts an append and returns when it waits for the writer, behind those started before it.
func background(t *testing.T, j *Journal, stream string, expected int64, records []journal.NewRecord) <-chan outcome {
	t.Helper()
	done := make(chan outcome, 1)
	before := queued(j)
	go func() {
		receipt, err := j.Append(context.Background(), stream, expected, records)
		done <- outcome{receipt, err}
	}()
	for queued(j) == before {
		time.Sleep(100 * time.Microsecond)
	}
	return done
}

func queued(j *Journal) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.waiting)
}

// held starts an append and returns when its transaction stands at the gate.
func held(j *Journal, g *gate, stream string, records []journal.NewRecord) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		receipt, err := j.Append(context.Background(), stream, journal.NoStream, records)
		done <- outcome{receipt, err}
	}()
	<-g.entered
	return done
}

// All that waits goes into one transaction, and each append is decided by itself.
func TestAppendsShareACommit(t *testing.T) {
	g := newGate()
	j, _ := opened(t, g.guard)
	stood := wish(2)
	first := held(j, g, "user-first", stood)
	twin, mixed := wish(2), append(wish(2), stood[1])
	late := wish(1)
	late[0].RecordedAt = time.Unix(0, 0)
	cases := []struct {
		what string
		done <-chan outcome
		ok   func(outcome) bool
	}{
		{"a good one", background(t, j, "user-a", journal.NoStream, wish(3)), func(o outcome) bool { return o.error == nil && o.Position == 5 && o.Revision == 2 }},
		{"a conflict", background(t, j, "user-a", 0, wish(1)), func(o outcome) bool {
			var c *journal.ConflictError
			return errors.As(o.error, &c) && c.Actual == 2
		}},
		{"its last id stands elsewhere", background(t, j, "user-b", journal.NoStream, mixed), func(o outcome) bool { return errors.Is(o.error, journal.ErrDuplicateID) }},
		{"a gap", background(t, j, "user-b", 4, wish(1)), func(o outcome) bool {
			var c *journal.ConflictError
			return errors.As(o.error, &c) && c.Actual == journal.NoStream
		}},
		{"one of two copies", background(t, j, "user-b", journal.NoStream, twin), func(o outcome) bool { return o.error == nil && !o.Repeated && o.Position == 7 }},
		{"the other copy", background(t, j, "user-b", journal.NoStream, twin), func(o outcome) bool { return o.error == nil && o.Repeated && o.Position == 7 }},
		{"a copy of what was being committed", background(t, j, "user-first", journal.NoStream, stood), func(o outcome) bool { return o.error == nil && o.Repeated && o.Position == 2 }},
		{"too early a moment", background(t, j, "user-c", journal.NoStream, late), func(o outcome) bool { return errors.Is(o.error, journal.ErrBeforeLast) }},
		{"another good one", background(t, j, "user-a", 2, wish(1)), func(o outcome) bool { return o.error == nil && o.Position == 8 && o.Revision == 3 }},
	}
	g.off.Store(true)
	g.open <- true
	if o := <-first; o.error != nil || o.Position != 2 {
		t.Errorf("the first: %+v", o)
	}
	for _, c := range cases {
		if o := <-c.done; !c.ok(o) {
			t.Errorf("%s: %+v", c.what, o)
		}
	}
	if n := g.commits.Load(); n != 2 {
		t.Errorf("%d commits, want 2", n)
	}
	if n := count(t, j); n != 8 {
		t.Errorf("%d events, want 8", n)
	}
}

// What is being committed is not there yet for any reader, and no moment at or after it is settled.
func TestNothingIsSeenBeforeItsCommit(t *testing.T) {
	g := newGate()
	noon := time.Date(2026, 1, 31, 7, 0, 0, 0, time.UTC)
	path := t.TempDir() + "/journal.db"
	j, err := openJournal(path, Options{Now: func() time.Time { return noon }}, g.guard) // a clock that stands still
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	first := held(j, g, "user-a", wish(1))
	if at, err := j.Settled(t.Context()); err != nil || !at.Before(noon) {
		t.Errorf("settled at %v (%v) while an event of %v is being committed", at, err, noon)
	}
	if n := count(t, j); n != 0 {
		t.Errorf("%d events are there before their commit", n)
	}
	g.open <- true
	if o := <-first; o.error != nil || !o.RecordedAt.Equal(noon) {
		t.Fatalf("%+v", o)
	}

	// The next is of the same moment as the last, so nothing can be called settled until it stands.
	second := held(j, g, "user-b", wish(1))
	settled := make(chan time.Time)
	go func() {
		at, err := j.Settled(t.Context())
		if err != nil {
			t.Error(err)
		}
		settled <- at
	}()
	select {
	case at := <-settled:
		t.Errorf("settled at %v while an event of that moment is being committed", at)
	case <-time.After(20 * time.Millisecond):
	}
	g.off.Store(true)
	g.open <- true
	if o := <-second; o.error != nil || !o.RecordedAt.Equal(noon) {
		t.Fatalf("%+v", o)
	}
	if at := <-settled; !at.Equal(noon) {
		t.Errorf("settled at %v, want %v", at, noon)
	}
	third, err := j.Append(t.Context(), "user-c", journal.NoStream, wish(1))
	if err != nil || !third.RecordedAt.After(noon) {
		t.Errorf("an append after the settled moment is recorded at %v (%v)", third.RecordedAt, err)
	}
}

// A context ends the wait for one's turn, and never a write.
func TestContextReachesNoWrite(t *testing.T) {
	g := newGate()
	j, _ := opened(t, g.guard)
	ctx, cancel := context.WithCancel(t.Context())
	begun := make(chan outcome, 1)
	go func() {
		receipt, err := j.Append(ctx, "user-a", journal.NoStream, wish(1))
		begun <- outcome{receipt, err}
	}()
	<-g.entered
	waiting := make(chan error, 1)
	go func() {
		_, err := j.Append(ctx, "user-b", journal.NoStream, wish(1))
		waiting <- err
	}()
	for queued(j) == 0 {
		time.Sleep(100 * time.Microsecond)
	}
	cancel()
	if err := <-waiting; !errors.Is(err, journal.ErrNotWritten) || !errors.Is(err, context.Canceled) {
		t.Errorf("an append that waited: %v", err)
	}
	g.off.Store(true)
	g.open <- true
	if o := <-begun; o.error != nil {
		t.Errorf("an append that had begun: %v", o.error)
	}
	if _, err := j.Append(t.Context(), "user-c", journal.NoStream, wish(1)); err != nil { // behind all that waited
		t.Fatal(err)
	}
	if n := count(t, j); n != 2 {
		t.Errorf("%d events, want the one that had begun and the last", n)
	}
}

// A commit that fails leaves its appends unknown, those behind it surely unwritten, and the journal stopped.
func TestFailedCommitStopsTheJournal(t *testing.T) {
	g := newGate()
	j, path := opened(t, g.guard)
	lost := wish(1)
	first := held(j, g, "user-a", lost)
	behind := background(t, j, "user-b", journal.NoStream, wish(1))
	waiting := make(chan error, 1)
	go func() { waiting <- j.Wait(t.Context(), 0) }()
	g.open <- false
	if o := <-first; !errors.Is(o.error, journal.ErrUnknown) || errors.Is(o.error, journal.ErrNotWritten) {
		t.Errorf("the append that was being committed: %v, want ErrUnknown", o.error)
	}
	if o := <-behind; !errors.Is(o.error, journal.ErrNotWritten) || errors.Is(o.error, journal.ErrUnknown) {
		t.Errorf("the append behind it: %v, want ErrNotWritten", o.error)
	}
	if err := <-waiting; !errors.Is(err, journal.ErrClosed) {
		t.Errorf("a follower: %v, want ErrClosed", err)
	}
	if err := <-j.Failed(); err == nil {
		t.Error("the process was not told why")
	}
	if _, err := j.Append(t.Context(), "user-c", journal.NoStream, wish(1)); !errors.Is(err, journal.ErrClosed) || !errors.Is(err, journal.ErrNotWritten) {
		t.Errorf("a later append: %v, want ErrClosed", err)
	}
	if _, _, err := j.Head(t.Context()); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("a later read: %v, want ErrClosed", err)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path + "-wal"); err != nil {
		t.Errorf("the log was folded by way of a memory that may differ from the disk: %v", err)
	}
	again, err := OpenJournal(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if receipt, err := again.Append(t.Context(), "user-a", journal.NoStream, lost); err != nil || receipt.Repeated {
		t.Errorf("the retry in the next process: %+v (%v)", receipt, err)
	}
}

// A full disk refuses appends and harms nothing; when there is room again they go on.
func TestFullDisk(t *testing.T) {
	var conn *sqlite3.SQLiteConn
	j, path := opened(t, func(c *sqlite3.SQLiteConn) error {
		conn = c
		_, err := c.Exec("PRAGMA max_page_count = 40", nil)
		return err
	})
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	var refused []string
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 60 {
				stream := fmt.Sprintf("user-%d-%d", w, i)
				records := wish(2)
				records[1].Data = fmt.Appendf(nil, `{"text":"%01000d"}`, i)
				_, err := j.Append(t.Context(), stream, journal.NoStream, records)
				mu.Lock()
				switch {
				case err == nil:
					acknowledged[stream] = true
				case errors.Is(err, journal.ErrNotWritten):
					refused = append(refused, stream)
				default:
					t.Errorf("append: %v", err)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(acknowledged) == 0 || len(refused) == 0 {
		t.Fatalf("%d appends were taken and %d refused: the disk was not filled", len(acknowledged), len(refused))
	}
	if n := count(t, j); n != 2*len(acknowledged) {
		t.Errorf("%d events stand, %d were acknowledged", n, 2*len(acknowledged))
	}
	if _, err := conn.Exec("PRAGMA max_page_count = 4000", nil); err != nil { // nothing is being written
		t.Fatal(err)
	}
	if _, err := j.Append(t.Context(), refused[0], journal.NoStream, wish(1)); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if out := integrity(t, path); out != "ok" {
		t.Errorf("the file: %s", out)
	}
}

func integrity(t testing.TB, path string) (out string) {
	t.Helper()
	_, r, err := openDB(path, walMode, true)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.QueryRow("PRAGMA integrity_check").Scan(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// Closing lets the transaction that is open end, and answers it.
func TestCloseWaitsForTheCommit(t *testing.T) {
	g := newGate()
	j, path := opened(t, g.guard)
	first := held(j, g, "user-a", wish(1))
	behind := background(t, j, "user-b", journal.NoStream, wish(1))
	closed := make(chan error)
	go func() { closed <- j.Close() }()
	if o := <-behind; !errors.Is(o.error, journal.ErrNotWritten) || !errors.Is(o.error, journal.ErrClosed) {
		t.Errorf("the append behind it: %v, want ErrNotWritten because of ErrClosed", o.error)
	}
	g.off.Store(true)
	g.open <- true
	if o := <-first; o.error != nil {
		t.Errorf("the append that was being committed: %v", o.error)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	again, err := OpenJournal(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if n := count(t, again); n != 1 {
		t.Errorf("%d events stand, want 1", n)
	}
}

// Appends that are told the journal closes were not written; all others were.
func TestCloseUnderLoad(t *testing.T) {
	j, path := opened(t)
	var wg sync.WaitGroup
	var acknowledged atomic.Int64
	for w := range 16 {
		wg.Go(func() {
			for i := 0; ; i++ {
				switch _, err := j.Append(t.Context(), fmt.Sprintf("user-%d", w), int64(i-1), wish(1)); {
				case err == nil:
					acknowledged.Add(1)
				case errors.Is(err, journal.ErrNotWritten) && errors.Is(err, journal.ErrClosed):
					return
				default:
					t.Error(err)
					return
				}
			}
		})
	}
	for acknowledged.Load() < 100 {
		time.Sleep(time.Millisecond)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the log was not folded: %v", err)
	}
	again, err := OpenJournal(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if n := count(t, again); int64(n) != acknowledged.Load() {
		t.Errorf("%d events stand, %d were acknowledged", n, acknowledged.Load())
	}
}
