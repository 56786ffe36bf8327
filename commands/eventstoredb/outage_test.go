package eventstoredb_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kelisim/commands/eventstoredb"
	"kelisim/commands/eventstoredb/esdbtest"
	"kelisim/commands/journal"
)

// within runs what must return, and fails the test where it does not.
func within(t testing.TB, what string, run func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		run()
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		buf := make([]byte, 1<<20)
		t.Fatalf("%s hangs\n%s", what, buf[:runtime.Stack(buf, true)])
	}
}

var brief = eventstoredb.Options{Alone: true, Deadline: 300 * time.Millisecond}

// Each call fails within its deadline while the cluster is away, however many there are and in whatever way it is away, and
// succeeds when it is back, on the same journal.
func TestOutage(t *testing.T) {
	for name, away := range map[string]struct{ begin, end func(*esdbtest.Cluster) }{
		"dead": {
			func(c *esdbtest.Cluster) { c.Kill(0) },
			func(c *esdbtest.Cluster) { _ = c.Revive(0); c.Elect() },
		},
		"not ready": {
			func(c *esdbtest.Cluster) { c.Set(func(f *esdbtest.Faults) { f.Unavailable = true }) },
			func(c *esdbtest.Cluster) { c.Set(func(f *esdbtest.Faults) { f.Unavailable = false }) },
		},
		"silent": {
			func(c *esdbtest.Cluster) { c.Set(func(f *esdbtest.Faults) { f.Hang, f.HangDiscovery = true, true }) },
			func(c *esdbtest.Cluster) { c.Set(func(f *esdbtest.Faults) { f.Hang, f.HangDiscovery = false, false }) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := esdbtest.Start(t, esdbtest.Options{})
			j := opened(t, c, brief)
			before := runtime.NumGoroutine()
			away.begin(c)
			var wg sync.WaitGroup
			for n := range 60 {
				wg.Go(func() {
					stream := fmt.Sprintf("user-%d", n)
					_, err := j.Append(t.Context(), stream, journal.NoStream, wish(1))
					if !errors.Is(err, journal.ErrNotWritten) && !errors.Is(err, journal.ErrUnknown) {
						t.Errorf("append: %v", err)
					}
					if _, _, err := j.Head(t.Context()); err == nil {
						t.Error("the head was read of a cluster that is away")
					}
					if _, err := ofStream(t.Context(), j, stream); err == nil {
						t.Error("a stream was read of a cluster that is away")
					}
					for _, err := range j.ReadAll(t.Context(), 0) {
						if err == nil {
							t.Error("all was read of a cluster that is away")
						}
					}
					ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
					defer cancel()
					if err := j.Wait(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("wait: %v", err)
					}
				})
			}
			within(t, "a call to a cluster that is away", wg.Wait)
			away.end(c)
			eventually(t, "the head", func() bool { _, _, err := j.Head(t.Context()); return err == nil })
			records := wish(2)
			eventually(t, "an append", func() bool {
				_, err := j.Append(t.Context(), "user-own", journal.NoStream, records)
				return err == nil
			})
			eventually(t, "a reading", func() bool {
				got, err := ofStream(t.Context(), j, "user-own")
				return err == nil && len(got) == 2
			})
			// What is left is the connections in use, each some goroutines on either side.
			eventually(t, "the goroutines of failed calls", func() bool { return runtime.NumGoroutine() < before+400 })
			if n := c.Seen().Connections; n > 40 {
				t.Errorf("%d connections are open", n)
			}
		})
	}
}

// While the cluster is away a journal cannot be opened, and says so in time.
func TestOpenDuringAnOutage(t *testing.T) {
	c := esdbtest.Start(t, esdbtest.Options{Nodes: 3})
	c.Stop()
	within(t, "Open", func() {
		if _, err := eventstoredb.Open(t.Context(), c.ConnectionString(), brief); err == nil {
			t.Error("opened a journal on a dead cluster")
		}
	})
}

