package commands_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"kelisim/commands"
	"kelisim/commands/journal"
	"kelisim/commands/terms"
	"kelisim/commands/vault"
	"kelisim/domain"
	"kelisim/domain/catalogue"
	"kelisim/domain/event"
	"kelisim/domain/permission"
)

// bench is a service over a memory journal, with the built-in terms published.
type bench struct {
	*commands.Service
	t     testing.TB
	store *journal.Memory
	keys  *vault.Memory
	mu    sync.Mutex
	at    time.Time
}

var noon = time.Date(2026, 1, 31, 7, 0, 0, 0, time.UTC) // 12:00 in Astana

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{t: t, store: &journal.Memory{}, keys: &vault.Memory{}, at: noon}
	b.store.Now = b.now
	b.open()
	builtin, err := terms.Builtin()
	if err == nil {
		err = builtin.Publish(context.Background(), b.Service)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var master = vault.NewMemoryKEK()

// open makes a fresh service over the same stores, as a restart does.
func (b *bench) open() {
	b.t.Helper()
	v, err := vault.New(context.Background(), b.keys, master)
	if err != nil {
		b.t.Fatal(err)
	}
	v.Now = b.now
	b.Service = &commands.Service{Journal: journal.New(b.store, catalogue.All()), Vault: v, Now: b.now}
}

func (b *bench) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.at
}

func (b *bench) move(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at = b.at.Add(d)
}

// wish decodes a body and makes a wish of it, as HTTP does.
func (b *bench) wish(name, subject, key, body string) commands.Wish {
	b.t.Helper()
	decoded, err := commands.Decode(name, []byte(body), nil)
	if err != nil {
		b.t.Fatalf("%s: %v", name, err)
	}
	if subject == "" {
		subject = decoded.Subject
	}
	return commands.Wish{Command: name, Subject: subject, Body: decoded.Command, Actor: event.Actor{Kind: "service", ID: "site"},
		Key: key, Scope: "site /" + name, Fingerprinted: decoded.Canonical, OccurredAt: decoded.OccurredAt, MayBeLate: true}
}

func (b *bench) do(name, subject, body string) commands.Done {
	b.t.Helper()
	done, err := b.Do(b.t.Context(), b.wish(name, subject, "", body))
	if err != nil {
		b.t.Fatalf("%s: %v", name, err)
	}
	return done
}

// accept is the JSON of a press under the documents in force.
func (b *bench) accept(button, page string, ids ...string) string {
	b.t.Helper()
	st, err := b.SiteAt(b.t.Context(), commands.Known{})
	if err != nil {
		b.t.Fatal(err)
	}
	type ref struct {
		ID      string `json:"id"`
		Version string `json:"version"`
		SHA256  string `json:"sha256"`
	}
	var docs []ref
	for _, id := range ids {
		d, ok := st.InForce(id, "kk", b.now())
		if !ok {
			b.t.Fatalf("no %s in force", id)
		}
		docs = append(docs, ref{d.ID, d.Version, d.SHA256})
	}
	out, err := json.Marshal(map[string]any{"button": button, "page": page, "language": "kk", "documents": docs})
	if err != nil {
		b.t.Fatal(err)
	}
	return string(out)
}

func (b *bench) registration(login string) string {
	return fmt.Sprintf(`{"login":%q,"acceptance":%s,"contacts":{"email":"%s@example.kz"},"location":"KZ-71"}`,
		login, b.accept("register", "subscription", "terms", "personal-data"), login)
}

func (b *bench) register(login string) domain.UserID {
	b.t.Helper()
	return domain.UserID(b.do("register", "", b.registration(login)).Answer["user_id"].(string))
}

func (b *bench) access(id domain.UserID, at time.Time) permission.Answer {
	b.t.Helper()
	snap, err := b.Snapshot(b.t.Context(), id, commands.Known{})
	if err != nil {
		b.t.Fatal(err)
	}
	return permission.Access(snap.State.Books, snap.Site, permission.Place{}, at)
}

// T-2.1, T-2.3: registering opens the trial, through the same local day three months later.
func TestRegister(t *testing.T) {
	b := newBench(t)
	done := b.do("register", "", b.registration("aigerim"))
	id := domain.UserID(done.Answer["user_id"].(string))
	if len(done.Events) != 4 || done.Revision != 3 {
		t.Errorf("registration made %d events, to revision %d", len(done.Events), done.Revision)
	}
	a := b.access(id, noon)
	end := time.Date(2026, 4, 30, 19, 0, 0, 0, time.UTC) // 30 April is the last day: 00:00 of 1 May in Astana
	if !a.Allowed || a.Reasons[0].Code != "trial" || a.NextChangeAt == nil || !a.NextChangeAt.Equal(end) {
		t.Errorf("access is %+v", a)
	}
	if a := b.access(id, end); a.Allowed || a.Reasons[0].Code != "lapsed" {
		t.Errorf("access after the trial is %+v", a)
	}
	found, err := b.Find(t.Context(), vault.Email, " AIGERIM@example.kz")
	if err != nil || len(found) != 1 || found[0] != id {
		t.Errorf("found %v (%v)", found, err)
	}
	p, err := b.PersonalData(t.Context(), id, commands.Reader{Actor: event.Actor{Kind: "officer", ID: "o1"}, Why: "a question", Route: "/v1/users/{user}/personal-data"})
	if err != nil || p.Login != "aigerim" || p.Contacts["email"] != "aigerim@example.kz" {
		t.Errorf("personal data are %+v (%v)", p, err)
	}
}
