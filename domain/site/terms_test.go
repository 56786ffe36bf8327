package site_test

import (
	"testing"

	"kelisim/domain"
	"kelisim/domain/decidertest"
	"kelisim/domain/site"
)

func parameters(version string, change func(*domain.Parameters)) domain.Parameters {
	p := decidertest.Parameters()
	p.TermsVersion = version
	if change != nil {
		change(&p)
	}
	return p
}

// T-2.1, P-2.2, T-6.6: the numbers of the terms hold from a moment on; the old ones stay to explain old decisions.
func TestParameters(t *testing.T) {
	old, corrected := parameters("1", nil), parameters("1", func(p *domain.Parameters) { p.Fine = domain.KZT(40_000) })
	next := parameters("2", func(p *domain.Parameters) { p.WithdrawalDays, p.WithdrawalEdge = 5, domain.EndOfDay })
	s := empty(t).
		When(now(), site.SetParameters{InForceFrom: from("2026-03-01"), Parameters: next}).Then(site.ParametersSet{InForceFrom: from("2026-03-01").Time, Parameters: next}).
		When(now(), site.SetParameters{InForceFrom: from("2020-10-27"), Parameters: old}).Then(site.ParametersSet{InForceFrom: from("2020-10-27").Time, Parameters: old}).
		When(now(), site.SetParameters{InForceFrom: from("2026-02-01"), Parameters: corrected}).Then(site.ParametersSet{InForceFrom: from("2026-02-01").Time, Parameters: corrected}).
		State()
	for _, c := range []struct {
		at, version string
		fine        domain.Money
	}{
		{"2020-10-26", "", domain.Money{}}, {"2020-10-27", "1", domain.KZT(50_000)}, {"2026-01-31", "1", domain.KZT(50_000)},
		{"2026-02-01", "1", domain.KZT(40_000)}, {"2026-03-01", "2", domain.KZT(50_000)},
	} {
		if got := s.ParametersAt(from(c.at).Time); got.TermsVersion != c.version || got.Fine != c.fine {
			t.Errorf("on %s version %q holds with a fine of %v, want %q and %v", c.at, got.TermsVersion, got.Fine, c.version, c.fine)
		}
	}
	for _, c := range []struct {
		version, at string
		fine        domain.Money
	}{
		{"1", "2020-10-26", domain.Money{}}, {"1", "2026-01-31", domain.KZT(50_000)}, {"1", "2026-02-01", domain.KZT(40_000)},
		{"1", "2030-01-01", domain.KZT(40_000)}, {"2", "2026-02-28", domain.Money{}}, {"2", "2026-03-01", domain.KZT(50_000)}, {"3", "2030-01-01", domain.Money{}},
	} {
		got, ok := s.ParametersOf(c.version, from(c.at).Time)
		if got.Fine != c.fine || ok != (c.fine != domain.Money{}) {
			t.Errorf("version %s had on %s a fine of %v, want %v", c.version, c.at, got.Fine, c.fine)
		}
	}
	if n := len(s.Parameters()); n != 3 {
		t.Errorf("%d sets of parameters stand", n)
	}
}

func TestParametersRefused(t *testing.T) {
	for name, change := range map[string]func(*domain.Parameters){
		"no version":                    func(p *domain.Parameters) { p.TermsVersion = "" },
		"a trial below nothing":         func(p *domain.Parameters) { p.TrialMonths = -1 },
		"a trial without end":           func(p *domain.Parameters) { p.TrialMonths = 121 },
		"no periods":                    func(p *domain.Parameters) { p.Periods = nil },
		"a period of nothing":           func(p *domain.Parameters) { p.Periods = []int{1, 0} },
		"a period without end":          func(p *domain.Parameters) { p.Periods = []int{1, 121} },
		"days below nothing":            func(p *domain.Parameters) { p.WithdrawalDays = -1 },
		"days beyond a year":            func(p *domain.Parameters) { p.WithdrawalDays = 367 },
		"no edge":                       func(p *domain.Parameters) { p.WithdrawalEdge = "noon" },
		"a fine below nothing":          func(p *domain.Parameters) { p.Fine.Minor = -1 },
		"a fine of no currency":         func(p *domain.Parameters) { p.Fine.Currency = "" },
		"orders that live no hour":      func(p *domain.Parameters) { p.OrderHours = 0 },
		"orders that live too long":     func(p *domain.Parameters) { p.OrderHours = 24*366 + 1 },
		"support before midnight":       func(p *domain.Parameters) { p.SupportFrom = -1 },
		"support after midnight":        func(p *domain.Parameters) { p.SupportUntil = 25 },
		"support that never opens":      func(p *domain.Parameters) { p.SupportUntil = p.SupportFrom },
		"an answer at once":             func(p *domain.Parameters) { p.SupportHours = 0 },
		"an answer too late":            func(p *domain.Parameters) { p.SupportHours = 10_001 },
		"a holiday that is no day":      func(p *domain.Parameters) { p.Holidays = []string{"2026-01-01", "Nauryz"} },
		"a holiday of no such calendar": func(p *domain.Parameters) { p.Holidays = []string{"2026-02-30"} },
	} {
		t.Run(name, func(t *testing.T) {
			empty(t).When(now(), site.SetParameters{InForceFrom: from("2026-03-01"), Parameters: parameters("2", change)}).Refused("invalid-request")
		})
	}
	empty(t).When(now(), site.SetParameters{Parameters: parameters("2", nil)}).Refused("invalid-request")
	feast := parameters("2", func(p *domain.Parameters) { p.Holidays = []string{"Nauryz"} })
	empty(t).When(now(), site.SetParameters{InForceFrom: from("2026-03-01"), Parameters: feast}).Refused("invalid-request", "T-4.2")
	widest := parameters("2", func(p *domain.Parameters) {
		p.TrialMonths, p.Periods, p.WithdrawalDays, p.Fine.Minor, p.OrderHours = 0, []int{120}, 0, 0, 1
		p.SupportFrom, p.SupportUntil, p.SupportHours, p.Holidays = 0, 24, 10_000, []string{"2026-03-21"}
	})
	empty(t).When(now(), site.SetParameters{InForceFrom: from("2026-03-01"), Parameters: widest}).
		Then(site.ParametersSet{InForceFrom: from("2026-03-01").Time, Parameters: widest})
	widest.TrialMonths, widest.WithdrawalDays, widest.OrderHours, widest.SupportHours, widest.Periods = 120, 366, 24*366, 1, []int{1}
	empty(t).When(now(), site.SetParameters{InForceFrom: from("2026-03-01"), Parameters: widest}).
		Then(site.ParametersSet{InForceFrom: from("2026-03-01").Time, Parameters: widest})
}

