// Package bus sends the journal on: to a NATS stream, to a Kafka topic, to whoever takes a web hook.
//
// A Relay follows the journal once for each of its outlets, every one with a cursor of its own, so that one that is slow or dead holds no other back
// (TestADeadOutletHoldsNobodyBack). What it promises to each of them:
//
//   - At least once. The cursor passes an event only when the outlet has acknowledged it and all before it; after a crash what was in flight, and what was
//     acknowledged in the last tenth of a second, is sent again under the same id (TestKilledBeforeTheCursor).
//   - In order per user. An event leaves when the one before it of the same user is acknowledged; users do not wait for each other (TestOrderUnderRetries).
//     An event that is of no user is in order with those of its stream.
//   - As stored. Data and metadata go out as the journal's very bytes, with personal values sealed, so that a proof of the event still fits (TestEnvelope).
//     The ledger's own checkpoints and leases stay inside.
//
// An event that is not taken is tried again, and only its own user waits behind it, up to a bound: while maxFailing users wait no other is tried, and when the
// outstanding events fill the window the outlet reads no further. Nothing is skipped but what a web hook gave up after three days; that is kept in its log of deliveries.
//
// Publishers are watermill's. Those that need a client library have folders of their own, jetstream and kafka; the web hook is here. commands/sqlite and
// commands/postgres keep cursors and deliveries, and bustest is the contract of whoever does.
package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"kelisim/commands/journal"
	"kelisim/domain"
)

// The kinds of outlets.
const (
	NATS  = "nats"
	Kafka = "kafka"
	Hook  = "webhook"
)

// Publisher is watermill's: what it has published is acknowledged.
type Publisher = message.Publisher

// Outlet is one place where events go. Its fields are set once, before Run.
type Outlet struct {
	Name  string // unique; the cursor's name
	Kind  string
	Types Types
	// Topic is passed to the publisher with each message.
	Topic string
	// Start is where it begins if it has no cursor.
	Start Start
	// Retry is how long it waits before an event is tried again; zero is from 200 ms up to 30 s.
	Retry Backoff
	// Open connects. It is called at the start of a run, again after an error, and what it made is closed at the end.
	Open func(context.Context) (Publisher, error)
	// Hook is the publisher of a web hook, nil for the other kinds: it alone has deliveries.
	Hook *Webhook
}

// Start is where an outlet begins that has no cursor: after a position, or with what is recorded from now on. The zero value is the beginning, so that a lost
// file of cursors means that events are sent again, and never that one is missed.
type Start struct {
	After int64
	Now   bool
}

// Relay sends events to its outlets. Its fields are set once.
type Relay struct {
	Store      journal.Store
	Outlets    []*Outlet
	Cursors    Cursors
	Deliveries Deliveries
	Now        func() time.Time // nil: time.Now
	Log        *slog.Logger     // nil: nothing is logged

	mu         sync.Mutex
	conditions map[string]*condition // by the outlet's name
}

// condition is how an outlet is, beside its cursor.
type condition struct {
	state   State
	failing int // users whose next event was not taken
	waiting int // events that were read and are not acknowledged
	last    Trouble
	kick    chan struct{} // closed to have what waits tried at once
}

// State says what an outlet does at the moment.
type State string

const (
	Stopped State = "stopped" // nobody runs the relay here
	Opening State = "opening" // it connects
	Running State = "running"
	Failing State = "failing" // at least one event waits to be tried again
	Halted  State = "halted"  // only a person can say what happened: see the trouble's code
)

// Trouble is the last thing that went wrong: a stable word, and when.
type Trouble struct {
	Code string
	At   time.Time
}

// Status is how an outlet stands.
type Status struct {
	Name, Kind string
	State      State
	Cursor     int64         // the last position of which all before it is acknowledged; what is saved
	Head       int64         // the journal's last position
	Lag        time.Duration // how long the first event behind the cursor has been in the journal; 0 where there is none
	Waiting    int           // events that were read and are not acknowledged
	Failing    int           // users whose next event was not taken at its last attempt
	Last       *Trouble      // nil: nothing went wrong since the start
}

