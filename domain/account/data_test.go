package account_test

import (
	"testing"
	"time"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/decidertest"
)

func dataBlocked(s account.State) func(time.Time) bool {
	return func(t time.Time) bool { _, ok := s.DataBlockedAt(t); return ok }
}

// P-1.5: the data are blocked apart from the cabinet, and opened again.
func TestDataBlock(t *testing.T) {
	begins, ends := account.DataBlocked{Basis: "complaint", Note: text("no. 7")}, account.DataUnblocked{Basis: "settled"}
	s := cabinet(t).
		When(as(officer, after(time.Hour)), account.BlockData(begins)).Then(begins).
		When(as(officer, after(2*time.Hour)), account.BlockData{Basis: "court-order"}).Refused("data-blocked", "P-1.5").
		When(as(officer, after(3*time.Hour)), account.UnblockData(ends)).Then(ends).
		When(as(officer, after(3*time.Hour)), account.UnblockData(ends)).Refused("data-not-blocked", "P-1.5").
		State()
	if got := standing(5, dataBlocked(s)); got != "-##--" {
		t.Errorf("the data are blocked at %s", got)
	}
	if got := standing(5, blocked(s)); got != "-----" {
		t.Errorf("a block of the data is none of the cabinet, which is blocked at %s", got)
	}
	for _, c := range []account.Command{account.BlockData{}, account.BlockData{Basis: "because of him"}} {
		cabinet(t).When(as(officer, after(time.Hour)), c).Refused("invalid-request")
	}
	cabinet(t, begins).When(as(officer, after(time.Hour)), account.UnblockData{}).Refused("invalid-request")
}

// P-1.5, P-2.5: who was depersonalised or destroyed gets no new data, not even late ones; everything else about the
// cabinet goes on.
func TestAfterErasure(t *testing.T) {
	for code, gone := range map[string]account.Event{
		"depersonalised": account.Depersonalised{Basis: "asked", Classes: []domain.Class{domain.Identity}},
		"destroyed":      account.Destroyed{Basis: "asked", RequestedBy: "officer-1", ApprovedBy: "approver-1"},
	} {
		s := cabinet(t).At(after(10 * time.Hour)).Given(gone)
		for _, c := range []account.Command{
			account.RecordPersonalData{Personal: account.PersonalData{IIN: text("850101300123")}}, account.ChangeLogin{Login: text("x")},
			account.ChangeContacts{Contacts: reached}, account.SetLocation{Location: "KZ"}, account.Message{Text: text("hello")},
		} {
			s.When(domain.Context{OccurredAt: after(time.Hour)}, c).Refused(code, "P-2.5").
				When(domain.Context{OccurredAt: after(11 * time.Hour)}, c).Refused(code, "P-2.5")
		}
		s.When(as(officer, after(11*time.Hour)), account.Block{Clause: "T-1.4"}).Then(account.Blocked{Clause: "T-1.4"})
	}
	cabinet(t, account.Destroyed{}).When(as(officer, after(time.Hour)), account.BlockData{Basis: "complaint"}).Refused("destroyed", "P-2.5")

	s := cabinet(t, account.Depersonalised{}, account.DestructionRequested{Basis: "asked", By: "officer-1"}, account.Destroyed{}).State()
	if s.DepersonalisedAt.Event != decidertest.EventID(1).String() || s.DestroyedAt.At != after(3*time.Minute) {
		t.Errorf("both are dated: %+v, %+v", s.DepersonalisedAt, s.DestroyedAt)
	}
	want := account.Request{At: after(2 * time.Minute), By: "officer-1", Basis: "asked", Event: decidertest.EventID(2).String()}
	if len(s.DestructionRequested) != 1 || s.DestructionRequested[0] != want {
		t.Errorf("the wish for destruction names who wished it: %+v", s.DestructionRequested)
	}
}
