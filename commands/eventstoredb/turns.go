package eventstoredb

import (
	"context"
	"sync"
)

// turns lets one append at a time be under way to a stream: two that expect the same revision cannot both succeed, and of two with the
// same ids the second learns that the first wrote them.
type turns struct {
	mu sync.Mutex
	of map[string]*turn
}

type turn struct {
	users   int
	free    chan struct{} // holds one value while nobody has the turn
	unknown bool          // who has it does not know what became of its append
}

// take waits for the turn. Where the context ends first it tells whether the append ahead has an unknown outcome.
func (ts *turns) take(ctx context.Context, stream string) (t *turn, unknown bool, err error) {
	ts.mu.Lock()
	if t = ts.of[stream]; t == nil {
		if ts.of == nil {
			ts.of = map[string]*turn{}
		}
		t = &turn{free: make(chan struct{}, 1)}
		t.free <- struct{}{}
		ts.of[stream] = t
	}
	t.users++
	ts.mu.Unlock()
	select {
	case <-t.free:
		return t, false, nil
	case <-ctx.Done():
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.drop(stream, t)
	return nil, t.unknown, ctx.Err()
}

// doubt notes that the outcome of the append that has the turn is unknown.
func (ts *turns) doubt(t *turn) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t.unknown = true
}

func (ts *turns) release(stream string, t *turn) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t.unknown = false
	t.free <- struct{}{}
	ts.drop(stream, t)
}

func (ts *turns) drop(stream string, t *turn) {
	if t.users--; t.users == 0 {
		delete(ts.of, stream)
	}
}
