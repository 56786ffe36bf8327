package activity_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"kelisim/domain"
	"kelisim/domain/activity"
	"kelisim/domain/decidertest"
)

const user = domain.UserID("5f0c1b1e-7c5b-4a3e-9a60-0d1f2a3b4c5d")

func story(t *testing.T) *decidertest.Story[activity.Command, activity.State, activity.Event] {
	return decidertest.New(t, activity.Decider)
}

func TestTotal(t *testing.T) { decidertest.Total(t, activity.Decider, activity.Events) }

// T-1.5: one event for each action, in order.
func TestBatch(t *testing.T) {
	story(t).When(domain.Context{}, activity.Observe{
		{UserID: user, Action: "lesson.opened", Object: "course-12/lesson/3", Language: "kk", Location: "KZ-71"},
		{UserID: user, Action: "page-seen"},
	}).Then(
		activity.Observed{UserID: user, Action: "lesson.opened", Object: "course-12/lesson/3", Language: "kk", Location: "KZ-71"},
		activity.Observed{UserID: user, Action: "page-seen"},
	)
	in := domain.Context{OccurredAt: decidertest.Start}
	at := decidertest.Start.Add(-time.Hour).In(time.FixedZone("", 5*3600))
	if got := (activity.Item{OccurredAt: &at}).At(in); !got.Equal(at) || got.Location() != time.UTC {
		t.Errorf("an item keeps its own moment: %v", got)
	}
	if got := (activity.Item{}).At(in); !got.Equal(decidertest.Start) {
		t.Errorf("an item without a moment occurs with the command: %v", got)
	}
	full := make(activity.Observe, activity.MaxItems)
	for i := range full {
		full[i] = activity.Item{UserID: user, Action: "page-seen"}
	}
	if events, err := activity.Decider.Decide(activity.State{}, full, domain.Context{}); err != nil || len(events) != len(full) {
		t.Errorf("a full batch makes %d events: %v", len(events), err)
	}
	story(t).When(domain.Context{}, append(full, full[0])).Refused("invalid-request")
	story(t).When(domain.Context{}, activity.Observe{}).Refused("invalid-request")
}

func TestNothingPersonalIsObserved(t *testing.T) {
	good := activity.Item{UserID: user, Action: "lesson.opened", Object: "lesson-3"}
	for pointer, bad := range map[string][]func(*activity.Item){
		"/1/user_id": {func(i *activity.Item) { i.UserID = "" }, func(i *activity.Item) { i.UserID = "aigerim@example.kz" }},
		"/1/action": {
			func(i *activity.Item) { i.Action = "" },
			func(i *activity.Item) { i.Action = "Lesson" },
			func(i *activity.Item) { i.Action = "opened by aigerim" },
			func(i *activity.Item) { i.Action = "mailed:aigerim@example.kz" },
			func(i *activity.Item) { i.Action = "seen.850101300123" },
			func(i *activity.Item) { i.Action = "a" + strings.Repeat("b", 200) },
		},
		"/1/object": {
			func(i *activity.Item) { i.Object = "aigerim@example.kz" },
			func(i *activity.Item) { i.Object = "aigerim%40example.kz" },
			func(i *activity.Item) { i.Object = "Айгерім" },
			func(i *activity.Item) { i.Object = "a b" },
			func(i *activity.Item) { i.Object = "iin/850101300123" },
			func(i *activity.Item) { i.Object = "850101300123" },
			func(i *activity.Item) { i.Object = "tel-77011234567" },
			func(i *activity.Item) { i.Object = "tel-87011234567" },
			func(i *activity.Item) { i.Object = string(user) + "/850101300123" },
			func(i *activity.Item) { i.Object = strings.Repeat("a", 201) },
			func(i *activity.Item) { i.Object = "lesson\n" },
		},
		"/1/occurred_at": {func(i *activity.Item) { at := decidertest.Start.Add(activity.Ahead + time.Second); i.OccurredAt = &at }},
		"/1/language":    {func(i *activity.Item) { i.Language = "Kazakh language" }},
		"/1/location": {
			func(i *activity.Item) { i.Location = "Astana, Mangilik El 8" },
			func(i *activity.Item) { i.Location = "850101300123" },
		},
	} {
		for n, change := range bad {
			i := good
			change(&i)
			_, err := activity.Decider.Decide(activity.State{}, activity.Observe{good, i}, domain.Context{OccurredAt: decidertest.Start, Now: decidertest.Start})
			e, ok := err.(*domain.Error)
			if !ok || e.Code != "invalid-request" || e.Pointer != pointer {
				t.Errorf("%s, fault %d: %v", pointer, n, err)
			} else if strings.Contains(e.Detail, "aigerim") || strings.Contains(e.Detail, "8501") {
				t.Errorf("the refusal repeats what was sent: %v", err)
			}
		}
	}
	soon := decidertest.Start.Add(activity.Ahead)
	for _, i := range []activity.Item{
		{UserID: user, Action: "a", Object: "/lessons/5#part-2", OccurredAt: &soon},
		{UserID: user, Action: "a", Object: "00000000-0000-4000-8000-850101300123"},
		{UserID: user, Action: "a", Object: "order/" + strings.Repeat("850101300123", 5) + "0000"},
		{UserID: user, Action: "a", Object: "video:1699999999999"},
		{UserID: user, Action: "a", Object: "course-10011234567"},
		{UserID: user, Action: "a", Object: strings.Repeat("a", 200)},
	} {
		story(t).When(domain.Context{}, activity.Observe{i}).
			Then(activity.Observed{UserID: user, Action: "a", Object: i.Object})
	}
}

// FuzzObserve: whatever is recorded is short and holds neither an address sign nor twelve digits that stand alone.
func FuzzObserve(f *testing.F) {
	for _, s := range []string{"lesson.opened", "aigerim@example.kz", "850101300123", "x-850101300123", string(user), "/a/b#c", "a-77011234567"} {
		f.Add(s, s)
	}
	iin := regexp.MustCompile(`(^|[^0-9a-f-])[0-9]{12}($|[^0-9a-f-])`)
	f.Fuzz(func(t *testing.T, action, object string) {
		events, err := activity.Decider.Decide(activity.State{}, activity.Observe{{UserID: user, Action: action, Object: object}}, domain.Context{})
		if err != nil {
			return
		}
		got := events[0].(activity.Observed)
		for _, s := range []string{got.Action, got.Object} {
			if len(s) > 200 || strings.Contains(s, "@") || iin.MatchString(s) {
				t.Errorf("%q was recorded", s)
			}
		}
	})
}
