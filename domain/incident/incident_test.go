package incident_test

import (
	"testing"
	"time"

	"kelisim/domain"
	"kelisim/domain/decidertest"
	"kelisim/domain/incident"
)

const user = domain.UserID("5f0c1b1e-7c5b-4a3e-9a60-0d1f2a3b4c5d")

var (
	start  = decidertest.Start // Monday 12 January 2026, 11:00 in Astana
	due    = time.Date(2026, 1, 13, 19, 0, 0, 0, time.UTC)
	text   = domain.NewPersonal
	opened = incident.Detected{Kind: "disclosure", DetectedAt: start, Description: text("a list was left open"), AuthorityDue: due}
	stops  = incident.Contained{ContainedAt: start, Measures: text("taken down")}
	known  = incident.Assessed{Risk: "low", Affected: 3, Users: []domain.UserID{user}, Fields: []string{"iin", "contacts.email"},
		Notify: []string{incident.Authority, incident.Subjects}}
	told  = incident.Notified{Whom: incident.Authority, NotifiedAt: start, Reference: text("out-7")}
	told2 = incident.Notified{Whom: incident.Subjects, NotifiedAt: start, Users: []domain.UserID{user}}
	ends  = incident.Close{Conclusion: text("access is by role now")}
)

type story = decidertest.Story[incident.Command, incident.State, incident.Event]

func given(t *testing.T, events ...incident.Event) *story {
	return decidertest.New(t, incident.Decider).Given(events...)
}

func at(t time.Time) *time.Time { return &t }

func TestTotal(t *testing.T) { decidertest.Total(t, incident.Decider, incident.Events) }

// P-2.4, T-1.2.6: one incident through its whole life.
func TestLife(t *testing.T) {
	now := domain.Context{OccurredAt: start.Add(time.Hour)}
	s := given(t).
		When(domain.Context{}, incident.Detect{Kind: "disclosure", Description: opened.Description}).Then(opened).
		When(now, incident.Notify{Whom: "authority", NotifiedAt: at(start), Reference: told.Reference}).Then(told).
		When(now, incident.Contain{ContainedAt: at(start), Measures: stops.Measures}).Then(stops).
		When(now, incident.Assess(known)).Then(known).
		When(now, incident.Notify{Whom: "subjects", NotifiedAt: at(start), Users: told2.Users}).Then(told2).
		When(now, ends).Then(incident.Closed(ends)).
		State()
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{start.Add(-time.Second), ""}, {start, "contained"}, {start.Add(time.Hour), "closed"}, {start.Add(1000 * time.Hour), "closed"},
	} {
		if got := s.StatusAt(c.at); got != c.want {
			t.Errorf("at %v it is %q, want %q", c.at, got, c.want)
		}
	}
	for when, want := range map[time.Duration]string{-1: "", 0: "detected", 30: "detected", 90: "assessed"} {
		early := given(t, opened).At(start.Add(time.Hour)).Given(incident.Contained{ContainedAt: start.Add(time.Hour)}, known).State()
		if got := early.StatusAt(start.Add(when * time.Minute)); got != want {
			t.Errorf("%d minutes after, it is %q, want %q", when, got, want)
		}
	}
}

