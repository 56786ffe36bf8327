package simulation_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
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
	"kelisim/domain/site"
	"kelisim/domain/subscription"
	"kelisim/domain/user"
	"kelisim/projections/reports"
	"kelisim/projections/simulation"
)

func moment(s string) time.Time {
	t, err := time.Parse("2006-01-02T15:04Z07:00", s+"+05:00")
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

// life makes a user of dated events; one without a moment of its own happens at the last one.
func life(n byte, entries ...any) *reports.Person {
	p := &reports.Person{ID: domain.UserID(uuid.UUID{n}.String())}
	var at time.Time
	for i, e := range entries {
		if t, ok := e.(time.Time); ok {
			at = t
			continue
		}
		p.Events = append(p.Events, user.Recorded{Data: e, Meta: event.Meta{ID: uuid.UUID{n, byte(i)}, OccurredAt: at, RecordedAt: at}})
	}
	p.State = user.Fold(p.Events)
	return p
}

func registered(at time.Time) []any {
	anchor := calendar.DayOf(at)
	return []any{at, account.Registered{},
		consent.Given{ConsentID: "c1", Purposes: site.DefaultPurposes, Day: anchor},
		subscription.TrialStarted{RegisteredAt: at, From: at, Until: calendar.Chain{Anchor: anchor, Months: 3}.End(), Months: 3, Anchor: anchor},
	}
}

func notice(received string) []any {
	on, from, _ := calendar.Withdrawal(day(received), calendar.Day{}, 10, domain.StartOfDay)
	return []any{day(received).Start().Add(10 * time.Hour), consent.WithdrawalNoticeReceived{NoticeID: "n1", ReceivedOn: day(received), Channel: consent.RegisteredPost, PerTerms: true, EffectiveOn: on, EffectiveFrom: from}}
}

func ordered(at time.Time) []any {
	return []any{at, subscription.OrderPlaced{OrderID: "o1", Months: 1, Price: domain.KZT(4990_00), PlacedAt: at, ExpiresAt: at.Add(24 * time.Hour)}}
}

func paid(at time.Time) []any {
	return append(ordered(at), subscription.PaymentCompleted{OrderID: "o1", Provider: "p", TransactionID: "1", PaidAt: at, Amount: domain.KZT(4990_00), Months: 1})
}

func facts(people ...*reports.Person) *reports.Facts {
	f := &reports.Facts{Basis: reports.Basis{KnownAt: moment("2026-11-22T12:00"), AsOf: moment("2026-11-22T12:00")}, Users: people}
	published := site.ParametersSet{InForceFrom: moment("2020-10-27T00:00"), Parameters: decidertest.Parameters()}
	f.Site = site.Decider.Evolve(f.Site, published, event.Meta{})
	return f
}

// rows writes rows as a person reads them.
func rows(t *testing.T, p *reports.Paper, err error) []string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range p.Rows {
		var cells []string
		for i, c := range p.Columns {
			v := r[i]
			switch x := v.(type) {
			case nil:
				v = "-"
			case time.Time:
				v = x.Format("2006-01-02T15:04")
			}
			if c.Key != "user_id" {
				cells = append(cells, fmt.Sprint(v))
			}
		}
		out = append(out, strings.Join(cells, " | "))
	}
	return out
}

func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// T-2.1, P-2.2, decision 21: what comes by itself is told at its moment, with what holds before and after.
func TestUpcoming(t *testing.T) {
	f := facts(
		life(1, slices.Concat(registered(moment("2026-10-31T10:00")), notice("2026-11-20"), ordered(moment("2026-11-22T09:00")),
			[]any{account.MessageReceived{MessageID: "m1", DueAt: moment("2026-11-24T11:00")}})...),
		life(2, registered(moment("2026-08-21T10:00"))...), // lapsed yesterday
	)
	p, err := simulation.Upcoming(f, moment("2027-02-20T00:00"))
	same(t, rows(t, p, err),
		"2026-11-23T09:00 | order | T-2.1 | o1 | payable | expired",
		"2026-11-24T11:00 | due-message | T-4.2 | m1 | open | overdue",
		"2026-11-30T00:00 | processing | P-2.2 | advertising marketing-statistics quality-research | withdrawal-pending | withdrawn",
		"2027-02-01T00:00 | access | T-2.1 | - | trial | lapsed",
	)
	p, err = simulation.Upcoming(f, moment("2026-11-30T00:00"))
	same(t, rows(t, p, err), "2026-11-23T09:00 | order | T-2.1 | o1 | payable | expired", "2026-11-24T11:00 | due-message | T-4.2 | m1 | open | overdue")
	if _, err := simulation.Upcoming(f, f.KnownAt); domain.Code(err) != "invalid-request" {
		t.Errorf("looking ahead to now: %v", err)
	}
}

