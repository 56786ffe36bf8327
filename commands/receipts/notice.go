package receipts

import (
	"slices"
	"time"

	"kelisim/commands"
	"kelisim/domain"
	"kelisim/domain/consent"
	"kelisim/domain/user"
)

// Notice is a written notice of withdrawal, how its day was counted, and what became of it.
type Notice struct {
	NoticeID            string    `json:"notice_id"`
	Status              string    `json:"status"` // pending, refused, not-per-terms, rescinded, effective
	ReceivedOn          string    `json:"received_on"`
	Channel             string    `json:"channel"`
	PerTerms            bool      `json:"per_terms"` // it came by the way that the terms name
	TrackingNumber      string    `json:"tracking_number,omitempty"`
	SentOn              string    `json:"sent_on,omitempty"`
	RequestedOn         string    `json:"requested_on,omitempty"`
	RequestedOnTooEarly bool      `json:"requested_on_too_early,omitempty"`
	LetterSHA256        string    `json:"letter_sha256,omitempty"`
	RetryOf             string    `json:"retry_of,omitempty"`
	Purposes            []string  `json:"purposes"` // empty: everything
	EnteredAt           time.Time `json:"entered_at"`
	RecordedAt          time.Time `json:"recorded_at"`
	Event               string    `json:"event"`

	Computation Computation `json:"computation"`
	Refusal     *Refusal    `json:"refusal,omitempty"`
	Acceptance  *Decision   `json:"acceptance,omitempty"`
	Rescission  *Decision   `json:"rescission,omitempty"`
	Effect      *Effect     `json:"effect,omitempty"`
	Ends        []string    `json:"ends"` // the consents that it ends at its effect
}

// Computation is how the day of effect follows from the day of receipt (P-2.2, P-2.6).
type Computation struct {
	Clause        string    `json:"clause"`
	CountedFrom   string    `json:"counted_from"` // the day of receipt, which is day 0
	Days          int       `json:"days"`         // calendar days, by the terms in force when the notice was entered
	CountedTo     string    `json:"counted_to"`
	Edge          string    `json:"edge"`
	EffectiveOn   string    `json:"effective_on"`
	EffectiveFrom time.Time `json:"effective_from"`
}

// Refusal lists every ground (P-2.6).
type Refusal struct {
	At          time.Time        `json:"at"`
	ByOfficer   bool             `json:"by_officer,omitempty"`
	Grounds     []consent.Ground `json:"grounds"`
	Obligations []Owed           `json:"obligations"` // those that the grounds name
	Event       string           `json:"event"`
}

// Owed is an obligation that a ground names.
type Owed struct {
	ObligationID string       `json:"obligation_id"`
	Kind         string       `json:"kind"`
	Amount       domain.Money `json:"amount"`
}

// Decision is when something was decided, and by which event.
type Decision struct {
	At    time.Time `json:"at"`
	Event string    `json:"event"`
}

// Effect: the moment has come. Event is its marker and MarkedAt when that was recorded; it may not have been written yet, and nothing depends on it.
type Effect struct {
	From     time.Time  `json:"from"`
	MarkedAt *time.Time `json:"marked_at,omitempty"`
	Event    string     `json:"event,omitempty"`
}

// ofNotice is the record of a notice, without its evidence. What was decided after the moment is not in it. False: it had not been received by then.
func ofNotice(snap commands.Snapshot, asOf time.Time, id string) (Record, bool) {
	n, ok := snap.State.Consent.Notice(id)
	if !ok || n.ReceivedOn.Start().After(asOf) {
		return Record{}, false
	}
	r := base(snap, asOf, n.EnteredAt, KindNotice)
	days := snap.Site.ParametersAt(n.EnteredAt)
	out := &Notice{
		NoticeID: n.NoticeID, Status: n.StatusAt(asOf), ReceivedOn: n.ReceivedOn.String(), Channel: n.Channel, PerTerms: n.PerTerms, TrackingNumber: n.TrackingNumber,
		SentOn: day(n.SentOn), RequestedOn: day(n.RequestedOn), RequestedOnTooEarly: n.RequestedOnTooEarly, LetterSHA256: n.LetterSHA256, RetryOf: n.RetryOf,
		Purposes: orEmpty(n.Purposes), EnteredAt: n.EnteredAt.UTC(), RecordedAt: n.RecordedAt.UTC(), Event: n.Event,
		Computation: Computation{Clause: "P-2.2", CountedFrom: n.ReceivedOn.String(), Days: days.WithdrawalDays, CountedTo: n.ReceivedOn.AddDays(days.WithdrawalDays).String(),
			Edge: days.WithdrawalEdge, EffectiveOn: n.EffectiveOn.String(), EffectiveFrom: n.EffectiveFrom.UTC()},
		Ends: []string{},
	}
	// A refusal at the entry holds from the beginning; every other decision from its own moment.
	if !n.RefusedAt.IsZero() && (!n.RefusedByOfficer || !n.RefusedAt.After(asOf)) {
		out.Refusal = &Refusal{At: n.RefusedAt.UTC(), ByOfficer: n.RefusedByOfficer, Grounds: n.Grounds, Obligations: []Owed{}, Event: n.RefusedEvent}
		for _, g := range n.Grounds {
			if o, ok := snap.State.Obligations.Obligation(g.ObligationID); ok {
				out.Refusal.Obligations = append(out.Refusal.Obligations, Owed{o.ID, o.Kind, o.Amount})
			}
		}
	}
	if n.AcceptedEvent != "" {
		out.Acceptance = &Decision{n.AcceptedAt.UTC(), n.AcceptedEvent}
	}
	if n.RescindedEvent != "" && !n.RescindedAt.After(asOf) {
		out.Rescission = &Decision{n.RescindedAt.UTC(), n.RescindedEvent}
	}
	if out.Status == consent.StatusEffective {
		out.Effect = &Effect{From: n.EffectiveFrom.UTC()}
	}
	if out.Status == consent.StatusEffective || out.Status == consent.StatusPending {
		out.Ends = ends(snap.State.Consent, n)
	}
	r.Notice = out
	return r, true
}

// mark finds the marker of a notice's effect.
func (e *Effect) mark(markers []user.Recorded, notice string) {
	for _, event := range markers {
		if m, ok := event.Data.(consent.WithdrawalTookEffect); ok && m.NoticeID == notice {
			e.MarkedAt, e.Event = moment(event.RecordedAt), event.ID.String()
		}
	}
}

// ends are the consents that a notice, apart from all others, ends at its effect.
func ends(all consent.State, n consent.Notice) []string {
	out := []string{}
	for _, c := range all.Consents {
		alone := consent.State{Consents: []consent.Consent{c}, Notices: []consent.Notice{n}}
		ended := func(p string) bool { return alone.StandingAt(p, n.EffectiveFrom).Status == consent.Withdrawn }
		if slices.ContainsFunc(c.Purposes, ended) {
			out = append(out, c.ID)
		}
	}
	return out
}
