package journaltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"kelisim/commands/journal"
)

func emptyJournal(t *testing.T, b *bench) {
	if position, at, err := b.Head(t.Context()); position != 0 || !at.IsZero() || err != nil {
		t.Errorf("the head is %d at %v (%v)", position, at, err)
	}
	if got := b.all(t, 0); len(got) != 0 {
		t.Errorf("%d records", len(got))
	}
	if got := b.stream(t, "user-a", 0); len(got) != 0 {
		t.Errorf("%d records of a stream that is not there", len(got))
	}
	if b.Exclusive() == b.opts.Shared {
		t.Errorf("Exclusive is %v", b.Exclusive())
	}
}

func bytesComeBack(t *testing.T, b *bench) {
	strange := records(6)
	strange[0].Data = []byte("{ \"b\" : 1,\t\"a\":\r\n1.0e+2 }")
	strange[1].Data = []byte(`{"келісім":"ұ\u04b1","html":"<&>","zero":"\u0000"}`)
	strange[2].Data = []byte("{}")
	strange[3].Meta = []byte(" { } ")
	strange[4].Data = []byte(`{"twice":1,"twice":2}`)
	strange[5].Data = fmt.Appendf(nil, `{"long":"%s"}`, strings.Repeat("ә", 100_000))
	sent := make([][]byte, len(strange))
	for i, r := range strange {
		sent[i] = bytes.Clone(r.Data)
	}
	receipt := b.append(t, "user-a", journal.NoStream, strange...)
	for i := range strange {
		strange[i].Data[0] = 'X' // the caller may use its bytes again
	}
	for range 2 {
		got := b.all(t, 0)
		if len(got) != len(strange) {
			t.Fatalf("%d records", len(got))
		}
		for i, r := range got {
			meta, _ := journal.Stamp(strange[i].Meta, receipt.RecordedAt)
			if !bytes.Equal(r.Data, sent[i]) || !bytes.Equal(r.Meta, meta) {
				t.Errorf("record %d changed: data %.60q, metadata %q, want %q", i, r.Data, r.Meta, meta)
			}
			if at, err := journal.Stamped(r.Meta); err != nil || !at.Equal(r.RecordedAt) || r.RecordedAt.Location() != time.UTC {
				t.Errorf("record %d is stamped %v (%v) and says %v", i, at, err, r.RecordedAt)
			}
			if r.ID != strange[i].ID || r.Type != strange[i].Type || r.Stream != "user-a" || r.Revision != int64(i) {
				t.Errorf("record %d is %s %s %s %d", i, r.ID, r.Type, r.Stream, r.Revision)
			}
			r.Data[0], r.Meta[0] = 'X', 'X' // a reader owns what it was given
		}
	}
}

func order(t *testing.T, b *bench) {
	const rounds = 400 // more than a store may read at once
	var receipts []journal.Receipt
	for i := range rounds {
		for _, stream := range []string{"user-a", "user-b"} {
			receipts = append(receipts, b.append(t, stream, int64(2*i-1), records(2)...))
		}
	}
	all := b.all(t, 0)
	if len(all) != 4*rounds {
		t.Fatalf("%d records, want %d", len(all), 4*rounds)
	}
	for i, r := range all {
		switch {
		case i > 0 && r.Position <= all[i-1].Position, r.Position < 1, !b.opts.Growing && r.Position != int64(i+1):
			t.Fatalf("record %d has position %d", i, r.Position)
		case r.Stream != []string{"user-a", "user-b"}[i/2%2] || r.Revision != int64(i/4*2+i%2):
			t.Fatalf("record %d is %s revision %d", i, r.Stream, r.Revision)
		case i%2 == 1 && (receipts[i/2].Position != r.Position || receipts[i/2].Revision != r.Revision || receipts[i/2].Repeated):
			t.Fatalf("record %d is at %d, its receipt says %+v", i, r.Position, receipts[i/2])
		}
	}
	if position, _, err := b.Head(t.Context()); err != nil || position != all[len(all)-1].Position {
		t.Errorf("the head is %d (%v)", position, err)
	}
	for _, n := range []int{1, 2, 777, len(all) - 1, len(all)} {
		got := b.all(t, all[n-1].Position)
		if len(got) != len(all)-n || n < len(all) && got[0].ID != all[n].ID {
			t.Errorf("after the %dth record came %d, want %d", n, len(got), len(all)-n)
		}
	}
	if got := b.all(t, all[len(all)-1].Position+1000); len(got) != 0 {
		t.Errorf("beyond the head came %d records", len(got))
	}
	for _, from := range []int64{0, 1, 500, 2*rounds - 1, 2 * rounds, 5 * rounds} {
		got := b.stream(t, "user-b", from)
		if want := max(0, 2*rounds-from); int64(len(got)) != want {
			t.Errorf("from revision %d came %d records, want %d", from, len(got), want)
		}
		for i, r := range got {
			if r.Revision != from+int64(i) || r.Stream != "user-b" {
				t.Fatalf("from revision %d, record %d is %s revision %d", from, i, r.Stream, r.Revision)
			}
		}
	}
}

