package user_test

import (
	"testing"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/consent"
	"kelisim/domain/obligation"
	"kelisim/domain/site"
)

// T-6.6: the fine is the one of the terms that the user had accepted before the act, whatever is in force when it is demanded.
func TestFineOfTheAcceptedTerms(t *testing.T) {
	rules := published() // from 1 June 70 000
	demand := func(act string) obligation.DemandFine {
		return obligation.DemandFine{ObligationID: id(30), Clause: "T-6.1", ActOn: day(act), Note: text("sold recordings")}
	}
	demanded := func(act string, tenge int64, version string) obligation.FineDemanded {
		return obligation.FineDemanded{ObligationID: id(30), Clause: "T-6.1", ActOn: day(act), Amount: domain.KZT(tenge), TermsVersion: version, Note: text("sold recordings")}
	}
	anew := consent.Given{ConsentID: id(5), Acceptance: account.Acceptance{Button: "buy", Page: "marketplace", Language: "kk",
		Documents: []account.DocumentRef{shown("personal-data", "2", "kk"), shown("terms", "2", "kk")}}, Document: shown("personal-data", "2", "kk"), Purposes: []string{research}}
	in := on("2026-08-01", rules)
	registered(t, rules).When(in, demand("2026-07-01")).Then(demanded("2026-07-01", 50_000, "1"))
	s := func() *story { return registered(t, rules).At(moment("2026-07-01T12:00:00+05:00")).Given(anew) }
	for act, c := range map[string]obligation.FineDemanded{
		"2026-01-12": demanded("2026-01-12", 50_000, "1"), "2026-06-30": demanded("2026-06-30", 50_000, "1"),
		"2026-07-01": demanded("2026-07-01", 50_000, "1"), // on the day itself the press may have come after the act
		"2026-07-02": demanded("2026-07-02", 70_000, "2"), "2026-08-01": demanded("2026-08-01", 70_000, "2"),
	} {
		s().When(in, demand(act)).Then(c)
	}
	s().When(in, demand("2026-01-11")).Refused("act-before-registration", "T-2.3")
	s().When(in, demand("2026-08-02")).Refused("act-in-future", "T-6.6")
	s().When(in, obligation.DemandFine{ObligationID: id(30), Clause: "T-6.1"}).Refused("invalid-request")

	// Numbers that change within a version hold from their day on, and not for the day before.
	low := rules.ParametersOf
	one, _ := low("1", moment("2026-01-01"))
	one.Fine = domain.KZT(40_000)
	changed := published(site.ParametersSet{InForceFrom: moment("2026-03-01"), Parameters: one})
	registered(t, changed).When(on("2026-04-01", changed), demand("2026-02-28")).Then(demanded("2026-02-28", 50_000, "1"))
	registered(t, changed).When(on("2026-04-01", changed), demand("2026-03-01")).Then(demanded("2026-03-01", 40_000, "1"))

	// A version that brought no numbers of its own goes by those in force on the day of the act.
	unnumbered := published(document("terms", "1.1", "kk", "2026-02-01"))
	again := anew
	again.Acceptance.Documents = []account.DocumentRef{shown("personal-data", "1", "kk"), shown("terms", "1.1", "kk")}
	registered(t, unnumbered).At(moment("2026-02-02")).Given(again).
		When(on("2026-08-01", unnumbered), demand("2026-03-01")).Then(demanded("2026-03-01", 50_000, "1.1"))
}

// T-6.3, T-6.4: the written permissions in force on the day of the act are listed with the demand.
func TestFineListsPermissions(t *testing.T) {
	rules := published()
	permit := func(n int, until string) account.ContentUsePermitted {
		p := account.ContentUsePermitted{PermissionID: id(n), Content: "course/7", By: text("the author")}
		if until != "" {
			p.Until = momentAt(until)
		}
		return p
	}
	s := registered(t, rules).
		At(moment("2026-02-01")).Given(permit(40, "")).
		At(moment("2026-02-02")).Given(permit(41, "2026-02-20")).
		At(moment("2026-02-03")).Given(permit(42, "2026-02-20T00:00:01+05:00")).
		At(moment("2026-02-20T23:59:59+05:00")).Given(permit(43, "")).
		At(moment("2026-02-21")).Given(permit(44, ""))
	c := obligation.DemandFine{ObligationID: id(30), Clause: "T-6.3", ActOn: day("2026-02-20")}
	s.When(on("2026-03-01", rules), c).Then(obligation.FineDemanded{ObligationID: id(30), Clause: "T-6.3", ActOn: day("2026-02-20"), Amount: domain.KZT(50_000),
		TermsVersion: "1", Permissions: []string{id(40), id(42), id(43)}})
}
