package http_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"kelisim/commands/access"
	"kelisim/domain"
	ledger "kelisim/http"
)

func yes(*ledger.Request) (*ledger.Response, error) {
	return ledger.OK(map[string]bool{"yes": true}), nil
}

var officers = []access.Role{access.Officer}

func TestRouteSaysWhoMayAsk(t *testing.T) {
	for name, bad := range map[string]ledger.Route{
		"no roles":                   {Method: "GET", Path: "/x", Handle: yes},
		"roles and public":           {Method: "GET", Path: "/x", Roles: officers, Public: true, Handle: yes},
		"a role that is none":        {Method: "GET", Path: "/x", Roles: []access.Role{"root"}, Handle: yes},
		"no handler":                 {Method: "GET", Path: "/x", Roles: officers},
		"another method":             {Method: "DELETE", Path: "/x", Roles: officers, Handle: yes},
		"a GET with a body":          {Method: "GET", Path: "/x", Roles: officers, Body: ledger.JSON, Handle: yes},
		"no path":                    {Method: "GET", Roles: officers, Handle: yes},
		"a path that cannot be":      {Method: "GET", Path: "/x/{", Roles: officers, Handle: yes},
		"a path twice":               {Method: "GET", Path: "/livez", Public: true, Handle: yes},
		"a subject without their id": {Method: "GET", Path: "/v1/users/all", Roles: []access.Role{access.Subject}, Handle: yes},
	} {
		o := newOutside(t, nil)
		_, err := ledger.NewWith(ledger.Options{Tokens: o.access, KnowsUser: func(context.Context, domain.UserID) (bool, error) { return true, nil }}, bad)
		if err == nil {
			t.Errorf("%s: the server was made", name)
		}
	}
}

// What gorilla/mux does by itself and a ledger must not: redirect a POST, lose HEAD, answer 405 without Allow.
func TestPathsAndMethods(t *testing.T) {
	echo := func(r *ledger.Request) (*ledger.Response, error) {
		return ledger.OK(map[string]string{"x": r.Var("x")}), nil
	}
	o := newOutside(t, nil,
		ledger.Route{Method: "GET", Path: "/t/{x}", Roles: officers, Handle: echo},
		ledger.Route{Method: "PUT", Path: "/t/{x}", Roles: officers, Handle: echo},
		ledger.Route{Method: "POST", Path: "/t/{x}/deep", Roles: officers, Handle: echo},
		ledger.Route{Method: "GET", Path: "/tile/{x:.+}", Roles: officers, Handle: echo},
	)
	for _, c := range []struct {
		method, path string
		status       int
		code         string // or the variable
		allow        string
	}{
		{"GET", "/t/a", 200, "a", ""},
		{"GET", "/t/a%2Fb", 200, "a/b", ""},
		{"GET", "/t/%D2%9B", 200, "қ", ""},
		{"GET", "/t/a%20b", 200, "a b", ""},
		{"GET", "/tile/0/x001/067.p/8", 200, "0/x001/067.p/8", ""},
		{"HEAD", "/t/a", 200, "", ""},
		{"POST", "/t/a", 405, "method-not-allowed", "GET, HEAD, PUT"},
		{"DELETE", "/t/a", 405, "method-not-allowed", "GET, HEAD, PUT"},
		{"OPTIONS", "/t/a/deep", 405, "method-not-allowed", "POST"},
		{"HEAD", "/t/a/deep", 405, "", "POST"},
		{"BREW", "/livez", 405, "method-not-allowed", "GET, HEAD"},
		{"GET", "/t/a/", 404, "route-not-found", ""},
		{"GET", "/t/", 404, "route-not-found", ""},
		{"GET", "/t//a", 404, "route-not-found", ""},
		{"POST", "//t/a/deep", 404, "route-not-found", ""},
		{"POST", "/t/a//deep", 404, "route-not-found", ""},
		{"GET", "/t/../livez", 404, "route-not-found", ""},
		{"GET", "/T/a", 404, "route-not-found", ""},
		{"GET", "/t/%00", 404, "route-not-found", ""},
		{"GET", "/t/%FF", 404, "route-not-found", ""},
		{"GET", "/tile/", 404, "route-not-found", ""},
		{"GET", "/debug/pprof/", 404, "route-not-found", ""},
		{"GET", "/metrics", 404, "route-not-found", ""},
		{"GET", "/", 404, "route-not-found", ""},
	} {
		what := c.method + " " + c.path
		w := o.ask(access.Officer, c.method, c.path, "")
		if w.Code != c.status || w.Header().Get("Allow") != c.allow || w.Header().Get("Location") != "" {
			t.Errorf("%s: status %d, Allow %q, Location %q; want %d, %q", what, w.Code, w.Header().Get("Allow"), w.Header().Get("Location"), c.status, c.allow)
			continue
		}
		switch {
		case c.method == "HEAD":
			if w.Body.Len() > 0 {
				t.Errorf("%s: a body of %d bytes", what, w.Body.Len())
			}
		case c.status == 200:
			if got := answer(t, w)["x"]; got != c.code {
				t.Errorf("%s: the variable is %q, want %q", what, got, c.code)
			}
		default:
			wantProblem(t, what, w, c.status, c.code)
		}
	}
}

