package http_test

import (
	"maps"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"kelisim/commands/access"
	"kelisim/domain"
	ledger "kelisim/http"
)

// The table of roles of the contract, route by route and apart from the program's own table: s service, o officer, a approver, u auditor,
// p operator, j subject, * everybody without a token. What is not here is refused by the test, not let in.
var mayAsk = map[string]string{
	// The site's backend: what the user does there, and what it needs to know of one user.
	"POST /v1/users":                            "s",
	"POST /v1/users/{user}/consents":            "s",
	"POST /v1/users/{user}/purchases":           "s",
	"POST /v1/users/{user}/payments":            "s",
	"POST /v1/users/{user}/tokens":              "s",
	"POST /v1/activities":                       "s",
	"POST /v1/users/{user}/messages":            "so",
	"POST /v1/users/{user}/unauthorised-access": "so",
	"POST /v1/users/{user}/access-restoration":  "so",
	"PUT /v1/users/{user}/personal-data":        "so",
	"PUT /v1/users/{user}/login":                "so",
	"PUT /v1/users/{user}/contacts":             "so",
	"PUT /v1/users/{user}/location":             "so",
	"POST /v1/users/search":                     "soa",
	"POST /v1/decisions/processing":             "soa",

	// Questions about one user. The person sees their own view.
	"GET /v1/users/{user}":                                     "soauj",
	"GET /v1/users/{user}/access":                              "soauj",
	"GET /v1/users/{user}/events":                              "soauj",
	"GET /v1/users/{user}/consents":                            "soauj",
	"GET /v1/users/{user}/consents/{consent}/record":           "soauj",
	"GET /v1/users/{user}/withdrawal-notices/{notice}/record":  "soauj",
	"GET /v1/users/{user}/subscription":                        "soauj",
	"GET /v1/users/{user}/orders":                              "soauj",
	"GET /v1/users/{user}/obligations":                         "soauj",
	"GET /v1/users/{user}/activity":                            "soauj",
	"GET /v1/users/{user}/statistics":                          "soauj",
	"GET /v1/users/{user}/reads":                               "soauj",
	"GET /v1/users/{user}/processing":                          "soau",
	"GET /v1/users/{user}/attribution":                         "soau",
	"GET /v1/users/{user}/personal-data":                       "oa",
	"GET /v1/users/{user}/bundle":                              "oau",
	"GET /v1/users/{user}/field-disclosures":                   "oau",
	"GET /v1/users/{user}/field-disclosures/{disclosure}/keys": "oau",

	// Compliance: all that concerns a person.
	"POST /v1/users/{user}/refunds":                                "o",
	"POST /v1/users/{user}/charge-backs":                           "o",
	"POST /v1/users/{user}/charge-back-returns":                    "o",
	"POST /v1/reconciliation/findings/{finding}/resolution":        "o",
	"POST /v1/users/{user}/granted-days":                           "o",
	"POST /v1/users/{user}/withdrawal-notices":                     "o",
	"POST /v1/users/{user}/withdrawal-notices/{notice}/rescission": "o",
	"POST /v1/users/{user}/withdrawal-notices/{notice}/refusal":    "o",
	"POST /v1/users/{user}/withdrawal-notices/{notice}/acceptance": "o",
	"POST /v1/users/{user}/legal-holds":                            "o",
	"POST /v1/users/{user}/legal-holds/{hold}/lift":                "o",
	"POST /v1/users/{user}/disclosures":                            "o",
	"POST /v1/users/{user}/block":                                  "o",
	"POST /v1/users/{user}/unblock":                                "o",
	"POST /v1/users/{user}/content-removals":                       "o",
	"POST /v1/users/{user}/content-permissions":                    "o",
	"POST /v1/users/{user}/messages/{message}/answer":              "o",
	"POST /v1/users/{user}/fines":                                  "o",
	"POST /v1/users/{user}/obligations/{obligation}/contest":       "o",
	"POST /v1/users/{user}/obligations/{obligation}/discharge":     "o",
	"POST /v1/users/{user}/data-block":                             "o",
	"POST /v1/users/{user}/data-unblock":                           "o",
	"POST /v1/users/{user}/depersonalisation":                      "o",
	"POST /v1/users/{user}/destruction":                            "o",
	"POST /v1/users/{user}/events/{event}/void":                    "o",
	"POST /v1/users/{user}/field-disclosures":                      "o",
	"POST /v1/restrictions":                                        "o",
	"POST /v1/restrictions/{restriction}/lift":                     "o",
	"POST /v1/letters":                                             "o",
	"POST /v1/letters/{letter}/match":                              "o",
	"POST /v1/incidents":                                           "o",
	"POST /v1/incidents/{incident}/contain":                        "o",
	"POST /v1/incidents/{incident}/assess":                         "o",
	"POST /v1/incidents/{incident}/notify":                         "o",
	"POST /v1/incidents/{incident}/close":                          "o",
	"POST /v1/payments/{transaction}/apply":                        "o",
	"POST /v1/payments/{transaction}/refund":                       "o",

	// The second signature.
	"POST /v1/users/{user}/destruction/approval":                    "a",
	"POST /v1/users/{user}/events/{event}/void/approval":            "a",
	"POST /v1/users/{user}/field-disclosures/{disclosure}/approval": "a",

	// Lists, reports, events, evidence.
	"GET /v1/users":            "oau",
	"GET /v1/consents/records": "oau",
	"GET /govstack/service/verification/data-agreements/":         "soau",
	"GET /govstack/service/verification/consent-records/":         "soau",
	"GET /govstack/service/verification/consent-record/{record}/": "soau",
	"GET /govstack/audit/data-agreements/":                        "oau",
	"GET /govstack/audit/data-agreement/{agreement}/":             "oau",
	"GET /govstack/audit/consent-records/":                        "oau",
	"GET /govstack/audit/consent-record/{record}/":                "oau",

	"GET /v1/restrictions":            "oau",
	"GET /v1/letters":                 "oau",
	"GET /v1/incidents":               "oau",
	"GET /v1/payments/held":           "oau",
	"GET /v1/reconciliation/findings": "oau",
	"GET /v1/destructions":            "oau",
	"GET /v1/reports":                 "oau",
	"GET /v1/reports/{name}":          "oau",
	"GET /v1/statistics":              "oau",
	"GET /v1/finance":                 "oau",
	"GET /v1/statistics/{name}":       "oau",
	"GET /v1/events":                  "oau",
	"GET /v1/events/stream":           "oau",
	"GET /v1/log/tile/{tile}":         "oau",
	"GET /v1/events/{event}/proof":    "soau",

	// What is published is for everyone to read, and for the operator to set.
	"GET /v1/documents":                           "soaupj",
	"GET /v1/documents/{id}/{version}/{language}": "soaupj",
	"GET /v1/tariffs":                             "soaupj",
	"GET /v1/parameters":                          "soaupj",
	"POST /v1/documents":                          "p",
	"PUT /v1/tariffs/{months}":                    "p",
	"PUT /v1/parameters":                          "p",
	"GET /v1/tokens":                              "p",
	"GET /v1/keys":                                "ap",
	"POST /v1/keys/rotation":                      "ap",
	"GET /v1/outlets":                             "p",
	"GET /v1/outlets/{outlet}/deliveries":         "p",
	"POST /v1/outlets/{outlet}/deliveries/{delivery}/redelivery": "p",
	"POST /v1/tokens/{token}/revocation":                         "p",
	"GET /v1/whoami":                                             "soaupj",
	"GET /v1/health":                                             "p",

	// No token is needed.
	"GET /livez":                          "*",
	"GET /readyz":                         "*",
	"GET /openapi.json":                   "*",
	"GET /docs":                           "*",
	"GET /docs/{file}":                    "*",
	"GET /problems/{code}":                "*",
	"GET /console":                        "*",
	"GET /v1/log/checkpoint":              "*",
	"GET /v1/log/key":                     "*",
	"POST /webhooks/cloudpayments/{kind}": "*",
}

