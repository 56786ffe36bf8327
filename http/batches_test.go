package http_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"kelisim/commands/access"
)

// A list is decided line by line; the summary, where it is asked for, is one more line at the end, and counts what the lines say (P-2.2).
func TestDecisionsWithSummary(t *testing.T) {
	k := newKept(t)
	k.do("withdraw", `{"received_on":"2026-03-01","channel":"registered-post","tracking_number":"RR123456785KZ"}`)
	list := `{"user_id":"` + string(user) + `"}` + "\n" + `{"user_id":"` + string(nobody) + `"}` + "\n" + `{"user_id":"` + string(nobody) + `"}`
	ask := func(query string) []string {
		t.Helper()
		w := k.ask(access.Officer, "POST", "/v1/decisions/processing?purpose=advertising"+query, list, "Content-Type: application/x-ndjson")
		if w.Code != 200 {
			t.Fatalf("%s: %d %s", query, w.Code, w.Body)
		}
		return strings.Split(strings.TrimSuffix(w.Body.String(), "\n"), "\n")
	}
	if got := ask(""); len(got) != 3 || strings.Contains(strings.Join(got, ""), "summary") {
		t.Errorf("without a summary: %q", got)
	}
	type counts struct {
		Asked, Allowed int
		Denied         map[string]int
		AsOf           time.Time `json:"as_of"`
		KnownAt        string    `json:"known_at"`
	}
	for at, want := range map[string]counts{
		"2026-03-10T18:59:59Z": {Asked: 3, Allowed: 1, Denied: map[string]int{"user-not-found": 2}},
		"2026-03-10T19:00:00Z": {Asked: 3, Allowed: 0, Denied: map[string]int{"user-not-found": 2, "withdrawn": 1}},
	} {
		lines := ask("&summary=true&as_of=" + at)
		var last struct{ Summary counts }
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || len(lines) != 4 {
			t.Fatalf("%q: %v", lines, err)
		}
		got := last.Summary
		if got.Asked != want.Asked || got.Allowed != want.Allowed || len(got.Denied) != len(want.Denied) || got.Denied["withdrawn"] != want.Denied["withdrawn"] ||
			got.Denied["user-not-found"] != 2 || got.AsOf.Format(time.RFC3339) != at || !strings.HasPrefix(got.KnownAt, "position:") {
			t.Errorf("as of %s: %+v, want %+v", at, got, want)
		}
		if again := ask("&as_of=" + at); strings.Join(again, "\n") != strings.Join(lines[:3], "\n") {
			t.Errorf("the lines are others with a summary: %q, %q", lines, again)
		}
	}
	w := k.ask(access.Officer, "POST", "/v1/decisions/processing?purpose=advertising&summary=yes", list, "Content-Type: application/x-ndjson")
	if p := wantProblem(t, "summary=yes", w, 400, "invalid-request"); at(p) != "?summary" {
		t.Errorf("at %s", at(p))
	}
}
