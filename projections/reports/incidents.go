package reports

import (
	"time"

	"kelisim/domain/incident"
)

// incidents is the register of incidents (T-1.2.6, P-2.4).
var incidents = Report{
	Name: "incidents", By: "detected_at",
	Codes: map[string][]string{"kind": incident.Kinds, "status": incidentStates, "risk": incident.Risks, "fields": personalData, "notify": {incident.Authority, incident.Subjects}},
	Columns: []Column{
		{"incident_id", Text}, {"kind", Text}, {"status", Text}, {"began_at", Moment}, {"detected_at", Moment}, {"authority_due", Moment},
		{"authority_notified_at", Moment}, {"authority_overdue", Flag}, {"contained_at", Moment}, {"risk", Text}, {"affected", Number},
		{"known_users", Number}, {"fields", List}, {"notify", List}, {"subjects_notified_at", Moment}, {"closed_at", Moment}, {"event_id", Text},
	},
	Make: func(f *Facts) (rows []Row) {
		for _, i := range f.Incidents {
			if i.Event == "" || !f.happened(i.DetectedAt) {
				continue
			}
			row := Row{i.ID, i.Kind, i.StatusAt(f.AsOf), began(i), i.DetectedAt, i.AuthorityDue, f.told(i, incident.Authority),
				i.AuthorityOverdueAt(f.AsOf), f.dated(i.Contained.ContainedAt)}
			var last *incident.Assessment
			for _, a := range i.Assessments {
				if f.happened(a.At) {
					last = &a
				}
			}
			if last == nil {
				row = append(row, nil, nil, nil, nil, nil)
			} else {
				row = append(row, last.Risk, last.Affected, len(last.Users), list(last.Fields), list(last.Notify))
			}
			rows = append(rows, append(row, f.told(i, incident.Subjects), f.dated(i.Closed.At), i.Event))
		}
		return rows
	},
}

func began(i *Incident) time.Time {
	if i.BeganAt == nil {
		return time.Time{}
	}
	return *i.BeganAt
}
