package consent_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/calendar"
	"kelisim/domain/consent"
	"kelisim/domain/decidertest"
	"kelisim/domain/event"
)

// The purposes of P-2.3.
const (
	research    = "quality-research"
	statistics  = "marketing-statistics"
	advertising = "advertising"
)

var (
	text     = domain.NewPersonal
	purposes = []string{research, statistics, advertising}
	document = account.DocumentRef{ID: "personal-data", Version: "2020-10-27", SHA256: strings.Repeat("b", 64)}
	press    = account.Acceptance{Button: "buy", Page: "marketplace", Language: "kk", Documents: []account.DocumentRef{document}}
	officer  = event.Actor{Kind: "officer", ID: "officer-1"}
)

type story = decidertest.Story[consent.Command, consent.State, consent.Event]

// id is the n-th id of a thing in these tests.
func id(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

func day(s string) calendar.Day {
	d, err := calendar.ParseDay(s)
	if err != nil {
		panic(err)
	}
	return d
}

func dayAt(s string) *calendar.Day {
	d := day(s)
	return &d
}

// moment reads an instant, or a day in Astana as its start.
func moment(s string) time.Time {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC()
	}
	return day(s).Start()
}

// given is a consent by a press at a moment, to all purposes unless some are named.
func given(n int, at string, to ...string) consent.Given {
	if len(to) == 0 {
		to = purposes
	}
	return consent.Given{ConsentID: id(n), Acceptance: press, Document: document, Purposes: to, Day: calendar.DayOf(moment(at))}
}

func give(n int) consent.Give {
	return consent.Give{ConsentID: id(n), Acceptance: &press, Purposes: purposes}
}

// posted is a notice by registered post.
func posted(n int, received string) consent.Withdraw {
	return consent.Withdraw{NoticeID: id(n), ReceivedOn: day(received), Channel: consent.RegisteredPost, TrackingNumber: fmt.Sprintf("RR%09dKZ", n)}
}

// notice is the entry that a notice becomes.
func notice(c consent.Withdraw, effective string) consent.WithdrawalNoticeReceived {
	return consent.WithdrawalNoticeReceived{
		NoticeID: c.NoticeID, ReceivedOn: c.ReceivedOn, Channel: c.Channel, TrackingNumber: c.TrackingNumber, SentOn: c.SentOn,
		RequestedOn: c.RequestedOn, Purposes: c.Purposes, LetterSHA256: c.LetterSHA256, LetterID: c.LetterID, RetryOf: c.RetryOf,
		PerTerms: c.Channel == consent.RegisteredPost, EffectiveOn: day(effective), EffectiveFrom: day(effective).Start(),
	}
}

// book is a story of one consent to all purposes, given on 1 January 2024.
func book(t *testing.T) *story {
	return decidertest.New(t, decider(t)).At(moment("2024-01-01")).Given(given(1, "2024-01-01"))
}

func on(s string) domain.Context { return domain.Context{OccurredAt: moment(s), Actor: officer} }

func wantStatuses(t *testing.T, s consent.State, purpose string, want ...string) {
	t.Helper()
	for _, w := range want {
		at, status, _ := strings.Cut(w, " ")
		if got := s.StandingAt(purpose, moment(at)).Status; got != status {
			t.Errorf("%s at %s is %q, want %q", purpose, at, got, status)
		}
	}
}

// decider is the book's, which also holds the kind of a refusal, from which a caller gets a status, against its code.
func decider(t testing.TB) domain.Decider[consent.Command, consent.State, consent.Event] {
	d := consent.Decider
	d.Decide = func(s consent.State, c consent.Command, in domain.Context) ([]consent.Event, error) {
		events, err := consent.Decider.Decide(s, c, in)
		var refusal *domain.Error
		if errors.As(err, &refusal) {
			want := domain.Conflict
			switch {
			case slices.Contains([]string{"invalid-request", "acceptance-missing"}, refusal.Code):
				want = domain.Invalid
			case strings.HasSuffix(refusal.Code, "-not-found"):
				want = domain.NotFound
			}
			if refusal.Kind != want {
				t.Errorf("%s is of kind %d, want %d", refusal.Code, refusal.Kind, want)
			}
		}
		return events, err
	}
	return d
}

func TestTotal(t *testing.T) { decidertest.Total(t, consent.Decider, consent.Events) }

