package reports

import "kelisim/domain/calendar"

// unmatchedLetters lists the postal notices whose sender nobody knows yet: their clock runs from their receipt all the same (P-2.2, decision 9).
var unmatchedLetters = Report{
	Name: "unmatched-letters", By: "received_on",
	Columns: []Column{
		{"letter_id", Text}, {"received_on", Day}, {"sent_on", Day}, {"tracking_number", Text}, {"letter_sha256", Text}, {"entered_at", Moment},
		{"days_waiting", Number}, {"effective_from", Moment}, {"answer_due", Moment}, {"event_id", Text},
	},
	Make: func(f *Facts) (rows []Row) {
		for _, l := range f.unmatched() {
			_, effective := f.wouldTakeEffect(l.ReceivedOn)
			rows = append(rows, Row{
				l.ID, l.ReceivedOn, l.SentOn, l.TrackingNumber, l.LetterSHA256, l.EnteredAt, l.ReceivedOn.DaysUntil(calendar.DayOf(f.AsOf)),
				effective, f.answerDue(l.ReceivedOn), l.Event,
			})
		}
		return rows
	},
}

// unmatched are the letters that had been received and whose sender was not known by the moment as of which the paper speaks.
func (f *Facts) unmatched() (out []*Letter) {
	for _, l := range f.Letters {
		if _, matched := l.MatchedAt(f.AsOf); l.Event != "" && f.happened(l.ReceivedOn.Start()) && !matched {
			out = append(out, l)
		}
	}
	return out
}
