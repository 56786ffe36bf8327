package receipts_test

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func linked(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// at is what stands at a path of names; of a list, its first element.
func member(v any, path string) any {
	for name := range strings.FieldsSeq(path) {
		if list, ok := v.([]any); ok && len(list) > 0 {
			v = list[0]
		}
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func has(v any) bool {
	switch v := v.(type) {
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return false
}

// mandatory are the fields without which a record is none by ISO/IEC TS 27560, and where the profile puts each.
var mandatory = []struct{ field, path string }{
	{"schema_version", "dct:conformsTo @id"},
	{"record_id", "dct:identifier"},
	{"pii_principal_id", "dpv:hasDataSubject dpv:hasIdentifier"},
	{"privacy_notice", "dpv:hasNotice dct:hasVersion"},
	{"language", "dct:language"},
	{"purpose", "dpv:hasProcess dpv:hasPurpose skos:broader"},
	{"pii_type", "dpv:hasProcess dpv:hasPersonalData @type"},
	{"pii_controllers", "dpv:hasProcess dpv:hasDataController @id"},
	{"storage_locations", "dpv:hasProcess dpv:hasStorageCondition dpv:hasLocation @id"},
	{"jurisdiction", "dpv:hasProcess dpv:hasJurisdiction @id"},
	{"withdrawal_method", "dpv:hasProcess dpv:hasConsentControl dpv:isExercisedAt"},
	{"privacy_rights", "dpv:hasProcess dpv:hasRight dpv:isExercisedAt"},
	{"party_id", "dpv:hasEntity dpv:hasIdentifier"},
	{"party_address", "dpv:hasEntity dpv:hasAddress"},
	{"party_name", "dpv:hasEntity dpv:hasName"},
	{"party_contact", "dpv:hasEntity dpv:hasContact"},
	{"party_type", "dpv:hasEntity @type"},
	{"event_time", "dpv:hasProcess dpv:hasConsentStatus dpv:isIndicatedAtTime"},
	{"validity_duration", "dpv:hasProcess dpv:hasConsentStatus dpv:hasDuration @type"},
	{"entity_id", "dpv:hasProcess dpv:hasConsentStatus dpv:isIndicatedBy @id"},
	{"event_type", "dpv:hasProcess dpv:hasLegalBasis @id"},
	{"event_state", "dpv:hasProcess dpv:hasConsentStatus @type"},
}

func TestMandatoryFieldsOf27560(t *testing.T) {
	for name, r := range newWorld(t).all() {
		if r.Consent == nil {
			continue
		}
		doc := linked(t, must(r.DPV())(t))
		for _, m := range mandatory {
			if !has(member(doc, m.path)) {
				t.Errorf("%s has no %s at %s", name, m.field, m.path)
			}
		}
		processes := doc["dpv:hasProcess"].([]any)
		if len(processes) != len(r.Consent.Covers) {
			t.Errorf("%s has %d processes", name, len(processes))
		}
		for i, p := range processes {
			process := p.(map[string]any)
			if code := member(process, "dpv:hasPurpose kelisim:code"); code != r.Consent.Covers[i] {
				t.Errorf("%s: process %d is of %v", name, i, code)
			}
			conditions, _ := json.Marshal(process["dpv:hasStorageCondition"])
			if !bytes.Contains(conditions, []byte("dpv:StorageDuration")) || !bytes.Contains(conditions, []byte("dpv:hasDuration")) {
				t.Errorf("%s: no retention_period", name)
			}
			if _, listed := process["dpv:hasRecipient"].([]any); !listed { // recipient_third_parties: an empty list says that there are none
				t.Errorf("%s: no recipients", name)
			}
			states := process["dpv:hasConsentStatus"].([]any)
			last := states[len(states)-1].(map[string]any)["@type"].([]any)
			want := map[string]string{"given": "dpv:ConsentGiven", "withdrawn": "dpv:ConsentWithdrawn"}[r.Consent.Purposes[i].Status]
			if r.Consent.Renews {
				want = "dpv:RenewedConsentGiven"
			}
			if last[0] != want {
				t.Errorf("%s: %s is %v, want %s", name, r.Consent.Covers[i], last, want)
			}
		}
	}
}

// P-2.6: what became of a notice, in the statuses of a request.
func TestStatusesOfANotice(t *testing.T) {
	all := newWorld(t).all()
	for name, want := range map[string][]string{
		"notice-pending": {"dpv:RequestInitiated", "dpv:RequestAccepted"}, "notice-effective": {"dpv:RequestInitiated", "dpv:RequestFulfilled"},
		"notice-refused": {"dpv:RequestInitiated", "dpv:RequestRejected"}, "notice-e-mail": {"dpv:RequestInitiated", "dpv:RequestRequiresAction"},
	} {
		doc := linked(t, must(all[name].DPV())(t))
		var got []string
		for _, s := range doc["dpv:hasRequestStatus"].([]any) {
			got = append(got, s.(map[string]any)["@type"].([]any)[0].(string))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
		if _, withdrawn := doc["dpv:hasConsentStatus"]; withdrawn != (name == "notice-effective") {
			t.Errorf("%s says that consent is withdrawn: %v", name, withdrawn)
		}
	}
}

// Every word of the vocabulary that a receipt uses is in it. The list was read from DPV 2.3; a word that is new here is looked up there first.
func TestWordsOfDPV(t *testing.T) {
	text, err := os.ReadFile("testdata/dpv-2.3.txt")
	if err != nil {
		t.Fatal(err)
	}
	known, used := strings.Fields(string(text)), map[string]bool{}
	word := regexp.MustCompile(`"dpv:([A-Za-z]+)"`)
	for name, r := range newWorld(t).all() {
		doc := must(r.DPV())(t)
		for _, m := range word.FindAllSubmatch(doc, -1) {
			used[string(m[1])] = true
			if !slices.Contains(known, string(m[1])) {
				t.Errorf("%s says dpv:%s, which is not in the vocabulary", name, m[1])
			}
		}
		if bytes.Contains(doc, []byte("ConsentTerminated")) {
			t.Errorf("%s uses a status that the guide names and the vocabulary does not have", name)
		}
	}
	if len(used) < 50 {
		t.Errorf("only %d words are used", len(used))
	}
}
