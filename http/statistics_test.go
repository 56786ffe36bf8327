package http_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"kelisim/commands/access"
)

// Statistics by their routes: the list in every language, every one in every form, the same bytes for the same known_at after more was
// recorded, and small cells for the compliance role alone.
func TestStatistics(t *testing.T) {
	k := newKept(t)
	var list struct {
		Items []struct {
			Name                 string
			Purpose              *string
			Clause               string
			By                   []string
			Titles, Descriptions map[string]string
		}
	}
	if err := json.Unmarshal(k.ask(access.Auditor, "GET", "/v1/statistics", "").Body.Bytes(), &list); err != nil || len(list.Items) != 5 {
		t.Fatalf("%d statistics (%v)", len(list.Items), err)
	}
	known := url.QueryEscape(k.clock.Now().Format(time.RFC3339))
	k.clock.pass(time.Minute)
	before := map[string][]byte{}
	for _, s := range list.Items {
		for _, language := range []string{"en", "kk", "ru"} {
			if s.Titles[language] == "" || s.Descriptions[language] == "" {
				t.Errorf("%s is not described in %s", s.Name, language)
			}
		}
		if (s.Purpose == nil) != (s.Clause == "T-1.5") {
			t.Errorf("%s: %v, %s", s.Name, s.Purpose, s.Clause)
		}
		for _, by := range s.By {
			for format, kind := range map[string]string{"json": "application/json", "csv": "text/csv"} {
				path := "/v1/statistics/" + s.Name + "?language=kk&format=" + format + "&by=" + by + "&known_at=" + known
				w := k.ask(access.Auditor, "GET", path, "")
				if w.Code != 200 || w.Header().Get("Content-Type") != kind || w.Body.Len() == 0 {
					t.Errorf("%s: %d %s %s", path, w.Code, w.Header().Get("Content-Type"), w.Body)
				}
				before[path] = w.Body.Bytes()
			}
		}
	}
	k.do("disclose", `{"recipient":"Post","country":"KZ","purpose":"advertising","basis":"contract"}`)
	k.clock.pass(time.Hour)
	for path, want := range before {
		if got := k.ask(access.Auditor, "GET", path, "").Body.Bytes(); !bytes.Equal(got, want) {
			t.Errorf("%s: other bytes after more was recorded", path)
		}
	}
	// The one registration of March is a small cell, and a count of the service.
	first := func(role access.Role, path string) map[string]any {
		t.Helper()
		var doc struct{ Rows []map[string]any }
		if err := json.Unmarshal(k.ask(role, "GET", path, "").Body.Bytes(), &doc); err != nil || len(doc.Rows) == 0 {
			t.Fatalf("%s: %v", path, err)
		}
		return doc.Rows[0]
	}
	for role, want := range map[access.Role]string{access.Officer: "1 false", access.Approver: "1 false", access.Auditor: "<nil> true"} {
		row := first(role, "/v1/statistics/funnel?from=2026-03-01&to=2026-03-31")
		if got := fmt.Sprint(row["persons"], " ", row["suppressed"]); got != want {
			t.Errorf("%s sees %s, want %s", role, got, want)
		}
	}
	if row := first(access.Auditor, "/v1/statistics/operations?from=2026-03-01&to=2026-03-31"); row["measure"] != "registered" || row["count"] != 1.0 {
		t.Errorf("the registrations are %v", row)
	}
	for path, parameter := range map[string]string{
		"funnel?from=yesterday": "from", "actions?by=day": "by", "actions?by=content,,language": "by", "active-users?by=week,day": "by", "active-users?from=1900-01-01&by=day": "from",
		"funnel?format=doc": "format", "funnel?known_at=position:0": "known_at",
	} {
		if w := k.ask(access.Auditor, "GET", "/v1/statistics/"+path, ""); w.Code != 400 || !strings.Contains(w.Body.String(), `"parameter":"`+parameter+`"`) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	wantProblem(t, "none such", k.ask(access.Officer, "GET", "/v1/statistics/everything", ""), 404, "statistics-not-found")
}
