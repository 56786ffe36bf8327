package account_test

import (
	"testing"
	"time"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/event"
)

// P-1.5, P-2.5: to depersonalise is one person's decision; it names the keys that go.
func TestDepersonalise(t *testing.T) {
	now := as(officer, after(time.Hour))
	gone := account.Depersonalised{Basis: "retention-ended", Classes: account.Erased, Keys: []string{"k1"}}
	cabinet(t).When(now, account.Depersonalise{Basis: "retention-ended", Keys: []string{"k1"}}).Then(gone).
		When(now, account.Depersonalise{Basis: "retention-ended"}).Refused("depersonalised", "P-2.5").
		When(now, account.RequestDestruction{Basis: "asked"}).Then(account.DestructionRequested{Basis: "asked", By: "officer-1"})
	late := now
	late.Now = after(time.Hour + 5*time.Minute + time.Microsecond) // keys that go now cannot have gone before
	cabinet(t).When(late, account.Depersonalise{Basis: "retention-ended"}).Refused("invalid-request", "P-1.5")
	cabinet(t).When(now, account.Depersonalise{}).Refused("invalid-request", "P-1.5")
	cabinet(t, account.Destroyed{}).When(now, account.Depersonalise{Basis: "asked"}).Refused("destroyed", "P-2.5")
}

// Decision 18: destruction takes two people, and happens once.
func TestDestroy(t *testing.T) {
	now, other := as(officer, after(time.Hour)), as(approver, after(2*time.Hour))
	ask, requested := account.RequestDestruction{Basis: "asked"}, account.DestructionRequested{Basis: "asked", By: "officer-1"}
	destroyed := account.Destroyed{Basis: "asked", RequestedBy: "officer-1", ApprovedBy: "approver-1", Keys: []string{"k1", "k2"}}
	approve := account.ApproveDestruction{Keys: []string{"k1", "k2"}}
	cabinet(t).When(other, approve).Refused("destruction-not-found", "P-1.5").
		When(now, ask).Then(requested).
		When(now, ask).Refused("destruction-requested", "P-1.5").
		When(now, approve).Refused("second-person-needed", "P-1.5").
		When(as(approver, after(time.Hour-1)), approve).Refused("invalid-request", "P-1.5"). // before anybody asked
		When(other, approve).Then(destroyed).
		When(other, approve).Refused("destroyed", "P-2.5").
		When(now, ask).Refused("destroyed", "P-2.5")
	twice := as(event.Actor{Kind: "approver", ID: "a-token", Person: "officer-1"}, after(2*time.Hour))
	cabinet(t, requested).When(twice, approve).Refused("second-person-needed", "P-1.5")
	cabinet(t).When(now, account.RequestDestruction{Basis: "because of him"}).Refused("invalid-request", "P-1.5")
	cabinet(t, account.Depersonalised{}).When(now, ask).Then(requested)
}

// P-1.5, P-2.6: a block of the data and a legal hold suspend it. Keys go when the command is carried out, so that what stands then counts, too,
// whatever day the command names.
func TestErasureSuspended(t *testing.T) {
	block, unblock := account.DataBlocked{Basis: "complaint"}, account.DataUnblocked{Basis: "settled"}
	asked := account.DestructionRequested{Basis: "asked", By: "officer-1"}
	for _, c := range []struct {
		given         []account.Event
		command, held account.Command
		then          account.Event
	}{
		{nil, account.Depersonalise{Basis: "asked"}, account.Depersonalise{Basis: "asked", Held: true}, account.Depersonalised{Basis: "asked", Classes: account.Erased}},
		{nil, account.RequestDestruction{Basis: "asked"}, account.RequestDestruction{Basis: "asked", Held: true}, account.DestructionRequested{Basis: "asked", By: "approver-1"}},
		{[]account.Event{asked}, account.ApproveDestruction{}, account.ApproveDestruction{Held: true}, account.Destroyed{Basis: "asked", RequestedBy: "officer-1", ApprovedBy: "approver-1"}},
	} {
		cabinet(t, c.given...).When(as(approver, after(time.Hour)), c.held).Refused("legal-hold", "P-2.6")
		cabinet(t, c.given...).At(after(2*time.Hour)).Given(block).
			When(as(approver, after(3*time.Hour)), c.command).Refused("data-blocked", "P-1.5").
			When(domain.Context{OccurredAt: after(time.Hour), Now: after(3 * time.Hour), Actor: approver}, c.command).Refused("data-blocked", "P-1.5").
			At(after(4*time.Hour)).Given(unblock).
			When(domain.Context{OccurredAt: after(3 * time.Hour), Now: after(5 * time.Hour), Actor: approver}, c.command).Refused("data-blocked", "P-1.5").
			When(as(approver, after(4*time.Hour)), c.command).Then(c.then)
	}
}
