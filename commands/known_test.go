package commands_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"kelisim/commands"
	"kelisim/domain"
	"kelisim/domain/permission"
)

// What was answered for a known_at is answered for ever, whatever is recorded later, late entries and a voided one among it.
func TestKnownAnswersNeverChange(t *testing.T) {
	b := newBench(t)
	id := b.register("aigerim")
	type asked struct {
		known commands.Known
		asOf  time.Time
		told  string
	}
	var told []asked
	tell := func(k commands.Known, asOf time.Time) string {
		snap, err := b.Snapshot(t.Context(), id, k)
		if err != nil {
			t.Fatal(err)
		}
		out, err := json.Marshal([]any{
			permission.Access(snap.State.Books, snap.Site, permission.Place{}, asOf),
			permission.Processing(snap.State.Books, snap.Site, "advertising", "use", asOf), snap.Position, snap.Revision,
		})
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	notice := ""
	steps := []func(){
		func() { b.do("block", string(id), `{"clause":"T-6.1","note":"copied"}`) },
		func() { b.do("unblock", string(id), `{"compensate_days":3}`) },
		func() {
			b.do("impose-restriction", "", `{"category":{"locations":["KZ-71"]}}`)
		},
		func() {
			done := b.do("withdraw", string(id), `{"received_on":"2026-02-01","channel":"registered-post","tracking_number":"RR1234567KZ"}`)
			notice = done.Events[0]
		},
		func() { b.do("message", string(id), `{"text":"hello"}`) },
		func() { b.do("void-entry", string(id), fmt.Sprintf(`{"event_id":%q,"reason":"another's"}`, notice)) },
		func() {
			w := b.wish("approve-void", string(id), "", fmt.Sprintf(`{"event_id":%q}`, notice))
			w.Actor.ID = "second"
			if _, err := b.Do(t.Context(), w); err != nil {
				t.Fatal(err)
			}
		},
	}
	for _, step := range steps {
		b.move(24 * time.Hour)
		step()
		snap, err := b.Snapshot(t.Context(), id, commands.Known{})
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range []commands.Known{snap.Known, {Position: snap.Position}} {
			for _, d := range []time.Duration{-100 * time.Hour, 0, 100 * time.Hour, 400 * time.Hour} {
				asOf := b.now().Add(d)
				told = append(told, asked{k, asOf, tell(k, asOf)})
			}
		}
	}
	b.open()
	for _, a := range told {
		if now := tell(a.known, a.asOf); now != a.told {
			t.Errorf("known at %s, as of %v:\n%s\nthen\n%s", a.known.Text(), a.asOf, a.told, now)
		}
	}
	if _, err := b.Snapshot(t.Context(), id, commands.Known{At: noon.Add(-time.Hour)}); domain.Code(err) != "user-not-found" {
		t.Errorf("before the registration was known: %v", err)
	}
}

// While others write, what a snapshot of now says it knew is what it knew.
func TestKnownUnderWriters(t *testing.T) {
	b := newBench(t)
	id := b.register("aigerim")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 20 {
				b.move(time.Microsecond)
				_, err := b.Do(t.Context(), b.wish("set-location", string(id), "", fmt.Sprintf(`{"location":"KZ-%d"}`, i)))
				if err != nil && domain.Code(err) != "unavailable" {
					t.Errorf("a writer: %v", err)
				}
			}
		})
		wg.Go(func() {
			for range 50 {
				first, err := b.Snapshot(t.Context(), id, commands.Known{})
				if err != nil {
					t.Errorf("a reader: %v", err)
					return
				}
				again, err := b.Snapshot(t.Context(), id, first.Known)
				if err != nil || again.Revision != first.Revision {
					t.Errorf("known at %s: revision %d, then %d (%v)", first.Known.Text(), first.Revision, again.Revision, err)
				}
			}
		})
	}
	wg.Wait()
}

// A letter keeps its own day of receipt; matching it late takes effect in the past, and matching it again changes nothing.
func TestLetterMatchedLate(t *testing.T) {
	b := newBench(t)
	id := b.register("aigerim")
	b.move(24 * time.Hour)
	letter := b.do("receive-letter", "", `{"received_on":"2026-02-01","tracking_number":"RR1234567KZ","note":"from Aigerim, no login given"}`).Answer["letter_id"].(string)
	b.move(20 * 24 * time.Hour)
	match := func(user domain.UserID) (commands.Done, error) {
		w := b.wish("match-letter", letter, "", fmt.Sprintf(`{"user_id":%q}`, user))
		w.Subject = letter
		return b.Do(t.Context(), w)
	}
	done, err := match(id)
	if err != nil || done.Answer["status"] != "pending" {
		t.Fatalf("matching: %+v, %v", done, err)
	}
	snap, err := b.Snapshot(t.Context(), id, commands.Known{})
	if err != nil {
		t.Fatal(err)
	}
	effect := time.Date(2026, 2, 10, 19, 0, 0, 0, time.UTC) // 11 February, 00:00 in Astana
	for at, allowed := range map[time.Time]bool{effect.Add(-time.Microsecond): true, effect: false} {
		if a := permission.Processing(snap.State.Books, snap.Site, "advertising", "use", at); a.Allowed != allowed {
			t.Errorf("at %v: %+v", at, a)
		}
	}
	again, err := match(id)
	if err != nil || again.Answer["notice_id"] != done.Answer["notice_id"] {
		t.Errorf("matching again: %+v, %v", again, err)
	}
	if _, err := match(b.register("other")); domain.Code(err) != "letter-already-matched" {
		t.Errorf("matching to another: %v", err)
	}
}

// T-1.5: a batch is observed once, however often it is sent, and in as many appends as it needs.
func TestObserve(t *testing.T) {
	b := newBench(t)
	id := b.register("aigerim")
	body := "["
	for i := range 5000 {
		if i > 0 {
			body += ","
		}
		body += fmt.Sprintf(`{"user_id":%q,"action":"lesson-opened","object":"lesson-%d"}`, id, i)
	}
	body += "]"
	before, _, _ := b.store.Head(t.Context())
	first, err := b.Do(t.Context(), b.wish("observe", "", "batch-1", body))
	if err != nil || len(first.Events) != 5000 {
		t.Fatalf("%d events, %v", len(first.Events), err)
	}
	again, err := b.Do(t.Context(), b.wish("observe", "", "batch-1", body))
	if err != nil || !again.Repeated || again.Position != first.Position {
		t.Errorf("again: %v, %v", again.Repeated, err)
	}
	if head, _, _ := b.store.Head(t.Context()); head != before+5000 {
		t.Errorf("%d events were stored", head-before)
	}
	if _, err := b.Do(t.Context(), b.wish("observe", "", "batch-1", `[{"user_id":"`+string(id)+`","action":"other"}]`)); domain.Code(err) != "idempotency-key-reused" {
		t.Errorf("the key with another batch: %v", err)
	}
	if _, err := b.Do(t.Context(), b.wish("observe", "", "", `[{"user_id":"5f0c1b1e-7c5b-4a3e-9a60-0d1f2a3b4c5d","action":"other"}]`)); domain.Code(err) != "user-not-found" {
		t.Errorf("an unknown user: %v", err)
	}
}
