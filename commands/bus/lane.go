package bus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"kelisim/commands/journal"
	"kelisim/domain"
)

// What an outlet may have outstanding.
const (
	windowEvents = 1024     // read and not acknowledged
	windowBytes  = 16 << 20 // the same, as messages
	inFlight     = 8        // being published at one moment
	maxFailing   = 16       // users whose next event was not taken, give or take what is in flight; more would be the outlet's own trouble
	// savedEvery is the least time between two savings of a cursor.
	savedEvery = 100 * time.Millisecond
)

// Backoff is how long an event waits before it is tried again: First, and twice as long each time, up to Most, give or take a half.
type Backoff struct{ First, Most time.Duration }

// wait is how long to wait after so many failures.
func (b Backoff) wait(failures int) time.Duration {
	if b.First <= 0 {
		b = Backoff{200 * time.Millisecond, 30 * time.Second}
	}
	d := b.Most
	if failures < 30 {
		d = min(b.Most, b.First<<(failures-1))
	}
	return time.Duration(float64(d) * (0.5 + rand.Float64()))
}

// lane is one run of one outlet.
type lane struct {
	relay     *Relay
	outlet    *Outlet
	publisher message.Publisher
	slots     chan struct{} // one for each message in flight
	dirty     chan struct{} // the cursor has moved

	mu      sync.Mutex
	changed *sync.Cond         // open or failing have become fewer, or the run ends
	open    []*item            // in the order of positions; the first is never done
	queues  map[string][]*item // by key; a key that is there has a worker
	bytes   int                // of the messages in open
	failing int
	read    Place // the last record that was read
	saved   Place
	workers sync.WaitGroup
}

// item is an event on its way.
type item struct {
	at   Place
	prev Place // of the record before it: where the cursor stands while it waits
	msg  *message.Message
	key  string
	done bool
}

func newLane(r *Relay, o *Outlet) *lane {
	l := &lane{relay: r, outlet: o, slots: make(chan struct{}, inFlight), dirty: make(chan struct{}, 1), queues: map[string][]*item{}}
	l.changed = sync.NewCond(&l.mu)
	return l
}

// run goes from the cursor on, until the context ends or something fails that is not one event's own trouble.
func (l *lane) run(ctx context.Context) (err error) {
	l.relay.enter(l.outlet, Opening)
	if err := l.begin(ctx); err != nil {
		return err
	}
	if err := l.connect(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.publisher.Close()) }()
	l.relay.enter(l.outlet, Running)
	running, stop := context.WithCancel(ctx)
	defer stop()
	context.AfterFunc(running, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.changed.Broadcast()
	})
	var saver sync.WaitGroup
	var saveErr error
	saver.Go(func() {
		defer stop()
		saveErr = l.saves(running)
	})
	err = journal.Follow(running, l.relay.Store, l.read.Position, func(r journal.Record) error { return l.take(running, r) })
	stop()
	l.workers.Wait()
	saver.Wait()
	return errors.Join(saveErr, err, l.save(context.WithoutCancel(ctx)))
}

// begin takes up the cursor, or the outlet's start where there is none.
func (l *lane) begin(ctx context.Context) error {
	place, found, err := l.relay.Cursors.Cursor(ctx, l.outlet.Name)
	if err != nil {
		return fmt.Errorf("read the cursor: %w", err)
	}
	switch {
	case !found:
		place.Position = l.outlet.Start.After
		if l.outlet.Start.Now {
			if place.Position, _, err = l.relay.Store.Head(ctx); err != nil {
				return fmt.Errorf("read the journal's head: %w", err)
			}
		}
		if err := l.relay.Cursors.Save(ctx, l.outlet.Name, place); err != nil { // so that "now" stays the same moment
			return fmt.Errorf("save the cursor: %w", err)
		}
	case place.ID != uuid.Nil:
		stands, err := l.relay.Stands(ctx, place.Position, place.ID.String())
		if err != nil {
			return err
		}
		if !stands {
			return errors.Join(errHalt, Fail("cursor-mismatch", "the journal has another event, or none, at position %d: it was put back from a backup, or the cursor is of another journal", place.Position))
		}
	}
	l.read, l.saved = place, place
	return nil
}

