package reports

import (
	"kelisim/domain/consent"
	"kelisim/domain/obligation"
)

// Why an obligation and a notice meet.
const (
	aroseDuringNotice = "arose-during-notice" // it does not defeat the notice by itself
	learntAfterEntry  = "learnt-after-entry"  // it stood at the end of the day of receipt, and the ledger did not know it when the notice was entered
)

// obligationsDuringNotice lists the obligations that an officer may want to hold against a notice whose clock runs (P-2.6).
var obligationsDuringNotice = Report{
	Name: "obligations-during-notice", By: "demanded_at", Keeps: []string{"consent.withdrawal", "obligation."},
	Codes: map[string][]string{"status": noticeStates, "obligation_kind": obligations, "ground": {aroseDuringNotice, learntAfterEntry}, "how": {obligation.Paid, obligation.Waived, obligation.Cancelled}},
	Columns: []Column{
		{"user_id", Text}, {"notice_id", Text}, {"received_on", Day}, {"effective_from", Moment}, {"status", Text}, {"obligation_id", Text},
		{"obligation_kind", Text}, {"amount", Sum}, {"demanded_at", Moment}, {"ground", Text}, {"discharged_at", Moment}, {"how", Text},
		{"recorded_at", Moment}, {"event_id", Text},
	},
	Make: func(f *Facts) (rows []Row) {
		f.notices(func(p *Person, n consent.Notice) {
			_, position, ran := learnt(p, n)
			if !ran {
				return
			}
			end := n.ReceivedOn.End()
			for _, o := range p.State.Obligations.All() {
				e := p.entry(o.DemandEvent)
				ground := aroseDuringNotice
				switch {
				case !f.happened(o.DemandedAt):
					continue
				case o.DemandedAt.Before(end):
					stood := o.DischargedAt.IsZero() || !o.DischargedAt.Before(end)
					if e.Position < position || !stood {
						continue
					}
					ground = learntAfterEntry
				case !o.DemandedAt.Before(n.EffectiveFrom), ended(n, o):
					continue
				}
				how := o.How
				if !f.happened(o.DischargedAt) {
					how = ""
				}
				rows = append(rows, Row{
					string(p.ID), n.NoticeID, n.ReceivedOn, n.EffectiveFrom, n.StatusAt(f.AsOf), o.ID, o.Kind, o.Amount, o.DemandedAt, ground,
					f.dated(o.DischargedAt), how, e.RecordedAt, o.DemandEvent,
				})
			}
		})
		return rows
	},
}

// ended tells whether the notice no longer ran when an obligation was demanded.
func ended(n consent.Notice, o obligation.Obligation) bool {
	s := n.StatusAt(o.DemandedAt)
	return s == consent.StatusRefused || s == consent.StatusRescinded
}
