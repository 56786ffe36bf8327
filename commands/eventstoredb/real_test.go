package eventstoredb_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"kelisim/commands/eventstoredb"
	"kelisim/commands/journal"
	"kelisim/commands/journal/journaltest"
)

const howToRun = `no real server is named. To run these tests against one, of 23.10 or later, started with MaxAppendSize 4194304, say
	KELISIM_TEST_ESDB='esdb://127.0.0.1:2113?tls=false' go test -run TestRealServer ./commands/eventstoredb
or build them once with CGO_ENABLED=0 go test -c ./commands/eventstoredb and run eventstoredb.test -test.run TestRealServer anywhere: nothing
else is needed there. For a cluster name its nodes, esdb://a:2113,b:2113,c:2113, and in KELISIM_TEST_ESDB_KILL a shell command that kills the
node that leads; it is run once, in the middle of a run of appends, and the node may be started again or not. The tests write to streams
of their own, whose names begin with kelisim-test-, and delete nothing.`

// realServer is the connection string of a server that is there, or a skip.
func realServer(t *testing.T) string {
	t.Helper()
	cs := os.Getenv("KELISIM_TEST_ESDB")
	if cs == "" {
		t.Skip(howToRun)
	}
	return cs
}

// ground is a journal of its own on a server that others use too: a prefix that nobody had, and where the server's log ended then.
type ground struct {
	prefix string
	after  int64
}

func newGround(t *testing.T, cs string) ground {
	t.Helper()
	cfg, err := eventstoredb.Settings(cs)
	if err != nil {
		t.Fatal(err)
	}
	c, err := esdb.NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := c.ReadAll(ctx, esdb.ReadAllOptions{Direction: esdb.Backwards, From: esdb.End{}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	e, err := s.Recv()
	if err != nil {
		t.Fatal(err)
	}
	return ground{prefix: "kelisim-test-" + uuid.NewString() + ".", after: int64(e.Event.Position.Commit)}
}

func (g ground) options(opts eventstoredb.Options) eventstoredb.Options {
	opts.Prefix, opts.After, opts.Deadline = g.prefix, g.after, 20*time.Second
	return opts
}

// contract runs the suite on one server, each journal on a ground of its own.
func contract(t *testing.T, cs string) {
	var mu sync.Mutex
	grounds := map[string]ground{}
	journaltest.Run(t, func(t *testing.T, place string, now func() time.Time) journal.Store {
		mu.Lock()
		g, ok := grounds[place]
		if !ok {
			g = newGround(t, cs)
			grounds[place] = g
		}
		mu.Unlock()
		j, err := eventstoredb.Open(t.Context(), cs, g.options(eventstoredb.Options{Now: now, Alone: true}))
		if err != nil {
			t.Fatal(err)
		}
		return j
	}, suite)
}

// TestRealServer holds a real server to what the in-process one is held to.
func TestRealServer(t *testing.T) {
	cs := realServer(t)
	t.Run("the contract", func(t *testing.T) { contract(t, cs) })
	t.Run("writers and a follower", func(t *testing.T) { throughDeath(t, cs, os.Getenv("KELISIM_TEST_ESDB_KILL")) })
}

// throughDeath writes and follows, and runs a command in the middle; nothing acknowledged may be lost.
func throughDeath(t *testing.T, cs, kill string) {
	g := newGround(t, cs)
	var journals [2]*eventstoredb.Journal
	for i := range journals {
		j, err := eventstoredb.Open(t.Context(), cs, g.options(eventstoredb.Options{Alone: i == 0}))
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		journals[i] = j
	}
	const writers, each = 8, 100
	var acknowledged atomic.Int64
	killed := make(chan error, 1)
	var once sync.Once
	if kill == "" {
		killed <- nil
	}
	writeThrough(t, journals[0], journals[1], writers, each, func() {
		if acknowledged.Add(1) > writers*each/3 && kill != "" {
			once.Do(func() {
				go func() {
					out, err := exec.Command("sh", "-c", kill).CombinedOutput()
					if err != nil {
						err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
					}
					killed <- err
				}()
			})
		}
	})
	if err := <-killed; err != nil {
		t.Errorf("KELISIM_TEST_ESDB_KILL: %v", err)
	}
	for w := range writers {
		if got, err := ofStream(t.Context(), journals[1], fmt.Sprintf("user-%d", w)); err != nil || len(got) != each {
			t.Errorf("%d events of writer %d stand (%v), want %d", len(got), w, err, each)
		}
	}
	if got := all(t, journals[1], 0); len(got) != writers*each {
		t.Errorf("%d events of all, want %d", len(got), writers*each)
	}
}