// connect opens the publisher, however long it takes.
func (l *lane) connect(ctx context.Context) error {
	for failures := 1; ; failures++ {
		p, err := l.outlet.Open(ctx)
		if err == nil {
			l.publisher = p
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		l.relay.trouble(l.outlet, err)
		if failures == 1 {
			l.relay.log().Warn("an outlet cannot be reached", "outlet", l.outlet.Name, "code", CodeOf(err), "error", err)
		}
		sleep(ctx, l.outlet.Retry.wait(failures), nil)
	}
}

// take is given each record of the journal. It waits while too much is outstanding.
func (l *lane) take(ctx context.Context, r journal.Record) error {
	var m *message.Message
	if domain.Stream(r.Stream).Counted() && l.outlet.Types.Match(r.Type) {
		var err error
		if m, err = newMessage(r); err != nil {
			return errors.Join(errHalt, &Error{"unreadable", err})
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	at := Place{r.Position, r.ID}
	if m != nil {
		for ctx.Err() == nil && (len(l.open) >= windowEvents || len(l.open) > 0 && l.bytes+len(m.Payload) > windowBytes) {
			l.changed.Wait()
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		it := &item{at: at, prev: l.read, msg: m, key: m.Metadata.Get(HeaderKey)}
		l.open = append(l.open, it)
		l.bytes += len(m.Payload)
		l.queues[it.key] = append(l.queues[it.key], it)
		if len(l.queues[it.key]) == 1 {
			l.workers.Go(func() { l.work(ctx, it.key) })
		}
		l.relay.count(l.outlet, l.failing, len(l.open))
	}
	l.read = at
	l.touch()
	return nil
}

// work publishes the events of one key, each when the one before it is acknowledged, until there are none.
func (l *lane) work(ctx context.Context, key string) {
	for {
		l.mu.Lock()
		it := l.queues[key][0]
		l.mu.Unlock()
		if !l.publish(ctx, it) {
			return
		}
		l.mu.Lock()
		it.done = true
		l.queues[key] = l.queues[key][1:]
		last := len(l.queues[key]) == 0
		if last {
			delete(l.queues, key)
		}
		for len(l.open) > 0 && l.open[0].done {
			l.bytes -= len(l.open[0].msg.Payload)
			l.open[0] = nil
			l.open = l.open[1:]
		}
		l.relay.count(l.outlet, l.failing, len(l.open))
		l.touch()
		l.changed.Broadcast()
		l.mu.Unlock()
		if last {
			return
		}
	}
}

// publish sends one event until it is acknowledged; false: the run ended before.
func (l *lane) publish(ctx context.Context, it *item) bool {
	failures := 0
	defer func() {
		if failures > 0 {
			l.fails(-1)
		}
	}()
	for {
		kicked := l.relay.kicked(l.outlet)
		if !l.admit(ctx, failures > 0) {
			return false
		}
		m := it.msg.Copy() // a message is for one attempt: a publisher may write into its metadata
		m.SetContext(ctx)
		err := l.publisher.Publish(l.outlet.Topic, m)
		failed := err != nil && ctx.Err() == nil
		if failed {
			if failures++; failures == 1 {
				l.fails(1) // before the slot is free, so that no other slips in
			}
		}
		<-l.slots
		if !failed {
			return err == nil
		}
		l.relay.trouble(l.outlet, err)
		if failures == 1 {
			l.relay.log().Warn("an event was not taken", "outlet", l.outlet.Name, "event", it.msg.UUID, "code", CodeOf(err), "error", err)
		}
		sleep(ctx, l.outlet.Retry.wait(failures), kicked)
	}
}

// admit takes a slot; false: the run ended before. While so many keys fail that the outlet itself must be in trouble, only they are tried.
func (l *lane) admit(ctx context.Context, fails bool) bool {
	for {
		select {
		case l.slots <- struct{}{}:
		case <-ctx.Done():
			return false
		}
		l.mu.Lock()
		if fails || l.failing < maxFailing {
			l.mu.Unlock()
			return true
		}
		<-l.slots
		for ctx.Err() == nil && l.failing >= maxFailing {
			l.changed.Wait()
		}
		l.mu.Unlock()
	}
}

// fails counts the keys whose next event was not taken.
func (l *lane) fails(more int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failing += more
	l.relay.count(l.outlet, l.failing, len(l.open))
	l.changed.Broadcast()
}

// touch has the cursor saved soon. mu is held.
func (l *lane) touch() {
	select {
	case l.dirty <- struct{}{}:
	default:
	}
}

// place is where the cursor stands now: before the first event that is not acknowledged.
func (l *lane) place() Place {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) > 0 {
		return l.open[0].prev
	}
	return l.read
}

// saves saves the cursor when it has moved, until the run ends.
func (l *lane) saves(ctx context.Context) error {
	for ctx.Err() == nil {
		select {
		case <-l.dirty:
			if err := l.save(ctx); err != nil && ctx.Err() == nil {
				return err
			}
			sleep(ctx, savedEvery, nil)
		case <-ctx.Done():
		}
	}
	return nil
}

func (l *lane) save(ctx context.Context) error {
	at := l.place()
	if at == l.saved {
		return nil
	}
	if err := l.relay.Cursors.Save(ctx, l.outlet.Name, at); err != nil {
		return fmt.Errorf("save the cursor: %w", err)
	}
	l.saved = at
	return nil
}
