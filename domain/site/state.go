package site

import (
	"slices"
	"strings"
	"time"

	"kelisim/domain"
	"kelisim/domain/event"
)

// State is what has been published and decreed, with its dates.
type State struct {
	documents    []Document
	tariffs      []Tariff
	parameters   []ParametersSet
	restrictions []Restriction
}

// Document is a published text.
type Document struct {
	DocumentPublished
	Event string // id of the event that published it
}

// Tariff is a price and the moment from which it holds.
type Tariff struct {
	TariffSet
	Event string
}

// Restriction closes the paid content to a category from one moment to another.
type Restriction struct {
	ID       string
	Category Category
	Since    time.Time
	Until    time.Time // zero while it stands
	Event    string
}

// dataDocument is the agreement to which a consent is given (P-2.2).
const dataDocument = "personal-data"

// DefaultPurposes are those that P-2.3 lists.
var DefaultPurposes = []string{"quality-research", "marketing-statistics", "advertising"}

func evolve(s State, e Event, m event.Meta) State {
	switch e := e.(type) {
	case DocumentPublished:
		s.documents = append(slices.Clip(s.documents), Document{e, m.ID.String()})
	case TariffSet:
		s.tariffs = append(slices.Clip(s.tariffs), Tariff{e, m.ID.String()})
	case ParametersSet:
		s.parameters = append(slices.Clip(s.parameters), e)
	case RestrictionImposed:
		s.restrictions = append(slices.Clip(s.restrictions), Restriction{ID: e.RestrictionID, Category: e.Category, Since: m.OccurredAt, Event: m.ID.String()})
	case RestrictionLifted:
		s.restrictions = slices.Clone(s.restrictions)
		for i := range s.restrictions {
			if r := &s.restrictions[i]; r.ID == e.RestrictionID && r.Until.IsZero() {
				r.Until = m.OccurredAt
			}
		}
	default:
		panic("unhandled site event")
	}
	return s
}

// Documents lists every published text, in the order of publication.
func (s State) Documents() []Document { return s.documents }

// Tariffs lists every price ever set, in order.
func (s State) Tariffs() []Tariff { return s.tariffs }

// Parameters lists every set of parameters, in order.
func (s State) Parameters() []ParametersSet { return s.parameters }

// Restrictions lists every restriction, in order.
func (s State) Restrictions() []Restriction { return s.restrictions }

// Document finds one published text.
func (s State) Document(id, version, language string) (Document, bool) {
	for _, d := range s.documents {
		if d.ID == id && d.Version == version && d.Language == language {
			return d, true
		}
	}
	return Document{}, false
}

// InForce is the text of a document that holds at a moment in a language.
func (s State) InForce(id, language string, at time.Time) (Document, bool) {
	var best Document
	found := false
	for _, d := range s.documents {
		if d.ID == id && d.Language == language && !d.InForceFrom.After(at) && (!found || !d.InForceFrom.Before(best.InForceFrom)) {
			best, found = d, true
		}
	}
	return best, found
}

// PriceAt is the price of a period at a moment.
func (s State) PriceAt(months int, at time.Time) (domain.Money, bool) {
	var best Tariff
	found := false
	for _, t := range s.tariffs {
		if t.Months == months && !t.InForceFrom.After(at) && (!found || !t.InForceFrom.Before(best.InForceFrom)) {
			best, found = t, true
		}
	}
	return best.Price, found
}

// ParametersAt are the numbers that hold at a moment; before any were in force, the zero value.
func (s State) ParametersAt(at time.Time) domain.Parameters {
	var best ParametersSet
	for _, p := range s.parameters {
		if !p.InForceFrom.After(at) && !p.InForceFrom.Before(best.InForceFrom) {
			best = p
		}
	}
	return best.Parameters
}

// OperatorAt is the company that the terms named at a moment: by the newest parameters in force that name one, else by the earliest that
// do. False where none ever did.
func (s State) OperatorAt(at time.Time) (domain.Operator, bool) {
	var best *ParametersSet
	for i := range s.parameters {
		p := &s.parameters[i]
		if p.Parameters.Operator == nil {
			continue
		}
		if best == nil || !p.InForceFrom.After(at) && (best.InForceFrom.After(at) || !p.InForceFrom.Before(best.InForceFrom)) ||
			best.InForceFrom.After(at) && p.InForceFrom.Before(best.InForceFrom) {
			best = p
		}
	}
	if best == nil {
		return domain.Operator{}, false
	}
	return *best.Parameters.Operator, true
}

// ParametersOf are the numbers of one version of the terms, as they stood at a moment.
func (s State) ParametersOf(termsVersion string, at time.Time) (domain.Parameters, bool) {
	var best ParametersSet
	found := false
	for _, p := range s.parameters {
		if p.Parameters.TermsVersion == termsVersion && !p.InForceFrom.After(at) && (!found || !p.InForceFrom.Before(best.InForceFrom)) {
			best, found = p, true
		}
	}
	return best.Parameters, found
}

// Matching are the restrictions that meet a user of this location and language at a moment (T-1.3).
func (s State) Matching(location, language string, at time.Time) []Restriction {
	var out []Restriction
	for _, r := range s.restrictions {
		if r.Since.After(at) || (!r.Until.IsZero() && !r.Until.After(at)) || !r.Category.Meets(location, language) {
			continue
		}
		out = append(out, r)
	}
	return out
}

// Meets tells whether a user of this location and language belongs to the category. A wider code meets the narrower
// ones: KZ meets KZ-71, en meets en-GB. Capitals do not matter. What is not known of a user meets no value.
func (c Category) Meets(location, language string) bool {
	if c.All {
		return true
	}
	if len(c.Locations) == 0 && len(c.Languages) == 0 {
		return false
	}
	return (len(c.Locations) == 0 || anyMeets(c.Locations, location)) &&
		(len(c.Languages) == 0 || anyMeets(c.Languages, language))
}

func anyMeets(codes []string, said string) bool {
	return slices.ContainsFunc(codes, func(code string) bool {
		n := len(code)
		return strings.EqualFold(code, said) || len(said) > n && said[n] == '-' && strings.EqualFold(code, said[:n])
	})
}
