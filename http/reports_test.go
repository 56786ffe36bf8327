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

// Reports by their routes: every one in every form, the same bytes for the same known_at after more was recorded, and a clear word where the
// wish is malformed.
func TestReports(t *testing.T) {
	k := newKept(t)
	var list struct {
		Items []struct{ Name, Title string }
	}
	if err := json.Unmarshal(k.ask(access.Auditor, "GET", "/v1/reports?language=kk", "").Body.Bytes(), &list); err != nil || len(list.Items) < 15 {
		t.Fatalf("%d reports (%v)", len(list.Items), err)
	}
	known := url.QueryEscape(k.clock.Now().Format(time.RFC3339))
	k.clock.pass(time.Minute)
	before := map[string][]byte{}
	types := map[string]string{"json": "application/json", "csv": "text/csv",
		"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "pdf": "application/pdf"}
	for format, kind := range types {
		for _, r := range list.Items {
			path := "/v1/reports/" + r.Name + "?language=kk&format=" + format + "&known_at=" + known
			w := k.ask(access.Officer, "GET", path, "")
			if w.Code != 200 || w.Header().Get("Content-Type") != kind || w.Body.Len() == 0 || r.Title == "" {
				t.Errorf("%s (%q): %d %s", path, r.Title, w.Code, w.Header().Get("Content-Type"))
			}
			before[path] = w.Body.Bytes()
		}
	}
	k.do("disclose", `{"recipient":"Post","country":"KZ","purpose":"advertising","basis":"contract"}`)
	k.clock.pass(time.Hour)
	for path, want := range before {
		if got := k.ask(access.Approver, "GET", path, "").Body.Bytes(); !bytes.Equal(got, want) {
			t.Errorf("%s: other bytes after more was recorded", path)
		}
	}
	var doc struct {
		From, To *string
		AsOf     string `json:"as_of"`
		Rows     []map[string]any
	}
	ask := func(name, query string) {
		t.Helper()
		doc.Rows = nil
		if err := json.Unmarshal(k.ask(access.Officer, "GET", "/v1/reports/"+name+query, "").Body.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
	}
	ask("consent-register", "")
	if len(doc.Rows) != 1 || doc.Rows[0]["consent_id"] != k.consent || doc.Rows[0]["user_id"] != string(user) || doc.From != nil {
		t.Errorf("the register is %v", doc)
	}
	for _, personal := range []string{"asel", "Әсел", "Қанат"} {
		if strings.Contains(fmt.Sprint(doc), personal) {
			t.Errorf("a report names %q", personal)
		}
	}
	ask("consent-register", "?from=2026-02-01&to=2026-02-28") // the registration is of noon on 1 March
	if len(doc.Rows) != 0 || doc.From == nil || *doc.From != "2026-02-01T00:00:00+05:00" || *doc.To != "2026-03-01T00:00:00+05:00" || doc.AsOf != "2026-02-28T23:59:59.999999+05:00" {
		t.Errorf("February is %v", doc)
	}
	ask("consent-register", "?from=2026-03-01&to=2026-03-01") // one whole day
	if len(doc.Rows) != 1 || *doc.To != "2026-03-02T00:00:00+05:00" {
		t.Errorf("the first of March is %v", doc)
	}
	ask("disclosures", "?to=2026-03-02T00:00:00%2B05:00")
	if len(doc.Rows) != 1 || doc.Rows[0]["recipient"] != "Post" {
		t.Errorf("the disclosures are %v", doc)
	}
	for path, parameter := range map[string]string{
		"consent-register?from=yesterday": "from", "consent-register?to=2026-02-30": "to", "consent-register?format=doc": "format",
		"consent-register?language=de": "language", "consent-register?known_at=position:0": "known_at", "consent-register?from=2026-02-02&to=2026-02-01": "to",
	} {
		if w := k.ask(access.Officer, "GET", "/v1/reports/"+path, ""); w.Code != 400 || !strings.Contains(w.Body.String(), `"parameter":"`+parameter+`"`) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := k.ask(access.Officer, "GET", "/v1/reports/everything", ""); w.Code != 404 || !strings.Contains(w.Body.String(), `"report-not-found"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
