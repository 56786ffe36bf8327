package obligation_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"kelisim/domain"
	"kelisim/domain/calendar"
	"kelisim/domain/decidertest"
	"kelisim/domain/event"
	"kelisim/domain/obligation"
)

const (
	first  = "6a1f0c8e-2f0b-4b53-9a3f-6d1c7f2e4b01"
	second = "6a1f0c8e-2f0b-4b53-9a3f-6d1c7f2e4b02"
	nobody = "6a1f0c8e-2f0b-4b53-9a3f-6d1c7f2e4b03"
)

type story = decidertest.Story[obligation.Command, obligation.State, obligation.Event]

func begin(t testing.TB) *story { return decidertest.New(t, obligation.Decider) }

func day(t testing.TB, s string) calendar.Day {
	t.Helper()
	d, err := calendar.ParseDay(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// demand is for an act of 20 January 2026 by a user registered at decidertest.Start, on the 12th.
func demand(t testing.TB, id string) obligation.DemandFine {
	return obligation.DemandFine{
		ObligationID: id, Clause: "T-6.2", ActOn: day(t, "2026-01-20"), Note: domain.NewPersonal("a copy was put on a forum"),
		Amount: domain.KZT(50_000), TermsVersion: "2020-10-27", Permissions: []string{"p-1"}, RegisteredAt: decidertest.Start,
	}
}

func demanded(t testing.TB, id string) obligation.FineDemanded {
	c := demand(t, id)
	return obligation.FineDemanded{
		ObligationID: id, Clause: c.Clause, ActOn: c.ActOn, Amount: c.Amount, TermsVersion: c.TermsVersion, Permissions: c.Permissions, Note: c.Note,
	}
}

// noon is 12:00 in Astana.
func noon(t testing.TB, s string) time.Time { return day(t, s).Start().Add(12 * time.Hour) }

func on(t testing.TB, s string) domain.Context { return domain.Context{OccurredAt: noon(t, s)} }

func TestEvolveIsTotal(t *testing.T) { decidertest.Total(t, obligation.Decider, obligation.Events) }

// T-6.6.
func TestDemandFine(t *testing.T) {
	ctx := on(t, "2026-02-01")
	s := begin(t).When(ctx, demand(t, first)).Then(demanded(t, first))
	s.When(ctx, demand(t, first)).Refused("obligation-exists")
	ctx.Command = uuid.NewSHA1(uuid.NameSpaceOID, []byte("demand"))
	s.When(ctx, demand(t, "")).Then(demanded(t, ctx.ID("obligation")))

	o, ok := s.State().Obligation(first)
	want := obligation.Obligation{
		ID: first, Kind: obligation.Fine, Amount: domain.KZT(50_000), Clause: "T-6.2", ActOn: day(t, "2026-01-20"), TermsVersion: "2020-10-27",
		Permissions: []string{"p-1"}, DemandedAt: noon(t, "2026-02-01"), DemandEvent: decidertest.EventID(0).String(),
	}
	if !ok || !reflect.DeepEqual(o, want) {
		t.Errorf("the fine is %+v, %v", o, ok)
	}
	if n := len(s.State().All()); n != 2 {
		t.Errorf("%d obligations are known", n)
	}
}

func TestDemandFineRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change       func(*obligation.DemandFine)
		code, clause string
	}{
		"for a breach that bears no fine": {func(c *obligation.DemandFine) { c.Clause = "T-1.4" }, "clause-without-fine", "T-6.6"},
		"for no clause":                   {func(c *obligation.DemandFine) { c.Clause = "" }, "clause-without-fine", "T-6.6"},
		"for a clause that is not there":  {func(c *obligation.DemandFine) { c.Clause = "T-6.7" }, "clause-without-fine", "T-6.6"},
		"for no day":                      {func(c *obligation.DemandFine) { c.ActOn = calendar.Day{} }, "invalid-request", ""},
		"for an act to come":              {func(c *obligation.DemandFine) { c.ActOn = day(t, "2026-02-02") }, "act-in-future", "T-6.6"},
		"for an act before the terms":     {func(c *obligation.DemandFine) { c.ActOn = day(t, "2026-01-11") }, "act-before-registration", "T-2.3"},
		"of no sum":                       {func(c *obligation.DemandFine) { c.Amount = domain.Money{} }, "fine-not-set", "T-6.6"},
		"under an id of another form":     {func(c *obligation.DemandFine) { c.ObligationID = "fine-1" }, "invalid-request", ""},
	} {
		t.Run(name, func(t *testing.T) {
			wish := demand(t, first)
			c.change(&wish)
			begin(t).When(on(t, "2026-02-01"), wish).Refused(c.code, c.clause)
		})
	}
	// The day of registration and the day of the demand are days on which one can act; days are Astana's.
	for _, d := range []string{"2026-01-12", "2026-02-01"} {
		wish := demand(t, first)
		wish.ActOn = day(t, d)
		want := demanded(t, first)
		want.ActOn = wish.ActOn
		late := domain.Context{OccurredAt: day(t, "2026-02-01").Start()} // still 31 January in UTC
		begin(t).When(late, wish).Then(want)
	}
	for _, clause := range []string{"T-6.1", "T-6.3", "T-6.4", "T-6.6"} {
		wish, want := demand(t, first), demanded(t, first)
		wish.Clause, want.Clause = clause, clause
		begin(t).When(on(t, "2026-02-01"), wish).Then(want)
	}
}

