package bus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"kelisim/commands/bus"
	"kelisim/commands/journal"
)

const (
	ann  = "0f9d2f3e-1b0a-4c53-9d51-2f4f5f6c7a80"
	dana = "5a0e5f0e-6f3c-4d0c-8a2e-7f9b1c2d3e4f"
)

// numbered is a user of many.
func numbered(i int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", i) }

// ledger is a journal in memory, with what is appended to it.
type ledger struct {
	t testing.TB
	journal.Memory
	revisions map[string]int64
	n         int
}

func newLedger(t testing.TB) *ledger {
	return &ledger{t: t, Memory: journal.Memory{Step: 3}, revisions: map[string]int64{}}
}

// record appends an event to a stream and answers its id.
func (l *ledger) record(stream, kind string) string {
	l.t.Helper()
	l.n++
	id := uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, l.n))
	next, ok := l.revisions[stream]
	if !ok {
		next = journal.NoStream
	}
	receipt, err := l.Append(context.Background(), stream, next, []journal.NewRecord{{ID: id, Type: kind, Data: fmt.Appendf(nil, `{"n":%d}`, l.n),
		Meta: []byte(`{"version":1,"occurred_at":"2026-03-01T12:00:00.000000Z","actor":{"kind":"user","id":"x"}}`)}})
	if err != nil {
		l.t.Fatal(err)
	}
	l.revisions[stream] = receipt.Revision
	return id.String()
}

// sink is a publisher that keeps what it takes. before may refuse a message; after loses the acknowledgement of one that was taken.
type sink struct {
	mu     sync.Mutex
	got    []*message.Message
	tried  int
	before func(*message.Message) error
	after  func(*message.Message) error
}

func (s *sink) Publish(_ string, all ...*message.Message) error {
	for _, m := range all {
		s.mu.Lock()
		s.tried++
		before, after := s.before, s.after
		s.mu.Unlock()
		if before != nil {
			if err := before(m); err != nil {
				return err
			}
		}
		s.mu.Lock()
		s.got = append(s.got, m)
		s.mu.Unlock()
		if after != nil {
			if err := after(m); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *sink) Close() error { return nil }

func (s *sink) ids() (out []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.got {
		out = append(out, m.UUID)
	}
	return out
}

func (s *sink) outlet(name string) *bus.Outlet {
	return &bus.Outlet{Name: name, Kind: "test", Open: func(context.Context) (message.Publisher, error) { return s, nil }}
}

var errDown = errors.New("down")

func down(*message.Message) error { return bus.Fail("down", "%w", errDown) }

// running runs a relay inside a bubble until stop is called.
func running(t testing.TB, r *bus.Relay) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.Run(ctx)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-ended
	})
	t.Cleanup(stop)
	return stop
}

// settle lets time pass until nothing is left to do, or a minute has gone.
func settle() {
	time.Sleep(time.Minute)
	synctest.Wait()
}

func wantIDs(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s: got %d events %v, want %d %v", what, len(got), got, len(want), want)
	}
}

func status(t testing.TB, r *bus.Relay, name string) bus.Status {
	t.Helper()
	all, err := r.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no outlet %s in %v", name, all)
	return bus.Status{}
}
