package incident

import (
	"regexp"
	"slices"
	"time"

	"kelisim/domain"
	"kelisim/domain/calendar"
)

// Decider is the book's rules.
var Decider = domain.Decider[Command, State, Event]{Decide: decide, Evolve: evolve}

// Kinds of incident: the first three are breaches of personal data (P-2.4), the last is one of the systems alone (T-1.2.6).
var Kinds = []string{"unauthorised-access", "disclosure", "loss", "system-failure"}

// Risks for the persons concerned, from none to high.
var Risks = []string{"none", "low", "high"}

// Whom to notify.
const (
	Authority = "authority"
	Subjects  = "subjects"
)

// MaxUsers of one command, so that its event fits into an append.
const MaxUsers = 10_000

var fieldForm = regexp.MustCompile(`^[a-z][a-z_]{0,31}(\.[a-z][a-z_]{0,31})?$`)

func decide(s State, c Command, in domain.Context) ([]Event, error) {
	if d, ok := c.(Detect); ok {
		return detect(s, d, in)
	}
	switch {
	case s.Event == "":
		return nil, domain.Refuse(domain.NotFound, "incident-not-found", "there is no such incident")
	case in.OccurredAt.Before(s.DetectedAt):
		return nil, domain.Malformed("/occurred_at", "that is before the incident was detected")
	case s.Closed.Event != "":
		return nil, domain.Refuse(domain.Conflict, "incident-closed", "the incident is closed; what comes to light now is a new one").By("P-2.4")
	}
	switch c := c.(type) {
	case Contain:
		return contain(s, c, in)
	case Assess:
		return assess(c)
	case Notify:
		return notify(s, c, in)
	case Close:
		return finish(s, c, in)
	}
	panic("unhandled incident command")
}

func detect(s State, c Detect, in domain.Context) ([]Event, error) {
	at := given(c.DetectedAt, in)
	switch {
	case s.Event != "":
		return nil, domain.Refuse(domain.Conflict, "incident-exists", "an incident of this id stands already")
	case !slices.Contains(Kinds, c.Kind):
		return nil, domain.Malformed("/kind", "a kind is one of %v", Kinds)
	case at.After(in.OccurredAt):
		return nil, domain.Malformed("/detected_at", "an incident is not detected in the future")
	case c.BeganAt != nil && c.BeganAt.After(at):
		return nil, domain.Malformed("/began_at", "an incident begins before it is detected")
	case !c.Description.Given():
		return nil, domain.Malformed("/description", "say what was detected")
	}
	began := c.BeganAt
	if began != nil {
		utc := began.UTC()
		began = &utc
	}
	holidays := calendar.Holidays(in.Parameters.Holidays)
	due := calendar.AddWorkingDays(calendar.DayOf(at), 1, holidays).End()
	return []Event{Detected{c.Kind, at, began, c.Description, due}}, nil
}

func contain(s State, c Contain, in domain.Context) ([]Event, error) {
	at := given(c.ContainedAt, in)
	switch {
	case s.Contained.Event != "":
		return nil, domain.Refuse(domain.Conflict, "incident-contained", "the incident is contained already").By("P-2.4")
	case at.After(in.OccurredAt) || at.Before(s.DetectedAt):
		return nil, domain.Malformed("/contained_at", "an incident is contained after it is detected, and not in the future")
	case !c.Measures.Given():
		return nil, domain.Malformed("/measures", "say what was done").By("P-2.4")
	}
	return []Event{Contained{at, c.Measures}}, nil
}

func assess(c Assess) ([]Event, error) {
	switch {
	case !slices.Contains(Risks, c.Risk):
		return nil, domain.Malformed("/risk", "a risk is one of %v", Risks)
	case c.Affected < len(c.Users):
		return nil, domain.Malformed("/affected", "at least as many are affected as are named")
	}
	if err := checkUsers(c.Users); err != nil {
		return nil, err
	}
	for i, f := range c.Fields {
		if !fieldForm.MatchString(f) || slices.Contains(c.Fields[:i], f) {
			return nil, domain.Malformed("/fields", "name each field once, such as iin or contacts.email")
		}
	}
	for i, whom := range c.Notify {
		if (whom != Authority && whom != Subjects) || slices.Contains(c.Notify[:i], whom) {
			return nil, domain.Malformed("/notify", "name the authority, the subjects, or both")
		}
	}
	return []Event{Assessed(c)}, nil
}

func notify(s State, c Notify, in domain.Context) ([]Event, error) {
	at := given(c.NotifiedAt, in)
	switch {
	case c.Whom != Authority && c.Whom != Subjects:
		return nil, domain.Malformed("/whom", "name the authority or the subjects")
	case at.After(in.OccurredAt) || at.Before(s.DetectedAt):
		return nil, domain.Malformed("/notified_at", "one is told after the incident is detected, and not in the future")
	case c.Whom == Authority && len(c.Users) > 0:
		return nil, domain.Malformed("/users", "users are named where the subjects are told")
	}
	if err := checkUsers(c.Users); err != nil {
		return nil, err
	}
	late := c.Whom == Authority && !at.Before(s.AuthorityDue)
	return []Event{Notified{c.Whom, at, c.Users, c.Reference, late}}, nil
}

// finish is refused while P-2.4 is not done with: harm not stopped, consequences not known, or people not told of them.
func finish(s State, c Close, in domain.Context) ([]Event, error) {
	last, assessed := s.Assessment()
	switch {
	case s.Contained.Event == "":
		return nil, domain.Refuse(domain.Conflict, "incident-not-contained", "contain the incident before closing it").By("P-2.4")
	case !assessed:
		return nil, domain.Refuse(domain.Conflict, "incident-not-assessed", "assess the incident before closing it").By("P-2.4")
	case in.OccurredAt.Before(s.lastAt()):
		return nil, domain.Malformed("/occurred_at", "an incident is closed after all else that was done about it")
	case !c.Conclusion.Given():
		return nil, domain.Malformed("/conclusion", "say what came of it")
	}
	for _, whom := range last.Notify {
		if !slices.ContainsFunc(s.Notifications, func(n Notification) bool { return n.Whom == whom }) {
			return nil, domain.Refuse(domain.Conflict, "incident-not-notified", "the last assessment wants the %s to be told first", whom)
		}
	}
	return []Event{Closed(c)}, nil
}

// given is the moment that the command names, or the one at which it occurs.
func given(t *time.Time, in domain.Context) time.Time {
	if t != nil {
		return t.UTC()
	}
	return in.OccurredAt.UTC()
}

func checkUsers(users []domain.UserID) error {
	if len(users) > MaxUsers {
		return domain.Malformed("/users", "at most %d users in one command", MaxUsers)
	}
	for _, u := range users {
		if _, err := domain.ParseUserID(string(u)); err != nil {
			return domain.Malformed("/users", "name users by their ids")
		}
	}
	return nil
}
