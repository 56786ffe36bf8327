package consent_test

import (
	"testing"
	"time"

	"kelisim/domain"
	"kelisim/domain/calendar"
	"kelisim/domain/consent"
	"kelisim/domain/decidertest"
)

// P-2.2: the withdrawal counts from the start of the tenth local day after the day of receipt. The vectors were computed from the
// civil calendar; adding 240 hours to the moment of receipt gives none of them.
func TestWithdrawalDays(t *testing.T) {
	for _, c := range []struct{ received, effective, utc string }{
		{"2024-02-20", "2024-03-01", "2024-02-29T19:00:00Z"},
		{"2024-02-25", "2024-03-06", "2024-03-05T19:00:00Z"},
		{"2026-03-01", "2026-03-11", "2026-03-10T19:00:00Z"},
		{"2026-09-20", "2026-09-30", "2026-09-29T19:00:00Z"},
		{"2024-02-18", "2024-02-28", "2024-02-27T18:00:00Z"}, // all of it at UTC+6
		{"2024-02-19", "2024-02-29", "2024-02-28T18:00:00Z"}, // the day of 25 hours
		{"2024-02-29", "2024-03-10", "2024-03-09T19:00:00Z"},
		{"2024-03-01", "2024-03-11", "2024-03-10T19:00:00Z"},
		{"2025-12-25", "2026-01-04", "2026-01-03T19:00:00Z"},
	} {
		w := posted(2, c.received)
		s := book(t).When(on(c.received+"T23:59:59+05:00"), w).Then(notice(w, c.effective)).State()
		n, _ := s.Notice(id(2))
		if want, _ := time.Parse(time.RFC3339, c.utc); n.EffectiveFrom != want {
			t.Errorf("received on %s it takes effect at %v, want %v", c.received, n.EffectiveFrom, want)
		}
		before := n.EffectiveFrom.Add(-1)
		if got := s.StandingAt(research, before).Status; got != consent.WithdrawalPending {
			t.Errorf("received on %s: just before %s it is %s", c.received, c.effective, got)
		}
		if got := s.StandingAt(research, n.EffectiveFrom).Status; got != consent.Withdrawn {
			t.Errorf("received on %s: at the start of %s it is %s", c.received, c.effective, got)
		}
		if got := s.StandingAt(research, n.ReceivedOn.Start().Add(-1)).Status; got != consent.IsGiven {
			t.Errorf("before the day of its receipt the notice of %s was heard of: %s", c.received, got)
		}
	}
}

// P-2.2: the days and the edge are parameters of the terms.
func TestWithdrawalParameters(t *testing.T) {
	in := on("2024-05-01")
	in.Parameters = decidertest.Parameters()
	in.Parameters.WithdrawalDays, in.Parameters.WithdrawalEdge = 30, domain.EndOfDay
	want := notice(posted(2, "2024-05-01"), "2024-05-31")
	want.EffectiveFrom = moment("2024-06-01")
	book(t).When(in, posted(2, "2024-05-01")).Then(want)
}

// Decision 1, P-2.6: a later named day moves the effect there; one that is too early is no error: the rule's day holds, and the
// entry says so.
func TestNamedDay(t *testing.T) {
	for _, c := range []struct {
		named, effective string
		early            bool
	}{
		{"2024-05-10", "2024-05-11", true}, {"2024-05-11", "2024-05-11", false}, {"2024-05-12", "2024-05-12", false},
		{"2024-12-31", "2024-12-31", false}, {"2024-04-01", "2024-05-11", true},
	} {
		w := posted(2, "2024-05-01")
		w.RequestedOn, w.SentOn = dayAt(c.named), dayAt("2024-04-20")
		want := notice(w, c.effective)
		want.RequestedOnTooEarly = c.early
		book(t).When(on("2024-05-02"), w).Then(want)
	}
}

