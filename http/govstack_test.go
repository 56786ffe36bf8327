package http_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"
	"time"

	"kelisim/commands/access"
	"kelisim/http/govstack"
)

// What the facade says of a consent is what the question about processing answers, as of the same moment: given, while a notice runs, after it, while the
// data are blocked, after they are destroyed (P-2.2, P-1.5, P-2.5); and its hashes are those of the text that was shown.
func TestGovStackFacade(t *testing.T) {
	k := newKept(t)
	get := func(role access.Role, path string, into any) {
		t.Helper()
		w := k.ask(role, "GET", "/govstack"+path, "")
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil || w.Code != 200 {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	record := func() (r govstack.ConsentRecord) {
		t.Helper()
		var one struct{ ConsentRecord govstack.ConsentRecord }
		get(access.Service, "/service/verification/consent-record/"+string(user)+".advertising/", &one)
		var audited struct{ ConsentRecord govstack.ConsentRecord }
		get(access.Auditor, "/audit/consent-record/"+string(user)+".advertising/", &audited)
		var list struct{ ConsentRecords []govstack.ConsentRecord }
		get(access.Auditor, "/audit/consent-records/?individualId="+string(user)+"&dataAgreementId=advertising", &list)
		if len(list.ConsentRecords) != 1 || list.ConsentRecords[0].OptIn != one.ConsentRecord.OptIn || audited.ConsentRecord.OptIn != one.ConsentRecord.OptIn {
			t.Errorf("the list says %+v, the record %+v, to an auditor %+v", list, one, audited)
		}
		return one.ConsentRecord
	}
	same := func(when string, want bool) {
		t.Helper()
		p := answer(t, k.ask(access.Officer, "GET", "/v1/users/"+string(user)+"/processing?purpose=advertising", ""))
		if got := record().OptIn; got != want || p["allowed"] != want {
			t.Errorf("%s: opted in %v, allowed %v, want %v", when, got, p["allowed"], want)
		}
	}
	r := record()
	if r.ID != string(user)+".advertising" || r.State != "unsigned" || r.Individual.ID != user || r.DataAgreement.ID != "advertising" || !r.DataAgreement.Active ||
		r.DataAgreement.Forgettable || r.DataAgreement.Version != "2020-10-27" || r.DataAgreementRevision.ID != "personal-data/2020-10-27/ru" || r.DataAgreement.Controller.ID != "190140900037" {
		t.Errorf("%+v", r)
	}
	same("given", true)
	k.do("withdraw", `{"received_on":"2026-03-01","channel":"registered-post","tracking_number":"RR123456785KZ","purposes":["advertising"]}`)
	same("pending", true)
	k.clock.pass(10 * 24 * time.Hour)
	same("withdrawn", false)
	for _, language := range []string{"en", "kk"} { // the last press tells what was shown
		k.do("consent", `{"acceptance":{"button":"buy","page":"marketplace","language":"`+language+`","documents":[{"id":"personal-data","version":"2020-10-27","sha256":"`+k.sha("personal-data", language)+`"}]}}`)
		same("given anew", true)
	}
	if r := record(); r.DataAgreementRevision.ID != "personal-data/2020-10-27/kk" || r.DataAgreementRevisionHash != k.sha("personal-data", "kk") {
		t.Errorf("it rests on %+v", r.DataAgreementRevision)
	}
	k.do("block-data", `{"basis":"request"}`)
	same("blocked", false)

	var all struct{ ConsentRecords []govstack.ConsentRecord }
	get(access.Service, "/service/verification/consent-records/?individualId="+string(user), &all)
	if len(all.ConsentRecords) != 3 || all.ConsentRecords[1].DataAgreement.ID != "marketing-statistics" {
		t.Errorf("%+v", all)
	}
	get(access.Service, "/service/verification/consent-records/?offset=1&limit=1&individualId="+string(user), &all)
	if len(all.ConsentRecords) != 1 || all.ConsentRecords[0].DataAgreement.ID != "marketing-statistics" {
		t.Errorf("the second is %+v", all)
	}

	var agreements struct{ DataAgreements []govstack.DataAgreement }
	k.publish(`{"id":"personal-data","version":"2026-04-01","language":"ru","content":"anew","in_force_from":"2026-03-05","purposes":["advertising"]}`)
	get(access.Service, "/service/verification/data-agreements/", &agreements)
	if n := len(agreements.DataAgreements); n != 4 || agreements.DataAgreements[1].Version != "2026-04-01" {
		t.Errorf("%d agreements are in force: %+v", n, agreements)
	}
	var one struct {
		DataAgreement govstack.DataAgreement
		Revisions     []govstack.Revision
	}
	get(access.Approver, "/audit/data-agreement/advertising/", &one)
	if one.DataAgreement.Version != "2026-04-01" || len(one.Revisions) != 1 {
		t.Errorf("%+v", one)
	}
	for _, v := range one.Revisions {
		if sum := sha256.Sum256([]byte(v.SerializedSnapshot)); hex.EncodeToString(sum[:]) != v.SerializedHash {
			t.Errorf("%s: the hash is not the text's", v.ID)
		}
	}
	for path, code := range map[string]string{
		"/audit/consent-record/" + string(user) + ".telepathy/":                          "consent-not-found",
		"/audit/consent-record/" + string(nobody) + ".advertising/":                      "consent-not-found",
		"/audit/consent-record/x/":                                                       "consent-not-found",
		"/audit/data-agreement/telepathy/":                                               "document-not-found",
		"/service/verification/consent-records/?individualId=" + string(nobody):          "user-not-found",
		"/service/verification/consent-records/":                                         "invalid-request",
		"/service/verification/consent-records/?individualId=x":                          "invalid-request",
		"/audit/consent-records/?limit=0&individualId=" + string(user):                   "invalid-request",
		"/service/verification/consent-records/?optIn=true&individualId=" + string(user): "invalid-request",
	} {
		status := 404
		if code == "invalid-request" {
			status = 400
		}
		wantProblem(t, path, k.ask(access.Officer, "GET", "/govstack"+path, ""), status, code)
	}
}

// sha is the hash of a text as published.
func (k *kept) sha(id, language string) string {
	for _, d := range answer(k.t, k.ask(access.Service, "GET", "/v1/documents", ""))["items"].([]any) {
		if d := d.(map[string]any); d["id"] == id && d["language"] == language {
			return d["sha256"].(string)
		}
	}
	k.t.Fatalf("no %s in %s", id, language)
	return ""
}

// publish puts a document in force.
func (k *kept) publish(body string) {
	k.t.Helper()
	if w := k.ask(access.Operator, "POST", "/v1/documents", body, "Idempotency-Key: publish"); w.Code != 201 {
		k.t.Fatalf("publish: %d %s", w.Code, w.Body)
	}
}

func FuzzGovStackRecordID(f *testing.F) {
	for _, s := range []string{"", ".", string(user) + ".advertising", string(user), "x.advertising", string(user) + ".A", string(user) + ".a.b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if id, purpose, ok := govstack.Split(s); ok && string(id)+"."+purpose != s {
			t.Errorf("%q is read as %s and %s", s, id, purpose)
		}
	})
}