var letters = map[access.Role]string{access.Service: "s", access.Officer: "o", access.Approver: "a", access.Auditor: "u", access.Operator: "p", access.Subject: "j"}

func lettersOf(roles []access.Role) string {
	if len(roles) == 0 {
		return "*"
	}
	var b strings.Builder
	for _, role := range access.Roles() {
		if slices.Contains(roles, role) {
			b.WriteString(letters[role])
		}
	}
	return b.String()
}

// The program's table and the document both grant what the contract grants, route by route, and nothing else.
func TestRolesAreThoseOfTheContract(t *testing.T) {
	left := maps.Clone(mayAsk)
	for at, op := range allOperations() {
		var roles []access.Role
		for _, w := range words(op, "x-roles") {
			roles = append(roles, access.Role(w))
		}
		if got := lettersOf(roles); got != mayAsk[at] {
			t.Errorf("%s: the document lets in %q, the contract %q", at, got, mayAsk[at])
		}
		delete(left, at)
	}
	for at := range left {
		t.Errorf("%s is in the table of roles, and not in the document", at)
	}
	for _, route := range newOutside(t, nil).Routes() {
		at := route.Method + " " + longVariable.Replace(route.Path)
		if got := lettersOf(route.Roles); got != mayAsk[at] {
			t.Errorf("%s: the program lets in %q, the contract %q", at, got, mayAsk[at])
		}
	}
}

