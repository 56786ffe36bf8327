package main

import (
	"bytes"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/commands"
	"kelisim/commands/eventstoredb/esdbtest"
	"kelisim/commands/journal"
	"kelisim/commands/postgres/postgrestest"
	"kelisim/commands/vault"
	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/calendar"
	"kelisim/domain/event"
)

var kills = flag.Int("instances.kills", 1, "how often an instance is killed in TestInstances")

// Three processes serve one ledger: T-3.1 holds over all of them, what one has written the others answer from, what one destroys or revokes is gone for all, one alone
// marks what time brings and says what the log signs, and when that one is killed another goes on and nothing acknowledged is lost.
func TestInstances(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs for seconds")
	}
	for _, kind := range []string{"postgres", "eventstoredb"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel() // on a cluster most of it is waiting for clocks
			keys := postgrestest.URL(t)
			c := &instances{t: t, journal: keys, keys: keys, mailing: newMailing(), tokens: map[string]string{}, acknowledged: map[string][2]string{}, roots: map[string]string{}, sent: map[string]int{}}
			if kind == "eventstoredb" {
				c.journal = esdbtest.Start(t, esdbtest.Options{Nodes: 3}).ConnectionString()
			}
			c.begin()
			c.oneLogin()
			c.oneAnswer()
			c.readsOwnWrites()
			c.destroyed()
			c.revoked()
			marked := []string{c.withdrawn("before"), c.withdrawn("again")}
			for n := range *kills {
				c.killed(n)
				marked = append(marked, c.withdrawn(fmt.Sprint("after-", n)))
			}
			c.nothingLost()
			c.markedOnce(marked)
			c.oneLog()
		})
	}
}

// oneLogin: T-3.1.
func (c *instances) oneLogin() {
	c.t.Helper()
	var won, lost atomic.Int64
	var racing sync.WaitGroup
	for n := range 63 {
		racing.Go(func() {
			status, answer, err := c.at(n%3, "service").do("POST", "/v1/users", fmt.Sprint("race-", n), c.registration("wanted", ""))
			switch {
			case err == nil && status == http.StatusCreated:
				won.Add(1)
			case err == nil && status == http.StatusConflict && bytes.Contains(answer, []byte(`"login-taken"`)):
				lost.Add(1)
			default:
				c.t.Errorf("a racing registration: %d %s (%v)", status, answer, err)
			}
		})
	}
	racing.Wait()
	if won.Load() != 1 || lost.Load() != 62 {
		c.t.Errorf("of 63 registrations of one login %d won and %d were told that it is taken", won.Load(), lost.Load())
	}
}

// oneAnswer: the same key is the same wish, at whichever instance it comes, at once or later.
func (c *instances) oneAnswer() {
	c.t.Helper()
	answers := make([]string, 6)
	var racing sync.WaitGroup
	for n := range answers {
		racing.Go(func() {
			status, text, err := c.at(n%3, "service").do("POST", "/v1/users", "one-wish", c.registration("one wish", ""))
			answers[n] = fmt.Sprint(status, " ", string(text), err)
		})
	}
	racing.Wait()
	for _, a := range answers {
		if a != answers[0] || !strings.HasPrefix(a, "201") {
			c.t.Errorf("one wish was answered\n%s\nand\n%s", answers[0], a)
		}
	}
	for i := range c.all {
		if a := c.ask(i, "service", 422, "POST", "/v1/users", "one-wish", c.registration("another wish", "")); a["code"] != "idempotency-key-reused" {
			c.t.Errorf("another body under the same key: %v", a)
		}
	}
}

// readsOwnWrites: a question about one user knows at once what was written elsewhere, a list when it is told how much it must know.
func (c *instances) readsOwnWrites() {
	c.t.Helper()
	for i := range c.all {
		user, position := c.register(i, fmt.Sprint("writer-", i), "")
		c.each(func(j int) {
			if a := c.ask(j, "service", 200, "GET", "/v1/users/"+user+"/access", "", ""); a["allowed"] != true {
				c.t.Errorf("written at %d, asked at %d: %v", i, j, a)
			}
			list := c.ask(j, "auditor", 200, "GET", fmt.Sprintf("/v1/users?limit=1000&at_least=%d", position), "", "")
			if !slices.Contains(items(list, "user_id"), any(user)) {
				c.t.Errorf("written at %d at position %d, the list at %d does not have it", i, position, j)
			}
		})
	}
}

