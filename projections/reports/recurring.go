package reports

import (
	"cmp"
	"slices"
	"time"

	"kelisim/domain"
	"kelisim/domain/calendar"
	"kelisim/domain/subscription"
)

// recurring tells, for the end of each month in Astana, how many people use what they paid for and what a month of it brings: each payment whose
// months hold at that moment counts with its amount divided by its months, less what had gone back of it by then. Sums are rounded down to
// the smallest unit for each payment.
var recurring = Report{
	Name:    "recurring-revenue",
	Columns: []Column{{"month", Day}, {"period_months", Number}, {"paying", Number}, {"amount", Sum}},
	Make: func(f *Facts) (rows []Row) {
		people := f.present()
		f.months(people, func(month calendar.Day, end time.Time) {
			type plan struct {
				months   int
				currency string
			}
			paying, sums := map[plan]int{}, map[plan]int64{}
			for _, p := range people {
				for _, m := range p.State.Subscription.Payments() {
					if from, _, until := p.State.Subscription.Bought(m.Provider, m.TransactionID); from.IsZero() || !from.Before(end) || until.Before(end) || m.Months < 1 {
						continue
					}
					k := plan{m.Months, m.Amount.Currency}
					paying[k]++
					sums[k] += f.by(end).left(m).Minor / int64(m.Months)
				}
			}
			var plans []plan
			for k := range paying {
				plans = append(plans, k)
			}
			slices.SortFunc(plans, func(a, b plan) int {
				return cmp.Or(cmp.Compare(a.months, b.months), cmp.Compare(a.currency, b.currency))
			})
			for _, k := range plans {
				rows = append(rows, Row{month, k.months, paying[k], domain.Money{Minor: sums[k], Currency: k.currency}})
			}
		})
		return rows
	},
}

// cohorts follows those who registered in the same month: how many of them use the site, and how many use what they paid for, at the
// end of that month and of each one after it.
var cohorts = Report{
	Name:    "cohorts",
	Columns: []Column{{"month", Day}, {"months_after", Number}, {"registered", Number}, {"using", Number}, {"paying", Number}},
	Make: func(f *Facts) (rows []Row) {
		people := f.present()
		of := map[calendar.Day][]*Person{}
		for _, p := range people {
			m := monthOf(p.State.Account.Registered.At)
			of[m] = append(of[m], p)
		}
		whole := *f
		whole.From = time.Time{}
		f.months(people, func(month calendar.Day, _ time.Time) {
			after := 0
			whole.months(of[month], func(_ calendar.Day, end time.Time) {
				row := Row{month, after, len(of[month]), 0, 0}
				for _, p := range of[month] {
					switch status, _ := p.State.Subscription.StandingAt(end.Add(-time.Microsecond)); status {
					case subscription.ReasonPaid:
						row[4] = row[4].(int) + 1
						row[3] = row[3].(int) + 1
					case subscription.ReasonTrial, subscription.ReasonGranted:
						row[3] = row[3].(int) + 1
					}
				}
				rows = append(rows, row)
				after++
			})
		})
		return rows
	},
}

// monthOf is the first day of a moment's month in Astana.
func monthOf(t time.Time) calendar.Day {
	first, _ := calendar.ParseDay(calendar.DayOf(t).String()[:8] + "01")
	return first
}

// months calls for each month that had ended by the moment as of which the paper speaks and ends in the range, from the first one in which one of
// the people registered.
func (f *Facts) months(people []*Person, each func(month calendar.Day, end time.Time)) {
	if len(people) == 0 {
		return
	}
	month := monthOf(slices.MinFunc(people, func(a, b *Person) int { return a.State.Account.Registered.At.Compare(b.State.Account.Registered.At) }).State.Account.Registered.At)
	for {
		next := month.AddMonths(1)
		end := next.Start()
		if end.After(f.AsOf.Add(time.Microsecond)) { // the last moment of a range that ends with a month is that month's
			return
		}
		if f.selects(end.Add(-time.Microsecond)) {
			each(month, end)
		}
		month = next
	}
}

// by is the facts as of just before a moment.
func (f *Facts) by(end time.Time) *Facts {
	out := *f
	out.AsOf = end.Add(-time.Microsecond)
	return &out
}
