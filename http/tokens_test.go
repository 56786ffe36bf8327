package http_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"kelisim/commands/access"
)

func serve(h http.Handler, method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

func TestWhoAmI(t *testing.T) {
	o := newOutside(t, nil)
	for _, role := range access.Roles() {
		got := answer(t, o.ask(role, "GET", "/v1/whoami", ""))
		if got["role"] != string(role) || got["name"] != "a-"+string(role) || len(got["token_id"].(string)) != 16 {
			t.Errorf("%s is told %v", role, got)
		}
		if _, told := got["user_id"]; told != (role == access.Subject) {
			t.Errorf("%s is told the user %v", role, got["user_id"])
		}
	}
}

// The site's backend gives a signed-in user a token of their own, which opens their own view, and ends with the session.
func TestSubjectToken(t *testing.T) {
	o := newOutside(t, nil)
	for _, c := range []struct {
		body string
		ttl  time.Duration
	}{{"", time.Hour}, {"{}", time.Hour}, {`{"expires_in":60}`, time.Minute}, {`{"expires_in":86400}`, 24 * time.Hour}} {
		w := o.ask(access.Service, "POST", "/v1/users/"+string(another)+"/tokens", c.body)
		if w.Code != 201 {
			t.Fatalf("%s: %d, %s", c.body, w.Code, w.Body)
		}
		made := answer(t, w)
		expires, err := time.Parse(time.RFC3339, made["expires_at"].(string))
		if err != nil || !expires.Equal(o.clock.Now().Add(c.ttl)) || made["role"] != "subject" || made["user_id"] != string(another) {
			t.Errorf("%s: %v (%v)", c.body, made, err)
		}
		actor, err := o.access.Check(context.Background(), made["token"].(string))
		if err != nil || actor.Subject != another {
			t.Errorf("%s: the token opens %+v, %v", c.body, actor, err)
		}
	}
	for _, c := range []struct{ path, body, code string }{
		{string(another), `{"expires_in":59}`, "invalid-request"},
		{string(another), `{"expires_in":86401}`, "invalid-request"},
		{string(another), `{"expires_in":"60"}`, "invalid-request"},
		{string(another), `{"role":"officer"}`, "invalid-request"},
		{string(nobody), "", "user-not-found"},
		{"me", "", "user-not-found"},
	} {
		w := o.ask(access.Service, "POST", "/v1/users/"+c.path+"/tokens", c.body)
		status := 400
		if c.code != "invalid-request" {
			status = 404
		}
		wantProblem(t, c.path+c.body, w, status, c.code)
	}
}

func TestOperatorListsAndRevokes(t *testing.T) {
	o := newOutside(t, nil)
	o.ask(access.Officer, "GET", "/v1/whoami", "")
	list := o.ask(access.Operator, "GET", "/v1/tokens", "")
	var names []string
	for _, item := range answer(t, list)["items"].([]any) {
		names = append(names, item.(map[string]any)["name"].(string))
		if item.(map[string]any)["live"] != true {
			t.Errorf("%v is not live", item)
		}
	}
	if got := fmt.Sprint(names); got != "[a-service a-officer a-approver a-auditor a-operator]" {
		t.Errorf("listed %s: every role's but the subjects'", got)
	}
	for _, secret := range o.tokens {
		if strings.Contains(list.Body.String(), secret[21:64]) {
			t.Error("a secret is listed")
		}
	}
	if w := o.ask(access.Operator, "POST", "/v1/tokens/a-officer/revocation", ""); w.Code != 200 {
		t.Fatalf("%d, %s", w.Code, w.Body)
	}
	wantProblem(t, "after it was revoked", o.ask(access.Officer, "GET", "/v1/whoami", ""), 401, "unauthenticated")
	for _, name := range []string{"a-officer", "nobody"} {
		wantProblem(t, name, o.ask(access.Operator, "POST", "/v1/tokens/"+name+"/revocation", ""), 404, "token-not-found")
	}
}
