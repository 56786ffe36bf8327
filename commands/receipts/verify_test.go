package receipts_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"kelisim/commands"
	"kelisim/commands/receipts"
	"kelisim/commands/tlog"
	"kelisim/commands/tlog/verify"
	"kelisim/domain"
)

func faultOf(err error) string {
	var f *verify.Fault
	if errors.As(err, &f) {
		return f.Code
	}
	return fmt.Sprint(err)
}

// P-2.2, P-2.6: with the public key and the file alone anybody sees that the receipt is the ledger's, and that what it says is in the log.
func TestReceiptIsVerifiedOffline(t *testing.T) {
	w := newWorld(t)
	p := policy(t, w.keys)
	for name, r := range w.all() {
		got, err := verify.Receipt(must(r.JSON())(t), p)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		id := r.SubjectID
		if got.Kind != r.Kind || got.Subject != string(id) || len(got.Signers) != 1 || len(got.Events) == 0 || len(got.Events) != len(r.Evidence) {
			t.Errorf("%s shows %+v", name, got)
		}
		for _, e := range got.Events {
			if e.Index < 0 || e.Size <= e.Index || e.Times != (r.Kind == receipts.KindConsent || strings.Contains(name, "pending") || strings.Contains(name, "effective")) {
				t.Errorf("%s shows event %+v", name, e)
			}
		}
		if _, err := verify.Receipt(must(r.JSON())(t), policy(t, keys(t, 8))); faultOf(err) != verify.Unsigned {
			t.Errorf("%s under another key: %v", name, err)
		}
		compact, err := verify.CanonicalJSON(must(r.JSON())(t))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verify.Receipt(compact, p); err != nil {
			t.Errorf("%s without white space: %v", name, err)
		}
	}
}

// each walks over all scalars of a JSON document; change replaces the one that is visited until put back.
func each(v any, path string, visit func(path string, v any, change func(any))) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			visit(path+"/"+name, inner, func(n any) { v[name] = n })
			each(inner, path+"/"+name, visit)
		}
	case []any:
		for i, inner := range v {
			visit(fmt.Sprintf("%s/%d", path, i), inner, func(n any) { v[i] = n })
			each(inner, fmt.Sprintf("%s/%d", path, i), visit)
		}
	}
}

// other are values that a member might be given in place of its own.
func other(v any) []any {
	switch v := v.(type) {
	case string:
		return []any{v + "x", "", nil}
	case float64:
		return []any{v + 1, "1"}
	case bool:
		return []any{!v}
	case []any:
		return []any{append(append([]any{}, v...), "x"), nil}
	case map[string]any:
		return []any{nil, map[string]any{}}
	}
	return []any{"x"}
}

