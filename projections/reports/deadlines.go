package reports

import (
	"slices"
	"time"

	"kelisim/domain/calendar"
	"kelisim/domain/consent"
	"kelisim/domain/incident"
)

// How a deadline stands.
const (
	met     = "met"
	late    = "late" // done when it had been due
	open    = "open"
	overdue = "overdue"
)

// The law gives an operator so many working days to stop or to refuse with reasons (Law 94-V, article 8(7)).
const answerWorkingDays = 15

// deadlines is the board of what is due: a notice's effect by the 10th day (P-2.2), an answer to it by the 15th working day (Law 94-V,
// article 8(7)), the notice of a breach by the end of the next working day (article 25(2)(8)), and support's answers (T-4.2). A notice's
// clocks run from its receipt, also while nobody knows whose letter it is.
var deadlines = Report{
	Name: "deadlines", By: "due_at", Keeps: []string{"consent.withdrawal"},
	Codes: map[string][]string{"kind": {"withdrawal-effect", "withdrawal-answer", "breach-notice", "message"}, "status": {met, late, open, overdue}},
	Columns: []Column{
		{"kind", Text}, {"clause", Text}, {"user_id", Text}, {"subject", Text}, {"began_on", Day}, {"due_at", Moment}, {"status", Text}, {"done_at", Moment},
	},
	Make: func(f *Facts) (rows []Row) {
		add := func(kind, clause, user, subject string, began calendar.Day, due, done time.Time) {
			done = f.dated(done)
			status := open
			switch {
			case !done.IsZero() && !done.Before(due):
				status = late
			case !done.IsZero():
				status = met
			case !f.AsOf.Before(due):
				status = overdue
			}
			rows = append(rows, Row{kind, clause, user, subject, began, due, status, done})
		}
		f.notices(func(p *Person, n consent.Notice) {
			at, _, ran := learnt(p, n)
			if ran {
				add("withdrawal-effect", "P-2.2", string(p.ID), n.NoticeID, n.ReceivedOn, n.EffectiveFrom, at)
			}
			for _, e := range []string{n.RefusedEvent, n.RescindedEvent} { // what else ends the wait for an answer
				if d := p.entry(e).RecordedAt; e != "" && (at.IsZero() || d.Before(at)) {
					at = d
				}
			}
			add("withdrawal-answer", "94-V 8(7)", string(p.ID), n.NoticeID, n.ReceivedOn, f.answerDue(n.ReceivedOn), at)
		})
		for _, l := range f.unmatched() {
			_, due := f.wouldTakeEffect(l.ReceivedOn)
			add("withdrawal-effect", "P-2.2", "", l.ID, l.ReceivedOn, due, time.Time{})
			add("withdrawal-answer", "94-V 8(7)", "", l.ID, l.ReceivedOn, f.answerDue(l.ReceivedOn), time.Time{})
		}
		for _, i := range f.Incidents {
			told := f.told(i, incident.Authority)
			if f.happened(i.DetectedAt) && (!told.IsZero() || wantsAuthority(i, f.AsOf)) {
				add("breach-notice", "94-V 25(2)(8)", "", i.ID, calendar.DayOf(i.DetectedAt), i.AuthorityDue, told)
			}
		}
		for _, p := range f.present() {
			for _, m := range p.State.Account.Messages {
				if f.happened(m.At) && !m.DueAt.IsZero() {
					add("message", "T-4.2", string(p.ID), m.ID, calendar.DayOf(m.At), m.DueAt, m.AnsweredAt)
				}
			}
		}
		return rows
	},
}

// answerDue is the end of the 15th working day after a day, by the holidays that were known to the terms then.
func (f *Facts) answerDue(received calendar.Day) time.Time {
	p := f.Site.ParametersAt(received.End().Add(-1))
	return calendar.AddWorkingDays(received, answerWorkingDays, calendar.Holidays(p.Holidays)).End()
}

// wouldTakeEffect is when a letter's withdrawal takes effect once its sender is known.
func (f *Facts) wouldTakeEffect(received calendar.Day) (calendar.Day, time.Time) {
	p := f.Site.ParametersAt(received.End().Add(-1))
	on, from, _ := calendar.Withdrawal(received, calendar.Day{}, p.WithdrawalDays, p.WithdrawalEdge)
	return on, from
}

// told is when somebody was first told of an incident.
func (f *Facts) told(i *Incident, whom string) (first time.Time) {
	for _, n := range i.Notifications {
		if n.Whom == whom && f.happened(n.NotifiedAt) && (first.IsZero() || n.NotifiedAt.Before(first)) {
			first = n.NotifiedAt
		}
	}
	return first
}

// wantsAuthority tells whether the authority must be told, whether or not it has been: asked as of the moment and without what was told.
func wantsAuthority(i *Incident, at time.Time) bool {
	s := i.State
	s.Notifications = nil
	if at.Before(s.AuthorityDue) {
		s.Assessments = slices.DeleteFunc(slices.Clone(s.Assessments), func(a incident.Assessment) bool { return a.At.After(at) })
		at = s.AuthorityDue
	}
	return s.AuthorityOverdueAt(at)
}
