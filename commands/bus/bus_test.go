package bus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"kelisim/commands/bus"
	"kelisim/commands/journal"
	"kelisim/domain"
)

// The stored bytes go out to the last space, and around them what the API says of an event.
func TestEnvelope(t *testing.T) {
	l := newLedger(t)
	data := `{"sealed" : {"k":"1","v":"AA<=="}, "n": 1.50}`
	meta := `{"version":2,"occurred_at":"2026-03-01T12:00:00.000001Z","actor":{"kind":"user","id":"x"} }`
	id := uuid.MustParse("9b2e5a34-77c7-4f6c-8a55-3f0d7f0b1c11")
	_, err := l.Append(t.Context(), "due-"+ann, -1, []journal.NewRecord{{ID: id, Type: "consent.withdrawal_took_effect", Data: []byte(data), Meta: []byte(meta),
		RecordedAt: time.Date(2026, 3, 11, 19, 0, 0, 0, time.UTC)}})
	if err != nil {
		t.Fatal(err)
	}
	for r := range l.ReadAll(t.Context(), 0) {
		m, err := bus.NewMessage(r)
		if err != nil {
			t.Fatal(err)
		}
		want := `{"id":"9b2e5a34-77c7-4f6c-8a55-3f0d7f0b1c11","stream":"due-` + ann + `","revision":0,"position":3,"type":"consent.withdrawal_took_effect","version":2,` +
			`"user_id":"` + ann + `","occurred_at":"2026-03-01T12:00:00.000001Z","recorded_at":"2026-03-11T19:00:00.000000Z","data":` + data + `,"meta":` + string(r.Meta) + `}`
		if string(m.Payload) != want {
			t.Errorf("got  %s\nwant %s", m.Payload, want)
		}
		if m.UUID != id.String() || m.Metadata.Get(bus.HeaderKey) != ann || m.Metadata.Get(bus.HeaderPosition) != "3" || m.Metadata.Get(bus.HeaderType) != r.Type {
			t.Errorf("id %s, metadata %v", m.UUID, m.Metadata)
		}
	}
	l.record("payment-cloudpayments-1", "payment.held")
	for r := range l.ReadAll(t.Context(), 3) {
		if m, err := bus.NewMessage(r); err != nil || strings.Contains(string(m.Payload), "user_id") || m.Metadata.Get(bus.HeaderKey) != "payment-cloudpayments-1" {
			t.Errorf("of no user: %v, %s", err, m.Payload)
		}
	}
}

func TestTypes(t *testing.T) {
	for _, c := range []struct {
		types bus.Types
		kind  string
		want  bool
	}{
		{nil, "consent.given", true},
		{bus.Types{"*"}, "consent.given", true},
		{bus.Types{"consent.*"}, "consent.given", true},
		{bus.Types{"consent.*"}, "consents.given", false},
		{bus.Types{"consent.given"}, "consent.given", true},
		{bus.Types{"consent.given"}, "consent.given_twice", false},
		{bus.Types{"consent.given", "account.*"}, "account.blocked", true},
		{bus.Types{"consent.given", "account.*"}, "subscription.trial_started", false},
	} {
		if got := c.types.Match(c.kind); got != c.want {
			t.Errorf("%v takes %s: %v", c.types, c.kind, got)
		}
	}
}