// The words are those of the contract.
func TestWords(t *testing.T) {
	got := []string{consent.StatusPending, consent.StatusRefused, consent.StatusNotPerTerms, consent.StatusRescinded, consent.StatusEffective,
		consent.NeverGiven, consent.IsGiven, consent.WithdrawalPending, consent.Withdrawn, consent.RegisteredPost}
	want := "pending refused not-per-terms rescinded effective never-given given withdrawal-pending withdrawn registered-post"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("%s, want %s", s, want)
	}
	if s := strings.Join(consent.Acts, " "); s != "collect systematise accumulate store update use distribute transfer transfer-cross-border depersonalise block destroy" {
		t.Errorf("P-1.5 names the acts %s", s)
	}
}

// P-2.2: the press is the consent, dated by the local day, with what was shown.
func TestGive(t *testing.T) {
	// 23:30 and 00:30 in Astana, in the night in which its clocks went back from UTC+6 to UTC+5.
	s := decidertest.New(t, decider(t)).
		When(on("2024-02-29T22:30:00+05:00"), give(1)).Then(given(1, "2024-02-29")).
		When(on("2024-03-01T00:30:00+05:00"), give(2)).Then(given(2, "2024-03-01")).
		State()
	for i, want := range []consent.Consent{
		{ID: id(1), At: moment("2024-02-29T22:30:00+05:00"), Day: day("2024-02-29")}, {ID: id(2), At: moment("2024-03-01T00:30:00+05:00"), Day: day("2024-03-01")},
	} {
		got := s.Consents[i]
		if got.ID != want.ID || got.At != want.At || got.Day != want.Day || got.Document != document || got.Acceptance.Button != "buy" ||
			!slices.Equal(got.Purposes, purposes) || got.Event != decidertest.EventID(i).String() {
			t.Errorf("consent %d is %+v", i, got)
		}
	}
}

// Decision 11: a repeated press is a new consent, with its own date.
func TestRepeatedPress(t *testing.T) {
	s := book(t).When(on("2024-05-01"), give(2)).Then(given(2, "2024-05-01")).
		When(on("2024-05-01"), give(3)).Then(given(3, "2024-05-01")).State()
	if len(s.Consents) != 3 {
		t.Errorf("%d consents, want 3", len(s.Consents))
	}
	standing := s.StandingAt(advertising, moment("2024-06-01"))
	if len(standing.Consents) != 3 || standing.Since != moment("2024-01-01") {
		t.Errorf("it stands by all three, since the first: %+v", standing)
	}
}

// D1, D13: nothing is a consent by default, and its id says nothing of the person.
func TestGiveRefused(t *testing.T) {
	without := press
	without.Documents = []account.DocumentRef{{ID: "terms", Version: "2020-10-27", SHA256: strings.Repeat("a", 64)}}
	for name, c := range map[string]struct {
		command      consent.Give
		code, clause string
	}{
		"nothing pressed":     {consent.Give{Purposes: purposes}, "acceptance-missing", "P-2.2"},
		"no agreement shown":  {consent.Give{Acceptance: &without, Purposes: purposes}, "acceptance-missing", "P-2.2"},
		"an id that is none":  {consent.Give{ConsentID: "850101300123", Acceptance: &press}, "invalid-request", ""},
		"an id that is taken": {give(1), "consent-exists", ""},
	} {
		t.Run(name, func(t *testing.T) { book(t).When(on("2024-05-01"), c.command).Refused(c.code, c.clause) })
	}
	in := domain.Context{OccurredAt: moment("2024-05-01"), Command: [16]byte{7}}
	want := given(1, "2024-05-01")
	want.ConsentID = in.ID("consent")
	book(t).When(in, consent.Give{Acceptance: &press, Purposes: purposes}).Then(want)
}

// P-2.3: consent covers the purposes of its own version (decision 10); an old one does not grow with a new version.
func TestPurposes(t *testing.T) {
	s := decidertest.New(t, decider(t)).At(moment("2024-01-01")).Given(given(1, "2024-01-01", research)).
		At(moment("2024-06-01")).Given(given(2, "2024-06-01", research, advertising)).State()
	wantStatuses(t, s, research, "2023-12-31 never-given", "2024-01-01 given", "2024-06-01 given")
	wantStatuses(t, s, advertising, "2023-12-31 never-given", "2024-01-01 ", "2024-06-01 given")
	wantStatuses(t, s, "profiling", "2023-12-31 never-given", "2024-06-01 ")
}
