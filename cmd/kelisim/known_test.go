package main

import (
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"kelisim/commands"
	"kelisim/domain"
	"kelisim/domain/event"
)

// On the real journal, while others write, what a question of now says it knew is what it knew: an event whose commit is under way
// is either in the answer or recorded after it.
func TestKnownOnTheRealJournal(t *testing.T) {
	l, err := openLedger(t.Context(), opening{place: place{dir: t.TempDir()}, now: time.Now, log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	users := []string{"00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"}
	if err := registerFor(t.Context(), l, users); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				body, err := commands.Decode("set-location", fmt.Appendf(nil, `{"location":"KZ-%d"}`, 10+i%60), nil)
				if err == nil {
					_, err = l.Service.Do(t.Context(), commands.Wish{Command: "set-location", Subject: users[w%2], Body: body.Command, Actor: event.Actor{Kind: "service", ID: "site"}})
				}
				if err != nil {
					t.Errorf("a writer: %v", err)
					return
				}
			}
		})
	}
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for range 150 {
				for _, id := range users {
					first, err := l.Service.Snapshot(t.Context(), domain.UserID(id), commands.Known{})
					if err != nil {
						t.Errorf("a reader: %v", err)
						return
					}
					time.Sleep(time.Millisecond)
					again, err := l.Service.Snapshot(t.Context(), domain.UserID(id), first.Known)
					if err != nil || again.Revision != first.Revision {
						t.Errorf("known at %s: revision %d, then %d (%v)", first.Known.Text(), first.Revision, again.Revision, err)
						return
					}
				}
			}
		})
	}
	readers.Wait()
	close(stop)
	wg.Wait()
}
