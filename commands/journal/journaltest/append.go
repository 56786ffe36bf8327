package journaltest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/commands/journal"
)

func wantConflict(t *testing.T, err error, stream string, expected, actual int64) {
	t.Helper()
	var c *journal.ConflictError
	if !errors.As(err, &c) {
		t.Fatalf("append to %s at %d: %v, want a conflict", stream, expected, err)
	}
	if want := (journal.ConflictError{Stream: stream, Expected: expected, Actual: actual}); *c != want {
		t.Errorf("conflict %+v, want %+v", *c, want)
	}
}

func expectedRevision(t *testing.T, b *bench) {
	try := func(stream string, expected, actual int64) {
		t.Helper()
		_, err := b.Append(t.Context(), stream, expected, records(1))
		wantConflict(t, err, stream, expected, actual)
	}
	try("user-a", 0, journal.NoStream)
	try("user-a", 7, journal.NoStream)
	b.append(t, "user-a", journal.NoStream, records(3)...)
	try("user-a", journal.NoStream, 2)
	try("user-a", 0, 2)
	try("user-a", 1, 2)
	try("user-a", 3, 2)
	try("user-b", 2, journal.NoStream)
	b.nothingNew(t, 3)
	if r := b.append(t, "user-a", 2, records(1)...); r.Revision != 3 {
		t.Errorf("revision %d, want 3", r.Revision)
	}
	if r := b.append(t, "user-b", journal.NoStream, records(1)...); r.Revision != 0 {
		t.Errorf("revision %d, want 0", r.Revision)
	}
}

func repeated(t *testing.T, b *bench) {
	first, second := records(2), records(3)
	one := b.append(t, "user-a", journal.NoStream, first...)
	b.clock.move(time.Minute)
	two := b.append(t, "user-a", 1, second...)
	again := func(what string, expected int64, records []journal.NewRecord, want journal.Receipt) {
		t.Helper()
		got, err := b.Append(t.Context(), "user-a", expected, records)
		want.Repeated = true
		if err != nil || got != want {
			t.Errorf("%s: %+v (%v), want %+v", what, got, err, want)
		}
	}
	again("the last append", 1, second, two)
	again("an append that others followed", journal.NoStream, first, one)

	asked := slices.Clone(first)
	asked[0].RecordedAt, asked[1].RecordedAt = noon.Add(-time.Hour), noon.Add(-time.Hour)
	again("a repetition that asks for a time long past", journal.NoStream, asked, one)
	changed := slices.Clone(second)
	changed[0].Data = []byte(`{"other":true}`)
	again("a repetition with other bytes", 1, changed, two)
	if got := b.stream(t, "user-a", 2)[0].Data; !bytes.Equal(got, second[0].Data) {
		t.Errorf("data became %s", got)
	}

	conflict := func(what string, expected int64, records []journal.NewRecord) {
		t.Helper()
		t.Log(what)
		_, err := b.Append(t.Context(), "user-a", expected, records)
		wantConflict(t, err, "user-a", expected, 4)
	}
	conflict("the ids in another order", journal.NoStream, []journal.NewRecord{first[1], first[0]})
	conflict("more than stands, the last new", 1, append(slices.Clone(second), record(9)))
	conflict("one id of several is another", 1, []journal.NewRecord{second[0], record(9), second[2]})
	conflict("at an earlier place", journal.NoStream, second)
	conflict("at a later place", 2, second)
	conflict("beyond the end", 7, second)
	b.nothingNew(t, 5)
}

func duplicateID(t *testing.T, b *bench) {
	if b.opts.LooseIDs {
		t.Skip("this store looks for an id only where its repetition would stand")
	}
	stood := records(2)
	b.append(t, "user-a", journal.NoStream, stood...)
	_, err := b.Append(t.Context(), "user-b", journal.NoStream, stood[:1])
	var conflict *journal.ConflictError
	if !errors.Is(err, journal.ErrDuplicateID) || errors.As(err, &conflict) {
		t.Errorf("an id of another stream: %v, want ErrDuplicateID alone", err)
	}
	_, err = b.Append(t.Context(), "user-a", 1, stood[:1])
	if !errors.Is(err, journal.ErrDuplicateID) {
		t.Errorf("an id of an earlier revision: %v, want ErrDuplicateID", err)
	}
	wantConflict(t, err, "user-a", 1, 1)
	b.nothingNew(t, 2)
}

