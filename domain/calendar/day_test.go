package calendar_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"

	"kelisim/domain"
	"kelisim/domain/calendar"
)

func day(t testing.TB, s string) calendar.Day {
	t.Helper()
	d, err := calendar.ParseDay(s)
	if err != nil {
		t.Fatalf("ParseDay(%q): %v", s, err)
	}
	return d
}

func instant(t testing.TB, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func same(t testing.TB, what string, got time.Time, want string) {
	t.Helper()
	if !got.Equal(instant(t, want)) {
		t.Errorf("%s: %s, want %s", what, got.Format(time.RFC3339), want)
	}
	if got.Location() != time.UTC {
		t.Errorf("%s is in %s, not in UTC", what, got.Location())
	}
}

// days draws days around the ledger's life, the change of 2024 included.
func days() *rapid.Generator[calendar.Day] {
	return rapid.Custom(func(t *rapid.T) calendar.Day {
		return calendar.DayOf(time.Date(2019, 1, 1+rapid.IntRange(0, 6000).Draw(t, "day"), 12, 0, 0, 0, time.UTC))
	})
}

func TestParseDay(t *testing.T) {
	for _, s := range []string{"2026-01-31", "2024-02-29", "1900-01-01", "2999-12-31"} {
		if got := day(t, s).String(); got != s {
			t.Errorf("ParseDay(%q) is %q", s, got)
		}
	}
	for _, s := range []string{
		"", "2026-02-29", "2026-13-01", "2026-00-10", "2026-1-31", "26-01-31", "2026/01/31", "2026-01-31T00:00:00Z", " 2026-01-31",
		"2026-01-31 ", "+026-01-31", "1899-12-31", "3000-01-01", "0000-00-00", "20260131",
	} {
		if d, err := calendar.ParseDay(s); domain.Code(err) != "invalid-request" || !d.IsZero() {
			t.Errorf("ParseDay(%q) is %v, %v", s, d, err)
		}
	}
}

func TestDayJSON(t *testing.T) {
	type form struct {
		Day  calendar.Day `json:"day"`
		None calendar.Day `json:"none,omitzero"`
	}
	out, err := json.Marshal(form{Day: day(t, "2026-01-31")})
	if err != nil || string(out) != `{"day":"2026-01-31"}` {
		t.Errorf("written as %s, %v", out, err)
	}
	if out, _ := json.Marshal(form{}); string(out) != `{"day":null}` {
		t.Errorf("no day is written as %s", out)
	}
	back := form{None: day(t, "2026-01-01")}
	if err := json.Unmarshal([]byte(`{"day":"2026-01-31","none":null}`), &back); err != nil || back != (form{Day: day(t, "2026-01-31")}) {
		t.Errorf("read as %v, %v", back, err)
	}
	for _, bad := range []string{`{"day":""}`, `{"day":20260131}`, `{"day":"2026-02-30"}`, `{"day":{}}`, `{"day":"2026-01-3\u0031"}`} {
		if err := json.Unmarshal([]byte(bad), &back); domain.Code(err) != "invalid-request" {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// The zone was UTC+6 until 2024-02-29, whose last local hour came twice, and is UTC+5 from 2024-03-01.
func TestDayEdges(t *testing.T) {
	for _, c := range []struct{ day, start, end string }{
		{"2024-02-28", "2024-02-28T00:00:00+06:00", "2024-02-29T00:00:00+06:00"},
		{"2024-02-29", "2024-02-28T18:00:00Z", "2024-02-29T19:00:00Z"}, // 25 hours
		{"2024-03-01", "2024-02-29T19:00:00Z", "2024-03-01T19:00:00Z"},
		{"2026-03-01", "2026-02-28T19:00:00Z", "2026-03-01T19:00:00Z"},
	} {
		same(t, c.day+" starts", day(t, c.day).Start(), c.start)
		same(t, c.day+" ends", day(t, c.day).End(), c.end)
	}
	for at, want := range map[string]string{
		"2024-02-29T17:30:00Z":      "2024-02-29", // 23:30+06
		"2024-02-29T18:30:00Z":      "2024-02-29", // 23:30+05, the same hour again
		"2024-02-29T18:59:59Z":      "2024-02-29",
		"2024-02-29T19:00:00Z":      "2024-03-01",
		"2025-02-28T21:00:00Z":      "2025-03-01", // the last day of February only in UTC
		"2026-01-31T23:59:59+05:00": "2026-01-31",
	} {
		if got := calendar.DayOf(instant(t, at)).String(); got != want {
			t.Errorf("%s is on %s, want %s", at, got, want)
		}
	}
}

// The embedded rules say what the Go release's own say; a red test here means that the zone's law changed.
func TestZone(t *testing.T) {
	t.Setenv("ZONEINFO", "")
	release, err := time.LoadLocation("Asia/Almaty")
	if err != nil {
		t.Fatal(err)
	}
	for h := range 24 * 366 * 15 {
		at := time.Date(2019, 1, 1, h, 0, 0, 0, time.UTC)
		_, ours := at.In(calendar.Zone()).Zone()
		if _, theirs := at.In(release).Zone(); ours != theirs {
			t.Fatalf("at %s the offset is %d s here and %d s there", at.Format(time.RFC3339), ours, theirs)
		}
	}
}

func TestAddMonthsClamps(t *testing.T) {
	for _, c := range []struct {
		from string
		n    int
		want string
	}{
		{"2025-01-31", 1, "2025-02-28"}, {"2024-01-31", 1, "2024-02-29"}, {"2025-11-30", 3, "2026-02-28"},
		{"2023-11-30", 3, "2024-02-29"}, {"2024-02-29", 12, "2025-02-28"}, {"2024-02-29", 48, "2028-02-29"},
		{"2025-12-31", 2, "2026-02-28"}, {"2025-03-31", -1, "2025-02-28"}, {"2025-01-15", -13, "2023-12-15"}, {"2025-01-31", 0, "2025-01-31"},
	} {
		if got := day(t, c.from).AddMonths(c.n).String(); got != c.want {
			t.Errorf("%s and %d months is %s, want %s", c.from, c.n, got, c.want)
		}
	}
}

func TestDayProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, n := days().Draw(t, "d"), rapid.IntRange(-400, 400).Draw(t, "n")
		if back, err := calendar.ParseDay(d.String()); err != nil || back != d {
			t.Fatalf("%v reads back as %v, %v", d, back, err)
		}
		if calendar.DayOf(d.Start()) != d || calendar.DayOf(d.Start().Add(-1)) != d.AddDays(-1) || calendar.DayOf(d.End().Add(-1)) != d {
			t.Fatalf("the edges of %v are not its own", d)
		}
		if d.End() != d.AddDays(1).Start() || d.AddDays(n).AddDays(-n) != d || d.DaysUntil(d.AddDays(n)) != n {
			t.Fatalf("%d days from %v do not lead back", n, d)
		}
		if e := d.AddDays(n); (n < 0) != e.Before(d) || (n > 0) != e.After(d) || e.Compare(d) != -d.Compare(e) {
			t.Fatalf("%v and %v are out of order", d, e)
		}
		if got, want := d.AddDays(1).Weekday(), (d.Weekday()+1)%7; got != want {
			t.Fatalf("%v is followed by a %v", d, got)
		}
		// So many months later is a day of that month: the same number or, if it has none, its last.
		m := d.AddMonths(n)
		if m.AddDays(1).String()[8:] != "01" && m.String()[8:] != d.String()[8:] {
			t.Fatalf("%v and %d months is %v", d, n, m)
		}
		months := func(d calendar.Day) (total int) {
			var y, mo int
			if _, err := fmt.Sscanf(d.String(), "%d-%d", &y, &mo); err != nil {
				t.Fatal(err)
			}
			return 12*y + mo
		}
		if months(m)-months(d) != n || m.String()[8:] > d.String()[8:] {
			t.Fatalf("%v and %d months is %v", d, n, m)
		}
	})
}

func FuzzParseDay(f *testing.F) {
	for _, s := range []string{"2026-01-31", "2024-02-29", "2023-02-29", "", "2026-1-1", "-026-01-01", "２０２６-01-31"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := calendar.ParseDay(s)
		if err != nil {
			if domain.Code(err) != "invalid-request" || !d.IsZero() {
				t.Fatalf("%q: %v, %v", s, d, err)
			}
			return
		}
		if d.String() != s || calendar.DayOf(d.Start()) != d {
			t.Fatalf("%q reads as %v", s, d)
		}
		b, err := json.Marshal(d)
		var back calendar.Day
		if err != nil || json.Unmarshal(b, &back) != nil || back != d {
			t.Fatalf("%q is written as %s and reads back as %v", s, b, back)
		}
	})
}
