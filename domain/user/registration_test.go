package user_test

import (
	"errors"
	"strings"
	"testing"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/consent"
	"kelisim/domain/decidertest"
	"kelisim/domain/site"
	"kelisim/domain/subscription"
	"kelisim/domain/user"
)

// T-2.1, T-2.3, P-2.2: one press opens the cabinet, gives the consent and starts the free months.
func TestRegister(t *testing.T) {
	rules := published()
	s := registered(t, rules).State().State
	if s.Consent.StandingAt(research, decidertest.Start).Status != consent.IsGiven {
		t.Error("the press is the consent")
	}
	if c := s.Subscription.Coverage(decidertest.Start); len(c) != 1 || c[0].Reason != subscription.ReasonTrial || c[0].Until != moment("2026-04-13") {
		t.Errorf("the free months: %+v", c)
	}
	// The order in which the documents were shown does not matter.
	turned, wish := opened(), register()
	wish.Acceptance = pressed("register", "subscription", "personal-data", "terms")
	first, given := turned[0].(account.Registered), turned[2].(consent.Given)
	first.Acceptance, given.Acceptance = *wish.Acceptance, *wish.Acceptance
	turned[0], turned[2] = first, given
	begin(t, rules).When(domain.Context{OccurredAt: decidertest.Start, Parameters: rules.ParametersAt(decidertest.Start)}, wish).Then(turned...)
	// Nobody registers twice; a registration that was given up is none.
	in := on("2026-02-01", rules)
	registered(t, rules).When(in, register()).Refused("user-exists")
	begin(t, rules).Given(account.RegistrationAbandoned{}).When(in, register()).Refused("registration-abandoned")

	none := decidertest.Parameters()
	none.TermsVersion, none.TrialMonths = "0", 0
	without := published(site.ParametersSet{InForceFrom: moment("2026-01-01"), Parameters: none})
	in = domain.Context{OccurredAt: decidertest.Start, Parameters: without.ParametersAt(decidertest.Start)}
	begin(t, without).When(in, register()).Then(opened()[:3]...)
}

// T-2.3, P-2.2, decision 10: what was shown must be what is in force, in that language, to the byte; otherwise nothing is recorded.
func TestRegistrationRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change       func(*user.Register)
		code, clause string
	}{
		"nothing accepted":                  {func(c *user.Register) { c.Acceptance = nil }, "acceptance-missing", "T-2.3"},
		"the terms were not shown":          {func(c *user.Register) { c.Acceptance = pressed("register", "subscription", "personal-data") }, "acceptance-missing", "T-2.3"},
		"the agreement was not shown":       {func(c *user.Register) { c.Acceptance = pressed("register", "subscription", "terms") }, "acceptance-missing", "P-2.2"},
		"another button":                    {func(c *user.Register) { c.Acceptance.Button = "buy" }, "invalid-request", "T-2.3"},
		"another page":                      {func(c *user.Register) { c.Acceptance.Page = "home" }, "invalid-request", "P-2.2"},
		"no language":                       {func(c *user.Register) { c.Acceptance.Language = "" }, "invalid-request", ""},
		"terms not yet in force":            {func(c *user.Register) { c.Acceptance.Documents[0] = shown("terms", "2", "kk") }, "document-mismatch", "T-2.3"},
		"an agreement not yet in force":     {func(c *user.Register) { c.Acceptance.Documents[1] = shown("personal-data", "2", "kk") }, "document-mismatch", "P-2.2"},
		"the bytes of another language":     {func(c *user.Register) { c.Acceptance.Documents[1] = shown("personal-data", "1", "ru") }, "document-mismatch", "P-2.2"},
		"a language that was not published": {func(c *user.Register) { c.Acceptance.Language = "en" }, "document-mismatch", "T-2.3"},
		"other bytes":                       {func(c *user.Register) { c.Acceptance.Documents[0].SHA256 = strings.Repeat("0", 64) }, "document-mismatch", "T-2.3"},
		"a document that is not published": {func(c *user.Register) {
			c.Acceptance.Documents = append(c.Acceptance.Documents, shown("public-offer", "1", "kk"))
		}, "document-mismatch", "T-2.2"},
		"a document named twice": {func(c *user.Register) {
			c.Acceptance.Documents = append(c.Acceptance.Documents, shown("terms", "1", "kk"))
		}, "invalid-request", ""},
		"a hash that is none":       {func(c *user.Register) { c.Acceptance.Documents[0].SHA256 = "abc" }, "invalid-request", ""},
		"a version that is none":    {func(c *user.Register) { c.Acceptance.Documents[0].Version = "version of October" }, "invalid-request", ""},
		"a consent id that is none": {func(c *user.Register) { c.ConsentID = "850101300123" }, "invalid-request", ""},
		"no login":                  {func(c *user.Register) { c.Login = domain.Personal{} }, "invalid-request", "T-3.1"},
	} {
		t.Run(name, func(t *testing.T) {
			rules, wish := published(), register()
			c.change(&wish)
			begin(t, rules).When(on("2026-01-12", rules), wish).Refused(c.code, c.clause)
		})
	}
}