func allOrNone(t *testing.T, b *bench) {
	fresh, stood := records(3), record(0)
	b.append(t, "user-a", journal.NoStream, stood)
	if !b.opts.LooseIDs {
		if _, err := b.Append(t.Context(), "user-b", journal.NoStream, append(fresh[:3:3], stood)); !errors.Is(err, journal.ErrDuplicateID) {
			t.Errorf("the last id stands elsewhere: %v, want ErrDuplicateID", err)
		}
		b.nothingNew(t, 1)
	}
	late := append(slices.Clone(fresh), record(9))
	late[0].RecordedAt, late[3].RecordedAt = noon.Add(time.Hour), noon.Add(time.Minute)
	if _, err := b.Append(t.Context(), "user-b", journal.NoStream, late); !errors.Is(err, journal.ErrBeforeLast) {
		t.Errorf("the last asks for a moment before the first's: %v, want ErrBeforeLast", err)
	}
	b.nothingNew(t, 1)
	if r := b.append(t, "user-b", journal.NoStream, fresh...); r.Repeated || r.Revision != 2 {
		t.Errorf("what was refused before was answered with %+v", r)
	}
	if got := b.stream(t, "user-b", 0); len(got) != 3 || !got[0].RecordedAt.Equal(noon) {
		t.Errorf("a refused append left a trace: %d events, the first at %v", len(got), got[0].RecordedAt)
	}
}

func malformed(t *testing.T, b *bench) {
	same := record(1)
	changed := func(f func(*journal.NewRecord)) []journal.NewRecord {
		r := record(1)
		f(&r)
		return []journal.NewRecord{r}
	}
	for _, c := range []struct {
		what     string
		stream   string
		expected int64
		records  []journal.NewRecord
	}{
		{"no stream", "", journal.NoStream, records(1)},
		{"a long name", strings.Repeat("x", journal.MaxStreamName+1), journal.NoStream, records(1)},
		{"an impossible revision", "user-a", -2, records(1)},
		{"no event", "user-a", journal.NoStream, nil},
		{"an id twice", "user-a", journal.NoStream, []journal.NewRecord{same, same}},
		{"no id", "user-a", journal.NoStream, changed(func(r *journal.NewRecord) { r.ID = uuid.Nil })},
		{"no type", "user-a", journal.NoStream, changed(func(r *journal.NewRecord) { r.Type = "" })},
		{"no data", "user-a", journal.NoStream, changed(func(r *journal.NewRecord) { r.Data = nil })},
		{"data that is no object", "user-a", journal.NoStream, changed(func(r *journal.NewRecord) { r.Data = []byte(`[1]`) })},
		{"no metadata", "user-a", journal.NoStream, changed(func(r *journal.NewRecord) { r.Meta = nil })},
		{"metadata that is stamped", "user-a", journal.NoStream, changed(func(r *journal.NewRecord) { r.Meta, _ = journal.Stamp(r.Meta, noon) })},
		{"a year of five digits", "user-a", journal.NoStream, changed(func(r *journal.NewRecord) { r.RecordedAt = noon.AddDate(9000, 0, 0) })},
	} {
		if _, err := b.Append(t.Context(), c.stream, c.expected, c.records); !errors.Is(err, journal.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", c.what, err)
		}
	}
	b.nothingNew(t, 0)
}

