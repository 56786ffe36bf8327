package main

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"kelisim/domain/calendar"
)

// planted are values that a person could be known by, one in each field that takes such a value.
var planted = map[string]string{
	"login":        "Zhuldyz.Planted",
	"next login":   "planted.newlogin",
	"e-mail":       "planted.mail@secret.example",
	"new e-mail":   "planted.second@secret.example",
	"mobile":       "+77001234567",
	"new mobile":   "+77007654321",
	"family name":  "Жасырынбекова",
	"given name":   "Planted-Айжан",
	"patronymic":   "Құпияқызы",
	"iin":          "902020245016",
	"wrong iin":    "902020245017",
	"birthday":     "1985-01-01",
	"workplace":    "Құпия мектеп №77",
	"position":     "plantedposition",
	"address":      "Жасырын көшесі 17, 5-пәтер",
	"home phone":   "8 7172 987654",
	"work phone":   "8 7172 123987",
	"extra e-mail": "planted.third@secret.example",
	"message":      "plantedmessage: қайтарыңызшы",
	"answer":       "plantedanswer",
	"block note":   "plantedblocknote",
	"fine note":    "plantedfinenote",
	"reference":    "plantedreference-17",
	"content by":   "plantedauthor",
	"removal note": "plantedremoval",
	"hold note":    "plantedholdnote",
	"ground":       "plantedground",
	"void reason":  "plantedvoidreason",
	"letter note":  "plantedletternote",
	"description":  "planteddescription",
	"measures":     "plantedmeasures",
	"restriction":  "plantedrestriction",
	"read purpose": "plantedpurpose",
	"gift":         "plantedgift",
	"refused":      "planted.refused@secret.example",
	"storied":      "planted.story@secret.example",
	"path":         "planted-path",
	"query":        "planted-query",
	"password":     "plantedqwerty",
	"card":         "4111111111111111",
}

// traces are the forms in which a value could lie somewhere: in clear, escaped, encoded, folded, or as a bare hash, which can be tried against
// a list of names.
func traces(value string) map[string][]byte {
	quoted := strings.Trim(strconv.QuoteToASCII(value), `"`)
	var utf16 []byte
	for _, r := range value {
		utf16 = append(utf16, byte(r), byte(r>>8))
	}
	s1, s256, m5 := sha1.Sum([]byte(value)), sha256.Sum256([]byte(value)), md5.Sum([]byte(value))
	out := map[string][]byte{
		"in clear": []byte(value), "in small letters": []byte(strings.ToLower(value)), "escaped": []byte(quoted), "percent-encoded": []byte(url.QueryEscape(value)),
		"as a path": []byte(url.PathEscape(value)), "in hexadecimal": []byte(hex.EncodeToString([]byte(value))), "in UTF-16": utf16,
		"as SHA-256": s256[:], "as SHA-256 in hexadecimal": []byte(hex.EncodeToString(s256[:])), "as SHA-1": s1[:], "as SHA-1 in hexadecimal": []byte(hex.EncodeToString(s1[:])),
		"as MD5": m5[:], "as MD5 in hexadecimal": []byte(hex.EncodeToString(m5[:])),
	}
	for offset := range 3 { // base64 of a longer text that holds it: the characters that depend on it alone
		padded := base64.RawStdEncoding.EncodeToString(append(make([]byte, offset), value...))
		out[fmt.Sprintf("in base64 at %d", offset)] = []byte(padded[2*min(offset, 1)+min(offset, 2) : len(padded)-2])
	}
	return out
}

// search fails for every planted value that shows in a text.
func search(t *testing.T, where string, text []byte) {
	t.Helper()
	for name, value := range planted {
		for form, trace := range traces(value) {
			if bytes.Contains(text, trace) {
				t.Errorf("the %s shows %s in %s", name, form, where)
			}
		}
	}
}

