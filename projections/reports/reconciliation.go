package reports

import (
	"time"

	"kelisim/domain/calendar"
)

// openFindings lists where the processor's register and the ledger differ and nobody has resolved it yet.
var openFindings = Report{
	Name: "reconciliation", By: "found_at",
	Codes: map[string][]string{"class": findingClasses, "here": append([]string{"none"}, payments...)},
	Columns: []Column{
		{"finding_id", Text}, {"class", Text}, {"provider", Text}, {"transaction_id", Text}, {"payment_transaction_id", Text}, {"claim", Text},
		{"here", Text}, {"there", Text}, {"amount", Sum}, {"operated_at", Moment}, {"found_at", Moment}, {"days_open", Number},
	},
	Make: func(f *Facts) (rows []Row) {
		for _, d := range f.Findings {
			if !f.happened(d.FoundAt) || f.happened(d.ResolvedAt) {
				continue
			}
			rows = append(rows, Row{
				d.ID, d.Kind, d.Provider, d.TransactionID, d.PaymentID, d.Reference, d.Here, d.There, d.Amount, d.At, d.FoundAt, f.daysSince(d.FoundAt),
			})
		}
		return rows
	},
}

// daysSince is how many local days had gone by since that of a moment.
func (b Basis) daysSince(t time.Time) int { return calendar.DayOf(t).DaysUntil(calendar.DayOf(b.AsOf)) }
