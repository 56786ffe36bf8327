package account

import (
	"slices"
	"time"

	"kelisim/domain"
	"kelisim/domain/event"
)

// State is a cabinet's history as dated facts: it can be asked as of any moment.
type State struct {
	Exists     bool // there is a registration
	Abandoned  bool
	Registered Fact
	Acceptance Acceptance

	Login    domain.Personal
	Contacts Contacts
	Personal PersonalData
	// What each of the three last came from: where its sealed values are bound to.
	LoginFrom, ContactsFrom, PersonalFrom Fact

	places      []Place
	Blocks      []Standing
	Reports     []Report
	Permissions []Permission
	Removals    []Removal
	Messages    []MessageState
	DataBlocks  []Span
	Voids       []Void

	FieldDisclosures []FieldDisclosure
	// What ended blocks, reports and blocks of the data. An entry that comes late finds its end here: the order in which
	// facts become known does not matter (see TestLateEntryFindsItsEnd).
	unblocked, restored, dataUnblocked []Fact

	DepersonalisedAt     Fact
	DestructionRequested []Request
	DestroyedAt          Fact
}

// Fact is a moment and the event that made it so; zero where it never was.
type Fact struct {
	At    time.Time
	Event string
	Type  string
}

// Place is where the user was said to be, and the language of the Site shown, from a moment on. An empty field says nothing:
// what was said of it before holds.
type Place struct {
	Since              time.Time
	Location, Language string
	Event              string
}

// Span is something that began and may have ended.
type Span struct {
	Since, Until time.Time // Until is zero while it stands
	Began, Ended string    // event ids
}

// At tells whether the span covers a moment: half-open.
func (s Span) At(t time.Time) bool {
	return !s.Since.After(t) && (s.Until.IsZero() || t.Before(s.Until))
}

// Standing is one block of the cabinet.
type Standing struct {
	Span
	Clause string
}

// Report is one report of unauthorised access.
type Report struct {
	ID             string
	SuspectedSince time.Time
	ReportedAt     time.Time
	Channel        string
	Event          string
	RestoredAt     time.Time // zero while actions are disputed
	RestoredBy     string
}

// Permission is a written permission to use content.
type Permission struct {
	Span
	ID, Content string
}

// Removal is content that was removed.
type Removal struct {
	At              time.Time
	Content, Clause string
	Event           string
}

// MessageState is a message to support.
type MessageState struct {
	ID         string
	At, DueAt  time.Time
	AnsweredAt time.Time
	Event      string
}

// Void is a mistaken entry: requested, and perhaps approved.
type Void struct {
	EventID, RequestedBy string
	RequestedAt          time.Time
	Approved             bool
}

// Request is a wish for destruction that waits for a second person.
type Request struct {
	At        time.Time
	By, Basis string
	Event     string
}

func evolve(s State, e Event, m event.Meta) State {
	at, id := m.OccurredAt, m.ID.String()
	fact := Fact{at, id, m.Type}
	switch e := e.(type) {
	case Registered:
		s.Exists, s.Registered, s.Acceptance = true, fact, e.Acceptance
		s.Login, s.Contacts = e.Login, e.Contacts
		s.LoginFrom, s.ContactsFrom = fact, fact
		if !e.Personal.IsZero() {
			s.Personal, s.PersonalFrom = e.Personal, fact
		}
		s.places = append(slices.Clip(s.places), Place{at, e.Location, e.Acceptance.Language, id})
	case RegistrationAbandoned:
		s.Abandoned = true
	case ContactConfirmed:
	case PersonalDataRecorded:
		s.Personal, s.PersonalFrom = e.Personal, fact
	case LoginChanged:
		s.Login, s.LoginFrom = e.Login, fact
	case ContactsChanged:
		s.Contacts, s.ContactsFrom = e.Contacts, fact
	case LocationSet:
		s.places = append(slices.Clip(s.places), Place{at, e.Location, e.Language, id})
	case Blocked:
		b := Standing{Span{Since: at, Began: id}, e.Clause}
		if e.Until != nil {
			b.Until = *e.Until
		}
		b.endBy(s.unblocked)
		s.Blocks = append(slices.Clip(s.Blocks), b)
	case Unblocked:
		s.unblocked = append(slices.Clip(s.unblocked), fact)
		s.Blocks = slices.Clone(s.Blocks)
		for i := range s.Blocks {
			s.Blocks[i].end(at, id)
		}
	case ContentRemoved:
		s.Removals = append(slices.Clip(s.Removals), Removal{at, e.Content, e.Clause, id})
	case ContentUsePermitted:
		p := Permission{Span{Since: at, Began: id}, e.PermissionID, e.Content}
		if e.Until != nil {
			p.Until = *e.Until
		}
		s.Permissions = append(slices.Clip(s.Permissions), p)
	case UnauthorisedAccessReported:
		r := Report{ID: e.ReportID, SuspectedSince: e.SuspectedSince, ReportedAt: at, Channel: e.Channel, Event: id}
		if f, ok := firstAfter(s.restored, at); ok {
			r.RestoredAt, r.RestoredBy = f.At, f.Event
		}
		s.Reports = append(slices.Clip(s.Reports), r)
	case AccessRestored:
		s.restored = append(slices.Clip(s.restored), fact)
		s.Reports = slices.Clone(s.Reports)
		for i := range s.Reports {
			if r := &s.Reports[i]; r.at(at) {
				r.RestoredAt, r.RestoredBy = at, id
			}
		}
	case MessageReceived:
		s.Messages = append(slices.Clip(s.Messages), MessageState{ID: e.MessageID, At: at, DueAt: e.DueAt, Event: id})
	case MessageAnswered:
		s.Messages = slices.Clone(s.Messages)
		for i := range s.Messages {
			if s.Messages[i].ID == e.MessageID {
				s.Messages[i].AnsweredAt = at
			}
		}
	case DataBlocked:
		b := Span{Since: at, Began: id}
		b.endBy(s.dataUnblocked)
		s.DataBlocks = append(slices.Clip(s.DataBlocks), b)
	case DataUnblocked:
		s.dataUnblocked = append(slices.Clip(s.dataUnblocked), fact)
		s.DataBlocks = slices.Clone(s.DataBlocks)
		for i := range s.DataBlocks {
			s.DataBlocks[i].end(at, id)
		}
	case FieldDisclosureRequested, FieldDisclosureGranted:
		s = s.discloseOn(e, fact)
	case EntryVoidRequested:
		s.Voids = append(slices.Clip(s.Voids), Void{EventID: e.EventID, RequestedBy: e.By, RequestedAt: at})
	case EntryVoided:
		s.Voids = slices.Clone(s.Voids)
		for i := range s.Voids {
			if s.Voids[i].EventID == e.EventID {
				s.Voids[i].Approved = true
			}
		}
	case Depersonalised:
		s.DepersonalisedAt = fact
	case DestructionRequested:
		s.DestructionRequested = append(slices.Clip(s.DestructionRequested), Request{at, e.By, e.Basis, id})
	case Destroyed:
		s.DestroyedAt = fact
	default:
		panic("unhandled account event")
	}
	return s
}

