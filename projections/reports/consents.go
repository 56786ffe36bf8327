package reports

import (
	"time"

	"kelisim/domain/consent"
	"kelisim/domain/permission"
	"kelisim/domain/user"
)

// consentRegister lists every consent ever given, with what is left of it (P-2.1, P-2.2; Law 94-V, article 22(1)(5)).
var consentRegister = Report{
	Name: "consent-register", By: "given_at", Keeps: []string{"consent.given"},
	Codes: map[string][]string{"button": {"register", "buy"}, "page": {"marketplace", "subscription"}, "language": languages, "document": documents, "purposes": PurposeCodes, "status": consentStates, "ended_purposes": PurposeCodes},
	Columns: []Column{
		{"user_id", Text}, {"consent_id", Text}, {"given_at", Moment}, {"day", Day}, {"button", Text}, {"page", Text}, {"language", Text},
		{"document", Text}, {"document_version", Text}, {"document_sha256", Text}, {"purposes", List}, {"status", Text}, {"ended_purposes", List},
		{"ended_at", Moment}, {"recorded_at", Moment}, {"late", Flag}, {"event_id", Text},
	},
	Make: func(f *Facts) (rows []Row) {
		for _, p := range f.present() {
			for _, c := range p.State.Consent.Consents {
				if !f.happened(c.At) {
					continue
				}
				status, ended, at := standing(p.State, c, f.AsOf)
				e := p.entry(c.Event)
				rows = append(rows, Row{
					string(p.ID), c.ID, c.At, c.Day, c.Acceptance.Button, c.Acceptance.Page, c.Acceptance.Language,
					c.Document.ID, c.Document.Version, c.Document.SHA256, c.Purposes, status, ended, at, e.RecordedAt, e.Late, c.Event,
				})
			}
		}
		return rows
	},
}

// What is left of one consent, beside the words for how consent stands.
const withdrawnInPart = "withdrawn-in-part"

// standing is how one consent stands by itself at a moment: its status, the purposes that a notice has ended, and when the last of them
// ended. It is asked as if it were the only one, since another consent may cover the same purposes.
func standing(s user.State, c consent.Consent, at time.Time) (status string, ended []string, when time.Time) {
	alone := consent.State{Consents: []consent.Consent{c}, Notices: s.Consent.Notices}
	pending := false
	ended = []string{}
	for _, purpose := range c.Purposes {
		switch k := alone.StandingAt(purpose, at); k.Status {
		case consent.Withdrawn:
			ended = append(ended, purpose)
			if k.Since.After(when) {
				when = k.Since
			}
		case consent.WithdrawalPending:
			pending = true
		}
	}
	gone := func(t time.Time) bool { return !t.IsZero() && !t.After(at) }
	switch {
	case gone(s.Account.DestroyedAt.At):
		status = permission.Destroyed
	case gone(s.Account.DepersonalisedAt.At):
		status = permission.Depersonalised
	case len(ended) > 0 && len(ended) == len(c.Purposes):
		status = consent.Withdrawn
	case len(ended) > 0:
		status = withdrawnInPart
	case pending:
		status = consent.WithdrawalPending
	default:
		status = consent.IsGiven
	}
	return status, ended, when
}