// Run relays until the context ends, and returns when what was in flight is answered or given up, and every cursor is saved. It may be called again.
func (r *Relay) Run(ctx context.Context) {
	var running sync.WaitGroup
	for _, o := range r.Outlets {
		running.Go(func() { r.keep(ctx, o) })
	}
	if r.Deliveries != nil {
		running.Go(func() { r.forget(ctx) })
	}
	running.Wait()
}

// rest is how long an outlet rests whose run has ended with an error.
const rest = 5 * time.Second

// keep runs one outlet until the context ends.
func (r *Relay) keep(ctx context.Context, o *Outlet) {
	defer r.enter(o, Stopped)
	for ctx.Err() == nil {
		err := newLane(r, o).run(ctx)
		if ctx.Err() != nil {
			return
		}
		r.trouble(o, err)
		if errors.Is(err, errHalt) {
			r.enter(o, Halted)
			r.log().Error("an outlet is halted", "outlet", o.Name, "error", err)
			<-ctx.Done()
			return
		}
		r.log().Warn("an outlet begins anew", "outlet", o.Name, "error", err)
		sleep(ctx, rest, nil)
	}
}

// Deliveries older than that are forgotten, unless they still wait.
const remembered = 30 * 24 * time.Hour

func (r *Relay) forget(ctx context.Context) {
	for ctx.Err() == nil {
		if err := r.Deliveries.Forget(ctx, r.now().Add(-remembered)); err != nil && ctx.Err() == nil {
			r.log().Warn("old deliveries were not forgotten", "error", err)
		}
		sleep(ctx, 24*time.Hour, nil)
	}
}

// Status tells how every outlet stands, in their order, also where nobody runs the relay.
func (r *Relay) Status(ctx context.Context) ([]Status, error) {
	head, _, err := r.Store.Head(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the journal's head: %w", err)
	}
	out := make([]Status, 0, len(r.Outlets))
	for _, o := range r.Outlets {
		place, found, err := r.Cursors.Cursor(ctx, o.Name)
		if err != nil {
			return nil, fmt.Errorf("read the cursor of %s: %w", o.Name, err)
		}
		if !found {
			place.Position = o.Start.After
			if o.Start.Now {
				place.Position = head
			}
		}
		s := Status{Name: o.Name, Kind: o.Kind, Cursor: place.Position, Head: head}
		for next, err := range r.Store.ReadAll(ctx, place.Position) {
			if err != nil {
				return nil, fmt.Errorf("read what is behind the cursor of %s: %w", o.Name, err)
			}
			s.Lag = max(0, r.now().Sub(entered(next)))
			break
		}
		r.mu.Lock()
		c := r.condition(o)
		s.State, s.Waiting, s.Failing = c.state, c.waiting, c.failing
		if c.last.Code != "" {
			last := c.last
			s.Last = &last
		}
		r.mu.Unlock()
		if s.State == Running && s.Failing > 0 {
			s.State = Failing
		}
		out = append(out, s)
	}
	return out, nil
}

// entered is when an event came into the journal: an imported one bears an earlier recorded time.
func entered(r journal.Record) time.Time {
	var meta struct {
		ImportedAt time.Time `json:"imported_at"`
	}
	if err := json.Unmarshal(r.Meta, &meta); err != nil || meta.ImportedAt.Before(r.RecordedAt) {
		return r.RecordedAt
	}
	return meta.ImportedAt
}

// outlet finds an outlet; outlet-not-found where there is none of the name.
func (r *Relay) outlet(name string) (*Outlet, error) {
	if r != nil {
		for _, o := range r.Outlets {
			if o.Name == name {
				return o, nil
			}
		}
	}
	return nil, domain.Refuse(domain.NotFound, "outlet-not-found", "there is no such outlet")
}

