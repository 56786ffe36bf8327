package eventstoredb

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"kelisim/commands/journal"
)

// mostCalls is how many calls are under way at most, and so how many connections there are besides the tail's.
const mostCalls = 32

// pool keeps the clients. A client serves one call at a time: then none waits inside it for another's discovery of the cluster, where no
// context reaches, none calls it while it is closed, and none makes it discover anew over a connection that it then forgets
// (TestOutage, TestCloseBesideCalls, TestConnectionsAreNotLeaked).
type pool struct {
	cfg   *esdb.Configuration
	slots chan struct{}
	busy  sync.WaitGroup

	mu     sync.Mutex
	idle   []*esdb.Client
	era    int // grows when a node turned out to be gone, or to lead no more: whoever was connected before connects anew
	closed bool
}

func newPool(cfg *esdb.Configuration) *pool {
	return &pool{cfg: cfg, slots: make(chan struct{}, mostCalls)}
}

// connection is a client in use.
type connection struct {
	client *esdb.Client
	era    int
}

// take answers a client that is connected. It may take as long as the cluster is silent: some gossip timeouts.
func (p *pool) take() (connection, error) {
	p.mu.Lock()
	era := p.era
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return connection{c, era}, nil
	}
	p.mu.Unlock()
	client, err := esdb.NewClient(p.cfg)
	if err != nil {
		return connection{}, err
	}
	version, err := client.GetServerVersion() // the client's first call is what connects it
	if err == nil && (version.Major < 23 || version.Major == 23 && version.Minor < 10) {
		err = fmt.Errorf("%w: it says %d.%d.%d", errOldServer, version.Major, version.Minor, version.Patch)
	}
	if err != nil {
		return connection{}, errors.Join(err, client.Close())
	}
	return connection{client, era}, nil
}

// give takes a client back. After an error that is no answer of a healthy leader the client is closed, and so are all that are idle: a
// client notices by itself neither that its node is gone, where it only reads, nor that another leads.
func (p *pool) give(c connection, healthy bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !healthy && c.era == p.era {
		p.era++
		for _, idle := range p.idle {
			_ = idle.Close()
		}
		p.idle = nil
	}
	if !healthy || c.era != p.era || p.closed {
		_ = c.client.Close()
		return
	}
	p.idle = append(p.idle, c.client)
}

// enter counts a user of the pool.
func (p *pool) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.busy.Add(1)
	}
	return !p.closed
}

// close waits until no client is in use.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.busy.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.idle {
		_ = c.Close()
	}
	p.idle = nil
}

// call runs one call of the client, and returns when it does or when the context ends, also where the client hangs. Its error
// is errNotSent where op was not begun.
func call[T any](ctx context.Context, p *pool, op func(context.Context, *esdb.Client) (T, error)) (T, error) {
	var none T
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return none, fmt.Errorf("%w: %w", errNotSent, ctx.Err())
	}
	if !p.enter() {
		<-p.slots
		return none, fmt.Errorf("%w: %w", errNotSent, journal.ErrClosed)
	}
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		defer p.busy.Done()
		defer func() { <-p.slots }()
		c, err := p.take()
		if err != nil {
			done <- result{err: fmt.Errorf("%w: %w", errNotSent, err)}
			return
		}
		var r result
		r.value, r.err = guarded(ctx, c.client, op)
		p.give(c, healthy(r.err))
		done <- r
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// guarded turns a panic of the client, which some answers of a server bring about, into an error.
func guarded[T any](ctx context.Context, c *esdb.Client, op func(context.Context, *esdb.Client) (T, error)) (value T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the client of EventStoreDB failed: %v", p)
		}
	}()
	return op(ctx, c)
}
