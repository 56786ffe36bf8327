package statistics_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/activity"
	"kelisim/domain/calendar"
	"kelisim/domain/catalogue"
	"kelisim/domain/consent"
	"kelisim/domain/event"
	"kelisim/domain/site"
	"kelisim/domain/subscription"
	"kelisim/projections/reports"
	"kelisim/projections/statistics"
)

const (
	advertising, research, marketing = "advertising", "quality-research", "marketing-statistics"
)

var everything = []string{advertising, marketing, research}

// world is a journal in which a test tells what happened.
type world struct {
	t testing.TB
	*journal.Journal
	told int
	ends map[string]int64
	last string // moment of the record
}

func newWorld(t testing.TB) *world {
	store := &journal.Memory{Now: func() time.Time { return moment("2026-11-01T12:00") }}
	w := &world{t: t, Journal: journal.New(store, catalogue.All()), ends: map[string]int64{}, last: "2025-12-01T00:00"}
	var published []any
	for _, id := range []string{"terms", "personal-data"} {
		d := site.DocumentPublished{ID: id, Version: "2020-10-27", Language: "kk", SHA256: "c0ffee", InForceFrom: moment("2020-10-27T00:00")}
		if id == "personal-data" {
			d.Purposes = everything
		}
		published = append(published, d)
	}
	published = append(published, site.ParametersSet{InForceFrom: moment("2020-10-27T00:00"), Parameters: domain.Parameters{
		TermsVersion: "2020-10-27", WithdrawalDays: 10, WithdrawalEdge: domain.StartOfDay, Fine: domain.KZT(50000),
	}})
	w.tell("site", "2025-12-01T00:00", published...)
	return w
}

