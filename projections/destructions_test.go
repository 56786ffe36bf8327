package projections_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"

	"kelisim/domain/account"
	"kelisim/domain/custody"
	"kelisim/projections"
)

// P-1.5, P-2.5: requested, keys destroyed, final; a request that was voided is none.
func TestDestructions(t *testing.T) {
	b := newBench(t, projections.All...)
	user := func(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }
	b.append("user-"+user(1), account.DestructionRequested{Basis: "asked", By: "aigul"})
	b.append("user-"+user(1), account.Destroyed{Basis: "asked", RequestedBy: "aigul", ApprovedBy: "bolat"})
	b.append("custody", custody.RotationBegun{Generation: 2})
	b.append("user-"+user(2), account.Depersonalised{Basis: "retention-ended"})
	b.append("custody", custody.Rotated{Generation: 2})
	b.append("user-"+user(3), account.DestructionRequested{Basis: "asked", By: "aigul"})
	b.append("user-"+user(4), account.DestructionRequested{Basis: "asked", By: "aigul"})
	voided := ""
	for e, err := range b.ReadStream(t.Context(), "user-"+user(4), 0) {
		if err != nil {
			t.Fatal(err)
		}
		voided = e.ID.String()
	}
	b.append("user-"+user(4), account.EntryVoided{EventID: uuid.NewString(), RequestedBy: "aigul", ApprovedBy: "bolat"}) // of another entry
	states := func(only string, want ...string) {
		t.Helper()
		list, err := b.Destructions(t.Context(), only)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range list {
			got = append(got, fmt.Sprint(d.UserID[len(d.UserID)-1:], " ", d.Kind, " ", d.Status, " ", d.RequestedAt != nil, d.DestroyedAt != nil, d.FinalAt != nil))
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q lists\n%q, want\n%q", only, got, want)
		}
	}
	b.wait("destructions", b.append("custody", custody.RotationBegun{Generation: 3}))
	states("", "1 destruction keys-destroyed true true false", "2 depersonalisation keys-destroyed false true false", "3 destruction requested true false false", "4 destruction requested true false false")
	b.append("user-"+user(4), account.EntryVoided{EventID: voided, RequestedBy: "aigul", ApprovedBy: "bolat"})
	b.wait("destructions", b.append("custody", custody.GenerationDropped{Generation: 1}))
	states("final", "1 destruction final true true true")
	states("keys-destroyed", "2 depersonalisation keys-destroyed false true false")
	states("requested", "3 destruction requested true false false")
	b.append("custody", custody.Rotated{Generation: 3})
	b.append("user-"+user(2), account.DestructionRequested{Basis: "asked", By: "aigul"})
	b.wait("destructions", b.append("custody", custody.GenerationDropped{Generation: 2}))
	states("", "1 destruction final true true true", "2 depersonalisation final true true true", "3 destruction requested true false false")
}
