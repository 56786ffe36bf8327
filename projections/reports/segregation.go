package reports

import (
	"time"

	"kelisim/domain/account"
)

// segregation shows who asked for what needs two people, and who approved it (decisions 18 and 20). same_person is never true: the rules
// refuse it, and this is where an auditor sees that they did.
var segregation = Report{
	Name: "segregation", By: "requested_at", Keeps: []string{"account."},
	Codes: map[string][]string{"kind": {"void", "destruction"}, "status": {"waiting", "approved"}},
	Columns: []Column{
		{"kind", Text}, {"user_id", Text}, {"target", Text}, {"requested_by", Text}, {"requested_at", Moment}, {"approved_by", Text}, {"approved_at", Moment},
		{"same_person", Flag}, {"status", Text}, {"event_id", Text},
	},
	// The events are read as they were recorded: a request that was voided later was made all the same.
	Make: func(f *Facts) (rows []Row) {
		for _, p := range f.Users {
			type request struct {
				by, event string
				at        time.Time
			}
			destruction := request{}
			voids := map[string]request{}
			asked := map[string]int{} // the row of a request, by its kind and target
			add := func(key, kind, target string, r request) {
				asked[key] = len(rows)
				rows = append(rows, Row{kind, string(p.ID), target, r.by, r.at, nil, nil, nil, "waiting", r.event})
			}
			approve := func(key, by string, at time.Time, r request) {
				if i, ok := asked[key]; ok {
					row := rows[i]
					row[5], row[6], row[7], row[8] = by, at, by == r.by, "approved"
				}
			}
			for _, e := range p.Events {
				if !f.happened(e.OccurredAt) {
					continue
				}
				switch data := e.Data.(type) {
				case account.EntryVoidRequested:
					r := request{data.By, e.ID.String(), e.OccurredAt}
					voids[data.EventID] = r
					add("void "+data.EventID, "void", data.EventID, r)
				case account.EntryVoided:
					approve("void "+data.EventID, data.ApprovedBy, e.OccurredAt, voids[data.EventID])
				case account.DestructionRequested:
					destruction = request{data.By, e.ID.String(), e.OccurredAt}
					add("destruction", "destruction", "", destruction)
				case account.Destroyed:
					approve("destruction", data.ApprovedBy, e.OccurredAt, destruction)
				}
			}
		}
		return rows
	},
}