var variable = regexp.MustCompile(`\{([a-z]+)(:[^}]*)?\}`)

// Every route is asked by every role and by nobody: who is not let in learns only that.
func TestEveryRouteByEveryRole(t *testing.T) {
	o := newOutside(t, func(op *ledger.Options) { op.Log = nil })
	ledger.Stub(o.Server)
	ask := func(role access.Role, route ledger.Route, id domain.UserID) *httptest.ResponseRecorder {
		path := variable.ReplaceAllStringFunc(route.Path, func(v string) string {
			if v == "{user}" {
				return string(id)
			}
			return "x"
		})
		r := httptest.NewRequest(route.Method, path, nil)
		r.Header.Set("Idempotency-Key", "k")
		if role != "" {
			r.Header.Set("Authorization", "Bearer "+o.tokens[role])
		}
		w := httptest.NewRecorder()
		o.ServeHTTP(w, r)
		return w
	}
	let := func(w *httptest.ResponseRecorder) bool { // a request that is let in may still lack a body, its type or a parameter
		return w.Code == 200 || w.Code == 400 || w.Code == 415
	}
	asked := 0
	for _, route := range o.Routes() {
		at := route.Method + " " + longVariable.Replace(route.Path)
		may, listed := mayAsk[at]
		if !listed {
			t.Errorf("%s is in no line of the table of roles", at)
			continue
		}
		if w := ask("", route, user); may == "*" && !let(w) {
			t.Errorf("%s by nobody: %d, %s", at, w.Code, w.Body)
		} else if may != "*" {
			wantProblem(t, at+" by nobody", w, 401, "unauthenticated")
		}
		for _, role := range access.Roles() {
			asked++
			w := ask(role, route, user)
			if may == "*" || strings.Contains(may, letters[role]) {
				if !let(w) {
					t.Errorf("%s by %s: %d, %s", at, role, w.Code, w.Body)
				}
			} else {
				wantProblem(t, at+" by "+string(role), w, 403, "forbidden")
			}
		}
		if strings.Contains(may, "j") && strings.Contains(route.Path, "{user}") {
			wantProblem(t, at+" by another subject", ask(access.Subject, route, another), 404, "user-not-found")
		}
	}
	if asked < 200 {
		t.Errorf("only %d requests were made", asked)
	}
}
