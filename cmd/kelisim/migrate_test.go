package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"kelisim/commands/postgres/postgrestest"
)

// told runs a command that must end with a code, and answers what it wrote.
func told(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, said bytes.Buffer
	if code := run(t.Context(), args, nil, &out, &said, noEnv); code != want {
		t.Fatalf("%s ended with %d, want %d: %s%s", args, code, want, out.String(), said.String())
	}
	return out.String(), said.String()
}

// A ledger of many lives moves from a directory into a database, keys and tokens with it: every question about every user is answered as before, the log goes on with
// the same root, what was signed and handed out holds, and the old directory and the copy are told apart from others.
func TestLedgerMoves(t *testing.T) {
	database := postgrestest.URL(t)
	old, moved := filepath.Join(t.TempDir(), "old"), filepath.Join(t.TempDir(), "new")
	s, err := startServer("", nil, "demo", "--users", "14", "--months", "9", "--data", old)
	if err != nil {
		t.Fatal(err)
	}
	defer s.kill()
	c := caller{s.url, token(t, old, "officer")}
	ask := func(c caller, path string) []byte {
		t.Helper()
		status, answer, err := c.do("GET", path, "", "")
		if err != nil || status != http.StatusOK {
			t.Fatalf("%s: %d %s (%v)", path, status, answer, err)
		}
		return answer
	}
	list := func(c caller, path, member string) (out []string) {
		t.Helper()
		var page struct{ Items []map[string]any }
		if err := json.Unmarshal(ask(c, path), &page); err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			out = append(out, item[member].(string))
		}
		return out
	}
	var users []string
	head := recorded(t, old)
	within(t, "the list has all users", func() bool {
		users = list(c, fmt.Sprint("/v1/users?limit=1000&at_least=", head), "user_id")
		return len(users) > 0
	})
	at := fmt.Sprintf("as_of=%s&known_at=position:%d", time.Now().UTC().Format(time.RFC3339), head)
	answers := func(c caller) map[string]string {
		t.Helper()
		out := map[string]string{}
		for _, user := range users {
			for _, path := range []string{"?", "/access?", "/processing?purpose=advertising&", "/processing?purpose=quality-research&act=store&", "/consents?", "/subscription?", "/obligations?", "/events?limit=1000&"} {
				if path == "/events?limit=1000&" {
					path = fmt.Sprintf("/events?limit=1000&known_at=position:%d", head)
				} else {
					path += at
				}
				out[user+path] = string(ask(c, "/v1/users/"+user+path))
			}
			_, personal, err := c.personal(user)
			if err != nil {
				t.Fatal(err)
			}
			out["personal data of "+user] = string(personal)
		}
		return out
	}
	before := answers(c)
	if len(users) < 14 || !strings.Contains(fmt.Sprint(before), `"login":"`) {
		t.Fatalf("%d users, and personal data such as %s", len(users), before["personal data of "+users[0]])
	}
	work := t.TempDir()
	write := func(name string, data []byte) string {
		t.Helper()
		path := filepath.Join(work, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	_, said := told(t, exitError, "copy", "--from", old, "--to", database, "--keys-to", database)
	if !strings.Contains(said, "in use") {
		t.Errorf("a ledger that is served is copied: %s", said)
	}
	receipt := ""
	for _, user := range users {
		if consents := list(c, "/v1/users/"+user+"/consents", "consent_id"); len(consents) > 0 && receipt == "" {
			receipt = write("receipt.json", ask(c, "/v1/users/"+user+"/consents/"+consents[0]+"/record?format=json"))
		}
	}
	proof := "/v1/events/" + list(c, "/v1/users/"+users[3]+"/events", "id")[0] + "/proof"
	ask(c, proof)
	checkpoint := write("checkpoint", ask(c, "/v1/log/checkpoint"))
	if code, err := s.stop(); code != 0 || err != nil {
		t.Fatal(code, err, string(s.said()))
	}
	bundle := filepath.Join(work, "one.zip")
	told(t, 0, "export", "--data", old, "--user", users[0], "--to", bundle)

	out, _ := told(t, 0, "copy", "--from", old, "--to", database, "--keys-to", database)
	if !regexp.MustCompile(`(?m)^root     \S{44}, on both sides\n^keys     \d+ living, \d+ destroyed, \d+ logins, \d+ search entries, \d+ claims, with the sum \S{44}, on both sides\n^tokens   \d+, on both sides$`).MatchString(out) {
		t.Errorf("the copy says %q", out)
	}
	if again, _ := told(t, 0, "copy", "--from", old, "--to", database, "--keys-to", database); again != out {
		t.Errorf("and again %q", again)
	}
	if err := os.MkdirAll(moved, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{masterFile, keyFile} {
		key, err := os.ReadFile(filepath.Join(old, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(moved, name), key, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if s, err = startServer("", nil, "serve", "--data", moved, "--journal", database); err != nil {
		t.Fatal(err)
	}
	defer s.kill()
	c.url = s.url
	after := answers(c)
	for path, want := range before {
		if after[path] != want {
			t.Errorf("%s was answered\n%s\nand is now\n%s", path, want, after[path])
		}
	}
	within(t, "the log has come as far", func() bool {
		status, _, err := c.do("GET", proof, "", "")
		return err == nil && status == http.StatusOK
	})
	key := write("key", ask(c, "/v1/log/key"))
	told(t, 0, "verify", receipt, "--key", key)
	told(t, 0, "verify", bundle, "--key", key)
	if code, err := s.stop(); code != 0 || err != nil {
		t.Fatal(code, err, string(s.said()))
	}
	if said, _ := told(t, 0, "verify", moved, "--journal", database, "--key", key, "--previous", checkpoint); !strings.Contains(said, "whole") {
		t.Errorf("verify says %s", said)
	}

	other := filepath.Join(t.TempDir(), "other")
	token(t, other, "service")
	if s, err = startServer("", nil, "serve", "--data", other); err != nil {
		t.Fatal(err)
	}
	s.kill()
	told(t, exitConflict, "copy", "--keys-from", filepath.Join(other, keysFile), "--keys-to", database)
}
