package lease_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"kelisim/commands/journal"
	"kelisim/commands/lease"
	"kelisim/domain/catalogue"
	"kelisim/domain/event"
	"kelisim/domain/ledger"
)

const ttl = 30 * time.Second

// watch sees who does the work, and that nobody else does it meanwhile.
type watch struct {
	t      *testing.T
	mu     sync.Mutex
	at     map[string]int64 // the epoch of each who does the work
	epochs []int64          // of all terms
	who    []string
}

func newWatch(t *testing.T) *watch { return &watch{t: t, at: map[string]int64{}} }

// work does nothing, in the way of somebody who must be alone, for a time; 0 is until it is told to stop.
func (w *watch) work(name string, for_ time.Duration) func(context.Context, int64) error {
	return func(ctx context.Context, epoch int64) error {
		w.mu.Lock()
		if len(w.at) > 0 && ctx.Err() == nil {
			w.t.Errorf("%s works under epoch %d while these do: %v", name, epoch, w.at)
		}
		if n := len(w.epochs); n > 0 && epoch <= w.epochs[n-1] {
			w.t.Errorf("%s works under epoch %d after %v", name, epoch, w.epochs)
		}
		w.at[name] = epoch
		w.epochs, w.who = append(w.epochs, epoch), append(w.who, name)
		w.mu.Unlock()
		forget := context.AfterFunc(ctx, func() { w.gone(name) }) // at the moment at which it is told to stop
		defer w.gone(name)
		defer forget()
		if for_ == 0 {
			<-ctx.Done()
			return ctx.Err()
		}
		time.Sleep(for_)
		return nil
	}
}

func (w *watch) gone(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.at, name)
}

func (w *watch) terms() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return fmt.Sprint(w.who, w.epochs)
}

func of(store journal.Store, name string) *lease.Lease {
	return &lease.Lease{Journal: journal.New(store, catalogue.All()), Name: "policies", Holder: name, TTL: ttl}
}

// taking runs a part in a lease, and answers how to stop it.
func taking(l *lease.Lease, work func(context.Context, int64) error) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx, work) }()
	return func() error {
		cancel()
		return <-ended
	}
}

func events(t *testing.T, store journal.Store) (out []string) {
	t.Helper()
	for e, err := range journal.New(store, catalogue.All()).ReadStream(t.Context(), "lease-policies", 0) {
		if err != nil {
			t.Fatal(err)
		}
		switch v := e.Data.(type) {
		case ledger.LeaseTaken:
			out = append(out, fmt.Sprint("taken ", v.Epoch, " ", v.Holder))
		case ledger.LeaseRenewed:
			out = append(out, "renewed")
		case ledger.LeaseReleased:
			out = append(out, fmt.Sprint("released ", v.Epoch))
		}
	}
	return out
}

// One holds it and renews it every third of its time; who stops gives it up, and another has it soon.
func TestHandOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, w := &journal.Memory{Shared: true}, newWatch(t)
		a, b := of(store, "a"), of(store, "b")
		stop := taking(a, w.work("a", 0))
		time.Sleep(time.Second)
		stopB := taking(b, w.work("b", 0))
		time.Sleep(25 * time.Second)
		if epoch, held := a.Epoch(); !held || epoch != 1 || b.Held() {
			t.Errorf("a holds it: %v under %d; b: %v", held, epoch, b.Held())
		}
		if err := stop(); err != nil || a.Held() {
			t.Errorf("it ended with %v; held: %v", err, a.Held())
		}
		time.Sleep(ttl / 15)
		synctest.Wait()
		if epoch, held := b.Epoch(); !held || epoch != 2 {
			t.Errorf("b holds it: %v under %d", held, epoch)
		}
		if err := stopB(); err != nil {
			t.Error(err)
		}
		if got, want := fmt.Sprint(events(t, store)), "[taken 1 a renewed renewed released 1 taken 2 b released 2]"; got != want {
			t.Errorf("recorded: %s, want %s", got, want)
		}
	})
}