// destroyed: P-1.5. What was destroyed at one instance is unreadable at the others when the call has returned, whatever they have read before.
func (c *instances) destroyed() {
	c.t.Helper()
	user, _ := c.register(0, "leaver", "")
	read := func(i int) string {
		status, text, err := c.at(i, "officer").personal(user)
		if err != nil || status != http.StatusOK {
			c.t.Errorf("personal data at %d: %d %s (%v)", i, status, text, err)
		}
		return string(text)
	}
	c.each(func(i int) {
		if text := read(i); !strings.Contains(text, `"login":"leaver"`) {
			c.t.Errorf("before at %d: %s", i, text)
		}
	})
	c.ask(0, "officer", 201, "POST", "/v1/users/"+user+"/destruction", "destroy", `{"basis":"lawful-demand"}`)
	c.ask(1, "approver", 201, "POST", "/v1/users/"+user+"/destruction/approval", "destroy", "")
	c.each(func(i int) {
		if text := read(i); strings.Contains(text, "leaver") || strings.Contains(text, "someone") || !strings.Contains(text, `{"state":"destroyed"}`) {
			c.t.Errorf("destroyed at 1, read at %d: %s", i, text)
		}
	})
}

// revoked: a token is made and revoked for all at once.
func (c *instances) revoked() {
	c.t.Helper()
	flags := []string{"--data", c.all[2].dir, "--journal", c.journal, "--keys", c.keys}
	c.tokens["short"] = strings.TrimSpace(c.command(append([]string{"token", "create", "--role", "auditor", "--name", "short"}, flags...)...))
	for _, want := range []int{200, 401} {
		for i := range c.all {
			c.ask(i, "short", want, "GET", "/v1/documents", "", "")
		}
		if want == 200 {
			c.command(append([]string{"token", "revoke", "short"}, flags...)...)
		}
	}
}

// withdrawn has a withdrawal take effect that lies in the past, and waits until its marker is there and the mailing system has heard of it.
func (c *instances) withdrawn(login string) string {
	c.t.Helper()
	now := time.Now()
	user, _ := c.register(0, login, fmt.Sprintf(`,"occurred_at":%q`, now.AddDate(0, 0, -40).UTC().Format(time.RFC3339)))
	c.mailing.mu.Lock()
	c.mailing.writes[user] = true
	c.mailing.mu.Unlock()
	c.ask(1, "officer", 201, "POST", "/v1/users/"+user+"/withdrawal-notices", "withdraw-"+login,
		fmt.Sprintf(`{"received_on":%q,"channel":"registered-post","tracking_number":%q}`, calendar.DayOf(now.AddDate(0, 0, -30)), strings.ToUpper("RR-"+login)))
	within(c.t, "a withdrawal is marked", func() bool { return c.markers(2, user) > 0 })
	within(c.t, "a withdrawal reaches the mailing system", func() bool {
		c.mailing.mu.Lock()
		defer c.mailing.mu.Unlock()
		return !c.mailing.writes[user]
	})
	return user
}

// markers counts what an instance shows of a user's withdrawals that took effect.
func (c *instances) markers(i int, user string) (n int) {
	c.t.Helper()
	for _, kind := range items(c.ask(i, "officer", 200, "GET", "/v1/users/"+user+"/events?limit=1000", "", ""), "type") {
		if kind == "consent.withdrawal_took_effect" {
			n++
		}
	}
	return n
}

