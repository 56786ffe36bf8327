package calendar_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"kelisim/domain"
	"kelisim/domain/calendar"
)

// T-2.1: every end is counted from the chain's anchor, clamped to the month's last day.
func TestChainVectors(t *testing.T) {
	for _, c := range []struct {
		anchor string
		ends   map[int]string // months → last day covered
	}{
		{"2025-01-31", map[int]string{1: "2025-02-28", 2: "2025-03-31", 3: "2025-04-30", 4: "2025-05-31", 6: "2025-07-31", 12: "2026-01-31"}},
		{"2024-01-31", map[int]string{1: "2024-02-29", 2: "2024-03-31", 3: "2024-04-30", 4: "2024-05-31", 6: "2024-07-31", 12: "2025-01-31"}},
		{"2025-11-30", map[int]string{1: "2025-12-30", 2: "2026-01-30", 3: "2026-02-28", 4: "2026-03-30", 6: "2026-05-30", 12: "2026-11-30"}},
		{"2023-11-30", map[int]string{3: "2024-02-29", 4: "2024-03-30"}},
		{"2024-02-29", map[int]string{1: "2024-03-29", 3: "2024-05-29", 6: "2024-08-29", 12: "2025-02-28"}},
		{"2025-08-31", map[int]string{1: "2025-09-30", 2: "2025-10-31", 3: "2025-11-30", 4: "2025-12-31", 6: "2026-02-28", 12: "2026-08-31"}},
	} {
		for months, want := range c.ends {
			chain := calendar.Chain{Anchor: day(t, c.anchor), Months: months}
			if got := chain.Through().String(); got != want {
				t.Errorf("%s and %d months goes through %s, want %s", c.anchor, months, got, want)
			}
			if chain.End() != day(t, want).End() {
				t.Errorf("%s and %d months ends at %s", c.anchor, months, chain.End())
			}
		}
	}
}

// T-2.1: the trial is counted in Astana. Counted in UTC, the second user would lose three days, and the third an hour.
func TestTrialVectors(t *testing.T) {
	for _, c := range []struct{ registered, end string }{
		{"2025-11-30T12:00:00+05:00", "2026-03-01T00:00:00+05:00"},
		{"2025-02-28T21:00:00Z", "2025-06-02T00:00:00+05:00"}, // 1 March in Astana
		{"2023-12-15T10:00:00+06:00", "2024-03-16T00:00:00+05:00"},
		{"2024-02-29T23:30:00+05:00", "2024-05-30T00:00:00+05:00"}, // the hour that came twice
		{"2024-02-29T23:30:00+06:00", "2024-05-30T00:00:00+05:00"},
		{"2026-01-31T10:00:00+05:00", "2026-05-01T00:00:00+05:00"},
	} {
		chain := calendar.Chain{Anchor: calendar.DayOf(instant(t, c.registered)), Months: 3}
		same(t, "trial of "+c.registered, chain.End(), c.end)
	}
}

func TestMonthBegins(t *testing.T) {
	chain := calendar.Chain{Anchor: day(t, "2025-11-30"), Months: 4}
	for i, want := range []string{"2025-11-30", "2025-12-31", "2026-01-31", "2026-03-01", "2026-03-31"} {
		if got := chain.MonthBegins(i); got != day(t, want).Start() {
			t.Errorf("month %d begins at %s, want the start of %s", i, got, want)
		}
	}
}

func TestChainProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := calendar.Chain{
			Anchor: days().Draw(t, "anchor"), Months: rapid.IntRange(0, 60).Draw(t, "months"), Days: rapid.IntRange(0, 400).Draw(t, "days"),
		}
		if calendar.DayOf(c.End()) != c.Through().AddDays(1) || c.End() != c.Through().End() {
			t.Fatalf("%v does not end with its last day", c)
		}
		for i := range c.Months {
			if !c.MonthBegins(i).Before(c.MonthBegins(i + 1)) {
				t.Fatalf("month %d of %v begins before the one before it", i+1, c)
			}
		}
		bare := calendar.Chain{Anchor: c.Anchor, Months: c.Months}
		if c.Months > 0 && c.MonthBegins(c.Months) != bare.End() {
			t.Fatalf("the month after %v does not begin at its end", bare)
		}
		if bare.Through().DaysUntil(c.Through()) != c.Days {
			t.Fatalf("%v does not end %d days after its months", c, c.Days)
		}
	})
}

// P-2.2 and decision 1: effective from the start of day R+10; the end of that day is the other edge.
func TestWithdrawalVectors(t *testing.T) {
	for _, c := range []struct{ received, on, startOfDay, endOfDay string }{
		{"2024-02-20T23:30:00+06:00", "2024-03-01", "2024-02-29T19:00:00Z", "2024-03-01T19:00:00Z"},
		{"2024-02-25T10:00:00+06:00", "2024-03-06", "2024-03-05T19:00:00Z", "2024-03-06T19:00:00Z"},
		{"2024-02-19T10:00:00+06:00", "2024-02-29", "2024-02-28T18:00:00Z", "2024-02-29T19:00:00Z"},
		{"2026-03-01T09:00:00+05:00", "2026-03-11", "2026-03-10T19:00:00Z", "2026-03-11T19:00:00Z"},
		{"2026-09-20T23:59:00+05:00", "2026-09-30", "2026-09-29T19:00:00Z", "2026-09-30T19:00:00Z"},
		{"2026-12-25T00:00:00+05:00", "2027-01-04", "2027-01-03T19:00:00Z", "2027-01-04T19:00:00Z"},
	} {
		received := calendar.DayOf(instant(t, c.received))
		for edge, want := range map[string]string{domain.StartOfDay: c.startOfDay, domain.EndOfDay: c.endOfDay} {
			on, effective, tooEarly := calendar.Withdrawal(received, calendar.Day{}, 10, edge)
			if on != day(t, c.on) || tooEarly {
				t.Errorf("%s by %s: on %v, too early %v, want on %s", c.received, edge, on, tooEarly, c.on)
			}
			same(t, c.received+" by "+edge, effective, want)
		}
	}
}