// ListDeliveries lists an outlet's deliveries, the newest position first: those before a position (0: all), in a state ("": any), at most limit. An outlet that is
// no web hook has none.
func (r *Relay) ListDeliveries(ctx context.Context, outlet string, state DeliveryState, before int64, limit int) ([]Delivery, error) {
	o, err := r.outlet(outlet)
	if err != nil || o.Hook == nil {
		return nil, err
	}
	return r.Deliveries.List(ctx, o.Name, state, before, limit)
}

// Redeliver sends an event of the log again, now, whatever became of it before, and answers the delivery as it is then. An endpoint that does not take it is no
// error: the delivery says so. When it is taken, what waits in the outlet is tried at once.
func (r *Relay) Redeliver(ctx context.Context, outlet string, event uuid.UUID) (Delivery, error) {
	o, err := r.outlet(outlet)
	if err != nil {
		return Delivery{}, err
	}
	notFound := domain.Refuse(domain.NotFound, "delivery-not-found", "there is no such delivery")
	if o.Hook == nil {
		return Delivery{}, notFound
	}
	d, found, err := r.Deliveries.Find(ctx, o.Name, event)
	if err != nil {
		return Delivery{}, fmt.Errorf("find a delivery: %w", err)
	}
	if !found {
		return Delivery{}, notFound
	}
	record, err := r.at(ctx, d.Position)
	if err != nil {
		return Delivery{}, err
	}
	if record.ID != event {
		return Delivery{}, notFound
	}
	m, err := newMessage(record)
	if err != nil {
		return Delivery{}, err
	}
	if d, err = o.Hook.send(ctx, m); err == nil && d.State == Delivered {
		r.kick(o)
	}
	return d, err
}

// at reads the record at a position; the zero Record where there is none.
func (r *Relay) at(ctx context.Context, position int64) (journal.Record, error) {
	for record, err := range r.Store.ReadAll(ctx, position-1) {
		if err != nil {
			return journal.Record{}, fmt.Errorf("read the event at position %d: %w", position, err)
		}
		if record.Position == position {
			return record, nil
		}
		break
	}
	return journal.Record{}, nil
}

// Stands tells whether the journal has this very event at a position: a stream that was fed by another ledger, or by this one before a restore, has others.
func (r *Relay) Stands(ctx context.Context, position int64, event string) (bool, error) {
	record, err := r.at(ctx, position)
	return err == nil && record.ID.String() == event, err
}

func (r *Relay) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}

func (r *Relay) log() *slog.Logger {
	if r.Log != nil {
		return r.Log
	}
	return slog.New(slog.DiscardHandler)
}

// condition is the outlet's, made where there is none. mu is held.
func (r *Relay) condition(o *Outlet) *condition {
	if r.conditions == nil {
		r.conditions = map[string]*condition{}
	}
	if r.conditions[o.Name] == nil {
		r.conditions[o.Name] = &condition{state: Stopped, kick: make(chan struct{})}
	}
	return r.conditions[o.Name]
}

func (r *Relay) enter(o *Outlet, s State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.condition(o)
	c.state = s
	if s == Stopped {
		c.failing, c.waiting = 0, 0
	}
}

func (r *Relay) trouble(o *Outlet, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.condition(o).last = Trouble{CodeOf(err), r.now()}
}

// count changes how many users fail and how many events wait.
func (r *Relay) count(o *Outlet, failing, waiting int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.condition(o)
	c.failing, c.waiting = failing, waiting
}

// kicked is closed at the next kick.
func (r *Relay) kicked(o *Outlet) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.condition(o).kick
}

func (r *Relay) kick(o *Outlet) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.condition(o)
	close(c.kick)
	c.kick = make(chan struct{})
}

// sleep waits, until the context ends or it is woken.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-wake:
	}
}
