// Package govstack says what the ledger knows in the words of the GovStack building block for consent, specification 1.1.0-rc1: the groups service/verification
// and audit of its interface, to be read only. Its way of writing (one flag that can be flipped, signatures over SHA-1, records that can be forgotten) is
// not how consent is given or taken back here, so that none of the rest is there. The routes are in package http, under /govstack.
//
// What stands for what:
//
//	DataAgreement          one purpose of the agreement on personal data (P-2.3): id is the purpose, version that of the document
//	  policy               the document: id, version, where its text is; jurisdiction and place of storage are KZ
//	  controller           the operator that the terms name; id is its BIN
//	  lawfulBasis          consent (P-2.1)
//	  active               the version is in force, so that a press gives consent to it
//	  forgettable          false: nothing is removed (T-3.9)
//	Revision               one language of one version: serializedHash is the SHA-256 of the text, which is the serializedSnapshot where one agreement is asked for
//	ConsentRecord          how consent of one person stands for one purpose, now: id is the person's id, a dot, and the purpose
//	  optIn                the answer to "may these data be used for this purpose?": false too while they are blocked, and once they are depersonalised
//	  dataAgreement, dataAgreementRevision, dataAgreementRevisionHash
//	                       what was shown at the last of the presses that this rests on; an old consent keeps its text
//	  state                unsigned: the press of a button is no signature
//	Individual             the person's opaque id, and nothing else
//
// Where a purpose was never consented to there is no record. Empty texts stand for what the specification wants and the ledger does not know: an
// address of the controller on the web, an assessment of impact.
package govstack

import (
	"slices"
	"strings"
	"time"

	"kelisim/domain"
	"kelisim/domain/consent"
	"kelisim/domain/permission"
	"kelisim/domain/site"
)

// dataDocument is the agreement to which consent is given (P-2.2).
const dataDocument = "personal-data"

// country is where the data are, and whose law holds.
const country = "KZ"

type Controller struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	URL  string `json:"url"`
}

type Policy struct {
	ID              string `json:"id"`
	Name            string `json:"name"`
	Version         string `json:"version"`
	URL             string `json:"url"` // of the text, without its language, below /v1
	Jurisdiction    string `json:"jurisdiction"`
	StorageLocation string `json:"storageLocation"`
}

type DataAgreement struct {
	ID          string      `json:"id"`
	Version     string      `json:"version"`
	Controller  *Controller `json:"controller,omitempty"`
	Policy      Policy      `json:"policy"`
	Purpose     string      `json:"purpose"`
	LawfulBasis string      `json:"lawfulBasis"`
	DPIA        string      `json:"dpia"`
	Active      bool        `json:"active"`
	Forgettable bool        `json:"forgettable"`
}

type Revision struct {
	ID                 string    `json:"id"`
	SchemaName         string    `json:"schemaName"`
	ObjectID           string    `json:"objectId"`
	SerializedSnapshot string    `json:"serializedSnapshot,omitempty"`
	SerializedHash     string    `json:"serializedHash"`
	Timestamp          time.Time `json:"timestamp"`
}

type Individual struct {
	ID domain.UserID `json:"id"`
}

type ConsentRecord struct {
	ID                        string        `json:"id"`
	DataAgreement             DataAgreement `json:"dataAgreement"`
	DataAgreementRevision     Revision      `json:"dataAgreementRevision"`
	DataAgreementRevisionHash string        `json:"dataAgreementRevisionHash"`
	Individual                Individual    `json:"individual"`
	OptIn                     bool          `json:"optIn"`
	State                     string        `json:"state"`
}

