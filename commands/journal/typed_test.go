package journal_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/commands/journal"
	"kelisim/domain/event"
)

type opened struct {
	Name string `json:"name"`
	Wide bool   `json:"wide"`
}

type openedV1 struct {
	Title string `json:"title"`
}

func (o openedV1) lift() opened { return opened{Name: o.Title, Wide: true} }

type shut struct{}

func typed(t testing.TB, store journal.Store) *journal.Journal {
	t.Helper()
	events, err := event.NewCatalogue([]event.Type{
		event.Of[opened]("door.opened", event.From(openedV1.lift)),
		event.Of[shut]("door.shut"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return journal.New(store, events)
}

var occurred = time.Date(2026, 1, 31, 10, 0, 0, 123456000, time.UTC)

func full() event.Meta {
	return event.Meta{
		ID: uuid.New(), OccurredAt: occurred, ImportedAt: occurred.Add(time.Hour), Late: true,
		Actor: event.Actor{Kind: "officer", ID: "aigerim"}, Command: "purchase", CommandID: uuid.New(), Fingerprint: "f0",
		Correlation: "c-1", Causation: uuid.New(), TermsVersion: "2020-10-27",
	}
}

func TestEventsComeBackAsTheyWent(t *testing.T) {
	least := event.Meta{ID: uuid.New(), OccurredAt: occurred, Actor: event.Actor{Kind: "system"}}
	j := typed(t, &journal.Memory{Now: func() time.Time { return occurred.Add(time.Minute) }, Step: 5})
	var records []journal.NewRecord
	metas := []event.Meta{full(), least}
	values := []any{opened{Name: "hall"}, shut{}}
	for i := range metas {
		r, err := j.Encode(values[i], metas[i])
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	if _, err := j.Append(t.Context(), "door-1", journal.NoStream, records); err != nil {
		t.Fatal(err)
	}
	i := 0
	for e, err := range j.ReadStream(t.Context(), "door-1", 0) {
		if err != nil {
			t.Fatal(err)
		}
		want := metas[i]
		want.Stream, want.Revision, want.Position = "door-1", int64(i), int64(5*(i+1))
		want.Type, want.Version = []string{"door.opened", "door.shut"}[i], []int{2, 1}[i]
		want.RecordedAt = occurred.Add(time.Minute)
		if !reflect.DeepEqual(e.Meta, want) {
			t.Errorf("the envelope came back as\n%+v, want\n%+v", e.Meta, want)
		}
		if e.Data != values[i] {
			t.Errorf("the event came back as %+v, want %+v", e.Data, values[i])
		}
		if !bytes.Equal(e.RawData, records[i].Data) || !bytes.HasPrefix(e.RawMeta, records[i].Meta[:len(records[i].Meta)-1]) {
			t.Errorf("raw bytes: %s %s", e.RawData, e.RawMeta)
		}
		i++
	}
	if i != 2 {
		t.Errorf("%d events", i)
	}
	for e, err := range j.ReadAll(t.Context(), 5) {
		if err != nil || e.Data != (shut{}) {
			t.Errorf("after the first came %+v (%v)", e.Data, err)
		}
	}
}

// The names in metadata are what other programs and later versions read.
func TestMetadataForm(t *testing.T) {
	j := typed(t, &journal.Memory{})
	m := full()
	m.CommandID, m.Causation = uuid.Max, uuid.Max
	for _, c := range []struct {
		m    event.Meta
		want string
	}{
		{m, `{"version":2,"occurred_at":"2026-01-31T10:00:00.123456Z","late":true,"actor":{"kind":"officer","id":"aigerim"},"command":"purchase",` +
			`"command_id":"ffffffff-ffff-ffff-ffff-ffffffffffff","fingerprint":"f0","correlation_id":"c-1","causation_id":"ffffffff-ffff-ffff-ffff-ffffffffffff",` +
			`"terms_version":"2020-10-27","imported_at":"2026-01-31T11:00:00.123456Z"}`},
		{event.Meta{ID: uuid.New(), OccurredAt: occurred.Truncate(time.Second), Actor: event.Actor{Kind: "user", ID: "7"}},
			`{"version":2,"occurred_at":"2026-01-31T10:00:00.000000Z","actor":{"kind":"user","id":"7"}}`},
	} {
		c.m.RecordedAt = occurred
		r, err := j.Encode(opened{Name: "hall"}, c.m)
		if err != nil || string(r.Meta) != c.want {
			t.Errorf("metadata %s (%v), want %s", r.Meta, err, c.want)
		}
		if r.ID != c.m.ID || r.Type != "door.opened" || string(r.Data) != `{"name":"hall","wide":false}` || !r.RecordedAt.Equal(occurred) {
			t.Errorf("record %+v", r)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	j := typed(t, &journal.Memory{})
	for what, change := range map[string]func(*event.Meta){
		"no time":              func(m *event.Meta) { m.OccurredAt = time.Time{} },
		"a year of five":       func(m *event.Meta) { m.OccurredAt = occurred.AddDate(9000, 0, 0) },
		"imported in the year": func(m *event.Meta) { m.ImportedAt = occurred.AddDate(9000, 0, 0) },
		"no actor":             func(m *event.Meta) { m.Actor = event.Actor{} },
	} {
		m := full()
		change(&m)
		if _, err := j.Encode(shut{}, m); err == nil {
			t.Errorf("%s: encoded", what)
		}
	}
	if _, err := j.Encode(struct{}{}, full()); err == nil {
		t.Error("encoded what is no event")
	}
}

func TestOldShapesAreLifted(t *testing.T) {
	j := typed(t, &journal.Memory{})
	e, err := j.Decode(journal.Record{
		Type: "door.opened", Data: []byte(`{"title":"hall"}`),
		Meta: []byte(`{"version":1,"occurred_at":"2026-01-31T10:00:00.123456Z","actor":{"kind":"user","id":"7"},"newer":{"a":[1]}}`),
	})
	if err != nil || e.Data != (opened{Name: "hall", Wide: true}) || e.Version != 1 {
		t.Errorf("%+v (%v)", e, err)
	}
	for _, bad := range []string{
		``, `null`, `[]`, `{}`, `{"version":0,"occurred_at":"2026-01-31T10:00:00.000000Z"}`, `{"version":3,"occurred_at":"2026-01-31T10:00:00.000000Z"}`,
		`{"version":1,"occurred_at":"2026-01-31T10:00:00Z"}`, `{"version":1,"occurred_at":"2026-01-31T10:00:00.000000+05:00"}`,
		`{"version":1,"occurred_at":"2026-01-31T10:00:00.000000Z","command_id":"7"}`,
	} {
		if e, err := j.Decode(journal.Record{Type: "door.opened", Data: []byte(`{}`), Meta: []byte(bad)}); err == nil {
			t.Errorf("metadata %q was read as %+v", bad, e.Meta)
		}
	}
}

// An event that cannot be read ends the reading: a fold that left it out would be another state.
func TestReadingEndsAtWhatCannotBeRead(t *testing.T) {
	m := &journal.Memory{}
	j := typed(t, m)
	one, _ := j.Encode(shut{}, full())
	two, _ := j.Encode(shut{}, full())
	three, _ := j.Encode(shut{}, full())
	two.Type = "door.painted"
	if _, err := m.Append(t.Context(), "door-1", journal.NoStream, []journal.NewRecord{one, two, three}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for e, err := range j.ReadStream(t.Context(), "door-1", 0) {
		if err != nil {
			got = append(got, "error")
			if !strings.Contains(err.Error(), two.ID.String()) || !strings.Contains(err.Error(), "door.painted") {
				t.Errorf("%v does not say which event", err)
			}
			continue
		}
		got = append(got, e.Type)
	}
	if strings.Join(got, " ") != "door.shut error" {
		t.Errorf("read %v", got)
	}
}

func TestStampIsTheLastMember(t *testing.T) {
	for _, meta := range []string{`{}`, ` { } `, `{"a":1}`, "{\"a\":\"}\" \n}\n"} {
		stamped, err := journal.Stamp([]byte(meta), occurred.Add(999*time.Nanosecond))
		if err != nil || !json.Valid(stamped) {
			t.Errorf("%q became %q (%v)", meta, stamped, err)
		}
		if at, err := journal.Stamped(stamped); err != nil || !at.Equal(occurred) {
			t.Errorf("%q is stamped %v (%v)", stamped, at, err)
		}
	}
	for _, meta := range []string{``, `{`, `[]`, `1}`, `null`} {
		if stamped, err := journal.Stamp([]byte(meta), occurred); err == nil {
			t.Errorf("%q became %q", meta, stamped)
		}
	}
}

// Whatever metadata is read can be written, and is then read as the same.
func FuzzDecodeMeta(f *testing.F) {
	j := typed(f, &journal.Memory{})
	for _, m := range []event.Meta{full(), {ID: uuid.New(), OccurredAt: occurred, Actor: event.Actor{Kind: "system"}}} {
		r, err := j.Encode(shut{}, m)
		if err != nil {
			f.Fatal(err)
		}
		stamped, err := journal.Stamp(r.Meta, occurred)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(stamped)
		f.Add(r.Meta)
	}
	f.Add([]byte(`{"version":1,"occurred_at":"0000-01-01T00:00:00.000000Z","actor":{"kind":"\ud800"},"command_id":null}`))
	f.Fuzz(func(t *testing.T, meta []byte) {
		_, _ = journal.Stamped(meta)
		if stamped, err := journal.Stamp(meta, occurred); err == nil {
			if at, err := journal.Stamped(stamped); err != nil || !at.Equal(occurred) {
				t.Errorf("%q is stamped %v (%v)", stamped, at, err)
			}
		}
		e, err := j.Decode(journal.Record{Type: "door.shut", Data: []byte(`{}`), Meta: meta})
		if err != nil {
			return
		}
		e.ID = uuid.Max
		r, err := j.Encode(shut{}, e.Meta)
		if err != nil {
			return // read, but not what we would write: a year 0, nobody named
		}
		again, err := j.Decode(journal.Record{ID: uuid.Max, Type: "door.shut", Data: []byte(`{}`), Meta: r.Meta})
		if err != nil || !reflect.DeepEqual(again.Meta, e.Meta) {
			t.Errorf("%q was read as\n%+v and then as\n%+v (%v)", meta, e.Meta, again.Meta, err)
		}
	})
}