func TestOrderOfLife(t *testing.T) {
	later := domain.Context{OccurredAt: start.Add(time.Hour)}
	contain, assess := incident.Contain{Measures: stops.Measures}, incident.Assess(known)
	notify, detect := incident.Notify{Whom: "authority"}, incident.Detect{Kind: "loss", Description: text("x")}
	closed := []incident.Event{opened, stops, known, told, told2, incident.Closed(ends)}
	for _, c := range []struct {
		name    string
		given   []incident.Event
		command incident.Command
		code    string
		clause  []string
	}{
		{"contain nothing", nil, contain, "incident-not-found", nil},
		{"assess nothing", nil, assess, "incident-not-found", nil},
		{"notify of nothing", nil, notify, "incident-not-found", nil},
		{"close nothing", nil, ends, "incident-not-found", nil},
		{"detect twice", []incident.Event{opened}, detect, "incident-exists", nil},
		{"contain twice", []incident.Event{opened, stops}, contain, "incident-contained", []string{"P-2.4"}},
		{"close what still does harm", []incident.Event{opened, known, told, told2}, ends, "incident-not-contained", []string{"P-2.4"}},
		{"close what nobody looked into", []incident.Event{opened, stops, told, told2}, ends, "incident-not-assessed", []string{"P-2.4"}},
		{"close before the subjects know", []incident.Event{opened, stops, known, told}, ends, "incident-not-notified", nil},
		{"close before the authority knows", []incident.Event{opened, stops, known, told2}, ends, "incident-not-notified", nil},
		{"detect what is closed", closed, detect, "incident-exists", nil},
		{"contain what is closed", closed, contain, "incident-closed", nil},
		{"assess what is closed", closed, assess, "incident-closed", nil},
		{"notify of what is closed", closed, notify, "incident-closed", nil},
		{"close what is closed", closed, ends, "incident-closed", nil},
	} {
		t.Run(c.name, func(t *testing.T) { given(t, c.given...).When(later, c.command).Refused(c.code, c.clause...) })
	}

	// What the last assessment wants is what holds.
	calm := incident.Assessed{Risk: "none"}
	given(t, opened, stops, known, calm).When(later, ends).Then(incident.Closed(ends))
	given(t, opened, stops, calm, known).When(later, ends).Refused("incident-not-notified")
}

func TestMalformed(t *testing.T) {
	before, after := start.Add(-time.Hour), start.Add(2*time.Hour)
	long := make([]domain.UserID, incident.MaxUsers+1)
	for name, c := range map[string]incident.Command{
		"a kind of its own":              incident.Detect{Kind: "theft!", Description: text("x")},
		"detected tomorrow":              incident.Detect{Kind: "loss", Description: text("x"), DetectedAt: at(after)},
		"begun after it was detected":    incident.Detect{Kind: "loss", Description: text("x"), DetectedAt: at(before), BeganAt: at(start)},
		"nothing detected":               incident.Detect{Kind: "loss"},
		"contained before detected":      incident.Contain{Measures: text("x"), ContainedAt: at(before)},
		"contained in the future":        incident.Contain{Measures: text("x"), ContainedAt: at(after)},
		"contained by nothing":           incident.Contain{},
		"a risk of its own":              incident.Assess{Risk: "huge"},
		"fewer affected than named":      incident.Assess{Risk: "low", Users: []domain.UserID{user}},
		"fewer than nobody affected":     incident.Assess{Risk: "low", Affected: -1},
		"a user named by e-mail":         incident.Assess{Risk: "low", Affected: 1, Users: []domain.UserID{"a@example.kz"}},
		"too many users":                 incident.Assess{Risk: "low", Affected: len(long), Users: long},
		"a field that is a value":        incident.Assess{Risk: "low", Fields: []string{"850101300123"}},
		"a field twice":                  incident.Assess{Risk: "low", Fields: []string{"iin", "iin"}},
		"notify the press":               incident.Assess{Risk: "low", Notify: []string{"press"}},
		"notify the authority twice":     incident.Assess{Risk: "low", Notify: []string{"authority", "authority"}},
		"told the press":                 incident.Notify{Whom: "press"},
		"told before it was detected":    incident.Notify{Whom: "authority", NotifiedAt: at(before)},
		"told in the future":             incident.Notify{Whom: "authority", NotifiedAt: at(after)},
		"the authority's users":          incident.Notify{Whom: "authority", Users: []domain.UserID{user}},
		"a subject told without an id":   incident.Notify{Whom: "subjects", Users: []domain.UserID{""}},
		"nothing to say when it is over": incident.Close{},
	} {
		t.Run(name, func(t *testing.T) {
			var events []incident.Event
			switch c.(type) {
			case incident.Detect:
			case incident.Contain:
				events = []incident.Event{opened}
			default:
				events = []incident.Event{opened, stops, incident.Assessed{Risk: "none"}}
			}
			given(t, events...).When(domain.Context{OccurredAt: start.Add(time.Hour)}, c).Refused("invalid-request")
		})
	}
	given(t, opened).When(domain.Context{OccurredAt: before}, incident.Assess{Risk: "none"}).Refused("invalid-request")
	given(t, opened, stops).At(start.Add(time.Hour)).Given(incident.Assessed{Risk: "none"}).
		When(domain.Context{OccurredAt: start.Add(time.Minute)}, ends).Refused("invalid-request")
}

