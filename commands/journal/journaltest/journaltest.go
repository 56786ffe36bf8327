// Package journaltest is the contract of journal.Store: each promise of the port is one subtest of Run. A store's own test is one
// call of Run; what a store may do otherwise than the reference is told in Options, and nothing else may differ.
package journaltest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/commands/journal"
)

// Open opens the store that lives at a place: empty when the place is new, as it was left when it is not. The
// place is the path of an empty folder, and may serve as a mere name. The store takes its time from now.
type Open func(t *testing.T, place string, now func() time.Time) journal.Store

// Options tell what a store does otherwise than the reference.
type Options struct {
	Growing    bool // positions grow but need not be dense from 1
	Persistent bool // what was appended is there after Close, when the place is opened again
	LooseIDs   bool // an id is looked for only where its repetition would stand, not in the whole journal
	Shared     bool // others may append to the journal meanwhile: Exclusive answers false
}

// Run holds a store to the contract.
func Run(t *testing.T, open Open, opts Options) {
	for _, promise := range []struct {
		name string
		hold func(*testing.T, *bench)
	}{
		{"an empty journal has nothing", emptyJournal},
		{"what is read is what was appended, byte for byte", bytesComeBack},
		{"records come in order, from where the reader asks", order},
		{"a reader may stop early and append meanwhile", readerStops},
		{"an append stands only on the revision that it expects", expectedRevision},
		{"the same ids at the same place are answered again, not written again", repeated},
		{"an id stands once", duplicateID},
		{"an append is all or none", allOrNone},
		{"a malformed append is refused", malformed},
		{"an append over the limits is refused", limits},
		{"recorded_at never runs backwards", recordedAt},
		{"an asked recorded_at is kept, and never before the last", askedRecordedAt},
		{"Wait returns when the head has passed", wait},
		{"a follower sees every record once, in order", follow},
		{"of racing appends one wins each revision", racingAppends},
		{"readers beside writers see no gap", racingReaders},
		{"what is settled never changes", settled},
		{"a context that ends before the write leaves nothing", cancelled},
		{"a closed journal says so", closed},
		{"what was appended outlives the process", reopened},
		{"any run of commands does what the model does", model},
	} {
		t.Run(promise.name, func(t *testing.T) {
			b := &bench{open: open, opts: opts, place: t.TempDir(), clock: &clock{at: noon}}
			b.Store = open(t, b.place, b.clock.now)
			t.Cleanup(func() { _ = b.Store.Close() })
			promise.hold(t, b)
		})
	}
}

var noon = time.Date(2026, 1, 31, 7, 0, 0, 0, time.UTC)

// bench is a store under test with its clock.
type bench struct {
	journal.Store
	open  Open
	opts  Options
	place string
	clock *clock
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// record makes a new event with an id of its own.
func record(n int) journal.NewRecord {
	return journal.NewRecord{
		ID: uuid.New(), Type: "test.happened",
		Data: fmt.Appendf(nil, `{"n":%d}`, n), Meta: fmt.Appendf(nil, `{"version":1,"n":%d}`, n),
	}
}

func records(n int) []journal.NewRecord {
	all := make([]journal.NewRecord, n)
	for i := range all {
		all[i] = record(i)
	}
	return all
}

func (b *bench) append(t *testing.T, stream string, expected int64, records ...journal.NewRecord) journal.Receipt {
	t.Helper()
	receipt, err := b.Append(t.Context(), stream, expected, records)
	if err != nil {
		t.Fatalf("append to %s at %d: %v", stream, expected, err)
	}
	return receipt
}

func (b *bench) all(t *testing.T, after int64) []journal.Record {
	t.Helper()
	return collect(t, func(yield func(journal.Record, error) bool) { b.ReadAll(t.Context(), after)(yield) })
}

func (b *bench) stream(t *testing.T, stream string, from int64) []journal.Record {
	t.Helper()
	return collect(t, func(yield func(journal.Record, error) bool) { b.ReadStream(t.Context(), stream, from)(yield) })
}

func collect(t *testing.T, records func(func(journal.Record, error) bool)) []journal.Record {
	t.Helper()
	var all []journal.Record
	for r, err := range records {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// nothingNew fails if the journal holds other than n events.
func (b *bench) nothingNew(t *testing.T, n int) {
	t.Helper()
	if got := len(b.all(t, 0)); got != n {
		t.Errorf("the journal holds %d events, want %d", got, n)
	}
}

// soon is the longest that a test waits for what must come; it is never a measure.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}
