package journaltest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"kelisim/commands/journal"
)

// settled: while appends race, what can be read as recorded up to a settled moment stays what it was.
func settled(t *testing.T, b *bench) {
	ctx := t.Context()
	upTo := func(at time.Time) int {
		n := 0
		for r, err := range b.ReadAll(ctx, 0) {
			if err != nil {
				t.Errorf("read: %v", err)
				return -1
			}
			if !r.RecordedAt.After(at) {
				n++
			}
		}
		return n
	}
	type look struct {
		at   time.Time
		seen int
	}
	var mu sync.Mutex
	var looks []look
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 25 {
				if _, err := b.Append(ctx, fmt.Sprintf("user-%d", w), int64(i-1), []journal.NewRecord{record(i)}); err != nil {
					t.Errorf("append: %v", err)
				}
			}
		})
		wg.Go(func() {
			for range 25 {
				at, err := b.Settled(ctx)
				if err != nil {
					t.Errorf("settled: %v", err)
				}
				seen := upTo(at)
				mu.Lock()
				looks = append(looks, look{at, seen})
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for _, l := range looks {
		if now := upTo(l.at); now != l.seen {
			t.Fatalf("%d events were recorded up to the settled %v, then %d", l.seen, l.at, now)
		}
	}
	// One's own append is settled as soon as it is answered, and the moment does not run backwards with the clock.
	receipt, err := b.Append(ctx, "user-own", journal.NoStream, []journal.NewRecord{record(0)})
	if err != nil {
		t.Fatal(err)
	}
	first, err := b.Settled(ctx)
	if err != nil || first.Before(receipt.RecordedAt) {
		t.Fatalf("settled %v (%v) is before the receipt's %v", first, err, receipt.RecordedAt)
	}
	b.clock.move(-time.Hour)
	if second, err := b.Settled(ctx); err != nil || second.Before(first) {
		t.Fatalf("settled ran back from %v to %v (%v)", first, second, err)
	}
}