// Who dies is followed, after the full time and not before; who is cut off counts itself out before that.
func TestTakeOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, w := &journal.Memory{Shared: true}, newWatch(t)
		mine := &dying{Memory: store}
		a, b := of(mine, "a"), of(store, "b")
		stopA := taking(a, w.work("a", 0))
		time.Sleep(time.Second)
		stopB := taking(b, w.work("b", 0))
		time.Sleep(20*time.Second + time.Second/2) // the last renewal was 1.5 s ago
		mine.set(true)
		time.Sleep(25 * time.Second)
		if !a.Held() || b.Held() {
			t.Errorf("after 26.5 s: a %v, b %v", a.Held(), b.Held())
		}
		time.Sleep(time.Second)
		if a.Held() || b.Held() {
			t.Errorf("after 27.5 s: a %v, b %v", a.Held(), b.Held())
		}
		time.Sleep(5 * time.Second)
		if epoch, held := b.Epoch(); !held || epoch != 2 || a.Held() {
			t.Errorf("after 32.5 s: b %v under %d; a %v", held, epoch, a.Held())
		}
		if err := errors.Join(stopA(), stopB()); err != nil {
			t.Error(err)
		}
		if got := w.terms(); got != "[a b] [1 2]" {
			t.Errorf("terms: %s", got)
		}
	})
}

// Who was cut off for long and comes back has it again soon, under a greater epoch, if nobody has taken it.
func TestComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mine, w := &dying{Memory: &journal.Memory{Shared: true}}, newWatch(t)
		l := of(mine, "a")
		stop := taking(l, w.work("a", 0))
		time.Sleep(time.Second)
		mine.set(true)
		time.Sleep(26*time.Second + time.Second/2)
		if l.Held() {
			t.Error("it holds what it could not renew")
		}
		mine.set(false)
		time.Sleep(ttl / 15)
		if epoch, held := l.Epoch(); !held || epoch != 2 {
			t.Errorf("held %v under %d", held, epoch)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// Answers that are lost are asked for again, and nobody loses the lease over them, also where it ends meanwhile.
func TestLostAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, w := &mumbling{Memory: &journal.Memory{Shared: true}, asked: map[uuid.UUID]int{}}, newWatch(t)
		stop := taking(of(store, "a"), w.work("a", 0))
		time.Sleep(time.Hour - time.Second)
		if err := stop(); err != nil {
			t.Error(err)
		}
		if got := w.terms(); got != "[a] [1]" {
			t.Errorf("terms: %s", got)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		store, w := &journal.Memory{Shared: true, Fail: func(string) journal.Failure { return journal.LostItsAnswer }}, newWatch(t)
		stop := taking(of(store, "a"), w.work("a", 0))
		time.Sleep(time.Hour) // a renewal is under way
		if err := stop(); err != nil {
			t.Error(err)
		}
		if got := events(t, store); w.terms() != "[a] [1]" || got[len(got)-1] != "released 1" {
			t.Errorf("terms: %s; the last word is %s", w.terms(), got[len(got)-1])
		}
	})
}

// Whatever is slow, is lost on the way or dies, and wherever the clocks are set: never two do the work at once, each does it under a greater
// epoch than all before, and while anybody can, somebody does.
func TestNeverTwoHolders(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, seed))
			var mu sync.Mutex // the store's and the clocks'
			draw := func(n int) int {
				mu.Lock()
				defer mu.Unlock()
				return r.IntN(n)
			}
			jumping := func() time.Time { return time.Now().Add(time.Duration(draw(200)-100) * time.Hour) }
			store := &journal.Memory{Shared: true, Now: jumping, Fail: func(string) journal.Failure {
				return []journal.Failure{journal.Works, journal.Works, journal.Works, journal.Refused, journal.LostOnTheWay, journal.LostItsAnswer}[draw(6)]
			}}
			w := newWatch(t)
			var wg sync.WaitGroup
			over, finish := context.WithCancel(context.Background())
			for n := range 4 {
				slow := []time.Duration{time.Second, ttl / 3, ttl, 3 * ttl}[draw(4)]
				mine := &weather{Memory: store, r: rand.New(rand.NewPCG(seed, uint64(n))), slow: slow}
				wg.Go(func() {
					for life := 0; over.Err() == nil; life++ { // it is started again and again
						name := fmt.Sprint(n, ".", life)
						l := of(mine, name)
						l.Now = jumping
						ctx, done := context.WithTimeout(over, time.Duration(1+draw(600))*time.Second)
						if err := l.Run(ctx, w.work(name, time.Duration(draw(3))*20*time.Second)); err != nil {
							t.Errorf("%s ended with %v", name, err)
						}
						done()
						if l.Held() {
							t.Errorf("%s has ended and holds it", name)
						}
						time.Sleep(time.Duration(draw(20)) * time.Second)
					}
				})
			}
			time.Sleep(time.Hour)
			finish()
			wg.Wait()
			if n := len(w.epochs); n < 20 {
				t.Errorf("seed %d: the work was done %d times in an hour", seed, n)
			}
		})
	}
}

