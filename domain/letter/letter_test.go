package letter_test

import (
	"testing"
	"time"

	"kelisim/domain"
	"kelisim/domain/calendar"
	"kelisim/domain/decidertest"
	"kelisim/domain/letter"
)

const (
	user   = "5f0c1b1e-7c5b-4a3e-9a60-0d1f2a3b4c5d"
	other  = "0b0e5a52-5a0b-4f0e-8f5e-0a4b6a1f7e11"
	notice = "9b2f8a44-0c47-4d3c-8a5b-7a7f0f5c2d10"
)

func day(t testing.TB, s string) calendar.Day {
	t.Helper()
	d, err := calendar.ParseDay(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// story stands on 12 January 2026, before noon in Astana.
func story(t *testing.T) *decidertest.Story[letter.Command, letter.State, letter.Event] {
	return decidertest.New(t, letter.Decider)
}

// received is the event that a letter becomes.
func received(c letter.Receive) letter.Received {
	return letter.Received{ReceivedOn: c.ReceivedOn, TrackingNumber: c.TrackingNumber, SentOn: c.SentOn, LetterSHA256: c.LetterSHA256, Note: c.Note}
}

func TestTotal(t *testing.T) { decidertest.Total(t, letter.Decider, letter.Events) }

func TestReceiptOfP22(t *testing.T) {
	full := letter.Receive{ReceivedOn: day(t, "2026-01-09"), TrackingNumber: "RR473124829KZ", SentOn: day(t, "2026-01-05"),
		LetterSHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", Note: domain.NewPersonal("signed A. B.")}
	s := story(t).When(domain.Context{}, full).Then(received(full)).State()
	if s.ReceivedOn != full.ReceivedOn || !s.EnteredAt.Equal(decidertest.Start) || s.Event != decidertest.EventID(0).String() {
		t.Errorf("a letter entered late keeps its own day of receipt: %+v", s)
	}
	today := letter.Receive{ReceivedOn: day(t, "2026-01-12"), TrackingNumber: "KZ-12"}
	story(t).When(domain.Context{}, today).Then(received(today))
	story(t).Given(received(full)).When(domain.Context{}, full).Refused("letter-exists")

	for name, change := range map[string]func(*letter.Receive){
		"no day of receipt":        func(c *letter.Receive) { c.ReceivedOn = calendar.Day{} },
		"received tomorrow":        func(c *letter.Receive) { c.ReceivedOn = day(t, "2026-01-13") },
		"no tracking number":       func(c *letter.Receive) { c.TrackingNumber = "" },
		"an IIN":                   func(c *letter.Receive) { c.TrackingNumber = "791028302728" },
		"a name for a number":      func(c *letter.Receive) { c.TrackingNumber = "Айгерім" },
		"an address for a number":  func(c *letter.Receive) { c.TrackingNumber = "A@EXAMPLE.KZ" },
		"sent after it came":       func(c *letter.Receive) { c.SentOn = day(t, "2026-01-10") },
		"a hash that is too short": func(c *letter.Receive) { c.LetterSHA256 = "9f86" },
	} {
		c := full
		change(&c)
		t.Run(name, func(t *testing.T) { story(t).When(domain.Context{}, c).Refused("invalid-request") })
	}
}

// At 20:00 in UTC it is the day after in Astana.
func TestDayOfReceiptIsADayInAstana(t *testing.T) {
	evening := time.Date(2026, 1, 12, 20, 0, 0, 0, time.UTC)
	c := letter.Receive{ReceivedOn: day(t, "2026-01-13"), TrackingNumber: "RR473124829KZ"}
	story(t).When(domain.Context{OccurredAt: evening}, c).Then(received(c))
	story(t).When(domain.Context{OccurredAt: evening.Add(-2 * time.Hour)}, c).Refused("invalid-request", "P-2.2")
}

func TestMatch(t *testing.T) {
	came := letter.Received{ReceivedOn: day(t, "2026-01-09"), TrackingNumber: "RR473124829KZ"}
	matched := letter.Matched{UserID: user, NoticeID: notice}

	story(t).When(domain.Context{}, letter.Match(matched)).Refused("letter-not-found")
	after := story(t).Given(came).When(domain.Context{}, letter.Match(matched)).Then(matched)
	after.When(domain.Context{}, letter.Match(matched)).Nothing()
	after.When(domain.Context{}, letter.Match{UserID: other, NoticeID: notice}).Refused("letter-already-matched", "P-2.2")
	after.When(domain.Context{}, letter.Match{UserID: user, NoticeID: other}).Refused("letter-already-matched")

	at := decidertest.Start.Add(time.Minute)
	if sender, ok := after.State().MatchedAt(at); !ok || sender.UserID != user || sender.NoticeID != notice {
		t.Errorf("the letter is matched from %v on: %+v", at, sender)
	}
	if _, ok := after.State().MatchedAt(at.Add(-time.Second)); ok {
		t.Error("the letter was not matched before that")
	}
	if _, ok := story(t).Given(came).State().MatchedAt(at); ok {
		t.Error("a letter that nobody matched has no sender")
	}
	for _, bad := range []letter.Match{{}, {UserID: user}, {NoticeID: notice}, {UserID: "u", NoticeID: notice}, {UserID: user, NoticeID: "n"}} {
		story(t).Given(came).When(domain.Context{}, bad).Refused("invalid-request")
	}
}
