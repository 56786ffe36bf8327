package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kelisim/commands"
	"kelisim/commands/sqlite"
	"kelisim/domain"
	"kelisim/domain/event"
)

// caller asks a server over HTTP.
type caller struct{ url, token string }

func (c caller) do(method, path, key, body string) (status int, answer []byte, err error) {
	r, err := http.NewRequest(method, c.url+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer a.Body.Close()
	answer, err = io.ReadAll(a.Body)
	return a.StatusCode, answer, err
}

// acceptance is what a page sends that shows the documents in force in Kazakh.
func (c caller) acceptance(t *testing.T, button, page string, ids ...string) string {
	t.Helper()
	_, answer, err := c.do("GET", "/v1/documents", "", "")
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Items []struct {
			ID       string `json:"id"`
			Version  string `json:"version"`
			Language string `json:"language"`
			SHA256   string `json:"sha256"`
		} `json:"items"`
	}
	if err := json.Unmarshal(answer, &all); err != nil {
		t.Fatal(err)
	}
	var shown []string
	for _, d := range all.Items {
		if d.Language == "kk" && slices.Contains(ids, d.ID) {
			shown = append(shown, fmt.Sprintf(`{"id":%q,"version":%q,"sha256":%q}`, d.ID, d.Version, d.SHA256))
		}
	}
	return fmt.Sprintf(`{"button":%q,"page":%q,"language":"kk","documents":[%s]}`, button, page, strings.Join(shown, ","))
}

// token makes a token as an operator does.
func token(t *testing.T, dir, role string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"token", "create", "--data", dir, "--role", role, "--name", role}, nil, &stdout, &stderr, noEnv); code != 0 {
		t.Fatalf("token create ended with %d: %s", code, stderr.String())
	}
	return strings.TrimSpace(stdout.String())
}

