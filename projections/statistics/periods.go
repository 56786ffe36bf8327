package statistics

import (
	"time"

	"kelisim/domain"
	"kelisim/domain/calendar"
)

// The periods of the calendar of Astana: a week begins on Monday.
const (
	byDay   = "day"
	byWeek  = "week"
	byMonth = "month"
)

// usual is how many periods are told of where the range is open at its beginning.
var usual = map[string]int{byDay: 31, byWeek: 13, byMonth: 12}

// mostPeriods bounds what one answer holds.
const mostPeriods = 1000

// periodOf is the first day of the period in which a day lies.
func periodOf(grain string, d calendar.Day) calendar.Day {
	switch grain {
	case byWeek:
		return d.AddDays(-(int(d.Weekday()) + 6) % 7)
	case byMonth:
		first, err := calendar.ParseDay(d.String()[:8] + "01")
		if err != nil {
			panic(err) // each month has a first day
		}
		return first
	}
	return d
}

// after is the first day of the n-th period after one.
func after(grain string, d calendar.Day, n int) calendar.Day {
	switch grain {
	case byWeek:
		return d.AddDays(7 * n)
	case byMonth:
		return d.AddMonths(n)
	}
	return d.AddDays(n)
}

// periods are the first days of the periods that begin in a range, and not after what is known. A period is told of as a whole or not at all.
func periods(grain string, from, to, known time.Time) ([]calendar.Day, error) {
	last := calendar.DayOf(known)
	if !to.IsZero() && !to.After(known) {
		last = calendar.DayOf(to.Add(-1))
	}
	first := after(grain, periodOf(grain, last), 1-usual[grain])
	if !from.IsZero() {
		d := calendar.DayOf(from)
		if first = periodOf(grain, d); first.Start().Before(from) {
			first = after(grain, first, 1)
		}
	}
	var out []calendar.Day
	for d := first; !d.After(last); d = after(grain, d, 1) {
		if len(out) == mostPeriods {
			return nil, domain.Malformed("?from", "the range holds more than %d periods", mostPeriods)
		}
		out = append(out, d)
	}
	return out, nil
}
