package reports

import (
	"time"

	"kelisim/domain/calendar"
	"kelisim/domain/consent"
)

// withdrawals lists every notice of withdrawal with its clock (P-2.2, P-2.6).
var withdrawals = Report{
	Name: "withdrawals", By: "received_on", Keeps: []string{"consent.withdrawal"},
	Codes: map[string][]string{"channel": channels, "purposes": PurposeCodes, "status": noticeStates, "entered_by": actors},
	Columns: []Column{
		{"user_id", Text}, {"notice_id", Text}, {"received_on", Day}, {"channel", Text}, {"tracking_number", Text}, {"sent_on", Day},
		{"requested_on", Day}, {"requested_on_too_early", Flag}, {"purposes", List}, {"status", Text}, {"effective_from", Moment},
		{"accepted_at", Moment}, {"refused_at", Moment}, {"rescinded_at", Moment}, {"retry_of", Text}, {"letter_id", Text},
		{"recorded_at", Moment}, {"late", Flag}, {"entered_by", Text}, {"event_id", Text},
	},
	Make: func(f *Facts) (rows []Row) {
		f.notices(func(p *Person, n consent.Notice) {
			e := p.entry(n.Event)
			effective := n.EffectiveFrom
			if s := n.StatusAt(f.AsOf); s == consent.StatusRefused || s == consent.StatusRescinded || s == consent.StatusNotPerTerms {
				effective = time.Time{} // no clock runs
			}
			rows = append(rows, Row{
				string(p.ID), n.NoticeID, n.ReceivedOn, n.Channel, n.TrackingNumber, dayOr(n.SentOn), dayOr(n.RequestedOn), n.RequestedOnTooEarly,
				list(n.Purposes), n.StatusAt(f.AsOf), effective, f.dated(n.AcceptedAt), f.dated(n.RefusedAt), f.dated(n.RescindedAt), n.RetryOf,
				n.LetterID, e.RecordedAt, e.Late, actor(e.Actor), n.Event,
			})
		})
		return rows
	},
}

// refusals lists the notices that were refused, a row for each ground (P-2.6; Law 94-V, article 8(7): a refusal is reasoned).
var refusals = Report{
	Name: "refusals", By: "refused_at", Keeps: []string{"consent.withdrawal"},
	Codes: map[string][]string{"code": {"unfulfilled-obligation", "legal-hold"}, "obligation_kind": obligations, "entered_by": actors},
	Columns: []Column{
		{"user_id", Text}, {"notice_id", Text}, {"received_on", Day}, {"refused_at", Moment}, {"by_officer", Flag}, {"code", Text}, {"clause", Text},
		{"obligation_id", Text}, {"obligation_kind", Text}, {"hold_id", Text}, {"discharged_at", Moment}, {"recorded_at", Moment}, {"entered_by", Text},
		{"event_id", Text},
	},
	Make: func(f *Facts) (rows []Row) {
		f.notices(func(p *Person, n consent.Notice) {
			if !f.happened(n.RefusedAt) {
				return
			}
			e := p.entry(n.RefusedEvent)
			for _, g := range n.Grounds {
				o, _ := p.State.Obligations.Obligation(g.ObligationID)
				rows = append(rows, Row{
					string(p.ID), n.NoticeID, n.ReceivedOn, n.RefusedAt, n.RefusedByOfficer, g.Code, g.Clause, g.ObligationID, o.Kind, g.HoldID,
					f.dated(o.DischargedAt), e.RecordedAt, actor(e.Actor), n.RefusedEvent,
				})
			}
		})
		return rows
	},
}

// notices visits every notice that had been received by the moment as of which the paper speaks.
func (f *Facts) notices(visit func(*Person, consent.Notice)) {
	for _, p := range f.Users {
		for _, n := range p.State.Consent.Notices {
			if f.happened(n.ReceivedOn.Start()) {
				visit(p, n)
			}
		}
	}
}

// learnt is when the ledger came to know that a notice runs: at its entry, or at its acceptance where it needed one. position is that of
// the event, and ok whether it ever ran.
func learnt(p *Person, n consent.Notice) (at time.Time, position int64, ok bool) {
	id := n.Event
	if !n.PerTerms {
		id = n.AcceptedEvent
	}
	if id == "" || !n.RefusedAt.IsZero() && !n.RefusedByOfficer {
		return time.Time{}, 0, false
	}
	e := p.entry(id)
	return e.RecordedAt, e.Position, true
}

func dayOr(d *calendar.Day) calendar.Day {
	if d == nil {
		return calendar.Day{}
	}
	return *d
}

func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