// Also where no route matched, nobody was let in, or the handler broke.
func TestEveryAnswerHasItsHeaders(t *testing.T) {
	o := newOutside(t, nil,
		ledger.Route{Method: "GET", Path: "/t/panic", Public: true, Handle: func(*ledger.Request) (*ledger.Response, error) { panic("the IIN 900101300123") }},
		ledger.Route{Method: "GET", Path: "/t/error", Public: true, Handle: func(*ledger.Request) (*ledger.Response, error) { return nil, errors.New("a secret of ours") }},
		ledger.Route{Method: "GET", Path: "/t/unwritable", Public: true, Handle: func(*ledger.Request) (*ledger.Response, error) { return ledger.OK(func() {}).At(3), nil }},
	)
	for path, status := range map[string]int{"/livez": 200, "/nothing": 404, "/v1/whoami": 401, "/t/panic": 500, "/t/error": 500, "/t/unwritable": 500} {
		w := o.ask("", "GET", path, "")
		if w.Code != status {
			t.Errorf("%s: status %d, want %d", path, w.Code, status)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Frame-Options": "DENY",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		if status == 500 {
			wantProblem(t, path, w, 500, "internal")
			if w.Header().Get("ETag") != "" {
				t.Errorf("%s: an ETag on a failure", path)
			}
			if strings.Contains(w.Body.String(), "secret") || strings.Contains(w.Body.String(), "900101300123") {
				t.Errorf("%s: the answer tells what is inside: %s", path, w.Body)
			}
			id := w.Header().Get("X-Request-Id")
			failures := 0
			for line := range strings.SplitSeq(o.log.String(), "\n") {
				if strings.Contains(line, id) && strings.Contains(line, `"ERROR"`) {
					failures++
				}
			}
			if failures != 1 {
				t.Errorf("%s: logged %d times under the request's id, want once", path, failures)
			}
		}
	}
	if log := o.log.String(); strings.Contains(log, "900101300123") || !strings.Contains(log, "a secret of ours") {
		t.Error("the log must name an error, and never a panic's value")
	}
}

func TestRequestID(t *testing.T) {
	o := newOutside(t, nil)
	const given = "0192f0c1-2345-7abc-8def-0123456789ab"
	if got := o.ask("", "GET", "/livez", "", "X-Request-Id: "+strings.ToUpper(given)).Header().Get("X-Request-Id"); got != given {
		t.Errorf("a given id came back as %q", got)
	}
	seen := map[string]bool{}
	for _, bad := range []string{"", "aigul@example.kz", "00000000-0000-0000-0000-000000000000", "{0192f0c1-2345-7abc-8def-0123456789ab}", "77011234567"} {
		got := o.ask("", "GET", "/livez", "", "X-Request-Id: "+bad).Header().Get("X-Request-Id")
		if len(got) != 36 || got[14] != '7' || seen[got] || got == bad {
			t.Errorf("for %q the id is %q, want a new UUIDv7", bad, got)
		}
		seen[got] = true
	}
}

// A log line has the route as declared: nothing that could name a person.
func TestLogHoldsNothingOfTheRequest(t *testing.T) {
	o := newOutside(t, nil, ledger.Route{Method: "GET", Path: "/t/{x}", Roles: officers, Query: []string{"q"}, Handle: yes})
	o.ask(access.Officer, "GET", "/t/aigul?q=aselhan", "", "User-Agent: curl-of-aigul", "X-Forwarded-For: 10.9.8.7")
	o.ask(access.Officer, "GET", "/t/aigul/unknown?q=aselhan", "")
	log := o.log.String()
	if !strings.Contains(log, `"route":"/t/{x}"`) || !strings.Contains(log, `"route":"none"`) || !strings.Contains(log, `"credential":"a-officer"`) {
		t.Errorf("the log lacks what it is for: %s", log)
	}
	for _, told := range []string{"aigul", "aselhan", "10.9.8.7", "192.0.2.1", o.tokens[access.Officer]} {
		if strings.Contains(log, told) {
			t.Errorf("the log tells %q: %s", told, log)
		}
	}
}

