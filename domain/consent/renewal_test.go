package consent_test

import (
	"testing"

	"kelisim/domain/consent"
)

// Decision 3: "Buy" during the ten days needs to be acknowledged; the new consent survives the notice, the old one ends.
func TestPressDuringNotice(t *testing.T) {
	w := posted(2, "2024-05-01")
	running := func() *story { return book(t).At(moment("2024-05-01")).Given(notice(w, "2024-05-11")) }
	told := give(9)
	told.AcknowledgePendingWithdrawal = true

	for _, at := range []string{"2024-05-01T00:00:00+05:00", "2024-05-05", "2024-05-10T23:59:59+05:00"} {
		running().When(on(at), give(9)).Refused("withdrawal-pending", "P-2.2")
		anew := given(9, at)
		anew.DuringNotice = true
		s := running().When(on(at), told).Then(anew).State()
		wantStatuses(t, s, research, at+" given", "2024-05-11 given", "2024-12-31 given")
		standing := s.StandingAt(research, moment("2024-05-11"))
		if len(standing.Consents) != 1 || standing.Consents[0].ID != id(9) {
			t.Errorf("pressed at %s: what stands after the effect is the new consent alone: %+v", at, standing.Consents)
		}
	}
	// Nothing has to be acknowledged when no notice runs; saying so all the same marks nothing.
	running().When(on("2024-05-11"), give(9)).Then(given(9, "2024-05-11"))
	running().When(on("2024-05-11"), told).Then(given(9, "2024-05-11"))
	running().When(on("2024-04-30"), told).Then(given(9, "2024-04-30"))
	running().Given(consent.WithdrawalRescinded{NoticeID: id(2)}).When(on("2024-05-05"), give(9)).Then(given(9, "2024-05-05"))
}

// Decision 3: on the day of receipt itself a press that was told of the notice survives it; one that was not ends with the day,
// and a later notice ends both.
func TestPressOnTheDayOfReceipt(t *testing.T) {
	w, next := posted(2, "2024-05-01"), posted(3, "2024-05-01")
	told := given(9, "2024-05-01")
	told.DuringNotice = true
	s := book(t).At(moment("2024-05-01T09:00:00+05:00")).Given(notice(w, "2024-05-11")).
		At(moment("2024-05-01T15:00:00+05:00")).Given(told)
	wantStatuses(t, s.State(), research, "2024-05-02 given", "2024-05-11 given")
	s.At(moment("2024-05-03")).Given(notice(next, "2024-05-11"))
	wantStatuses(t, s.State(), research, "2024-05-02 withdrawal-pending", "2024-05-11 withdrawn")

	untold := book(t).At(moment("2024-05-01")).Given(notice(w, "2024-05-11")).At(moment("2024-05-01T15:00:00+05:00")).Given(given(9, "2024-05-01"))
	wantStatuses(t, untold.State(), research, "2024-05-02 withdrawal-pending", "2024-05-11 withdrawn")
	s = book(t).At(moment("2024-05-01T15:00:00+05:00")).Given(given(9, "2024-05-01")).
		At(moment("2024-05-02")).Given(notice(w, "2024-05-11"))
	wantStatuses(t, s.State(), research, "2024-05-11 withdrawn")
}

// A notice that will end nothing here is none to be told of: it is about other purposes than were ever agreed to.
func TestNoticeThatEndsNothing(t *testing.T) {
	w := posted(2, "2024-05-01")
	w.Purposes = []string{"profiling"}
	s := book(t).At(moment("2024-05-01")).Given(notice(w, "2024-05-11"))
	s.When(on("2024-05-05"), give(9)).Then(given(9, "2024-05-05"))
	if n := s.State().PendingAt(moment("2024-05-05")); len(n) != 0 {
		t.Errorf("%d notices will end a consent", len(n))
	}
}

// Decisions 3 and 11: withdrawn is never terminal: a press after it is a fresh consent from its own day, and can be withdrawn in its turn.
func TestConsentAfterWithdrawal(t *testing.T) {
	w, second := posted(2, "2024-05-01"), posted(3, "2024-07-01")
	s := book(t).At(moment("2024-05-01")).Given(notice(w, "2024-05-11")).
		When(on("2024-06-01"), give(9)).Then(given(9, "2024-06-01")).
		When(on("2024-07-01"), second).Then(notice(second, "2024-07-11")).
		State()
	wantStatuses(t, s, research, "2024-05-01 withdrawal-pending", "2024-05-11 withdrawn", "2024-05-31T23:59:59+05:00 withdrawn",
		"2024-06-01 given", "2024-06-30 given", "2024-07-01 withdrawal-pending", "2024-07-11 withdrawn")
	for at, since := range map[string]string{"2024-05-20": "2024-05-11", "2024-06-20": "2024-06-01", "2024-07-05": "2024-07-01", "2025-01-01": "2024-07-11"} {
		if got := s.StandingAt(research, moment(at)); got.Since != moment(since) {
			t.Errorf("at %s it is %s since %v, want %s", at, got.Status, got.Since, since)
		}
	}
	// Where several came to be pending, or ended, the last of them counts, whatever the order in which they became known.
	told := given(5, "2024-05-03")
	told.DuringNotice = true
	several := book(t).At(moment("2024-05-01")).Given(notice(w, "2024-05-11")).At(moment("2024-05-03")).Given(told).
		At(moment("2024-05-05")).Given(notice(posted(4, "2024-05-05"), "2024-05-15")).At(moment("2023-12-01")).Given(given(6, "2023-12-01")).State()
	for at, want := range map[string]string{"2024-04-01": "2023-12-01", "2024-05-04": "2024-05-03", "2024-05-06": "2024-05-05", "2024-05-12": "2024-05-05", "2024-06-01": "2024-05-15"} {
		if got := several.StandingAt(research, moment(at)); got.Since != moment(want) {
			t.Errorf("at %s it is %s since %v, want %s", at, got.Status, got.Since, want)
		}
	}
	if got := several.StandingAt(research, moment("2024-05-06")); got.Until != moment("2024-05-15") || len(got.Notices) != 2 {
		t.Errorf("it is pending until the last of them ends: %v", got.Until)
	}
	ended := s.StandingAt(research, moment("2024-07-20"))
	if len(ended.Consents) != 2 || len(ended.Notices) != 2 || ended.Notices[0].NoticeID != id(2) || ended.Notices[1].NoticeID != id(3) {
		t.Errorf("each consent is withdrawn by the notice that ended it: %+v", ended.Notices)
	}
}