func limits(t *testing.T, b *bench) {
	// sized makes one event that counts for n bytes, metadata as it will be stored included.
	sized := func(n int) []journal.NewRecord {
		r := record(0)
		stamped, err := journal.Stamp(r.Meta, noon)
		if err != nil {
			t.Fatal(err)
		}
		r.Data = fmt.Appendf(nil, `{"text":"%s"}`, strings.Repeat("x", n-len(stamped)-len(`{"text":""}`)))
		return []journal.NewRecord{r}
	}
	if _, err := b.Append(t.Context(), "user-a", journal.NoStream, sized(journal.MaxAppendBytes)); !errors.Is(err, journal.ErrTooLarge) {
		t.Errorf("an append of the limit's size: %v, want ErrTooLarge", err)
	}
	b.nothingNew(t, 0)
	b.append(t, "user-a", journal.NoStream, sized(journal.MaxAppendBytes-1)...)
	if got := b.all(t, 0); len(got) != 1 || len(got[0].Data)+len(got[0].Meta) != journal.MaxAppendBytes-1 {
		t.Errorf("a large event did not come back whole")
	}

	small := func(n int) []journal.NewRecord {
		all := records(n)
		for i := range all {
			all[i].Data, all[i].Meta = []byte(`{}`), []byte(`{}`)
		}
		return all
	}
	if _, err := b.Append(t.Context(), "user-b", journal.NoStream, small(journal.MaxAppendEvents+1)); !errors.Is(err, journal.ErrTooLarge) {
		t.Errorf("too many events: %v, want ErrTooLarge", err)
	}
	if r := b.append(t, "user-b", journal.NoStream, small(journal.MaxAppendEvents)...); r.Revision != journal.MaxAppendEvents-1 {
		t.Errorf("the last revision is %d", r.Revision)
	}
	b.nothingNew(t, 1+journal.MaxAppendEvents)
}

func recordedAt(t *testing.T, b *bench) {
	b.clock.move(123456789 * time.Nanosecond)
	at := func(stream string, want time.Time) {
		t.Helper()
		if r := b.append(t, stream, journal.NoStream, records(2)...); !r.RecordedAt.Equal(want) {
			t.Errorf("recorded at %v, want %v", r.RecordedAt, want)
		}
	}
	high := noon.Add(123456 * time.Microsecond) // whole microseconds
	at("user-a", high)
	b.clock.move(-time.Hour)
	at("user-b", high)
	b.clock.move(30 * time.Minute)
	at("user-c", high)
	b.clock.move(time.Hour)
	at("user-d", noon.Add(30*time.Minute+123456*time.Microsecond))
	var last time.Time
	for _, r := range b.all(t, 0) {
		if r.RecordedAt.Before(last) {
			t.Errorf("position %d is recorded before the one ahead of it", r.Position)
		}
		last = r.RecordedAt
	}
	if _, at, err := b.Head(t.Context()); err != nil || !at.Equal(last) {
		t.Errorf("the head is recorded at %v (%v), want %v", at, err, last)
	}
}

func askedRecordedAt(t *testing.T, b *bench) {
	ask := func(at time.Time) journal.NewRecord {
		r := record(0)
		r.RecordedAt = at
		return r
	}
	past := noon.AddDate(-3, 0, 0)
	if r := b.append(t, "user-a", journal.NoStream, ask(past), ask(past.Add(time.Second+999))); !r.RecordedAt.Equal(past.Add(time.Second)) {
		t.Errorf("recorded at %v, want the asked moment in whole microseconds", r.RecordedAt)
	}
	if _, err := b.Append(t.Context(), "user-b", journal.NoStream, []journal.NewRecord{ask(past)}); !errors.Is(err, journal.ErrBeforeLast) {
		t.Errorf("before the last event of another stream: %v, want ErrBeforeLast", err)
	}
	b.append(t, "user-b", journal.NoStream, ask(past.Add(time.Second).In(time.FixedZone("", 5*3600))))
	if r := b.append(t, "user-c", journal.NoStream, record(0)); !r.RecordedAt.Equal(noon) {
		t.Errorf("recorded at %v, want the clock's %v", r.RecordedAt, noon)
	}
	ahead := noon.Add(time.Hour)
	b.append(t, "user-d", journal.NoStream, ask(ahead))
	if r := b.append(t, "user-e", journal.NoStream, record(0)); !r.RecordedAt.Equal(ahead) {
		t.Errorf("recorded at %v, want no earlier than the last event's %v", r.RecordedAt, ahead)
	}
}
