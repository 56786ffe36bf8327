package subscription_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"kelisim/domain"
	"kelisim/domain/calendar"
	"kelisim/domain/event"
	"kelisim/domain/subscription"
)

// local is a moment by the clock of Astana.
func local(t testing.TB, s string) time.Time {
	t.Helper()
	v, err := time.ParseInLocation("2006-01-02 15:04", s, calendar.Zone())
	if err != nil {
		t.Fatal(err)
	}
	return v.UTC()
}

// recorded is an event under the id that names it.
type recorded struct {
	name string
	subscription.Event
}

func id(name string) string { return uuid.NewSHA1(uuid.NameSpaceOID, []byte(name)).String() }

func fold(events ...recorded) subscription.State {
	var s subscription.State
	for _, e := range events {
		s = subscription.Decider.Evolve(s, e.Event, event.Meta{ID: uuid.MustParse(id(e.name))})
	}
	return s
}

func trialFrom(at time.Time, months int) recorded {
	chain := calendar.Chain{Anchor: calendar.DayOf(at), Months: months}
	return recorded{"trial", subscription.TrialStarted{RegisteredAt: at, From: at, Until: chain.End(), Months: months, Anchor: chain.Anchor}}
}

func paid(name string, at time.Time, months int) recorded {
	return recorded{name, subscription.PaymentCompleted{
		OrderID: id("order of " + name), Provider: "cloudpayments", TransactionID: name, PaidAt: at, Amount: domain.KZT(1000), Months: months,
	}}
}

func given(name string, at time.Time, days int) recorded {
	return recorded{name, subscription.DaysGranted{Days: days, At: at}}
}

func revoked(name string, at time.Time, of string) recorded {
	return recorded{name, subscription.MonthsRevoked{Provider: "cloudpayments", TransactionID: of, Cause: subscription.CauseRefund, At: at}}
}

// show writes stretches as "reason from until | …" with the chain's end and its events, by the clock of Astana.
func show(stretches []subscription.Stretch, names ...string) (out []string) {
	clock := func(t time.Time) string { return t.In(calendar.Zone()).Format("2006-01-02 15:04") }
	for _, s := range stretches {
		line := fmt.Sprintf("%s %s to %s, chain to %s:", s.Reason, clock(s.From), clock(s.Until), clock(s.ChainEnd))
		for _, e := range s.Events {
			i := slices.IndexFunc(names, func(n string) bool { return id(n) == e })
			if i < 0 {
				return []string{"an event of no known name"}
			}
			line += " " + names[i]
		}
		out = append(out, line)
	}
	return out
}

var forever = time.Date(2900, 1, 1, 0, 0, 0, 0, time.UTC)

