package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"kelisim/commands/access"
)

var update = flag.Bool("update", false, "rewrite the golden files from what is answered now")

const (
	stories = "../../testdata/stories"
	golden  = "../../testdata/golden/stories"
)

// TestStories imports each life into a data directory of its own and asks its questions over the HTTP interface. What is answered stands in
// the golden files; why it must be so, clause by clause, in the README beside the stories.
func TestStories(t *testing.T) {
	files, err := filepath.Glob(stories + "/*.ndjson")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d stories (%v)", len(files), err)
	}
	reasons, err := os.ReadFile(stories + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".ndjson")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !bytes.Contains(reasons, []byte("\n## "+name+"\n")) {
				t.Errorf("the README does not say why %s must be answered so", name)
			}
			got := playStory(t, file).answer(t, strings.TrimSuffix(file, ".ndjson")+".ask")
			path := filepath.Join(golden, name+".txt")
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("answered otherwise than %s says (go test ./cmd/kelisim -run TestStories -update rewrites it):\n%s", path, firstDifference(got, want))
			}
		})
	}
}

func firstDifference(got, want []byte) string {
	x, y := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return fmt.Sprintf("line %d is %q, not %q", i+1, x[i], y[i])
		}
	}
	return fmt.Sprintf("%d lines, not %d", len(x), len(y))
}

// played is a story in a ledger, behind the HTTP interface.
type played struct {
	handler   http.Handler
	token     string
	users     []string          // in the order of their registration
	positions map[string]string // by the number of a line
	names     map[string]string // of events: "3 consent.given"
}

func playStory(t *testing.T, file string) *played {
	t.Helper()
	dir := t.TempDir()
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"import", file, "--data", dir, "--answers"}, nil, &stdout, &stderr, noEnv); code != 0 {
		t.Fatalf("import ended with %d: %s", code, stderr.String())
	}
	p := &played{positions: map[string]string{}, names: map[string]string{}}
	lines := map[string]string{} // by event
	d := json.NewDecoder(&stdout)
	for {
		var a struct {
			Line     int
			Command  string
			UserID   string `json:"user_id"`
			Position int64
			Events   []string
		}
		if err := d.Decode(&a); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if a.Command == "register" {
			p.users = append(p.users, a.UserID)
		}
		p.positions[strconv.Itoa(a.Line)] = strconv.FormatInt(a.Position, 10)
		for _, id := range a.Events {
			lines[id] = strconv.Itoa(a.Line)
		}
	}
	log := slog.New(slog.DiscardHandler)
	l, err := openLedger(t.Context(), opening{place: place{dir: dir}, now: time.Now, log: log})
	if err != nil {
		t.Fatal(err)
	}
	tokens, closeTokens, err := openTokens(dir, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := closeTokens(); err != nil {
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	for e, err := range l.Journal.ReadAll(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		p.names[e.ID.String()] = "line " + lines[e.ID.String()] + ", " + e.Type
	}
	if p.token, _, err = tokens.Create(t.Context(), access.Wish{Name: "reader", Role: access.Officer}); err != nil {
		t.Fatal(err)
	}
	if p.handler, err = newServer(l, tokens, serving{}, log); err != nil {
		t.Fatal(err)
	}
	return p
}

// answer asks the questions of a file, one a line: what, and the query. user=2 is the second who registered, known_at=line:3 what was known when
// the third line had been recorded.
func (p *played) answer(t *testing.T, file string) []byte {
	t.Helper()
	questions, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for question := range strings.Lines(string(questions)) {
		question = strings.TrimSpace(question)
		if question == "" || strings.HasPrefix(question, "#") {
			fmt.Fprintln(&out, question)
			continue
		}
		what, rest, _ := strings.Cut(question, " ")
		user, query := 1, url.Values{}
		for _, pair := range strings.Fields(rest) {
			name, value, _ := strings.Cut(pair, "=")
			if name == "user" {
				user, _ = strconv.Atoi(value)
				continue
			}
			if n, ok := strings.CutPrefix(value, "line:"); ok {
				value = "position:" + p.positions[n]
			}
			query.Set(name, value)
		}
		if user < 1 || user > len(p.users) {
			t.Fatalf("%q asks about a user that the story has not", question)
		}
		fmt.Fprintf(&out, "%s\n%s\n", question, p.get(t, "/v1/users/"+p.users[user-1]+"/"+what+"?"+query.Encode(), query.Has("known_at")))
	}
	return out.Bytes()
}

// get asks, and writes the answer without what changes from run to run, with each event by its line and type.
func (p *played) get(t *testing.T, path string, known bool) []byte {
	t.Helper()
	r := httptest.NewRequestWithContext(context.Background(), "GET", path, nil)
	r.Header.Set("Authorization", "Bearer "+p.token)
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	var answer any
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	if m, ok := answer.(map[string]any); ok {
		delete(m, "position")
		delete(m, "user_id")
		if at, _ := m["known_at"].(string); !known || strings.HasPrefix(at, "position:") {
			delete(m, "known_at")
		}
	}
	text, err := json.MarshalIndent(p.named(answer), "  ", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte("  "), text...)
}

// named puts names in the place of the ids of events.
func (p *played) named(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = p.named(v[k])
		}
	case []any:
		for i := range v {
			v[i] = p.named(v[i])
		}
	case string:
		if name, ok := p.names[v]; ok {
			return name
		}
	}
	return v
}

func noEnv(string) string { return "" }
