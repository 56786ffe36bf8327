// Package receipts gives a person what they can keep: a record of one consent (P-2.2), or of one notice of withdrawal that was received, refused or has
// taken effect (P-2.2, P-2.6), as JSON, as DPV-27560 (JSON-LD) and as PDF in Kazakh, Russian and English.
//
// A receipt is made of one snapshot of one person's stream and of the site. The JSON is the receipt: it carries the events that it rests on, as
// stored, with their proofs from the Merkle log, and is signed as a whole by the log's key, so that verify.Receipt checks it with no help of ours
// (TestReceiptIsVerifiedOffline, TestTamperedReceipt). The PDF shows the same for people and has the JSON attached; the JSON-LD says it in the words
// of a public vocabulary. The same receipt always has the same bytes (TestSameBytes).
//
// It names the person by their opaque id alone. A name can be shown on the PDF, where the caller has recorded who looks.
package receipts

import (
	"slices"
	"time"

	"kelisim/commands"
	"kelisim/commands/tlog/verify"
	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/calendar"
	"kelisim/domain/consent"
)

// Record is what a receipt says. Its members' names are fixed by verify.ReceiptSchema.
type Record struct {
	Schema       string           `json:"schema"`
	Kind         string           `json:"kind"`
	SubjectID    domain.UserID    `json:"subject_id"`
	Controller   *domain.Operator `json:"controller"`
	Jurisdiction string           `json:"jurisdiction"` // ISO 3166
	Zone         string           `json:"zone"`         // of its days
	AsOf         time.Time        `json:"as_of"`        // the moment of which its status speaks
	KnownAt      string           `json:"known_at"`     // what was recorded by then is in it
	Consent      *Consent         `json:"consent,omitempty"`
	Notice       *Notice          `json:"notice,omitempty"`
	Evidence     []Evidence       `json:"evidence"`
}

// The kinds of receipt.
const (
	KindConsent = "consent"
	KindNotice  = "withdrawal-notice"
)

const (
	zone         = "Asia/Almaty"
	jurisdiction = "KZ"
)

// Consent is one press of a button, what was shown, and how it stands.
type Consent struct {
	ConsentID  string    `json:"consent_id"`
	GivenAt    time.Time `json:"given_at"`
	RecordedAt time.Time `json:"recorded_at"`
	Day        string    `json:"day"` // of written consent (P-2.2)
	Button     string    `json:"button"`
	Page       string    `json:"page"`
	Language   string    `json:"language"`
	Document   Document  `json:"document"`
	// Shown are all documents of the press, this one among them.
	Shown    []account.DocumentRef `json:"shown"`
	Covers   []string              `json:"covers"` // purposes (P-2.3)
	Acts     []string              `json:"acts"`   // (P-1.5)
	Renews   bool                  `json:"renews"` // another consent to some of it stood already
	Status   string                `json:"status"` // of the purposes together
	Purposes []Purpose             `json:"purposes"`
	Validity string                `json:"validity"`
	Withdraw *Withdraw             `json:"withdrawal"`
	// Disclosures are all that the register holds of the person.
	Disclosures []Disclosure `json:"disclosures"`
	Event       string       `json:"event"`
}

// Document is what was shown, to the letter.
type Document struct {
	ID          string    `json:"id"`
	Version     string    `json:"version"`
	Language    string    `json:"language"`
	SHA256      string    `json:"sha256"` // of the text's bytes
	InForceFrom time.Time `json:"in_force_from"`
	FullSHA256  string    `json:"full_sha256,omitempty"`
	Text        string    `json:"text"`
}

// Purpose is how this consent stands for one purpose; what other consents allow is not in it.
type Purpose struct {
	Purpose string     `json:"purpose"`
	Status  string     `json:"status"` // given, withdrawal-pending, withdrawn
	Since   time.Time  `json:"since"`
	Until   *time.Time `json:"until"`
	Events  []string   `json:"events"` // notices that bear on it
}

// Withdraw is how the consent can be taken back (P-2.2).
type Withdraw struct {
	Clause  string `json:"clause"`
	Channel string `json:"channel"`
	Address string `json:"address"`
	Days    int    `json:"days"`
	Edge    string `json:"edge"`
}

// Disclosure is one entry of the register of disclosures.
type Disclosure struct {
	Recipient string    `json:"recipient"`
	Country   string    `json:"country"`
	Purpose   string    `json:"purpose"`
	Basis     string    `json:"basis"`
	At        time.Time `json:"at"`
	Event     string    `json:"event"`
}

// untilWithdrawn: a consent has no term, and ends when it is taken back (P-2.2).
const untilWithdrawn = "until-withdrawn"

