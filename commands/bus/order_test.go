package bus_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"pgregory.net/rapid"

	"kelisim/commands/bus"
)

// Whatever fails, before an event is taken or after, and however often the relay is killed with its last savings lost: each user's events arrive whole and in
// order when repetitions are left out, and none is sent before the one before it was acknowledged.
func TestOrderUnderRetries(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		events := rapid.IntRange(1, 60).Draw(rt, "events")
		users := rapid.IntRange(1, 5).Draw(rt, "users")
		lost := rapid.SampledFrom([]float64{0, 0.2, 0.6}).Draw(rt, "lost")
		lives := rapid.IntRange(1, 5).Draw(rt, "lives")
		var fault error
		synctest.Test(t, func(t *testing.T) { fault = orderUnderRetries(t, seed, events, users, lives, lost) })
		if fault != nil {
			rt.Fatal(fault)
		}
	})
}

// tape draws the same for the same seed, from many goroutines.
type tape struct {
	mu   sync.Mutex
	from *rand.Rand
}

func (d *tape) upTo(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.from.IntN(n)
}

func (d *tape) chance(p float64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.from.Float64() < p
}

// unlasting keeps some savings only.
type unlasting struct {
	*bus.Memory
	dice *tape
}

func (u unlasting) Save(ctx context.Context, outlet string, at bus.Place) error {
	if u.dice.chance(0.5) {
		return nil
	}
	return u.Memory.Save(ctx, outlet, at)
}

func orderUnderRetries(t *testing.T, seed uint64, events, users, lives int, lost float64) error {
	dice := &tape{from: rand.New(rand.NewPCG(seed, 1))}
	l, m := newLedger(t), &bus.Memory{}
	want := map[string][]string{}
	before := map[string]string{} // an event's predecessor of the same user
	for range events {
		user := numbered(dice.upTo(users))
		stream := []string{"user-", "due-", "reads-"}[dice.upTo(3)] + user
		id := l.record(stream, "account.happened")
		if list := want[user]; len(list) > 0 {
			before[id] = list[len(list)-1]
		}
		want[user] = append(want[user], id)
	}
	var mu sync.Mutex
	var fault error
	acknowledged := map[string]bool{}
	s := &sink{}
	s.before = func(m *message.Message) error {
		mu.Lock()
		defer mu.Unlock()
		if p := before[m.UUID]; p != "" && !acknowledged[p] {
			fault = errors.Join(fault, fmt.Errorf("%s was sent before %s was acknowledged", m.UUID, p))
		}
		if dice.chance(lost) {
			return errDown
		}
		return nil
	}
	s.after = func(m *message.Message) error {
		if dice.chance(lost / 2) {
			return errDown
		}
		mu.Lock()
		defer mu.Unlock()
		acknowledged[m.UUID] = true
		return nil
	}
	relay := func(c bus.Cursors) *bus.Relay {
		return &bus.Relay{Store: l, Cursors: c, Outlets: []*bus.Outlet{s.outlet("a")}}
	}
	for range lives - 1 {
		stop := running(t, relay(unlasting{m, dice}))
		time.Sleep(time.Duration(dice.upTo(2000)) * time.Millisecond)
		stop()
	}
	running(t, relay(m))
	for range 60 {
		if place, _, _ := m.Cursor(t.Context(), "a"); place.Position == int64(3*events) {
			break
		}
		settle()
	}
	got := map[string][]string{}
	for _, msg := range s.got {
		key := msg.Metadata.Get(bus.HeaderKey)
		if !slices.Contains(got[key], msg.UUID) {
			got[key] = append(got[key], msg.UUID)
		}
	}
	for user, list := range want {
		if !slices.Equal(got[user], list) {
			fault = errors.Join(fault, fmt.Errorf("%s: got %v, want %v", user, got[user], list))
		}
	}
	return fault
}
