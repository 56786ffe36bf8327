package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/commands/journal"
	"kelisim/commands/postgres"
	"kelisim/commands/postgres/postgrestest"
)

func wish(n int) []journal.NewRecord {
	records := make([]journal.NewRecord, n)
	for i := range records {
		records[i] = journal.NewRecord{ID: uuid.New(), Type: "test.happened", Data: fmt.Appendf(nil, `{"n":%d}`, i), Meta: []byte(`{"version":1}`)}
	}
	return records
}

func all(t testing.TB, s journal.Store) (records []journal.Record) {
	t.Helper()
	for r, err := range s.ReadAll(context.Background(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	return records
}

func mustAppend(t testing.TB, s journal.Store, stream string, expected int64, records []journal.NewRecord) journal.Receipt {
	t.Helper()
	receipt, err := s.Append(context.Background(), stream, expected, records)
	if err != nil {
		t.Fatal(err)
	}
	return receipt
}

// An append that is slow to commit is never passed by one with a higher position: a reader who has seen that one would look only beyond it.
func TestNoReaderSkipsASlowAppend(t *testing.T) {
	address := postgrestest.URL(t)
	proxy, slowly := postgrestest.NewProxy(t, address)
	slow, quick := open(t, slowly, postgres.Options{}), open(t, address, postgres.Options{})
	arrived, goOn := make(chan struct{}), make(chan struct{})
	proxy.AtCommit(func() postgrestest.Fate { close(arrived); <-goOn; return postgrestest.Passes })
	first := make(chan error, 1)
	go func() {
		_, err := slow.Journal().Append(context.Background(), "user-slow", journal.NoStream, wish(2))
		first <- err
	}()
	<-arrived
	proxy.AtCommit(func() postgrestest.Fate { return postgrestest.Passes })

	second := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond) // enough to see it overtake, were that possible
	defer cancel()
	_, err := quick.Journal().Append(ctx, "user-quick", journal.NoStream, wish(1))
	if !errors.Is(err, journal.ErrNotWritten) {
		t.Errorf("an append beside one that has not committed: %v, want that it was not written", err)
	}
	go func() {
		_, err := quick.Journal().Append(context.Background(), "user-quick", journal.NoStream, wish(1))
		second <- err
	}()
	if got := all(t, quick.Journal()); len(got) != 0 {
		t.Errorf("a reader sees position %d of %s while an earlier append is not committed", got[0].Position, got[0].Stream)
	}
	close(goOn)
	if err := errors.Join(<-first, <-second); err != nil {
		t.Fatal(err)
	}
	var streams []string
	for i, r := range all(t, quick.Journal()) {
		if r.Position != int64(i+1) {
			t.Errorf("position %d follows %d", r.Position, i)
		}
		streams = append(streams, r.Stream)
	}
	if got := strings.Join(streams, " "); got != "user-slow user-slow user-quick" {
		t.Errorf("the order is %s", got)
	}
}

// A connection that is cut during the commit leaves an unknown outcome; the same ids with the same expectation find it out.
func TestUnknownOutcome(t *testing.T) {
	for fate, stands := range map[postgrestest.Fate]bool{postgrestest.NeverCame: false, postgrestest.NoAnswer: true} {
		proxy, address := postgrestest.NewProxy(t, postgrestest.URL(t))
		j := open(t, address, postgres.Options{}).Journal()
		mustAppend(t, j, "user-a", journal.NoStream, wish(1))
		proxy.AtCommit(func() postgrestest.Fate { return fate })
		records := wish(2)
		_, err := j.Append(t.Context(), "user-a", 0, records)
		if !errors.Is(err, journal.ErrUnknown) || errors.Is(err, journal.ErrNotWritten) {
			t.Errorf("cut during the commit: %v, want ErrUnknown", err)
		}
		proxy.AtCommit(func() postgrestest.Fate { return postgrestest.Passes })
		receipt, err := j.Append(t.Context(), "user-a", 0, records)
		if err != nil || receipt.Repeated != stands || receipt.Position != 3 {
			t.Errorf("asked again: %+v (%v), want position 3, repeated %v", receipt, err, stands)
		}
		if got := len(all(t, j)); got != 3 {
			t.Errorf("%d events, want 3", got)
		}
	}
}

// A connection that is lost before the append has begun costs nothing but time.
func TestLostConnectionsAreMadeAnew(t *testing.T) {
	proxy, address := postgrestest.NewProxy(t, postgrestest.URL(t))
	db := open(t, address, postgres.Options{})
	expected := journal.NoStream
	for range 5 {
		receipt := mustAppend(t, db.Journal(), "user-a", expected, wish(1))
		expected = receipt.Revision
		if got := int64(len(all(t, db.Journal()))); got != expected+1 {
			t.Fatalf("%d events, want %d", got, expected+1)
		}
		if _, _, err := db.Access().Find(t.Context(), "nobody"); err != nil {
			t.Fatal(err)
		}
		proxy.Cut()
	}
}

// Several instances on one journal, their clocks apart: each revision has one winner, positions have no gap, and recorded_at never runs back.
func TestInstancesShareOneJournal(t *testing.T) {
	address := postgrestest.URL(t)
	const instances, callers, each = 3, 4, 8
	start := time.Date(2026, 1, 31, 7, 0, 0, 0, time.UTC)
	began := time.Now()
	var wg sync.WaitGroup
	var first *postgres.Journal
	for i := range instances {
		skew := time.Duration(i-1) * time.Second
		j := open(t, address, postgres.Options{Now: func() time.Time { return start.Add(skew + time.Since(began)) }}).Journal()
		first = j
		for c := range callers {
			wg.Go(func() {
				expected := journal.NoStream
				for n := 0; n < each; {
					receipt, err := j.Append(t.Context(), "site", expected, wish(1))
					var conflict *journal.ConflictError
					switch {
					case err == nil:
						expected = receipt.Revision
						n++
					case errors.As(err, &conflict):
						expected = conflict.Actual
					default:
						t.Errorf("instance %d, caller %d: %v", i, c, err)
						return
					}
				}
			})
		}
	}
	wg.Wait()
	var last journal.Record
	got := all(t, first)
	for i, r := range got {
		if r.Position != int64(i+1) || r.Revision != int64(i) || r.RecordedAt.Before(last.RecordedAt) {
			t.Fatalf("after %d/%d at %v comes %d/%d at %v", last.Position, last.Revision, last.RecordedAt, r.Position, r.Revision, r.RecordedAt)
		}
		last = r
	}
	if len(got) != instances*callers*each {
		t.Errorf("%d events, want %d", len(got), instances*callers*each)
	}
}

// What one instance called settled is settled for all, also where another's clock stands behind it.
func TestSettledAcrossInstances(t *testing.T) {
	address := postgrestest.URL(t)
	noon := time.Date(2026, 1, 31, 7, 0, 0, 0, time.UTC)
	ahead := open(t, address, postgres.Options{Now: func() time.Time { return noon }}).Journal()
	behind := open(t, address, postgres.Options{Now: func() time.Time { return noon.Add(-time.Minute) }}).Journal()
	mustAppend(t, ahead, "user-a", journal.NoStream, wish(1))
	if r := mustAppend(t, behind, "user-b", journal.NoStream, wish(1)); !r.RecordedAt.Equal(noon) {
		t.Errorf("before anyone asked: recorded at %v, want the last event's %v", r.RecordedAt, noon)
	}
	at, err := behind.Settled(t.Context())
	if err != nil || !at.Equal(noon) {
		t.Fatalf("settled is %v (%v), want %v", at, err, noon)
	}
	for i, j := range []*postgres.Journal{ahead, behind} {
		if r := mustAppend(t, j, fmt.Sprint("user-", i), journal.NoStream, wish(1)); !r.RecordedAt.After(at) {
			t.Errorf("recorded at %v, which was settled", r.RecordedAt)
		}
		if at, err = ahead.Settled(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWaitSurvivesItsConnection(t *testing.T) {
	address := postgrestest.URL(t)
	proxy, through := postgrestest.NewProxy(t, address)
	waits, writes := open(t, through, postgres.Options{}).Journal(), open(t, address, postgres.Options{}).Journal()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for i := range 4 {
		done := make(chan error, 1)
		go func() { done <- waits.Wait(ctx, int64(i)) }()
		if i > 0 {
			proxy.Cut()
		}
		mustAppend(t, writes, "user-a", int64(i-1), wish(1))
		if err := <-done; err != nil {
			t.Fatalf("waiting for position %d: %v", i+1, err)
		}
	}
}

// An event of which nobody was told is found all the same.
func TestWaitLooksToo(t *testing.T) {
	address := postgrestest.URL(t)
	j := open(t, address, postgres.Options{}).Journal()
	mustAppend(t, j, "user-a", journal.NoStream, wish(1))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := j.Wait(ctx, 0); err != nil { // it listens from here on
		t.Fatal(err)
	}
	postgrestest.Exec(t, address,
		`INSERT INTO events SELECT 2, stream, 1, gen_random_uuid(), type, data, meta FROM events`, `UPDATE head SET position = 2`)
	if err := j.Wait(ctx, 1); err != nil {
		t.Error(err)
	}
}

// A row is written once, whoever asks.
func TestRowsStay(t *testing.T) {
	address := postgrestest.URL(t)
	j := open(t, address, postgres.Options{}).Journal()
	mustAppend(t, j, "user-a", journal.NoStream, wish(2))
	c := postgrestest.Connect(t, address)
	defer c.Close(context.Background())
	for _, statement := range []string{
		"UPDATE events SET data = '{}'", "DELETE FROM events", "DELETE FROM events WHERE false", "TRUNCATE events",
		"SET session_replication_role = replica; DELETE FROM events",
		"INSERT INTO events SELECT * FROM events",
		"INSERT INTO events SELECT * FROM events ON CONFLICT (position) DO UPDATE SET data = '{}'",
		"INSERT INTO events SELECT 3, stream, 1, gen_random_uuid(), type, data, meta FROM events WHERE position = 1",
		"INSERT INTO events SELECT 3, stream, 2, id, type, data, meta FROM events WHERE position = 1",
		"DELETE FROM destroyed; TRUNCATE destroyed",
	} {
		if _, err := c.Exec(t.Context(), statement); err == nil {
			t.Errorf("%s: done", statement)
		}
		if _, err := c.Exec(t.Context(), "SET session_replication_role = origin"); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(all(t, j)); got != 2 {
		t.Errorf("%d events", got)
	}
}

// A server that comes back without what it had acknowledged is not written to, and not believed.
func TestLostHistoryStopsTheJournal(t *testing.T) {
	for name, ask := range map[string]func(*postgres.Journal) error{
		"append": func(j *postgres.Journal) error {
			_, err := j.Append(context.Background(), "user-b", journal.NoStream, wish(1))
			return err
		},
		"head": func(j *postgres.Journal) error { _, _, err := j.Head(context.Background()); return err },
		"read": func(j *postgres.Journal) error {
			for _, err := range j.ReadAll(context.Background(), 0) {
				if err != nil {
					return err
				}
			}
			return nil
		},
	} {
		address := postgrestest.URL(t)
		j := open(t, address, postgres.Options{}).Journal()
		mustAppend(t, j, "user-a", journal.NoStream, wish(1))
		mustAppend(t, j, "user-a", 0, wish(1))
		postgrestest.Exec(t, address, "ALTER TABLE events DISABLE TRIGGER events_stay; DELETE FROM events WHERE position = 2; UPDATE head SET position = 1")
		if err := ask(j); !errors.Is(err, postgres.ErrHistoryLost) || !errors.Is(err, journal.ErrClosed) {
			t.Errorf("%s: %v, want that history is lost", name, err)
		}
		select {
		case err := <-j.Failed():
			if !errors.Is(err, postgres.ErrHistoryLost) {
				t.Errorf("%s: failed with %v", name, err)
			}
		default:
			t.Errorf("%s: nobody is told", name)
		}
		if _, err := j.Append(t.Context(), "user-a", 0, wish(1)); !errors.Is(err, journal.ErrNotWritten) || !errors.Is(err, postgres.ErrHistoryLost) {
			t.Errorf("%s, then an append: %v", name, err)
		}
	}
}
