package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptFlip changes one bit of a file: of the last byte of where a text first stands in it, or, with @FILE, of where that file's first 32 bytes do.
func scriptFlip(ts *testscript.TestScript, _ bool, args []string) {
	files, err := filepath.Glob(ts.MkAbs(args[0]))
	if ts.Check(err); len(files) != 1 {
		ts.Fatalf("%s names %d files", args[0], len(files))
	}
	name, text := files[0], []byte(args[1])
	if other, ok := strings.CutPrefix(args[1], "@"); ok {
		text = []byte(ts.ReadFile(other))[:32]
	}
	content, err := os.ReadFile(name)
	ts.Check(err)
	at := bytes.Index(content, text)
	if at < 0 {
		ts.Fatalf("%s does not hold %q", args[0], text)
	}
	content[at+len(text)-1] ^= 1
	ts.Check(os.WriteFile(name, content, 0o600))
}

// scriptAwaits asks until the body matches, or with @FILE until it is another than the file, for a minute at most.
func scriptAwaits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := regexp.Compile(args[0])
	ts.Check(err)
	come := want.Match
	if file, ok := strings.CutPrefix(args[0], "@"); ok {
		before := ts.ReadFile(file)
		come = func(body []byte) bool { return string(body) != before }
	}
	token := ""
	if len(args) > 2 {
		token = strings.TrimSpace(ts.ReadFile(strings.TrimPrefix(args[2], "@")))
	}
	var body []byte
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if body, err = bodyOf(args[1], token); err == nil && come(body) {
			_, err := ts.Stdout().Write(body)
			ts.Check(err)
			return
		}
	}
	ts.Fatalf("it does not come; the answer is %s (%v)", body, err)
}

// scriptSettled waits until everything that is recorded stands under a signed checkpoint, and with a third word under one that a quorum has cosigned.
func scriptSettled(ts *testscript.TestScript, _ bool, args []string) {
	token := strings.TrimSpace(ts.ReadFile(strings.TrimPrefix(args[1], "@")))
	var body []byte
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		var health struct {
			Position int64
			Log      struct {
				Position, Size int64
				Signed         int64 `json:"signed_size"`
			}
			Witnesses struct{ Size int64 }
		}
		var err error
		body, err = bodyOf(args[0]+"/v1/health", token)
		if err == nil {
			err = json.Unmarshal(body, &health)
		}
		if l := health.Log; err == nil && l.Position == health.Position && l.Signed == l.Size && (len(args) < 3 || health.Witnesses.Size == l.Size) {
			return
		}
	}
	ts.Fatalf("it does not come to rest: %s", body)
}

func bodyOf(url, token string) ([]byte, error) {
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return io.ReadAll(answer.Body)
}

// scriptCrash ends a server as a power cut would.
func scriptCrash(ts *testscript.TestScript, _ bool, args []string) {
	s := ts.Value("servers").(map[string]*server)[args[0]]
	if s == nil {
		ts.Fatalf("no server is called %s", args[0])
	}
	s.kill()
}
