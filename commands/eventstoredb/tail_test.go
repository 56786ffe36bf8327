package eventstoredb_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"kelisim/commands/eventstoredb"
	"kelisim/commands/eventstoredb/esdbtest"
	"kelisim/commands/journal"
)

// A waiter is woken by what another instance appends, whatever becomes of its subscription.
func TestWaitersAreWoken(t *testing.T) {
	for name, fault := range map[string]func(*esdbtest.Faults){
		"in fair weather":               func(*esdbtest.Faults) {},
		"dropped as too slow":           func(f *esdbtest.Faults) { f.DropLive = true },
		"the subscription says no more": func(f *esdbtest.Faults) { f.MuteSubscriptions = true },
		"checkpoints beyond the events": func(f *esdbtest.Faults) { f.FalseCheckpoints = true },
	} {
		t.Run(name, func(t *testing.T) {
			c := esdbtest.Start(t, esdbtest.Options{})
			c.Set(fault)
			writer, waiter := opened(t, c, alone), opened(t, c, alone)
			last := int64(0)
			for n := range int64(3) {
				eventually(t, "a subscription", func() bool { return c.Seen().Subscriptions > 0 })
				woken := make(chan error, 1)
				go func() {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					woken <- waiter.Wait(ctx, last)
				}()
				receipt := appended(t, writer, "user-a", n-1, wish(2)[:1])
				if err := <-woken; err != nil {
					t.Fatalf("append %d: %v", n, err)
				}
				if got := all(t, waiter, last); len(got) != 1 || got[0].Position != receipt.Position {
					t.Fatalf("append %d: %d events after %d", n, len(got), last)
				}
				last = receipt.Position
				if name == "dropped as too slow" {
					c.DropSubscriptions()
				}
			}
		})
	}
}