func settings(t *testing.T, texts ...string) (s simulation.Settings) {
	t.Helper()
	for _, text := range texts {
		if err := s.Add(text); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// T-2.1: with a trial of one month, what was bought in the third month of a longer one begins a chain of its own.
func TestOtherTrial(t *testing.T) {
	f := facts(
		life(1, registered(moment("2026-10-31T10:00"))...),
		life(2, slices.Concat(registered(moment("2026-07-05T10:00")), paid(moment("2026-09-15T10:00")))...),
	)
	p, err := simulation.Differences(f, moment("2027-06-01T00:00"), settings(t, "trial.months=1"))
	same(t, rows(t, p, err),
		"2026-08-06T00:00 | 2026-09-15T10:00 | access | - | trial | lapsed",
		"2026-09-15T10:00 | 2026-10-06T00:00 | access | - | trial | paid",
		"2026-10-16T00:00 | 2026-11-06T00:00 | access | - | paid | lapsed",
		"2026-12-01T00:00 | 2027-02-01T00:00 | access | - | trial | lapsed",
	)
	p, err = simulation.Differences(f, moment("2027-01-01T00:00"), settings(t, "trial.months=0"))
	same(t, rows(t, p, err),
		"2026-07-05T10:00 | 2026-09-15T10:00 | access | - | trial | not-started",
		"2026-09-15T10:00 | 2026-10-06T00:00 | access | - | trial | paid",
		"2026-10-16T00:00 | 2026-11-06T00:00 | access | - | paid | lapsed",
		"2026-10-31T10:00 | - | access | - | trial | not-started",
	)
}

// P-2.2: days and edge of a withdrawal.
func TestOtherWithdrawal(t *testing.T) {
	f := facts(life(1, slices.Concat(registered(moment("2026-10-31T10:00")), notice("2026-11-20"))...))
	all := "[advertising marketing-statistics quality-research]"
	for set, want := range map[string]string{
		"withdrawal.days=15":         "2026-11-30T00:00 | 2026-12-05T00:00 | processing | " + all + " | withdrawn | withdrawal-pending",
		"withdrawal.days=5":          "2026-11-25T00:00 | 2026-11-30T00:00 | processing | " + all + " | withdrawal-pending | withdrawn",
		"withdrawal.edge=end-of-day": "2026-11-30T00:00 | 2026-12-01T00:00 | processing | " + all + " | withdrawn | withdrawal-pending",
	} {
		p, err := simulation.Differences(f, moment("2027-06-01T00:00"), settings(t, set))
		same(t, rows(t, p, err), want)
	}
	p, err := simulation.Differences(f, moment("2026-12-02T00:00"), settings(t, "withdrawal.days=15"))
	same(t, rows(t, p, err), "2026-11-30T00:00 | - | processing | "+all+" | withdrawn | withdrawal-pending")
}

// The numbers that held change nothing.
func TestSameTermsDifferInNothing(t *testing.T) {
	f := facts(
		life(1, slices.Concat(registered(moment("2026-07-31T10:00")), notice("2026-11-20"))...),
		life(2, slices.Concat(registered(moment("2026-07-05T10:00")), paid(moment("2026-09-15T10:00")))...),
	)
	p, err := simulation.Differences(f, moment("2027-06-01T00:00"), settings(t, "trial.months=3", "withdrawal.days=10", "withdrawal.edge=start-of-day"))
	same(t, rows(t, p, err))
}

func TestSettings(t *testing.T) {
	var s simulation.Settings
	for _, text := range []string{"", "trial.months", "trial.months=x", "trial.months=-1", "trial.months=121", "withdrawal.days=366", "withdrawal.edge=noon", "order.hours=2"} {
		if err := s.Add(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	if s.Any() {
		t.Error("a refused setting is kept")
	}
	s = settings(t, "trial.months=1", "withdrawal.days=15")
	for _, again := range []string{"trial.months=2", "trial.months=1"} {
		if err := s.Add(again); err == nil || !strings.Contains(err.Error(), "twice") {
			t.Errorf("%s after another: %v", again, err)
		}
	}
}

// Every word and code that stands in a paper is said in every language, in every form.
func TestWordsAndCodes(t *testing.T) {
	f := facts(life(1, slices.Concat(registered(moment("2026-10-31T10:00")), notice("2026-11-20"))...))
	ahead, err := simulation.Upcoming(f, moment("2027-06-01T00:00"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := simulation.Differences(f, moment("2027-06-01T00:00"), settings(t, "trial.months=1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*reports.Paper{ahead, other} {
		for _, language := range reports.Languages {
			for _, format := range []string{reports.JSON, reports.CSV, reports.XLSX, reports.PDF} {
				var a, b bytes.Buffer
				if err := p.Write(&a, format, language); err != nil {
					t.Fatal(err)
				}
				if err := p.Write(&b, format, language); err != nil || !bytes.Equal(a.Bytes(), b.Bytes()) {
					t.Errorf("%s in %s: two writings differ (%v)", format, language, err)
				}
			}
		}
		var doc struct{ Labels map[string]map[string]string }
		var b bytes.Buffer
		if err := p.Write(&b, reports.JSON, "kk"); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		for _, row := range p.Rows {
			for i, c := range p.Columns {
				if text, ok := row[i].(string); ok && slices.Contains([]string{"kind", "before", "after", "recorded", "simulated"}, c.Key) {
					for _, code := range strings.Fields(text) {
						if !slices.Contains(p.Codes[c.Key], code) || doc.Labels[code]["kk"] == "" || doc.Labels[code]["ru"] == "" {
							t.Errorf("%s in %s is not explained", code, c.Key)
						}
					}
				}
			}
		}
	}
}
