// Package eventstoredb is the journal on an EventStoreDB (KurrentDB) server or cluster, 23.10 or later, through its official client.
//
// A stream of the journal is a stream of the server, a revision its revision, a position its commit position: positions grow with
// gaps. Streams whose names begin with $ are the server's own and are never yielded. Everything is asked of the leader, so that a
// reader sees what was acknowledged before it asked.
//
// The client has faults that a journal cannot live with: it hangs where a context has ended, dies for good when the cluster was away, panics when it
// is closed beside a call, leaks connections, and reads on from a dead node. All of them come of several calls sharing one client
// over an error. Here a client serves one call at a time, and is thrown away after the first error that is not an answer (pool);
// every call has a deadline, and a call whose outcome is unknown is made again with the same ids on the same expectation (append).
//
// Recorded time on a cluster: see Options.ClockBound and Journal.Settled.
//
// What is known: the whole contract, and every fault named above, are tested against esdbtest, a server inside the test's process that
// speaks the client's protocol; no real server was at hand where this was written. TestRealServer runs the same
// tests against one (KELISIM_TEST_ESDB). The server must be started with MaxAppendSize 4194304 or more: the default is
// a few bytes below what one append of a journal may hold. On a cluster with users, the one of the connection string must be allowed to read
// $all, as the members of $admins are.
package eventstoredb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"kelisim/commands/journal"
)

// defaultClockBound is for machines whose clocks are kept by NTP.
const defaultClockBound = time.Second

// Options of a journal. The zero value is for many instances on one cluster.
type Options struct {
	Now func() time.Time // the clock; nil is time.Now

	// Deadline is how long one call lasts at most, whatever its context allows: an append, a Head, one page of a reading. Zero is 5 s.
	Deadline time.Duration

	// ClockBound is the most by which the clocks of any two instances differ, together with the time that an append may take from the
	// instance to the leader's log; half of it is given to each try of an append. Settled waits for so long after the last event. An
	// append is refused when the clock is further behind the last event than that. Zero is one second.
	ClockBound time.Duration

	// Alone promises that no other instance appends while this one is open. Then Settled need not wait for anybody's clock, and an append
	// takes the last event's moment however far the clock is behind it. Nobody checks the promise.
	Alone bool

	// Prefix is put before the name of every stream, for a server that others use too; what has another name is not seen. It may not begin with $.
	Prefix string

	// After is a position at or before which nothing is this journal's: readings begin there.
	After int64
}

// Journal is a journal.Store on a cluster. It never stops by itself: when the cluster is away its calls fail within their deadlines, and
// when it is back they succeed.
type Journal struct {
	opts    Options
	pool    *pool
	moments moments
	turns   turns

	life       context.Context // ends with Close
	end        context.CancelFunc
	background sync.WaitGroup // appends under way, and the tail

	mu     sync.Mutex
	closed bool
	head   int64         // the last position that was read or acknowledged
	headAt time.Time     // and its recorded time
	grown  chan struct{} // closed when head grows, and by Close
}

var _ journal.Store = (*Journal)(nil)

// Open connects and reads the head; it fails where that cannot be done before the context or Options.Deadline ends. The connection string is
// the client's: esdb://[user:password@]host:port[,host:port...][?setting=value&...], or esdb+discover://. Name several hosts, or
// use esdb+discover: with one host the client finds no other leader. No part of a user's name or password is ever in an error.
func Open(ctx context.Context, connectionString string, opts Options) (*Journal, error) {
	cfg, err := settings(connectionString)
	if err != nil {
		return nil, fmt.Errorf("open the journal on EventStoreDB: %w", err)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Deadline <= 0 {
		opts.Deadline = 5 * time.Second
	}
	if opts.ClockBound <= 0 {
		opts.ClockBound = defaultClockBound
	}
	if strings.HasPrefix(opts.Prefix, "$") {
		return nil, errors.New("open the journal on EventStoreDB: a prefix may not begin with $")
	}
	j := &Journal{opts: opts, pool: newPool(cfg), grown: make(chan struct{}), head: max(0, opts.After)}
	j.moments.now = opts.Now
	if !opts.Alone {
		j.moments.bound = opts.ClockBound
	}
	j.life, j.end = context.WithCancel(context.Background())
	if _, _, err := j.Head(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the journal on EventStoreDB: %w", err), j.Close())
	}
	j.background.Go(j.follow)
	return j, nil
}

// Exclusive is false: others may append at any time.
func (j *Journal) Exclusive() bool { return false }

// Close ends every Wait, waits for the calls that are under way, each within its deadline, and closes the connections. An append that is
// under way then is answered ErrUnknown.
func (j *Journal) Close() error {
	j.mu.Lock()
	if !j.closed {
		j.closed = true
		close(j.grown)
	}
	j.mu.Unlock()
	j.end()
	j.background.Wait()
	j.pool.close()
	return nil
}

// enter counts a goroutine that Close waits for, or tells that the journal is closed.
func (j *Journal) enter(run func()) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return journal.ErrClosed
	}
	j.background.Go(run)
	return nil
}

func (j *Journal) state() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return journal.ErrClosed
	}
	return nil
}

// known is the last position that was read or acknowledged.
func (j *Journal) known() (int64, time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.head, j.headAt
}

// saw takes note of an event that stands.
func (j *Journal) saw(position int64, at time.Time) {
	j.moments.saw(at)
	j.mu.Lock()
	defer j.mu.Unlock()
	if position <= j.head {
		return
	}
	if j.head, j.headAt = position, at; !j.closed {
		close(j.grown)
		j.grown = make(chan struct{})
	}
}

// within gives a call its deadline, and ends it when the journal closes.
func (j *Journal) within(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, j.opts.Deadline)
	stop := context.AfterFunc(j.life, cancel)
	return ctx, func() { stop(); cancel() }
}

// because is why a call ended: the journal's end before the context's, and the last refusal with either.
func (j *Journal) because(ctx context.Context, last error) error {
	if err := j.state(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil && last != nil && !errors.Is(last, err) {
		return fmt.Errorf("%w: %w", err, last)
	} else if err != nil {
		return err
	}
	return last
}

// ours tells whether an event is the journal's.
func (j *Journal) ours(e *esdb.RecordedEvent) bool {
	return !strings.HasPrefix(e.StreamID, "$") && strings.HasPrefix(e.StreamID, j.opts.Prefix) && len(e.StreamID) > len(j.opts.Prefix) &&
		int64(e.Position.Commit) > j.opts.After
}