// T-2.1 and decisions 12, 13 and 15, one story each.
func TestCoverage(t *testing.T) {
	at := func(s string) time.Time { return local(t, s) }
	jan31 := trialFrom(at("2026-01-31 10:00"), 3) // through 30 April
	for name, c := range map[string]struct {
		facts []recorded
		want  []string
	}{
		"nothing": {nil, nil},
		"a trial": {[]recorded{jan31}, []string{
			"trial 2026-01-31 10:00 to 2026-05-01 00:00, chain to 2026-05-01 00:00: trial"}},
		"a trial of 30 November": {[]recorded{trialFrom(at("2025-11-30 23:59"), 3)}, []string{
			"trial 2025-11-30 23:59 to 2026-03-01 00:00, chain to 2026-03-01 00:00: trial"}},
		"bought during the trial": {[]recorded{jan31, paid("p", at("2026-02-01 12:00"), 1)}, []string{
			"trial 2026-01-31 10:00 to 2026-05-01 00:00, chain to 2026-06-01 00:00: trial p",
			"paid 2026-05-01 00:00 to 2026-06-01 00:00, chain to 2026-06-01 00:00: trial p"}},
		"bought in the trial's last minute": {[]recorded{jan31, paid("p", at("2026-04-30 23:59"), 1)}, []string{
			"trial 2026-01-31 10:00 to 2026-05-01 00:00, chain to 2026-06-01 00:00: trial p",
			"paid 2026-05-01 00:00 to 2026-06-01 00:00, chain to 2026-06-01 00:00: trial p"}},
		"bought as the trial ended": {[]recorded{jan31, paid("p", at("2026-05-01 00:00"), 1)}, []string{
			"trial 2026-01-31 10:00 to 2026-05-01 00:00, chain to 2026-05-01 00:00: trial",
			"paid 2026-05-01 00:00 to 2026-06-02 00:00, chain to 2026-06-02 00:00: p"}},
		"bought later, and extended": {[]recorded{jan31, paid("p", at("2026-08-31 15:00"), 1), paid("q", at("2026-09-01 09:00"), 1)}, []string{
			"trial 2026-01-31 10:00 to 2026-05-01 00:00, chain to 2026-05-01 00:00: trial",
			"paid 2026-08-31 15:00 to 2026-11-01 00:00, chain to 2026-11-01 00:00: p q"}},
		"bought twice in one moment: by transaction": {
			[]recorded{jan31, paid("q", at("2026-02-01 12:00"), 1), paid("p", at("2026-02-01 12:00"), 1), paid("s", at("2026-02-01 12:00"), 1)}, []string{
				"trial 2026-01-31 10:00 to 2026-05-01 00:00, chain to 2026-08-01 00:00: trial p q s",
				"paid 2026-05-01 00:00 to 2026-08-01 00:00, chain to 2026-08-01 00:00: trial p q s"}},
		"a payment dated before the registration": {[]recorded{jan31, paid("p", at("2026-01-31 09:59"), 1)}, []string{
			"trial 2026-01-31 10:00 to 2026-05-01 00:00, chain to 2026-06-01 00:00: trial p",
			"paid 2026-05-01 00:00 to 2026-06-01 00:00, chain to 2026-06-01 00:00: trial p"}},
		"granted days follow all months": {[]recorded{jan31, given("g", at("2026-02-01 12:00"), 10), paid("p", at("2026-02-02 12:00"), 1)}, []string{
			"trial 2026-01-31 10:00 to 2026-05-01 00:00, chain to 2026-06-11 00:00: trial g p",
			"paid 2026-05-01 00:00 to 2026-06-01 00:00, chain to 2026-06-11 00:00: trial g p",
			"granted 2026-06-01 00:00 to 2026-06-11 00:00, chain to 2026-06-11 00:00: trial g p"}},
		"granted days keep a chain alive; those used stay where they were": {
			[]recorded{jan31, given("g", at("2026-02-01 12:00"), 10), paid("p", at("2026-05-04 12:00"), 1)}, []string{
				"trial 2026-01-31 10:00 to 2026-05-01 00:00, chain to 2026-06-11 00:00: trial g p",
				"granted 2026-05-01 00:00 to 2026-05-05 00:00, chain to 2026-06-11 00:00: trial g p",
				"paid 2026-05-05 00:00 to 2026-06-05 00:00, chain to 2026-06-11 00:00: trial g p",
				"granted 2026-06-05 00:00 to 2026-06-11 00:00, chain to 2026-06-11 00:00: trial g p"}},
		"days granted after a lapse": {[]recorded{jan31, given("g", at("2026-07-01 12:00"), 3)}, []string{
			"trial 2026-01-31 10:00 to 2026-05-01 00:00, chain to 2026-05-01 00:00: trial",
			"granted 2026-07-01 12:00 to 2026-07-05 00:00, chain to 2026-07-05 00:00: g"}},
		"bought on the day of such a grant": {[]recorded{given("g", at("2026-07-31 12:00"), 3), paid("p", at("2026-07-31 13:00"), 2)}, []string{
			"granted 2026-07-31 12:00 to 2026-08-01 00:00, chain to 2026-10-04 00:00: g p",
			"paid 2026-08-01 00:00 to 2026-10-01 00:00, chain to 2026-10-04 00:00: g p",
			"granted 2026-10-01 00:00 to 2026-10-04 00:00, chain to 2026-10-04 00:00: g p"}},
		"a refund before its months began takes them all": {
			[]recorded{jan31, paid("p", at("2026-02-01 12:00"), 3), revoked("r", at("2026-04-30 23:59"), "p")}, []string{
				"trial 2026-01-31 10:00 to 2026-05-01 00:00, chain to 2026-05-01 00:00: trial p r"}},
		"a refund leaves the month that begins at its moment": {
			[]recorded{jan31, paid("p", at("2026-02-01 12:00"), 3), revoked("r", at("2026-05-01 00:00"), "p")}, []string{
				"trial 2026-01-31 10:00 to 2026-05-01 00:00, chain to 2026-06-01 00:00: trial p r",
				"paid 2026-05-01 00:00 to 2026-06-01 00:00, chain to 2026-06-01 00:00: trial p r"}},
		"a refund at once leaves the first month of a chain, which has begun": {
			[]recorded{paid("p", at("2026-06-10 12:00"), 3), revoked("r", at("2026-06-10 12:00"), "p")}, []string{
				"paid 2026-06-10 12:00 to 2026-07-11 00:00, chain to 2026-07-11 00:00: p r"}},
		"a refund dated before its payment counts from that": {
			[]recorded{paid("p", at("2026-06-10 12:00"), 3), revoked("r", at("2026-06-01 12:00"), "p")}, []string{
				"paid 2026-06-10 12:00 to 2026-07-11 00:00, chain to 2026-07-11 00:00: p r"}},
		"a refund in the last month takes nothing": {
			[]recorded{paid("p", at("2026-06-10 12:00"), 3), revoked("r", at("2026-08-11 00:00"), "p")}, []string{
				"paid 2026-06-10 12:00 to 2026-09-11 00:00, chain to 2026-09-11 00:00: p"}},
		"later purchases move up": {
			[]recorded{paid("p", at("2026-06-10 12:00"), 3), paid("q", at("2026-06-11 12:00"), 1), revoked("r", at("2026-07-20 12:00"), "p")}, []string{
				"paid 2026-06-10 12:00 to 2026-09-11 00:00, chain to 2026-09-11 00:00: p q r"}},
		"what moved up is taken from where it lies": {
			[]recorded{paid("p", at("2026-06-10 12:00"), 3), paid("q", at("2026-06-11 12:00"), 3), revoked("r", at("2026-07-20 12:00"), "p"),
				revoked("s", at("2026-08-20 12:00"), "q")}, []string{
				"paid 2026-06-10 12:00 to 2026-09-11 00:00, chain to 2026-09-11 00:00: p q r s"}},
		"a refund of what was bought among granted days takes it all": {
			[]recorded{jan31, given("g", at("2026-02-01 12:00"), 100), paid("p", at("2026-07-04 12:00"), 2), revoked("r", at("2026-07-04 13:00"), "p")}, []string{
				"trial 2026-01-31 10:00 to 2026-05-01 00:00, chain to 2026-08-09 00:00: trial g p r",
				"granted 2026-05-01 00:00 to 2026-08-09 00:00, chain to 2026-08-09 00:00: trial g p r"}},
		"a purchase after a refund that ended the chain": {
			[]recorded{jan31, paid("p", at("2026-02-01 12:00"), 3), revoked("r", at("2026-03-01 12:00"), "p"), paid("q", at("2026-05-02 12:00"), 1)}, []string{
				"trial 2026-01-31 10:00 to 2026-05-01 00:00, chain to 2026-05-01 00:00: trial p r",
				"paid 2026-05-02 12:00 to 2026-06-03 00:00, chain to 2026-06-03 00:00: q"}},
		"a refund of a payment that is not known": {[]recorded{jan31, revoked("r", at("2026-03-01 12:00"), "p")}, []string{
			"trial 2026-01-31 10:00 to 2026-05-01 00:00, chain to 2026-05-01 00:00: trial"}},
	} {
		t.Run(name, func(t *testing.T) {
			names := []string{"trial", "p", "q", "g", "r", "s"}
			if d := cmp.Diff(c.want, show(fold(c.facts...).Coverage(forever), names...)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			slices.Reverse(c.facts)
			if d := cmp.Diff(c.want, show(fold(c.facts...).Coverage(forever), names...)); d != "" {
				t.Errorf("known in the other order (-want +got):\n%s", d)
			}
		})
	}
}

// Only what had happened by the asked moment counts, also where more is known.
func TestCoverageAsOf(t *testing.T) {
	bought := local(t, "2026-02-01 12:00")
	s := fold(trialFrom(local(t, "2026-01-31 10:00"), 3), paid("p", bought, 1))
	for _, c := range []struct {
		asOf time.Time
		end  string
	}{{bought.Add(-1), "2026-05-01 00:00"}, {bought, "2026-06-01 00:00"}} {
		if got := s.Coverage(c.asOf)[0].ChainEnd; !got.Equal(local(t, c.end)) {
			t.Errorf("as of %v the chain ends at %v", c.asOf, got)
		}
	}
	if got := s.Coverage(local(t, "2026-01-31 09:59")); len(got) != 0 {
		t.Errorf("before the registration there is %v", got)
	}
}

// facts draws a life: a trial (mostly), payments, granted days, revocations.
func facts(t *rapid.T) []recorded {
	start := time.Date(2023, 10, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 200*24*60).Draw(t, "start")) * time.Minute)
	// Days and hours apart from each other, so that edges are met often.
	moment := func() time.Time {
		d := calendar.DayOf(start).AddDays(rapid.IntRange(-2, 500).Draw(t, "day"))
		return d.Start().Add(time.Duration(rapid.SampledFrom([]int{0, 0, 1, 12, 23}).Draw(t, "hour")) * time.Hour)
	}
	var out []recorded
	if rapid.IntRange(0, 9).Draw(t, "trial") > 0 {
		out = append(out, trialFrom(start, 3))
	}
	for i := range rapid.IntRange(0, 5).Draw(t, "payments") {
		name := fmt.Sprint("p", i)
		out = append(out, paid(name, moment(), rapid.SampledFrom([]int{1, 1, 3, 6, 12}).Draw(t, "months")))
		for j := range rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "revocations") {
			out = append(out, revoked(fmt.Sprint("r", i, j), moment(), name))
		}
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "gifts") {
		out = append(out, given(fmt.Sprint("g", i), moment(), rapid.IntRange(1, 90).Draw(t, "days")))
	}
	return out
}

