package commands

import (
	"container/list"
	"context"
	"fmt"
	"hash/fnv"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/site"
	"kelisim/domain/user"
)

// stream is a loaded and folded stream. It is never changed once it is shared: what comes after it is another value, which may
// share its room.
type stream struct {
	name     string
	events   []user.Recorded
	state    any // what the target folds to
	revision int64
	position int64
	grown    atomic.Bool // the room behind events is another value's
}

// of are the events that a wish appended.
func (s *stream) of(wish uuid.UUID) []user.Recorded {
	for i, e := range s.events {
		if e.CommandID != wish {
			continue
		}
		n := i
		for n < len(s.events) && s.events[n].CommandID == wish {
			n++
		}
		return s.events[i:n]
	}
	return nil
}

// load reads what the cache does not hold of a stream. Where nobody else appends, what the cache holds is all.
func (s *Service) load(ctx context.Context, name string, target Target) (*stream, error) {
	cached, seen, growing := s.cache.get(name)
	if cached != nil && s.Journal.Exclusive() && !growing {
		return cached, nil
	}
	from, base := int64(0), &stream{name: name, state: target.zero(), revision: journal.NoStream}
	if cached != nil {
		from, base = cached.revision+1, cached
	}
	var fresh []user.Recorded
	for e, err := range s.Journal.ReadStream(ctx, name, from) {
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		fresh = append(fresh, user.Recorded{Meta: e.Meta, Data: e.Data})
	}
	if len(fresh) == 0 {
		return base, nil
	}
	loaded := base.with(target, fresh)
	s.cache.putRead(loaded, s.mostStreams(), seen)
	return loaded, nil
}

// with is the stream after more events.
func (s *stream) with(target Target, fresh []user.Recorded) *stream {
	last := fresh[len(fresh)-1]
	out := &stream{name: s.name, revision: last.Revision, position: last.Position}
	events := s.events
	if !s.grown.CompareAndSwap(false, true) { // the first to grow takes the room behind, so that a long life is not copied at each event
		events = events[:len(events):len(events)]
	}
	out.events = append(events, fresh...)
	out.state = target.foldOn(s.state, out.events, fresh)
	return out
}

// grow is the stream after an append, decoded from the very bytes that were stored.
func (s *Service) grow(ctx context.Context, loaded *stream, target Target, records []journal.NewRecord, r journal.Receipt) (*stream, error) {
	if !s.Journal.Exclusive() || r.Repeated {
		s.cache.drop(loaded.name)
		return s.load(ctx, loaded.name, target)
	}
	fresh := make([]user.Recorded, len(records))
	for i, n := range records {
		back := int64(len(records) - 1 - i)
		e, err := s.Journal.Decode(journal.Record{
			ID: n.ID, Stream: loaded.name, Revision: r.Revision - back, Position: r.Position - back,
			Type: n.Type, Data: n.Data, Meta: n.Meta, RecordedAt: r.RecordedAt,
		})
		if err != nil {
			return nil, err
		}
		fresh[i] = user.Recorded{Meta: e.Meta, Data: e.Data}
	}
	after := loaded.with(target, fresh)
	s.cache.put(after, s.mostStreams())
	return after, nil
}

func (s *Service) mostStreams() int {
	if s.CacheStreams > 0 {
		return s.CacheStreams
	}
	return defaultCacheStreams
}

// site is what is published and decreed now.
func (s *Service) site(ctx context.Context) (site.State, error) {
	loaded, err := s.load(ctx, string(domain.SiteStream), Site)
	if err != nil {
		return site.State{}, err
	}
	return loaded.state.(site.State), nil
}

// streamCache keeps the most recently used streams. The zero value is ready.
type streamCache struct {
	mu     sync.Mutex
	order  list.List // of *stream, most recent first
	byName map[string]*list.Element
	// gone counts, by the hash of a name, what was appended, dropped or pushed out: a stream that was read from the journal before
	// such a moment may be stale, and is not kept (see TestCacheKeepsNoStaleRead).
	gone [256]uint64
	// growing counts the appends under way by stream: what they store can be read from the journal before the cache has it, and a question
	// that is asked in between reads it there (see TestKnownUnderWriters).
	growing map[string]int
}

// begin tells that an append to a stream is under way; end that the cache has what came of it.
func (c *streamCache) begin(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.growing == nil {
		c.growing = map[string]int{}
	}
	c.growing[name]++
}

func (c *streamCache) end(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.growing[name]--; c.growing[name] == 0 {
		delete(c.growing, name)
	}
}

func shard(name string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return int(h.Sum32() % 256)
}

// get is the held stream, nil for none, the count that putRead wants back, and whether an append to the stream is under way.
func (c *streamCache) get(name string) (held *stream, gone uint64, growing bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	gone, growing = c.gone[shard(name)], c.growing[name] > 0
	if e, ok := c.byName[name]; ok {
		c.order.MoveToFront(e)
		held = e.Value.(*stream)
	}
	return held, gone, growing
}

// put keeps what an append made.
func (c *streamCache) put(s *stream, most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone[shard(s.name)]++
	c.set(s, most)
}

// putRead keeps what was read from the journal, unless something may have overtaken it since get answered seen.
func (c *streamCache) putRead(s *stream, most int, seen uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone[shard(s.name)] == seen {
		c.set(s, most)
	}
}

func (c *streamCache) set(s *stream, most int) {
	if e, ok := c.byName[s.name]; ok {
		if e.Value.(*stream).revision <= s.revision {
			e.Value = s
		}
		c.order.MoveToFront(e)
		return
	}
	if c.byName == nil {
		c.byName = map[string]*list.Element{}
	}
	c.byName[s.name] = c.order.PushFront(s)
	for c.order.Len() > most {
		c.remove(c.order.Back())
	}
}

func (c *streamCache) drop(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone[shard(name)]++
	if e, ok := c.byName[name]; ok {
		c.remove(e)
	}
}

func (c *streamCache) remove(e *list.Element) {
	name := e.Value.(*stream).name
	c.gone[shard(name)]++
	delete(c.byName, name)
	c.order.Remove(e)
}