// killed kills, under load, an instance that does something alone, sees others take all of it over, and starts it again.
func (c *instances) killed(n int) {
	c.t.Helper()
	names := []string{policiesLease, signerLease, relayLease}
	for _, name := range names {
		within(c.t, "somebody holds the lease "+name, func() bool { return c.holds(name) >= 0 })
	}
	_, position := c.register(0, fmt.Sprint("relayed-", n), "")
	within(c.t, "the relay has come so far", func() bool {
		cursors := items(c.ask(1, "operator", 200, "GET", "/v1/outlets", "", ""), "cursor")
		return len(cursors) == 1 && cursors[0].(float64) >= float64(position)
	})
	c.mu.Lock()
	sent := maps.Clone(c.sent)
	c.mu.Unlock()
	victim := max(0, c.holds(names[n%len(names)]))
	all := make([]struct{ key, body, answer string }, 30)
	var answered atomic.Int64
	var loading sync.WaitGroup
	for k := range all {
		s := &all[k]
		s.key = fmt.Sprintf("load-%d-%d", n, k)
		s.body = c.registration(s.key, "")
		loading.Go(func() {
			for try := range 600 {
				status, text, err := c.at((k+try)%3, "service").do("POST", "/v1/users", s.key, s.body)
				if err == nil && status == http.StatusCreated {
					s.answer = string(text)
					break
				}
				if err == nil && status != http.StatusServiceUnavailable {
					c.t.Errorf("registration %s: %d %s", s.key, status, text)
					break
				}
				time.Sleep(100 * time.Millisecond) // it died under it, or it is dead
			}
			if answered.Add(1) == 8 {
				c.all[victim].kill()
			}
		})
	}
	loading.Wait()
	for _, s := range all {
		if s.answer == "" {
			c.t.Errorf("registration %s was never answered", s.key)
		}
		c.acknowledged[s.key] = [2]string{s.body, s.answer}
	}
	for _, name := range names {
		within(c.t, "another takes over the lease "+name, func() bool { i := c.holds(name); return i >= 0 && i != victim })
	}
	c.start(victim)
	user, _ := c.register(victim, fmt.Sprint("relayed-anew-", n), "")
	within(c.t, "the relay goes on", func() bool { return len(c.mailing.knows(user)) > 0 })
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, times := range sent {
		if c.sent[id] != times {
			c.t.Errorf("event %s was sent %d times, and %d times before the relay was taken over", id, c.sent[id], times)
		}
	}
}

// nothingLost asks for all that was acknowledged again, of another instance.
func (c *instances) nothingLost() {
	c.t.Helper()
	i := 0
	for key, was := range c.acknowledged {
		i++
		if status, text, err := c.at(i%3, "service").do("POST", "/v1/users", key, was[0]); err != nil || status != http.StatusCreated || string(text) != was[1] {
			c.t.Errorf("%s was acknowledged as\n%s\nand is answered now\n%d %s (%v)", key, was[1], status, text, err)
		}
	}
}

// markedOnce: P-2.2. Every instance shows one marker of each withdrawal.
func (c *instances) markedOnce(users []string) {
	c.t.Helper()
	c.each(func(i int) {
		for _, user := range users {
			if n := c.markers(i, user); n != 1 {
				c.t.Errorf("instance %d shows %d markers of one withdrawal", i, n)
			}
		}
	})
}

// oneLog: whatever an instance serves of the log fits what the others serve, and all of it is whole.
func (c *instances) oneLog() {
	c.t.Helper()
	before, _ := c.checkpoint(0)
	_, head := c.register(0, "last", "")
	c.each(func(i int) { // each has read it
		c.ask(i, "auditor", 200, "GET", fmt.Sprintf("/v1/users?limit=1&at_least=%d", head), "", "")
	})
	within(c.t, "all serve the same checkpoint", func() bool {
		sizes := map[string]bool{}
		for i := range c.all {
			size, ok := c.checkpoint(i)
			if !ok {
				return false
			}
			sizes[size] = true
		}
		return len(sizes) == 1 && !sizes[before]
	})
	for _, one := range c.all {
		if code, err := one.stop(); code != 0 || err != nil {
			c.t.Errorf("stopped with %d, %v: %s", code, err, one.said())
		}
		if said := c.command("verify", one.dir, "--journal", c.journal); !strings.Contains(said, "whole") || strings.Contains(said, "nothing was signed") {
			c.t.Errorf("verify says %s", said)
		}
	}
}

