package commands_test

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kelisim/commands"
	"kelisim/commands/journal"
	"kelisim/domain"
)

// The same key and body rebuild the same answer, now and after a restart; another body is refused, and writes nothing.
func TestIdempotencyAnswersTheSame(t *testing.T) {
	b := newBench(t)
	id := b.register("aigerim")
	buy := fmt.Sprintf(`{"months":3,"acceptance":%s}`, b.accept("buy", "subscription", "personal-data"))
	first, err := b.Do(t.Context(), b.wish("purchase", string(id), "k1", buy))
	if err != nil {
		t.Fatal(err)
	}
	b.move(48 * time.Hour) // the order has expired by now; the answer has not
	b.do("block", string(id), `{"clause":"T-6.1"}`)
	for _, restart := range []bool{false, true} {
		if restart {
			b.open()
		}
		again, err := b.Do(t.Context(), b.wish("purchase", string(id), "k1", buy))
		if err != nil || !again.Repeated {
			t.Fatalf("the key again: %+v, %v", again, err)
		}
		again.Repeated = false
		if !reflect.DeepEqual(again, first) {
			t.Errorf("answered %+v, then %+v", first, again)
		}
		head, _, _ := b.store.Head(t.Context())
		other := fmt.Sprintf(`{"months":6,"acceptance":%s}`, b.accept("buy", "subscription", "personal-data"))
		if _, err := b.Do(t.Context(), b.wish("purchase", string(id), "k1", other)); domain.Code(err) != "idempotency-key-reused" {
			t.Errorf("the key with another body: %v", err)
		}
		if now, _, _ := b.store.Head(t.Context()); now != head {
			t.Error("a reused key wrote something")
		}
	}
}

// Refusals are not remembered: what was refused may be asked again with the same key once the reason is gone.
func TestIdempotencyForgetsRefusals(t *testing.T) {
	b := newBench(t)
	id := b.register("aigerim")
	b.do("block", string(id), `{"clause":"T-6.1"}`)
	buy := fmt.Sprintf(`{"months":1,"acceptance":%s}`, b.accept("buy", "subscription", "personal-data"))
	if _, err := b.Do(t.Context(), b.wish("purchase", string(id), "k", buy)); domain.Code(err) != "blocked" {
		t.Fatal(err)
	}
	b.move(time.Minute)
	b.do("unblock", string(id), `{}`)
	if _, err := b.Do(t.Context(), b.wish("purchase", string(id), "k", buy)); err != nil {
		t.Error(err)
	}
}

// Copies of one request that race make one set of events, and all get its answer; different requests all get through.
func TestIdempotencyUnderRaces(t *testing.T) {
	b := newBench(t)
	id := b.register("aigerim")
	buy := fmt.Sprintf(`{"months":1,"acceptance":%s}`, b.accept("buy", "marketplace", "personal-data"))
	var wg sync.WaitGroup
	orders := sync.Map{}
	for i := range 32 {
		wish := b.wish("purchase", string(id), fmt.Sprintf("key-%d", i%4), buy)
		wg.Go(func() {
			for {
				done, err := b.Do(t.Context(), wish)
				if domain.Code(err) == "unavailable" { // others kept winning; a caller tries again
					continue
				}
				if err != nil {
					t.Errorf("a copy: %v", err)
					return
				}
				if was, loaded := orders.LoadOrStore(wish.Key, done.Answer["order_id"]); loaded && was != done.Answer["order_id"] {
					t.Errorf("one key made two orders: %v and %v", was, done.Answer["order_id"])
				}
				return
			}
		})
	}
	wg.Wait()
	snap, err := b.Snapshot(t.Context(), id, commands.Known{})
	if err != nil || len(snap.State.Subscription.Orders()) != 4 {
		t.Errorf("%d orders of 4 keys (%v)", len(snap.State.Subscription.Orders()), err)
	}
}