// T-2.1: each period has a price from a moment on.
func TestTariffs(t *testing.T) {
	tariff := func(months int, tenge int64, since string) site.TariffSet {
		return site.TariffSet{Months: months, Price: domain.KZT(tenge), InForceFrom: from(since).Time}
	}
	set := func(e site.TariffSet) site.SetTariff {
		return site.SetTariff{Months: e.Months, Price: e.Price, InForceFrom: site.From{Time: e.InForceFrom}}
	}
	later, first, other, last := tariff(1, 5_990, "2026-03-01"), tariff(1, 4_990, "2020-10-27"), tariff(12, 44_990, "2026-02-01"), tariff(1, 6_990, "2026-04-01")
	s := empty(t).When(now(), set(later)).Then(later).When(now(), set(first)).Then(first).When(now(), set(other)).Then(other).When(now(), set(last)).Then(last).State()
	for _, c := range []struct {
		months int
		at     string
		tenge  int64
	}{
		{1, "2020-10-26", 0}, {1, "2020-10-27", 4_990}, {1, "2026-02-28", 4_990}, {1, "2026-03-01", 5_990}, {1, "2026-04-01", 6_990}, {12, "2026-01-31", 0}, {12, "2026-03-01", 44_990}, {6, "2026-03-01", 0},
	} {
		got, ok := s.PriceAt(c.months, from(c.at).Time)
		if ok != (c.tenge > 0) || ok && got != domain.KZT(c.tenge) {
			t.Errorf("%d months cost %v on %s, want %d", c.months, got, c.at, c.tenge)
		}
	}
	if n := len(s.Tariffs()); n != 4 {
		t.Errorf("%d prices stand", n)
	}

	empty(t).When(now(), set(tariff(2, 9_000, "2026-03-01"))).Refused("period-not-offered", "T-2.1")
	empty(t).When(now(), set(tariff(1, 0, "2026-03-01"))).Refused("invalid-request")
	empty(t).When(now(), site.SetTariff{Months: 1, Price: domain.KZT(1)}).Refused("invalid-request")

	// The terms of the day on which the price begins say which periods there are, not those of today.
	next := site.ParametersSet{InForceFrom: from("2026-03-01").Time, Parameters: parameters("2", func(p *domain.Parameters) { p.Periods = []int{2} })}
	prepared := func() *story { return empty(t).Given(next) }
	prepared().When(now(), set(tariff(2, 9_000, "2026-03-01"))).Then(tariff(2, 9_000, "2026-03-01"))
	prepared().When(now(), set(tariff(1, 4_990, "2026-03-01"))).Refused("period-not-offered", "T-2.1")
	prepared().When(now(), set(tariff(1, 4_990, "2026-02-28"))).Then(tariff(1, 4_990, "2026-02-28"))
}

// P-2.2: a receipt names the company by the terms of its day; where those did not name it, by the first that do.
func TestOperator(t *testing.T) {
	one := domain.Operator{Name: "One", BIN: "190140900037", Address: "Astana", Contact: "one@example.kz"}
	two := one
	two.Name = "Two"
	named := func(version string, o *domain.Operator) domain.Parameters {
		return parameters(version, func(p *domain.Parameters) { p.Operator = o })
	}
	set := func(day string, p domain.Parameters) site.ParametersSet {
		return site.ParametersSet{InForceFrom: from(day).Time, Parameters: p}
	}
	s := empty(t).Given(set("2026-03-01", named("3", &two)), set("2026-01-01", named("1", nil)), set("2026-02-01", named("2", &one)), set("2026-04-01", named("4", nil))).State()
	for day, want := range map[string]string{"2025-01-01": "One", "2026-01-01": "One", "2026-02-28": "One", "2026-03-01": "Two", "2026-05-01": "Two"} {
		if got, ok := s.OperatorAt(from(day).Time); !ok || got.Name != want {
			t.Errorf("on %s the company is %q, want %q", day, got.Name, want)
		}
	}
	if _, ok := empty(t).State().OperatorAt(start); ok {
		t.Error("nobody was named, and somebody is")
	}
	for member, change := range map[string]func(*domain.Operator){
		"/operator/name": func(o *domain.Operator) { o.Name = " " }, "/operator/bin": func(o *domain.Operator) { o.BIN = "19014090003" },
		"/operator/address": func(o *domain.Operator) { o.Address = "a\nb" }, "/operator/contact": func(o *domain.Operator) { o.Contact = "one" },
	} {
		bad := one
		change(&bad)
		_, err := site.Decider.Decide(site.State{}, site.SetParameters{InForceFrom: from("2026-01-01"), Parameters: named("1", &bad)}, domain.Context{})
		if refusal, ok := err.(*domain.Error); !ok || refusal.Pointer != member {
			t.Errorf("%s: %v", member, err)
		}
	}
}
