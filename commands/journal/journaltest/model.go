package journaltest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"kelisim/commands/journal"
)

// modelled is an event as the model keeps it.
type modelled struct {
	id     uuid.UUID
	stream string
	n      int64 // revision
	data   string
	at     time.Time
}

// model runs random commands against the store and against a slice and a map.
func model(t *testing.T, b *bench) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &machine{t: t, bench: &bench{open: b.open, opts: b.opts, place: t.TempDir(), clock: &clock{at: noon}}, streams: map[string][]modelled{}}
		m.Store = m.open(t, m.place, m.clock.now)
		defer func() { _ = m.Store.Close() }()
		rt.Repeat(rapid.StateMachineActions(m))
	})
}

type machine struct {
	*bench
	t         *testing.T
	all       []modelled
	positions []int64
	streams   map[string][]modelled
}

func aStream(rt *rapid.T) string {
	return rapid.SampledFrom([]string{"user-a", "user-b", "site"}).Draw(rt, "stream")
}

// AppendWish appends a few events, now and then with an expectation, an id or a moment that the journal must refuse.
func (m *machine) AppendWish(rt *rapid.T) {
	stream := aStream(rt)
	stands := m.streams[stream]
	actual := int64(len(stands)) - 1
	expected := actual
	if rapid.IntRange(0, 3).Draw(rt, "stale") == 0 {
		expected = rapid.Int64Range(-1, actual+2).Draw(rt, "expected")
	}
	wish := make([]journal.NewRecord, rapid.IntRange(1, 3).Draw(rt, "events"))
	for i := range wish {
		wish[i] = record(len(m.all) + i)
		if rapid.IntRange(0, 5).Draw(rt, "asks") == 0 {
			wish[i].RecordedAt = m.clock.now().Add(time.Duration(rapid.IntRange(-3, 3).Draw(rt, "minutes")) * time.Minute)
		}
		if len(m.all) > 0 && rapid.IntRange(0, 9).Draw(rt, "reuses") == 0 && !m.opts.LooseIDs {
			wish[i].ID = rapid.SampledFrom(m.all).Draw(rt, "id").id
		}
	}
	if at := expected + 1; at <= actual && rapid.Bool().Draw(rt, "repeats") {
		wish = wish[:min(len(wish), int(actual-expected))]
		for i := range wish {
			wish[i].ID = stands[at+int64(i)].id
		}
	}
	receipt, err := m.Append(m.t.Context(), stream, expected, wish)
	added, refusals := m.decide(stream, expected, wish)
	if !slices.ContainsFunc(refusals, func(want error) bool { return same(err, want) }) {
		rt.Fatalf("append to %s at %d: %v, want one of %v", stream, expected, err, refusals)
	}
	if err != nil {
		return
	}
	last := expected + int64(len(wish))
	if receipt.Repeated != (len(added) == 0) || receipt.Revision != last {
		rt.Fatalf("append to %s at %d: %+v", stream, expected, receipt)
	}
	m.all = append(m.all, added...)
	m.streams[stream] = append(m.streams[stream], added...)
	if at := m.streams[stream][last].at; !receipt.RecordedAt.Equal(at) {
		rt.Fatalf("append to %s at %d: recorded at %v, want %v", stream, expected, receipt.RecordedAt, at)
	}
}

// same compares what the store answered with what it must answer.
func same(err, want error) bool {
	var got, conflict *journal.ConflictError
	if errors.As(want, &conflict) {
		return errors.As(err, &got) && *got == *conflict
	}
	return errors.Is(err, want)
}

// decide says what the append adds (nothing if it stands already), and the answers it may get: where several things are
// wrong at once a store may name any of them.
func (m *machine) decide(stream string, expected int64, wish []journal.NewRecord) ([]modelled, []error) {
	ids := map[uuid.UUID]bool{}
	for _, w := range wish {
		if ids[w.ID] {
			return nil, []error{journal.ErrInvalid}
		}
		ids[w.ID] = true
	}
	stands := m.streams[stream]
	actual := int64(len(stands)) - 1
	if expected != actual {
		for i, w := range wish {
			if at := expected + 1 + int64(i); at > actual || stands[at].id != w.ID {
				return nil, []error{&journal.ConflictError{Stream: stream, Expected: expected, Actual: actual}}
			}
		}
		return nil, []error{nil}
	}
	var added []modelled
	var last time.Time
	if len(m.all) > 0 {
		last = m.all[len(m.all)-1].at
	}
	var refusals []error
	for i, w := range wish {
		for _, e := range m.all {
			if e.id == w.ID {
				refusals = append(refusals, journal.ErrDuplicateID)
			}
		}
		at := w.RecordedAt
		if at.IsZero() {
			at = m.clock.now()
			if at.Before(last) {
				at = last
			}
		}
		if at.Before(last) {
			refusals = append(refusals, journal.ErrBeforeLast)
		}
		added = append(added, modelled{w.ID, stream, expected + 1 + int64(i), string(w.Data), at})
		last = at
	}
	if len(refusals) == 0 {
		refusals = []error{nil}
	}
	return added, refusals
}

func (m *machine) MoveClock(rt *rapid.T) {
	m.clock.move(time.Duration(rapid.IntRange(-120, 120).Draw(rt, "seconds")) * time.Second)
}

func (m *machine) ReadOneStream(rt *rapid.T) {
	stream := aStream(rt)
	from := rapid.Int64Range(0, 10).Draw(rt, "from")
	want := m.streams[stream]
	m.compare(rt, m.stream(m.t, stream, from), want[min(from, int64(len(want))):])
}

func (m *machine) Reopen(rt *rapid.T) {
	if !m.opts.Persistent || rapid.IntRange(0, 7).Draw(rt, "now and then") != 0 {
		rt.Skip("this store keeps nothing, or not now")
	}
	m.reopen(m.t)
}

// Check compares the whole journal after every command.
func (m *machine) Check(rt *rapid.T) {
	got := m.bench.all(m.t, 0)
	m.compare(rt, got, m.all)
	var position int64
	for i, r := range got {
		if r.Position <= position || i < len(m.positions) && r.Position != m.positions[i] {
			rt.Fatalf("record %d moved to position %d", i, r.Position)
		}
		if position = r.Position; i >= len(m.positions) {
			m.positions = append(m.positions, position)
		}
	}
	if head, _, err := m.Head(m.t.Context()); err != nil || head != position {
		rt.Fatalf("the head is %d (%v), want %d", head, err, position)
	}
}

func (m *machine) compare(rt *rapid.T, got []journal.Record, want []modelled) {
	if len(got) != len(want) {
		rt.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i, r := range got {
		if g := (modelled{r.ID, r.Stream, r.Revision, string(r.Data), r.RecordedAt}); fmt.Sprint(g) != fmt.Sprint(want[i]) {
			rt.Fatalf("record %d is %v, want %v", i, g, want[i])
		}
	}
}
