package commands_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"kelisim/commands"
	"kelisim/commands/vault"
	"kelisim/domain"
)

// One key with different bodies, at once: one is carried out, the others are refused, and the losing logins stay free.
func TestIdempotencyKeyRacesWithOtherBodies(t *testing.T) {
	b := newBench(t)
	var wg sync.WaitGroup
	codes := make([]string, 6)
	for i := range codes {
		w := b.wish("register", "", "one-key", b.registration(fmt.Sprintf("sample%d", i)))
		wg.Go(func() {
			_, err := b.Do(t.Context(), w)
			codes[i] = domain.Code(err)
		})
	}
	wg.Wait()
	won := 0
	for i, code := range codes {
		if code == "" {
			won++
			continue
		}
		if code != "idempotency-key-reused" {
			t.Errorf("a loser got %q", code)
		}
		if found, err := b.Find(t.Context(), vault.Login, fmt.Sprintf("sample%d", i)); err != nil || len(found) != 0 {
			t.Errorf("a losing login finds %v (%v)", found, err)
		}
		b.register(fmt.Sprintf("sample%d", i))
	}
	if won != 1 {
		t.Errorf("%d bodies won one key: %v", won, codes)
	}
}

// A position that no event has yet is now, and is echoed as now.
func TestFuturePositionIsNow(t *testing.T) {
	b := newBench(t)
	id := b.register("aigerim")
	snap, err := b.Snapshot(t.Context(), id, commands.Known{Position: 1 << 40})
	if err != nil || snap.Known.Position != 0 || snap.Known.At.IsZero() {
		t.Errorf("known is %s (%v)", snap.Known.Text(), err)
	}
}

// T-1.5: nothing is observed of a user before the registration, and a batch with such an item is refused whole. A cabinet is never
// deleted (T-3.9), so that actions may follow a destruction: they name nobody.
func TestObserveBeforeRegistration(t *testing.T) {
	b := newBench(t)
	id := b.register("aigerim")
	b.move(time.Hour)
	early := fmt.Sprintf(`[{"user_id":%q,"action":"seen"},{"user_id":%q,"action":"seen","occurred_at":"2021-01-01T00:00:00Z"}]`, id, id)
	if _, err := b.Do(t.Context(), b.wish("observe", "", "", early)); domain.Code(err) != "invalid-request" {
		t.Errorf("before the registration: %v", err)
	}
}

// An entry that stands in a voided one's place names it as its cause.
func TestSupersedes(t *testing.T) {
	b := newBench(t)
	id := b.register("aigerim")
	body, err := commands.Decode("set-location", []byte(`{"location":"KZ-75","supersedes":"5f0c1b1e-7c5b-4a3e-9a60-0d1f2a3b4c5d"}`), nil)
	if err != nil || body.Supersedes.String() != "5f0c1b1e-7c5b-4a3e-9a60-0d1f2a3b4c5d" {
		t.Fatalf("%+v, %v", body, err)
	}
	w := b.wish("set-location", string(id), "", `{"location":"KZ-75"}`)
	w.Causation = body.Supersedes
	if _, err := b.Do(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	snap, err := b.Snapshot(t.Context(), id, commands.Known{})
	if err != nil || snap.Events[len(snap.Events)-1].Causation != body.Supersedes {
		t.Errorf("the cause is %v (%v)", snap.Events[len(snap.Events)-1].Causation, err)
	}
}
