package user_test

import (
	"testing"

	"kelisim/domain/account"
	"kelisim/domain/consent"
	"kelisim/domain/decidertest"
	"kelisim/domain/event"
	"kelisim/domain/obligation"
	"kelisim/domain/permission"
	"kelisim/domain/user"
)

// TestVoidedEntry, decision 20: a mistaken entry stands until a second person approves, and stays in the journal; what was known
// before the approval answers as it did.
func TestVoidedEntry(t *testing.T) {
	rules := published()
	mistaken := decidertest.EventID(4).String() // after the four of the registration
	block := account.Blocked{Clause: "T-6.1"}
	wish := account.VoidEntry{EventID: mistaken, Reason: text("another person's")}
	s := registered(t, rules).At(moment("2026-02-01")).Given(block)
	in := on("2026-02-10", rules)
	s.When(by(approver, in), account.ApproveVoid{EventID: mistaken}).Refused("void-not-found")
	s.When(by(officer, in), account.VoidEntry{EventID: id(1), Reason: text("x")}).Refused("event-not-found")
	s.When(by(officer, in), account.VoidEntry{EventID: decidertest.EventID(0).String(), Reason: text("x")}).Refused("entry-not-voidable")
	s.When(by(officer, in), wish).Then(account.EntryVoidRequested{EventID: mistaken, Reason: text("another person's"), By: "officer-1"})
	requested := s.State()
	s.When(by(officer, in), account.ApproveVoid{EventID: mistaken}).Refused("second-person-needed")
	s.When(by(approver, in), account.ApproveVoid{EventID: mistaken}).Then(account.EntryVoided{EventID: mistaken, RequestedBy: "officer-1", ApprovedBy: "approver-1"})
	approved := s.State()

	at := moment("2026-02-05")
	for name, c := range map[string]struct {
		state   user.State
		allowed bool
	}{
		"when it was asked for":           {requested.State, false},
		"known before it was asked for":   {user.Fold(approved.Events[:5]), false},
		"known before it was approved":    {user.Fold(approved.Events[:6]), false},
		"approved: it never was":          {approved.State, true},
		"approved, and folded in one go":  {user.Fold(approved.Events), true},
		"known when there was no mistake": {user.Fold(approved.Events[:4]), true},
	} {
		if got := permission.Access(c.state.Books, rules, permission.Place{}, at); got.Allowed != c.allowed {
			t.Errorf("%s: access is %v by %s", name, got.Allowed, got.Reasons[0].Code)
		}
	}
	if n := len(approved.Events); n != 7 {
		t.Errorf("%d entries stand in the journal; the mistaken one is among them", n)
	}
	// It can be entered anew, rightly, and the right one voided in its turn.
	s.When(by(officer, on("2026-02-11", rules)), account.Block{Clause: "T-6.2"}).Then(account.Blocked{Clause: "T-6.2"})
	if k, blocked := s.State().State.Account.BlockedAt(moment("2026-02-12")); !blocked || k.Clause != "T-6.2" {
		t.Errorf("the right entry stands: %+v", k)
	}
}

// Decision 20: what followed from a mistaken entry is decided anew where it follows from the rest, and a refusal that stands is an entry of its own.
func TestVoidedFineAndRefusal(t *testing.T) {
	rules := published()
	fine := obligation.FineDemanded{ObligationID: id(30), Clause: "T-6.1", ActOn: day("2026-01-20")}
	w := posted("2026-03-01")
	s := registered(t, rules).At(moment("2026-02-01")).Given(fine).
		When(on("2026-03-02", rules), w).Then(received(w, "2026-03-11"), consent.WithdrawalRefused{NoticeID: id(20), Grounds: []consent.Ground{
		{Code: "unfulfilled-obligation", Clause: "P-2.6", ObligationID: id(30)}}})
	void := func(i int) {
		e := decidertest.EventID(i).String()
		s.When(by(officer, on("2026-03-05", rules)), account.VoidEntry{EventID: e, Reason: text("x")}).Then(account.EntryVoidRequested{EventID: e, Reason: text("x"), By: "officer-1"}).
			When(by(approver, on("2026-03-05", rules)), account.ApproveVoid{EventID: e}).Then(account.EntryVoided{EventID: e, RequestedBy: "officer-1", ApprovedBy: "approver-1"})
	}
	status := func() string { return s.State().State.Consent.StandingAt(research, moment("2026-03-11")).Status }
	void(4)
	if n := len(s.State().State.Obligations.All()); n != 0 || status() != consent.IsGiven {
		t.Errorf("without the fine %d obligations stand, and the refusal still does: %s", n, status())
	}
	void(6)
	if status() != consent.Withdrawn {
		t.Errorf("without the refusal the notice runs from its own day: %s", status())
	}
	void(5)
	if status() != consent.IsGiven {
		t.Errorf("without the notice the consent stands: %s", status())
	}
	// What is left out is also no hindrance to the right entry.
	s.When(on("2026-03-06", rules), w).Then(received(w, "2026-03-11"))
}

// What answers a fold knows nothing of the future: a voiding in the events beyond a prefix has no part in it.
func TestVoids(t *testing.T) {
	if user.Voids(account.EntryVoidRequested{}) || user.Voids(account.Blocked{}) || !user.Voids(account.EntryVoided{}) {
		t.Error("an approval voids, and nothing else")
	}
	e := decidertest.EventID(0)
	events := []user.Recorded{{Meta: event.Meta{ID: e}, Data: account.Registered{}}, {Meta: event.Meta{ID: decidertest.EventID(1)}, Data: account.EntryVoided{EventID: e.String()}}}
	if !user.Fold(events[:1]).Account.Exists || user.Fold(events).Account.Exists {
		t.Error("an entry is left out from the approval on")
	}
}
