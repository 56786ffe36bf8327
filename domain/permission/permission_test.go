package permission_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/calendar"
	"kelisim/domain/consent"
	"kelisim/domain/decidertest"
	"kelisim/domain/event"
	"kelisim/domain/permission"
	"kelisim/domain/site"
	"kelisim/domain/subscription"
)

const (
	research    = "quality-research"
	advertising = "advertising"
)

// fact is an event and when it happened: an instant, or a day in Astana as its start.
type fact struct {
	at   string
	data any
}

func day(s string) calendar.Day {
	d, err := calendar.ParseDay(s)
	if err != nil {
		panic(err)
	}
	return d
}

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

// books folds facts in the order in which they became known. The i-th has decidertest.EventID(i).
func books(facts ...fact) permission.Books {
	var b permission.Books
	for i, f := range facts {
		m := event.Meta{ID: decidertest.EventID(i), Revision: int64(i), OccurredAt: moment(f.at)}
		switch e := f.data.(type) {
		case account.Event:
			b.Account = account.Decider.Evolve(b.Account, e, m)
		case consent.Event:
			b.Consent = consent.Decider.Evolve(b.Consent, e, m)
		case subscription.Event:
			b.Subscription = subscription.Decider.Evolve(b.Subscription, e, m)
		default:
			panic(fmt.Sprintf("%T is in none of the books", e))
		}
	}
	return b
}

// rules folds what was published and decreed.
func rules(facts ...fact) site.State {
	var s site.State
	for i, f := range facts {
		s = site.Decider.Evolve(s, f.data.(site.Event), event.Meta{ID: siteEvent(i), OccurredAt: moment(f.at)})
	}
	return s
}

func siteEvent(i int) uuid.UUID { return uuid.UUID{0: 0x51, 15: byte(i)} }

// id is the n-th event of the books, as an answer names it.
func id(n int) string { return decidertest.EventID(n).String() }

var (
	agreement = site.DocumentPublished{ID: "personal-data", Version: "2020-10-27", Language: "kk", InForceFrom: moment("2020-10-27"),
		Purposes: []string{research, "marketing-statistics", advertising, "telemarketing"}}
	published = fact{"2020-10-27", agreement}

	// registered is a cabinet in Kazakhstan that reads Kazakh, from 12 January 2026, 11:00.
	registered = fact{"2026-01-12T11:00:00+05:00", account.Registered{Acceptance: account.Acceptance{Button: "register", Language: "kk"}, Location: "KZ"}}
	trial      = fact{registered.at, subscription.TrialStarted{RegisteredAt: moment(registered.at), From: moment(registered.at),
		Until: moment("2026-04-13"), Months: 3, Anchor: day("2026-01-12")}}
)

func paid(at string, months int) fact {
	return fact{at, subscription.PaymentCompleted{OrderID: "o", Provider: "p", TransactionID: at, PaidAt: moment(at), Amount: domain.KZT(4990), Months: months}}
}

// said is an answer in one line: what is allowed, each reason with its clause, its times and its events, and the next change.
func said(a permission.Answer) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%v", a.Allowed)
	for _, r := range a.Reasons {
		fmt.Fprintf(&out, "; %s %s %s–%s %s", r.Code, r.Clause, clock(r.Since), clock(r.Until), strings.Join(r.Events, ","))
	}
	fmt.Fprintf(&out, "; then %s", clock(a.NextChangeAt))
	return out.String()
}

// clock is a moment by the clock of Astana; a day alone at its start.
func clock(t *time.Time) string {
	if t == nil {
		return ""
	}
	if t.Location() != time.UTC {
		return "not in UTC"
	}
	if d := calendar.DayOf(*t); d.Start().Equal(*t) {
		return d.String()
	}
	return t.In(calendar.Zone()).Format("2006-01-02T15:04")
}

// short writes events as their numbers.
func short(s string) string {
	for i := range 20 {
		s = strings.ReplaceAll(s, id(i), fmt.Sprintf("#%d", i))
		s = strings.ReplaceAll(s, siteEvent(i).String(), fmt.Sprintf("§%d", i))
	}
	return s
}

func wantAccess(t *testing.T, b permission.Books, s site.State, place permission.Place, at, want string) {
	t.Helper()
	if got := short(said(permission.Access(b, s, place, moment(at)))); got != want {
		t.Errorf("access on %s is\n     %s\nwant %s", at, got, want)
	}
}