// The context's end ends a call, whatever the client is waiting for: an answer, or in its discovery, where no context reaches it.
func TestContextEndsCalls(t *testing.T) {
	c := esdbtest.Start(t, esdbtest.Options{Nodes: 3})
	j, err := eventstoredb.Open(t.Context(), c.ConnectionString("gossipTimeout=600"), eventstoredb.Options{Alone: true, Deadline: 10 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	c.Set(func(f *esdbtest.Faults) { f.Hang, f.HangDiscovery = true, true })
	for range 2 { // at first there is a connection
		for name, run := range map[string]func(context.Context) error{
			"head": func(ctx context.Context) error { _, _, err := j.Head(ctx); return err },
			"read": func(ctx context.Context) error { _, err := ofStream(ctx, j, "user-a"); return err },
			"append": func(ctx context.Context) error {
				_, err := j.Append(ctx, "user-a", journal.NoStream, wish(1))
				return err
			},
			"settled": func(ctx context.Context) error {
				_, err := j.Settled(ctx)
				if err == nil {
					err = context.DeadlineExceeded // alone, it asks nobody
				}
				return err
			},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			within(t, name, func() {
				if err := run(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s: %v", name, err)
				}
			})
			cancel()
		}
	}
	c.Set(func(f *esdbtest.Faults) { f.Hang, f.HangDiscovery = false, false })
	within(t, "Close", func() { _ = j.Close() })
}

// Closing beside calls ends them and panics nowhere; every connection is closed.
func TestCloseBesideCalls(t *testing.T) {
	for round := range 8 {
		c := esdbtest.Start(t, esdbtest.Options{})
		j := opened(t, c, alone)
		var wg sync.WaitGroup
		for n := range 16 {
			wg.Go(func() {
				for i := int64(0); ; i++ {
					_, err := j.Append(t.Context(), fmt.Sprintf("user-%d", n), i-1, wish(1))
					if errors.Is(err, journal.ErrClosed) {
						break
					}
					if err != nil && !errors.Is(err, journal.ErrUnknown) {
						t.Errorf("append: %v", err)
					}
				}
				if _, _, err := j.Head(t.Context()); !errors.Is(err, journal.ErrClosed) {
					t.Errorf("head: %v", err)
				}
			})
		}
		eventually(t, "calls", func() bool { return c.Seen().Appends > 40 })
		if round%2 == 1 {
			c.Set(func(f *esdbtest.Faults) { f.Unavailable = true })
		}
		within(t, "Close", func() { _ = j.Close() })
		within(t, "a call when the journal closes", wg.Wait)
		eventually(t, "the last connection's end", func() bool { return c.Seen().Connections == 0 })
	}
}

// A storm of refusals leaves no connection behind: the client forgets one at each.
func TestConnectionsAreNotLeaked(t *testing.T) {
	c := esdbtest.Start(t, esdbtest.Options{Nodes: 3})
	j := opened(t, c, brief)
	c.Set(func(f *esdbtest.Faults) { f.Unavailable = true })
	for c.Seen().Opened < 80 {
		var wg sync.WaitGroup
		for n := range 8 {
			wg.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if n%4 > 0 { // its end may meet the refusal
					time.AfterFunc(time.Duration(rand.IntN(2000))*time.Microsecond, cancel)
				}
				_, _, _ = j.Head(ctx)
			})
		}
		wg.Wait()
	}
	c.Set(func(f *esdbtest.Faults) { f.Unavailable = false })
	eventually(t, "the head", func() bool { _, _, err := j.Head(t.Context()); return err == nil })
	eventually(t, "the end of the storm's connections", func() bool { return c.Seen().Connections <= 34 })
	_ = j.Close()
	eventually(t, "the last connection's end", func() bool { return c.Seen().Connections == 0 })
}