// end closes a span that covers the moment.
func (s *Span) end(at time.Time, event string) {
	if s.At(at) {
		s.Until, s.Ended = at, event
	}
}

// endBy ends a span that is entered late at the first of the facts after it began.
func (s *Span) endBy(facts []Fact) {
	if f, ok := firstAfter(facts, s.Since); ok {
		s.end(f.At, f.Event)
	}
}

// firstAfter is the earliest of the facts that happened after a moment.
func firstAfter(facts []Fact, t time.Time) (first Fact, ok bool) {
	for _, f := range facts {
		if f.At.After(t) && (!ok || f.At.Before(first.At)) {
			first, ok = f, true
		}
	}
	return first, ok
}

// PlaceAt is where the user was said to be as of a moment, and the language, each as it was said last; before the
// registration, as it was said there. Since and Event are those of the later one.
func (s State) PlaceAt(t time.Time) Place {
	var out, where, language Place
	for i, p := range s.places {
		if i > 0 && p.Since.After(t) {
			continue
		}
		if p.Location != "" && !p.Since.Before(where.Since) {
			where = p
		}
		if p.Language != "" && !p.Since.Before(language.Since) {
			language = p
		}
		if !p.Since.Before(out.Since) {
			out = p
		}
	}
	out.Location, out.Language = where.Location, language.Language
	return out
}

// Places lists what was said of where the user is, in the order of recording.
func (s State) Places() []Place { return s.places }

// BlockedAt is the block that stands at a moment (T-3.8).
func (s State) BlockedAt(t time.Time) (Standing, bool) {
	for _, b := range s.Blocks {
		if b.At(t) {
			return b, true
		}
	}
	return Standing{}, false
}

// DataBlockedAt is the block of the data that stands at a moment.
func (s State) DataBlockedAt(t time.Time) (Span, bool) {
	for _, b := range s.DataBlocks {
		if b.At(t) {
			return b, true
		}
	}
	return Span{}, false
}

// DisputedAt is the report that disputes the account's actions at a moment (T-3.6).
func (s State) DisputedAt(t time.Time) (Report, bool) {
	for _, r := range s.Reports {
		if r.at(t) {
			return r, true
		}
	}
	return Report{}, false
}

// at tells whether the report disputes what was done at a moment.
func (r Report) at(t time.Time) bool {
	return !r.SuspectedSince.After(t) && (r.RestoredAt.IsZero() || t.Before(r.RestoredAt))
}

// PermittedDuring lists the ids of the permissions that were in force at some moment of a time, which is half-open.
func (s State) PermittedDuring(from, until time.Time) []string {
	var out []string
	for _, p := range s.Permissions {
		if p.Since.Before(until) && (p.Until.IsZero() || p.Until.After(from)) {
			out = append(out, p.ID)
		}
	}
	return out
}
