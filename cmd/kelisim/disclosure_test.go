package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kelisim/commands/access"
	"kelisim/commands/tlog"
)

// staffed gives a house its Merkle log and tokens of the other roles: aigul holds an officer's and an approver's, bolat an approver's, dana an
// auditor's.
func (h *house) staffed() (approvesToo access.Role) {
	h.t.Helper()
	log := slog.New(slog.DiscardHandler)
	if err := h.l.evidence(h.t.Context(), h.dir, tlog.DefaultOrigin, "", log); err != nil {
		h.t.Fatal(err)
	}
	tokens, done, err := openTokens(h.dir, h.now)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		if err := done(); err != nil {
			h.t.Error(err)
		}
	})
	approvesToo = "aigul's second"
	for as, w := range map[access.Role]access.Wish{
		access.Officer:  {Name: "aigul-asks", Role: access.Officer, Person: "aigul"},
		approvesToo:     {Name: "aigul-approves", Role: access.Approver, Person: "aigul"},
		access.Approver: {Name: "bolat", Role: access.Approver},
		access.Auditor:  {Name: "dana-2026", Role: access.Auditor, Person: "dana"},
		access.Operator: {Name: "operator", Role: access.Operator},
	} {
		w.TTL = access.MaxTTL
		if h.tokens[as], _, err = tokens.Create(h.t.Context(), w); err != nil {
			h.t.Fatal(err)
		}
	}
	if h.server, err = newServer(h.l, tokens, serving{}, log); err != nil {
		h.t.Fatal(err)
	}
	return approvesToo
}

// file asks for a file.
func (h *house) file(role access.Role, path string) []byte {
	h.t.Helper()
	r := httptest.NewRequest("GET", "http://kelisim.test"+path, nil)
	r.Header.Set("Authorization", "Bearer "+h.tokens[role])
	w := httptest.NewRecorder()
	h.server.ServeHTTP(w, r)
	if w.Code != 200 {
		h.t.Fatalf("GET %s: status %d: %s", path, w.Code, w.Body)
	}
	return w.Body.Bytes()
}

// shell runs a command line and answers its exit code and what it said.
func shell(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(""), &out, &err, func(string) string { return "" })
	return code, out.String(), err.String()
}

// unzipped are the files of a bundle.
func unzipped(t *testing.T, bundle []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(bundle), int64(len(bundle)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out[f.Name] = string(text)
	}
	return out
}

