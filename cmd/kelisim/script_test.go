package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"kelisim/commands/postgres/postgrestest"
)

// TestMain lets tests run this very binary as the command kelisim.
func TestMain(m *testing.M) {
	testscript.Main(withDatabases{m}, map[string]func(){"kelisim": main})
}

// withDatabases ends the PostgreSQL server that tests have shared, if any did.
type withDatabases struct{ *testing.M }

func (w withDatabases) Run() int { return postgrestest.Run(w.M) }

// TestScripts runs the scripts in testdata: what a person at a shell would type, and what must come of it. Beside the usual commands a
// script has:
//
//	exits CODE kelisim ARGS…    runs a command that must end with this code
//	serve NAME ARGS…            serves, on a free port, until interrupt NAME; $NAME is its address
//	interrupt NAME              tells a server to stop; it must end with code 0, and what it said is then stdout and stderr
//	crash NAME                  ends a server as a power cut would
//	awaits REGEXP|@FILE URL [@FILE]    asks until the answer's body matches, or is another than the file, and puts it on stdout
//	settled URL @FILE [witnessed]      waits until all that is recorded is signed, or cosigned, as an operator is told
//	flip FILE TEXT|@FILE        changes one bit of a file, where the text or the beginning of the other file stands in it
//	http STATUS METHOD URL [@FILE [BODY]]    asks with the token in a file, and puts the answer's body on stdout
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if text, err := os.ReadFile(file); err != nil || bytes.Contains(text, []byte("\nstop")) {
			t.Errorf("%s says stop, which ends the script there and then; a server is told to stop by interrupt (%v)", file, err)
		}
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Values["servers"] = map[string]*server{}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": scriptExits, "serve": scriptServe, "interrupt": scriptInterrupt, "http": scriptHTTP,
			"crash": scriptCrash, "awaits": scriptAwaits, "flip": scriptFlip, "settled": scriptSettled,
		},
	})
}

func scriptExits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func scriptServe(ts *testscript.TestScript, _ bool, args []string) {
	s, err := startServer(ts.MkAbs("."), []string{"HOME=" + ts.Getenv("HOME"), "PATH=" + ts.Getenv("PATH"), "TMPDIR=" + ts.Getenv("TMPDIR")}, args[1:]...)
	ts.Check(err)
	ts.Defer(s.kill)
	ts.Value("servers").(map[string]*server)[args[0]] = s
	ts.Setenv(args[0], s.url)
}

func scriptInterrupt(ts *testscript.TestScript, _ bool, args []string) {
	s := ts.Value("servers").(map[string]*server)[args[0]]
	if s == nil {
		ts.Fatalf("no server is called %s", args[0])
	}
	code, err := s.stop()
	ts.Check(err)
	_, err = ts.Stderr().Write(s.said())
	ts.Check(err)
	_, err = ts.Stdout().Write(s.stdout.Bytes())
	ts.Check(err)
	if code != 0 {
		ts.Fatalf("it ended with code %d", code)
	}
}

func scriptHTTP(ts *testscript.TestScript, _ bool, args []string) {
	args = append(args, "", "")
	r, err := http.NewRequest(args[1], args[2], strings.NewReader(args[4]))
	ts.Check(err)
	if file, ok := strings.CutPrefix(args[3], "@"); ok {
		r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(ts.ReadFile(file)))
	}
	if args[4] != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer answer.Body.Close()
	var body bytes.Buffer
	_, err = io.Copy(io.MultiWriter(&body, ts.Stdout()), answer.Body)
	ts.Check(err)
	if strconv.Itoa(answer.StatusCode) != args[0] {
		ts.Fatalf("status %d, want %s: %s", answer.StatusCode, args[0], body.String())
	}
}
