package http_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"kelisim/commands/access"
	"kelisim/domain"
	ledger "kelisim/http"
)

func TestTokensOpenRoutes(t *testing.T) {
	o := newOutside(t, nil, ledger.Route{Method: "GET", Path: "/t/officers", Roles: officers, Handle: yes})
	short, _, err := o.access.Create(context.Background(), access.Wish{Name: "short", Role: access.Officer, TTL: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	gone, _, err := o.access.Create(context.Background(), access.Wish{Name: "gone", Role: access.Officer})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.access.Revoke(context.Background(), "gone"); err != nil {
		t.Fatal(err)
	}
	o.clock.pass(time.Hour)
	officer := o.tokens[access.Officer]
	tampered := strings.Replace(officer, "_", "-", 2)
	for _, c := range []struct {
		name, header, challenge string
		status                  int
	}{
		{"the right token", "Bearer " + officer, "", 200},
		{"the scheme in another case", "bEARER " + officer, "", 200},
		{"no header", "", `Bearer realm="kelisim"`, 401},
		{"another scheme", "Basic " + officer, `Bearer realm="kelisim", error="invalid_token"`, 401},
		{"no scheme", officer, `Bearer realm="kelisim", error="invalid_token"`, 401},
		{"an empty token", "Bearer ", `Bearer realm="kelisim", error="invalid_token"`, 401},
		{"two tokens", "Bearer " + officer + " " + officer, `Bearer realm="kelisim", error="invalid_token"`, 401},
		{"another token", "Bearer " + tampered, `Bearer realm="kelisim", error="invalid_token"`, 401},
		{"an expired one", "Bearer " + short, `Bearer realm="kelisim", error="invalid_token"`, 401},
		{"a revoked one", "Bearer " + gone, `Bearer realm="kelisim", error="invalid_token"`, 401},
		{"another role", "Bearer " + o.tokens[access.Auditor], "", 403},
	} {
		w := o.ask("", "GET", "/t/officers", "", "Authorization: "+c.header)
		if c.header == "" {
			w = o.ask("", "GET", "/t/officers", "")
		}
		if w.Code != c.status || w.Header().Get("WWW-Authenticate") != c.challenge {
			t.Errorf("%s: status %d, challenge %q; want %d, %q", c.name, w.Code, w.Header().Get("WWW-Authenticate"), c.status, c.challenge)
		}
		switch c.status {
		case 401:
			wantProblem(t, c.name, w, 401, "unauthenticated")
		case 403:
			wantProblem(t, c.name, w, 403, "forbidden")
		}
	}
	r := httptest.NewRequest("GET", "/t/officers", nil)
	r.Header["Authorization"] = []string{"Bearer " + officer, "Bearer " + officer}
	w := httptest.NewRecorder()
	if o.ServeHTTP(w, r); w.Code != 401 {
		t.Errorf("the header twice: status %d", w.Code)
	}
}

// A store of tokens that cannot be asked is not a wrong token.
func TestTokenStoreFails(t *testing.T) {
	o := newOutside(t, func(op *ledger.Options) { op.Tokens = access.NewTokens(brokenStore{&access.Memory{}}, time.Now) })
	wantProblem(t, "broken", o.ask(access.Officer, "GET", "/v1/whoami", ""), 500, "internal")
}

type brokenStore struct{ *access.Memory }

func (brokenStore) Find(context.Context, string) (access.Record, bool, error) {
	return access.Record{}, false, errors.New("the disk is gone")
}

// Another's id and a missing one are answered alike, to the byte, whatever the handler would say (roles, last line).
func TestSubjectSeesTheirOwnAlone(t *testing.T) {
	o := newOutside(t, nil, ledger.Route{Method: "GET", Path: "/v1/users/{user}/t", Roles: []access.Role{access.Subject, access.Officer}, Handle: func(r *ledger.Request) (*ledger.Response, error) {
		id, err := r.User()
		if err != nil {
			return nil, err
		}
		if id == nobody {
			return nil, domain.Refuse(domain.NotFound, "user-not-found", "there is no such user")
		}
		return ledger.OK(id), nil
	}})
	const id = "X-Request-Id: 0192f0c1-2345-7abc-8def-0123456789ab"
	own := o.ask(access.Subject, "GET", "/v1/users/"+string(user)+"/t", "", id)
	if own.Code != 200 || strings.TrimSpace(own.Body.String()) != `"`+string(user)+`"` {
		t.Fatalf("one's own: %d, %s", own.Code, own.Body)
	}
	missing := o.ask(access.Officer, "GET", "/v1/users/"+string(nobody)+"/t", "", id)
	wantProblem(t, "missing", missing, 404, "user-not-found")
	for _, asked := range []domain.UserID{another, nobody, "me", domain.UserID(strings.ToUpper(string(user)))} {
		w := o.ask(access.Subject, "GET", "/v1/users/"+string(asked)+"/t", "", id)
		if w.Code != missing.Code || w.Body.String() != missing.Body.String() {
			t.Errorf("%s: %d, %s; a missing one gets %d, %s", asked, w.Code, w.Body, missing.Code, missing.Body)
		}
	}
}

// cardText is the beginning of the card number of these tests, too long to stand in a request's id by chance.
var cardText = regexp.MustCompile(`4111\D?1111`)

func TestQueryIsStrict(t *testing.T) {
	o := newOutside(t, nil, ledger.Route{Method: "GET", Path: "/t/q", Roles: officers, Query: []string{"as_of", "limit", "act", "after", "text", "must"},
		Handle: func(r *ledger.Request) (*ledger.Response, error) {
			q := r.Query
			var after struct {
				Position int64 `json:"position"`
			}
			q.Cursor("after", &after)
			asOf, limit, act, text := q.Time("as_of"), q.Int("limit", 100, 1, 1000), q.OneOf("act", "use", "store"), q.String("text")
			q.Required("must")
			if err := q.Err(); err != nil {
				return nil, err
			}
			return ledger.OK(fmt.Sprint(asOf, " ", limit, " ", act, " ", text, " ", after.Position, " ", q.Has("text"))), nil
		}})
	cursor := ledger.Cursor(map[string]int{"position": 42})
	for _, c := range []struct{ query, code, place string }{
		{"must=x", "", "<nil> 100 use  0 false"},
		{"must=x&as_of=2026-01-31T10:00:00%2B05:00&limit=7&act=store&text=&after=" + cursor, "", "2026-01-31 05:00:00 +0000 UTC 7 store  42 true"},
		{"must=x&as_of=2026-01-31T10:00:00+05:00", "", "2026-01-31 05:00:00 +0000 UTC 100 use  0 false"},
		{"", "invalid-request", "?must"},
		{"must=", "invalid-request", "?must"},
		{"must=x&Limit=7", "invalid-request", "?"},
		{"must=x&limit=7&limit=7", "invalid-request", "?limit"},
		{"must=x&limit=0", "invalid-request", "?limit"},
		{"must=x&limit=1001", "invalid-request", "?limit"},
		{"must=x&limit=seven", "invalid-request", "?limit"},
		{"must=x&limit=", "invalid-request", "?limit"},
		{"must=x&act=Use", "invalid-request", "?act"},
		{"must=x&as_of=2026-01-31", "invalid-request", "?as_of"},
		{"must=x&as_of=10000-01-31T10:00:00Z", "invalid-request", "?as_of"},
		{"must=x&after=!", "invalid-request", "?after"},
		{"must=x&after=" + ledger.Cursor(map[string]string{"position": "x"}), "invalid-request", "?after"},
		{"must=x&text=%FF", "invalid-request", "?text"},
		{"must=x&text=%00", "invalid-request", "?text"},
		{"must=x&text=a;b", "invalid-request", "?"},
		{"must=x&text=%zz", "invalid-request", "?"},
		{"must=x&text=4111+1111-1111+1111", "card-data-refused", "?text"},
		{"must=x&4111111111111111=x", "card-data-refused", "?"},
		{"must=x&PassWord=x", "password-refused", "?password"},
	} {
		w := o.ask(access.Officer, "GET", "/t/q?"+c.query, "")
		if c.code == "" {
			if got := strings.Trim(strings.TrimSpace(w.Body.String()), `"`); w.Code != 200 || got != c.place {
				t.Errorf("%s: %d, %s; want %s", c.query, w.Code, got, c.place)
			}
			continue
		}
		status := 400
		if c.code != "invalid-request" {
			status = 422
		}
		if p := wantProblem(t, c.query, w, status, c.code); at(p) != c.place {
			t.Errorf("%s: at %s, want %s", c.query, at(p), c.place)
		}
		if cardText.MatchString(w.Body.String()) {
			t.Errorf("%s: the answer repeats it: %s", c.query, w.Body)
		}
	}
}

func TestIdempotencyKeyAndIfMatch(t *testing.T) {
	both := []access.Role{access.Service, access.Officer}
	say := func(r *ledger.Request) (*ledger.Response, error) {
		revision := int64(-1)
		if r.IfRevision != nil {
			revision = *r.IfRevision
		}
		return ledger.OK(fmt.Sprint(r.Key, " ", revision, " ", r.Scope())), nil
	}
	o := newOutside(t, nil,
		ledger.Route{Method: "PUT", Path: "/t/{x}", Roles: both, Handle: say},
		ledger.Route{Method: "POST", Path: "/t/ask", Roles: both, Asks: true, Handle: say},
	)
	for _, c := range []struct {
		role           access.Role
		method, path   string
		headers        []string
		status         int
		place, answers string
	}{
		{access.Service, "PUT", "/t/a", []string{"Idempotency-Key: k-1"}, 200, "", "k-1 -1 a-service PUT /t/a"},
		{access.Service, "PUT", "/t/a", []string{"Idempotency-Key: buy-0192f0c1-2345-7abc-8def-012345678901"}, 200, "", "buy-0192f0c1-2345-7abc-8def-012345678901 -1 a-service PUT /t/a"},
		{access.Service, "PUT", "/t/a", []string{"Idempotency-Key: 0192f0c123457abc8def012345678901"}, 200, "", "0192f0c123457abc8def012345678901 -1 a-service PUT /t/a"},
		{access.Service, "PUT", "/t/a", []string{"Idempotency-Key: 01234567890123456789012345678901"}, 400, "@Idempotency-Key", ""},
		{access.Service, "PUT", "/t/a", []string{"Idempotency-Key: abc900101300123"}, 400, "@Idempotency-Key", ""},
		{access.Officer, "PUT", "/t/a", nil, 200, "", " -1 a-officer PUT /t/a"},
		{access.Officer, "PUT", "/t/a", []string{`If-Match: "12"`}, 200, "", " 12 a-officer PUT /t/a"},
		{access.Officer, "PUT", "/t/a", []string{`If-Match: W/"0"`}, 200, "", " 0 a-officer PUT /t/a"},
		{access.Service, "POST", "/t/ask", []string{`If-Match: *`}, 200, "", " -1 a-service POST /t/ask"},
		{access.Service, "PUT", "/t/a", nil, 400, "@Idempotency-Key", ""},
		{access.Service, "PUT", "/t/a", []string{"Idempotency-Key: "}, 400, "@Idempotency-Key", ""},
		{access.Officer, "PUT", "/t/a", []string{"Idempotency-Key: "}, 400, "@Idempotency-Key", ""},
		{access.Officer, "PUT", "/t/a", []string{"Idempotency-Key: a@b.kz"}, 400, "@Idempotency-Key", ""},
		{access.Officer, "PUT", "/t/a", []string{"Idempotency-Key: two words"}, 400, "@Idempotency-Key", ""},
		{access.Officer, "PUT", "/t/a", []string{"Idempotency-Key: iin-900101300123"}, 400, "@Idempotency-Key", ""},
		{access.Officer, "PUT", "/t/a", []string{"Idempotency-Key: кілт"}, 400, "@Idempotency-Key", ""},
		{access.Officer, "PUT", "/t/a", []string{"Idempotency-Key: " + strings.Repeat("k", 129)}, 400, "@Idempotency-Key", ""},
		{access.Officer, "PUT", "/t/a", []string{"Idempotency-Key: k", "Idempotency-Key: k"}, 400, "@Idempotency-Key", ""},
		{access.Officer, "PUT", "/t/a", []string{`If-Match: 12`}, 400, "@If-Match", ""},
		{access.Officer, "PUT", "/t/a", []string{`If-Match: "-1"`}, 400, "@If-Match", ""},
		{access.Officer, "PUT", "/t/a", []string{`If-Match: "1", "2"`}, 400, "@If-Match", ""},
		{access.Officer, "PUT", "/t/a", []string{`If-Match: *`}, 400, "@If-Match", ""},
	} {
		w := o.ask(c.role, c.method, c.path, "", c.headers...)
		if w.Code != c.status {
			t.Errorf("%s %v: %d, %s", c.role, c.headers, w.Code, w.Body)
			continue
		}
		if c.status != 200 {
			if p := wantProblem(t, fmt.Sprint(c.headers), w, 400, "invalid-request"); at(p) != c.place {
				t.Errorf("%s %v: at %s, want %s", c.role, c.headers, at(p), c.place)
			}
		} else if got := strings.Trim(strings.TrimSpace(w.Body.String()), `"`); got != c.answers {
			t.Errorf("%s %v: %q, want %q", c.role, c.headers, got, c.answers)
		}
	}
}

func TestBodies(t *testing.T) {
	type item struct {
		ID string `json:"id" required:"true"`
	}
	one := func(r *ledger.Request) (*ledger.Response, error) {
		var v struct {
			ID string `json:"id"`
		}
		err := r.Decode(&v)
		return ledger.OK("one " + v.ID), err
	}
	many := func(r *ledger.Request) (*ledger.Response, error) {
		all, err := ledger.Items[item](r, 2)
		return ledger.OK(fmt.Sprint("many ", all)), err
	}
	raw := func(r *ledger.Request) (*ledger.Response, error) { return ledger.OK("raw " + string(r.Raw)), nil }
	route := func(path string, body ledger.Body, handle func(*ledger.Request) (*ledger.Response, error)) ledger.Route {
		return ledger.Route{Method: "POST", Path: path, Roles: officers, Body: body, Limit: 64, Handle: handle}
	}
	o := newOutside(t, nil, route("/t/none", ledger.NoBody, raw), route("/t/json", ledger.JSON, one), route("/t/optional", ledger.OptionalJSON, one),
		route("/t/either", ledger.JSONOrLines, many), route("/t/lines", ledger.Lines, many), route("/t/raw", ledger.Raw, raw),
		ledger.Route{Method: "POST", Path: "/t/usual", Roles: officers, Body: ledger.JSON, Handle: one},
		ledger.Route{Method: "POST", Path: "/t/usual-lines", Roles: officers, Body: ledger.Lines, Handle: raw})
	long := `"` + strings.Repeat("x", 64) + `"`
	for _, c := range []struct{ path, mediaType, body, want string }{
		{"/t/none", "", "", "raw "},
		{"/t/none", "application/json", "{}", "400 invalid-request"},
		{"/t/json", "application/json", `{"id":"a"}`, "one a"},
		{"/t/json", "application/json; charset=UTF-8", `{"id":"a"}`, "one a"},
		{"/t/json", "application/json", "", "400 invalid-request"},
		{"/t/json", "application/json", `{"id":"a"} x`, "400 invalid-request"},
		{"/t/json", "application/json", `{"id":"a","id":"b"}`, "400 invalid-request"},
		{"/t/json", "application/json", `{"ID":"a"}`, "400 invalid-request"},
		{"/t/json", "application/json", `{"id":"4111111111111111"}`, "422 card-data-refused"},
		{"/t/json", "application/json", `{"Password":"a"}`, "422 password-refused"},
		{"/t/json", "text/plain", `{"id":"a"}`, "415 unsupported-media-type"},
		{"/t/json", "application/x-www-form-urlencoded", `id=a`, "415 unsupported-media-type"},
		{"/t/json", "application/json; charset=windows-1251", `{"id":"a"}`, "415 unsupported-media-type"},
		{"/t/json", "application/json; ;", `{"id":"a"}`, "415 unsupported-media-type"},
		{"/t/json", "", `{"id":"a"}`, "415 unsupported-media-type"},
		{"/t/json", "application/x-ndjson", `{"id":"a"}`, "415 unsupported-media-type"},
		{"/t/json", "application/json", long, "413 body-too-large"},
		{"/t/optional", "", "", "one "},
		{"/t/optional", "application/json", `{"id":"a"}`, "one a"},
		{"/t/optional", "text/plain", `{"id":"a"}`, "415 unsupported-media-type"},
		{"/t/either", "application/json", `[{"id":"a"},{"id":"b"}]`, "many [{a} {b}]"},
		{"/t/either", "application/jsonl", "{\"id\":\"a\"}\n{\"id\":\"b\"}\n", "many [{a} {b}]"},
		{"/t/either", "application/json", `[{"id":"a"},{"id":"b"},{"id":"c"}]`, "400 invalid-request"},
		{"/t/either", "application/x-ndjson", "{\"id\":\"a\"}\n{\"id\":\"b\"}\n{\"id\":\"c\"}", "400 invalid-request"},
		{"/t/either", "application/json", "", "400 invalid-request"},
		{"/t/lines", "application/x-ndjson", "{\"id\":\"a\"}\n", "many [{a}]"},
		{"/t/lines", "application/x-ndjson", "{\"id\":\"a\"}\n{}", "400 invalid-request"},
		{"/t/lines", "application/json", `[{"id":"a"}]`, "415 unsupported-media-type"},
		{"/t/raw", "text/plain", "4111111111111111 \xff", `raw 4111111111111111 \ufffd`},
		{"/t/raw", "text/plain", long, "413 body-too-large"},
		{"/t/usual", "application/json", `{"id":"` + strings.Repeat("x", 256<<10-9) + `"}`, "one " + strings.Repeat("x", 256<<10-9)},
		{"/t/usual", "application/json", `{"id":"` + strings.Repeat("x", 256<<10) + `"}`, "413 body-too-large"},
		{"/t/usual-lines", "application/x-ndjson", strings.Repeat("{}\n", 1<<20), "raw " + strings.ReplaceAll(strings.Repeat("{}\n", 1<<20), "\n", `\n`)},
	} {
		name := fmt.Sprintf("%s %s %.60q", c.path, c.mediaType, c.body)
		for _, chunked := range []bool{false, true} {
			r := httptest.NewRequest("POST", c.path, strings.NewReader(c.body))
			if chunked {
				r = httptest.NewRequest("POST", c.path, io.MultiReader(strings.NewReader(c.body)))
			}
			r.Header.Set("Authorization", "Bearer "+o.tokens[access.Officer])
			if c.mediaType != "" {
				r.Header.Set("Content-Type", c.mediaType)
			}
			w := httptest.NewRecorder()
			o.ServeHTTP(w, r)
			got := strings.Trim(strings.TrimSpace(w.Body.String()), `"`)
			if w.Code != 200 {
				got = fmt.Sprint(w.Code, " ", answer(t, w)["code"])
			}
			if got != c.want {
				t.Errorf("%s (chunked %v): got %.80s, want %.80s", name, chunked, got, c.want)
			}
		}
	}
	w := o.ask(access.Officer, "POST", "/t/json", `{"id":"a"}`, "Content-Encoding: gzip")
	wantProblem(t, "compressed", w, 415, "unsupported-media-type")
	// Who may not ask learns nothing of the body, and the body is not read for them.
	wantProblem(t, "a bad body of a stranger", o.ask("", "POST", "/t/json", "{"), 401, "unauthenticated")
}

// The rules of a body hold whether or not the handler looks at it.
func TestBodyIsCheckedBeforeTheHandler(t *testing.T) {
	called := false
	handle := func(*ledger.Request) (*ledger.Response, error) { called = true; return ledger.OK(nil), nil }
	o := newOutside(t, nil, ledger.Route{Method: "POST", Path: "/t/one", Roles: officers, Body: ledger.JSON, Handle: handle},
		ledger.Route{Method: "POST", Path: "/t/lines", Roles: officers, Body: ledger.Lines, Handle: handle})
	for _, c := range []struct{ path, mediaType, body, code string }{
		{"/t/one", "application/json", `{"a":1,"a":2}`, "invalid-request"},
		{"/t/one", "application/json", `{"a":["4111 1111 1111 1111"]}`, "card-data-refused"},
		{"/t/lines", "application/x-ndjson", "{}\n{\"a\":1} x\n", "invalid-request"},
		{"/t/lines", "application/x-ndjson", "{}\n{\"password\":1}\n", "password-refused"},
	} {
		w := o.ask(access.Officer, "POST", c.path, c.body, "Content-Type: "+c.mediaType)
		if got := answer(t, w)["code"]; got != c.code || called {
			t.Errorf("%s: %v, the handler was called: %v", c.body, got, called)
		}
	}
}

// A request that breaks off is not an empty body.
func TestBodyThatBreaksOff(t *testing.T) {
	o := newOutside(t, nil, ledger.Route{Method: "POST", Path: "/t/x", Roles: officers, Body: ledger.OptionalJSON, Handle: yes})
	r := httptest.NewRequest("POST", "/t/x", io.MultiReader(strings.NewReader(`{"a":1}`), brokenReader{}))
	r.Header.Set("Authorization", "Bearer "+o.tokens[access.Officer])
	w := httptest.NewRecorder()
	o.ServeHTTP(w, r)
	wantProblem(t, "broken off", w, 400, "invalid-request")
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// P-2.4: who reads personal data says why, in words that hold no card number.
func TestPurpose(t *testing.T) {
	o := newOutside(t, nil, ledger.Route{Method: "GET", Path: "/t/p", Roles: officers, Handle: func(r *ledger.Request) (*ledger.Response, error) {
		why, err := r.Purpose()
		return ledger.OK(why), err
	}})
	for _, c := range []struct{ header, want string }{
		{"Purpose: request of the person", `"request of the person"`},
		{"Purpose: %D3%A9%D1%82%D1%96%D0%BD%D1%96%D1%88", `"өтініш"`},
		{"Purpose: 100% sure", `"100% sure"`},
		{"X: y", "400 @Purpose"},
		{"Purpose: ab", "400 @Purpose"},
		{"Purpose: " + strings.Repeat("x", 201), "400 @Purpose"},
		{"Purpose: abc%00", "400 @Purpose"},
		{"Purpose: abc%FF", "400 @Purpose"},
		{"Purpose: card 4111 1111 1111 1111", "422 @Purpose"},
	} {
		w := o.ask(access.Officer, "GET", "/t/p", "", c.header)
		got := strings.TrimSpace(w.Body.String())
		if w.Code != 200 {
			got = fmt.Sprint(w.Code, " ", at(answer(t, w)))
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.header, got, c.want)
		}
	}
}

// Whatever comes: no failure of ours, a problem for every refusal, and never a card number repeated.
func FuzzRequest(f *testing.F) {
	o := newOutside(f, func(op *ledger.Options) { op.Log = nil },
		ledger.Route{Method: "PUT", Path: "/t/{x}/y", Roles: officers, Body: ledger.JSON, Query: []string{"as_of"}, Handle: func(r *ledger.Request) (*ledger.Response, error) {
			var v struct {
				At time.Time `json:"at"`
			}
			r.Query.Time("as_of")
			if err := r.Query.Err(); err != nil {
				return nil, err
			}
			return ledger.OK(r.Var("x")), r.Decode(&v)
		}})
	f.Add("PUT", "/t/a/y", "as_of=2026-01-31T10:00:00Z", "application/json", "k", `"1"`, `{"at":"2026-01-31T10:00:00Z"}`)
	f.Add("PUT", "/t/%2F/y", "as_of=4111111111111111", "application/json;charset=utf-8", "@", "*", `{"4111111111111111":1}`)
	f.Add("HEAD", "/v1/whoami", "", "", "", "", "")
	f.Add("GET", "/docs/..%2Fopenapi.yaml", "a=b&a=c", "x/y", "", "", "\x00")
	f.Fuzz(func(t *testing.T, method, path, query, mediaType, key, match, body string) {
		r := httptest.NewRequest("GET", "/", strings.NewReader(body))
		r.Method, r.URL.RawPath, r.URL.RawQuery = method, path, query
		r.URL.Path = unescaped("/" + strings.TrimPrefix(path, "/"))
		for name, value := range map[string]string{"Authorization": "Bearer " + o.tokens[access.Officer], "Content-Type": mediaType, "Idempotency-Key": key, "If-Match": match} {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		o.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Fatalf("%d, %s", w.Code, w.Body)
		}
		if w.Code >= 400 && method != "HEAD" && w.Header().Get("Content-Type") != "application/problem+json" {
			t.Fatalf("%d without a problem: %s", w.Code, w.Body)
		}
		if w.Code >= 400 && strings.Contains(w.Body.String(), "4111111111111111") {
			t.Fatalf("the refusal repeats a card number: %s", w.Body)
		}
	})
}