// Two people grant an auditor one field of one event: the auditor reads it offline from the bytes that are proved to be in the log, and nothing else of
// the person; that they were given it is on record; and after the destruction there is nothing to give.
func TestSelectiveDisclosure(t *testing.T) {
	h := newHouse(t)
	approvesToo := h.staffed()
	planted := []string{"planted-login", "planted@example.kz", "Жасырын", "850101300603", "planted reason"}
	user := h.ask(access.Service, 201, "POST", "/v1/users", fmt.Sprintf(`{"login":%q,"acceptance":%s,"contacts":{"email":%q},"personal_data":{"family_name":%q,"iin":%q}}`,
		planted[0], h.acceptance("register", "terms", "personal-data"), planted[1], planted[2], planted[3]))
	id := user["user_id"].(string)
	registered := user["events"].([]any)[0].(string)
	at := "/v1/users/" + id
	asked := h.ask(access.Officer, 201, "POST", at+"/field-disclosures", fmt.Sprintf(`{"fields":[{"event_id":%q,"path":"personal_data.iin"}],"to":"dana","reason":%q}`, registered, planted[4]))
	disclosure := asked["disclosure_id"].(string)
	keys := at + "/field-disclosures/" + disclosure + "/keys"
	code := func(role access.Role, want int, method, path, code string) {
		t.Helper()
		if got := h.ask(role, want, method, path, ""); got["code"] != code {
			t.Errorf("%s %s: %v, want %s", method, path, got["code"], code)
		}
	}
	code(access.Auditor, 409, "GET", keys, "disclosure-not-granted")
	code(approvesToo, 403, "POST", at+"/field-disclosures/"+disclosure+"/approval", "second-person-needed")
	h.ask(access.Approver, 201, "POST", at+"/field-disclosures/"+disclosure+"/approval", "")
	if d := h.ask(access.Auditor, 200, "GET", at+"/field-disclosures", "")["items"].([]any)[0].(map[string]any); d["status"] != "granted" || d["granted_by"] != "bolat" || d["requested_by"] != "aigul" {
		t.Errorf("it stands as %v", d)
	}
	items := h.ask(access.Auditor, 200, "GET", keys, "")["items"].([]any)
	if len(items) != 1 || items[0].(map[string]any)["path"] != "personal_data.iin" {
		t.Errorf("the keys are %v", items)
	}
	looks := h.ask(access.Officer, 200, "GET", at+"/reads", "")["items"].([]any)
	if look := looks[len(looks)-1].(map[string]any); look["actor"].(map[string]any)["person"] != "dana" || fmt.Sprint(look["data"].(map[string]any)["fields"]) != "[iin]" {
		t.Errorf("the look is %v", look)
	}

	if err := h.l.Evidence.CommitHeads(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := h.l.Evidence.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	bundle := h.file(access.Auditor, at+"/bundle?disclosure="+disclosure)
	check := func(bundle []byte, how string) {
		t.Helper()
		for name, text := range unzipped(t, bundle) {
			for _, p := range planted {
				if strings.Contains(text, p) {
					t.Errorf("%s: %s holds %q in clear", how, name, p)
				}
			}
		}
		path := filepath.Join(t.TempDir(), "one.zip")
		if err := os.WriteFile(path, bundle, 0o600); err != nil {
			t.Fatal(err)
		}
		exit, out, said := shell(t, "verify", path)
		if exit != 0 || !strings.Contains(out, `personal_data.iin: "850101300603"`) {
			t.Errorf("%s: verify ends with %d: %s%s", how, exit, out, said)
		}
		for i, p := range planted {
			if i != 3 && strings.Contains(out, p) {
				t.Errorf("%s: verify shows %q", how, p)
			}
		}
	}
	check(bundle, "from the server")
	if _, there := unzipped(t, h.file(access.Auditor, at+"/bundle"))["disclosures.ndjson"]; there {
		t.Error("a bundle of nobody's disclosure discloses")
	}
	if exit, _, said := shell(t, "export", "--data", h.dir, "--user", id, "--disclosure", disclosure); exit != 1 || !strings.Contains(said, "is in use") {
		t.Errorf("beside a server it ends with %d: %s", exit, said)
	}

	h.ask(access.Officer, 201, "POST", at+"/destruction", `{"basis":"lawful-demand"}`)
	h.move(time.Second)
	code(approvesToo, 403, "POST", at+"/destruction/approval", "second-person-needed")
	h.ask(access.Approver, 201, "POST", at+"/destruction/approval", "{}")
	code(access.Auditor, 409, "GET", keys, "destroyed")
	code(access.Auditor, 409, "GET", at+"/bundle?disclosure="+disclosure, "destroyed")
	check(bundle, "what was handed over before the destruction")
	h.close()
	if exit, _, said := shell(t, "export", "--data", h.dir, "--user", id, "--disclosure", disclosure); exit != exitConflict || !strings.Contains(said, "destroyed") {
		t.Errorf("from the directory it ends with %d: %s", exit, said)
	}
}

// At the shell a disclosure goes into the bundle once it is on record who gave it.
func TestDisclosureAtTheShell(t *testing.T) {
	h := newHouse(t)
	h.move(time.Since(h.now())) // the shell's clock is the machine's
	h.staffed()
	user := h.ask(access.Service, 201, "POST", "/v1/users", fmt.Sprintf(`{"login":"planted-login","acceptance":%s,"contacts":{"email":"planted@example.kz"}}`, h.acceptance("register", "terms", "personal-data")))
	id := user["user_id"].(string)
	at := "/v1/users/" + id
	disclosure := h.ask(access.Officer, 201, "POST", at+"/field-disclosures", fmt.Sprintf(`{"fields":[{"event_id":%q,"path":"login"}],"to":"dana","reason":"case 17"}`, user["events"].([]any)[0]))["disclosure_id"].(string)
	h.ask(access.Approver, 201, "POST", at+"/field-disclosures/"+disclosure+"/approval", "{}")
	if err := h.l.Evidence.CommitHeads(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := h.l.Evidence.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.close()
	path := filepath.Join(t.TempDir(), "one.zip")
	if exit, _, said := shell(t, "export", "--data", h.dir, "--user", id, "--disclosure", disclosure, "--to", path); exit != 0 {
		t.Fatalf("it ends with %d: %s", exit, said)
	}
	if exit, out, said := shell(t, "verify", path); exit != 0 || !strings.Contains(out, `login: "planted-login"`) {
		t.Errorf("verify ends with %d: %s%s", exit, out, said)
	}
	_, lines, _ := shell(t, "export", "--data", h.dir, "--user", id, "--format", "ndjson")
	if !strings.Contains(lines, `"reads.personal_data_read"`) || !strings.Contains(lines, `"actor":{"kind":"operator","id":"shell"}`) {
		t.Error("nothing tells that the key was given")
	}
	for _, bad := range [][]string{{"--disclosure", disclosure}, {"--disclosure", disclosure, "--user", id, "--format", "ndjson"}} {
		if exit, _, _ := shell(t, append([]string{"export", "--data", h.dir}, bad...)...); exit != exitUsage {
			t.Errorf("export %v ends with %d", bad, exit)
		}
	}
}
