package reports

import "kelisim/domain/event"

// disclosures is the register of what was given to others (P-1.5, P-2.6; Law 94-V, article 22(1)(5)), with what the ledger answered then.
var disclosures = Report{
	Name: "disclosures", By: "disclosed_at", Keeps: []string{"consent.disclosure_made"},
	Codes: map[string][]string{"purpose": PurposeCodes, "code": AnswerCodes, "entered_by": actors},
	Columns: []Column{
		{"user_id", Text}, {"disclosure_id", Text}, {"disclosed_at", Moment}, {"recipient", Text}, {"country", Text}, {"purpose", Text}, {"basis", Text},
		{"allowed", Flag}, {"code", Text}, {"recorded_at", Moment}, {"late", Flag}, {"entered_by", Text}, {"event_id", Text},
	},
	Make: func(f *Facts) (rows []Row) {
		for _, p := range f.Users {
			for _, d := range p.State.Consent.Disclosures {
				if !f.happened(d.At) {
					continue
				}
				e := p.entry(d.Event)
				rows = append(rows, Row{
					string(p.ID), d.DisclosureID, d.At, d.Recipient, d.Country, d.Purpose, d.Basis, d.Allowed, d.Code, e.RecordedAt, e.Late,
					actor(e.Actor), d.Event,
				})
			}
		}
		return rows
	},
}

// readAudit lists who saw personal data in clear (P-2.4). Why is sealed: it can be read one user at a time.
var readAudit = Report{
	Name: "read-audit", By: "read_at",
	Codes:   map[string][]string{"reader": actors, "fields": personalData},
	Columns: []Column{{"read_at", Moment}, {"reader", Text}, {"user_id", Text}, {"fields", List}, {"route", Text}, {"event_id", Text}},
	Make: func(f *Facts) (rows []Row) {
		for _, l := range f.Looks {
			if f.happened(l.OccurredAt) {
				rows = append(rows, Row{l.OccurredAt, actor(l.Actor), string(l.User), list(l.Fields), l.Route, l.ID.String()})
			}
		}
		return rows
	},
}

// actor is who did something: "officer/marat".
func actor(a event.Actor) string { return a.Kind + "/" + a.ID }
