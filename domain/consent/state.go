package consent

import (
	"slices"
	"time"

	"kelisim/domain/account"
	"kelisim/domain/calendar"
	"kelisim/domain/event"
)

// State is what was agreed and taken back, as dated facts.
type State struct {
	Consents    []Consent
	Notices     []Notice
	Holds       []Hold
	Disclosures []Disclosure
}

// Consent is one press of a button.
type Consent struct {
	ID         string
	At         time.Time
	Day        calendar.Day
	Acceptance account.Acceptance
	Document   account.DocumentRef
	Purposes   []string
	// Survives are the notices that the person was told of when pressing: none of them ends this consent, even on the
	// day of their receipt.
	Survives []string
	Event    string
}

// Notice is one notice of withdrawal with what became of it.
type Notice struct {
	WithdrawalNoticeReceived
	EnteredAt  time.Time // occurred_at of the entry
	RecordedAt time.Time
	Event      string

	AcceptedAt, RefusedAt, RescindedAt          time.Time // zero where it did not happen
	AcceptedEvent, RefusedEvent, RescindedEvent string
	Grounds                                     []Ground // of the refusal
	RefusedByOfficer                            bool

	dayFrom, dayUntil time.Time // the day of receipt
}

// Hold is a legal hold.
type Hold struct {
	ID           string
	Basis        string
	Acts         []string
	Since, Until time.Time // Until is zero while it stands
	Event        string
}

// Disclosure is one entry of the register of disclosures.
type Disclosure struct {
	DisclosureMade
	At    time.Time
	Event string
}

// Status of a notice, in the words of the contract.
const (
	StatusPending     = "pending"
	StatusRefused     = "refused"
	StatusNotPerTerms = "not-per-terms"
	StatusRescinded   = "rescinded"
	StatusEffective   = "effective"
)

func evolve(s State, e Event, m event.Meta) State {
	at, id := m.OccurredAt, m.ID.String()
	switch e := e.(type) {
	case Given:
		c := Consent{ID: e.ConsentID, At: at, Day: e.Day, Acceptance: e.Acceptance, Document: e.Document, Purposes: e.Purposes, Event: id}
		if e.DuringNotice {
			for _, n := range s.PendingAt(at) {
				c.Survives = append(c.Survives, n.NoticeID)
			}
		}
		s.Consents = append(slices.Clip(s.Consents), c)
	case WithdrawalNoticeReceived:
		s.Notices = append(slices.Clip(s.Notices), Notice{
			WithdrawalNoticeReceived: e, EnteredAt: at, RecordedAt: m.RecordedAt, Event: id,
			dayFrom: e.ReceivedOn.Start(), dayUntil: e.ReceivedOn.End(),
		})
	case WithdrawalAccepted:
		s.notice(e.NoticeID, func(n *Notice) { n.AcceptedAt, n.AcceptedEvent = at, id })
	case WithdrawalRefused:
		s.notice(e.NoticeID, func(n *Notice) {
			n.RefusedAt, n.RefusedEvent, n.Grounds, n.RefusedByOfficer = at, id, e.Grounds, e.ByOfficer
		})
	case WithdrawalRescinded:
		s.notice(e.NoticeID, func(n *Notice) { n.RescindedAt, n.RescindedEvent = at, id })
	case WithdrawalTookEffect: // a marker changes nothing
	case DisclosureMade:
		s.Disclosures = append(slices.Clip(s.Disclosures), Disclosure{e, at, id})
	case LegalHoldSet:
		s.Holds = append(slices.Clip(s.Holds), Hold{ID: e.HoldID, Basis: e.Basis, Acts: e.Acts, Since: at, Event: id})
	case LegalHoldLifted:
		s.Holds = slices.Clone(s.Holds)
		for i := range s.Holds {
			if h := &s.Holds[i]; h.ID == e.HoldID && h.Until.IsZero() {
				h.Until = at
			}
		}
	default:
		panic("unhandled consent event")
	}
	return s
}

// notice changes one notice in a copy of the list.
func (s *State) notice(id string, change func(*Notice)) {
	s.Notices = slices.Clone(s.Notices)
	for i := range s.Notices {
		if s.Notices[i].NoticeID == id {
			change(&s.Notices[i])
		}
	}
}

// Notice finds a notice by its id.
func (s State) Notice(id string) (Notice, bool) {
	for _, n := range s.Notices {
		if n.NoticeID == id {
			return n, true
		}
	}
	return Notice{}, false
}

// covers tells whether the notice is about a purpose; without named purposes it is about everything.
func (n *Notice) covers(purpose string) bool {
	return len(n.Purposes) == 0 || slices.Contains(n.Purposes, purpose)
}

// reaches tells whether the notice is one that ends a consent, once its effect comes: the consent was given by the end of the day of
// receipt (P-2.2), and not after the person was told of the notice.
func (n *Notice) reaches(c *Consent) bool {
	return c.At.Before(n.dayUntil) && !slices.Contains(c.Survives, n.NoticeID)
}

// runs tells whether the notice's clock ran or had run at a moment: it had been received, was not refused at its
// entry, was accepted if it had to be, and was neither refused by an officer nor rescinded by then.
func (n *Notice) runs(t time.Time) bool {
	if t.Before(n.dayFrom) || (!n.PerTerms && n.AcceptedAt.IsZero()) {
		return false
	}
	if !n.RefusedAt.IsZero() && (!n.RefusedByOfficer || !t.Before(n.RefusedAt)) {
		return false
	}
	return n.RescindedAt.IsZero() || t.Before(n.RescindedAt)
}

