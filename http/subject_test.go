package http_test

import (
	"fmt"
	"maps"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"kelisim/commands"
	"kelisim/commands/access"
	"kelisim/domain"
	"kelisim/domain/event"
	ledger "kelisim/http"
)

// plantedFor are what officers wrote about a person and what the person is not shown, and who the officers are.
var plantedFor = map[string]string{
	"block's note": "plantedblock", "block's clause": "T-6.1", "unblock's note": "plantedunblock", "removal's note": "plantedremoval", "removal's clause": "T-6.5",
	"fine's note": "plantedfine", "contest's note": "plantedcontest", "hold's note": "plantedhold", "lift's note": "plantedlift", "data block's note": "plantedsuspended", "data unblock's note": "plantedresumed",
	"void's reason": "plantedvoid", "restoration's note": "plantedrestored", "officer": "planted-officer", "approver": "planted-approver", "looker": "planted-looker", "look's purpose": "plantedlook",
}

// as carries out a command about somebody for a person of a role.
func (k *kept) as(role access.Role, who string, about domain.UserID, command, body string) map[string]any {
	k.t.Helper()
	b, err := commands.Decode(command, []byte(body), nil)
	if err != nil {
		k.t.Fatalf("%s: %v", command, err)
	}
	k.clock.pass(time.Minute)
	done, err := k.service.Do(k.t.Context(), commands.Wish{Command: command, Subject: string(about), Body: b.Command, Actor: event.Actor{Kind: string(role), ID: who}, MayBeLate: true, Key: command + body, Scope: who})
	if err != nil {
		k.t.Fatalf("%s: %v", command, err)
	}
	answer := maps.Clone(done.Answer)
	if answer == nil {
		answer = map[string]any{}
	}
	answer["events"], answer["position"] = done.Events, done.Position
	return answer
}

// written is a person about whom officers have written everything that they can, with what its paths name.
func written(k *kept, id domain.UserID) (vars map[string]string, last int64) {
	officer := func(command, body string) map[string]any {
		return k.as(access.Officer, "planted-officer", id, command, body)
	}
	officer("remove-content", `{"content":"comment-1","clause":"T-6.5","note":"plantedremoval"}`)
	officer("block", `{"clause":"T-6.1","note":"plantedblock"}`)
	officer("unblock", `{"note":"plantedunblock","compensate_days":1}`)
	blocked := officer("block", `{"clause":"T-6.1","note":"plantedblock again"}`)["events"].([]string)[0]
	officer("void-entry", `{"event_id":"`+blocked+`","reason":"plantedvoid: plantedblock was another's"}`)
	k.as(access.Approver, "planted-approver", id, "approve-void", `{"event_id":"`+blocked+`"}`)
	fine := officer("demand-fine", `{"clause":"T-6.6","act_on":"2026-03-01","note":"plantedfine"}`)["obligation_id"].(string)
	officer("contest-fine", `{"obligation_id":"`+fine+`","note":"plantedcontest"}`)
	officer("discharge", `{"obligation_id":"`+fine+`","how":"waived","reference":"ref"}`)
	hold := officer("set-legal-hold", `{"basis":"court","acts":["store"],"note":"plantedhold"}`)["hold_id"].(string)
	officer("lift-legal-hold", `{"hold_id":"`+hold+`","note":"plantedlift"}`)
	officer("block-data", `{"basis":"asked","note":"plantedsuspended"}`)
	officer("unblock-data", `{"basis":"asked","note":"plantedresumed"}`)
	officer("report-unauthorised-access", `{"suspected_since":"2026-03-01T12:00:00Z","channel":"phone"}`)
	officer("restore-access", `{"note":"plantedrestored"}`)
	refused := officer("withdraw", `{"received_on":"2026-03-01","channel":"registered-post","tracking_number":"RR473124829KZ"}`)["notice_id"].(string)
	officer("refuse-withdrawal", `{"notice_id":"`+refused+`","ground":"the person is told this"}`)
	notice := officer("withdraw", `{"received_on":"2026-03-01","channel":"registered-post","tracking_number":"RR123456785KZ"}`)["notice_id"].(string)
	officer("disclose", `{"recipient":"Post","country":"KZ","purpose":"advertising","basis":"contract"}`)
	message := officer("message", `{"text":"when?"}`)["message_id"].(string)
	officer("answer-message", `{"message_id":"`+message+`","text":"soon"}`)
	officer("destroy", `{"basis":"asked"}`)
	officer("block", `{"clause":"T-6.1","note":"plantedblock for good"}`)
	err := k.service.Looked(k.t.Context(), id, commands.Reader{Actor: event.Actor{Kind: "officer", ID: "planted-looker"}, Why: "plantedlook", Route: "/v1/users/{user}/personal-data"}, []string{"login"})
	if err != nil {
		k.t.Fatal(err)
	}
	last = k.as(access.Service, "site", "", "observe", fmt.Sprintf(`[{"user_id":%q,"action":"lesson.opened","object":"lesson-1"}]`, id))["position"].(int64)
	return map[string]string{"consent": k.consent, "notice": notice, "obligation": fine, "hold": hold, "event": blocked, "message": message,
		"id": "terms", "version": "2020-10-27", "language": "kk", "name": "operations", "code": "forbidden", "file": "explorer.js", "months": "1"}, last
}

