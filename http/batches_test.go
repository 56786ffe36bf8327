package http_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"kelisim/commands/access"
	"kelisim/domain"
	ledger "kelisim/http"
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

// A line that is not {"user_id": an id of ours} is answered invalid-line in its place, is counted as such, and nothing of it is said again; the lines
// beside it are decided.
func TestInvalidLines(t *testing.T) {
	k := newKept(t)
	lines := []string{`{}`, `null`, `"planted"`, `7`, `[]`, `{"user_id":null}`, `{"user_id":""}`, `{"user_id":"planted"}`, `{"user_id":["` + string(user) + `"]}`,
		`{"user_id":"` + strings.ToUpper(string(user)) + `"}`, `{"user_id":"{` + string(user) + `}"}`, `{"user_id":"` + string(user) + `","name":"planted"}`,
		`{"USER_ID":"` + string(user) + `"}`, `{"user_id":"00000000-0000-0000-0000-000000000000"}`}
	asked := strings.Join(lines, "\n") + "\n" + `{"user_id":"` + string(user) + `"}` + "\n" + ` {"user_id":"` + string(nobody) + `"}`
	w := k.ask(access.Officer, "POST", "/v1/decisions/processing?purpose=advertising&summary=true", asked, "Content-Type: application/x-ndjson")
	got := strings.Split(strings.TrimSuffix(w.Body.String(), "\n"), "\n")
	if w.Code != 200 || len(got) != len(lines)+3 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for i, line := range lines {
		if got[i] != `{"user_id":"","allowed":false,"code":"invalid-line"}` {
			t.Errorf("%s is answered %s", line, got[i])
		}
	}
	if got[len(lines)] != `{"user_id":"`+string(user)+`","allowed":true,"code":"consent-given"}` || got[len(lines)+1] != `{"user_id":"`+string(nobody)+`","allowed":false,"code":"user-not-found"}` ||
		!strings.Contains(got[len(lines)+2], `"denied":{"invalid-line":14,"user-not-found":1}`) {
		t.Errorf("beside them: %q", got[len(lines):])
	}
	w = k.ask(access.Officer, "POST", "/v1/decisions/processing?purpose=advertising", `{"user_id":"`+string(user)+`"}`+"\n{", "Content-Type: application/x-ndjson")
	wantProblem(t, "no JSON", w, 400, "invalid-request")
}

// Whoever a line is read to be about, the line says so in the ledger's form.
func FuzzLineIsAbout(f *testing.F) {
	for _, s := range []string{`{"user_id":"` + string(user) + `"}`, `{}`, `null`, `"x"`, `{"user_id":7}`, `{"user_id":"x","a":1}`, `{`, ``} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		id, ok := ledger.LineIsAbout(json.RawMessage(line))
		if _, err := domain.ParseUserID(string(id)); ok != (err == nil) || !ok && id != "" {
			t.Errorf("%q is read as %q, %v", line, id, ok)
		}
	})
}