// What is the ledger's own stays inside, what a filter leaves out does too, and the cursor passes both.
func TestWhatLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, m := newLedger(t), &bus.Memory{}
		var every, some sink
		r := &bus.Relay{Store: l, Cursors: m, Outlets: []*bus.Outlet{every.outlet("every"), some.outlet("some")}}
		r.Outlets[1].Types = bus.Types{"consent.*"}
		running(t, r)
		registered := l.record("user-"+ann, "account.registered")
		l.record(string(domain.CheckpointsStream), "ledger.checkpoint_made")
		l.record("lease-relay", "lease.taken")
		given := l.record("user-"+ann, "consent.given")
		heads := l.record(string(domain.HeadsStream), "ledger.heads_committed")
		l.record("lease-signer", "lease.taken")
		settle()
		wantIDs(t, "every", slices.Sorted(slices.Values(every.ids())), slices.Sorted(slices.Values([]string{registered, given, heads})))
		wantIDs(t, "some", some.ids(), []string{given})
		for _, name := range []string{"every", "some"} {
			if s := status(t, r, name); s.Cursor != s.Head || s.Head != 18 || s.Lag != 0 || s.State != bus.Running || s.Last != nil {
				t.Errorf("%s: %+v", name, s)
			}
		}
	})
}

// An outlet that takes nothing reads no further than its bound and tries only so many, and another gets everything at once.
func TestADeadOutletHoldsNobodyBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, m := newLedger(t), &bus.Memory{}
		var live sink
		dead := sink{before: down}
		r := &bus.Relay{Store: l, Cursors: m, Outlets: []*bus.Outlet{dead.outlet("dead"), live.outlet("live")}}
		running(t, r)
		var want []string
		for i := range 3 * bus.WindowEvents {
			want = append(want, l.record("user-"+numbered(i), "account.registered"))
		}
		settle()
		if got := live.ids(); len(got) != len(want) {
			t.Fatalf("the live one got %d of %d", len(got), len(want))
		}
		s := status(t, r, "dead")
		if s.State != bus.Failing || s.Cursor != 0 || s.Last == nil || s.Last.Code != "down" || s.Lag < time.Minute || s.Failing < bus.MaxFailing || s.Failing > bus.MaxFailing+8 {
			t.Errorf("the dead one: %+v, %+v", s, s.Last)
		}
		dead.mu.Lock()
		if dead.tried > 1000 {
			t.Errorf("it was tried %d times in a minute", dead.tried)
		}
		dead.before = nil
		dead.mu.Unlock()
		settle()
		if got := slices.Sorted(slices.Values(dead.ids())); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
			t.Errorf("once it was mended it got %d of %d", len(got), len(want))
		}
		if s := status(t, r, "dead"); s.State != bus.Running || s.Cursor != s.Head || s.Failing != 0 || s.Waiting != 0 {
			t.Errorf("mended: %+v", s)
		}
	})
}

// An event that is never taken keeps back its own user, and the cursor; the others go on until the window is full.
func TestAPoisonedEventHoldsBackItsUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, m := newLedger(t), &bus.Memory{}
		poison := l.record("user-"+ann, "account.registered")
		s := sink{before: func(m *message.Message) error {
			if m.UUID == poison {
				return errDown
			}
			return nil
		}}
		r := &bus.Relay{Store: l, Cursors: m, Outlets: []*bus.Outlet{s.outlet("a")}}
		stop := running(t, r)
		behind := l.record("due-"+ann, "consent.withdrawal_took_effect")
		var others []string
		for range bus.WindowEvents + 100 {
			others = append(others, l.record("user-"+dana, "consent.given"))
		}
		settle()
		got := s.ids()
		if slices.Contains(got, behind) {
			t.Error("a later event of the same user went before")
		}
		wantIDs(t, "the other user", got, others[:bus.WindowEvents-2])
		if st := status(t, r, "a"); st.Cursor != 0 || st.Failing != 1 || st.Waiting != bus.WindowEvents {
			t.Errorf("%+v", st)
		}
		s.mu.Lock()
		s.before = nil
		s.mu.Unlock()
		settle()
		stop()
		if got := s.ids(); len(got) != len(others)+2 || slices.Index(got, poison) > slices.Index(got, behind) {
			t.Errorf("once it was mended: %d events", len(got))
		}
	})
}

// forgetful loses what is saved, as a crash between an acknowledgement and the cursor does.
type forgetful struct{ *bus.Memory }

func (forgetful) Save(context.Context, string, bus.Place) error { return nil }

