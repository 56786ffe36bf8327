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

// Place is where the user was said to be, and the language of the Site shown, from a moment on.
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
		p := Place{at, e.Location, e.Language, id}
		last := s.PlaceAt(at)
		if p.Location == "" {
			p.Location = last.Location
		}
		if p.Language == "" {
			p.Language = last.Language
		}
		s.places = append(slices.Clip(s.places), p)
	case Blocked:
		b := Standing{Span{Since: at, Began: id}, e.Clause}
		if e.Until != nil {
			b.Until = *e.Until
		}
		s.Blocks = append(slices.Clip(s.Blocks), b)
	case Unblocked:
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
		s.Reports = append(slices.Clip(s.Reports), Report{ID: e.ReportID, SuspectedSince: e.SuspectedSince, ReportedAt: at, Channel: e.Channel, Event: id})
	case AccessRestored:
		s.Reports = slices.Clone(s.Reports)
		for i := range s.Reports {
			if r := &s.Reports[i]; r.RestoredAt.IsZero() {
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
		s.DataBlocks = append(slices.Clip(s.DataBlocks), Span{Since: at, Began: id})
	case DataUnblocked:
		s.DataBlocks = slices.Clone(s.DataBlocks)
		for i := range s.DataBlocks {
			s.DataBlocks[i].end(at, id)
		}
	case EntryVoidRequested:
		s.Voids = append(slices.Clip(s.Voids), Void{EventID: e.EventID, RequestedBy: e.By})
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

// PlaceAt is the last recorded location and language as of a moment; before the first, the first.
func (s State) PlaceAt(t time.Time) Place {
	var best Place
	for i, p := range s.places {
		if i == 0 || (!p.Since.After(t) && !p.Since.Before(best.Since)) {
			best = p
		}
	}
	return best
}

// Places lists where the user was said to be, in the order of recording.
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
		if !r.SuspectedSince.After(t) && (r.RestoredAt.IsZero() || t.Before(r.RestoredAt)) {
			return r, true
		}
	}
	return Report{}, false
}

// PermittedAt lists the ids of the permissions in force at a moment.
func (s State) PermittedAt(t time.Time) []string {
	var out []string
	for _, p := range s.Permissions {
		if p.At(t) {
			out = append(out, p.ID)
		}
	}
	return out
}
