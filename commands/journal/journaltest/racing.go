package journaltest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kelisim/commands/journal"
)

func racingAppends(t *testing.T, b *bench) {
	const racers, rounds = 64, 8
	for round := range rounds {
		var wg sync.WaitGroup
		var won atomic.Int64
		var winner atomic.Value
		start := make(chan struct{})
		for range racers {
			r := record(round)
			wg.Go(func() {
				<-start
				receipt, err := b.Append(t.Context(), "user-a", int64(round-1), []journal.NewRecord{r})
				var conflict *journal.ConflictError
				switch {
				case err == nil && receipt.Revision == int64(round) && !receipt.Repeated:
					won.Add(1)
					winner.Store(r.ID)
				case errors.As(err, &conflict) && conflict.Actual == int64(round):
				default:
					t.Errorf("round %d: %+v, %v", round, receipt, err)
				}
			})
		}
		close(start)
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("round %d: %d appends won", round, won.Load())
		}
		if got := b.stream(t, "user-a", int64(round)); len(got) != 1 || got[0].ID != winner.Load() {
			t.Fatalf("round %d: the winner's event is not the one that stands", round)
		}
	}
	b.nothingNew(t, rounds)

	// Racing copies of one command: one is written, all the others are told where.
	same := records(2)
	var wg sync.WaitGroup
	var written atomic.Int64
	for range racers {
		wg.Go(func() {
			receipt, err := b.Append(t.Context(), "user-b", journal.NoStream, same)
			if err != nil || receipt.Revision != 1 {
				t.Errorf("a copy: %+v, %v", receipt, err)
			}
			if !receipt.Repeated {
				written.Add(1)
			}
		})
	}
	wg.Wait()
	if written.Load() != 1 {
		t.Errorf("%d copies say that they were the one written", written.Load())
	}
	b.nothingNew(t, rounds+2)
}

func racingReaders(t *testing.T, b *bench) {
	const writers, each, readers = 8, 40, 3
	var acknowledged atomic.Int64 // the highest position that a writer was told
	var writing, reading sync.WaitGroup
	done := make(chan struct{})
	for range readers {
		reading.Go(func() {
			for {
				last := false
				select {
				case <-done:
					last = true
				default:
				}
				told := acknowledged.Load()
				var seen int64
				next := map[string]int64{}
				for r, err := range b.ReadAll(t.Context(), 0) {
					switch {
					case err != nil:
						t.Error(err)
						return
					case r.Position <= seen, !b.opts.Growing && r.Position != seen+1, r.Revision != next[r.Stream]:
						t.Errorf("after position %d: position %d, %s revision %d, want revision %d", seen, r.Position, r.Stream, r.Revision, next[r.Stream])
						return
					}
					seen = r.Position
					next[r.Stream]++
				}
				if seen < told {
					t.Errorf("position %d was acknowledged, a later read ended at %d", told, seen)
					return
				}
				if last {
					return
				}
			}
		})
	}
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				receipt, err := b.Append(t.Context(), fmt.Sprintf("user-%d", w), int64(2*i-1), records(2))
				if err != nil {
					t.Error(err)
					return
				}
				for told := acknowledged.Load(); told < receipt.Position && !acknowledged.CompareAndSwap(told, receipt.Position); {
					told = acknowledged.Load()
				}
			}
		})
	}
	writing.Wait()
	close(done)
	reading.Wait()
	b.nothingNew(t, writers*each*2)
}

func cancelled(t *testing.T, b *bench) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.Append(ctx, "user-a", journal.NoStream, records(1))
	if !errors.Is(err, journal.ErrNotWritten) || !errors.Is(err, context.Canceled) {
		t.Errorf("a context that had ended: %v, want ErrNotWritten because of it", err)
	}
	b.nothingNew(t, 0)

	// Contexts that end at any moment: the answer is true either way, and a repetition makes it certain.
	const racers = 100
	var wg sync.WaitGroup
	for n := range racers {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(2000))*time.Microsecond)
			defer cancel()
			stream, wish := fmt.Sprintf("user-%d", n), records(2)
			receipt, err := b.Append(ctx, stream, journal.NoStream, wish)
			stands := 0
			for range b.ReadStream(t.Context(), stream, 0) {
				stands++
			}
			switch {
			case err == nil && stands == 2 && receipt.Revision == 1:
			case errors.Is(err, journal.ErrNotWritten) && stands == 0:
			case errors.Is(err, journal.ErrUnknown):
			default:
				t.Errorf("answered %+v (%v) while %d of 2 events stand", receipt, err, stands)
			}
			again, err := b.Append(t.Context(), stream, journal.NoStream, wish)
			if err != nil || again.Revision != 1 || stands == 2 && !again.Repeated {
				t.Errorf("the repetition: %+v, %v", again, err)
			}
		})
	}
	wg.Wait()
	b.nothingNew(t, 2*racers)
}