// Decision 2: a notice entered late takes effect when the rule says, in the past if need be. What was known before is another
// state, which has no notice.
func TestLateNotice(t *testing.T) {
	story := book(t)
	before := story.State()
	w := posted(2, "2024-05-03")
	s := story.When(on("2024-06-20"), w).Then(notice(w, "2024-05-13")).State()
	wantStatuses(t, s, research, "2024-05-02 given", "2024-05-03 withdrawal-pending", "2024-05-12T23:59:59+05:00 withdrawal-pending", "2024-05-13 withdrawn", "2024-06-19 withdrawn")
	wantStatuses(t, before, research, "2024-05-02 given", "2024-05-13 given", "2024-06-19 given")
	if n := s.Notices[0]; n.EnteredAt != moment("2024-06-20") || n.ReceivedOn != day("2024-05-03") {
		t.Errorf("it knows both days: %+v", n)
	}
}

// Decision 7: a notice is about everything unless it names purposes.
func TestScope(t *testing.T) {
	w := posted(2, "2024-05-01")
	w.Purposes = []string{statistics, advertising, statistics}
	want := notice(w, "2024-05-11")
	want.Purposes = []string{advertising, statistics}
	s := book(t).When(on("2024-05-01"), w).Then(want).State()
	wantStatuses(t, s, research, "2024-05-05 given", "2024-06-01 given")
	wantStatuses(t, s, statistics, "2024-05-05 withdrawal-pending", "2024-06-01 withdrawn")
	wantStatuses(t, s, advertising, "2024-05-05 withdrawal-pending", "2024-06-01 withdrawn")

	w = posted(3, "2024-05-01")
	w.Purposes = []string{"advertizing"}
	book(t).When(on("2024-05-01"), w).Refused("purpose-not-covered", "P-2.3")
	w.Purposes = []string{research, "telemarketing"}
	book(t).When(on("2024-05-01"), w).Refused("purpose-not-covered", "P-2.3")
	// A purpose that came with a consent given after the day of receipt is none that this notice could end.
	w.Purposes = []string{"telemarketing"}
	book(t).At(moment("2024-05-02")).Given(given(9, "2024-05-02", "telemarketing")).When(on("2024-05-03"), w).Refused("purpose-not-covered", "P-2.3")
}

// Decision 3: the consents given through the end of the day of receipt end; a later one survives.
func TestWhatANoticeEnds(t *testing.T) {
	for at, want := range map[string]string{
		"2024-05-01T00:00:00+05:00": consent.Withdrawn, "2024-05-01T23:59:59+05:00": consent.Withdrawn, "2024-05-02T00:00:00+05:00": consent.IsGiven,
	} {
		w := posted(2, "2024-05-01")
		s := book(t).At(moment(at)).Given(given(9, at)).At(moment("2024-05-04")).Given(notice(w, "2024-05-11")).State()
		if got := s.StandingAt(research, moment("2024-05-11")).Status; got != want {
			t.Errorf("a consent given at %s is %s in the end, want %s", at, got, want)
		}
	}
}

// P-2.2: a second notice has a clock of its own; the earlier effect holds, a later notice never postpones it.
func TestSecondNotice(t *testing.T) {
	first, second := posted(2, "2024-05-01"), posted(3, "2024-05-03")
	s := book(t).When(on("2024-05-01"), first).Then(notice(first, "2024-05-11")).
		When(on("2024-05-03"), second).Then(notice(second, "2024-05-13")).State()
	wantStatuses(t, s, research, "2024-05-10 withdrawal-pending", "2024-05-11 withdrawn")
	if got := len(s.PendingAt(moment("2024-05-04"))); got != 2 {
		t.Errorf("%d notices run, want 2", got)
	}

	far := first
	far.RequestedOn = dayAt("2024-12-31")
	s = book(t).When(on("2024-05-01"), far).Then(notice(far, "2024-12-31")).
		When(on("2024-05-03"), second).Then(notice(second, "2024-05-13")).State()
	wantStatuses(t, s, research, "2024-05-12 withdrawal-pending", "2024-05-13 withdrawn", "2025-01-01 withdrawn")
	standing := s.StandingAt(research, moment("2024-05-12"))
	if standing.Until != moment("2024-05-13") || standing.Since != moment("2024-05-01") {
		t.Errorf("it is pending since the first was heard of, until the earlier effect: %v to %v", standing.Since, standing.Until)
	}
}