// The authority is told by the end of the working day after discovery; days on which nobody works do not count.
func TestAuthorityDue(t *testing.T) {
	p := decidertest.Parameters()
	p.Holidays = []string{"2026-01-19"}
	for detected, want := range map[string]string{
		"2026-01-12T06:00:00Z": "2026-01-13T19:00:00Z", // Monday morning: through Tuesday
		"2026-01-12T19:30:00Z": "2026-01-14T19:00:00Z", // Tuesday half past midnight in Astana: through Wednesday
		"2026-01-16T06:00:00Z": "2026-01-20T19:00:00Z", // Friday, and Monday is a holiday: through Tuesday
		"2026-01-17T06:00:00Z": "2026-01-20T19:00:00Z", // Saturday
	} {
		from, _ := time.Parse(time.RFC3339, detected)
		to, _ := time.Parse(time.RFC3339, want)
		d := incident.Detected{Kind: "loss", DetectedAt: from, Description: text("x"), AuthorityDue: to}
		given(t).When(domain.Context{OccurredAt: from, Parameters: p}, incident.Detect{Kind: "loss", Description: text("x")}).Then(d)
	}
	began := start.Add(-time.Hour)
	given(t).When(domain.Context{}, incident.Detect{Kind: "loss", DetectedAt: at(start), BeganAt: at(began.In(time.FixedZone("", 3600))), Description: text("x")}).
		Then(incident.Detected{Kind: "loss", DetectedAt: start, BeganAt: &began, Description: text("x"), AuthorityDue: due})

	in := domain.Context{OccurredAt: due.Add(time.Hour)}
	given(t, opened).When(in, incident.Notify{Whom: "authority", NotifiedAt: at(due)}).
		Then(incident.Notified{Whom: "authority", NotifiedAt: due, Late: true})
	given(t, opened).When(in, incident.Notify{Whom: "authority", NotifiedAt: at(due.Add(-time.Second))}).
		Then(incident.Notified{Whom: "authority", NotifiedAt: due.Add(-time.Second)})
	given(t, opened).When(in, incident.Notify{Whom: "subjects"}).Then(incident.Notified{Whom: "subjects", NotifiedAt: in.OccurredAt})
}

func TestAuthorityOverdue(t *testing.T) {
	failure := opened
	failure.Kind = "system-failure"
	for _, c := range []struct {
		name  string
		given []incident.Event
		at    time.Time
		want  bool
	}{
		{"nothing happened", nil, due, false},
		{"not due yet", []incident.Event{opened}, due.Add(-time.Second), false},
		{"due", []incident.Event{opened}, due, true},
		{"told in time", []incident.Event{opened, told}, due, false},
		{"only the subjects were told", []incident.Event{opened, told2}, due, true},
		{"no breach by its kind", []incident.Event{failure}, due, false},
		{"a breach after all", []incident.Event{failure, known}, due, true},
		{"no breach after all", []incident.Event{opened, known, incident.Assessed{Risk: "none"}}, due, false},
	} {
		if got := given(t, c.given...).State().AuthorityOverdueAt(c.at); got != c.want {
			t.Errorf("%s: overdue is %v", c.name, got)
		}
	}
	lateWord := given(t, opened).At(due.Add(time.Hour)).Given(incident.Assessed{Risk: "none"}).State()
	if !lateWord.AuthorityOverdueAt(due) || lateWord.AuthorityOverdueAt(due.Add(time.Hour)) {
		t.Error("an assessment holds from when it is made")
	}
}