// StatusAt is what the notice is at a moment, in the words of the contract. "pending" is the answer while it runs;
// "effective" once its moment has come.
func (n Notice) StatusAt(t time.Time) string {
	switch {
	case !n.RefusedAt.IsZero() && (!n.RefusedByOfficer || !t.Before(n.RefusedAt)):
		return StatusRefused
	case !n.RescindedAt.IsZero() && !t.Before(n.RescindedAt):
		return StatusRescinded
	case !n.PerTerms && n.AcceptedAt.IsZero():
		return StatusNotPerTerms
	case !t.Before(n.EffectiveFrom):
		return StatusEffective
	}
	return StatusPending
}

// HeldAt are the legal holds that stand just before a moment: set before it and not lifted before it.
func (s State) HeldAt(t time.Time) []Hold {
	var out []Hold
	for _, h := range s.Holds {
		if h.Since.Before(t) && (h.Until.IsZero() || !h.Until.Before(t)) {
			out = append(out, h)
		}
	}
	return out
}

// StoreHeldAt is the hold that lets data be stored at a moment without consent (P-2.6).
func (s State) StoreHeldAt(t time.Time) (Hold, bool) {
	for _, h := range s.Holds {
		if !h.Since.After(t) && (h.Until.IsZero() || t.Before(h.Until)) && slices.Contains(h.Acts, "store") {
			return h, true
		}
	}
	return Hold{}, false
}

// Standing is how consent for a purpose stands at a moment, with what it stands by. What it points to belongs to the state and is not
// to be changed.
type Standing struct {
	Status   string // never-given, given, withdrawal-pending, withdrawn, or "" where consents stand but none covers the purpose
	Consents []*Consent
	Notices  []*Notice
	Since    time.Time
	Until    time.Time // zero where no end is known
}

// The statuses of a consent.
const (
	NeverGiven        = "never-given"
	IsGiven           = "given"
	WithdrawalPending = "withdrawal-pending"
	Withdrawn         = "withdrawn"
)

// StandingAt is how consent for a purpose stands at a moment (P-2.2, P-2.3, P-2.6). A consent covers the
// purposes of its own version; a notice ends the consents given through the end of the day on which it was received, from its effect on.
// Where a consent stands that no running notice ends, the status is given. Since is when the first of the
// consents was given, when the last of them came to be pending, or when the last of them ended.
func (s State) StandingAt(purpose string, t time.Time) Standing {
	live, pending, ended := Standing{Status: IsGiven}, Standing{Status: WithdrawalPending}, Standing{Status: Withdrawn}
	var running []*Notice
	for i := range s.Notices {
		if n := &s.Notices[i]; n.runs(t) && n.covers(purpose) {
			running = append(running, n)
		}
	}
	anyGiven := false
	for i := range s.Consents {
		c := &s.Consents[i]
		if c.At.After(t) {
			continue
		}
		anyGiven = true
		if !slices.Contains(c.Purposes, purpose) {
			continue
		}
		var by *Notice // the notice that ends this consent first
		var heard time.Time
		for _, n := range running {
			if !n.reaches(c) {
				continue
			}
			if by == nil || n.EffectiveFrom.Before(by.EffectiveFrom) {
				by = n
			}
			if heard.IsZero() || n.dayFrom.Before(heard) {
				heard = n.dayFrom
			}
		}
		switch {
		case by == nil:
			if len(live.Consents) == 0 || c.At.Before(live.Since) {
				live.Since = c.At
			}
			live.Consents = append(live.Consents, c)
		case t.Before(by.EffectiveFrom):
			pending.Since = latest(pending.Since, latest(heard, c.At))
			pending.Until = latest(pending.Until, by.EffectiveFrom)
			pending.add(c, by)
		default:
			ended.Since = latest(ended.Since, latest(by.EffectiveFrom, c.At))
			ended.add(c, by)
		}
	}
	for _, k := range []Standing{live, pending, ended} {
		if len(k.Consents) > 0 {
			return k
		}
	}
	if anyGiven {
		return Standing{}
	}
	return Standing{Status: NeverGiven}
}

func (s *Standing) add(c *Consent, by *Notice) {
	s.Consents = append(s.Consents, c)
	if !slices.Contains(s.Notices, by) {
		s.Notices = append(s.Notices, by)
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// PendingAt are the notices whose clock runs at a moment and that will end a consent given by then.
func (s State) PendingAt(t time.Time) []Notice {
	var out []Notice
	for i := range s.Notices {
		n := &s.Notices[i]
		ends := func(c Consent) bool {
			return !c.At.After(t) && n.reaches(&c) && slices.ContainsFunc(c.Purposes, n.covers)
		}
		if n.runs(t) && t.Before(n.EffectiveFrom) && slices.ContainsFunc(s.Consents, ends) {
			out = append(out, *n)
		}
	}
	return out
}

// Boundaries are the moments at which an answer about consent could change.
func (s State) Boundaries() []time.Time {
	var out []time.Time
	for _, c := range s.Consents {
		out = append(out, c.At)
	}
	for i := range s.Notices {
		n := &s.Notices[i]
		out = append(out, n.dayFrom, n.EffectiveFrom, n.RefusedAt, n.RescindedAt)
	}
	for _, h := range s.Holds {
		out = append(out, h.Since, h.Until)
	}
	return slices.DeleteFunc(out, time.Time.IsZero)
}
