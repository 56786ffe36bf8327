package demo_test

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"kelisim/cmd/kelisim/demo"
	"kelisim/cmd/kelisim/story"
	"kelisim/commands"
	"kelisim/commands/journal"
	"kelisim/commands/terms"
	"kelisim/commands/vault"
	"kelisim/domain/catalogue"
)

var until = time.Date(2026, 11, 22, 10, 30, 0, 0, time.UTC)

// unmade are the events, or the families of events, that no line of a story makes, and why.
var unmade = map[string]string{
	"account.registration_abandoned":       "closes a registration whose writer was too slow",
	"consent.withdrawal_took_effect":       "is a marker of time, which a policy sets",
	"subscription.order_expired":           "is a marker of time, which a policy sets",
	"subscription.trial_ended":             "is a marker of time, which a policy sets",
	"subscription.coverage_lapsed":         "is a marker of time, which a policy sets",
	"subscription.coverage_end_approached": "is a marker of time, which a policy sets",
	"subscription.payment_declined":        "comes from the processor's notification of a failure",
	"subscription.payment_applied":         "comes from an officer's application of held money, which touches two streams",
	"subscription.refund_sent":             "comes from handing a refund to the processor",
	"subscription.refund_refused":          "comes from the processor's answer to a refund",
	"payment.":                             "comes from notifications that fit no user's order, and from what officers do about that money",
	"reconciliation.":                      "comes from holding the processor's register against the ledger",
	"reads.personal_data_read":             "is recorded by the look itself; the demo looks, and its story cannot",
	"custody.":                             "is the master key's, which its keepers change",
	"ledger.":                              "is written by the log about the journal, and by who holds a lease",
}

func excuse(name string) (why string, excused bool) {
	if why, excused = unmade[name]; excused {
		return why, true
	}
	family, _, _ := strings.Cut(name, ".")
	why, excused = unmade[family+"."]
	return why, excused
}

// tell tells a demo to a ledger in memory and answers its records after the terms.
func tell(t *testing.T, o demo.Options) []journal.Event {
	t.Helper()
	now := func() time.Time { return o.Until }
	v, err := vault.New(t.Context(), &vault.Memory{}, vault.NewMemoryKEK())
	if err != nil {
		t.Fatal(err)
	}
	v.Now = now
	s := &commands.Service{Journal: journal.New(&journal.Memory{Now: now}, catalogue.All()), Vault: v, Now: now}
	builtin, err := terms.Builtin()
	if err == nil {
		err = builtin.Publish(t.Context(), s)
	}
	if err != nil {
		t.Fatal(err)
	}
	after, _, err := s.Journal.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lines, err := demo.Story(o)
	if err != nil {
		t.Fatal(err)
	}
	teller := &story.Teller{Service: s, Name: demo.Name}
	for _, l := range lines {
		if out, err := teller.Tell(t.Context(), l); err != nil || out.Outcome != story.Carried {
			t.Fatalf("%s: %v\n%s", out.Outcome, err, l)
		}
	}
	var all []journal.Event
	for e, err := range s.Journal.ReadAll(t.Context(), after) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// Everything that a story can make happen happens, and nothing is listed as impossible that is not.
func TestEveryEvent(t *testing.T) {
	made := map[string]int{}
	for _, e := range tell(t, demo.Options{Users: 60, Months: 18, Seed: 1, Until: until}) {
		made[e.Type]++
	}
	for _, e := range catalogue.All().Types() {
		why, excused := excuse(e.Name())
		switch {
		case made[e.Name()] == 0 && !excused:
			t.Errorf("%s does not happen in the demo: let it, or say in unmade why no line can make it", e.Name())
		case made[e.Name()] > 0 && excused:
			t.Errorf("%s happens in the demo, and unmade says that it %s", e.Name(), why)
		}
	}
}

// The same options write the same bytes, and recording them gives the same events in the same places: types, moments, ids. Only what is
// sealed differs.
func TestSameSeedSameStory(t *testing.T) {
	o := demo.Options{Users: 30, Months: 9, Seed: 7, Until: until}
	first, err := demo.Story(o)
	if err != nil {
		t.Fatal(err)
	}
	again, err := demo.Story(o)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytes.Join(first, nil), bytes.Join(again, nil)) {
		t.Error("the same seed wrote another story")
	}
	o.Seed++
	if other, _ := demo.Story(o); bytes.Equal(bytes.Join(first, nil), bytes.Join(other, nil)) {
		t.Error("another seed wrote the same story")
	}
	sequence := func() []string {
		var out []string
		for _, e := range tell(t, o) {
			out = append(out, fmt.Sprint(e.Position, e.ID, e.Stream, e.Revision, e.Type, e.OccurredAt, e.RecordedAt, e.Actor, e.Late))
		}
		return out
	}
	if x, y := sequence(), sequence(); !slices.Equal(x, y) {
		t.Error("the same story gave other events")
	}
}

// Any size of demo is taken to its last line, is recorded in order and not after its end, and holds nothing that could reach a person.
func TestEveryLineIsTaken(t *testing.T) {
	for _, o := range []demo.Options{
		{Users: 1, Months: 1, Seed: 1, Until: until},
		{Users: 45, Months: 4, Seed: 2, Until: time.Date(2024, 3, 1, 1, 0, 0, 0, time.UTC)}, // over the change of the clocks
		{Users: 90, Months: 24, Seed: 3, Until: until},
		{Users: 25, Months: 60, Seed: 4, Until: until},
	} {
		all := tell(t, o)
		if last := all[len(all)-1]; last.RecordedAt.After(o.Until) || o.Months > 1 && o.Until.Sub(last.RecordedAt) > 14*24*time.Hour {
			t.Errorf("%+v ends with what was recorded at %v", o, last.RecordedAt)
		}
		if first := all[0]; o.Until.Sub(first.RecordedAt) > time.Duration(o.Months+1)*31*24*time.Hour {
			t.Errorf("%+v begins with what was recorded at %v", o, first.RecordedAt)
		}
		lines, err := demo.Story(o)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			for _, host := range strings.Split(string(l), "@")[1:] {
				if !strings.HasPrefix(host, "demo.example\"") {
					t.Fatalf("an address that may be somebody's: %s", l)
				}
			}
		}
	}
	for _, o := range []demo.Options{{Users: 0, Months: 1}, {Users: 1, Months: 0}, {Users: 100_001, Months: 1}, {Users: 1, Months: 61}} {
		if _, err := demo.Story(o); err == nil {
			t.Errorf("%+v is a demo of nothing", o)
		}
	}
}

// However many people there are, each letter bears a number of its own: a second one of the same number would be refused.
func TestLettersHaveTheirOwnNumbers(t *testing.T) {
	lines, err := demo.Story(demo.Options{Users: 15_000, Months: 6, Seed: 1, Until: until})
	if err != nil {
		t.Fatal(err)
	}
	number := regexp.MustCompile(`"tracking_number":"([^"]*)"`)
	used := map[string]bool{}
	for _, l := range lines {
		if m := number.FindSubmatch(l); m != nil {
			if used[string(m[1])] {
				t.Errorf("a second letter of the number %s", m[1])
			}
			used[string(m[1])] = true
		}
	}
	if len(used) < 500 {
		t.Errorf("%d letters say little", len(used))
	}
}