// base is what every receipt says first.
func base(snap commands.Snapshot, asOf, happened time.Time, kind string) Record {
	r := Record{Schema: verify.ReceiptSchema, Kind: kind, SubjectID: snap.User, Jurisdiction: jurisdiction, Zone: zone, AsOf: asOf.UTC(),
		KnownAt: snap.Known.Text(), Evidence: []Evidence{}}
	if o, ok := snap.Site.OperatorAt(happened); ok {
		r.Controller = &o
	}
	return r
}

// ofConsent is the record of a consent, without its evidence. False: the person had not given it by that moment.
func ofConsent(snap commands.Snapshot, asOf time.Time, id string) (Record, bool) {
	all := snap.State.Consent
	i := slices.IndexFunc(all.Consents, func(c consent.Consent) bool { return c.ID == id && !c.At.After(asOf) })
	if i < 0 {
		return Record{}, false
	}
	c := all.Consents[i]
	r := base(snap, asOf, c.At, KindConsent)
	out := &Consent{
		ConsentID: c.ID, GivenAt: c.At.UTC(), RecordedAt: recordedAt(snap, c.Event), Day: c.Day.String(), Button: c.Acceptance.Button, Page: c.Acceptance.Page,
		Language: c.Acceptance.Language, Shown: orEmpty(c.Acceptance.Documents), Covers: orEmpty(c.Purposes), Acts: consent.Acts,
		Document: Document{ID: c.Document.ID, Version: c.Document.Version, Language: c.Acceptance.Language, SHA256: c.Document.SHA256},
		Renews:   renews(all, i), Validity: untilWithdrawn, Purposes: standing(all, c, asOf), Disclosures: []Disclosure{}, Event: c.Event,
	}
	out.Status = together(out.Purposes)
	if d, ok := snap.Site.Document(c.Document.ID, c.Document.Version, c.Acceptance.Language); ok {
		out.Document.InForceFrom, out.Document.FullSHA256, out.Document.Text = d.InForceFrom.UTC(), d.FullSHA256, string(d.Content)
	}
	p := snap.Site.ParametersAt(c.At)
	out.Withdraw = &Withdraw{Clause: "P-2.2", Channel: consent.RegisteredPost, Days: p.WithdrawalDays, Edge: p.WithdrawalEdge}
	if r.Controller != nil {
		out.Withdraw.Address = r.Controller.Address
	}
	for _, d := range all.Disclosures {
		if !d.At.After(asOf) {
			out.Disclosures = append(out.Disclosures, Disclosure{d.Recipient, d.Country, d.Purpose, d.Basis, d.At.UTC(), d.Event})
		}
	}
	r.Consent = out
	return r, true
}

// standing asks how one consent stands, apart from all others.
func standing(all consent.State, c consent.Consent, asOf time.Time) []Purpose {
	alone := all
	alone.Consents = []consent.Consent{c}
	out := []Purpose{}
	for _, name := range c.Purposes {
		s := alone.StandingAt(name, asOf)
		p := Purpose{Purpose: name, Status: s.Status, Since: s.Since.UTC(), Until: moment(s.Until), Events: []string{}}
		for _, n := range s.Notices {
			p.Events = append(p.Events, n.Event)
		}
		out = append(out, p)
	}
	return out
}

// partlyWithdrawn: withdrawn for some of the purposes, and not for others.
const partlyWithdrawn = "partly-withdrawn"

// together is one status for all purposes. A withdrawal that is running for any of them is said before that others stand.
func together(purposes []Purpose) string {
	has := func(status string) bool {
		return slices.ContainsFunc(purposes, func(p Purpose) bool { return p.Status == status })
	}
	switch ended := has(consent.Withdrawn); {
	case ended && (has(consent.IsGiven) || has(consent.WithdrawalPending)):
		return partlyWithdrawn
	case ended:
		return consent.Withdrawn
	case has(consent.WithdrawalPending):
		return consent.WithdrawalPending
	}
	return consent.IsGiven
}

// renews tells whether an earlier consent to any of the purposes stood when this one was given.
func renews(all consent.State, i int) bool {
	c, earlier := all.Consents[i], all
	earlier.Consents = all.Consents[:i]
	return slices.ContainsFunc(c.Purposes, func(p string) bool {
		s := earlier.StandingAt(p, c.At).Status
		return s == consent.IsGiven || s == consent.WithdrawalPending
	})
}

func recordedAt(snap commands.Snapshot, event string) time.Time {
	for _, e := range snap.Events {
		if e.ID.String() == event {
			return e.RecordedAt.UTC()
		}
	}
	return time.Time{}
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func day(d *calendar.Day) string {
	if d == nil {
		return ""
	}
	return d.String()
}