// T-2.3: from the moment at which a new version is in force the old one is what was shown wrongly.
func TestVersionOfTheMoment(t *testing.T) {
	rules := published()
	begin(t, rules).When(on("2026-06-01", rules), register()).Refused("document-mismatch")
	wish := register()
	wish.Acceptance.Documents = []account.DocumentRef{shown("terms", "2", "kk"), shown("personal-data", "2", "kk")}
	begin(t, rules).When(on("2026-05-31T23:59:59+05:00", rules), wish).Refused("document-mismatch")
	trial := opened()[3].(subscription.TrialStarted)
	trial.RegisteredAt, trial.From, trial.Until, trial.Anchor = moment("2026-06-01"), moment("2026-06-01"), moment("2026-09-02"), day("2026-06-01")
	s := begin(t, rules).When(on("2026-06-01", rules), wish).Then(
		account.Registered{Login: wish.Login, Acceptance: *wish.Acceptance, Contacts: wish.Contacts, Location: "KZ"}, account.ContactConfirmed{Kinds: []string{"email"}},
		consent.Given{ConsentID: id(1), Acceptance: *wish.Acceptance, Document: shown("personal-data", "2", "kk"), Purposes: []string{research}, Day: day("2026-06-01")},
		trial).State().State
	if got := s.Consent.StandingAt(advertising, moment("2026-06-02")).Status; got != "" {
		t.Errorf("the new agreement does not cover advertising: %s", got)
	}
}

// T-2.3: before any terms were in force nobody could accept them.
func TestNoTermsInForce(t *testing.T) {
	rules := published()
	in := domain.Context{OccurredAt: moment("2020-10-26")}
	_, err := user.Decide(user.State{}, nil, rules, register(), in)
	var refusal *domain.Error
	if !errors.As(err, &refusal) || refusal.Code != "terms-not-in-force" || refusal.Clause != "T-2.3" {
		t.Errorf("%v", err)
	}
}

// T-2.2: nothing is ordered, agreed to or decided about a user who is not there, or before the registration.
func TestNobodyIsThere(t *testing.T) {
	rules := published()
	before := on("2026-01-12T10:59:59+05:00", rules)
	for _, c := range []user.Command{
		user.Purchase{Months: 1, Acceptance: pressed("buy", "subscription", "personal-data")}, user.Consent{Acceptance: pressed("buy", "marketplace", "personal-data")},
		user.RecordPayment{OrderID: id(1)}, user.Unblock{}, account.Block{Clause: "T-1.4"}, consent.Withdraw{}, subscription.GrantDays{Days: 1},
	} {
		begin(t, rules).When(on("2026-02-01", rules), c).Refused("user-not-found")
		registered(t, rules).When(before, c).Refused("invalid-request")
	}
}

// A story may leave out the documents: those in force are meant, and one that is not there is still missing.
func TestCompleteDocuments(t *testing.T) {
	rules := published()
	for _, c := range []struct {
		command user.Command
		ids     string
	}{
		{&user.Register{Register: account.Register{Acceptance: &account.Acceptance{Language: "kk"}}}, "terms 1, personal-data 1"},
		{&user.Consent{Acceptance: &account.Acceptance{Language: "ru"}}, "personal-data 1"},
		{&user.Purchase{Acceptance: &account.Acceptance{Language: "kk"}}, "personal-data 1"},
		{&user.Purchase{Acceptance: &account.Acceptance{Language: "en"}}, ""},
		{&user.Consent{Acceptance: pressed("buy", "marketplace", "terms")}, "terms 1"},
		{&user.Consent{}, ""},
		{&account.Block{}, ""},
	} {
		user.CompleteDocuments(c.command, rules, moment("2026-02-01"))
		var a *account.Acceptance
		switch c := c.command.(type) {
		case *user.Register:
			a = c.Acceptance
		case *user.Consent:
			a = c.Acceptance
		case *user.Purchase:
			a = c.Acceptance
		}
		var got []string
		if a != nil {
			for _, d := range a.Documents {
				got = append(got, d.ID+" "+d.Version)
			}
		}
		if s := strings.Join(got, ", "); s != c.ids {
			t.Errorf("%T is completed with %q, want %q", c.command, s, c.ids)
		}
	}
	shared := account.Acceptance{Language: "kk"}
	user.CompleteDocuments(&user.Consent{Acceptance: &shared}, rules, moment("2026-02-01"))
	if len(shared.Documents) != 0 {
		t.Error("what the caller holds is left as it is")
	}
}