func TestReadiness(t *testing.T) {
	var fault error
	o := newOutside(t, func(op *ledger.Options) {
		op.Checks = []ledger.Check{
			{Name: "journal", Run: func(context.Context) error { return nil }},
			{Name: "views", Run: func(context.Context) error { return fault }},
		}
	})
	for _, c := range []struct {
		fault  error
		status int
		want   string
	}{
		{nil, 200, `{"status":"ready","checks":[{"name":"not draining","ok":true},{"name":"journal","ok":true},{"name":"views","ok":true}]}`},
		{errors.New("views.db is gone"), 503, `{"status":"not ready","checks":[{"name":"not draining","ok":true},{"name":"journal","ok":true},{"name":"views","ok":false}]}`},
	} {
		fault = c.fault
		if w := o.ask("", "GET", "/readyz", ""); w.Code != c.status || strings.TrimSpace(w.Body.String()) != c.want {
			t.Errorf("status %d, %s; want %d, %s", w.Code, w.Body, c.status, c.want)
		}
	}
	if !strings.Contains(o.log.String(), "views.db is gone") {
		t.Error("why a check failed is not in the log")
	}
	if w := o.ask("", "GET", "/livez", ""); w.Code != 200 {
		t.Errorf("the process lives, and /livez says %d", w.Code)
	}
}

// On a stop: /readyz says no first, what has begun is answered, a stream that has no end is ended.
func TestServeStopsGracefully(t *testing.T) {
	entered, release := make(chan bool), make(chan bool)
	o := newOutside(t, func(op *ledger.Options) { op.DrainDelay = 50 * time.Millisecond },
		ledger.Route{Method: "GET", Path: "/t/slow", Public: true, Handle: func(*ledger.Request) (*ledger.Response, error) {
			entered <- true
			<-release
			return ledger.OK("done"), nil
		}},
		ledger.Route{Method: "GET", Path: "/t/endless", Public: true, Produces: []string{"text/event-stream"}, Handle: func(r *ledger.Request) (*ledger.Response, error) {
			return ledger.Streamed("text/event-stream", func(s *ledger.Stream) error {
				if _, err := io.WriteString(s, "id: 1\n\n"); err != nil {
					return err
				}
				if err := s.Flush(); err != nil {
					return err
				}
				select {
				case <-r.Closing():
				case <-r.Context().Done():
				}
				return nil
			}), nil
		}},
	)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- o.Serve(ctx, listener) }()
	get := func(path string) (*http.Response, error) {
		return http.Get("http://" + listener.Addr().String() + path)
	}

	stream, err := get("/t/endless")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	lines := bufio.NewReader(stream.Body)
	if first, err := lines.ReadString('\n'); err != nil || first != "id: 1\n" {
		t.Fatalf("the stream began with %q, %v", first, err)
	}
	slow := make(chan string, 1)
	go func() {
		r, err := get("/t/slow")
		if err != nil {
			slow <- err.Error()
			return
		}
		defer r.Body.Close()
		b, _ := io.ReadAll(r.Body)
		slow <- fmt.Sprint(r.StatusCode, " ", strings.TrimSpace(string(b)))
	}()
	<-entered
	stop()
	for tries := 0; o.ask("", "GET", "/readyz", "").Code != 503; tries++ { // while it drains, it says so, and is there to say it
		if tries == 2000 {
			t.Fatal("the server was told to stop, and goes on saying that it is ready")
		}
		time.Sleep(time.Millisecond)
	}
	if rest, err := io.ReadAll(lines); err != nil || strings.TrimSpace(string(rest)) != "" {
		t.Errorf("the stream ended with %q, %v", rest, err)
	}
	close(release)
	if got := <-slow; got != `200 "done"` {
		t.Errorf("what had begun got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stopping: %v", err)
	}
}

// Half an answer is never taken for the whole.
func TestBrokenStreamCutsTheConnection(t *testing.T) {
	for name, end := range map[string]func() error{
		"an error": func() error { return errors.New("the journal broke off") },
		"a panic":  func() error { panic("x") },
	} {
		o := newOutside(t, nil, ledger.Route{Method: "GET", Path: "/t/stream", Public: true, Produces: []string{"text/csv"}, Handle: func(*ledger.Request) (*ledger.Response, error) {
			return ledger.Streamed("text/csv", func(s *ledger.Stream) error {
				if _, err := io.WriteString(s, "a,b\n"); err != nil {
					return err
				}
				if err := s.Flush(); err != nil {
					return err
				}
				return end()
			}), nil
		}})
		server := httptest.NewServer(o)
		r, err := http.Get(server.URL + "/t/stream")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(r.Body); err == nil {
			t.Errorf("%s: the caller got an answer that looks whole", name)
		}
		r.Body.Close()
		server.Close()
		if !strings.Contains(o.log.String(), `"WARN"`) && !strings.Contains(o.log.String(), `"ERROR"`) {
			t.Errorf("%s: not logged", name)
		}
	}
}

