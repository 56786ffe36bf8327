package account_test

import (
	"testing"
	"time"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/event"
)

// Decision 20: a mistaken entry is voided by two people.
func TestVoid(t *testing.T) {
	asked := account.VoidEntry{EventID: one, Reason: text("another person's"), Target: "account.blocked"}
	requested := account.EntryVoidRequested{EventID: one, Reason: text("another person's"), By: "officer-1"}
	voided := account.EntryVoided{EventID: one, RequestedBy: "officer-1", ApprovedBy: "approver-1"}
	s := cabinet(t, block).
		When(as(approver, after(1e9)), account.ApproveVoid{EventID: one}).Refused("void-not-found").
		When(as(officer, after(1e9)), asked).Then(requested).
		When(as(officer, after(1e9)), asked).Refused("void-requested").
		When(as(officer, after(1e9)), account.ApproveVoid{EventID: one}).Refused("second-person-needed").
		When(as(approver, after(1e9-1)), account.ApproveVoid{EventID: one}).Refused("invalid-request"). // before it was asked for
		When(as(approver, after(1e9)), account.ApproveVoid{EventID: one}).Then(voided).
		When(as(approver, after(1e9)), account.ApproveVoid{EventID: one}).Refused("entry-voided").
		When(as(officer, after(1e9)), asked).Refused("entry-voided").
		State()
	if len(s.Voids) != 1 || s.Voids[0] != (account.Void{EventID: one, RequestedBy: "officer-1", RequestedAt: after(1e9), Approved: true}) {
		t.Errorf("the voiding names its people: %+v", s.Voids)
	}
}

// Each entry is voided by itself.
func TestVoidsApart(t *testing.T) {
	cabinet(t, account.EntryVoidRequested{EventID: one, By: "officer-1"}).When(as(approver, after(1e9)), account.ApproveVoid{EventID: two}).Refused("void-not-found")
	s := cabinet(t, account.EntryVoidRequested{EventID: one, By: "officer-1"}, account.EntryVoidRequested{EventID: two, By: "officer-1"}).
		When(as(approver, after(time.Hour)), account.ApproveVoid{EventID: two}).Then(account.EntryVoided{EventID: two, RequestedBy: "officer-1", ApprovedBy: "approver-1"}).
		State()
	if s.Voids[0].Approved || !s.Voids[1].Approved {
		t.Errorf("another entry was voided: %+v", s.Voids)
	}
}

// Decision 18: two tokens of one person are one person.
func TestVoidByOnePersonTwice(t *testing.T) {
	with := func(id, person string) domain.Context {
		return as(event.Actor{Kind: "approver", ID: id, Person: person}, after(1e9))
	}
	asked := account.VoidEntry{EventID: one, Reason: text("x"), Target: "account.blocked"}
	cabinet(t).When(with("aigul", ""), asked).Then(account.EntryVoidRequested{EventID: one, Reason: text("x"), By: "aigul"}).When(with("aigul-2", "aigul"), account.ApproveVoid{EventID: one}).Refused("second-person-needed")
	cabinet(t).When(with("aigul-1", "aigul"), asked).Then(account.EntryVoidRequested{EventID: one, Reason: text("x"), By: "aigul"}).When(with("aigul", ""), account.ApproveVoid{EventID: one}).Refused("second-person-needed")
	cabinet(t).When(with("aigul-1", "aigul"), asked).Then(account.EntryVoidRequested{EventID: one, Reason: text("x"), By: "aigul"}).
		When(with("aigul-2", "aigul"), account.ApproveVoid{EventID: one}).Refused("second-person-needed").
		When(with("bolat-2", "bolat"), account.ApproveVoid{EventID: one}).Then(account.EntryVoided{EventID: one, RequestedBy: "aigul", ApprovedBy: "bolat"})
	// What was asked for before tokens named persons stands under the credential's name.
	cabinet(t, account.EntryVoidRequested{EventID: one, By: "aigul-1"}).
		When(with("aigul-1", "aigul"), account.ApproveVoid{EventID: one}).Refused("second-person-needed")
}

func TestVoidRefused(t *testing.T) {
	for name, c := range map[string]struct {
		command account.VoidEntry
		code    string
	}{
		"nobody's entry":   {account.VoidEntry{EventID: one, Reason: text("x")}, "event-not-found"},
		"without a reason": {account.VoidEntry{EventID: one, Target: "account.blocked"}, "invalid-request"},
	} {
		t.Run(name, func(t *testing.T) { cabinet(t).When(as(officer, after(1e9)), c.command).Refused(c.code) })
	}
	stays := map[string]bool{"account.registered": true, "account.registration_abandoned": true, "account.entry_void_requested": true,
		"account.entry_voided": true, "account.depersonalised": true, "account.destroyed": true}
	for _, e := range account.Events {
		made := cabinet(t).When(as(officer, after(1e9)), account.VoidEntry{EventID: one, Reason: text("x"), Target: e.Name()})
		if stays[e.Name()] {
			made.Refused("entry-not-voidable")
		} else {
			made.Then(account.EntryVoidRequested{EventID: one, Reason: text("x"), By: "officer-1"})
		}
	}
}