// Killed after the outlet took an event and before its cursor was saved: the event is sent again, with the same id, and none is left out.
func TestKilledBeforeTheCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, m, s := newLedger(t), &bus.Memory{}, &sink{}
		first := l.record("user-"+ann, "account.registered")
		stop := running(t, &bus.Relay{Store: l, Cursors: m, Outlets: []*bus.Outlet{s.outlet("a")}})
		settle()
		stop()
		stop = running(t, &bus.Relay{Store: l, Cursors: forgetful{m}, Outlets: []*bus.Outlet{s.outlet("a")}})
		second, third := l.record("user-"+ann, "consent.given"), l.record("user-"+ann, "account.blocked")
		settle()
		stop()
		wantIDs(t, "before", s.ids(), []string{first, second, third})
		running(t, &bus.Relay{Store: l, Cursors: m, Outlets: []*bus.Outlet{s.outlet("a")}})
		settle()
		wantIDs(t, "after", s.ids(), []string{first, second, third, second, third})
	})
}

// A cursor that cannot be saved stops the outlet for a while, and is no reason to skip.
func TestCursorsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := newLedger(t), &sink{}
		c := &failing{Memory: &bus.Memory{}}
		r := &bus.Relay{Store: l, Cursors: c, Outlets: []*bus.Outlet{s.outlet("a")}}
		running(t, r)
		settle()
		c.fail(true)
		one := l.record("user-"+ann, "account.registered")
		settle()
		if st := status(t, r, "a"); st.Cursor != 0 || st.Last == nil {
			t.Errorf("%+v", st)
		}
		c.fail(false)
		settle()
		if st := status(t, r, "a"); st.Cursor != 3 || st.State != bus.Running || s.ids()[0] != one {
			t.Errorf("%+v", st)
		}
	})
}

type failing struct {
	*bus.Memory
	mu    sync.Mutex
	fails bool
}

func (f *failing) fail(now bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fails = now
}

func (f *failing) Save(ctx context.Context, outlet string, at bus.Place) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fails {
		return errDown
	}
	return f.Memory.Save(ctx, outlet, at)
}

// Where an outlet begins that has no cursor, and that it is not asked again.
func TestStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, m := newLedger(t), &bus.Memory{}
		a, b := l.record("user-"+ann, "account.registered"), l.record("user-"+ann, "consent.given")
		outlets := map[string]*sink{"beginning": {}, "after": {}, "now": {}}
		relay := func(start map[string]bus.Start) *bus.Relay {
			r := &bus.Relay{Store: l, Cursors: m}
			for name, s := range outlets {
				o := s.outlet(name)
				o.Start = start[name]
				r.Outlets = append(r.Outlets, o)
			}
			return r
		}
		stop := running(t, relay(map[string]bus.Start{"after": {After: 3}, "now": {Now: true}}))
		settle()
		stop()
		c := l.record("user-"+ann, "account.blocked") // while nobody runs
		running(t, relay(map[string]bus.Start{"beginning": {Now: true}, "after": {Now: true}, "now": {Now: true}}))
		settle()
		wantIDs(t, "beginning", outlets["beginning"].ids(), []string{a, b, c})
		wantIDs(t, "after", outlets["after"].ids(), []string{b, c})
		wantIDs(t, "now", outlets["now"].ids(), []string{c})
	})
}

// A journal that was put back from a backup has other events behind the cursor, or none: the outlet says so and sends nothing.
func TestCursorOfAnotherJournal(t *testing.T) {
	for name, events := range map[string]int{"another event": 2, "none": 1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, s := &bus.Memory{}, &sink{}
				old := newLedger(t)
				old.record("user-"+ann, "account.registered")
				old.record("user-"+ann, "consent.given")
				stop := running(t, &bus.Relay{Store: old, Cursors: m, Outlets: []*bus.Outlet{s.outlet("a")}})
				settle()
				stop()
				l := newLedger(t)
				l.n = 100
				for range events {
					l.record("user-"+dana, "account.registered")
				}
				r := &bus.Relay{Store: l, Cursors: m, Outlets: []*bus.Outlet{s.outlet("a")}}
				stop = running(t, r)
				settle()
				if st := status(t, r, "a"); st.State != bus.Halted || st.Last.Code != "cursor-mismatch" || len(s.ids()) != 2 {
					t.Errorf("%+v, %v", st, s.ids())
				}
				stop()
				if st := status(t, r, "a"); st.State != bus.Stopped {
					t.Errorf("after the end: %+v", st)
				}
			})
		})
	}
}

