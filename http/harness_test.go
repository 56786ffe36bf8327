package http_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"kelisim/commands/access"
	"kelisim/domain"
	ledger "kelisim/http"
)

// Two users: the one that tests are about, and another.
const (
	user    = domain.UserID("0f9d2f3e-1b0a-4c53-9d51-2f4f5f6c7a80")
	another = domain.UserID("5a0e5f0e-6f3c-4d0c-8a2e-7f9b1c2d3e4f")
	nobody  = domain.UserID("11111111-2222-4333-8444-555555555555")
)

// outside is a server with a token of every role, a clock that stands, and its log.
type outside struct {
	*ledger.Server
	t      testing.TB
	tokens map[access.Role]string
	access *access.Tokens
	log    *syncBuffer
	clock  *clock
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newOutside(t testing.TB, change func(*ledger.Options), routes ...ledger.Route) *outside {
	t.Helper()
	c := &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	o := &outside{t: t, tokens: map[access.Role]string{}, access: access.NewTokens(&access.Memory{}, c.Now), log: &syncBuffer{}, clock: c}
	for _, role := range access.Roles() {
		wish := access.Wish{Name: "a-" + string(role), Role: role}
		if role == access.Subject {
			wish.Subject = user
		}
		secret, _, err := o.access.Create(context.Background(), wish)
		if err != nil {
			t.Fatal(err)
		}
		o.tokens[role] = secret
	}
	options := ledger.Options{
		Tokens: o.access, Now: c.Now, Version: "test",
		Log:       slog.New(slog.NewJSONHandler(o.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		KnowsUser: func(_ context.Context, id domain.UserID) (bool, error) { return id == user || id == another, nil },
	}
	if change != nil {
		change(&options)
	}
	server, err := ledger.NewWith(options, routes...)
	if err != nil {
		t.Fatal(err)
	}
	o.Server = server
	return o
}

// ask sends a request; headers are pairs "Name: value". A role's token goes with it, unless role is "".
func (o *outside) ask(role access.Role, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, "http://kelisim.test/", reader)
	path, query, _ := strings.Cut(target, "?")
	r.URL.Path, r.URL.RawPath, r.URL.RawQuery = unescaped(path), path, query
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if role != "" {
		r.Header.Set("Authorization", "Bearer "+o.tokens[role])
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if r.Header.Get(name) != "" && name != "Content-Type" && name != "Authorization" {
			r.Header.Add(name, value)
		} else {
			r.Header.Set(name, value)
		}
	}
	w := httptest.NewRecorder()
	o.ServeHTTP(w, r)
	if err := describedAs(r, w); err != nil { // every answer of every test is held against the document
		o.t.Error(err)
	}
	return w
}

func unescaped(path string) string {
	u, err := http.NewRequest("GET", "http://x"+path, nil)
	if err != nil {
		return path
	}
	return u.URL.Path
}

// answer reads a JSON body.
func answer(t testing.TB, w *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatalf("status %d, body %q: %v", w.Code, w.Body, err)
	}
	return v
}

// wantProblem checks status, code and form of a problem.
func wantProblem(t testing.TB, what string, w *httptest.ResponseRecorder, status int, code string) map[string]any {
	t.Helper()
	if got := w.Header().Get("Content-Type"); w.Code != status || got != "application/problem+json" {
		t.Fatalf("%s: status %d, %s, body %q; want %d %s", what, w.Code, got, w.Body, status, code)
	}
	p := answer(t, w)
	if p["code"] != code || p["type"] != "/problems/"+code || p["status"] != float64(status) || p["title"] == "" || p["detail"] == "" {
		t.Fatalf("%s: %v, want code %s", what, p, code)
	}
	if p["instance"] != "urn:uuid:"+w.Header().Get("X-Request-Id") {
		t.Errorf("%s: instance %v is not the request's id", what, p["instance"])
	}
	return p
}

// at names the place of a problem's first error: a pointer, "?parameter" or "@Header".
func at(p map[string]any) string {
	all, _ := p["errors"].([]any)
	if len(all) == 0 {
		return "nowhere"
	}
	first := all[0].(map[string]any)
	if v, ok := first["parameter"]; ok {
		return "?" + v.(string)
	}
	if v, ok := first["header"]; ok {
		return "@" + v.(string)
	}
	if v, ok := first["pointer"]; ok {
		return v.(string)
	}
	return "?" // in the query, and no parameter that may be named
}
