package reads

import (
	"regexp"
	"slices"

	"kelisim/domain"
)

// Decider is the book's rules.
var Decider = domain.Decider[Command, State, Event]{Decide: decide, Evolve: evolve}

const maxFields = 64

var (
	fieldForm = regexp.MustCompile(`^[a-z][a-z_]{0,31}(\.[a-z][a-z_]{0,31})?$`)
	routeForm = regexp.MustCompile(`^[a-z/](v[0-9]|[a-z/{}_.-]){0,99}$`) // no digits but a version's: no ids
)

func decide(_ State, c Command, in domain.Context) ([]Event, error) {
	switch c := c.(type) {
	case Read:
		return read(c, in)
	}
	panic("unhandled reads command")
}

func read(c Read, in domain.Context) ([]Event, error) {
	if len(c.Fields) == 0 || len(c.Fields) > maxFields {
		return nil, domain.Malformed("/fields", "name the fields that are shown, at most %d", maxFields)
	}
	for i, f := range c.Fields {
		if !fieldForm.MatchString(f) || slices.Contains(c.Fields[:i], f) {
			return nil, domain.Malformed("/fields", "name each field once, such as iin or contacts.email")
		}
	}
	switch {
	case !routeForm.MatchString(c.Route):
		return nil, domain.Malformed("/route", "a route is a pattern without ids, or a name of small letters")
	case !c.Purpose.Given() && in.Actor.Kind != "subject":
		return nil, domain.Malformed("/purpose", "say why the data are read").By("P-2.4")
	}
	return []Event{PersonalDataRead(c)}, nil
}