func searchFiles(t *testing.T, dir string) (files int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, f fs.DirEntry, err error) error {
		if err != nil || f.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		search(t, filepath.Base(path), text)
		search(t, "a file's name", []byte(path))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestNothingPersonalInClear uses a data directory in every way there is, with planted values, and then looks for them in every file of it, in use and
// after, in what the server and the tools say, in its metrics, and in the answers to wrong requests.
func TestNothingPersonalInClear(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	site, officer, approver := token(t, dir, "service"), token(t, dir, "officer"), token(t, dir, "approver")
	s, err := startServer("", nil, "serve", "--data", dir, "--admin-listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.kill()
	var refusals bytes.Buffer
	keys := 0
	ask := func(token, method, path, body string, want int) map[string]any {
		t.Helper()
		keys++
		key := ""
		if method != "GET" && !strings.HasSuffix(path, "/search") && !strings.HasPrefix(path, "/v1/decisions") {
			key = fmt.Sprint("key-", keys)
		}
		c := caller{s.url, token}
		status, answer, err := c.do(method, path, key, body)
		if err != nil || status != want {
			t.Fatalf("%s %s: %d %s (%v), want %d", method, path, status, answer, err, want)
		}
		if status >= 400 {
			refusals.Write(answer)
		}
		var m map[string]any
		_ = json.Unmarshal(answer, &m) // a list has no members
		return m
	}
	v := func(name string) string {
		value, ok := planted[name]
		if !ok {
			t.Fatalf("nothing is planted as %q", name)
		}
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	accept := func(button, page string, ids ...string) string {
		return caller{s.url, site}.acceptance(t, button, page, ids...)
	}

	// What is meant to be recorded.
	data := `{"family_name":` + v("family name") + `,"given_name":` + v("given name") + `,"patronymic":` + v("patronymic") + `,"iin":` + v("iin") +
		`,"date_of_birth":` + v("birthday") + `,"workplace":` + v("workplace") + `,"position":` + v("position") + `,"addresses":[{"kind":"post","text":` + v("address") +
		`}],"phones":{"home":` + v("home phone") + `,"work":` + v("work phone") + `,"mobile":` + v("new mobile") + `},"emails":[` + v("extra e-mail") + `]}`
	registered := ask(site, "POST", "/v1/users", `{"login":`+v("login")+`,"acceptance":`+accept("register", "subscription", "terms", "personal-data")+
		`,"contacts":{"email":`+v("e-mail")+`,"mobile":`+v("mobile")+`},"personal_data":`+data+`}`, 201)
	user := "/v1/users/" + registered["user_id"].(string)
	ask(site, "PUT", user+"/login", `{"login":`+v("next login")+`}`, 201)
	ask(site, "PUT", user+"/contacts", `{"email":`+v("new e-mail")+`,"mobile":`+v("new mobile")+`}`, 201)
	ask(site, "PUT", user+"/personal-data", `{"personal_data":`+data+`}`, 201)
	question := ask(site, "POST", user+"/messages", `{"text":`+v("message")+`}`, 201)
	ask(officer, "POST", user+"/messages/"+question["message_id"].(string)+"/answer", `{"text":`+v("answer")+`}`, 201)
	ask(officer, "POST", user+"/content-permissions", `{"content":"course/1","by":`+v("content by")+`,"reference":`+v("reference")+`}`, 201)
	ask(officer, "POST", user+"/content-removals", `{"content":"course/1","clause":"T-6.1","note":`+v("removal note")+`}`, 201)
	fine := ask(officer, "POST", user+"/fines", `{"clause":"T-6.1","act_on":`+today()+`,"note":`+v("fine note")+`}`, 201)
	ask(officer, "POST", user+"/obligations/"+fine["obligation_id"].(string)+"/discharge", `{"how":"paid","reference":`+v("reference")+`}`, 201)
	ask(officer, "POST", user+"/block", `{"clause":"T-1.4","note":`+v("block note")+`}`, 201)
	ask(officer, "POST", user+"/unblock", `{"note":`+v("block note")+`}`, 201)
	ask(officer, "POST", user+"/granted-days", `{"days":3,"reason":`+v("gift")+`}`, 201)
	hold := ask(officer, "POST", user+"/legal-holds", `{"basis":"Court order 17","acts":["store"],"note":`+v("hold note")+`}`, 201)
	ask(officer, "POST", user+"/legal-holds/"+hold["hold_id"].(string)+"/lift", `{"note":`+v("hold note")+`}`, 201)
	notice := ask(officer, "POST", user+"/withdrawal-notices", `{"received_on":`+today()+`,"channel":"e-mail"}`, 201)
	ask(officer, "POST", user+"/withdrawal-notices/"+notice["notice_id"].(string)+"/acceptance", `{"ground":`+v("ground")+`}`, 201)
	entry := notice["events"].([]any)[0].(string)
	ask(officer, "POST", user+"/events/"+entry+"/void", `{"reason":`+v("void reason")+`}`, 201)
	ask(approver, "POST", user+"/events/"+entry+"/void/approval", ``, 201)
	ask(officer, "POST", "/v1/letters", `{"received_on":`+today()+`,"tracking_number":"RR123456785KZ","note":`+v("letter note")+`}`, 201)
	incident := ask(officer, "POST", "/v1/incidents", `{"kind":"loss","description":`+v("description")+`}`, 201)
	ask(officer, "POST", "/v1/incidents/"+incident["incident_id"].(string)+"/contain", `{"measures":`+v("measures")+`}`, 201)
	ask(officer, "POST", "/v1/restrictions", `{"category":{"locations":["ZZ"]},"reason":`+v("restriction")+`}`, 201)

	// Looking at it, which is recorded; and the answer does show it, so that the search below could find something.
	r, err := http.NewRequest("GET", s.url+user+"/personal-data", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+officer)
	r.Header.Set("Purpose", planted["read purpose"])
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	var shown bytes.Buffer
	if _, err := shown.ReadFrom(answer.Body); err != nil || !bytes.Contains(shown.Bytes(), []byte(planted["iin"])) {
		t.Fatalf("an officer sees %s (%v)", shown.Bytes(), err)
	}
	_ = answer.Body.Close()
	for field, name := range map[string]string{"login": "next login", "email": "new e-mail", "mobile": "new mobile", "iin": "iin"} {
		found := ask(site, "POST", "/v1/users/search", `{"`+field+`":`+v(name)+`}`, 200)
		if items, ok := found["items"].([]any); !ok || len(items) != 1 {
			t.Errorf("the %s finds %v", field, found)
		}
	}
	ask(officer, "GET", user+"/events", "", 200)

	// Wrong requests of every kind: none repeats what it was sent.
	ask(site, "POST", "/v1/users", `{"login":`+v("login")+`,"acceptance":null,"contacts":{"email":`+v("refused")+`}}`, 400)
	ask(site, "POST", "/v1/users", `{"login":{"is":`+v("refused")+`}}`, 400)
	ask(site, "POST", "/v1/users", `{`+v("refused")+`:1}`, 400)
	ask(site, "POST", "/v1/users", `{"login":`+v("refused"), 400)
	ask(site, "POST", "/v1/users", `{"login":`+v("next login")+`,"acceptance":`+accept("register", "subscription", "terms", "personal-data")+`,"contacts":{"email":`+v("refused")+`}}`, 409)
	ask(site, "POST", "/v1/users", `{"login":"x","password":`+v("password")+`}`, 422)
	ask(site, "POST", user+"/messages", `{"text":"my card is `+planted["card"]+`"}`, 422)
	ask(site, "PUT", user+"/personal-data", `{"personal_data":{"iin":`+v("wrong iin")+`}}`, 400)
	ask(site, "PUT", user+"/contacts", `{"email":"`+planted["path"]+`","mobile":`+v("message")+`}`, 400)
	ask(site, "PUT", user+"/location", `{"location":`+v("address")+`}`, 400)
	ask(officer, "POST", user+"/block", `{"clause":`+v("ground")+`}`, 400)
	ask(officer, "POST", user+"/withdrawal-notices", `{"received_on":`+v("message")+`,"channel":`+v("ground")+`}`, 400)
	ask(site, "GET", "/v1/users/"+planted["path"]+"/access", "", 404)
	ask(site, "GET", "/v1/"+planted["path"], "", 404)
	ask(site, "GET", user+"/access?"+planted["query"]+"="+planted["query"], "", 400)
	ask(site, "GET", user+"/access?location="+url.QueryEscape(planted["address"]), "", 400)
	ask(site, "POST", "/v1/users/search", `{"iin":`+v("message")+`}`, 400)
	ask(planted["query"], "GET", user, "", 401)

	if n := searchFiles(t, dir); n < 8 {
		t.Errorf("%d files in use: where are the others?", n)
	}
	_, metrics, err := caller{strings.TrimSuffix(adminOf(s), "/metrics"), ""}.do("GET", "/metrics", "", "")
	if err != nil || !bytes.Contains(metrics, []byte("kelisim_http_request_seconds")) {
		t.Fatalf("metrics: %v", err)
	}
	search(t, "the metrics", metrics)
	if code, err := s.stop(); code != 0 || err != nil {
		t.Errorf("stopped with %d (%v)", code, err)
	}
	search(t, "the log", s.said())
	search(t, "the errors", refusals.Bytes())

	// The tools beside it.
	line := `{"at":"2026-01-31T10:00:00+05:00","command":"register","user":"91a00000-0000-4000-8000-000000000001","body":{"login":` + v("storied") +
		`,"acceptance":{"button":"register","page":"subscription","language":"kk"},"contacts":{"email":` + v("storied") + `}}}`
	for _, c := range []struct {
		story string
		args  []string
		code  int
	}{
		{line, []string{"--dry-run", "--answers"}, 0},
		{line, []string{"--answers"}, 0},
		{strings.Replace(line, "91a00000", "91a00001", 1), nil, 4},
		{`{"at":` + v("storied") + `}`, nil, 1},
		{`{"at":"2026-01-31T10:00:00Z","command":` + v("storied") + `}`, nil, 1},
		{`{"at":"2026-01-31T10:00:00Z","command":"message","actor":` + v("storied") + `}`, nil, 1},
		{`{"at":"2026-01-31T10:00:00Z","command":"message","expect":"blocked","user":"91a00000-0000-4000-8000-000000000001","body":{` + v("storied") + `:1}}`, nil, 1},
		{`{` + v("storied") + `:1}`, nil, 1},
		{planted["storied"], nil, 1},
	} {
		command := exec.Command("kelisim", append([]string{"import", "-", "--name", "s", "--data", dir}, c.args...)...)
		command.Stdin = strings.NewReader(c.story)
		said, _ := command.CombinedOutput()
		if code := command.ProcessState.ExitCode(); code != c.code {
			t.Errorf("import of %s ended with %d: %s", c.story, code, said)
		}
		search(t, "what import said", said)
	}
	if n := searchFiles(t, dir); n < 5 {
		t.Errorf("%d files after use", n)
	}
}

// TestTraces: the search finds a value in each of its forms.
func TestTraces(t *testing.T) {
	for offset := range 6 {
		around := append(bytes.Repeat([]byte("x"), offset), []byte("planted.mail@secret.example and more")...)
		encoded := base64.StdEncoding.EncodeToString(around)
		found := false
		for form, trace := range traces("planted.mail@secret.example") {
			found = found || strings.HasPrefix(form, "in base64") && bytes.Contains([]byte(encoded), trace)
		}
		if !found {
			t.Errorf("not found in base64 behind %d bytes", offset)
		}
	}
}

func adminOf(s *server) string {
	for line := range strings.Lines(string(s.said())) {
		if _, url, ok := strings.Cut(strings.TrimSpace(line), "metrics  "); ok {
			return url
		}
	}
	return ""
}

// today is the day in Astana, as JSON.
func today() string { return strconv.Quote(calendar.DayOf(time.Now()).String()) }
