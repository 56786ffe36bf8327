package reports_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/calendar"
	"kelisim/domain/event"
	"kelisim/projections/reports"
)

// RFC 8785, 3.2.2.2: which characters are escaped, and how.
func TestCanonicalText(t *testing.T) {
	if got, want := string(reports.AppendText(nil, "\x00\b\t\n\f\r\x1f\"\\/<\u2028Қ")), `"\u0000\b\t\n\f\r\u001f\"\\/< Қ"`; got != want {
		t.Errorf("written %s, want %s", got, want)
	}
}

// Every text is one JSON string, with no escape that RFC 8785 does not want.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "Қазақ", `"\`, "\x00\b\t\n\f\r\x1f", "\u2028<&>\u007f", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text := reports.AppendText(nil, s)
		var back string
		if err := json.Unmarshal(text, &back); err != nil || utf8.ValidString(s) && back != s {
			t.Errorf("%q is written %s, read %q (%v)", s, text, back, err)
		}
		if strings.Contains(string(text), `\u`) && !strings.Contains(string(text), `\u00`) {
			t.Errorf("%q is written %s", s, text)
		}
	})
}

// What is taken for an end of a range is a moment of a year with four digits.
func FuzzEdge(f *testing.F) {
	for _, s := range []string{"", "2026-01-31", "2026-02-30", "2026-01-31T10:00:00+05:00", "0000-01-01T00:00:00Z", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, err := reports.Edge(s)
		if end, also := reports.End(s); (also == nil) != (err == nil) || err == nil && end.Before(at) {
			t.Errorf("%q begins at %v (%v) and ends at %v (%v)", s, at, err, end, also)
		}
		switch {
		case err != nil:
			if domain.Code(err) != "invalid-request" {
				t.Errorf("%q: %v", s, err)
			}
		case s != "" && (at.Year() < 0 || at.Year() > 9999 || at.Location() != time.UTC):
			t.Errorf("%q is %v", s, at)
		}
	})
}

// BenchmarkGather measures a report's facts against reading and decoding the same events, in one run: the ratio is what folding and the
// log's root cost.
func BenchmarkGather(b *testing.B) {
	p := newPast(b)
	a := account.Acceptance{Button: "register", Page: "subscription", Language: "kk", Documents: []account.DocumentRef{{ID: "personal-data", Version: "2020-10-27", SHA256: "c0ffee"}}}
	const users = 2000
	for i := range users {
		at := calendar.DayOf(moment("2026-01-10T00:00")).AddDays(i / 100).Start()
		var records []journal.NewRecord
		for n, e := range []any{account.Registered{Acceptance: a}, given(uuid.NewString(), "2026-01-10T09:00", a, all...), paid(fmt.Sprint(i), fmt.Sprint(i), "2026-02-01T09:00", 1, 4990)} {
			r, err := p.Encode(e, event.Meta{ID: uuid.NewSHA1(uuid.Nil, fmt.Append(nil, i, n)), OccurredAt: at, RecordedAt: at, Actor: event.Actor{Kind: "service", ID: "site"}})
			if err != nil {
				b.Fatal(err)
			}
			records = append(records, r)
		}
		if _, err := p.Append(b.Context(), "user-"+uuid.NewString(), journal.NoStream, records); err != nil {
			b.Fatal(err)
		}
	}
	var reading, gathering time.Duration
	b.ReportAllocs()
	for b.Loop() {
		begin := time.Now()
		for _, err := range p.ReadAll(b.Context(), 0) {
			if err != nil {
				b.Fatal(err)
			}
		}
		between := time.Now()
		if _, err := reports.Gather(b.Context(), p.Journal, reports.Asked{}); err != nil {
			b.Fatal(err)
		}
		reading, gathering = reading+between.Sub(begin), gathering+time.Since(between)
	}
	b.ReportMetric(float64(reading)/float64(gathering), "read/gather")
	b.ReportMetric(float64(gathering.Nanoseconds())/float64(b.N)/(3*users), "ns/event")
}