// ask is the stretch that covers a moment as of another, or none.
func ask(s subscription.State, asOf, about time.Time) subscription.Stretch {
	for _, c := range s.Coverage(asOf) {
		if !c.From.After(about) && about.Before(c.Until) {
			return c
		}
	}
	return subscription.Stretch{}
}

// Whatever the order in which the facts become known, and however often, coverage is the same.
func TestArrivalOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := facts(t)
		want := fold(events...)
		mixed := slices.Clone(events)
		for _, e := range events {
			if _, payment := e.Event.(subscription.PaymentCompleted); payment {
				mixed = append(mixed, e)
			}
		}
		rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 0)).Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
		got := fold(mixed...)
		for _, asOf := range append(want.Boundaries(), forever) {
			if d := cmp.Diff(want.Coverage(asOf), got.Coverage(asOf)); d != "" {
				t.Fatalf("as of %v (-in order +mixed):\n%s", asOf, d)
			}
		}
		if d := cmp.Diff(want.Boundaries(), got.Boundaries()); d != "" {
			t.Fatalf("boundaries (-in order +mixed):\n%s", d)
		}
	})
}

// Stretches are in order, disjoint, never empty and never negative; those that touch differ in reason or in chain.
func TestStretchesAreDisjoint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := fold(facts(t)...)
		for _, asOf := range append(s.Boundaries(), forever) {
			stretches := s.Coverage(asOf)
			for i, c := range stretches {
				if !c.From.Before(c.Until) || c.ChainEnd.Before(c.Until) || len(c.Events) == 0 {
					t.Fatalf("%v", c)
				}
				if i == 0 {
					continue
				}
				before := stretches[i-1]
				sameChain := before.ChainEnd.Equal(c.ChainEnd)
				switch {
				case before.Until.After(c.From),
					sameChain && !before.Until.Equal(c.From),
					sameChain && before.Reason == c.Reason,
					!sameChain && !before.Until.Equal(before.ChainEnd):
					t.Fatalf("%v is followed by %v", before, c)
				}
			}
			if n := len(stretches); n > 0 && !stretches[n-1].Until.Equal(stretches[n-1].ChainEnd) {
				t.Fatalf("%v does not reach its chain's end", stretches[n-1])
			}
		}
	})
}