func TestAnswers(t *testing.T) {
	type item struct {
		Name string `json:"name"`
	}
	o := newOutside(t, nil,
		ledger.Route{Method: "POST", Path: "/t/made", Roles: officers, Handle: func(*ledger.Request) (*ledger.Response, error) {
			return ledger.Created(map[string]string{"text": "<қ&>"}, 7), nil
		}},
		ledger.Route{Method: "GET", Path: "/t/read", Roles: officers, Handle: func(*ledger.Request) (*ledger.Response, error) { return ledger.OK(1).At(7), nil }},
		ledger.Route{Method: "GET", Path: "/t/none", Roles: officers, Handle: func(*ledger.Request) (*ledger.Response, error) { return ledger.Page[item](nil, ""), nil }},
		ledger.Route{Method: "GET", Path: "/t/some", Roles: officers, Handle: func(*ledger.Request) (*ledger.Response, error) { return ledger.Page([]item{{"a"}}, "c"), nil }},
		ledger.Route{Method: "GET", Path: "/t/file", Roles: officers, Produces: []string{"text/csv"}, Handle: func(*ledger.Request) (*ledger.Response, error) {
			return ledger.Bytes("text/csv", []byte("a,b\n")).With("Content-Disposition", "attachment"), nil
		}},
	)
	for _, c := range []struct{ method, path, header, want string }{
		{"POST", "/t/made", "", `201 application/json "7" {"text":"<қ&>"}`},
		{"GET", "/t/read", "", `200 application/json "7" 1`},
		{"GET", "/t/read", `If-None-Match: "6"`, `200 application/json "7" 1`},
		{"GET", "/t/read", `If-None-Match: "6", W/"7"`, `200 application/json "7" 1`},
		{"GET", "/t/read", "If-None-Match: *", `200 application/json "7" 1`},
		{"HEAD", "/t/read", "", `200 application/json "7" `},
		{"GET", "/t/none", "", `200 application/json  {"items":[],"next":null}`},
		{"GET", "/t/some", "", `200 application/json  {"items":[{"name":"a"}],"next":"c"}`},
		{"GET", "/t/file", "", `200 text/csv  a,b`},
		{"GET", "/t/file", "Accept: text/*;q=0.5, application/json", `200 text/csv  a,b`},
	} {
		w := o.ask(access.Officer, c.method, c.path, "", slices.DeleteFunc([]string{c.header}, func(h string) bool { return h == "" })...)
		got := fmt.Sprintf("%d %s %s %s", w.Code, w.Header().Get("Content-Type"), w.Header().Get("ETag"), strings.TrimSpace(w.Body.String()))
		if got != c.want {
			t.Errorf("%s %s %s: got %s, want %s", c.method, c.path, c.header, got, c.want)
		}
	}
	for _, accept := range []string{"text/csv", "application/json;q=0", "image/*, text/html"} {
		wantProblem(t, accept, o.ask(access.Officer, "GET", "/t/read", "", "Accept: "+accept), 406, "not-acceptable")
	}
}

func TestRateLimit(t *testing.T) {
	o := newOutside(t, func(op *ledger.Options) {
		op.Limits = map[access.Role]ledger.Limit{access.Officer: {Rate: 0.1, Burst: 2}}
	})
	for i, want := range []int{200, 200, 429} {
		w := o.ask(access.Officer, "GET", "/v1/whoami", "")
		if w.Code != want {
			t.Fatalf("request %d: status %d, want %d", i+1, w.Code, want)
		}
		if want == 429 {
			wantProblem(t, "too many", w, 429, "rate-limited")
			if w.Header().Get("Retry-After") != "10" {
				t.Errorf("Retry-After is %q, want 10 seconds for a rate of one in ten", w.Header().Get("Retry-After"))
			}
		}
	}
	if w := o.ask(access.Auditor, "GET", "/v1/whoami", ""); w.Code != 200 {
		t.Errorf("another's limit: status %d", w.Code)
	}
	o.clock.pass(10 * time.Second)
	if w := o.ask(access.Officer, "GET", "/v1/whoami", ""); w.Code != 200 {
		t.Errorf("after the wait: status %d", w.Code)
	}
}
