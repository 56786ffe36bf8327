package calendar

import (
	"cmp"
	_ "embed" // the zone's rules
	"fmt"
	"time"

	"kelisim/domain"
)

//go:embed asia-almaty.tzif
var zoneRules []byte

var zone = loadZone()

func loadZone() *time.Location {
	z, err := time.LoadLocationFromTZData("Asia/Almaty", zoneRules)
	if err != nil {
		panic(fmt.Sprintf("the embedded rules of the zone: %v", err))
	}
	return z
}

// Zone is Asia/Almaty, the zone of Astana: UTC+6 until 2024-02-29, UTC+5 from 2024-03-01.
func Zone() *time.Location { return zone }

// Day is a civil day in Astana. The zero value is no day. Days are compared with == or Compare.
type Day struct {
	year  int
	month time.Month
	day   int
}

// The years that ParseDay takes: whatever may be added to such a day still has a year of four digits.
const (
	firstYear = 1900
	lastYear  = 2999
)

// ParseDay reads YYYY-MM-DD, a day that exists between 1900 and 2999; anything else is invalid-request.
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < firstYear || t.Year() > lastYear {
		return Day{}, domain.Malformed("", "a day is written YYYY-MM-DD and exists in the calendar, such as 2026-01-31")
	}
	return civil(t), nil
}

// DayOf is the day that it is in Astana at an instant.
func DayOf(t time.Time) Day { return civil(t.In(zone)) }

func civil(t time.Time) Day {
	y, m, d := t.Date()
	return Day{y, m, d}
}

// Start is the instant of 00:00 in Astana, in UTC.
func (d Day) Start() time.Time {
	return time.Date(d.year, d.month, d.day, 0, 0, 0, 0, zone).UTC()
}

// End is the instant at which the day is over: the start of the next one.
func (d Day) End() time.Time { return d.AddDays(1).Start() }

// AddDays is the day n days later, or earlier for a negative n.
func (d Day) AddDays(n int) Day {
	return civil(time.Date(d.year, d.month, d.day+n, 0, 0, 0, 0, time.UTC))
}

// AddMonths is the day with the same number n months later, or the last day of that month where it has no such
// number: 31 January and one month is 28 or 29 February. Adding twice can lose days that adding once keeps,
// so periods always count from their anchor; see Chain.
func (d Day) AddMonths(n int) Day {
	first := time.Date(d.year, d.month+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return Day{first.Year(), first.Month(), min(d.day, last)}
}

// Weekday is the day of the week.
func (d Day) Weekday() time.Weekday {
	return time.Date(d.year, d.month, d.day, 0, 0, 0, 0, time.UTC).Weekday()
}

// DaysUntil is how many days lie from d to o: 1 for the day after, negative where o is earlier.
func (d Day) DaysUntil(o Day) int {
	from := time.Date(d.year, d.month, d.day, 0, 0, 0, 0, time.UTC)
	to := time.Date(o.year, o.month, o.day, 0, 0, 0, 0, time.UTC)
	return int(to.Sub(from) / (24 * time.Hour))
}

func (d Day) IsZero() bool { return d == Day{} }

// Compare is -1, 0 or +1 as d is before, the same as, or after o; no day comes before every day.
func (d Day) Compare(o Day) int {
	return cmp.Or(cmp.Compare(d.year, o.year), cmp.Compare(d.month, o.month), cmp.Compare(d.day, o.day))
}

func (d Day) Before(o Day) bool { return d.Compare(o) < 0 }
func (d Day) After(o Day) bool  { return d.Compare(o) > 0 }

// String is YYYY-MM-DD, or "" for no day.
func (d Day) String() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.year, d.month, d.day)
}

// MarshalJSON writes "YYYY-MM-DD", or null for no day.
func (d Day) MarshalJSON() ([]byte, error) {
	if d.IsZero() {
		return []byte("null"), nil
	}
	return []byte(`"` + d.String() + `"`), nil
}

// UnmarshalJSON reads what ParseDay does, in quotes and without escapes; null is no day.
func (d *Day) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*d = Day{}
		return nil
	}
	if len(b) < 2 || b[0] != '"' || b[len(b)-1] != '"' {
		return domain.Malformed("", "a day is a text, such as \"2026-01-31\"")
	}
	v, err := ParseDay(string(b[1 : len(b)-1]))
	if err != nil {
		return err
	}
	*d = v
	return nil
}
