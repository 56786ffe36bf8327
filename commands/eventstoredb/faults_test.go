package eventstoredb_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"kelisim/commands/eventstoredb"
	"kelisim/commands/eventstoredb/esdbtest"
	"kelisim/commands/journal"
)

// opened is a journal on a cluster, closed with the test.
func opened(t testing.TB, c *esdbtest.Cluster, opts eventstoredb.Options) *eventstoredb.Journal {
	t.Helper()
	j, err := eventstoredb.Open(t.Context(), c.ConnectionString(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

var alone = eventstoredb.Options{Alone: true, Deadline: 20 * time.Second}

func wish(n int) []journal.NewRecord {
	records := make([]journal.NewRecord, n)
	for i := range records {
		records[i] = journal.NewRecord{ID: uuid.New(), Type: "test.happened", Data: fmt.Appendf(nil, `{"n":%d}`, i), Meta: []byte(`{"version":1}`)}
	}
	return records
}

func ids(records []journal.NewRecord) []uuid.UUID {
	var all []uuid.UUID
	for _, r := range records {
		all = append(all, r.ID)
	}
	return all
}

func appended(t testing.TB, j *eventstoredb.Journal, stream string, expected int64, records []journal.NewRecord) journal.Receipt {
	t.Helper()
	receipt, err := j.Append(t.Context(), stream, expected, records)
	if err != nil {
		t.Fatal(err)
	}
	return receipt
}

func all(t testing.TB, j *eventstoredb.Journal, after int64) []journal.Record {
	t.Helper()
	var records []journal.Record
	for r, err := range j.ReadAll(t.Context(), after) {
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	return records
}

func ofStream(ctx context.Context, j *eventstoredb.Journal, stream string) (records []journal.Record, err error) {
	for r, err := range j.ReadStream(ctx, stream, 0) {
		if err != nil {
			return records, err
		}
		records = append(records, r)
	}
	return records, nil
}

// eventually waits for what must come; its limit is never a measure.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for limit := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// Whatever becomes of an append's answer, its events stand once and the caller is told where.
func TestLostAnswers(t *testing.T) {
	for name, fault := range map[string]func(*esdbtest.Faults){
		"written, then cut":          func(f *esdbtest.Faults) { f.CommitThenCut = 1 },
		"cut, not written":           func(f *esdbtest.Faults) { f.CutBeforeCommit = 1 },
		"written, then a timeout":    func(f *esdbtest.Faults) { f.CommitThenTimeout = 1 },
		"a timeout, not written":     func(f *esdbtest.Faults) { f.TimeoutBeforeCommit = 1 },
		"several, and then":          func(f *esdbtest.Faults) { f.TimeoutBeforeCommit, f.CommitThenCut, f.CommitThenTimeout = 2, 2, 2 },
		"written, and not recalled":  func(f *esdbtest.Faults) { f.CommitThenTimeout, f.Forgetful = 1, true },
		"an election storm, once":    func(f *esdbtest.Faults) { f.Unavailable = true },
		"no answer, for a long time": func(f *esdbtest.Faults) { f.Hang = true },
	} {
		t.Run(name, func(t *testing.T) {
			c := esdbtest.Start(t, esdbtest.Options{Nodes: 3})
			opts := alone
			opts.Deadline = 40 * time.Second
			if name == "no answer, for a long time" {
				opts.Deadline = 4 * time.Second // half of it is one try's
			}
			j := opened(t, c, opts)
			before := appended(t, j, "user-a", journal.NoStream, wish(2))
			c.Set(fault)
			go func() {
				time.Sleep(50 * time.Millisecond) // the outcome is the same without: this only lets the fault be met
				c.Set(func(f *esdbtest.Faults) { f.Unavailable, f.Hang = false, false })
			}()
			records := wish(3)
			receipt, err := j.Append(t.Context(), "user-a", 1, records)
			for errors.Is(err, journal.ErrUnknown) { // as its caller must
				receipt, err = j.Append(t.Context(), "user-a", 1, records)
				receipt.Repeated = false
			}
			if err != nil || receipt.Revision != 4 || receipt.Repeated || receipt.Position <= before.Position {
				t.Fatalf("%+v (%v)", receipt, err)
			}
			if got := c.Stands("user-a"); len(got) != 5 || !slices.Equal(got[2:], ids(records)) {
				t.Errorf("%d events stand", len(got))
			}
			last, err := ofStream(t.Context(), j, "user-a")
			if err != nil || len(last) != 5 || last[4].Position != receipt.Position || !last[4].RecordedAt.Equal(receipt.RecordedAt) {
				t.Errorf("read %d (%v), the receipt says %+v", len(last), err, receipt)
			}
		})
	}
}

// Another's append in between is a conflict, also when the answer to one's own was lost.
func TestLostAnswerThenAnother(t *testing.T) {
	c := esdbtest.Start(t, esdbtest.Options{})
	j, other := opened(t, c, alone), opened(t, c, alone)
	c.Set(func(f *esdbtest.Faults) { f.TimeoutBeforeCommit = 1 })
	done := make(chan error, 1)
	go func() {
		_, err := j.Append(t.Context(), "user-a", journal.NoStream, wish(1))
		done <- err
	}()
	eventually(t, "the first try", func() bool { return c.Seen().Appends > 0 })
	_, err := other.Append(t.Context(), "user-a", journal.NoStream, wish(2))
	mine := <-done
	var conflict *journal.ConflictError
	lost := errors.Join(err, mine)
	if !errors.As(lost, &conflict) || (err == nil) == (mine == nil) || errors.Is(lost, journal.ErrUnknown) {
		t.Fatalf("one of two must win and the other be told of a conflict: %v; %v", err, mine)
	}
	if conflict.Expected != journal.NoStream || conflict.Actual != int64(len(c.Stands("user-a")))-1 {
		t.Errorf("%+v", conflict)
	}
}

// An append that only a leader had, which then died, is of unknown outcome. Until that is known nothing is recorded later and nothing
// is settled; afterwards everything goes on, and it stands once.
func TestUnknownOutcome(t *testing.T) {
	c := esdbtest.Start(t, esdbtest.Options{Nodes: 3})
	opts := alone
	opts.Deadline = time.Second
	j := opened(t, c, opts)
	eventually(t, "the first event", func() bool {
		_, err := j.Append(t.Context(), "site", journal.NoStream, wish(1))
		return err == nil
	})
	c.Set(func(f *esdbtest.Faults) { f.WriteOnLeaderOnly = 1 })
	records := wish(2)
	if _, err := j.Append(t.Context(), "user-a", journal.NoStream, records); !errors.Is(err, journal.ErrUnknown) {
		t.Fatalf("an append that is never answered: %v", err)
	}
	if _, err := j.Append(t.Context(), "user-a", journal.NoStream, records); !errors.Is(err, journal.ErrUnknown) {
		t.Errorf("its repetition, while it is unknown: %v", err)
	}
	if _, err := j.Append(t.Context(), "user-b", journal.NoStream, wish(1)); !errors.Is(err, journal.ErrNotWritten) {
		t.Errorf("a later append: %v", err)
	}
	settled, err := j.Settled(t.Context())
	if err != nil {
		t.Error(err)
	}
	c.Kill(0)
	if c.Elect() < 1 {
		t.Fatal("nobody was elected")
	}
	var receipt journal.Receipt
	eventually(t, "the repetition", func() (done bool) {
		var err error
		receipt, err = j.Append(t.Context(), "user-a", journal.NoStream, records)
		return err == nil
	})
	if got := c.Stands("user-a"); !slices.Equal(got, ids(records)) || receipt.Revision != 1 {
		t.Errorf("%d events stand, the receipt says %+v", len(got), receipt)
	}
	if !receipt.RecordedAt.After(settled) {
		t.Errorf("recorded at %v, though %v was called settled before", receipt.RecordedAt, settled)
	}
	eventually(t, "the settled moment", func() bool {
		at, err := j.Settled(t.Context())
		return err == nil && !at.Before(receipt.RecordedAt)
	})
}

// What the server has taken is never said to be unwritten because it cannot be read back.
func TestTakenAndNotRead(t *testing.T) {
	c := esdbtest.Start(t, esdbtest.Options{})
	j := opened(t, c, brief)
	c.Set(func(f *esdbtest.Faults) { f.ReadsUnavailable = true })
	records := wish(2)
	for len(c.Stands("user-a")) == 0 {
		if _, err := j.Append(t.Context(), "user-a", journal.NoStream, records); !errors.Is(err, journal.ErrUnknown) && len(c.Stands("user-a")) > 0 {
			t.Fatalf("an append that stands: %v", err)
		}
	}
	c.Set(func(f *esdbtest.Faults) { f.ReadsUnavailable = false })
	eventually(t, "the repetition", func() bool {
		receipt, err := j.Append(t.Context(), "user-a", journal.NoStream, records)
		return err == nil && receipt.Repeated && receipt.Revision == 1
	})
}

// A server that takes less than a journal may hold says so, and the journal says how to change it, also where the client
// only learns that the call has ended.
func TestServerTakesLess(t *testing.T) {
	c := esdbtest.Start(t, esdbtest.Options{MaxAppendSize: 100_000})
	j := opened(t, c, eventstoredb.Options{Alone: true, Deadline: 2 * time.Second})
	one := wish(1)
	one[0].Data = []byte(`{"text":"` + strings.Repeat("x", 200_000) + `"}`)
	if _, err := j.Append(t.Context(), "user-a", journal.NoStream, one); !errors.Is(err, journal.ErrTooLarge) && !errors.Is(err, journal.ErrNotWritten) {
		t.Errorf("one large event: %v", err)
	}
	many := wish(16)
	for i := range many {
		many[i].Data = []byte(`{"text":"` + strings.Repeat("x", 60_000) + `"}`)
	}
	if _, err := j.Append(t.Context(), "user-a", journal.NoStream, many); !errors.Is(err, journal.ErrTooLarge) && !errors.Is(err, journal.ErrNotWritten) {
		t.Errorf("many events: %v, want it known that nothing was written", err)
	}
	if n := len(c.Stands("user-a")); n != 0 {
		t.Errorf("%d events stand", n)
	}
	appended(t, j, "user-a", journal.NoStream, wish(1))
}

// The client panics at a message that it does not know; a journal answers an error.
func TestClientPanics(t *testing.T) {
	c := esdbtest.Start(t, esdbtest.Options{})
	j := opened(t, c, eventstoredb.Options{Alone: true, Deadline: 200 * time.Millisecond})
	c.Set(func(f *esdbtest.Faults) { f.UnknownMessages = true })
	if _, _, err := j.Head(t.Context()); err == nil {
		t.Error("a message that nobody knows was read as an event")
	}
	c.Set(func(f *esdbtest.Faults) { f.UnknownMessages = false })
	eventually(t, "a reading", func() bool { _, _, err := j.Head(t.Context()); return err == nil })
}

// Every call asks for the leader. A node that leads no more, though it is alive and its connection stands, is left: what was
// acknowledged by the new leader is read, not what the old one still has.
func TestSilentDemotion(t *testing.T) {
	c := esdbtest.Start(t, esdbtest.Options{Nodes: 3})
	j := opened(t, c, alone)
	appended(t, j, "user-a", journal.NoStream, wish(1))
	c.Lag(0, true)
	c.Lead(1)
	c.Lag(0, true)
	for n := range int64(5) {
		receipt := appended(t, j, "user-a", n, wish(1))
		got, err := ofStream(t.Context(), j, "user-a")
		if err != nil || int64(len(got)) != n+2 {
			t.Fatalf("after an append to revision %d a reading gave %d events (%v)", n+1, len(got), err)
		}
		if head, _, err := j.Head(t.Context()); err != nil || head < receipt.Position {
			t.Fatalf("after position %d was acknowledged the head is %d (%v)", receipt.Position, head, err)
		}
	}
	if seen := c.Seen(); seen.WithoutLeader > 0 || seen.Redirected == 0 {
		t.Errorf("%d calls did not ask for the leader, %d were redirected to it", seen.WithoutLeader, seen.Redirected)
	}
}

// What was acknowledged and is not there any more is an error, never an empty answer.
func TestAcknowledgedEventsAreGone(t *testing.T) {
	c := esdbtest.Start(t, esdbtest.Options{})
	j := opened(t, c, eventstoredb.Options{Alone: true, Deadline: 500 * time.Millisecond})
	eventually(t, "appends", func() bool {
		_, err := j.Append(t.Context(), "user-a", journal.NoStream, wish(3))
		var conflict *journal.ConflictError
		return err == nil || errors.As(err, &conflict)
	})
	c.Hide("user-a", 1)
	if got, err := ofStream(t.Context(), j, "user-a"); err == nil || len(got) > 0 {
		t.Errorf("a stream whose first event is hidden was read as %d events (%v)", len(got), err)
	}
	c.Hide("user-a", 0)
	c.Forget(2)
	if head, _, err := j.Head(t.Context()); err == nil {
		t.Errorf("the head is %d, before what was acknowledged", head)
	}
	for r, err := range j.ReadAll(t.Context(), 0) {
		if err == nil {
			t.Errorf("read position %d of a journal that lost its end", r.Position)
		}
	}
	c.Forget(1)
	if head, _, err := j.Head(t.Context()); err == nil {
		t.Errorf("the head of a journal that lost everything is %d", head)
	}
}

// Appends under way together share a moment, but not for long: one that comes when the clock has gone on waits for them.
func TestMomentsGoOn(t *testing.T) {
	c := esdbtest.Start(t, esdbtest.Options{})
	var off atomic.Int64
	start := time.Now().UTC().Truncate(time.Microsecond)
	opts := alone
	opts.Now = func() time.Time { return start.Add(time.Duration(off.Load())) }
	j := opened(t, c, opts)
	c.Set(func(f *esdbtest.Faults) { f.Hang = true })
	send := func(stream string) <-chan journal.Receipt {
		done := make(chan journal.Receipt, 1)
		go func() {
			receipt, err := j.Append(t.Context(), stream, journal.NoStream, wish(1))
			if err != nil {
				t.Error(err)
			}
			done <- receipt
		}()
		return done
	}
	first := send("user-a")
	eventually(t, "a try", func() bool { return c.Seen().Appends > 0 })
	off.Store(int64(time.Hour))
	second := send("user-b")
	time.Sleep(20 * time.Millisecond) // so that it may join; what must hold, holds without
	c.Set(func(f *esdbtest.Faults) { f.Hang = false })
	if a, b := <-first, <-second; !a.RecordedAt.Equal(start) || !b.RecordedAt.Equal(start.Add(time.Hour)) {
		t.Errorf("recorded at %v and %v", a.RecordedAt, b.RecordedAt)
	}
}

// An error of the client that is wrapped, as most are, keeps its code; the client's own FromError does not find it.
func TestWrappedErrors(t *testing.T) {
	c := esdbtest.Start(t, esdbtest.Options{})
	cfg, err := eventstoredb.Settings(c.ConnectionString())
	if err != nil {
		t.Fatal(err)
	}
	client, err := esdb.NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	c.Set(func(f *esdbtest.Faults) { f.Unavailable = true })
	_, err = client.SubscribeToAll(t.Context(), esdb.SubscribeToAllOptions{})
	if code, ok := eventstoredb.Coded(err); !ok || code != esdb.ErrorUnavailable {
		t.Errorf("%v has code %d", err, code)
	}
	if e, _ := esdb.FromError(err); e.Code() == esdb.ErrorUnavailable {
		t.Error("the client finds the code by itself now: coded is not needed any more")
	}
	if eventstoredb.Healthy(err) {
		t.Error("a client that was refused would be used again, and forget its connection")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.SubscribeToAll(ctx, esdb.SubscribeToAllOptions{}); err == nil || !eventstoredb.Healthy(err) {
		t.Errorf("a client whose caller left would not be used again: %v", err)
	}
}

// A try that comes late is recorded at its own moment, where other instances trust that moments are fresh.
func TestLateTriesTakeNewMoments(t *testing.T) {
	c := esdbtest.Start(t, esdbtest.Options{})
	var off atomic.Int64
	start := time.Now().UTC().Truncate(time.Microsecond)
	j := opened(t, c, eventstoredb.Options{
		Now: func() time.Time { return start.Add(time.Duration(off.Load())) }, ClockBound: 400 * time.Millisecond, Deadline: 30 * time.Second,
	})
	c.Set(func(f *esdbtest.Faults) { f.Hang = true })
	done := make(chan error, 1)
	var receipt journal.Receipt
	go func() {
		var err error
		receipt, err = j.Append(t.Context(), "user-a", journal.NoStream, wish(1))
		done <- err
	}()
	eventually(t, "a try", func() bool { return c.Seen().Appends > 0 })
	tries := c.Seen().Appends
	off.Store(int64(time.Hour))
	eventually(t, "two more tries", func() bool { return c.Seen().Appends > tries+1 }) // one may have had its moment already
	c.Set(func(f *esdbtest.Faults) { f.Hang = false })
	if err := <-done; err != nil || receipt.Repeated || !receipt.RecordedAt.Equal(start.Add(time.Hour)) {
		t.Errorf("%+v (%v), want it recorded at %v", receipt, err, start.Add(time.Hour))
	}
}

func TestOldServers(t *testing.T) {
	for version, fits := range map[string]bool{"22.10.5": false, "23.6.0": false, "23.10.0": true, "24.2.0": true, "26.1.0": true, "26.1.0-prerelease": false} {
		c := esdbtest.Start(t, esdbtest.Options{Version: version})
		deadline := 300 * time.Millisecond
		if fits {
			deadline = 20 * time.Second
		}
		j, err := eventstoredb.Open(t.Context(), c.ConnectionString(), eventstoredb.Options{Deadline: deadline})
		if (err == nil) != fits {
			t.Errorf("version %s: %v", version, err)
		}
		if err == nil {
			_ = j.Close()
		}
	}
}

// One append waits for another to the same stream, and no append's moment is later than that of one that stands behind it.
func TestMomentsFollowPositions(t *testing.T) {
	c := esdbtest.Start(t, esdbtest.Options{})
	j := opened(t, c, alone)
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for n := range int64(20) {
				if _, err := j.Append(t.Context(), fmt.Sprintf("user-%d", w), n-1, wish(1)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var last time.Time
	for _, r := range all(t, j, 0) {
		if r.RecordedAt.Before(last) {
			t.Fatalf("position %d is recorded at %v, after one at %v", r.Position, r.RecordedAt, last)
		}
		last = r.RecordedAt
	}
}