// A posted notice is entered once; only what differs is another notice.
func TestDuplicateNotice(t *testing.T) {
	w := posted(2, "2024-05-01")
	again, otherDay, otherNumber, otherScope := w, w, w, w
	again.NoticeID, otherDay.NoticeID, otherNumber.NoticeID, otherScope.NoticeID = id(3), id(3), id(3), id(3)
	otherDay.ReceivedOn, otherNumber.TrackingNumber, otherScope.Purposes = day("2024-05-02"), "RR123456789KZ", []string{research}
	in := on("2024-05-03")
	one := func() *story { return book(t).At(moment("2024-05-02")).Given(notice(w, "2024-05-11")) }
	one().When(in, again).Refused("notice-recorded", "P-2.2")
	one().When(in, otherDay).Then(notice(otherDay, "2024-05-12"))
	one().When(in, otherNumber).Then(notice(otherNumber, "2024-05-11"))
	one().When(in, otherScope).Then(notice(otherScope, "2024-05-11"))
	one().When(in, w).Refused("notice-exists")

	// A scope is a set.
	two := w
	two.Purposes = []string{research, advertising}
	stored := notice(two, "2024-05-11")
	stored.Purposes = []string{advertising, research}
	two.NoticeID = id(3)
	book(t).At(moment("2024-05-02")).Given(stored).When(in, two).Refused("notice-recorded", "P-2.2")

	// By another channel there is no number to know it by.
	mail := consent.Withdraw{NoticeID: id(4), ReceivedOn: day("2024-05-01"), Channel: "e-mail"}
	more := mail
	more.NoticeID = id(5)
	book(t).When(in, mail).Then(notice(mail, "2024-05-11")).When(in, more).Then(notice(more, "2024-05-11"))
}

func TestWithdrawRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change       func(*consent.Withdraw)
		code, clause string
	}{
		"no day of receipt":         {func(w *consent.Withdraw) { w.ReceivedOn = calendar.Day{} }, "invalid-request", "P-2.2"},
		"received tomorrow":         {func(w *consent.Withdraw) { w.ReceivedOn = day("2024-05-02") }, "invalid-request", "P-2.2"},
		"no channel":                {func(w *consent.Withdraw) { w.Channel = "" }, "invalid-request", "P-2.2"},
		"a sentence for a channel":  {func(w *consent.Withdraw) { w.Channel = "by hand" }, "invalid-request", "P-2.2"},
		"posted without a number":   {func(w *consent.Withdraw) { w.TrackingNumber = "" }, "invalid-request", "P-2.2"},
		"a number that is none":     {func(w *consent.Withdraw) { w.TrackingNumber = "rr 1" }, "invalid-request", ""},
		"sent after it came":        {func(w *consent.Withdraw) { w.SentOn = dayAt("2024-05-02") }, "invalid-request", "P-2.6"},
		"a hash that is none":       {func(w *consent.Withdraw) { w.LetterSHA256 = "abc" }, "invalid-request", ""},
		"a sentence for a purpose":  {func(w *consent.Withdraw) { w.Purposes = []string{"all of it"} }, "invalid-request", "P-2.3"},
		"an id that is none":        {func(w *consent.Withdraw) { w.NoticeID = "letter of Aigul" }, "invalid-request", ""},
		"before the first consent":  {func(w *consent.Withdraw) { w.ReceivedOn = day("2023-12-31") }, "never-consented", "P-2.2"},
		"retry of nobody's notice":  {func(w *consent.Withdraw) { w.RetryOf = id(8) }, "notice-not-found", ""},
		"retry of a running notice": {func(w *consent.Withdraw) { w.RetryOf = id(7) }, "notice-not-refused", "P-2.6"},
	} {
		t.Run(name, func(t *testing.T) {
			w := posted(2, "2024-05-01")
			c.change(&w)
			book(t).At(moment("2024-04-01")).Given(notice(posted(7, "2024-04-01"), "2024-04-11")).
				When(on("2024-05-01T23:59:59+05:00"), w).Refused(c.code, c.clause)
		})
	}
	decidertest.New(t, decider(t)).When(on("2024-05-01"), posted(2, "2024-05-01")).Refused("never-consented", "P-2.2")
	// Consent and notice of one day: the consent had been given by the end of it.
	decidertest.New(t, decider(t)).At(moment("2024-05-01T15:00:00+05:00")).Given(given(1, "2024-05-01")).
		When(on("2024-05-01T16:00:00+05:00"), posted(2, "2024-05-01")).Then(notice(posted(2, "2024-05-01"), "2024-05-11"))
}
