package commands_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"kelisim/commands"
	"kelisim/commands/vault"
	"kelisim/commands/vault/sealed"
	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/event"
	"kelisim/domain/reads"
	"kelisim/domain/user"
)

// by carries out a command as one of the staff.
func (b *bench) by(actor event.Actor, name string, id domain.UserID, body string) (commands.Done, error) {
	b.t.Helper()
	w := b.wish(name, string(id), "", body)
	w.Actor = actor
	return b.Do(b.t.Context(), w)
}

var (
	asks    = event.Actor{Kind: "officer", ID: "aigul"}
	grants  = event.Actor{Kind: "approver", ID: "bolat"}
	auditor = commands.Reader{Actor: event.Actor{Kind: "auditor", ID: "dana-2026", Person: "dana"}, Why: "audit", Route: "/v1/users/{user}/field-disclosures/{disclosure}/keys"}
)

// personal lists the sealed values of a user's events.
func (b *bench) personal(id domain.UserID) (fields []account.Field, events []user.Recorded) {
	b.t.Helper()
	snap, err := b.Snapshot(b.t.Context(), id, commands.Known{})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range snap.Events {
		v := reflect.New(reflect.TypeOf(e.Data))
		v.Elem().Set(reflect.ValueOf(e.Data))
		_ = domain.EachPersonal(v.Interface(), func(path string, _ domain.Class, _ *domain.Personal) error {
			fields = append(fields, account.Field{EventID: e.ID.String(), Path: path})
			return nil
		})
	}
	return fields, snap.Events
}

// granted asks for a disclosure and grants it.
func (b *bench) granted(id domain.UserID, fields ...account.Field) string {
	b.t.Helper()
	list := ""
	for _, f := range fields {
		list += fmt.Sprintf(`,{"event_id":%q,"path":%q}`, f.EventID, f.Path)
	}
	done, err := b.by(asks, "request-field-disclosure", id, `{"fields":[`+list[1:]+`],"to":"dana","reason":"case 17"}`)
	if err != nil {
		b.t.Fatal(err)
	}
	disclosure := done.Answer["disclosure_id"].(string)
	if _, err := b.by(grants, "grant-field-disclosure", id, fmt.Sprintf(`{"disclosure_id":%q}`, disclosure)); err != nil {
		b.t.Fatal(err)
	}
	return disclosure
}

// opensWith tells what a key opens at a field, or "".
func opensWith(key []byte, events []user.Recorded, f account.Field) string {
	text := ""
	for _, e := range events {
		if e.ID.String() != f.EventID {
			continue
		}
		v := reflect.New(reflect.TypeOf(e.Data))
		v.Elem().Set(reflect.ValueOf(e.Data))
		_ = domain.EachPersonal(v.Interface(), func(path string, _ domain.Class, p *domain.Personal) error {
			if path == f.Path {
				if value, err := sealed.Parse(p.Sealed()); err == nil {
					text, _ = value.Open(key, sealed.Place{Stream: e.Stream, EventID: e.ID, Type: e.Type, Version: e.Version}, path)
				}
			}
			return nil
		})
	}
	return text
}

// Each key that is handed over opens the one field that was granted, and no other field of any event of anybody.
func TestHandedOverKeyOpensOneField(t *testing.T) {
	b := newBench(t)
	id, other := b.register("aigerim"), b.register("berik")
	for _, u := range []domain.UserID{id, other} {
		b.do("record-personal-data", string(u), `{"personal_data":{"iin":"850101300603","family_name":"Sample","addresses":[{"kind":"post","text":"Astana 1"},{"kind":"residence","text":"Astana 1"}],"workplace":"School 3"}}`)
		b.do("message", string(u), `{"text":"a question"}`)
	}
	fields, events := b.personal(id)
	theirs, theirEvents := b.personal(other)
	if len(fields) != 8 || len(theirs) != 8 {
		t.Fatalf("the users have %d and %d personal values", len(fields), len(theirs))
	}
	for _, f := range fields {
		keys, err := b.HandOver(t.Context(), id, b.granted(id, f), auditor)
		if err != nil || len(keys) != 1 || keys[0].Event.String() != f.EventID || keys[0].Path != f.Path || len(keys[0].Key) != 32 {
			t.Fatalf("%+v: %+v (%v)", f, keys, err)
		}
		for _, g := range fields {
			if text := opensWith(keys[0].Key, events, g); (text != "") != (g == f) {
				t.Errorf("the key of %+v opens %q at %+v", f, text, g)
			}
		}
		for _, g := range theirs {
			if text := opensWith(keys[0].Key, theirEvents, g); text != "" {
				t.Errorf("the key of %+v opens %q of another person at %+v", f, text, g)
			}
		}
		b.move(time.Second)
	}
}

// P-2.4: who was given a key is on record before the key is given, and without the record none is.
func TestHandOverIsRecorded(t *testing.T) {
	b := newBench(t)
	id := b.register("aigerim")
	fields, _ := b.personal(id)
	disclosure := b.granted(id, fields...)
	if _, err := b.HandOver(t.Context(), id, disclosure, auditor); err != nil {
		t.Fatal(err)
	}
	looks, _, err := b.Entries(t.Context(), commands.Reads, string(id))
	if err != nil || len(looks) != 1 {
		t.Fatalf("%d looks (%v)", len(looks), err)
	}
	look := looks[0].Data.(reads.PersonalDataRead)
	if looks[0].Actor != auditor.Actor || !slices.Equal(look.Fields, []string{"contacts.email", "login"}) || look.Route != auditor.Route || !look.Purpose.Given() {
		t.Errorf("the look is %+v by %+v", look, looks[0].Actor)
	}
	without := auditor
	without.Why = ""
	if keys, err := b.HandOver(t.Context(), id, disclosure, without); err == nil && keys != nil {
		t.Error("keys were given without a reason")
	}
}