// A follower that starts from what it applied misses nothing when a subscription told a checkpoint beyond it.
func TestFalseCheckpoints(t *testing.T) {
	c := esdbtest.Start(t, esdbtest.Options{})
	c.Set(func(f *esdbtest.Faults) { f.FalseCheckpoints = true })
	writer, waiter := opened(t, c, alone), opened(t, c, alone)
	receipt := appended(t, writer, "user-a", journal.NoStream, wish(1))
	if err := waiter.Wait(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := waiter.Wait(ctx, receipt.Position); err == nil {
		t.Error("woken for an event that is not there")
	}
	if head, _, err := waiter.Head(t.Context()); err != nil || head != receipt.Position {
		t.Errorf("the head is %d (%v), want %d", head, err, receipt.Position)
	}
}

// The server's own events are never yielded, however many stand between; nor are those of other users of the server.
func TestOnlyTheJournalsEvents(t *testing.T) {
	c := esdbtest.Start(t, esdbtest.Options{})
	prefixed := alone
	prefixed.Prefix = "ledger."
	j, other := opened(t, c, prefixed), opened(t, c, alone)
	for n := range int64(3) {
		appended(t, j, "user-a", n-1, wish(1))
		appended(t, other, "user-a", n-1, wish(1))
		for range 700 { // more than a page
			c.SystemEvent()
		}
	}
	last := c.Stands("ledger.user-a")[2]
	got := all(t, j, 0)
	if len(got) != 3 || got[2].ID != last || got[2].Stream != "user-a" {
		t.Fatalf("%d events: %+v", len(got), got)
	}
	if head, _, err := j.Head(t.Context()); err != nil || head != got[2].Position {
		t.Errorf("the head is %d (%v), want %d", head, err, got[2].Position)
	}
	if got := all(t, other, 0); len(got) != 6 {
		t.Errorf("without a prefix %d events, want 6", len(got))
	}
	if _, err := other.Append(t.Context(), "$user", journal.NoStream, wish(1)); err == nil {
		t.Error("appended to a stream of the server's own")
	}
	// A position at which no event begins, which the server refuses.
	if got := all(t, j, got[1].Position+1); len(got) != 1 || got[0].ID != last {
		t.Errorf("after a position between two events came %d", len(got))
	}
	// A journal that begins at a position has nothing from before.
	later := prefixed
	later.After = got[1].Position
	if got := all(t, opened(t, c, later), 0); len(got) != 1 || got[0].ID != last {
		t.Errorf("after the beginning came %d events", len(got))
	}
}

// Where several instances append, each with its own clock, what is settled does not change, and one's own append is settled once it
// is asked for.
func TestSettledAmongInstances(t *testing.T) {
	c := esdbtest.Start(t, esdbtest.Options{})
	const skew = 300 * time.Millisecond
	clock := func(off time.Duration) func() time.Time { return func() time.Time { return time.Now().Add(off) } }
	var instances []*eventstoredb.Journal
	for _, off := range []time.Duration{-skew, 0, skew} {
		instances = append(instances, opened(t, c, eventstoredb.Options{Now: clock(off), ClockBound: 2 * time.Second, Deadline: 20 * time.Second}))
	}
	upTo := func(at time.Time) (n int) {
		for _, r := range all(t, instances[0], 0) {
			if !r.RecordedAt.After(at) {
				n++
			}
		}
		return n
	}
	type look struct {
		at   time.Time
		seen int
	}
	looks := make(chan look, 100)
	stop := make(chan struct{})
	done := make(chan struct{})
	for i, j := range instances {
		go func() {
			defer func() { done <- struct{}{} }()
			for n := int64(0); ; n++ {
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
				}
				if _, err := j.Append(t.Context(), []string{"user-a", "user-b", "user-c"}[i], n-1, wish(1)); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	eventually(t, "the first events", func() bool { return len(c.Stands("user-a"))+len(c.Stands("user-c")) > 3 })
	var asked []chan struct{}
	for _, j := range instances {
		over := make(chan struct{})
		asked = append(asked, over)
		go func() {
			defer close(over)
			for range 2 {
				_, least, err := j.Head(t.Context())
				if err != nil {
					t.Error(err)
				}
				at, err := j.Settled(t.Context())
				if err != nil || at.Before(least) {
					t.Errorf("settled %v (%v), the head is recorded at %v", at, err, least)
				}
				looks <- look{at, upTo(at)}
			}
		}()
	}
	for _, over := range asked {
		<-over
	}
	close(stop)
	for range instances {
		<-done
	}
	close(looks)
	for l := range looks {
		if now := upTo(l.at); now != l.seen || l.seen == 0 {
			t.Errorf("%d events were recorded up to the settled %v, then %d", l.seen, l.at, now)
		}
	}
}

// A clock that is further behind than clocks may be records nothing and settles nothing.
func TestClockBehind(t *testing.T) {
	c := esdbtest.Start(t, esdbtest.Options{})
	now := time.Now()
	fresh := opened(t, c, eventstoredb.Options{Now: func() time.Time { return now }, Deadline: 20 * time.Second})
	appended(t, fresh, "user-a", journal.NoStream, wish(1))
	for behind, fits := range map[time.Duration]bool{500 * time.Millisecond: true, time.Minute: false} {
		j := opened(t, c, eventstoredb.Options{Now: func() time.Time { return now.Add(-behind) }, Deadline: 20 * time.Second})
		receipt, err := j.Append(t.Context(), fmt.Sprintf("user-%d", behind), journal.NoStream, wish(1))
		if fits != (err == nil) || !fits && !errors.Is(err, journal.ErrNotWritten) || fits && receipt.RecordedAt.Before(now.Truncate(time.Microsecond)) {
			t.Errorf("%v behind: %+v (%v)", behind, receipt, err)
		}
		if !fits {
			if at, err := j.Settled(t.Context()); err == nil || !strings.Contains(err.Error(), "the clock is") {
				t.Errorf("%v behind: settled %v (%v)", behind, at, err)
			}
		}
	}
}
