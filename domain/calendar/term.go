package calendar

import (
	"time"

	"kelisim/domain"
)

// Chain is an unbroken run of periods. All its months are counted from its first day, so that 1+3, 3+1 and 4
// months end on the same day and a short month loses nothing (T-2.1): see TestChainVectors.
type Chain struct {
	Anchor Day // its first local day
	Months int
	Days   int // granted beside; they follow all months
}

// Through is the last day that the chain covers.
func (c Chain) Through() Day { return c.Anchor.AddMonths(c.Months).AddDays(c.Days) }

// End is the instant at which the chain is over.
func (c Chain) End() time.Time { return c.Through().End() }

// MonthBegins is the instant at which month i (from 0) of the chain begins: the first on the anchor day,
// each other at the end of the last day of the month before it.
func (c Chain) MonthBegins(i int) time.Time {
	if i == 0 {
		return c.Anchor.Start()
	}
	return c.Anchor.AddMonths(i).End()
}

// Withdrawal counts when a notice takes effect (P-2.2): days calendar days after the day of its receipt, or on the
// day that it names if that is later. A named day that is earlier is no error: tooEarly tells of it. requested is
// zero where none is named. edge is domain.StartOfDay (effective from 00:00 of that day) or
// domain.EndOfDay (effective from the end of that day).
func Withdrawal(received, requested Day, days int, edge string) (on Day, effective time.Time, tooEarly bool) {
	on = received.AddDays(days)
	switch {
	case requested.IsZero():
	case requested.Before(on):
		tooEarly = true
	default:
		on = requested
	}
	if edge == domain.EndOfDay {
		return on, on.End(), tooEarly
	}
	return on, on.Start(), tooEarly
}

// AnswerDue is the instant at which so many working hours have passed since from (T-4.2). Hours are counted
// from open to close o'clock in Astana, Monday to Friday, on days that are not in holidays. A support that never opens
// (close not after open) owes no answer: the zero time.
func AnswerDue(from time.Time, hours, open, close int, holidays map[Day]bool) time.Time {
	if close <= open {
		return time.Time{}
	}
	left := time.Duration(hours) * time.Hour
	for d := DayOf(from); ; d = d.AddDays(1) {
		if !works(d, holidays) {
			continue
		}
		start, end := d.clock(open), d.clock(close)
		if start.Before(from) {
			start = from.UTC()
		}
		if end.Before(start) {
			continue
		}
		if left <= end.Sub(start) {
			return start.Add(left)
		}
		left -= end.Sub(start)
	}
}

// AddWorkingDays is the n-th working day after d: Monday to Friday, not in holidays. With n of 0 it is d itself.
func AddWorkingDays(d Day, n int, holidays map[Day]bool) Day {
	for n > 0 {
		d = d.AddDays(1)
		if works(d, holidays) {
			n--
		}
	}
	return d
}

func works(d Day, holidays map[Day]bool) bool {
	return d.Weekday() != time.Saturday && d.Weekday() != time.Sunday && !holidays[d]
}

// clock is the instant at which it is so many hours past midnight by the wall clock.
func (d Day) clock(hour int) time.Time {
	return time.Date(d.year, d.month, d.day, hour, 0, 0, 0, zone).UTC()
}