// Contesting is recorded and changes nothing of what is owed.
func TestContestFine(t *testing.T) {
	note := domain.NewPersonal("the authors had allowed it")
	contest := obligation.ContestFine{ObligationID: first, Note: note}
	fined := func() *story { return begin(t).At(noon(t, "2026-02-01")).Given(demanded(t, first)) }
	s := fined().When(on(t, "2026-02-03"), contest).Then(obligation.FineContested{ObligationID: first, Note: note})
	if o, _ := s.State().Obligation(first); o.ContestedAt != noon(t, "2026-02-03") || o.ContestEvent != decidertest.EventID(1).String() {
		t.Errorf("the fine is %+v", o)
	}
	if n := len(s.State().StandingAt(noon(t, "2026-03-01"))); n != 1 {
		t.Errorf("%d obligations stand", n)
	}
	s.When(on(t, "2026-02-04"), contest).Refused("already-contested", "T-6.6")
	s.When(on(t, "2026-02-04"), obligation.ContestFine{ObligationID: nobody}).Refused("obligation-not-found")
	fined().When(on(t, "2026-01-31"), contest).Refused("invalid-request")

	paid := fined().At(noon(t, "2026-02-10")).Given(obligation.Discharged{ObligationID: first, How: obligation.Paid})
	paid.When(on(t, "2026-02-10"), contest).Refused("obligation-settled", "T-6.6")
	paid.When(on(t, "2026-02-09"), contest).Then(obligation.FineContested(contest)) // it came before, and was entered late

	begin(t).Given(obligation.ChargeBackOwed{ObligationID: first, TransactionID: "1", Amount: domain.KZT(4990)}).
		When(on(t, "2026-02-03"), contest).Refused("not-a-fine", "T-6.6")
}

// Decision 16: an officer discharges, with a reference.
func TestDischarge(t *testing.T) {
	reference := domain.NewPersonal("payment order 17")
	fined := func() *story {
		return begin(t).At(noon(t, "2026-02-01")).Given(demanded(t, first), demanded(t, second))
	}
	for _, how := range []string{obligation.Paid, obligation.Waived, obligation.Cancelled} {
		c := obligation.Discharge{ObligationID: first, How: how, Reference: reference}
		s := fined().When(on(t, "2026-02-10"), c).Then(obligation.Discharged(c))
		o, _ := s.State().Obligation(first)
		if o.How != how || o.DischargedAt != noon(t, "2026-02-10") || o.DischargeEvent != decidertest.EventID(2).String() {
			t.Errorf("the fine is %+v", o)
		}
		if o, _ := s.State().Obligation(second); !o.DischargedAt.IsZero() {
			t.Errorf("another fine is %+v", o)
		}
		s.When(on(t, "2026-02-11"), c).Refused("obligation-settled", "T-6.6")
		s.When(on(t, "2026-02-09"), c).Refused("obligation-settled", "T-6.6")
	}
	for code, c := range map[string]obligation.Discharge{
		"obligation-not-found": {ObligationID: nobody, How: obligation.Paid, Reference: reference},
		"invalid-request":      {ObligationID: first, How: "forgotten", Reference: reference},
	} {
		fined().When(on(t, "2026-02-10"), c).Refused(code)
	}
	fined().When(on(t, "2026-02-10"), obligation.Discharge{ObligationID: first, How: obligation.Paid}).Refused("invalid-request")
	fined().When(on(t, "2026-01-31"), obligation.Discharge{ObligationID: first, How: obligation.Waived}).Refused("invalid-request")

	owed := obligation.ChargeBackOwed{ObligationID: first, Provider: "cloudpayments", TransactionID: "1", Amount: domain.KZT(4990)}
	s := begin(t).At(noon(t, "2026-02-01")).Given(owed).When(on(t, "2026-02-10"), obligation.Discharge{ObligationID: first, How: obligation.Waived}).
		Then(obligation.Discharged{ObligationID: first, How: obligation.Waived})
	want := obligation.Obligation{
		ID: first, Kind: obligation.ChargeBack, Amount: domain.KZT(4990), Provider: "cloudpayments", TransactionID: "1",
		DemandedAt: noon(t, "2026-02-01"), DemandEvent: decidertest.EventID(0).String(),
		DischargedAt: noon(t, "2026-02-10"), DischargeEvent: decidertest.EventID(1).String(), How: obligation.Waived,
	}
	if o, _ := s.State().Obligation(first); !reflect.DeepEqual(o, want) {
		t.Errorf("the charge-back is %+v", o)
	}
}

