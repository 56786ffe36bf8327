package bus

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Place is a position in the journal and the event that stands there, so that a cursor is known again for one of this very journal. ID is zero where the
// position was named by a person.
type Place struct {
	Position int64
	ID       uuid.UUID
}

// Cursors keep how far each outlet has come. Losing them costs that events are sent again.
type Cursors interface {
	// Cursor is what was saved last for an outlet.
	Cursor(ctx context.Context, outlet string) (Place, bool, error)
	// Save lasts when it returns.
	Save(ctx context.Context, outlet string, at Place) error
}

// Deliveries keep what became of each event that a web hook sent: no body, no address, no secret.
type Deliveries interface {
	// Keep writes a delivery in place of what was kept of it.
	Keep(ctx context.Context, d Delivery) error
	Find(ctx context.Context, outlet string, event uuid.UUID) (Delivery, bool, error)
	// List is of one outlet, the newest position first: those before a position (0: all), in a state ("": any), at most limit.
	List(ctx context.Context, outlet string, state DeliveryState, before int64, limit int) ([]Delivery, error)
	// Forget removes those whose last attempt was before a moment and that no longer wait.
	Forget(ctx context.Context, before time.Time) error
}

// DeliveryState is what became of a delivery.
type DeliveryState string

const (
	Waiting   DeliveryState = "waiting"   // it will be tried again
	Delivered DeliveryState = "delivered" // the endpoint answered 2xx
	GivenUp   DeliveryState = "given-up"  // it was not taken in three days; Redeliver can send it
)

// Delivery is of one event to one web hook.
type Delivery struct {
	Outlet   string
	Event    uuid.UUID
	Position int64
	Type     string
	State    DeliveryState
	FirstAt  time.Time // of the first attempt; milliseconds, UTC
	Attempts int
	Last     []Attempt // the newest keptAttempts, the oldest first
}

// Attempt is one try.
type Attempt struct {
	At     time.Time     `json:"at"`               // milliseconds, UTC
	Status int           `json:"status,omitempty"` // of HTTP; 0: none came
	Code   string        `json:"code"`             // "delivered", or why not
	Took   time.Duration `json:"took"`             // nanoseconds in JSON
}

// keptAttempts bounds what is kept of a delivery that waits for days.
const keptAttempts = 20

// Memory keeps cursors and deliveries for as long as it lives: for tests, and the reference for bustest.
type Memory struct {
	mu         sync.Mutex
	cursors    map[string]Place
	deliveries map[string]map[uuid.UUID]Delivery
}

var (
	_ Cursors    = (*Memory)(nil)
	_ Deliveries = (*Memory)(nil)
)

func (m *Memory) Cursor(_ context.Context, outlet string) (Place, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.cursors[outlet]
	return p, ok, nil
}

func (m *Memory) Save(_ context.Context, outlet string, at Place) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cursors == nil {
		m.cursors = map[string]Place{}
	}
	m.cursors[outlet] = at
	return nil
}

func (m *Memory) Keep(_ context.Context, d Delivery) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.deliveries == nil {
		m.deliveries = map[string]map[uuid.UUID]Delivery{}
	}
	if m.deliveries[d.Outlet] == nil {
		m.deliveries[d.Outlet] = map[uuid.UUID]Delivery{}
	}
	d.Last = slices.Clone(d.Last)
	m.deliveries[d.Outlet][d.Event] = d
	return nil
}

func (m *Memory) Find(_ context.Context, outlet string, event uuid.UUID) (Delivery, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, ok := m.deliveries[outlet][event]
	d.Last = slices.Clone(d.Last)
	return d, ok, nil
}

func (m *Memory) List(_ context.Context, outlet string, state DeliveryState, before int64, limit int) ([]Delivery, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Delivery
	for _, d := range m.deliveries[outlet] {
		if (state == "" || d.State == state) && (before == 0 || d.Position < before) {
			d.Last = slices.Clone(d.Last)
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b Delivery) int { return cmp.Compare(b.Position, a.Position) })
	return out[:min(limit, len(out))], nil
}

func (m *Memory) Forget(_ context.Context, before time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, all := range m.deliveries {
		for id, d := range all {
			if d.State != Waiting && len(d.Last) > 0 && d.Last[len(d.Last)-1].At.Before(before) {
				delete(all, id)
			}
		}
	}
	return nil
}