func TestHandOverRefused(t *testing.T) {
	b := newBench(t)
	id := b.register("aigerim")
	fields, _ := b.personal(id)
	asked, err := b.by(asks, "request-field-disclosure", id, fmt.Sprintf(`{"fields":[{"event_id":%q,"path":%q}],"to":"dana","reason":"case 17","until":%q}`,
		fields[0].EventID, fields[0].Path, b.now().Add(time.Hour).Format(time.RFC3339)))
	if err != nil {
		t.Fatal(err)
	}
	disclosure := asked.Answer["disclosure_id"].(string)
	refused := func(want string, r commands.Reader, disclosure string) {
		t.Helper()
		keys, err := b.HandOver(t.Context(), id, disclosure, r)
		if domain.Code(err) != want || keys != nil {
			t.Errorf("%d keys, %v, want %s", len(keys), err, want)
		}
	}
	refused("disclosure-not-granted", auditor, disclosure)
	refused("disclosure-not-found", auditor, "5f0c1b1e-7c5b-4a3e-9a60-0d1f2a3b4c5d")
	if _, err := b.by(grants, "grant-field-disclosure", id, fmt.Sprintf(`{"disclosure_id":%q}`, disclosure)); err != nil {
		t.Fatal(err)
	}
	another := auditor
	another.Actor = event.Actor{Kind: "auditor", ID: "erlan-1", Person: "erlan"}
	refused("forbidden", another, disclosure)
	officer := auditor
	officer.Actor = asks
	if keys, err := b.HandOver(t.Context(), id, disclosure, officer); err != nil || len(keys) != 1 {
		t.Errorf("an officer who passes it on: %d keys (%v)", len(keys), err)
	}
	b.keys.Break(errors.New("down"))
	b.open2()
	refused("key-unavailable", auditor, disclosure)
	b.keys.Break(nil)
	b.do("block-data", string(id), `{"basis":"complaint"}`)
	b.move(time.Second)
	refused("data-blocked", auditor, disclosure)
	b.do("unblock-data", string(id), `{"basis":"complaint-settled"}`)
	b.move(time.Hour)
	refused("disclosure-expired", auditor, disclosure)
	for _, f := range []account.Field{{EventID: fields[0].EventID, Path: "contacts.mobile"}, {EventID: "5f0c1b1e-7c5b-4a3e-9a60-0d1f2a3b4c5d", Path: "login"}, {EventID: fields[0].EventID, Path: "location"}} {
		body := fmt.Sprintf(`{"fields":[{"event_id":%q,"path":%q}],"to":"dana","reason":"case 17"}`, f.EventID, f.Path)
		if _, err := b.by(asks, "request-field-disclosure", id, body); domain.Code(err) != "field-not-found" {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

// open2 forgets the unwrapped keys and folds, with a vault whose store may be down.
func (b *bench) open2() {
	b.t.Helper()
	b.keys.Break(nil)
	b.open()
	b.keys.Break(errors.New("down"))
}

// stubborn is a key store that can fail to destroy.
type stubborn struct {
	vault.Keys
	fails atomic.Bool
}

var errStubborn = errors.New("the key store does not destroy now")

func (s *stubborn) Destroy(ctx context.Context, d vault.Destruction) ([]string, error) {
	if s.fails.Load() {
		return nil, errStubborn
	}
	return s.Keys.Destroy(ctx, d)
}

// withStubborn puts a key store that can fail to destroy under the service.
func (b *bench) withStubborn() *stubborn {
	b.t.Helper()
	s := &stubborn{Keys: b.keys}
	v, err := vault.New(b.t.Context(), s, master)
	if err != nil {
		b.t.Fatal(err)
	}
	v.Now = b.now
	b.Vault = v
	return s
}

// From the destruction's event on no key is given, also while the key store has not let go of it yet; and it is said to be destroyed,
// never to be unavailable.
func TestNoKeyAfterDestruction(t *testing.T) {
	b := newBench(t)
	s := b.withStubborn()
	id := b.register("aigerim")
	fields, _ := b.personal(id)
	disclosure := b.granted(id, fields[0])
	s.fails.Store(true)
	b.erase(id)
	for _, fails := range []bool{true, false} {
		s.fails.Store(fails)
		if found, err := b.Find(t.Context(), vault.Login, "aigerim"); err != nil || len(found) != 0 {
			t.Errorf("the login finds %v (%v)", found, err)
		}
		if p, err := b.PersonalData(t.Context(), id, commands.Reader{Actor: asks, Why: "to look", Route: auditor.Route}); err != nil || p.Login == "aigerim" {
			t.Errorf("the login reads %v (%v)", p.Login, err)
		}
		if keys, err := b.HandOver(t.Context(), id, disclosure, auditor); domain.Code(err) != "destroyed" || keys != nil {
			t.Errorf("%d keys after the destruction (%v)", len(keys), err)
		}
		if _, err := b.by(asks, "request-field-disclosure", id, fmt.Sprintf(`{"fields":[{"event_id":%q,"path":%q}],"to":"dana","reason":"case 18"}`, fields[0].EventID, fields[0].Path)); domain.Code(err) != "destroyed" {
			t.Errorf("asked for after the destruction: %v", err)
		}
	}
}