// Between two boundaries the answer of Coverage(t) about t does not change; and what it says of the past is what was
// said then.
func TestBoundaries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := fold(facts(t)...)
		edges := s.Boundaries()
		if len(edges) == 0 {
			return
		}
		if !slices.IsSortedFunc(edges, time.Time.Compare) || len(slices.CompactFunc(slices.Clone(edges), time.Time.Equal)) != len(edges) {
			t.Fatalf("not in order, or twice: %v", edges)
		}
		edges = append(edges, edges[len(edges)-1].AddDate(2, 0, 0))
		if c := ask(s, edges[0].Add(-1), edges[0].Add(-1)); c.Reason != "" {
			t.Fatalf("covered before the first boundary: %v", c)
		}
		for i, from := range edges[:len(edges)-1] {
			want, gap := ask(s, from, from), edges[i+1].Sub(from)
			for _, later := range []time.Duration{1, gap / 3, gap / 2, gap - 1} {
				if d := cmp.Diff(want, ask(s, from.Add(later), from.Add(later))); d != "" {
					t.Fatalf("changes within %v and %v without a boundary:\n%s", from, edges[i+1], d)
				}
			}
			for _, asOf := range append(edges[i:], forever) {
				if c := ask(s, asOf, from); c.Reason != want.Reason {
					t.Fatalf("%v was %q when it was, and is %q as of %v", from, want.Reason, c.Reason, asOf)
				}
			}
		}
	})
}

