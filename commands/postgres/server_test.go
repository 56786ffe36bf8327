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

// load appends from many callers until it is stopped, asks again with the same ids whenever it was not told that an append stands, and keeps the
// receipts. So in the end everything it began stands, once.
type load struct {
	stop chan struct{}
	wg   sync.WaitGroup

	mu       sync.Mutex
	receipts map[uuid.UUID]journal.Receipt
	unknown  int // outcomes that had to be asked for
}

func start(t *testing.T, j *postgres.Journal) *load {
	l := &load{stop: make(chan struct{}), receipts: map[uuid.UUID]journal.Receipt{}}
	for w := range 8 {
		l.wg.Go(func() {
			for expected := journal.NoStream; ; {
				select {
				case <-l.stop:
					return
				default:
				}
				records := wish(1 + w%3)
				receipt, err := l.append(j, fmt.Sprint("user-", w), expected, records)
				if err != nil {
					t.Errorf("caller %d: %v", w, err)
					return
				}
				expected = receipt.Revision
				l.mu.Lock()
				l.receipts[records[len(records)-1].ID] = receipt
				l.mu.Unlock()
			}
		})
	}
	return l
}

func (l *load) append(j *postgres.Journal, stream string, expected int64, records []journal.NewRecord) (journal.Receipt, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for {
		receipt, err := j.Append(ctx, stream, expected, records)
		if errors.Is(err, journal.ErrUnknown) {
			l.mu.Lock()
			l.unknown++
			l.mu.Unlock()
		} else if !errors.Is(err, journal.ErrNotWritten) || ctx.Err() != nil {
			return receipt, err
		}
	}
}

// until waits for so many acknowledged appends more.
func (l *load) until(t *testing.T, more int) {
	t.Helper()
	count := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.receipts)
	}
	enough := count() + more
	postgrestest.Until(t, func() bool { return count() >= enough || t.Failed() })
}

// end stops the callers and holds what stands against what they were told.
func (l *load) end(t *testing.T, j journal.Store) {
	t.Helper()
	close(l.stop)
	l.wg.Wait()
	next := map[string]int64{}
	found := 0
	for i, r := range all(t, j) {
		if r.Position != int64(i+1) || r.Revision != next[r.Stream] {
			t.Fatalf("event %d is at position %d, %s revision %d, want revision %d", i, r.Position, r.Stream, r.Revision, next[r.Stream])
		}
		next[r.Stream]++
		if receipt, ok := l.receipts[r.ID]; ok {
			found++
			if receipt.Position != r.Position || receipt.Revision != r.Revision || !receipt.RecordedAt.Equal(r.RecordedAt) {
				t.Errorf("an event stands at %d, its caller was told %+v", r.Position, receipt)
			}
		}
	}
	if found != len(l.receipts) {
		t.Errorf("of %d acknowledged appends %d are gone", len(l.receipts), len(l.receipts)-found)
	}
	t.Logf("%d appends acknowledged, %d outcomes unknown for a while", len(l.receipts), l.unknown)
}

func TestKilledServer(t *testing.T) {
	server := postgrestest.Start(t)

	// What it had acknowledged stands when it comes back, and those who use it need not begin anew.
	t.Run("what was acknowledged stands", func(t *testing.T) {
		db := open(t, server.URL(), postgres.Options{Timeout: time.Minute})
		follower := make(chan error, 1)
		followed := int64(0)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			follower <- journal.Follow(ctx, db.Journal(), 0, func(r journal.Record) error { followed = r.Position; return nil })
		}()
		l := start(t, db.Journal())
		for range 2 {
			l.until(t, 100)
			server.Kill()
			server.Restart(t)
		}
		l.until(t, 100)
		l.end(t, db.Journal())
		cancel()
		if err := <-follower; !errors.Is(err, context.Canceled) || followed == 0 {
			t.Errorf("a follower saw %d events and ended by %v", followed, err)
		}
	})

	// Though it was written without waiting for the disk.
	t.Run("what was settled stays so", func(t *testing.T) {
		address := postgrestest.With(server.URL(), "search_path", "another")
		noon := time.Date(2026, 1, 31, 7, 0, 0, 0, time.UTC)
		j := open(t, address, postgres.Options{Timeout: time.Minute, Now: func() time.Time { return noon }}).Journal()
		mustAppend(t, j, "user-a", journal.NoStream, wish(1))
		at, err := j.Settled(t.Context())
		if err != nil || !at.Equal(noon) {
			t.Fatalf("settled is %v (%v)", at, err)
		}
		server.Kill()
		server.Restart(t)
		postgrestest.Exec(t, address, "UPDATE settled SET at = -9223372036854775808") // as if it had not come to the disk
		if r := mustAppend(t, j, "user-a", 0, wish(1)); !r.RecordedAt.After(at) {
			t.Errorf("recorded at %v, which was settled before the server died", r.RecordedAt)
		}
		if r := mustAppend(t, j, "user-a", 1, wish(1)); !r.RecordedAt.Equal(noon.Add(time.Microsecond)) {
			t.Errorf("recorded at %v, want the last event's moment", r.RecordedAt)
		}
	})
}