// Whatever member of a receipt is changed, the receipt is none.
func TestTamperedReceipt(t *testing.T) {
	w := newWorld(t)
	p, n := policy(t, w.keys), 0
	for name, r := range w.all() {
		text := must(r.JSON())(t)
		var doc map[string]any
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatal(err)
		}
		each(doc, "", func(path string, was any, change func(any)) {
			for _, v := range other(was) {
				if reflect.DeepEqual(v, was) {
					continue
				}
				change(v)
				bad, err := json.Marshal(doc)
				if err == nil {
					bad, err = verify.CanonicalJSON(bad)
				}
				change(was)
				if err != nil {
					t.Fatal(err)
				}
				n++
				if _, err := verify.Receipt(bad, p); err == nil {
					t.Errorf("%s: %s is changed to %.20v, and nobody minds", name, path, v)
				}
			}
		})
	}
	if n < 500 {
		t.Errorf("only %d changes were tried", n)
	}
	good := string(must(w.all()["consent-kk"].JSON())(t))
	for what, bad := range map[string]string{
		"a member twice": strings.Replace(good, `"kind":`, `"kind": "consent", "kind":`, 1), "something behind": good + "{}", "cut short": good[:len(good)-3], "nothing": "",
		"members out of order": strings.Replace(good, "{", `{"signature": "x",`, 1), "another member": strings.Replace(good, "{", `{"a": 1,`, 1), "an escape": strings.Replace(good, "consent", `\u0063onsent`, 1),
		"a member in capitals": strings.Replace(good, "{", `{"Receipt": {"kind": "consent"},`, 1),
	} {
		if _, err := verify.Receipt([]byte(bad), p); faultOf(err) != verify.Malformed {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Even who holds the key cannot sign a receipt that says something else than the log.
func TestForgedReceipt(t *testing.T) {
	w := newWorld(t)
	all := w.all()
	for _, c := range []struct {
		name, path, code string
		value            any
	}{
		{"consent-kk", "receipt/consent/day", verify.EventChanged, "2026-01-30"},
		{"consent-kk", "receipt/consent/language", verify.EventChanged, "ru"},
		{"consent-kk", "receipt/consent/button", verify.EventChanged, "buy"},
		{"consent-kk", "receipt/consent/covers", verify.EventChanged, []any{"advertising"}},
		{"consent-kk", "receipt/consent/given_at", verify.EventChanged, "2026-01-31T18:30:01Z"},
		{"consent-kk", "receipt/consent/recorded_at", verify.EventChanged, "2026-01-31T18:30:01Z"},
		{"consent-kk", "receipt/consent/document/text", verify.EventChanged, "Another text"},
		{"consent-kk", "receipt/consent/document/sha256", verify.EventChanged, strings.Repeat("0", 64)},
		{"consent-kk", "receipt/consent/consent_id", verify.EventChanged, consentOf(russian)},
		{"consent-kk", "receipt/subject_id", verify.EventChanged, string(russian)},
		{"consent-kk", "receipt/evidence", verify.Missing, []any{}},
		{"consent-kk", "receipt/evidence/0/id", verify.EventChanged, "x"},
		{"consent-kk", "receipt/evidence/0/revision", verify.EventChanged, 7.0},
		{"consent-kk", "receipt/evidence/0/type", verify.EventChanged, "consent.withdrawal_refused"},
		{"consent-kk", "receipt/kind", verify.Malformed, "withdrawal-notice"},
		{"consent-kk", "receipt/schema", verify.Malformed, "kelisim-receipt/v2"},
		{"notice-refused", "receipt/notice/refusal/grounds", verify.EventChanged, []any{}},
		{"notice-refused", "receipt/notice/received_on", verify.EventChanged, "2026-02-05"},
		{"notice-effective", "receipt/notice/computation/effective_from", verify.EventChanged, "2026-02-14T19:00:00Z"},
		{"notice-effective", "receipt/notice/effect/from", verify.EventChanged, "2026-02-14T19:00:00Z"},
		{"notice-effective", "receipt/notice/requested_on_too_early", verify.EventChanged, false},
		{"notice-effective", "receipt/notice/effect/marked_at", verify.EventChanged, "2026-02-14T19:00:00Z"},
		{"notice-effective", "receipt/notice/effect/event", verify.EventChanged, "x"},
	} {
		var doc map[string]any
		if err := json.Unmarshal(must(all[c.name].JSON())(t), &doc); err != nil {
			t.Fatal(err)
		}
		each(doc, "", func(path string, _ any, change func(any)) {
			if path == "/"+c.path {
				change(c.value)
			}
		})
		if _, err := verify.Receipt(resigned(t, w.keys, doc), policy(t, w.keys)); faultOf(err) != c.code {
			t.Errorf("%s: %s is now %v: %v", c.name, c.path, c.value, err)
		}
	}
	// The person reads one member, and the verifier is to take another for it.
	var doc map[string]any
	if err := json.Unmarshal(must(all["consent-kk"].JSON())(t), &doc); err != nil {
		t.Fatal(err)
	}
	body := doc["receipt"].(map[string]any)
	body["con\u017fent"] = body["consent"]
	shown := maps.Clone(body["consent"].(map[string]any))
	shown["covers"] = []any{"advertising"}
	body["consent"] = shown
	if _, err := verify.Receipt(resigned(t, w.keys, doc), policy(t, w.keys)); faultOf(err) != verify.Malformed {
		t.Errorf("with a second consent under a name that folds to the first: %v", err)
	}
}

func resigned(t *testing.T, k *tlog.Keys, doc map[string]any) []byte {
	t.Helper()
	text, err := json.Marshal(doc["receipt"])
	if err == nil {
		text, err = verify.CanonicalJSON(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	signed, err := k.SignReceipt(sha256.Sum256(text))
	if err != nil {
		t.Fatal(err)
	}
	file, err := json.Marshal(map[string]string{"signature": string(signed)})
	if err != nil {
		t.Fatal(err)
	}
	return []byte(`{"receipt":` + string(text) + `,` + string(file[1:]))
}

// A receipt's signature proves no event, and a checkpoint's no receipt, though one key makes both.
func TestReceiptIsNoCheckpoint(t *testing.T) {
	w := newWorld(t)
	var doc map[string]any
	if err := json.Unmarshal(must(w.all()["consent-kk"].JSON())(t), &doc); err != nil {
		t.Fatal(err)
	}
	signature := doc["signature"].(string)
	evidence := doc["receipt"].(map[string]any)["evidence"].([]any)[0].(map[string]any)
	proof, err := verify.ParseProof([]byte(evidence["proof"].(string)))
	if err != nil {
		t.Fatal(err)
	}
	checkpoint := string(proof.Checkpoint)
	proof.Checkpoint = []byte(signature)
	if _, err := verify.Proof(verify.FormatProof(proof), policy(t, w.keys)); faultOf(err) != verify.Unsigned {
		t.Errorf("a receipt's signature taken for a checkpoint: %v", err)
	}
	doc["signature"] = checkpoint
	bad, err := json.Marshal(doc)
	if err == nil {
		bad, err = verify.CanonicalJSON(bad)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verify.Receipt(bad, policy(t, w.keys)); faultOf(err) != verify.EventChanged {
		t.Errorf("a checkpoint taken for a receipt's signature: %v", err)
	}
}

// Before a checkpoint covers the event the receipt is signed and has no proof; without the log it has neither, and says so.
func TestReceiptBeforeTheLog(t *testing.T) {
	w := newWorld(t)
	w.press(kazakh, "kk", "buy", "marketplace", emailed) // the log does not follow
	w.desk.Wait = time.Millisecond
	snap := w.snapshot(kazakh, commands.Known{})
	r, err := w.desk.Consent(t.Context(), snap, w.now, emailed)
	if err != nil {
		t.Fatal(err)
	}
	got, err := verify.Receipt(must(r.JSON())(t), policy(t, w.keys))
	if err != nil || got.Events[0].Index != -1 || r.Evidence[0].Proof != "" {
		t.Errorf("%+v (%v)", got, err)
	}
	said, err := r.Words("en", "")
	if err != nil || !strings.Contains(said, "no checkpoint covers the entry yet") {
		t.Errorf("it says %s (%v)", said, err)
	}
	bare := receipts.Desk{Service: w.desk.Service}
	if r, err = bare.Consent(t.Context(), snap, w.now, emailed); err != nil {
		t.Fatal(err)
	}
	if _, err := verify.Receipt(must(r.JSON())(t), policy(t, w.keys)); faultOf(err) != verify.Unsigned {
		t.Errorf("not signed: %v", err)
	}
}

// What had not happened by the moment, or was not known, has no receipt.
func TestNoSuchReceipt(t *testing.T) {
	w := newWorld(t)
	snap := w.snapshot(english, commands.Known{})
	for what, ask := range map[string]func() error{
		"consent-not-found": func() error {
			_, err := w.desk.Consent(t.Context(), snap, at("2026-02-01T00:00:00Z"), partly)
			return err
		},
		"notice-not-found": func() error {
			_, err := w.desk.Notice(t.Context(), snap, at("2026-02-01T00:00:00Z"), partly)
			return err
		},
	} {
		if err := ask(); domain.Code(err) != what {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := w.desk.Consent(t.Context(), snap, w.now, consentOf(kazakh)); domain.Code(err) != "consent-not-found" {
		t.Errorf("another's consent: %v", err)
	}
	early := w.snapshot(english, commands.Known{At: at("2026-02-06T00:00:00Z")})
	if _, err := w.desk.Notice(t.Context(), early, w.now, partly); domain.Code(err) != "notice-not-found" {
		t.Errorf("a notice that was not known then: %v", err)
	}
}

// FuzzReceipt: no text is read as a receipt but those that were signed, however their white space is.
func FuzzReceipt(f *testing.F) {
	known := map[string]bool{}
	files, err := filepath.Glob(filepath.Join(golden, "*.json"))
	if err != nil || len(files) == 0 {
		f.Fatal("no golden files", err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		canonical, err := verify.CanonicalJSON(text)
		if err != nil {
			f.Fatal(err)
		}
		known[string(canonical)] = true
		f.Add(text)
	}
	f.Add([]byte(`{"receipt":{"schema":"kelisim-receipt/v1"},"signature":"x"}`))
	p := policy(f, keys(f, 7))
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := verify.Receipt(text, p); err != nil {
			return
		}
		if canonical, err := verify.CanonicalJSON(text); err != nil || !known[string(canonical)] {
			t.Errorf("%q was taken for a receipt (%v)", text, err)
		}
	})
}

// Nor one whose events say the same other thing: the proof is of the event as it was stored.
func TestForgedEvent(t *testing.T) {
	w := newWorld(t)
	text := string(must(w.all()["consent-kk"].JSON())(t))
	for what, swap := range map[string][]string{
		"another day":    {`\"day\":\"2026-01-31\"`, `\"day\":\"2026-01-30\"`, `"day": "2026-01-31"`, `"day": "2026-01-30"`},
		"another moment": {`\"occurred_at\":\"2026-01-31T18:30:00`, `\"occurred_at\":\"2026-01-31T18:30:01`, `"given_at": "2026-01-31T18:30:00Z"`, `"given_at": "2026-01-31T18:30:01Z"`},
	} {
		forged := strings.NewReplacer(swap...).Replace(text)
		var doc map[string]any
		if err := json.Unmarshal([]byte(forged), &doc); err != nil || forged == text {
			t.Fatal(what, err)
		}
		if _, err := verify.Receipt(resigned(t, w.keys, doc), policy(t, w.keys)); faultOf(err) != verify.EventChanged || !strings.Contains(err.Error(), "the proof is of") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
