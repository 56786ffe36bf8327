package lease_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"kelisim/commands/journal"
)

// dying is a store whose process was killed, or cut off: nothing comes of what it appends.
type dying struct {
	*journal.Memory
	mu   sync.Mutex
	dead bool
}

func (d *dying) Append(ctx context.Context, stream string, expected int64, records []journal.NewRecord) (journal.Receipt, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return journal.Receipt{}, fmt.Errorf("append: %w", journal.ErrNotWritten)
	}
	return d.Memory.Append(ctx, stream, expected, records)
}

func (d *dying) set(dead bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = dead
}

// mumbling is a store of which each answer must be asked for four times.
type mumbling struct {
	*journal.Memory
	mu    sync.Mutex
	asked map[uuid.UUID]int
}

func (m *mumbling) Append(ctx context.Context, stream string, expected int64, records []journal.NewRecord) (journal.Receipt, error) {
	receipt, err := m.Memory.Append(ctx, stream, expected, records)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.asked[records[0].ID]++; m.asked[records[0].ID] < 4 {
		return journal.Receipt{}, journal.ErrUnknown
	}
	return receipt, err
}

// weather is a store on a bad day: calls are slow before and after they are done, and outcomes get lost.
type weather struct {
	*journal.Memory
	mu   sync.Mutex
	r    *rand.Rand
	slow time.Duration
}

func (w *weather) wait() {
	w.mu.Lock()
	d := time.Duration(0)
	switch w.r.IntN(12) {
	case 0:
		d = time.Duration(w.r.Int64N(int64(w.slow)))
	case 1, 2, 3:
		d = time.Duration(w.r.Int64N(int64(w.slow / 20)))
	}
	w.mu.Unlock()
	time.Sleep(d)
}

func (w *weather) Append(ctx context.Context, stream string, expected int64, records []journal.NewRecord) (journal.Receipt, error) {
	w.wait()
	receipt, err := w.Memory.Append(ctx, stream, expected, records)
	w.wait()
	return receipt, err
}

func (w *weather) ReadStream(ctx context.Context, stream string, from int64) iter.Seq2[journal.Record, error] {
	w.wait()
	all := slices.Collect(pairs(w.Memory.ReadStream(ctx, stream, from)))
	w.wait() // what was read is old
	return func(yield func(journal.Record, error) bool) {
		for _, p := range all {
			if !yield(p.r, p.err) {
				return
			}
		}
	}
}

type pair struct {
	r   journal.Record
	err error
}

func pairs(seq iter.Seq2[journal.Record, error]) iter.Seq[pair] {
	return func(yield func(pair) bool) {
		for r, err := range seq {
			if !yield(pair{r, err}) {
				return
			}
		}
	}
}

// reading counts the records that are read.
type reading struct {
	*journal.Memory
	n int
}

func (c *reading) ReadStream(ctx context.Context, stream string, from int64) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		for r, err := range c.Memory.ReadStream(ctx, stream, from) {
			c.n++
			if !yield(r, err) {
				return
			}
		}
	}
}
