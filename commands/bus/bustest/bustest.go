// Package bustest is the contract of whoever keeps a relay's cursors and deliveries: every store runs it.
package bustest

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/commands/bus"
)

// Store is both ports, as stores keep them.
type Store interface {
	bus.Cursors
	bus.Deliveries
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 123e6, time.UTC)

func id(n int) uuid.UUID { return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, n)) }

func delivery(outlet string, n int, state bus.DeliveryState) bus.Delivery {
	return bus.Delivery{Outlet: outlet, Event: id(n), Position: int64(10 * n), Type: "consent.given", State: state, FirstAt: start, Attempts: 2, Last: []bus.Attempt{
		{At: start, Status: 503, Code: "status-503", Took: 12 * time.Millisecond}, {At: start.Add(time.Hour), Code: "delivered", Status: 204}}}
}

// Run runs the contract. open gives a store over empty data, and reopen the same data once more, as after the process ended.
func Run(t *testing.T, open func(t *testing.T) (s Store, reopen func() Store)) {
	ctx := context.Background()

	t.Run("a cursor is what was saved last, of its own outlet", func(t *testing.T) {
		s, reopen := open(t)
		if _, found, err := s.Cursor(ctx, "a"); found || err != nil {
			t.Fatalf("before: %v, %v", found, err)
		}
		for i, p := range []bus.Place{{Position: 0}, {Position: 1 << 40, ID: id(1)}, {Position: 7, ID: id(2)}} { // back too: a person may say so
			if err := s.Save(ctx, "a", p); err != nil {
				t.Fatal(err)
			}
			if err := s.Save(ctx, "b", bus.Place{Position: 99}); err != nil {
				t.Fatal(err)
			}
			for _, from := range []Store{s, reopen()} {
				if got, found, err := from.Cursor(ctx, "a"); got != p || !found || err != nil {
					t.Fatalf("save %d: %+v, %v, %v, want %+v", i, got, found, err, p)
				}
			}
		}
	})

	t.Run("a delivery is found as it was kept last", func(t *testing.T) {
		s, reopen := open(t)
		d := delivery("a", 1, bus.Waiting)
		if _, found, err := s.Find(ctx, "a", d.Event); found || err != nil {
			t.Fatalf("before: %v, %v", found, err)
		}
		for i := range 3 {
			d.Attempts, d.State = i+1, []bus.DeliveryState{bus.Waiting, bus.GivenUp, bus.Delivered}[i]
			d.Last = append(d.Last, bus.Attempt{At: start.Add(time.Duration(i) * time.Minute), Code: "timeout", Took: 15 * time.Second})
			if err := s.Keep(ctx, d); err != nil {
				t.Fatal(err)
			}
			for _, from := range []Store{s, reopen()} {
				if got, found, err := from.Find(ctx, "a", d.Event); !reflect.DeepEqual(got, d) || !found || err != nil {
					t.Fatalf("got %+v, %v, %v\nwant %+v", got, found, err, d)
				}
			}
		}
		if _, found, err := s.Find(ctx, "b", d.Event); found || err != nil {
			t.Fatalf("in another outlet: %v, %v", found, err)
		}
	})

	t.Run("a list is of one outlet, the newest position first", func(t *testing.T) {
		s, _ := open(t)
		for n := range 9 {
			for _, outlet := range []string{"a", "b"} {
				if err := s.Keep(ctx, delivery(outlet, n+1, []bus.DeliveryState{bus.Waiting, bus.Delivered, bus.GivenUp}[n%3])); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, c := range []struct {
			state  bus.DeliveryState
			before int64
			limit  int
			want   string
		}{
			{"", 0, 3, "[90 80 70]"}, {"", 70, 100, "[60 50 40 30 20 10]"}, {"", 10, 5, "[]"}, {bus.GivenUp, 0, 2, "[90 60]"}, {bus.GivenUp, 60, 2, "[30]"},
			{bus.Waiting, 0, 9, "[70 40 10]"}, {bus.Delivered, 0, 9, "[80 50 20]"},
		} {
			list, err := s.List(ctx, "a", c.state, c.before, c.limit)
			got := []int64{}
			for _, d := range list {
				got = append(got, d.Position)
				if d.Outlet != "a" || len(d.Last) != 2 {
					t.Errorf("listed %+v", d)
				}
			}
			if fmt.Sprint(got) != c.want || err != nil {
				t.Errorf("state %q before %d, %d of them: %v, %v; want %s", c.state, c.before, c.limit, got, err, c.want)
			}
		}
	})

	t.Run("what is over is forgotten by its last attempt, what waits is not", func(t *testing.T) {
		s, reopen := open(t)
		for n, state := range []bus.DeliveryState{bus.Waiting, bus.Delivered, bus.GivenUp} {
			if err := s.Keep(ctx, delivery("a", n+1, state)); err != nil {
				t.Fatal(err)
			}
		}
		for after, want := range map[time.Duration]int{0: 3, time.Hour: 3} { // not before its last attempt, which was an hour later
			if err := s.Forget(ctx, start.Add(after)); err != nil {
				t.Fatal(err)
			}
			if list, err := s.List(ctx, "a", "", 0, 10); len(list) != want || err != nil {
				t.Errorf("%v after the first attempt: %d left, %v", after, len(list), err)
			}
		}
		if err := s.Forget(ctx, start.Add(time.Hour+time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if list, err := reopen().List(ctx, "a", "", 0, 10); len(list) != 1 || list[0].State != bus.Waiting || err != nil {
			t.Errorf("left: %v, %v", list, err)
		}
	})

	t.Run("many at once", func(t *testing.T) {
		s, _ := open(t)
		var all sync.WaitGroup
		for n := range 8 {
			all.Go(func() {
				outlet := fmt.Sprint("o", n)
				for i := range 5 {
					if err := s.Save(ctx, outlet, bus.Place{Position: int64(i)}); err != nil {
						t.Error(err)
					}
					if err := s.Keep(ctx, delivery(outlet, i+1, bus.Delivered)); err != nil {
						t.Error(err)
					}
				}
				if got, _, err := s.Cursor(ctx, outlet); got.Position != 4 || err != nil {
					t.Errorf("%s: %v, %v", outlet, got, err)
				}
				if list, err := s.List(ctx, outlet, "", 0, 10); len(list) != 5 || err != nil {
					t.Errorf("%s: %d deliveries, %v", outlet, len(list), err)
				}
			})
		}
		all.Wait()
	})
}