// What work answers of itself ends the part, and the lease is given up.
func TestWorkEnds(t *testing.T) {
	broken := errors.New("it broke")
	for _, want := range []error{nil, broken} {
		for _, shared := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				store := &journal.Memory{Shared: shared}
				l := of(store, "a")
				if err := l.Run(t.Context(), func(ctx context.Context, _ int64) error {
					if !l.Held() {
						t.Error("it works without the lease")
					}
					time.Sleep(time.Minute)
					return want
				}); !errors.Is(err, want) || err == nil != (want == nil) {
					t.Errorf("it ended with %v, want %v", err, want)
				}
				if l.Held() {
					t.Error("it still holds the lease")
				}
				if got := events(t, store); shared && got[len(got)-1] != "released 1" || !shared && got != nil {
					t.Errorf("recorded: %v", got)
				}
			})
		}
	}
}

// Where nobody else can write the lease is held at once, for as long as one likes, and nothing is appended. The epoch is the last one there was.
func TestAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, w := &journal.Memory{}, newWatch(t)
		l := of(store, "a")
		stop := taking(l, w.work("a", 0))
		time.Sleep(time.Hour)
		if epoch, held := l.Epoch(); !held || epoch != 0 || len(events(t, store)) > 0 {
			t.Errorf("held %v under %d; recorded %v", held, epoch, events(t, store))
		}
		if err := stop(); err != nil || l.Held() {
			t.Error(err, l.Held())
		}
		store.Shared = true
		taking(of(store, "b"), newWatch(t).work("b", 0))
		synctest.Wait()
		store.Shared = false
		stop = taking(l, w.work("a", 0))
		synctest.Wait()
		if epoch, held := l.Epoch(); !held || epoch != 1 {
			t.Errorf("held %v under %d", held, epoch)
		}
		if err := errors.Join(stop(), store.Close()); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute) // the other finds it closed
	})
}

// A journal that is closed ends a part with an error, and not before.
func TestClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, w := &journal.Memory{Shared: true}, newWatch(t)
		l := of(store, "a")
		ended := make(chan error, 1)
		go func() { ended <- l.Run(t.Context(), w.work("a", 0)) }()
		time.Sleep(time.Minute)
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; !errors.Is(err, journal.ErrClosed) || l.Held() {
			t.Errorf("it ended with %v; held: %v", err, l.Held())
		}
	})
}

// A lease that was renewed for a year is taken up in a few reads, wherever its stream ends.
func TestOldLeaseIsFoundQuickly(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 7, 8, 9, 1000, 4095, 4096, 4097} {
		synctest.Test(t, func(t *testing.T) {
			store := &journal.Memory{Shared: true}
			j := journal.New(store, catalogue.All())
			for i := range n {
				r, err := j.Encode(ledger.LeaseRenewed{Epoch: int64(i), TTL: 1000}, event.Meta{ID: uuid.New(), OccurredAt: time.Now(), Actor: event.Actor{Kind: "system", ID: "lease"}})
				if err == nil {
					_, err = store.Append(t.Context(), "lease-policies", int64(i)-1, []journal.NewRecord{r})
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			counted := &reading{Memory: store}
			l, w := of(counted, "a"), newWatch(t)
			stop := taking(l, w.work("a", 0))
			time.Sleep(4 * time.Second)
			if epoch, held := l.Epoch(); !held || epoch != int64(n) {
				t.Errorf("of %d: held %v under %d", n, held, epoch)
			}
			if counted.n > 40 {
				t.Errorf("of %d events %d were read", n, counted.n)
			}
			if err := stop(); err != nil {
				t.Error(err)
			}
		})
	}
}
