package account_test

import (
	"testing"
	"time"

	"kelisim/domain/account"
	"kelisim/domain/event"
)

var (
	iin     = account.Field{EventID: two, Path: "personal_data.iin"}
	address = account.Field{EventID: two, Path: "personal_data.addresses.0.text"}
)

// Two people hand an auditor the keys of single fields; the order in which they were named does not matter.
func TestFieldDisclosure(t *testing.T) {
	until := after(48 * time.Hour)
	ask := account.RequestFieldDisclosure{DisclosureID: one, Fields: []account.Field{iin, address}, To: "dana", Until: &until, Reason: text("case 17"), Sealed: []bool{true, true}}
	requested := account.FieldDisclosureRequested{DisclosureID: one, Fields: []account.Field{address, iin}, To: "dana", Until: until, Reason: text("case 17"), By: "officer-1"}
	granted := account.FieldDisclosureGranted{DisclosureID: one, RequestedBy: "officer-1", GrantedBy: "approver-1"}
	grant := account.GrantFieldDisclosure{DisclosureID: one}
	dana := event.Actor{Kind: "approver", ID: "dana-approves", Person: "dana"}
	s := cabinet(t).
		When(as(approver, after(time.Hour)), grant).Refused("disclosure-not-found").
		When(as(officer, after(time.Hour)), ask).Then(requested).
		When(as(officer, after(time.Hour)), ask).Refused("disclosure-exists").
		When(as(officer, after(time.Hour)), grant).Refused("second-person-needed").
		When(as(dana, after(time.Hour)), grant).Refused("second-person-needed").
		When(as(approver, after(time.Hour-1)), grant).Refused("invalid-request"). // before anybody asked
		When(as(approver, until), grant).Refused("disclosure-expired").
		When(as(approver, after(2*time.Hour)), grant).Then(granted).
		When(as(approver, after(2*time.Hour)), grant).Refused("disclosure-granted").
		State()
	d, ok := s.FieldDisclosure(one)
	if !ok || d.To != "dana" || d.RequestedBy != "officer-1" || d.GrantedBy != "approver-1" || len(d.Fields) != 2 {
		t.Errorf("it stands as %+v", d)
	}
	for at, want := range map[time.Time]bool{after(2*time.Hour - 1): false, after(2 * time.Hour): true, until.Add(-1): true, until: false} {
		if d.At(at) != want {
			t.Errorf("handed out at %v: %v", at, !want)
		}
	}
	cabinet(t, requested, account.Destroyed{}).When(as(approver, after(time.Hour)), grant).Refused("destroyed", "P-2.5")
	cabinet(t, requested, account.Depersonalised{}).When(as(approver, after(time.Hour)), grant).Refused("depersonalised", "P-2.5")
	cabinet(t, requested, account.DataBlocked{Basis: "complaint"}).When(as(approver, after(time.Hour)), grant).Refused("data-blocked", "P-1.5")
}

func TestFieldDisclosureRefused(t *testing.T) {
	good := account.RequestFieldDisclosure{Fields: []account.Field{iin}, To: "dana", Reason: text("case 17"), Sealed: []bool{true}}
	named := good
	named.DisclosureID = one
	cabinet(t).When(as(officer, after(time.Hour)), named).Then(account.FieldDisclosureRequested{DisclosureID: one, Fields: good.Fields, To: "dana",
		Until: after(time.Hour + 30*24*time.Hour), Reason: text("case 17"), By: "officer-1"})
	for name, c := range map[string]struct {
		edit func(*account.RequestFieldDisclosure)
		code string
	}{
		"no field":           {func(c *account.RequestFieldDisclosure) { c.Fields, c.Sealed = nil, nil }, "invalid-request"},
		"too many fields":    {func(c *account.RequestFieldDisclosure) { c.Fields = make([]account.Field, 101) }, "invalid-request"},
		"a name for a token": {func(c *account.RequestFieldDisclosure) { c.To = "Dana S." }, "invalid-request"},
		"to nobody":          {func(c *account.RequestFieldDisclosure) { c.To = "" }, "invalid-request"},
		"to oneself":         {func(c *account.RequestFieldDisclosure) { c.To = "officer-1" }, "invalid-request"},
		"without a reason":   {func(c *account.RequestFieldDisclosure) { c.Reason = text("") }, "invalid-request"},
		"over before it is":  {func(c *account.RequestFieldDisclosure) { c.Until = at(after(time.Hour)) }, "invalid-request"},
		"for ever":           {func(c *account.RequestFieldDisclosure) { c.Until = at(after(367 * 24 * time.Hour)) }, "invalid-request"},
		"an event's name":    {func(c *account.RequestFieldDisclosure) { c.Fields[0].EventID = "the first" }, "invalid-request"},
		"a pointer":          {func(c *account.RequestFieldDisclosure) { c.Fields[0].Path = "/personal_data/iin" }, "invalid-request"},
		"an index of zeros":  {func(c *account.RequestFieldDisclosure) { c.Fields[0].Path = "addresses.00" }, "invalid-request"},
		"a field twice": {func(c *account.RequestFieldDisclosure) {
			c.Fields = []account.Field{iin, iin}
			c.Sealed = []bool{true, true}
		}, "invalid-request"},
		"what is not there":    {func(c *account.RequestFieldDisclosure) { c.Sealed = []bool{false} }, "field-not-found"},
		"what nobody asked":    {func(c *account.RequestFieldDisclosure) { c.Sealed = nil }, "field-not-found"},
		"an id that is a name": {func(c *account.RequestFieldDisclosure) { c.DisclosureID = "case-17" }, "invalid-request"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := good
			bad.Fields = []account.Field{iin}
			c.edit(&bad)
			cabinet(t).When(as(officer, after(time.Hour)), bad).Refused(c.code)
		})
	}
	cabinet(t, account.Destroyed{}).When(as(officer, after(time.Hour)), good).Refused("destroyed", "P-2.5")
}
