package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kelisim/commands/access"
	"kelisim/commands/tlog"
	"kelisim/domain/calendar"
)

// A user's list of events has the markers of time about them at their place in the record, page by page and for what was known; a bundle of one user
// shows that none is missing; and they hold nothing personal, so that a destruction leaves them.
func TestMarkersAreShown(t *testing.T) {
	h := newHouse(t)
	user := h.register()
	h.ask(access.Officer, 201, "POST", "/v1/users/"+user+"/withdrawal-notices",
		fmt.Sprintf(`{"received_on":%q,"channel":"registered-post","tracking_number":"RR123456785KZ"}`, calendar.DayOf(h.now())))
	before := h.now()
	h.move(15 * 24 * time.Hour)
	mark := func(want int) {
		t.Helper()
		head, _, err := h.l.Journal.Head(t.Context())
		if err == nil {
			err = h.l.Views.WaitFor(t.Context(), "due", head)
		}
		if err != nil {
			t.Fatal(err)
		}
		if n, err := marking(h.l, slog.New(slog.DiscardHandler)).Pass(t.Context(), h.now()); n != want || err != nil {
			t.Errorf("%d markers were written (%v), want %d", n, err, want)
		}
	}
	mark(1)
	h.ask(access.Service, 201, "POST", "/v1/users/"+user+"/messages", `{"text":"Қайырлы күн"}`)
	mark(0)
	list := func(query string) (out []string) {
		t.Helper()
		for next := ""; ; {
			page := h.ask(access.Officer, 200, "GET", "/v1/users/"+user+"/events?limit=1"+query+next, "")
			for _, item := range page["items"].([]any) {
				e := item.(map[string]any)
				out = append(out, e["type"].(string))
				if e["type"] == "consent.withdrawal_took_effect" && (e["stream"] != "due-"+user || e["late"] != true || e["actor"].(map[string]any)["kind"] != "system") {
					t.Errorf("the marker is %v", e)
				}
			}
			if page["next"] == nil {
				return out
			}
			next = "&after=" + page["next"].(string)
		}
	}
	want := "[account.registered account.contact_confirmed consent.given subscription.trial_started consent.withdrawal_notice_received consent.withdrawal_took_effect account.message_received]"
	if got := fmt.Sprint(list("")); got != want {
		t.Errorf("listed are %s, want %s", got, want)
	}
	if got := fmt.Sprint(list("&known_at=" + before.Add(time.Hour).Format(time.RFC3339))); strings.Contains(got, "took_effect") || !strings.Contains(got, "notice_received") {
		t.Errorf("known before the effect are %s", got)
	}
	if err := h.l.evidence(t.Context(), h.dir, tlog.DefaultOrigin, "", h.l.Service.Log); err != nil {
		t.Fatal(err)
	}
	if err := h.l.Evidence.CommitHeads(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.close()
	bundle := filepath.Join(t.TempDir(), "one.zip")
	for _, args := range [][]string{{"export", "--data", h.dir, "--user", user, "--to", bundle}, {"verify", bundle}} {
		var out, said bytes.Buffer
		if code := run(t.Context(), args, nil, &out, &said, noEnv); code != 0 {
			t.Fatalf("%s ended with %d: %s%s", args[0], code, out.String(), said.String())
		}
		if args[0] == "verify" && !strings.Contains(out.String()+said.String(), "due-"+user) {
			t.Errorf("verify does not speak of the markers: %s", out.String())
		}
	}
}

// A withdrawal of long ago is marked once in what others hear, by a server that finds it in imported records; killing the server at once, or later, marks
// nothing twice. Nothing is marked by the import itself.
func TestMarkersOfImportedRecords(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	const user = "5f0c1b1e-7c5b-4a3e-9a60-0d1f2a3b4c5d"
	story := strings.Join([]string{
		`{"at":"2025-01-15T10:00:00+05:00","command":"register","user":"` + user + `","body":{"login":"sample","acceptance":{"button":"register","page":"subscription","language":"kk"},"contacts":{"email":"sample@demo.example"}}}`,
		`{"at":"2025-02-03T12:00:00+05:00","command":"withdraw","user":"` + user + `","body":{"received_on":"2025-02-03","channel":"registered-post","tracking_number":"RR123456785KZ"}}`,
	}, "\n")
	var out, said bytes.Buffer
	if code := run(t.Context(), []string{"import", "-", "--data", dir}, strings.NewReader(story), &out, &said, noEnv); code != 0 {
		t.Fatalf("import ended with %d: %s", code, said.String())
	}
	if strings.Contains(fmt.Sprint(contents(t, dir)), "due-") {
		t.Error("the import marked what time brought")
	}
	auditor := token(t, dir, "auditor")
	feed := func(s *server) (types []string) {
		t.Helper()
		status, answer, err := caller{s.url, auditor}.do("GET", "/v1/events?limit=1000", "", "")
		var page struct {
			Items []struct{ Type, Stream, OccurredAt string }
		}
		if err == nil {
			err = json.Unmarshal(answer, &page)
		}
		if err != nil || status != http.StatusOK {
			t.Fatalf("%d %s (%v)", status, answer, err)
		}
		for _, e := range page.Items {
			if e.Stream == "due-"+user {
				types = append(types, e.Type)
			}
		}
		return types
	}
	const want = "[consent.withdrawal_took_effect subscription.coverage_lapsed subscription.trial_ended]"
	for round := range 4 {
		s, err := startServer("", nil, "serve", "--data", dir)
		if err != nil {
			t.Fatal(err)
		}
		defer s.kill()
		if round == 0 { // killed as soon as it listens: the markers may be there, and may not
			s.kill()
			continue
		}
		deadline := time.Now().Add(time.Minute)
		for fmt.Sprint(feed(s)) != want && time.Now().Before(deadline) {
			time.Sleep(20 * time.Millisecond)
		}
		if got := fmt.Sprint(feed(s)); got != want {
			t.Fatalf("round %d: marked are %s, want %s: %s", round, got, want, s.said())
		}
		if round < 3 {
			s.kill()
			continue
		}
		if code, err := s.stop(); code != 0 || err != nil {
			t.Errorf("stopped with %d, %v: %s", code, err, s.said())
		}
	}
	var all []string
	for _, line := range contents(t, dir) {
		if strings.Contains(line, "due-"+user) {
			all = append(all, line)
		}
	}
	if len(all) != 3 {
		t.Errorf("%d markers are recorded: %v", len(all), all)
	}
}
