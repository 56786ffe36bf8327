package activity

import (
	"fmt"
	"regexp"
	"time"

	"kelisim/domain"
	"kelisim/domain/event"
)

// Decider is the book's rules.
var Decider = domain.Decider[Command, State, Event]{Decide: decide, Evolve: evolve}

// MaxItems of one batch.
const MaxItems = 10_000

// Ahead is how far a caller's clock may run before the ledger's.
const Ahead = 5 * time.Minute

var (
	actionForm = regexp.MustCompile(`^[a-z][a-z0-9]*([._:-][a-z0-9]+)*$`)
	objectForm = regexp.MustCompile(`^[A-Za-z0-9/#][A-Za-z0-9/_.:#-]*$`)
	// An id of ours or a hash may hold any run of digits.
	idForm  = regexp.MustCompile(`\b([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})\b`)
	runForm = regexp.MustCompile(`[0-9]+`)
)

const maxLength = 200

// State is nothing: one action says nothing about whether another may be recorded.
type State struct{}

func evolve(s State, e Event, _ event.Meta) State {
	switch e.(type) {
	case Observed:
	default:
		panic("unhandled activity event")
	}
	return s
}

func decide(_ State, c Command, in domain.Context) ([]Event, error) {
	switch c := c.(type) {
	case Observe:
		return observe(c, in)
	}
	panic("unhandled activity command")
}

func observe(c Observe, in domain.Context) ([]Event, error) {
	if len(c) == 0 || len(c) > MaxItems {
		return nil, domain.Malformed("", "a batch has 1 to %d actions", MaxItems)
	}
	events := make([]Event, len(c))
	for n, i := range c {
		field, want := i.fault(in)
		if field != "" {
			return nil, domain.Malformed(fmt.Sprintf("/%d/%s", n, field), "%s", want)
		}
		events[n] = Observed{i.UserID, i.Action, i.Object, i.Language, i.Location}
	}
	return events, nil
}

// fault names the first field that is not well formed, and what is wanted.
func (i Item) fault(in domain.Context) (field, want string) {
	if _, err := domain.ParseUserID(string(i.UserID)); err != nil {
		return "user_id", "name the user by the ledger's id"
	}
	switch {
	case len(i.Action) > maxLength || !actionForm.MatchString(i.Action) || personal(i.Action):
		return "action", "an action is a code such as lesson.opened"
	case i.Object != "" && (len(i.Object) > maxLength || !objectForm.MatchString(i.Object) || personal(i.Object)):
		return "object", "an object is an id or a path of at most 200 letters, digits and / _ . : # -, and nothing personal"
	case i.At(in).After(in.Now.Add(Ahead)):
		return "occurred_at", "the action has not occurred yet"
	case i.Language != "" && !domain.ValidLanguage(i.Language):
		return "language", "a language is a tag such as kk"
	case i.Location != "" && (!domain.ValidLocation(i.Location) || personal(i.Location)):
		return "location", "a location is a code such as KZ or KZ-71"
	}
	return "", ""
}

// personal tells whether a code looks like what it must not hold: a run of digits as long as an IIN, or
// a mobile number with its country's 7 or 8. The forms shut out e-mail addresses.
func personal(s string) bool {
	return hasNumber(s) && hasNumber(idForm.ReplaceAllString(s, ""))
}

func hasNumber(s string) bool {
	for _, run := range runForm.FindAllString(s, -1) {
		if len(run) == 12 || len(run) == 11 && (run[0] == '7' || run[0] == '8') && run[1] == '7' {
			return true
		}
	}
	return false
}