func moment(s string) time.Time {
	t, err := time.ParseInLocation("2006-01-02T15:04", s, calendar.Zone())
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

func day(s string) calendar.Day {
	d, err := calendar.ParseDay(s)
	if err != nil {
		panic(err)
	}
	return d
}

// tell records events in a stream as of when they happened, and as recorded then, or as soon after it as the record allows.
func (w *world) tell(stream, at string, events ...any) {
	w.t.Helper()
	w.last = max(w.last, at)
	var records []journal.NewRecord
	for _, e := range events {
		m := event.Meta{ID: uuid.NewSHA1(uuid.Nil, fmt.Appendf(nil, "event %d", w.told)), OccurredAt: moment(at), RecordedAt: moment(w.last), Actor: event.Actor{Kind: "service", ID: "site"}}
		r, err := w.Encode(e, m)
		if err != nil {
			w.t.Fatal(err)
		}
		records = append(records, r)
		w.told++
	}
	expected := journal.NoStream
	if n, ok := w.ends[stream]; ok {
		expected = n
	}
	receipt, err := w.Append(w.t.Context(), stream, expected, records)
	if err != nil {
		w.t.Fatal(err)
	}
	w.ends[stream] = receipt.Revision
}

func userID(n int) domain.UserID {
	return domain.UserID(fmt.Sprintf("00000000-0000-4000-8000-%012x", n+1))
}

// registers tells of a registration with a consent to purposes, and of the free months.
func (w *world) registers(n int, at string, purposes ...string) {
	w.t.Helper()
	m := moment(at)
	d := calendar.DayOf(m)
	a := account.Acceptance{Button: "register", Page: "subscription", Language: "kk", Documents: []account.DocumentRef{{ID: "terms", Version: "2020-10-27", SHA256: "c0ffee"}, {ID: "personal-data", Version: "2020-10-27", SHA256: "c0ffee"}}}
	events := []any{account.Registered{Acceptance: a}, subscription.TrialStarted{RegisteredAt: m, From: m, Until: d.AddMonths(3).End(), Months: 3, Anchor: d}}
	w.tell(string(domain.UserStream(userID(n))), at, events...)
	if len(purposes) > 0 {
		w.consents(n, at, purposes...)
	}
}

func (w *world) consents(n int, at string, purposes ...string) {
	w.t.Helper()
	a := account.Acceptance{Button: "buy", Page: "marketplace", Language: "kk", Documents: []account.DocumentRef{{ID: "personal-data", Version: "2020-10-27", SHA256: "c0ffee"}}}
	w.tell(string(domain.UserStream(userID(n))), at, consent.Given{ConsentID: fmt.Sprint("c", w.told), Acceptance: a, Document: a.Documents[0], Purposes: purposes, Day: calendar.DayOf(moment(at))})
}

// withdraws tells of a notice that came on a day.
func (w *world) withdraws(n int, on string) {
	w.t.Helper()
	r := day(on)
	w.tell(string(domain.UserStream(userID(n))), on+"T09:00", consent.WithdrawalNoticeReceived{
		NoticeID: fmt.Sprint("n", w.told), ReceivedOn: r, Channel: "registered-post", TrackingNumber: "RR1KZ", PerTerms: true,
		EffectiveOn: r.AddDays(10), EffectiveFrom: r.AddDays(10).Start(),
	})
}

func (w *world) buys(n int, at string) {
	w.t.Helper()
	order := fmt.Sprint("o", w.told)
	w.tell(string(domain.UserStream(userID(n))), at, subscription.PaymentCompleted{OrderID: order, Provider: "cloudpayments", TransactionID: "t" + order, PaidAt: moment(at), Amount: domain.KZT(4990), Months: 1})
}

// acts tells of one action.
func (w *world) acts(n int, at string, o activity.Observed) {
	w.t.Helper()
	o.UserID = userID(n)
	if o.Action == "" {
		o.Action = "lesson.opened"
	}
	w.tell(fmt.Sprintf("activity-%s", uuid.NewSHA1(uuid.Nil, fmt.Appendf(nil, "batch %d", w.told))), at, o)
}

func (w *world) paper(name string, a statistics.Asked) *reports.Paper {
	w.t.Helper()
	s, err := statistics.Lookup(name)
	if err != nil {
		w.t.Fatal(err)
	}
	p, err := s.Make(w.t.Context(), w.Journal, a)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) file(name, format string, a statistics.Asked) []byte {
	w.t.Helper()
	var b bytes.Buffer
	if err := w.paper(name, a).Write(&b, format, "kk"); err != nil {
		w.t.Fatal(err)
	}
	return b.Bytes()
}

// wants holds a statistic's rows against lines of the form "a b c"; nothing is "-".
func (w *world) wants(name string, a statistics.Asked, lines ...string) {
	w.t.Helper()
	var got []string
	for _, row := range w.paper(name, a).Rows {
		line := ""
		for i, v := range row {
			if v == nil {
				v = "-"
			}
			if i > 0 {
				line += " "
			}
			line += fmt.Sprint(v)
		}
		got = append(got, line)
	}
	if !slices.Equal(got, lines) {
		w.t.Errorf("%s:\n%q\nwant\n%q", name, got, lines)
	}
}

// asked is a range of days, the last one inside, as known at the start of October.
func asked(from, to string, by ...string) statistics.Asked {
	return statistics.Asked{Asked: reports.Asked{From: day(from).Start(), To: day(to).End(), KnownAt: moment("2026-10-01T00:00")}, By: by}
}

func whole(a statistics.Asked) statistics.Asked { a.Whole = true; return a }

// person of a random world.
type person struct {
	registered string
	purposes   []string
	withdrawn  string // day of the notice, or ""
	again      string // moment of a second consent, or ""
	bought     []string
	acts       []act
}

type act struct {
	at string
	activity.Observed
}

// stands tells, apart from the program's books, whether an act at a moment may be counted for a purpose.
func (p person) stands(purpose, at string) bool {
	live := func(t time.Time) bool {
		for _, given := range []string{p.registered, p.again} {
			if given == "" || moment(given).After(t) {
				continue
			}
			ended := p.withdrawn != "" && moment(given).Before(day(p.withdrawn).End()) && !t.Before(day(p.withdrawn).AddDays(10).Start())
			if slices.Contains(p.purposes, purpose) && !ended {
				return true
			}
		}
		return false
	}
	return live(moment(at)) && live(moment("2026-10-01T00:00"))
}

// somebody draws a person; one of bare never consents to what statistics need.
func somebody(r *rand.Rand, bare bool) person {
	at := func(from, months int) string {
		return fmt.Sprintf("2026-%02d-%02dT%02d:%02d", from+r.IntN(months), 1+r.IntN(28), r.IntN(24), r.IntN(60))
	}
	p := person{registered: at(1, 3), purposes: everything}
	switch {
	case bare && r.IntN(2) == 0:
		p.purposes = nil
	case bare:
		p.purposes = []string{advertising}
	case r.IntN(4) == 0:
		p.purposes = []string{[]string{research, marketing}[r.IntN(2)]}
	}
	if r.IntN(4) == 0 {
		p.withdrawn = at(4, 2)[:10]
		if r.IntN(2) == 0 && len(p.purposes) > 0 {
			p.again = at(7, 2)
		}
	}
	for range r.IntN(3) {
		p.bought = append(p.bought, at(4, 5))
	}
	slices.Sort(p.bought)
	for range r.IntN(12) {
		a := act{at: at(4, 2)}
		a.Object = fmt.Sprint("course-", min(r.IntN(5), r.IntN(5)))
		a.Language = []string{"kk", "kk", "ru", "en", ""}[r.IntN(5)]
		a.Location = []string{"KZ-71", "KZ-75", ""}[r.IntN(3)]
		p.acts = append(p.acts, a)
	}
	return p
}

// populated tells of people, in the order of time. A place without a person is left out: the others keep their ids.
func populated(t testing.TB, people []*person) *world {
	w := newWorld(t)
	type turn struct {
		at string
		do func()
	}
	var turns []turn
	for n, p := range people {
		if p == nil {
			continue
		}
		turns = append(turns, turn{p.registered, func() { w.registers(n, p.registered, p.purposes...) }})
		if p.withdrawn != "" {
			turns = append(turns, turn{p.withdrawn + "T09:00", func() { w.withdraws(n, p.withdrawn) }})
		}
		if p.again != "" {
			turns = append(turns, turn{p.again, func() { w.consents(n, p.again, p.purposes...) }})
		}
		for _, at := range p.bought {
			turns = append(turns, turn{at, func() { w.buys(n, at) }})
		}
		for _, a := range p.acts {
			turns = append(turns, turn{a.at, func() { w.acts(n, a.at, a.Observed) }})
		}
	}
	slices.SortStableFunc(turns, func(a, b turn) int {
		return moment(a.at).Compare(moment(b.at))
	})
	for _, k := range turns {
		k.do()
	}
	return w
}
