package subscription_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kelisim/domain"
	"kelisim/domain/calendar"
	"kelisim/domain/decidertest"
	"kelisim/domain/subscription"
)

// due writes moments down as "marker at until" in local time, with the number of the event that makes each.
func due(s subscription.State) string {
	var out []string
	for _, d := range s.Due() {
		name := strings.TrimPrefix(fmt.Sprintf("%T", d.Marker), "subscription.")
		form := "2006-01-02"
		line := name + " " + d.At.In(calendar.Zone()).Format(form)
		if !d.Until.IsZero() {
			line += " until " + d.Until.In(calendar.Zone()).Format(form)
		}
		for n := range 20 {
			if decidertest.EventID(n).String() == d.Cause {
				line += fmt.Sprint(" by ", n)
			}
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return strings.Join(out, "; ")
}

// Time alone brings the end of the trial, the lapse of coverage and its approach, and the expiry of orders (T-2.1); whatever moves the end moves them.
func TestDue(t *testing.T) {
	const trial = "CoverageEndApproached 2026-04-06 until 2026-04-13 by 0; CoverageLapsed 2026-04-13 by 0; TrialEnded 2026-04-13 by 0"
	end := local(t, "2026-04-13 00:00")
	bought := func(at time.Time, more ...subscription.Event) subscription.State {
		paid := completed(subscription.RecordPayment{OrderID: firstOrder, PaidAt: at, Provider: provider, TransactionID: "1"}, 1)
		return begin(t).Given(append([]subscription.Event{paid}, more...)...).State()
	}
	for _, c := range []struct {
		what, want string
		state      subscription.State
	}{
		{"nobody", "", subscription.State{}},
		{"a trial", trial, begin(t).State()},
		{"a month bought before its end", "CoverageEndApproached 2026-05-06 until 2026-05-13 by 1; CoverageLapsed 2026-05-13 by 1; TrialEnded 2026-04-13 by 0", bought(end.Add(-1))},
		{"a month bought at the very end", "CoverageEndApproached 2026-05-07 until 2026-05-14 by 1; CoverageLapsed 2026-05-14 by 1; TrialEnded 2026-04-13 by 0", bought(end)},
		{"a month bought after a gap",
			"CoverageEndApproached 2026-05-07 until 2026-05-14 by 1; CoverageLapsed 2026-04-13 by 0; CoverageLapsed 2026-05-14 by 1; TrialEnded 2026-04-13 by 0", bought(end.Add(1))},
		{"the month taken back", strings.ReplaceAll(strings.ReplaceAll(trial, "by 0; C", "by 2; C"), "13 by 0; T", "13 by 2; T"),
			bought(end.Add(-1), subscription.MonthsRevoked{Provider: provider, TransactionID: "1", At: end.Add(-1)})},
		{"days given at the end", "CoverageEndApproached 2026-04-09 until 2026-04-16 by 1; CoverageLapsed 2026-04-16 by 1; TrialEnded 2026-04-13 by 0",
			begin(t).Given(subscription.DaysGranted{Days: 3, At: end.Add(-1)}).State()},
		{"days given later, fewer than a reminder takes", "CoverageLapsed 2026-04-13 by 0; CoverageLapsed 2026-05-05 by 1; TrialEnded 2026-04-13 by 0",
			begin(t).Given(subscription.DaysGranted{Days: 3, At: local(t, "2026-05-01 09:00")}).State()},
	} {
		if got := due(c.state); got != c.want {
			t.Errorf("%s: due are\n%s\nwant\n%s", c.what, got, c.want)
		}
	}
	s := ordered(t, order(t, firstOrder, 1), order(t, secondOrder, 1))
	if got := due(s.State()); strings.Count(got, "OrderExpired 2026-02-02") != 2 {
		t.Errorf("two orders: due are %s", got)
	}
	if got := due(s.Given(completed(pay(t, secondOrder, "2"), 1)).State()); strings.Count(got, "OrderExpired 2026-02-02") != 1 {
		t.Errorf("one of two orders is paid: due are %s", got)
	}
}

// Two moments of a user share no id, and the same moment has the same one however it came about; markers change nothing of what is due.
func TestDueIDs(t *testing.T) {
	s := ordered(t, order(t, firstOrder, 1), order(t, secondOrder, 1)).State()
	ids := map[string]bool{}
	for _, who := range []domain.UserID{"a", "b"} {
		for _, d := range s.Due() {
			ids[d.ID(who).String()] = true
		}
	}
	if want := 2 * len(s.Due()); len(ids) != want {
		t.Errorf("%d moments have %d ids", want, len(ids))
	}
	marked := ordered(t, order(t, firstOrder, 1), order(t, secondOrder, 1))
	for _, d := range s.Due() {
		marked.Given(d.Marker.(subscription.Event))
	}
	if got, want := fmt.Sprint(marked.State().Due()), fmt.Sprint(s.Due()); got != want {
		t.Errorf("with the markers there are\n%s\nwithout\n%s", got, want)
	}
	for _, d := range s.Due() {
		if d.At.Location() != time.UTC || d.Comes(d.At.Add(-1)) || !d.Comes(d.At) || !d.Until.IsZero() && d.Comes(d.Until) {
			t.Errorf("%+v", d)
		}
	}
}
