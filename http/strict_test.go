package http_test

import (
	"testing"

	"kelisim/commands/access"
)

// The bodies of commands are held to the letter of their members, before anybody is asked to carry them out.
func TestCommandBodiesAreStrict(t *testing.T) {
	o := newOutside(t, nil)
	u := "/v1/users/" + string(user)
	for _, c := range []struct{ role, method, path, body, place string }{
		{"officer", "POST", u + "/block", `{"Clause":"T-3.8"}`, "/Clause"},
		{"officer", "POST", u + "/block", `{"clause":"T-3.8","colour":"red"}`, "/colour"},
		{"officer", "POST", u + "/block", `{"clause":["T-3.8"]}`, "/clause"},
		{"officer", "POST", u + "/block", `{"clause":"T-3.8","note":{"k":1}}`, "/note"},
		{"officer", "POST", u + "/block", `{"clause":"T-3.8","until":"tomorrow"}`, "/until"},
		{"officer", "POST", u + "/block", `{"clause":"T-3.8","occurred_at":"today"}`, "/occurred_at"},
		{"officer", "POST", u + "/block", `{"clause":"T-3.8","Occurred_At":"2026-01-31T10:00:00Z"}`, "/Occurred_At"},
		{"officer", "POST", u + "/block", `[]`, "nowhere"},
		{"service", "POST", "/v1/users", `{"acceptance":{"documents":[{"id":"terms","Version":"1"}]}}`, "/acceptance/documents/0/Version"},
		{"service", "POST", u + "/purchases", `{"months":3,"price":{"amount":"1.00","currency":"KZT","vat":"0"}}`, "/price/vat"},
		{"service", "POST", u + "/purchases", `{"months":3.0}`, "/months"},
		{"service", "PUT", u + "/contacts", `{"Email":"a@example.kz"}`, "/Email"},
		{"operator", "PUT", "/v1/parameters", `{"in_force_from":"2026-12-01","Trial_months":1}`, "/Trial_months"},
	} {
		w := o.ask(access.Role(c.role), c.method, c.path, c.body, "Idempotency-Key: k")
		if p := wantProblem(t, c.body, w, 400, "invalid-request"); at(p) != c.place {
			t.Errorf("%s: at %q, want %q", c.body, at(p), c.place)
		}
	}
}
