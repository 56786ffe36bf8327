package account

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"kelisim/domain"
)

// FieldDisclosureRequested: one person asks that the keys of single values be handed to an auditor, so that these and no others can be
// read; it is nothing until another grants it. What a key has opened once cannot be closed again.
type FieldDisclosureRequested struct {
	DisclosureID string          `json:"disclosure_id"`
	Fields       []Field         `json:"fields"`
	To           string          `json:"to"`    // the auditor, by the person that their token names
	Until        time.Time       `json:"until"` // up to when the keys are handed out
	Reason       domain.Personal `json:"reason" personal:"freeform"`
	By           string          `json:"by"`
}

// FieldDisclosureGranted: a second person agrees.
type FieldDisclosureGranted struct {
	DisclosureID string `json:"disclosure_id"`
	RequestedBy  string `json:"requested_by"`
	GrantedBy    string `json:"granted_by"`
}

// Field is one personal value of one event of the user's stream.
type Field struct {
	EventID string `json:"event_id"`
	Path    string `json:"path"` // in the event's data: "login", "personal_data.addresses.0.text"
}

// RequestFieldDisclosure asks for keys of single values to be handed to an auditor.
type RequestFieldDisclosure struct {
	DisclosureID string          `json:"disclosure_id,omitempty"`
	Fields       []Field         `json:"fields"`
	To           string          `json:"to"`
	Until        *time.Time      `json:"until,omitempty"` // left out: 30 days
	Reason       domain.Personal `json:"reason"`

	// Sealed tells of each of the Fields whether the user's stream has such a value; the user's book fills it in.
	Sealed []bool `json:"-"`
}

// GrantFieldDisclosure is the second person's word.
type GrantFieldDisclosure struct {
	DisclosureID string `json:"disclosure_id"`
}

func (FieldDisclosureRequested) isAccount() {}
func (FieldDisclosureGranted) isAccount()   {}
func (RequestFieldDisclosure) isCommand()   {}
func (GrantFieldDisclosure) isCommand()     {}

// FieldDisclosure is what was asked for, and whether it was granted.
type FieldDisclosure struct {
	ID          string
	Fields      []Field
	To          string
	Until       time.Time
	RequestedAt time.Time
	RequestedBy string
	Event       string
	Granted     Fact // zero while nobody has
	GrantedBy   string
}

// At tells whether keys may be handed out at a moment.
func (d FieldDisclosure) At(t time.Time) bool {
	return d.Granted.Event != "" && !t.Before(d.Granted.At) && t.Before(d.Until)
}

// FieldDisclosure finds one by its id.
func (s State) FieldDisclosure(id string) (FieldDisclosure, bool) {
	for _, d := range s.FieldDisclosures {
		if d.ID == id {
			return d, true
		}
	}
	return FieldDisclosure{}, false
}

const (
	disclosedFor      = 30 * 24 * time.Hour
	disclosedAtMost   = 366 * 24 * time.Hour
	maxDisclosed      = 100 // fields at once
	disclosureGone    = "the person's data were destroyed, and no key is left to hand over"
	disclosureUnknown = "nobody asked for this disclosure"
)

