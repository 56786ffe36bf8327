package user

import (
	"slices"
	"time"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/site"
)

// The documents that a press accepts.
const (
	TermsDocument    = "terms"
	DataDocument     = "personal-data"
	OfferDocument    = "public-offer"
	buttonRegister   = "register"
	buttonBuy        = "buy"
	pageMarketplace  = "marketplace"
	pageSubscription = "subscription"
)

// CompleteDocuments names the documents in force where a press was imported without them. c is a pointer to a command;
// other commands are left as they are.
func CompleteDocuments(c Command, s site.State, at time.Time) {
	a := acceptanceOf(c)
	if a == nil || *a == nil || len((*a).Documents) > 0 {
		return
	}
	ids := []string{DataDocument}
	if _, ok := c.(*Register); ok {
		ids = []string{TermsDocument, DataDocument}
	}
	filled := **a
	for _, id := range ids {
		if d, ok := s.InForce(id, filled.Language, at); ok {
			filled.Documents = append(slices.Clip(filled.Documents), account.DocumentRef{ID: d.ID, Version: d.Version, SHA256: d.SHA256})
		}
	}
	*a = &filled
}

// checkAcceptance holds what was shown against what is published (T-2.3, P-2.2): each wanted document must be among the
// shown ones, and each shown one must be the version in force, in that language, to the byte. It gives the agreement on
// personal data as published.
func checkAcceptance(a *account.Acceptance, button string, wanted []string, s site.State, at time.Time) (site.Document, error) {
	var data site.Document
	switch {
	case a == nil:
		return data, domain.Refuse(domain.Invalid, "acceptance-missing", "the documents must be shown and accepted by pressing the button").At("/acceptance").By("P-2.2")
	case a.Button != button:
		return data, domain.Malformed("/acceptance/button", "the button is %q", button).By("P-2.2")
	case a.Page != pageMarketplace && a.Page != pageSubscription:
		return data, domain.Malformed("/acceptance/page", "the page is marketplace or subscription").By("P-2.2")
	case !domain.ValidLanguage(a.Language):
		return data, domain.Malformed("/acceptance/language", "a language is a tag such as kk, ru or en")
	}
	for i, d := range a.Documents {
		if !site.ValidDocument(d.ID, d.Version, d.SHA256) {
			return data, domain.Malformed("/acceptance/documents", "a document is an id, a version and the SHA-256 of what was shown, 64 small hexadecimal digits")
		}
		if slices.ContainsFunc(a.Documents[:i], func(o account.DocumentRef) bool { return o.ID == d.ID }) {
			return data, domain.Malformed("/acceptance/documents", "each document is named once")
		}
	}
	for _, id := range wanted {
		if _, ok := a.Document(id); !ok {
			return data, domain.Refuse(domain.Invalid, "acceptance-missing", "name the version of %s that was shown", id).At("/acceptance/documents").By(clauseOf(id))
		}
	}
	for _, d := range a.Documents {
		now, ok := s.InForce(d.ID, a.Language, at)
		if !ok || now.Version != d.Version || now.SHA256 != d.SHA256 {
			return data, domain.Refuse(domain.Conflict, "document-mismatch",
				"what was shown of %s is not what is in force in this language; show the version in force and ask again", d.ID).At("/acceptance/documents").By(clauseOf(d.ID))
		}
		if d.ID == DataDocument {
			data = now
		}
	}
	return data, nil
}

// clauseOf is where the acceptance of a document is demanded.
func clauseOf(document string) string {
	switch document {
	case TermsDocument:
		return "T-2.3"
	case OfferDocument:
		return "T-2.2"
	}
	return "P-2.2"
}
