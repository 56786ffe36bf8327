package account_test

import (
	"strings"
	"testing"
	"time"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/decidertest"
)

// astana is a moment by the clock of Astana, which has been at UTC+5 since 1 March 2024.
func astana(day, hour, minute int) time.Time {
	return time.Date(2026, 1, day, hour-5, minute, 0, 0, time.UTC)
}

// T-4.1, T-4.2: support answers in working hours, 9 to 18 on working days in Astana; the moment by which it answers is counted in them.
func TestMessage(t *testing.T) {
	p := decidertest.Parameters()
	p.Holidays = []string{"2026-01-14"}
	for name, c := range map[string]struct{ asked, due time.Time }{
		"in the morning":        {astana(12, 9, 0), astana(12, 18, 0)},
		"at noon":               {astana(12, 12, 0), astana(13, 12, 0)},
		"before hours":          {astana(12, 6, 30), astana(12, 18, 0)},
		"after hours":           {astana(12, 20, 0), astana(13, 18, 0)},
		"on the eve of a feast": {astana(13, 12, 0), astana(15, 12, 0)},
		"on Friday":             {astana(16, 17, 0), astana(19, 17, 0)},
		"on Saturday":           {astana(17, 12, 0), astana(19, 18, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			first := registered
			in := domain.Context{OccurredAt: c.asked, Parameters: p}
			decidertest.New(t, decider(t)).At(astana(1, 12, 0)).Given(first).
				When(in, account.Message{MessageID: one, Text: text("how do I …")}).
				Then(account.MessageReceived{MessageID: one, Text: text("how do I …"), DueAt: c.due})
		})
	}
}

// T-4.1: a message is answered once, and not before it came.
func TestAnswerMessage(t *testing.T) {
	received := account.MessageReceived{MessageID: one, Text: text("?"), DueAt: after(9 * time.Hour)}
	answered := account.MessageAnswered{MessageID: one, Text: text("!")}
	s := cabinet(t).At(after(time.Hour)).Given(received, account.MessageReceived{MessageID: two, Text: text("?")}).
		When(as(officer, after(time.Hour-1)), account.AnswerMessage(answered)).Refused("invalid-request", "T-4.1").
		When(as(officer, after(time.Hour)), account.AnswerMessage{MessageID: "00000000-0000-4000-8000-000000000001"}).Refused("message-not-found").
		When(as(officer, after(2*time.Hour)), account.AnswerMessage(answered)).Then(answered).
		When(as(officer, after(3*time.Hour)), account.AnswerMessage(answered)).Refused("message-answered", "T-4.1").
		State()
	if m := s.Messages[0]; m.ID != one || m.AnsweredAt != after(2*time.Hour) || m.DueAt != after(9*time.Hour) || m.At != after(time.Hour) {
		t.Errorf("the message and its answer are dated: %+v", m)
	}
	if m := s.Messages[1]; !m.AnsweredAt.IsZero() {
		t.Errorf("the other message waits: %+v", m)
	}
	cabinet(t, received).When(domain.Context{}, account.Message{}).Refused("invalid-request")
	cabinet(t, received).When(domain.Context{}, account.Message{MessageID: one, Text: text("?")}).Refused("message-exists")
	cabinet(t, received).When(domain.Context{}, account.Message{MessageID: "mine", Text: text("?")}).Refused("invalid-request")
	in := domain.Context{Command: [16]byte{7}}
	made := cabinet(t).When(in, account.Message{Text: text("?")})
	made.Then(account.MessageReceived{MessageID: in.ID("message"), Text: text("?"), DueAt: astana(13, 11, 1)})
}

// T-6.3, T-6.4: a written permission is recorded with who gave it, and stands from then until its end.
func TestPermitContentUse(t *testing.T) {
	permitted := account.ContentUsePermitted{PermissionID: one, Content: "course/7", By: text("the author"), Reference: text("letter no. 3"), Until: at(after(4 * time.Hour))}
	open := account.ContentUsePermitted{PermissionID: two, Content: "course/8", By: text("the company")}
	s := cabinet(t).
		When(as(officer, after(2*time.Hour)), account.PermitContentUse(permitted)).Then(permitted).
		When(as(officer, after(3*time.Hour)), account.PermitContentUse(open)).Then(open).
		When(as(officer, after(3*time.Hour)), account.PermitContentUse(open)).Refused("permission-exists").
		State()
	for i, hours := range []string{"--##--", "---###"} {
		if got := standing(6, s.Permissions[i].At); got != hours {
			t.Errorf("permission %d stands at %s, want %s", i, got, hours)
		}
	}
	for _, c := range []struct {
		from, until time.Duration
		ids         string
	}{
		{0, 2, ""}, {1, 3, one}, {2, 3, one}, {3, 4, one + two}, {4, 5, two}, {100, 101, two}, {0, 100, one + two},
	} {
		if got := strings.Join(s.PermittedDuring(after(c.from*time.Hour), after(c.until*time.Hour)), ""); got != c.ids {
			t.Errorf("from hour %d to %d %s are in force, want %s", c.from, c.until, got, c.ids)
		}
	}
	for name, c := range map[string]account.PermitContentUse{
		"of nothing":          {By: text("x")},
		"of a sentence":       {Content: "all of it, please", By: text("x")},
		"by nobody":           {Content: "course/7"},
		"ends as it begins":   {Content: "course/7", By: text("x"), Until: at(after(time.Hour))},
		"an id that is no id": {Content: "course/7", By: text("x"), PermissionID: "permit"},
	} {
		t.Run(name, func(t *testing.T) { cabinet(t).When(as(officer, after(time.Hour)), c).Refused("invalid-request") })
	}
	cabinet(t).When(as(officer, after(time.Hour)), account.PermitContentUse{Content: "course/7"}).Refused("invalid-request", "T-6.3")
}