// Agreements lists the agreements that were published by a moment, by purpose and by when each came into force; with active, those in force alone.
func Agreements(s site.State, at time.Time, active bool) []DataAgreement {
	out := []DataAgreement{}
	since := map[DataAgreement]time.Time{}
	for _, d := range s.Documents() {
		for _, purpose := range d.Purposes {
			a := agreement(s, d, purpose, at)
			key := a
			key.Controller = nil
			if _, known := since[key]; known || d.ID != dataDocument || d.InForceFrom.After(at) || active && !a.Active {
				continue // another language of the same
			}
			since[key], out = d.InForceFrom, append(out, a)
		}
	}
	slices.SortStableFunc(out, func(a, b DataAgreement) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// Agreement is the newest version of one agreement that was in force by a moment, with its revisions by language.
func Agreement(s site.State, at time.Time, purpose string) (DataAgreement, []Revision, bool) {
	var newest *site.Document
	all := s.Documents()
	for i := range all {
		d := &all[i]
		if d.ID == dataDocument && slices.Contains(d.Purposes, purpose) && !d.InForceFrom.After(at) && (newest == nil || !d.InForceFrom.Before(newest.InForceFrom)) {
			newest = d
		}
	}
	if newest == nil {
		return DataAgreement{}, nil, false
	}
	var revisions []Revision
	for _, d := range all {
		if d.ID == dataDocument && d.Version == newest.Version && slices.Contains(d.Purposes, purpose) {
			r := revision(d, purpose)
			r.SerializedSnapshot = string(d.Content)
			revisions = append(revisions, r)
		}
	}
	return agreement(s, *newest, purpose, at), revisions, true
}

func agreement(s site.State, d site.Document, purpose string, at time.Time) DataAgreement {
	current, ok := s.InForce(d.ID, d.Language, at)
	a := DataAgreement{
		ID: purpose, Version: d.Version, Purpose: purpose, LawfulBasis: "consent", Active: ok && current.Version == d.Version,
		Policy: Policy{ID: d.ID, Name: d.ID, Version: d.Version, URL: "/v1/documents/" + d.ID + "/" + d.Version, Jurisdiction: country, StorageLocation: country},
	}
	if o, ok := s.OperatorAt(at); ok {
		a.Controller = &Controller{ID: o.BIN, Name: o.Name}
	}
	return a
}

func revision(d site.Document, purpose string) Revision {
	return Revision{ID: d.ID + "/" + d.Version + "/" + d.Language, SchemaName: "DataAgreement", ObjectID: purpose, SerializedHash: d.SHA256, Timestamp: d.InForceFrom.UTC()}
}

// Records lists how consent of a person stands at a moment, for each purpose that they ever consented to, by purpose.
func Records(id domain.UserID, b permission.Books, s site.State, at time.Time) []ConsentRecord {
	out := []ConsentRecord{}
	var purposes []string
	for _, c := range b.Consent.Consents {
		if !c.At.After(at) {
			purposes = append(purposes, c.Purposes...)
		}
	}
	slices.Sort(purposes)
	for _, purpose := range slices.Compact(purposes) {
		if r, ok := recordOf(id, b, s, purpose, at); ok {
			out = append(out, r)
		}
	}
	return out
}

// recordOf is the person's for one purpose; false where they never consented to it.
func recordOf(id domain.UserID, b permission.Books, s site.State, purpose string, at time.Time) (ConsentRecord, bool) {
	var last *consent.Consent
	for _, c := range b.Consent.StandingAt(purpose, at).Consents {
		if last == nil || !c.At.Before(last.At) {
			last = c
		}
	}
	if last == nil {
		return ConsentRecord{}, false
	}
	shown := site.Document{DocumentPublished: site.DocumentPublished{ID: last.Document.ID, Version: last.Document.Version, Language: last.Acceptance.Language, SHA256: last.Document.SHA256}}
	if d, ok := s.Document(shown.ID, shown.Version, shown.Language); ok {
		shown = d
	}
	return ConsentRecord{
		ID: string(id) + "." + purpose, DataAgreement: agreement(s, shown, purpose, at), DataAgreementRevision: revision(shown, purpose),
		DataAgreementRevisionHash: last.Document.SHA256, Individual: Individual{id}, State: "unsigned",
		OptIn: permission.ProcessingOnly(b, s, purpose, "use", at).Allowed,
	}, true
}

// Split reads a record's id; false where it is none.
func Split(record string) (domain.UserID, string, bool) {
	user, purpose, ok := strings.Cut(record, ".")
	id, err := domain.ParseUserID(user)
	return id, purpose, ok && err == nil && site.ValidPurpose(purpose)
}
