package http_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"kelisim/commands/access"
	"kelisim/commands/journal"
	"kelisim/domain"
	ledger "kelisim/http"
)

// What the rooms to the left fail with is told as something a caller can act upon.
func TestErrorsBecomeProblems(t *testing.T) {
	var failure error
	o := newOutside(t, nil, ledger.Route{Method: "GET", Path: "/t/x", Roles: officers, Handle: func(*ledger.Request) (*ledger.Response, error) { return nil, failure }})
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{domain.Malformed("/months", "x"), 400, "invalid-request"},
		{domain.Refuse(domain.Forbidden, "forbidden", "x"), 403, "forbidden"},
		{domain.Refuse(domain.NotFound, "user-not-found", "x"), 404, "user-not-found"},
		{fmt.Errorf("decide: %w", domain.Refuse(domain.Conflict, "blocked", "x").By("T-3.8")), 409, "blocked"},
		{domain.Refuse(domain.Precondition, "revision-conflict", "x"), 412, "revision-conflict"},
		{domain.Refuse(domain.Unprocessable, "idempotency-key-reused", "x"), 422, "idempotency-key-reused"},
		{domain.Refuse(domain.Unavailable, "key-unavailable", "x"), 503, "key-unavailable"},
		{domain.Refuse(domain.Conflict, "a-code-of-tomorrow", "x"), 409, "a-code-of-tomorrow"},
		{fmt.Errorf("append: %w", journal.ErrUnknown), 503, "outcome-unknown"},
		{fmt.Errorf("append: %w", journal.ErrNotWritten), 503, "unavailable"},
		{fmt.Errorf("append: %w", journal.ErrClosed), 503, "unavailable"},
		{&journal.ConflictError{Stream: "user-x", Expected: 1, Actual: 2}, 503, "unavailable"},
		{context.DeadlineExceeded, 503, "unavailable"},
		{errors.Join(domain.Malformed("/b", "x"), domain.Malformed("/a", "x")), 400, "invalid-request"},
		{errors.New("user-5f0c… is not there"), 500, "internal"},
		{journal.ErrTooLarge, 500, "internal"},
	} {
		failure = c.err
		w := o.ask(access.Officer, "GET", "/t/x", "")
		p := wantProblem(t, c.code, w, c.status, c.code)
		if (c.status == 503) != (w.Header().Get("Retry-After") != "") {
			t.Errorf("%s: Retry-After is %q", c.code, w.Header().Get("Retry-After"))
		}
		if c.code == "blocked" && p["clause"] != "T-3.8" {
			t.Errorf("the clause is %v", p["clause"])
		}
		if c.code == "internal" && strings.Contains(w.Body.String(), "user-5f0c") {
			t.Errorf("the words of a fault went out: %s", w.Body)
		}
	}
	failure = errors.Join(domain.Malformed("/b", "first"), domain.Malformed("", "second"))
	got := strings.TrimSpace(o.ask(access.Officer, "GET", "/t/x", "").Body.String())
	if want := `"errors":[{"pointer":"/b","detail":"first"},{"pointer":"","detail":"second"}]}`; !strings.HasSuffix(got, want) {
		t.Errorf("got %s, want …%s", got, want)
	}
}

func TestProblemsSpeakThreeLanguages(t *testing.T) {
	o := newOutside(t, nil)
	for accept, want := range map[string]string{
		"": "en", "en": "en", "kk": "kk", "kk-KZ, ru;q=0.5": "kk", "ru-RU,ru;q=0.9,en;q=0.8": "ru", "de": "en", "de, ru;q=0.1": "ru", "*": "en", "\xff": "en",
	} {
		w := o.ask("", "GET", "/v1/whoami", "", "Accept-Language: "+accept)
		p := wantProblem(t, accept, w, 401, "unauthenticated")
		_, said := ledger.Explained("unauthenticated")
		if w.Header().Get("Content-Language") != want || p["title"] != said[want][0] || w.Header().Get("Vary") != "Accept-Language" {
			t.Errorf("%q: %s, %v, Vary %q; want %s", accept, w.Header().Get("Content-Language"), p["title"], w.Header().Get("Vary"), want)
		}
		if want != "en" && p["detail"] != said[want][1] {
			t.Errorf("%q: detail %v", accept, p["detail"])
		}
	}
}
