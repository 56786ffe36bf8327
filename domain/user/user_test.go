package user_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/calendar"
	"kelisim/domain/catalogue"
	"kelisim/domain/consent"
	"kelisim/domain/decidertest"
	"kelisim/domain/event"
	"kelisim/domain/obligation"
	"kelisim/domain/site"
	"kelisim/domain/subscription"
	"kelisim/domain/user"
)

const (
	me          = "5f0c1b1e-7c5b-4a3e-9a60-0d1f2a3b4c5d"
	research    = "quality-research"
	advertising = "advertising"
)

var (
	text     = domain.NewPersonal
	officer  = event.Actor{Kind: "officer", ID: "officer-1"}
	approver = event.Actor{Kind: "approver", ID: "approver-1"}
	known    = catalogue.All()
)

// id is the n-th id of a thing in these tests.
func id(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

func day(s string) calendar.Day {
	d, err := calendar.ParseDay(s)
	if err != nil {
		panic(err)
	}
	return d
}

// moment reads an instant, or a day in Astana as its start.
func moment(s string) time.Time {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC()
	}
	return day(s).Start()
}

func momentAt(s string) *time.Time {
	t := moment(s)
	return &t
}

// life is a user's stream as the write side holds it: the events and their fold.
type life struct {
	Events []user.Recorded
	State  user.State
}

// live carries a stream on by one event, and folds anew where an entry drops out.
func live(l life, data any, m event.Meta) life {
	if t, err := known.TypeOf(data); err == nil {
		m.Type = t.Name()
	}
	l.Events = append(slices.Clip(l.Events), user.Recorded{Meta: m, Data: data})
	if user.Voids(data) {
		l.State = user.Fold(l.Events)
	} else {
		l.State = user.Evolve(l.State, data, m)
	}
	return l
}

type story = decidertest.Story[user.Command, life, any]

// begin is a story of a user under rules. It holds the kind of a refusal, from which a caller gets a status, against its code.
func begin(t testing.TB, rules site.State) *story {
	return decidertest.New(t, decider(t, rules))
}

func decider(t testing.TB, rules site.State) domain.Decider[user.Command, life, any] {
	return domain.Decider[user.Command, life, any]{
		Evolve: live,
		Decide: func(l life, c user.Command, in domain.Context) ([]any, error) {
			if in.Subject == "" {
				in.Subject = me
			}
			events, err := user.Decide(l.State, l.Events, rules, c, in)
			var refusal *domain.Error
			if errors.As(err, &refusal) && refusal.Kind != kindOf(refusal.Code) {
				t.Errorf("%s is of kind %d, want %d", refusal.Code, refusal.Kind, kindOf(refusal.Code))
			}
			return events, err
		},
	}
}

func kindOf(code string) domain.Kind {
	switch {
	case code == "second-person-needed":
		return domain.Forbidden
	case strings.HasSuffix(code, "-not-found"):
		return domain.NotFound
	case slices.Contains([]string{"invalid-request", "acceptance-missing", "period-not-offered"}, code):
		return domain.Invalid
	}
	return domain.Conflict
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func document(id, version, language, since string, purposes ...string) site.DocumentPublished {
	content := strings.Join([]string{id, version, language}, " ")
	return site.DocumentPublished{ID: id, Version: version, Language: language, SHA256: hash(content), Content: []byte(content),
		InForceFrom: moment(since), Purposes: purposes}
}

func shown(id, version, language string) account.DocumentRef {
	return account.DocumentRef{ID: id, Version: version, SHA256: hash(strings.Join([]string{id, version, language}, " "))}
}

// published is the site of these tests: version 1 of the terms and of the agreement in Kazakh and Russian since 2020, version 2
// in Kazakh from June 2026, with a higher fine, five days for a withdrawal and a higher price of one month.
func published(more ...site.Event) site.State {
	one, two := decidertest.Parameters(), decidertest.Parameters()
	one.TermsVersion, two.TermsVersion = "1", "2"
	two.Fine, two.WithdrawalDays = domain.KZT(70_000), 5
	old, new := "2020-10-27", "2026-06-01"
	facts := []site.Event{
		site.ParametersSet{InForceFrom: moment(old), Parameters: one}, site.ParametersSet{InForceFrom: moment(new), Parameters: two},
		document("terms", "1", "kk", old), document("terms", "1", "ru", old), document("terms", "2", "kk", new),
		document("personal-data", "1", "kk", old, site.DefaultPurposes...), document("personal-data", "1", "ru", old, site.DefaultPurposes...),
		document("personal-data", "2", "kk", new, research),
		site.TariffSet{Months: 1, Price: domain.KZT(4_990), InForceFrom: moment(old)}, site.TariffSet{Months: 1, Price: domain.KZT(5_990), InForceFrom: moment(new)},
		site.TariffSet{Months: 12, Price: domain.KZT(44_990), InForceFrom: moment(old)},
	}
	var s site.State
	for i, e := range append(facts, more...) {
		s = site.Decider.Evolve(s, e, event.Meta{ID: uuid.NewSHA1(uuid.NameSpaceURL, fmt.Append(nil, i)), OccurredAt: moment(old)})
	}
	return s
}

// on is a command's context under the parameters in force.
func on(at string, rules site.State) domain.Context {
	return domain.Context{OccurredAt: moment(at), Parameters: rules.ParametersAt(moment(at))}
}

func by(actor event.Actor, in domain.Context) domain.Context {
	in.Actor = actor
	return in
}

// pressed is a press under version 1 in Kazakh.
func pressed(button, page string, documents ...string) *account.Acceptance {
	a := account.Acceptance{Button: button, Page: page, Language: "kk"}
	for _, d := range documents {
		a.Documents = append(a.Documents, shown(d, "1", "kk"))
	}
	return &a
}

func register() user.Register {
	return user.Register{ConsentID: id(1), Register: account.Register{Login: text("aigul"), Contacts: account.Contacts{Email: text("a@example.kz")},
		Acceptance: pressed("register", "subscription", "terms", "personal-data"), Location: "KZ"}}
}

// opened is what the registration of 12 January 2026, 11:00, makes.
func opened() []any {
	c := register()
	return []any{
		account.Registered{Login: c.Login, Acceptance: *c.Acceptance, Contacts: c.Contacts, Location: "KZ"},
		account.ContactConfirmed{Kinds: []string{"email"}},
		consent.Given{ConsentID: id(1), Acceptance: *c.Acceptance, Document: shown("personal-data", "1", "kk"), Purposes: site.DefaultPurposes, Day: day("2026-01-12")},
		subscription.TrialStarted{RegisteredAt: decidertest.Start, From: decidertest.Start, Until: moment("2026-04-13"), Months: 3, Anchor: day("2026-01-12")},
	}
}

// registered is a story of a user who registered on 12 January 2026, 11:00, in one command.
func registered(t testing.TB, rules site.State) *story {
	return begin(t, rules).When(domain.Context{OccurredAt: decidertest.Start, Parameters: rules.ParametersAt(decidertest.Start)}, register()).Then(opened()...)
}

func TestTotal(t *testing.T) {
	for _, book := range [][]event.Type{account.Events, consent.Events, subscription.Events, obligation.Events} {
		decidertest.Total(t, decider(t, site.State{}), book)
	}
}
