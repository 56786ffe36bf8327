package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// instance is one process of several that serve one ledger.
type instance struct {
	*server
	dir, admin string
}

// instances are three processes of the program on one journal and one key store, and a mailing system that listens.
type instances struct {
	t             *testing.T
	journal, keys string
	outlets       string
	mailing       *mailing
	all           [3]*instance
	tokens        map[string]string
	accepted      string
	acknowledged  map[string][2]string // by idempotency key: the body, and what was answered

	mu    sync.Mutex
	roots map[string]string // by the size of a checkpoint
	sent  map[string]int    // how often the mailing system was sent an event, by its id
}

// begin starts the first, which makes the keys, and then the others with the same.
func (c *instances) begin() {
	c.t.Helper()
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var e struct{ ID string }
		_ = json.Unmarshal(body, &e)
		c.mu.Lock()
		c.sent[e.ID]++
		c.mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		c.mailing.ServeHTTP(w, r)
	}))
	c.t.Cleanup(endpoint.Close)
	root := c.t.TempDir()
	c.outlets = filepath.Join(root, "outlets.yaml")
	c.write(c.outlets, []byte(`outlets: [{name: mail, kind: webhook, allow_private: true, secret_env: MAIL_SECRET, url: "`+endpoint.URL+`"}]`))
	for i := range c.all {
		c.all[i] = &instance{dir: filepath.Join(root, fmt.Sprint("instance-", i))}
	}
	c.start(0)
	var starting sync.WaitGroup
	for i := 1; i < len(c.all); i++ {
		for _, name := range []string{masterFile, keyFile} {
			key, err := os.ReadFile(filepath.Join(c.all[0].dir, name))
			if err != nil {
				c.t.Fatal(err)
			}
			if err := os.MkdirAll(c.all[i].dir, 0o700); err != nil {
				c.t.Fatal(err)
			}
			c.write(filepath.Join(c.all[i].dir, name), key)
		}
		starting.Go(func() { c.start(i) })
	}
	starting.Wait()
	for _, role := range []string{"service", "officer", "approver", "auditor", "operator"} {
		c.tokens[role] = strings.TrimSpace(c.command("token", "create", "--data", c.all[0].dir, "--journal", c.journal, "--keys", c.keys, "--role", role, "--name", "a-"+role))
	}
	c.accepted = c.at(0, "service").acceptance(c.t, "register", "subscription", "terms", "personal-data")
}

func (c *instances) write(path string, data []byte) {
	c.t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		c.t.Fatal(err)
	}
}

var adminLine = regexp.MustCompile(`metrics +(http://\S+)/metrics`)

// start begins a life of one instance. It may be called from several goroutines.
func (c *instances) start(i int) {
	env := append(os.Environ(), "KELISIM_JOURNAL="+c.journal, "KELISIM_KEYS="+c.keys, "KELISIM_LEASE_TTL=2s", "MAIL_SECRET="+hookSecret+","+olderSecret)
	s, err := startServer("", env, "serve", "--data", c.all[i].dir, "--admin-listen", "127.0.0.1:0", "--outlets", c.outlets)
	if err != nil {
		c.t.Error(err)
		return
	}
	c.t.Cleanup(s.kill)
	c.all[i].server = s
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if m := adminLine.FindSubmatch(s.said()); m != nil {
			c.all[i].admin = string(m[1])
			return
		}
		if time.Now().After(deadline) {
			c.t.Errorf("it does not say where its metrics are: %s", s.said())
			return
		}
	}
}

func (c *instances) command(args ...string) string {
	c.t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(c.t.Context(), args, nil, &stdout, &stderr, noEnv); code != 0 {
		c.t.Fatalf("%s ended with %d: %s%s", args[0], code, stdout.String(), stderr.String())
	}
	return stdout.String()
}

func (c *instances) at(i int, role string) caller { return caller{c.all[i].url, c.tokens[role]} }

// each does something at every instance, at once.
func (c *instances) each(do func(i int)) {
	var all sync.WaitGroup
	for i := range c.all {
		all.Go(func() { do(i) })
	}
	all.Wait()
}

// ask wants a status and reads the answer, which is empty where another status came.
func (c *instances) ask(i int, role string, want int, method, path, key, body string) map[string]any {
	c.t.Helper()
	status, text, err := c.at(i, role).do(method, path, key, body)
	var answer map[string]any
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	if err != nil || status != want {
		c.t.Errorf("%s %s at instance %d: %d, want %d: %s (%v)", method, path, i, status, want, text, err)
		return nil
	}
	return answer
}

// items are those of a list, with one member of each.
func items(answer map[string]any, member string) (out []any) {
	list, _ := answer["items"].([]any)
	for _, item := range list {
		out = append(out, item.(map[string]any)[member])
	}
	return out
}

func (c *instances) registration(login, more string) string {
	return fmt.Sprintf(`{"login":%q,"acceptance":%s,"contacts":{"email":"someone@demo.example"}%s}`, login, c.accepted, more)
}

func (c *instances) register(i int, login, more string) (user string, position int64) {
	c.t.Helper()
	answer := c.ask(i, "service", 201, "POST", "/v1/users", "register-"+login, c.registration(login, more))
	if answer == nil {
		c.t.FailNow()
	}
	return answer["user_id"].(string), int64(answer["position"].(float64))
}

// holds is the instance that says it holds a lease, -1 for none.
func (c *instances) holds(name string) int {
	for i, one := range c.all {
		answer, err := http.Get(one.admin + "/metrics")
		if err != nil {
			continue // it is dead
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err == nil && bytes.Contains(text, []byte(`kelisim_lease_held{lease="`+name+`"} 1`)) {
			return i
		}
	}
	return -1
}

// checkpoint is the size of the log that an instance has signed; false where it has none yet.
func (c *instances) checkpoint(i int) (size string, ok bool) {
	c.t.Helper()
	status, text, err := c.at(i, "auditor").do("GET", "/v1/log/checkpoint", "", "")
	lines := strings.Split(string(text), "\n")
	if err != nil || status != http.StatusOK || len(lines) < 4 {
		return "", false
	}
	size = lines[1]
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, seen := c.roots[size]; seen && known != lines[2] {
		c.t.Fatalf("two checkpoints of %s leaves have the roots %s and %s", size, known, lines[2])
	}
	c.roots[size] = lines[2]
	return size, true
}
