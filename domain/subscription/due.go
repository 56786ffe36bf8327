package subscription

import (
	"time"

	"kelisim/domain"
	"kelisim/domain/calendar"
)

// reminderDays is how many local days before its end the end of coverage is told of.
const reminderDays = 7

// Due are the moments of this book that time alone brings, as all that is known makes them: the end of the trial, each end of coverage with
// nothing after it, each order that was not paid in time, and the approach of the last end. What is known later can make others; a marker that stands
// by then was true of what was known when it was recorded, and stays.
func (s State) Due() []domain.Due {
	var out []domain.Due
	if s.trial.Event != "" {
		out = append(out, domain.NewDue("trial", "", s.trial.Until, s.trial.Event, TrialEnded{s.trial.Until.UTC()}))
	}
	for _, o := range s.orders {
		if _, paid := s.PaidBy(o.OrderID); !paid {
			out = append(out, domain.NewDue("order", o.OrderID, o.ExpiresAt, o.Event, OrderExpired{o.OrderID, o.ExpiresAt.UTC()}))
		}
	}
	var begins time.Time // of the chain
	for i, x := range s.whole {
		if i == 0 || !x.From.Equal(s.whole[i-1].Until) {
			begins = x.From
		}
		last := i == len(s.whole)-1
		if !last && s.whole[i+1].From.Equal(x.Until) {
			continue
		}
		cause := x.Events[len(x.Events)-1]
		out = append(out, domain.NewDue("coverage", "", x.Until, cause, CoverageLapsed{x.Until.UTC()}))
		told := calendar.DayOf(x.Until).AddDays(-reminderDays).Start()
		if !last || begins.After(told) {
			continue
		}
		// The key holds the end and not the moment of telling, so that another reminderDays tells nobody twice.
		near := domain.NewDue("end", "", x.Until, cause, CoverageEndApproached{x.Until.UTC(), x.Reason})
		near.At, near.Until = told, x.Until.UTC()
		out = append(out, near)
	}
	return out
}