// Whatever happens to an append, a repetition leaves exactly one copy, and an unknown outcome is said to be unknown.
func TestUnknownOutcome(t *testing.T) {
	for _, failure := range []journal.Failure{journal.LostOnTheWay, journal.LostItsAnswer} {
		for _, times := range []int64{1, 2} {
			b := newBench(t)
			id := b.register("aigerim")
			var left atomic.Int64
			left.Store(times)
			b.store.Fail = func(string) journal.Failure {
				if left.Add(-1) >= 0 {
					return failure
				}
				return journal.Works
			}
			body := fmt.Sprintf(`{"acceptance":%s}`, b.accept("buy", "marketplace", "personal-data"))
			_, err := b.Do(t.Context(), b.wish("consent", string(id), "k", body))
			unknown := times == 2 && failure == journal.LostOnTheWay
			if unknown != errors.Is(err, journal.ErrUnknown) || (!unknown && err != nil) {
				t.Errorf("failure %v, %d times: %v", failure, times, err)
			}
			b.store.Fail = nil
			if _, err := b.Do(t.Context(), b.wish("consent", string(id), "k", body)); err != nil {
				t.Errorf("the repetition: %v", err)
			}
			snap, err := b.Snapshot(t.Context(), id, commands.Known{})
			if err != nil || len(snap.State.Consent.Consents) != 2 {
				t.Errorf("failure %v, %d times: %d consents (%v)", failure, times, len(snap.State.Consent.Consents), err)
			}
		}
	}
}

// If-Match: a decision upon a stale view is refused.
func TestRevisionConflict(t *testing.T) {
	b := newBench(t)
	id := b.register("aigerim")
	w := b.wish("set-location", string(id), "", `{"location":"KZ-75"}`)
	w.IfRevision = new(int64)
	if _, err := b.Do(t.Context(), w); domain.Code(err) != "revision-conflict" {
		t.Errorf("a stale revision: %v", err)
	}
	*w.IfRevision = 3
	if _, err := b.Do(t.Context(), w); err != nil {
		t.Errorf("the right revision: %v", err)
	}
}

// occurred_at: five minutes ahead at most; what is late is for those who may enter it, and is marked.
func TestOccurredAt(t *testing.T) {
	b := newBench(t)
	id := b.register("aigerim")
	b.move(time.Hour)
	at := func(d time.Duration, may bool) (commands.Done, error) {
		w := b.wish("set-location", string(id), "", `{"location":"KZ-75"}`)
		moment := b.now().Add(d)
		w.OccurredAt, w.MayBeLate = &moment, may
		return b.Do(t.Context(), w)
	}
	if _, err := at(5*time.Minute+time.Second, true); domain.Code(err) != "invalid-request" {
		t.Errorf("too far ahead: %v", err)
	}
	if _, err := at(-6*time.Minute, false); domain.Code(err) != "forbidden" {
		t.Errorf("late by one who may not: %v", err)
	}
	if _, err := at(-2*time.Hour, true); domain.Code(err) != "invalid-request" {
		t.Errorf("before the registration: %v", err)
	}
	for _, d := range []time.Duration{5 * time.Minute, -5 * time.Minute, -6 * time.Minute} {
		if _, err := at(d, true); err != nil {
			t.Errorf("%v: %v", d, err)
		}
	}
	snap, err := b.Snapshot(t.Context(), id, commands.Known{})
	if err != nil {
		t.Fatal(err)
	}
	var late []bool
	for _, e := range snap.Events[4:] {
		late = append(late, e.Late)
	}
	if !reflect.DeepEqual(late, []bool{false, false, true}) {
		t.Errorf("late marks are %v", late)
	}
}

// A sealed value cannot be slipped in from outside.
func TestSealedValuesAreNotTaken(t *testing.T) {
	b := newBench(t)
	body := fmt.Sprintf(`{"login":{"$pd":1,"kid":"k","c":"identity","ct":"AA"},"acceptance":%s,"contacts":{"email":"a@example.kz"}}`,
		b.accept("register", "subscription", "terms", "personal-data"))
	if _, err := b.Do(t.Context(), b.wish("register", "", "", body)); domain.Code(err) != "invalid-request" {
		t.Errorf("a sealed login: %v", err)
	}
}