// Who only reads finds the new leader too.
func TestReadersLeaveADeadNode(t *testing.T) {
	c := esdbtest.Start(t, esdbtest.Options{Nodes: 3})
	writer := opened(t, c, alone)
	appended(t, writer, "user-a", journal.NoStream, wish(3))
	reader := opened(t, c, alone)
	if got := all(t, reader, 0); len(got) != 3 {
		t.Fatalf("%d events", len(got))
	}
	c.Kill(0)
	c.Elect()
	for range 5 {
		if got, err := ofStream(t.Context(), reader, "user-a"); err != nil || len(got) != 3 {
			t.Errorf("read %d events (%v)", len(got), err)
		}
		if got := all(t, reader, 0); len(got) != 3 {
			t.Errorf("read %d events of all", len(got))
		}
	}
}

// Three nodes, writers and a follower; the leader dies in the middle, twice. Nothing that was acknowledged is lost, nothing
// stands twice, and the follower sees each event once, in order.
func TestLeaderKilled(t *testing.T) {
	c := esdbtest.Start(t, esdbtest.Options{Nodes: 3})
	j, behind := opened(t, c, alone), opened(t, c, alone)
	const writers, each = 6, 60
	var acknowledged, killed atomic.Int64
	go func() {
		for _, at := range []int64{writers * each / 4, writers * each / 2} {
			for acknowledged.Load() < at {
				time.Sleep(time.Millisecond)
			}
			dead := c.Leader()
			c.Set(func(f *esdbtest.Faults) { f.WriteOnLeaderOnly = 1 })
			time.Sleep(5 * time.Millisecond) // so that an append may be on its way
			c.Kill(dead)
			c.Set(func(f *esdbtest.Faults) { f.WriteOnLeaderOnly = 0 })
			time.Sleep(30 * time.Millisecond) // the time of an election
			c.Elect()
			_ = c.Revive(dead)
			killed.Add(1)
		}
	}()
	writeThrough(t, j, behind, writers, each, func() { acknowledged.Add(1) })
	for w := range writers {
		if n := len(c.Stands(fmt.Sprintf("user-%d", w))); n != each {
			t.Errorf("%d events of writer %d stand, want %d", n, w, each)
		}
	}
	eventually(t, "the second death", func() bool { return killed.Load() == 2 })
}

// writeThrough appends from many goroutines, each to a stream of its own, and repeats what it must; a follower on another journal must see every
// acknowledged event once, in order.
func writeThrough(t *testing.T, j, behind *eventstoredb.Journal, writers, each int, acknowledged func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	followed := make(chan error, 1)
	enough := errors.New("enough")
	go func() {
		next, after, n := map[string]int64{}, int64(0), 0
		for {
			err := journal.Follow(ctx, behind, after, func(r journal.Record) error {
				if r.Revision != next[r.Stream] {
					return fmt.Errorf("%s revision %d, want %d", r.Stream, r.Revision, next[r.Stream])
				}
				next[r.Stream]++
				after = r.Position
				if n++; n == writers*each {
					return enough
				}
				return nil
			})
			if errors.Is(err, enough) || ctx.Err() != nil {
				followed <- err
				return
			}
		}
	}()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			stream := fmt.Sprintf("user-%d", w)
			for n := range int64(each) {
				record := wish(1)
				for {
					receipt, err := j.Append(ctx, stream, n-1, record)
					if err == nil && receipt.Revision != n {
						t.Errorf("%s: %+v, want revision %d", stream, receipt, n)
					}
					if err == nil {
						break
					}
					if ctx.Err() != nil || !errors.Is(err, journal.ErrUnknown) && !errors.Is(err, journal.ErrNotWritten) {
						t.Errorf("%s at %d: %v", stream, n, err)
						return
					}
				}
				acknowledged()
				if got, err := ofStream(ctx, j, stream); err == nil && int64(len(got)) <= n {
					t.Errorf("%s: revision %d was acknowledged, %d events are read", stream, n, len(got))
				}
			}
		})
	}
	wg.Wait()
	if err := <-followed; !errors.Is(err, enough) {
		t.Errorf("the follower: %v", err)
	}
}
