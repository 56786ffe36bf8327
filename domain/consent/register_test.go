package consent_test

import (
	"testing"

	"kelisim/domain/consent"
)

// P-2.6, P-1.5: legislation that forbids a withdrawal is a hold with its acts, from its own moment until it is lifted.
func TestLegalHold(t *testing.T) {
	set := consent.SetLegalHold{HoldID: id(60), Basis: "Tax Code, art. 190", Acts: []string{"store", "use"}, Note: text("audit")}
	s := book(t).
		When(on("2024-05-01"), set).Then(consent.LegalHoldSet(set)).
		When(on("2024-05-02"), set).Refused("hold-exists").
		When(on("2024-04-30"), consent.LiftLegalHold{HoldID: id(60)}).Refused("invalid-request").
		When(on("2024-05-02"), consent.LiftLegalHold{HoldID: id(61)}).Refused("hold-not-found").
		When(on("2024-06-01"), consent.LiftLegalHold(lifted)).Then(lifted).
		When(on("2024-06-02"), consent.LiftLegalHold(lifted)).Refused("hold-lifted", "P-2.6").
		State()
	for at, want := range map[string]bool{"2024-04-30T23:59:59+05:00": false, "2024-05-01": true, "2024-05-31T23:59:59+05:00": true, "2024-06-01": false} {
		if h, held := s.StoreHeldAt(moment(at)); held != want || held && h.ID != id(60) {
			t.Errorf("at %s a hold lets the data be stored: %v", at, held)
		}
	}
	use := consent.LegalHoldSet{HoldID: id(61), Basis: "court order", Acts: []string{"use"}}
	if _, held := book(t).At(moment("2024-05-01")).Given(use).State().StoreHeldAt(moment("2024-05-02")); held {
		t.Error("a hold covers the acts that it names, and no others")
	}
	// Two holds are lifted apart.
	s = book(t).At(moment("2024-05-01")).Given(hold, use).At(moment("2024-06-01")).Given(lifted).State()
	if s.Holds[0].Until != moment("2024-06-01") || !s.Holds[1].Until.IsZero() {
		t.Errorf("another hold was lifted: %+v", s.Holds)
	}
	for name, c := range map[string]struct {
		command consent.SetLegalHold
		clause  string
	}{
		"no basis":           {consent.SetLegalHold{Acts: []string{"store"}}, ""},
		"no acts":            {consent.SetLegalHold{Basis: "Tax Code"}, "P-1.5"},
		"an act unknown":     {consent.SetLegalHold{Basis: "Tax Code", Acts: []string{"store", "keep"}}, "P-1.5"},
		"an id that is none": {consent.SetLegalHold{Basis: "Tax Code", Acts: []string{"store"}, HoldID: "tax"}, ""},
	} {
		t.Run(name, func(t *testing.T) { book(t).When(on("2024-05-01"), c.command).Refused("invalid-request", c.clause) })
	}
}

// P-1.5, P-2.6: to whom the data were given is a register of its own, with the ledger's answer of that moment.
func TestDisclose(t *testing.T) {
	c := consent.Disclose{DisclosureID: id(70), Recipient: "Claned Group Oy", Country: "FI", Purpose: research, Basis: "contract 12/2024",
		Allowed: true, Code: "consent-given"}
	made := consent.DisclosureMade(c)
	s := book(t).When(on("2024-05-01"), c).Then(made).When(on("2024-05-02"), c).Refused("disclosure-exists").State()
	if d := s.Disclosures; len(d) != 1 || d[0].At != moment("2024-05-01") || d[0].DisclosureMade != made {
		t.Errorf("the register of disclosures: %+v", d)
	}
	for name, change := range map[string]func(*consent.Disclose){
		"to nobody":          func(c *consent.Disclose) { c.Recipient = "" },
		"to no country":      func(c *consent.Disclose) { c.Country = "Finland" },
		"for a sentence":     func(c *consent.Disclose) { c.Purpose = "to teach" },
		"on no basis":        func(c *consent.Disclose) { c.Basis = "" },
		"an id that is none": func(c *consent.Disclose) { c.DisclosureID = "7" },
	} {
		clause := ""
		if name == "for a sentence" {
			clause = "P-2.3"
		}
		t.Run(name, func(t *testing.T) {
			bad := c
			change(&bad)
			book(t).When(on("2024-05-01"), bad).Refused("invalid-request", clause)
		})
	}
}
