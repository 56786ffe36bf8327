package commands_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"kelisim/commands"
	"kelisim/commands/vault"
	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/event"
	"kelisim/domain/permission"
)

// erase destroys a user's data by two people.
func (b *bench) erase(id domain.UserID) {
	b.t.Helper()
	b.do("destroy", string(id), `{"basis":"lawful-demand"}`)
	w := b.wish("approve-destruction", string(id), "", `{}`)
	w.Actor = event.Actor{Kind: "approver", ID: "second"}
	if _, err := b.Do(b.t.Context(), w); err != nil {
		b.t.Fatal(err)
	}
}

// P-1.5, P-2.5: after destruction the events stand, byte for byte, and nobody can read the person from them; the login is free again.
func TestDestroy(t *testing.T) {
	b := newBench(t)
	id := b.register("aigerim")
	b.do("record-personal-data", string(id), `{"personal_data":{"iin":"850101300603","family_name":"Sample"}}`)
	before := map[string]string{}
	for r, err := range b.store.ReadAll(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		before[r.ID.String()] = string(r.Data) + string(r.Meta)
	}
	state := func() string {
		snap, err := b.Snapshot(t.Context(), id, commands.Known{})
		if err != nil {
			t.Fatal(err)
		}
		out, err := json.Marshal([]any{permission.Access(snap.State.Books, snap.Site, permission.Place{}, b.now()), snap.State.Consent.Consents, snap.State.Subscription.Coverage(b.now())})
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	folded := state()
	b.erase(id)
	b.open() // nothing is left in a cache
	for r, err := range b.store.ReadAll(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if was, ok := before[r.ID.String()]; ok && was != string(r.Data)+string(r.Meta) {
			t.Errorf("event %s changed", r.ID)
		}
	}
	if now := state(); now != folded {
		t.Errorf("the fold was\n%s\nand is\n%s", folded, now)
	}
	p, err := b.PersonalData(t.Context(), id, commands.Reader{Actor: event.Actor{Kind: "officer", ID: "o1"}, Why: "to see that it is gone", Route: "/v1/users/{user}/personal-data"})
	if err != nil {
		t.Fatal(err)
	}
	gone := map[string]any{"state": domain.Destroyed}
	if !reflect.DeepEqual(p.Login, any(gone)) || !reflect.DeepEqual(p.Data["iin"], any(gone)) {
		t.Errorf("personal data read %+v", p)
	}
	for field, value := range map[vault.Field]string{vault.Login: "aigerim", vault.Email: "aigerim@example.kz", vault.IIN: "850101300603"} {
		if found, err := b.Find(t.Context(), field, value); err != nil || len(found) != 0 {
			t.Errorf("%s still finds %v (%v)", field, found, err)
		}
	}
	snap, err := b.Snapshot(t.Context(), id, commands.Known{})
	if err != nil {
		t.Fatal(err)
	}
	if a := permission.Processing(snap.State.Books, snap.Site, "advertising", "use", b.now().Add(time.Second)); a.Allowed || a.Status != permission.Destroyed {
		t.Errorf("processing is %+v", a)
	}
	if other := b.register("aigerim"); other == id {
		t.Error("the login went back to the same user")
	}
}

// E9: who asks cannot approve; a legal hold and a block of the data stand against it; it is done once.
func TestDestroyIsRefused(t *testing.T) {
	b := newBench(t)
	id := b.register("aigerim")
	refused := func(code, name, body string) {
		t.Helper()
		if _, err := b.Do(t.Context(), b.wish(name, string(id), "", body)); domain.Code(err) != code {
			t.Errorf("%s: %v, want %s", name, err, code)
		}
		b.move(time.Second)
	}
	refused("destruction-not-found", "approve-destruction", `{}`)
	hold := b.do("set-legal-hold", string(id), `{"basis":"Tax Code","acts":["store"]}`).Answer["hold_id"].(string)
	b.move(time.Second)
	refused("legal-hold", "destroy", `{"basis":"lawful-demand"}`)
	refused("legal-hold", "depersonalise", `{"basis":"retention-ended"}`)
	b.do("lift-legal-hold", string(id), fmt.Sprintf(`{"hold_id":%q}`, hold))
	b.do("block-data", string(id), `{"basis":"complaint"}`)
	b.move(time.Second)
	refused("data-blocked", "destroy", `{"basis":"lawful-demand"}`)
	b.do("unblock-data", string(id), `{"basis":"complaint-settled"}`)
	b.move(time.Second)
	b.do("destroy", string(id), `{"basis":"lawful-demand"}`)
	refused("destruction-requested", "destroy", `{"basis":"lawful-demand"}`)
	refused("second-person-needed", "approve-destruction", `{}`)
	w := b.wish("approve-destruction", string(id), "", `{}`)
	w.Actor.ID = "second"
	if _, err := b.Do(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	refused("destroyed", "destroy", `{"basis":"lawful-demand"}`)
	refused("destroyed", "record-personal-data", `{"personal_data":{"given_name":"Sample"}}`)
}

// The event names the keys, so that an older key store that is put back loses them again.
func TestDestroyedKeysAreNamed(t *testing.T) {
	b := newBench(t)
	id := b.register("aigerim")
	keys, err := b.Vault.KeyIDs(t.Context(), string(id), account.Erased...)
	if err != nil || len(keys) == 0 {
		t.Fatal(err)
	}
	b.do("depersonalise", string(id), `{"basis":"retention-ended"}`)
	snap, err := b.Snapshot(t.Context(), id, commands.Known{})
	if err != nil {
		t.Fatal(err)
	}
	last := snap.Events[len(snap.Events)-1].Data.(account.Depersonalised)
	if !reflect.DeepEqual(last.Keys, keys) {
		t.Errorf("the event names %v of %v", last.Keys, keys)
	}
}
