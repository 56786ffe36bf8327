package account_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/decidertest"
	"kelisim/domain/event"
)

const (
	one = "5f0c1b1e-7c5b-4a3e-9a60-0d1f2a3b4c5d"
	two = "0b0e5a52-5a0b-4f0e-8f5e-0a4b6a1f7e11"
)

var (
	start = decidertest.Start // Monday 12 January 2026, 11:00 in Astana
	text  = domain.NewPersonal

	pressed = account.Acceptance{Button: "register", Page: "subscription", Language: "kk", Documents: []account.DocumentRef{
		{ID: "terms", Version: "2020-10-27", SHA256: strings.Repeat("a", 64)},
		{ID: "personal-data", Version: "2020-10-27", SHA256: strings.Repeat("b", 64)},
	}}
	reached    = account.Contacts{Email: text("aigul@example.kz")}
	registered = account.Registered{Login: text("aigul"), Acceptance: pressed, Contacts: reached, Location: "KZ"}
	officer    = event.Actor{Kind: "officer", ID: "officer-1"}
	approver   = event.Actor{Kind: "approver", ID: "approver-1"}
)

type story = decidertest.Story[account.Command, account.State, account.Event]

// cabinet is a story of a registered user.
func cabinet(t *testing.T, events ...account.Event) *story {
	return decidertest.New(t, decider(t)).Given(registered).Given(events...)
}

// after is a moment so long after the registration.
func after(d time.Duration) time.Time { return start.Add(d) }

func as(actor event.Actor, at time.Time) domain.Context {
	return domain.Context{OccurredAt: at, Actor: actor}
}

func at(t time.Time) *time.Time { return &t }

// decider is the book's, which also holds the kind of a refusal, from which a caller gets a status, against its code.
func decider(t testing.TB) domain.Decider[account.Command, account.State, account.Event] {
	d := account.Decider
	d.Decide = func(s account.State, c account.Command, in domain.Context) ([]account.Event, error) {
		events, err := account.Decider.Decide(s, c, in)
		var refusal *domain.Error
		if errors.As(err, &refusal) {
			want := domain.Conflict
			switch {
			case slices.Contains([]string{"invalid-request", "acceptance-missing"}, refusal.Code):
				want = domain.Invalid
			case strings.HasSuffix(refusal.Code, "-not-found"):
				want = domain.NotFound
			case refusal.Code == "second-person-needed":
				want = domain.Forbidden
			}
			if refusal.Kind != want {
				t.Errorf("%s is of kind %d, want %d", refusal.Code, refusal.Kind, want)
			}
		}
		return events, err
	}
	return d
}

func TestTotal(t *testing.T) { decidertest.Total(t, account.Decider, account.Events) }

func TestNobodyIsThere(t *testing.T) {
	for _, c := range []account.Command{
		account.RecordPersonalData{}, account.ChangeLogin{}, account.ChangeContacts{}, account.SetLocation{}, account.Block{},
		account.Unblock{}, account.RemoveContent{}, account.PermitContentUse{}, account.ReportUnauthorisedAccess{}, account.RestoreAccess{},
		account.Message{}, account.AnswerMessage{}, account.BlockData{}, account.UnblockData{}, account.VoidEntry{}, account.ApproveVoid{},
	} {
		decidertest.New(t, decider(t)).When(domain.Context{}, c).Refused("user-not-found")
		decidertest.New(t, decider(t)).Given(account.RegistrationAbandoned{}).When(domain.Context{}, c).Refused("user-not-found")
	}
}

func TestNothingHappensBeforeTheRegistration(t *testing.T) {
	cabinet(t).When(domain.Context{OccurredAt: after(-1)}, account.SetLocation{Location: "KZ"}).Refused("invalid-request")
	cabinet(t).When(domain.Context{OccurredAt: start}, account.SetLocation{Location: "KZ"}).Then(account.LocationSet{Location: "KZ"})
}

func TestClauses(t *testing.T) {
	for s, want := range map[string]bool{
		"T-3.8": true, "P-2.2": true, "C-1": true, "T-1.2.6": true, "T-10.12": true,
		"": false, "T": false, "T-": false, "X-1": false, "t-3.8": false, "T-3.8.1.2": false, "T-3.": false, "T-123": false,
		" T-3.8": false, "T-3.8\n": false, "T-3,8": false, "rude to others": false,
	} {
		if got := account.ValidClause(s); got != want {
			t.Errorf("%q is a clause: %v, want %v", s, got, want)
		}
	}
}