// An instance whose key store is away says that it is not ready and nothing worse, and is ready again when the store is back.
func TestKeyStoreAway(t *testing.T) {
	t.Parallel() // most of it is waiting for deadlines
	keys := postgrestest.Start(t)
	dir, journal := t.TempDir(), esdbtest.Start(t, esdbtest.Options{}).ConnectionString()
	s, err := startServer("", nil, "serve", "--data", dir, "--journal", journal, "--keys", keys.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer s.kill()
	secret, _ := told(t, 0, "token", "create", "--data", dir, "--journal", journal, "--keys", keys.URL(), "--role", "auditor", "--name", "audit")
	c := caller{s.url, strings.TrimSpace(secret)}
	ready := func() (int, string) {
		status, answer, err := c.do("GET", "/readyz", "", "")
		if err != nil {
			t.Fatal(err)
		}
		return status, string(answer)
	}
	within(t, "it is ready", func() bool { status, _ := ready(); return status == http.StatusOK })
	keys.Kill()
	within(t, "it is not ready", func() bool {
		status, answer := ready()
		return status == http.StatusServiceUnavailable && strings.Contains(answer, `{"name":"journal","ok":true}`) && strings.Contains(answer, `{"name":"key store","ok":false}`)
	})
	for path, want := range map[string]int{"/livez": http.StatusOK, "/v1/documents": http.StatusServiceUnavailable} {
		if status, answer, err := c.do("GET", path, "", ""); err != nil || status != want {
			t.Errorf("%s: %d, want %d: %s (%v)", path, status, want, answer, err)
		}
	}
	keys.Restart(t)
	within(t, "it is ready again", func() bool { status, _ := ready(); return status == http.StatusOK })
}

// P-1.5: an instance dies when it has recorded a destruction and not yet carried it out; another that runs does it.
func TestDestructionOutlivesItsInstance(t *testing.T) {
	database, log := postgrestest.URL(t), slog.New(slog.DiscardHandler)
	open := func(dir string) *ledger {
		t.Helper()
		l, err := openLedger(t.Context(), opening{place: place{dir: dir, journal: database}, now: time.Now, log: log})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		})
		return l
	}
	first, second := t.TempDir(), t.TempDir()
	living := open(first)
	if err := living.project(t.Context(), first, log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(living.erasing(t.Context(), defaultRetention, log))
	master, err := os.ReadFile(filepath.Join(first, masterFile))
	if err == nil {
		err = os.WriteFile(filepath.Join(second, masterFile), master, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	dying := open(second)
	const user = "5f0c1b1e-7c5b-4a3e-9a60-0d1f2a3b4c5d"
	if err := registerFor(t.Context(), dying, []string{user}); err != nil {
		t.Fatal(err)
	}
	keys, err := dying.Vault.KeyIDs(t.Context(), user, account.Erased...)
	if err != nil || len(keys) != 3 {
		t.Fatal(keys, err)
	}
	snap, err := dying.Service.Snapshot(t.Context(), user, commands.Known{})
	if err != nil {
		t.Fatal(err)
	}
	record, err := dying.Journal.Encode(account.Destroyed{Basis: "lawful-demand", RequestedBy: "a", ApprovedBy: "b", Keys: keys},
		event.Meta{ID: uuid.New(), OccurredAt: time.Now(), Actor: event.Actor{Kind: "approver", ID: "b"}})
	if err == nil {
		_, err = dying.Journal.Append(t.Context(), string(domain.UserStream(user)), snap.Revision, []journal.NewRecord{record})
	}
	if err != nil {
		t.Fatal(err)
	}
	within(t, "another instance destroys the keys", func() bool {
		all, err := dying.Keys.KeysOf(t.Context(), user)
		return err == nil && !slices.ContainsFunc(all, func(k vault.Key) bool { return k.State != domain.Destroyed })
	})
}