var (
	personForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$`) // as tokens name persons
	pathForm   = regexp.MustCompile(`^[a-z][a-z_]{0,31}(\.([a-z][a-z_]{0,31}|0|[1-9][0-9]{0,2})){0,5}$`)
)

// Disclosable refuses what forbids that keys to the person's data are handed to anybody at a moment.
func (s State) Disclosable(at time.Time) error {
	if s.DestroyedAt.Event != "" {
		return domain.Refuse(domain.Conflict, "destroyed", disclosureGone).By("P-2.5")
	}
	if s.DepersonalisedAt.Event != "" {
		return domain.Refuse(domain.Conflict, "depersonalised", "the person's data were depersonalised, and no key is left to hand over").By("P-2.5")
	}
	if _, blocked := s.DataBlockedAt(at); blocked {
		return domain.Refuse(domain.Conflict, "data-blocked", "the data are blocked; unblock them first").By("P-1.5")
	}
	return nil
}

func disclose(s State, c Command, in domain.Context) ([]Event, error) {
	if err := s.Disclosable(in.OccurredAt); err != nil {
		return nil, err
	}
	switch c := c.(type) {
	case RequestFieldDisclosure:
		return requestDisclosure(s, c, in)
	case GrantFieldDisclosure:
		d, ok := s.FieldDisclosure(c.DisclosureID)
		switch {
		case !ok:
			return nil, domain.Refuse(domain.NotFound, "disclosure-not-found", disclosureUnknown)
		case d.Granted.Event != "":
			return nil, domain.Refuse(domain.Conflict, "disclosure-granted", "the disclosure was granted already")
		case in.Actor.Is(d.RequestedBy) || in.Actor.Is(d.To):
			return nil, domain.Refuse(domain.Forbidden, "second-person-needed", "neither who asked for it nor who receives it can grant it")
		case in.OccurredAt.Before(d.RequestedAt):
			return nil, domain.Malformed("/occurred_at", "that is before it was asked for")
		case !in.OccurredAt.Before(d.Until):
			return nil, domain.Refuse(domain.Conflict, "disclosure-expired", "its time is over; ask for it anew")
		}
		return []Event{FieldDisclosureGranted{d.ID, d.RequestedBy, in.Actor.Who()}}, nil
	}
	panic("unhandled account command")
}

func requestDisclosure(s State, c RequestFieldDisclosure, in domain.Context) ([]Event, error) {
	until := in.OccurredAt.Add(disclosedFor)
	if c.Until != nil {
		until = *c.Until
	}
	switch {
	case len(c.Fields) == 0 || len(c.Fields) > maxDisclosed:
		return nil, domain.Malformed("/fields", "name from 1 to %d fields", maxDisclosed)
	case !personForm.MatchString(c.To):
		return nil, domain.Malformed("/to", "name the auditor as their token names the person")
	case in.Actor.Is(c.To):
		return nil, domain.Malformed("/to", "nobody asks for a disclosure to themselves")
	case !c.Reason.Given():
		return nil, domain.Malformed("/reason", "say why it is disclosed").By("P-2.4")
	case !until.After(in.OccurredAt) || until.After(in.OccurredAt.Add(disclosedAtMost)):
		return nil, domain.Malformed("/until", "a disclosure ends after it begins, within 366 days")
	}
	for i, f := range c.Fields {
		at := fmt.Sprintf("/fields/%d", i)
		if _, err := domain.ParseID(f.EventID); err != nil {
			return nil, domain.Malformed(at+"/event_id", "an event is named by its id")
		}
		if !pathForm.MatchString(f.Path) {
			return nil, domain.Malformed(at+"/path", "a path is names and numbers with dots between, such as personal_data.addresses.0.text")
		}
		if slices.Contains(c.Fields[:i], f) {
			return nil, domain.Malformed(at, "the field is named twice")
		}
		if i >= len(c.Sealed) || !c.Sealed[i] {
			return nil, domain.Refuse(domain.NotFound, "field-not-found", "this user has no event with a personal value there").At(at)
		}
	}
	id, err := in.NewID(c.DisclosureID, "disclosure")
	if err != nil {
		return nil, err
	}
	if _, ok := s.FieldDisclosure(id); ok {
		return nil, domain.Refuse(domain.Conflict, "disclosure-exists", "a disclosure of this id stands already")
	}
	fields := slices.SortedFunc(slices.Values(c.Fields), func(a, b Field) int {
		return strings.Compare(a.EventID+" "+a.Path, b.EventID+" "+b.Path)
	})
	return []Event{FieldDisclosureRequested{id, fields, c.To, until.UTC(), c.Reason, in.Actor.Who()}}, nil
}

// discloseOn folds a disclosure.
func (s State) discloseOn(e Event, fact Fact) State {
	switch e := e.(type) {
	case FieldDisclosureRequested:
		s.FieldDisclosures = append(slices.Clip(s.FieldDisclosures), FieldDisclosure{
			ID: e.DisclosureID, Fields: e.Fields, To: e.To, Until: e.Until, RequestedAt: fact.At, RequestedBy: e.By, Event: fact.Event,
		})
	case FieldDisclosureGranted:
		s.FieldDisclosures = slices.Clone(s.FieldDisclosures)
		for i := range s.FieldDisclosures {
			if d := &s.FieldDisclosures[i]; d.ID == e.DisclosureID {
				d.Granted, d.GrantedBy = fact, e.GrantedBy
			}
		}
	}
	return s
}
