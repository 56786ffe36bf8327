package reports

import (
	"time"

	"kelisim/domain/account"
	"kelisim/domain/user"
)

// oldDocuments lists who accepted a version of the terms or of the agreement on personal data, and not the one that is in force now: old
// consents keep their text and scope (decision 10), so whoever stands here has agreed to the old text alone.
var oldDocuments = Report{
	Name: "old-documents", By: "accepted_at",
	Codes: map[string][]string{"document": documents, "language": languages},
	Columns: []Column{
		{"user_id", Text}, {"document", Text}, {"language", Text}, {"document_version", Text}, {"document_sha256", Text}, {"accepted_at", Moment},
		{"version_in_force", Text}, {"in_force_from", Moment}, {"event_id", Text},
	},
	Make: func(f *Facts) (rows []Row) {
		for _, p := range f.present() {
			if f.happened(p.State.Account.DestroyedAt.At) || f.happened(p.State.Account.DepersonalisedAt.At) {
				continue // nobody is left who could be asked again
			}
			for _, document := range []string{user.TermsDocument, user.DataDocument} {
				held, ok := f.held(p, document)
				now, published := f.Site.InForce(document, held.language, f.AsOf)
				if !ok || !published || held.Version == now.Version {
					continue
				}
				rows = append(rows, Row{
					string(p.ID), document, held.language, held.Version, held.SHA256, held.at, now.Version, now.InForceFrom, held.event,
				})
			}
		}
		return rows
	},
}

type holding struct {
	account.DocumentRef
	language string
	at       time.Time
	event    string
}

// held is the version of a document that a person accepted last.
func (f *Facts) held(p *Person, document string) (last holding, ok bool) {
	take := func(a account.Acceptance, at time.Time, event string) {
		if d, named := a.Document(document); named && f.happened(at) && !at.Before(last.at) {
			last, ok = holding{d, a.Language, at, event}, true
		}
	}
	r := p.State.Account.Registered
	take(p.State.Account.Acceptance, r.At, r.Event)
	for _, c := range p.State.Consent.Consents {
		take(c.Acceptance, c.At, c.Event)
	}
	return last, ok
}