// A revocation takes only what had not begun: whatever was covered by its moment stays, the month that runs at it ends as it
// would have, and no gap opens.
func TestRevocationNeverTakesUsedTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bought := time.Date(2024, 1, 31, 4, 0, 0, 0, time.UTC)
		months := rapid.SampledFrom([]int{1, 3, 6, 12}).Draw(t, "months")
		before := []recorded{paid("p", bought, months), paid("q", bought.Add(time.Hour), 1)}
		r := bought.Add(time.Duration(rapid.IntRange(0, 400*24).Draw(t, "hours")) * time.Hour)
		without, with := fold(before...).Coverage(forever)[0], fold(append(before, revoked("r", r, "p"))...).Coverage(forever)[0]

		chain := calendar.Chain{Anchor: calendar.DayOf(bought), Months: months + 1}
		begun := 0
		for begun < months && !chain.MonthBegins(begun).After(r) {
			begun++
		}
		left := calendar.Chain{Anchor: chain.Anchor, Months: begun + 1}
		if begun < 1 || !without.Until.Equal(chain.End()) || !with.Until.Equal(left.End()) || !with.From.Equal(without.From) {
			t.Fatalf("%d months with one after them, taken at %v when %d had begun: %v instead of %v", months, r, begun, with, without)
		}
		if r.Before(without.Until) && !r.Before(with.Until) {
			t.Fatalf("a gap opened at %v: %v", r, with)
		}
	})
}

// T-2.1: 1+3 = 3+1 = 4 months, in whatever parts they are bought before the chain ends.
func TestPartsMakeTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.Date(2023, 10, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 800).Draw(t, "start"))
		trial := trialFrom(start, 3)
		events, sum := []recorded{trial}, 0
		for i, m := range rapid.SliceOfN(rapid.SampledFrom([]int{1, 3, 6, 12}), 1, 5).Draw(t, "parts") {
			at := start.Add(time.Duration(rapid.IntRange(0, 85*24).Draw(t, "hours")) * time.Hour)
			events, sum = append(events, paid(fmt.Sprint("p", i), at, m)), sum+m
		}
		want := calendar.Chain{Anchor: calendar.DayOf(start), Months: 3 + sum}.End()
		parts, whole := fold(events...).Coverage(forever), fold(trial, paid("p", start, sum)).Coverage(forever)
		if len(parts) != 2 || len(whole) != 2 || parts[1].Until != want || whole[1].Until != want || parts[1].From != whole[1].From {
			t.Fatalf("%d months in parts: %v; at once: %v; want %v", sum, parts, whole, want)
		}
	})
}

// Decision 12, told again without layers: the ends of the chains, by the rule's own words.
func TestChainEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := facts(t)
		events = slices.DeleteFunc(events, func(e recorded) bool { _, ok := e.Event.(subscription.MonthsRevoked); return ok })
		type chain struct {
			from time.Time
			calendar.Chain
		}
		var start time.Time
		var want []chain
		if tr, ok := fold(events...).Trial(); ok {
			start = tr.From
			want = append(want, chain{start, calendar.Chain{Anchor: tr.Anchor, Months: tr.Months}})
		}
		when := func(e recorded) (at time.Time) {
			switch e := e.Event.(type) {
			case subscription.PaymentCompleted:
				at = e.PaidAt
			case subscription.DaysGranted:
				at = e.At
			}
			if at.Before(start) {
				return start
			}
			return at
		}
		slices.SortStableFunc(events, func(a, b recorded) int { return when(a).Compare(when(b)) })
		for _, e := range events {
			var months, days int
			switch e := e.Event.(type) {
			case subscription.PaymentCompleted:
				months = e.Months
			case subscription.DaysGranted:
				days = e.Days
			default:
				continue
			}
			if n := len(want); n == 0 || !when(e).Before(want[n-1].End()) {
				want = append(want, chain{when(e), calendar.Chain{Anchor: calendar.DayOf(when(e))}})
			}
			last := &want[len(want)-1]
			last.Months += months
			last.Days += days
		}
		stretches := fold(events...).Coverage(forever)
		for _, w := range want {
			if i := slices.IndexFunc(stretches, func(s subscription.Stretch) bool { return s.From.Equal(w.from) }); i < 0 || !stretches[i].ChainEnd.Equal(w.End()) {
				t.Fatalf("no chain from %v to %v in %v", w.from, w.End(), stretches)
			}
		}
		ends := map[time.Time]bool{}
		for _, s := range stretches {
			ends[s.ChainEnd] = true
		}
		if len(ends) != len(want) {
			t.Fatalf("%d chains, want %d: %v", len(ends), len(want), stretches)
		}
	})
}