func TestFailover(t *testing.T) {
	primary := postgrestest.Start(t)
	standby := primary.Standby(t)
	both := strings.Replace(primary.URL(), "@", fmt.Sprintf("@127.0.0.1:%d,", standby.Port()), 1) // the standby first: it is no good until it takes writes

	if _, err := postgres.Open(t.Context(), postgrestest.With(both, "synchronous_commit", "local"), postgres.Options{}); err == nil {
		t.Error("opened without waiting for the standby")
	}
	if _, err := postgres.Open(t.Context(), standby.URL(), postgres.Options{Timeout: time.Minute}); err == nil {
		t.Error("opened a standby")
	}

	// An administrator's cancel has the server go on without the standby. The append is not called done, nor is its repetition before the standby has it.
	t.Run("what a standby lacks is not acknowledged", func(t *testing.T) {
		j := open(t, postgrestest.With(both, "search_path", "another"), postgres.Options{Timeout: time.Minute}).Journal()
		c := postgrestest.Connect(t, primary.URL())
		defer c.Close(context.Background())
		waiting := func() (pid int) {
			postgrestest.Until(t, func() bool {
				return c.QueryRow(context.Background(), "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'").Scan(&pid) == nil
			})
			return pid
		}
		postgrestest.Exec(t, standby.URL(), "SELECT pg_wal_replay_pause()")
		records := wish(1)
		type outcome struct {
			journal.Receipt
			error
		}
		done := make(chan outcome, 1)
		appends := func() {
			receipt, err := j.Append(context.Background(), "user-a", journal.NoStream, records)
			done <- outcome{receipt, err}
		}
		go appends()
		pid := waiting()
		if got := all(t, j); len(got) != 0 {
			t.Error("a reader sees what the standby does not have")
		}
		if _, err := c.Exec(t.Context(), "SELECT pg_cancel_backend($1)", pid); err != nil {
			t.Fatal(err)
		}
		if o := <-done; !errors.Is(o.error, journal.ErrUnknown) {
			t.Errorf("after the cancel: %+v, %v, want ErrUnknown", o.Receipt, o.error)
		}
		go appends()
		waiting()
		select {
		case o := <-done:
			t.Errorf("the repetition was answered before the standby has it: %+v, %v", o.Receipt, o.error)
		default:
		}
		postgrestest.Exec(t, standby.URL(), "SELECT pg_wal_replay_resume()")
		if o := <-done; o.error != nil || !o.Repeated {
			t.Errorf("the repetition: %+v, %v", o.Receipt, o.error)
		}
	})

	// The address that names both finds the one that was promoted, nothing acknowledged is missing, and what was unknown is found out by asking again.
	t.Run("a standby takes over under load", func(t *testing.T) {
		db := open(t, both, postgres.Options{Timeout: time.Minute})
		l := start(t, db.Journal())
		l.until(t, 150)
		primary.Kill()
		standby.Promote(t)
		l.until(t, 150)
		l.end(t, db.Journal())
		if err := db.Access().Touch(t.Context(), "nobody", time.Now()); err != nil {
			t.Errorf("a write elsewhere: %v", err)
		}
		select {
		case err := <-db.Journal().Failed():
			t.Error(err)
		default:
		}
	})
}