// P-2.6: a later named day moves the effect there; a day that is too early does not count (decision 1).
func TestWithdrawalNamedDay(t *testing.T) {
	received := day(t, "2026-03-01")
	for _, c := range []struct {
		requested, on string
		tooEarly      bool
	}{
		{"2026-03-10", "2026-03-11", true}, {"2026-02-01", "2026-03-11", true},
		{"2026-03-11", "2026-03-11", false}, {"2026-03-12", "2026-03-12", false}, {"2027-01-01", "2027-01-01", false},
	} {
		on, effective, tooEarly := calendar.Withdrawal(received, day(t, c.requested), 10, domain.StartOfDay)
		if on != day(t, c.on) || effective != on.Start() || tooEarly != c.tooEarly {
			t.Errorf("named %s: on %v, from %v, too early %v", c.requested, on, effective, tooEarly)
		}
	}
}

func TestWithdrawalProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		received, requested := days().Draw(t, "received"), days().Draw(t, "requested")
		n := rapid.IntRange(0, 60).Draw(t, "days")
		on, effective, tooEarly := calendar.Withdrawal(received, requested, n, domain.StartOfDay)
		_, later, _ := calendar.Withdrawal(received, requested, n, domain.EndOfDay)
		if received.DaysUntil(on) < n || tooEarly != (received.DaysUntil(requested) < n) || (on == requested) == tooEarly {
			t.Fatalf("received %v, named %v: on %v, too early %v", received, requested, on, tooEarly)
		}
		if effective != on.Start() || later != on.End() {
			t.Fatalf("received %v: from %v or %v", received, effective, later)
		}
	})
}

// T-4.2: working time is 9:00 to 18:00 in Astana.
func TestAnswerDue(t *testing.T) {
	holidays := map[calendar.Day]bool{day(t, "2026-03-23"): true} // a Monday
	for _, c := range []struct {
		from  string
		hours int
		due   string
	}{
		{"2026-03-18T10:30:00+05:00", 4, "2026-03-18T14:30:00+05:00"},
		{"2026-03-18T09:00:00+05:00", 9, "2026-03-18T18:00:00+05:00"},
		{"2026-03-18T17:00:00+05:00", 2, "2026-03-19T10:00:00+05:00"},
		{"2026-03-18T05:00:00+05:00", 1, "2026-03-18T10:00:00+05:00"},
		{"2026-03-18T18:00:00+05:00", 1, "2026-03-19T10:00:00+05:00"},
		{"2026-03-18T23:00:00+05:00", 1, "2026-03-19T10:00:00+05:00"},
		{"2026-03-20T17:30:00+05:00", 1, "2026-03-24T09:30:00+05:00"}, // Friday, over a weekend and a holiday
		{"2026-03-21T12:00:00+05:00", 27, "2026-03-26T18:00:00+05:00"},
		{"2024-02-29T17:00:00+06:00", 2, "2024-03-01T10:00:00+05:00"}, // the night that was an hour longer
	} {
		same(t, "due after "+c.from, calendar.AnswerDue(instant(t, c.from), c.hours, 9, 18, holidays), c.due)
	}
	if due := calendar.AnswerDue(instant(t, "2026-03-18T10:00:00+05:00"), 1, 18, 9, nil); !due.IsZero() {
		t.Errorf("a support that never opens owes an answer at %v", due)
	}
}

func TestAnswerDueProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := days().Draw(t, "day").Start().Add(time.Duration(rapid.IntRange(0, 86399).Draw(t, "second")) * time.Second)
		holidays := map[calendar.Day]bool{}
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 14), 0, 6).Draw(t, "holidays") {
			holidays[calendar.DayOf(from).AddDays(n)] = true
		}
		hours := rapid.IntRange(1, 40).Draw(t, "hours")
		due := calendar.AnswerDue(from, hours, 9, 18, holidays)
		// Counted minute by minute, so many hours of working time lie between the two.
		worked := time.Duration(0)
		for at := from; at.Before(due); at = at.Add(time.Minute) {
			local := at.In(calendar.Zone())
			d := calendar.DayOf(at)
			if local.Hour() >= 9 && local.Hour() < 18 && calendar.AddWorkingDays(d.AddDays(-1), 1, holidays) == d {
				worked += time.Minute
			}
		}
		if off := worked - time.Duration(hours)*time.Hour; off < -time.Minute || off > time.Minute {
			t.Fatalf("from %v to %v: %v of working time, want %d h", from, due, worked, hours)
		}
	})
}

func TestAddWorkingDays(t *testing.T) {
	holidays := map[calendar.Day]bool{day(t, "2026-03-23"): true}
	for _, c := range []struct {
		from string
		n    int
		want string
	}{
		{"2026-03-18", 0, "2026-03-18"}, {"2026-03-21", 0, "2026-03-21"}, {"2026-03-18", 1, "2026-03-19"},
		{"2026-03-20", 1, "2026-03-24"}, {"2026-03-21", 1, "2026-03-24"}, {"2026-03-18", 15, "2026-04-09"},
	} {
		if got := calendar.AddWorkingDays(day(t, c.from), c.n, holidays).String(); got != c.want {
			t.Errorf("%d working days after %s is %s, want %s", c.n, c.from, got, c.want)
		}
	}
}
