// Package site is the book of what the operator publishes and decrees for all: documents, prices, the
// parameters of the terms, and restrictions of use by category (T-1.3). It is one stream, `site`.
package site

import (
	"time"

	"kelisim/domain"
	"kelisim/domain/event"
)

// Event is any fact in the site's stream.
type Event interface{ isSite() }

// Events is the catalogue of this book.
var Events = []event.Type{
	event.Of[DocumentPublished]("site.document_published"),
	event.Of[ParametersSet]("site.parameters_set", event.From(parametersSetV1.lift)),
	event.Of[TariffSet]("site.tariff_set"),
	event.Of[RestrictionImposed]("site.restriction_imposed"),
	event.Of[RestrictionLifted]("site.restriction_lifted"),
}

// DocumentPublished: this text, in this language, is in force from a moment on. Its bytes stand in the event, so
// that what a user accepted can be shown for ever. A version is never published twice.
type DocumentPublished struct {
	ID          string    `json:"id"` // "terms", "personal-data", "public-offer"
	Version     string    `json:"version"`
	Language    string    `json:"language"` // kk, ru, en
	SHA256      string    `json:"sha256"`   // of Content, hex
	Content     []byte    `json:"content"`
	InForceFrom time.Time `json:"in_force_from"`
	// Purposes that a consent to this version covers (P-2.3); only for personal-data.
	Purposes []string `json:"purposes,omitempty"`
	// FullSHA256 is the hash of the full version to download, where the operator gave its bytes.
	FullSHA256 string `json:"full_sha256,omitempty"`
}

// ParametersSet: the numbers of the terms from a moment on.
type ParametersSet struct {
	InForceFrom time.Time         `json:"in_force_from"`
	Parameters  domain.Parameters `json:"parameters"`
}

// parametersSetV1 did not name the operator.
type parametersSetV1 ParametersSet

func (p parametersSetV1) lift() ParametersSet { return ParametersSet(p) }

// TariffSet: the price of a period from a moment on (T-2.1).
type TariffSet struct {
	Months      int          `json:"months"`
	Price       domain.Money `json:"price"`
	InForceFrom time.Time    `json:"in_force_from"`
}

// RestrictionImposed: users of a category may not use the paid content (T-1.3).
type RestrictionImposed struct {
	RestrictionID string          `json:"restriction_id"`
	Category      Category        `json:"category"`
	Reason        domain.Personal `json:"reason,omitzero" personal:"freeform"`
}

// RestrictionLifted ends a restriction.
type RestrictionLifted struct {
	RestrictionID string          `json:"restriction_id"`
	Reason        domain.Personal `json:"reason,omitzero" personal:"freeform"`
}

func (DocumentPublished) isSite()  {}
func (ParametersSet) isSite()      {}
func (TariffSet) isSite()          {}
func (RestrictionImposed) isSite() {}
func (RestrictionLifted) isSite()  {}

// Category says whom a restriction meets: its fields must all match, any value of a field will do.
type Category struct {
	All       bool     `json:"all,omitempty"`
	Locations []string `json:"locations,omitempty"`
	Languages []string `json:"languages,omitempty"`
}