var requestID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// T-3.4, T-3.8: a person's token opens their own view and nothing else, route by route. Whoever else is asked about is not there, whether or not they
// are. What officers wrote of a block, and who they are, is in no answer.
func TestSubjectSeesTheirOwn(t *testing.T) {
	k := newKept(t)
	registered := fmt.Sprintf(`{"user_id":%q,"login":"other","contacts":{"email":"other@example.kz"},"acceptance":{"button":"register","page":"subscription","language":"ru","documents":[%s]}}`, another, shownDocuments(k))
	k.as(access.Service, "site", another, "register", registered)
	vars, last := written(k, user)
	if err := k.log.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	ask := func(role access.Role, route ledger.Route, about domain.UserID, query string) *httptest.ResponseRecorder {
		path := variable.ReplaceAllStringFunc(route.Path, func(v string) string {
			name := variable.FindStringSubmatch(v)[1]
			if name == "user" {
				return string(about)
			}
			if value, ok := vars[name]; ok {
				return value
			}
			return string(nobody)
		})
		body := ""
		if route.Method != "GET" && route.Body != ledger.NoBody {
			body = "{}"
		}
		headers := []string{}
		if route.Method != "GET" {
			headers = append(headers, "Idempotency-Key: k")
		}
		return k.ask(role, route.Method, path+query, body, headers...)
	}
	search := func(where string, w *httptest.ResponseRecorder) {
		t.Helper()
		for name, value := range plantedFor {
			if strings.Contains(w.Body.String(), value) || strings.Contains(fmt.Sprint(w.Header()), value) {
				t.Errorf("%s shows the %s: %s", where, name, w.Body)
			}
		}
	}
	var opened []string
	for _, route := range k.Routes() {
		k.clock.pass(time.Second) // a token asks so much in a time
		at := route.Method + " " + longVariable.Replace(route.Path)
		mine := slices.Contains(route.Roles, access.Subject)
		query := ""
		switch {
		case strings.HasSuffix(route.Path, "/record"):
			query = "?format=json"
		case slices.Contains(route.Query, "at_least"):
			query = fmt.Sprint("?at_least=", last)
		}
		w := ask(access.Subject, route, user, query)
		switch {
		case route.Public:
		case mine && w.Code == 200:
			opened = append(opened, at)
		case mine:
			t.Errorf("%s: the person's own is %d, %s", at, w.Code, w.Body)
		default:
			wantProblem(t, at, w, 403, "forbidden")
		}
		search(at, w)
		if !strings.Contains(route.Path, "{user}") {
			continue
		}
		theirs, missing := ask(access.Subject, route, another, query), ask(access.Subject, route, nobody, query)
		if mine {
			wantProblem(t, at+" of another", theirs, 404, "user-not-found")
		}
		same := func(w *httptest.ResponseRecorder) string {
			h := w.Header().Clone()
			h.Del("X-Request-Id")
			return fmt.Sprint(w.Code, h, requestID.ReplaceAllString(w.Body.String(), "id"))
		}
		if same(theirs) != same(missing) {
			t.Errorf("%s: another's is %s, a missing one's %s", at, same(theirs), same(missing))
		}
	}
	slices.Sort(opened)
	want := strings.Split(`GET /v1/documents, GET /v1/documents/{id}/{version}/{language}, GET /v1/parameters, GET /v1/tariffs, GET /v1/users/{user}, GET /v1/users/{user}/access,`+
		` GET /v1/users/{user}/activity, GET /v1/users/{user}/consents, GET /v1/users/{user}/consents/{consent}/record, GET /v1/users/{user}/events,`+
		` GET /v1/users/{user}/obligations, GET /v1/users/{user}/orders, GET /v1/users/{user}/reads, GET /v1/users/{user}/statistics,`+
		` GET /v1/users/{user}/subscription, GET /v1/users/{user}/withdrawal-notices/{notice}/record, GET /v1/whoami`, ", ")
	if !slices.Equal(opened, want) {
		t.Errorf("a person's token opens\n%s\nwant\n%s", strings.Join(opened, "\n"), strings.Join(want, "\n"))
	}
	// The same events show an officer who says why every one of these, and the person what is theirs to know.
	officers := k.ask(access.Officer, "GET", "/v1/users/"+string(user)+"/events?limit=1000", "", "Purpose: complaint").Body.String()
	for name, value := range plantedFor {
		if !strings.Contains(officers, value) && !strings.HasPrefix(name, "look") {
			t.Errorf("the %s was not planted: nothing is held here", name)
		}
	}
	own := k.ask(access.Subject, "GET", "/v1/users/"+string(user)+"/events?limit=1000", "").Body.String()
	for _, told := range []string{"account.blocked", "the person is told this", "comment-1", "soon", "T-6.6"} {
		if !strings.Contains(own, told) {
			t.Errorf("the person is not told %q", told)
		}
	}
	counts := answer(t, k.ask(access.Subject, "GET", fmt.Sprintf("/v1/users/%s/statistics?by=day,content&at_least=%d", user, last), ""))
	if got := fmt.Sprint(counts["items"]); !strings.Contains(got, "content:lesson-1 day:2026-03-01") || !strings.Contains(got, "actions:1") {
		t.Errorf("the person's own statistics are %v", counts)
	}
	for query, parameter := range map[string]string{"by=month": "by", "by=day,day": "by", "from=now": "from", "to=2026-02-30": "to", "from=2026-03-02&to=2026-03-01": "to"} {
		w := k.ask(access.Subject, "GET", "/v1/users/"+string(user)+"/statistics?"+query, "")
		if p := wantProblem(t, query, w, 400, "invalid-request"); at(p) != "?"+parameter {
			t.Errorf("%s: at %s", query, at(p))
		}
	}
}

// shownDocuments are the documents in force, as a registration names them.
func shownDocuments(k *kept) string {
	k.t.Helper()
	st, err := k.service.SiteAt(k.t.Context(), commands.Known{})
	if err != nil {
		k.t.Fatal(err)
	}
	var shown []string
	for _, id := range []string{"terms", "personal-data"} {
		d, _ := st.InForce(id, "ru", k.clock.Now())
		shown = append(shown, fmt.Sprintf(`{"id":%q,"version":%q,"sha256":%q}`, d.ID, d.Version, d.SHA256))
	}
	return strings.Join(shown, ",")
}