// A server that is killed in the middle of a load has kept all that it acknowledged, keys to the personal data included, and a caller
// who heard nothing asks again under the same key and is answered.
func TestServeKilled(t *testing.T) {
	dir := t.TempDir()
	site, officer := token(t, dir, "service"), token(t, dir, "officer")
	type registration struct {
		body   string
		status int
		answer map[string]any
	}
	var all []*registration
	for round := range 2 {
		s, err := startServer("", nil, "serve", "--data", dir)
		if err != nil {
			t.Fatal(err)
		}
		defer s.kill()
		c := caller{s.url, site}
		accepted := c.acceptance(t, "register", "subscription", "terms", "personal-data")
		var answered atomic.Int64
		var wg sync.WaitGroup
		for range 120 {
			n := len(all)
			r := &registration{body: fmt.Sprintf(`{"login":"user %d","acceptance":%s,"contacts":{"email":"user%d@demo.example"}}`, n, accepted, n)}
			all = append(all, r)
			wg.Go(func() {
				status, answer, err := c.do("POST", "/v1/users", fmt.Sprint("key-", n), r.body)
				if err != nil {
					return // the process died under it
				}
				r.status = status
				if err := json.Unmarshal(answer, &r.answer); err != nil || status != http.StatusCreated {
					t.Errorf("round %d: %d %s (%v)", round, status, answer, err)
				}
				if answered.Add(1) == 40 {
					s.kill()
				}
			})
		}
		wg.Wait()
	}
	s, err := startServer("", nil, "serve", "--data", dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.kill()
	c, reader := caller{s.url, site}, caller{s.url, officer}
	cut := 0
	for n, r := range all {
		status, again, err := c.do("POST", "/v1/users", fmt.Sprint("key-", n), r.body)
		var answer map[string]any
		if err == nil {
			err = json.Unmarshal(again, &answer)
		}
		if err != nil || status != http.StatusCreated {
			t.Fatalf("registration %d, asked again: %d %s (%v)", n, status, again, err)
		}
		if r.status == 0 {
			cut++
			continue
		}
		if fmt.Sprint(answer) != fmt.Sprint(r.answer) {
			t.Errorf("registration %d was acknowledged as\n%v\nand is answered now\n%v", n, r.answer, answer)
		}
		if n%10 == 0 { // the key to what was acknowledged is there
			status, shown, err := reader.personal(answer["user_id"].(string))
			if err != nil || status != http.StatusOK || !bytes.Contains(shown, fmt.Appendf(nil, `"login":"user %d"`, n)) {
				t.Errorf("the personal data of registration %d: %d %s (%v)", n, status, shown, err)
			}
		}
	}
	t.Logf("%d of %d registrations were cut off", cut, len(all))
	if code, err := s.stop(); code != 0 || err != nil {
		t.Errorf("stopped with %d, %v: %s", code, err, s.said())
	}
}

// personal reads a user's personal data, and says why.
func (c caller) personal(user string) (int, []byte, error) {
	r, err := http.NewRequest("GET", c.url+"/v1/users/"+user+"/personal-data", nil)
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	r.Header.Set("Purpose", "to see whether it can be read")
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	return a.StatusCode, body, err
}

// An import that is killed has recorded a beginning of its story and nothing else: importing it again completes it, and the ledger is then
// the same as if nothing had happened.
func TestImportKilled(t *testing.T) {
	var lines []string
	for n := range 320 {
		user, at := fmt.Sprintf("00000000-0000-4000-8000-%012d", n+1), time.Date(2026, 1, 1+n/10, n%10, 0, 0, 0, time.UTC).Format(time.RFC3339)
		line := func(command, body string) {
			lines = append(lines, fmt.Sprintf(`{"at":%q,"recorded_at":%q,"command":%q,"user":%q,"body":%s}`, at, at, command, user, body))
		}
		line("register", fmt.Sprintf(`{"login":"user %d","acceptance":{"button":"register","page":"subscription","language":"kk"},"contacts":{"email":"user%d@demo.example"}}`, n, n))
		line("message", `{"text":"Қайырлы күн"}`)
	}
	dir := filepath.Join(t.TempDir(), "d")
	command := exec.Command("kelisim", "import", "-", "--name", "killed", "--data", dir)
	pipe, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	for _, l := range lines[:len(lines)*4/5] {
		if _, err := fmt.Fprintf(pipe, "%s\n", l); err != nil {
			t.Fatal(err)
		}
	}
	for recorded(t, dir) < 200 { // it is in the middle of it, and waits for the rest
		time.Sleep(10 * time.Millisecond)
	}
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait()

	told := func(dir string) string {
		t.Helper()
		var stderr bytes.Buffer
		if code := run(t.Context(), []string{"import", "-", "--name", "killed", "--data", dir}, strings.NewReader(strings.Join(lines, "\n")), io.Discard, &stderr, noEnv); code != 0 {
			t.Fatalf("import ended with %d: %s", code, stderr.String())
		}
		return stderr.String()
	}
	said := told(dir)
	if strings.Contains(said, " 0 carried out") || !strings.Contains(said, "there before") {
		t.Errorf("the second import said %q: it was killed in the middle", said)
	}
	whole := filepath.Join(t.TempDir(), "d")
	told(whole)
	if x, y := contents(t, dir), contents(t, whole); !slices.Equal(x, y) {
		for i := range min(len(x), len(y)) {
			if x[i] != y[i] {
				t.Fatalf("event %d is\n%s\nwhere an import in one go has\n%s", i, x[i], y[i])
			}
		}
		t.Fatalf("%d events where an import in one go has %d", len(x), len(y))
	}
}

// recorded is the last position of a journal that another process may be writing.
func recorded(t *testing.T, dir string) int64 {
	t.Helper()
	path := filepath.Join(dir, journalFile)
	if _, err := os.Stat(path); err != nil {
		return 0
	}
	j, err := sqlite.OpenJournal(path, sqlite.Options{ReadOnly: true})
	if err != nil {
		return 0 // its tables are being made
	}
	defer j.Close()
	head, _, err := j.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return head
}

// contents are a journal's events without what is sealed in them, and proof that each user's login can be opened.
func contents(t *testing.T, dir string) []string {
	t.Helper()
	l, err := openLedger(t.Context(), opening{place: place{dir: dir}, now: time.Now, log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var out []string
	var users []domain.UserID
	for e, err := range l.Journal.ReadAll(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Actor.ID == "terms" {
			continue // their ids are each ledger's own
		}
		out = append(out, fmt.Sprint(e.Position, e.ID, e.Stream, e.Revision, e.Type, e.OccurredAt, e.RecordedAt, e.Actor, e.CommandID, e.Late))
		if user, ok := domain.Stream(e.Stream).User(); ok && e.Type == "account.registered" {
			users = append(users, user)
		}
	}
	for _, user := range users {
		p, err := l.Service.PersonalData(context.Background(), user, commands.Reader{Actor: event.Actor{Kind: "officer", ID: "a"}, Why: "a test", Route: "/v1/users/{user}/personal-data"})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprint(user, p.Login))
	}
	return out
}