// An outlet that cannot be opened is tried again; the same relay runs more than once.
func TestOpenedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, m, s := newLedger(t), &bus.Memory{}, &sink{}
		one := l.record("user-"+ann, "account.registered")
		o, tries := s.outlet("a"), 0
		o.Open = func(context.Context) (message.Publisher, error) {
			if tries++; tries%3 != 0 {
				return nil, bus.Fail("unreachable", "nobody answers")
			}
			return s, nil
		}
		r := &bus.Relay{Store: l, Cursors: m, Outlets: []*bus.Outlet{o}}
		stop := running(t, r)
		settle()
		stop()
		two := l.record("user-"+ann, "consent.given")
		running(t, r)
		settle()
		wantIDs(t, "both runs", s.ids(), []string{one, two})
		if tries != 6 {
			t.Errorf("opened %d times", tries)
		}
	})
}

// What was imported with an old recorded time has waited since it was imported.
func TestLag(t *testing.T) {
	for meta, want := range map[string]time.Duration{
		`{"version":1,"occurred_at":"2020-01-01T00:00:00.000000Z"}`:                                             time.Hour,
		`{"version":1,"occurred_at":"2020-01-01T00:00:00.000000Z","imported_at":"2026-03-01T12:59:00.000000Z"}`: time.Minute,
	} {
		l := &journal.Memory{}
		now := time.Date(2026, 3, 1, 13, 0, 0, 0, time.UTC)
		if _, err := l.Append(t.Context(), "site", -1, []journal.NewRecord{{ID: uuid.New(), Type: "site.happened", Data: []byte("{}"), Meta: []byte(meta), RecordedAt: now.Add(-time.Hour)}}); err != nil {
			t.Fatal(err)
		}
		r := &bus.Relay{Store: l, Cursors: &bus.Memory{}, Now: func() time.Time { return now }, Outlets: []*bus.Outlet{(&sink{}).outlet("a")}}
		if got := status(t, r, "a").Lag; got != want {
			t.Errorf("%s: %v, want %v", meta, got, want)
		}
	}
}

func TestOutletsByName(t *testing.T) {
	r := &bus.Relay{Store: newLedger(t), Cursors: &bus.Memory{}, Deliveries: &bus.Memory{}, Outlets: []*bus.Outlet{(&sink{}).outlet("a")}}
	_, err := r.ListDeliveries(t.Context(), "b", "", 0, 10)
	if domain.Code(err) != "outlet-not-found" {
		t.Errorf("an unknown outlet: %v", err)
	}
	if list, err := r.ListDeliveries(t.Context(), "a", "", 0, 10); list != nil || err != nil {
		t.Errorf("one that is no web hook: %v, %v", list, err)
	}
	if _, err := r.Redeliver(t.Context(), "a", uuid.New()); domain.Code(err) != "delivery-not-found" {
		t.Errorf("a delivery of one that is no web hook: %v", err)
	}
}

func TestCodes(t *testing.T) {
	for code, err := range map[string]error{
		"down": fmt.Errorf("x: %w", bus.Fail("down", "%w", errDown)), "timeout": fmt.Errorf("x: %w", context.DeadlineExceeded), "failed": errors.New("x"),
	} {
		if got := bus.CodeOf(err); got != code {
			t.Errorf("%v is %s, want %s", err, got, code)
		}
	}
}