// P-2.6, decision 4: what stands at the end of a day was demanded in it or before, and not discharged in it or before.
func TestStandingAtTheEndOfADay(t *testing.T) {
	received := day(t, "2026-02-05")
	for _, c := range []struct {
		demanded, discharged time.Time // zero: not discharged
		stands               bool
	}{
		{noon(t, "2026-02-01"), time.Time{}, true},
		{received.Start(), time.Time{}, true},
		{received.End().Add(-1), time.Time{}, true},
		{received.End(), time.Time{}, false},
		{noon(t, "2026-02-06"), time.Time{}, false},
		{noon(t, "2026-02-01"), noon(t, "2026-02-04"), false},
		{noon(t, "2026-02-01"), received.End().Add(-1), false},
		{noon(t, "2026-02-01"), received.End(), true},
		{noon(t, "2026-02-01"), noon(t, "2026-02-06"), true},
	} {
		s := begin(t).At(c.demanded).Given(demanded(t, first))
		if !c.discharged.IsZero() {
			s.At(c.discharged).Given(obligation.Discharged{ObligationID: first, How: obligation.Paid})
		}
		if got := s.State().StandingAt(received.End()); (len(got) == 1) != c.stands {
			t.Errorf("demanded %v, discharged %v: standing are %v", c.demanded, c.discharged, got)
		}
	}
}

// An obligation stands in one unbroken time, from its demand to its discharge.
func TestStandingProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s obligation.State
		moment := func(what string) time.Time {
			return decidertest.Start.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, what)) * time.Hour)
		}
		type life struct{ from, until time.Time }
		lives := map[string]life{}
		for _, id := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 0, 4, rapid.ID).Draw(t, "ids") {
			l := life{from: moment("demanded")}
			s = obligation.Decider.Evolve(s, obligation.FineDemanded{ObligationID: id}, event.Meta{OccurredAt: l.from})
			if rapid.Bool().Draw(t, "discharged") {
				l.until = l.from.Add(moment("after").Sub(decidertest.Start))
				s = obligation.Decider.Evolve(s, obligation.Discharged{ObligationID: id}, event.Meta{OccurredAt: l.until})
			}
			lives[id] = l
		}
		for h := -1; h < 45; h++ {
			at := decidertest.Start.Add(time.Duration(h) * time.Hour)
			want := 0
			for _, l := range lives {
				if at.After(l.from) && (l.until.IsZero() || !at.After(l.until)) {
					want++
				}
			}
			if got := len(s.StandingAt(at)); got != want {
				t.Fatalf("at hour %d %d stand, want %d", h, got, want)
			}
		}
	})
}

// What a state answers is the caller's own, and a later fold leaves an earlier state as it was.
func TestStatesShareNothing(t *testing.T) {
	states := []obligation.State{{}}
	for i, id := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		before := states[i]
		states = append(states, obligation.Decider.Evolve(before, obligation.FineDemanded{ObligationID: id}, event.Meta{}))
		obligation.Decider.Evolve(before, obligation.ChargeBackOwed{ObligationID: "x"}, event.Meta{})
		obligation.Decider.Evolve(states[i+1], obligation.Discharged{ObligationID: id, How: obligation.Paid}, event.Meta{})
		obligation.Decider.Evolve(states[i+1], obligation.FineContested{ObligationID: id}, event.Meta{ID: uuid.Max})
		all := states[i+1].All()
		if len(all) != i+1 || all[i].ID != id || all[i].How != "" || all[i].ContestEvent != "" {
			t.Fatalf("after %d demands: %+v", i+1, all)
		}
		all[0].ID = "none"
		if states[i+1].All()[0].ID != "a" {
			t.Fatal("a caller changed the state")
		}
	}
}