func readerStops(t *testing.T, b *bench) {
	const stood = 2500 // more than a store may read at once
	b.append(t, "user-a", journal.NoStream, records(stood)...)
	for range b.ReadAll(t.Context(), 0) {
		break
	}
	for range b.ReadStream(t.Context(), "user-a", 0) {
		break
	}
	n := 0
	for r, err := range b.ReadAll(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if n < 3 {
			b.append(t, "user-b", int64(n-1), record(0))
		}
		if n++; r.Stream != "user-a" {
			t.Fatalf("record %d came up, which was not there when the reading began", n)
		}
	}
	if n != stood {
		t.Errorf("%d records, want the %d that were there", n, stood)
	}
	b.nothingNew(t, stood+3)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, read := range []func(func(journal.Record, error) bool){b.ReadAll(ctx, 0), b.ReadStream(ctx, "user-a", 0)} {
		n := 0
		for _, err := range read {
			if n++; !errors.Is(err, context.Canceled) || n > 1 {
				t.Errorf("a cancelled read, item %d: %v, want its context's error once", n, err)
			}
		}
		if n == 0 {
			t.Error("a cancelled read looked like an empty one")
		}
	}
}

func wait(t *testing.T, b *bench) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Wait(ctx, 0) }()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled wait: %v", err)
	}
	go func() { done <- b.Wait(soon(t), 0) }()
	first := b.append(t, "user-a", journal.NoStream, record(0))
	if err := <-done; err != nil {
		t.Errorf("waiting for the first event: %v", err)
	}
	if err := b.Wait(soon(t), first.Position-1); err != nil {
		t.Errorf("waiting for what is there: %v", err)
	}
	for range 4 {
		go func() { done <- b.Wait(soon(t), first.Position) }()
	}
	b.append(t, "user-b", journal.NoStream, record(0))
	for range 4 {
		if err := <-done; err != nil {
			t.Errorf("waiting for the second event: %v", err)
		}
	}
}

func follow(t *testing.T, b *bench) {
	const writers, each = 4, 50
	enough := errors.New("enough")
	b.append(t, "before", journal.NoStream, records(2)...)
	after := b.all(t, 0)[0].Position
	got := make(chan error, 1)
	next := map[string]int64{"before": 1}
	go func() {
		n, last := 0, after
		got <- journal.Follow(soon(t), b, after, func(r journal.Record) error {
			if r.Revision != next[r.Stream] || r.Position <= last {
				return fmt.Errorf("%s revision %d at %d, after %d", r.Stream, r.Revision, r.Position, last)
			}
			next[r.Stream]++
			last = r.Position
			if n++; n == 1+writers*each {
				return enough
			}
			return nil
		})
	}()
	failed := make(chan error, writers)
	for w := range writers {
		go func() {
			for i := range each {
				if _, err := b.Append(t.Context(), fmt.Sprintf("user-%d", w), int64(i-1), records(1)); err != nil {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
	}
	for range writers {
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
	}
	if err := <-got; !errors.Is(err, enough) {
		t.Error(err)
	}
}

func closed(t *testing.T, b *bench) {
	b.append(t, "user-a", journal.NoStream, record(0))
	waiting := make(chan error, 1)
	go func() { waiting <- b.Wait(soon(t), 1<<60) }()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-waiting; !errors.Is(err, journal.ErrClosed) {
		t.Errorf("a wait when the journal closes: %v", err)
	}
	_, err := b.Append(t.Context(), "user-a", 0, records(1))
	if !errors.Is(err, journal.ErrClosed) || !errors.Is(err, journal.ErrNotWritten) {
		t.Errorf("append: %v, want ErrNotWritten because of ErrClosed", err)
	}
	if _, _, err := b.Head(t.Context()); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("head: %v", err)
	}
	if err := b.Wait(t.Context(), 0); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("wait: %v", err)
	}
	for _, read := range []func(func(journal.Record, error) bool){b.ReadAll(t.Context(), 0), b.ReadStream(t.Context(), "user-a", 0)} {
		n := 0
		for _, err := range read {
			if n++; !errors.Is(err, journal.ErrClosed) {
				t.Errorf("read: %v", err)
			}
		}
		if n != 1 {
			t.Errorf("a read of a closed journal gave %d items, want its error", n)
		}
	}
	if err := b.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

func reopened(t *testing.T, b *bench) {
	if !b.opts.Persistent {
		t.Skip("this store keeps nothing")
	}
	b.clock.move(time.Hour)
	kept := records(3)
	receipt := b.append(t, "user-a", journal.NoStream, kept...)
	before := b.all(t, 0)
	b.reopen(t)
	b.clock.move(-2 * time.Hour)
	after := b.all(t, 0)
	if len(after) != len(before) {
		t.Fatalf("%d records came back of %d", len(after), len(before))
	}
	for i, r := range after {
		if r.ID != before[i].ID || !bytes.Equal(r.Data, before[i].Data) || !bytes.Equal(r.Meta, before[i].Meta) || r.Position != before[i].Position {
			t.Errorf("record %d came back changed", i)
		}
	}
	if again := b.append(t, "user-a", journal.NoStream, kept...); !again.Repeated || again.Position != receipt.Position {
		t.Errorf("a repetition after the restart: %+v, want %+v", again, receipt)
	}
	next := b.append(t, "user-a", 2, record(0))
	if next.Position <= receipt.Position || next.RecordedAt.Before(receipt.RecordedAt) {
		t.Errorf("after the restart %+v follows %+v", next, receipt)
	}
}

// reopen closes the store and opens its place again.
func (b *bench) reopen(t *testing.T) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b.Store = b.open(t, b.place, b.clock.now)
}
