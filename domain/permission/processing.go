package permission

import (
	"slices"
	"time"

	"kelisim/domain/consent"
	"kelisim/domain/site"
)

// ProcessingAnswer is an Answer with how consent stands.
type ProcessingAnswer struct {
	Answer
	Purpose string `json:"purpose"`
	Act     string `json:"act"`
	Status  string `json:"status"`
}

// The statuses beside those of consent.
const (
	DataBlocked    = "data-blocked"
	Depersonalised = "depersonalised"
	Destroyed      = "destroyed"
)

// duties are the acts that need no consent: the Company owes protection from receipt of the data until they are destroyed (P-2.5).
var duties = []string{"block", "depersonalise", "destroy"}

// Processing answers whether the person's data may be processed: for a purpose, by an act, at a moment (P-1.5, P-2.1 to P-2.6).
func Processing(b Books, s site.State, purpose, act string, asOf time.Time) ProcessingAnswer {
	p := processing(b, s, purpose, act, asOf)
	p.NextChangeAt = nextChange(asOf, processingBoundaries(b), p.Answer, func(t time.Time) Answer { return processing(b, s, purpose, act, t).Answer })
	return p
}

// ProcessingOnly is Processing without the next change, for long lists.
func ProcessingOnly(b Books, s site.State, purpose, act string, asOf time.Time) ProcessingAnswer {
	return processing(b, s, purpose, act, asOf)
}

func processing(b Books, s site.State, purpose, act string, t time.Time) ProcessingAnswer {
	standing := b.Consent.StandingAt(purpose, t)
	p := ProcessingAnswer{Purpose: purpose, Act: act, Status: standing.Status}
	registered := b.Account.Registered
	duty := slices.Contains(duties, act) && registered.Event != "" && !registered.At.After(t)
	if e := b.Account.DestroyedAt; e.Event != "" && !e.At.After(t) {
		p.Status = Destroyed
		p.Reasons = []Reason{{"destroyed", "P-2.5", at(e.At), nil, []string{e.Event}}}
		return p
	}
	if e := b.Account.DepersonalisedAt; e.Event != "" && !e.At.After(t) {
		p.Status = Depersonalised
		// What is left of the data can still be destroyed.
		if act != "destroy" {
			p.Reasons = []Reason{{"depersonalised", "P-2.5", at(e.At), nil, []string{e.Event}}}
			return p
		}
	}
	if k, blocked := b.Account.DataBlockedAt(t); blocked {
		if p.Status != Depersonalised {
			p.Status = DataBlocked
		}
		// A block suspends every act but keeping the data and keeping them blocked.
		if act != "store" && act != "block" {
			p.Reasons = []Reason{{"data-blocked", "P-1.5", at(k.Since), at(k.Until), []string{k.Began}}}
			return p
		}
	}
	covered := standing.Status == consent.IsGiven || standing.Status == consent.WithdrawalPending
	switch {
	case duty:
		p.Allowed = true
		p.Reasons = []Reason{{"duty", "P-2.5", at(registered.At), nil, []string{registered.Event}}}
	case covered && standing.Status == consent.IsGiven:
		p.Allowed = true
		p.Reasons = []Reason{{"consent-given", "P-2.2", at(standing.Since), at(standing.Until), consentEvents(standing)}}
	case covered:
		p.Allowed = true
		p.Reasons = []Reason{{"withdrawal-pending", "P-2.2", at(standing.Since), at(standing.Until), consentEvents(standing)}}
	case act == "store":
		if h, held := b.Consent.StoreHeldAt(t); held {
			p.Allowed = true
			p.Reasons = []Reason{{"duty", "P-2.6", at(h.Since), at(h.Until), []string{h.Event}}}
			break
		}
		fallthrough
	default:
		p.Reasons = []Reason{refusal(s, standing, purpose)}
	}
	if p.Status == "" {
		p.Status = consent.NeverGiven
	}
	return p
}

func refusal(s site.State, standing consent.Standing, purpose string) Reason {
	known := func(d site.Document) bool { return slices.Contains(d.Purposes, purpose) }
	switch {
	case standing.Status == consent.Withdrawn:
		return Reason{"withdrawn", "P-2.2", at(standing.Since), nil, consentEvents(standing)}
	case standing.Status == consent.NeverGiven && slices.ContainsFunc(s.Documents(), known):
		return Reason{Code: "never-consented", Clause: "P-2.2", Events: []string{}}
	}
	return Reason{Code: "purpose-not-covered", Clause: "P-2.3", Events: []string{}}
}

func consentEvents(standing consent.Standing) []string {
	out := []string{}
	for _, c := range standing.Consents {
		out = append(out, c.Event)
	}
	for _, n := range standing.Notices {
		out = append(out, n.Event)
		if n.AcceptedEvent != "" {
			out = append(out, n.AcceptedEvent)
		}
	}
	return out
}

func processingBoundaries(b Books) []time.Time {
	out := b.Consent.Boundaries()
	for _, k := range b.Account.DataBlocks {
		out = append(out, k.Since, k.Until)
	}
	return append(out, b.Account.Registered.At, b.Account.DepersonalisedAt.At, b.Account.DestroyedAt.At)
}

// Attribution tells whose an action at a moment is deemed to be (T-3.6).
type Attribution struct {
	Attribution string       `json:"attribution"` // user, disputed
	Clause      string       `json:"clause"`
	At          time.Time    `json:"at"`
	Report      *DisputeView `json:"report"`
}

// DisputeView is the report that rebuts the attribution.
type DisputeView struct {
	ReportID       string     `json:"report_id"`
	SuspectedSince time.Time  `json:"suspected_since"`
	ReportedAt     time.Time  `json:"reported_at"`
	RestoredAt     *time.Time `json:"restored_at"`
	Event          string     `json:"event"`
}

// AttributionAt answers whose an action at a moment is: the user's, or disputed from the suspected moment of a
// report until access is restored (T-3.6).
func AttributionAt(b Books, t time.Time) Attribution {
	a := Attribution{Attribution: "user", Clause: "T-3.6", At: t.UTC()}
	if r, disputed := b.Account.DisputedAt(t); disputed {
		a.Attribution = "disputed"
		a.Report = &DisputeView{r.ID, r.SuspectedSince.UTC(), r.ReportedAt.UTC(), at(r.RestoredAt), r.Event}
	}
	return a
}
