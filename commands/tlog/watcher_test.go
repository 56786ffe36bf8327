package tlog_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"kelisim/commands/tlog"
	"kelisim/commands/tlog/verify"
	"kelisim/commands/tlog/witness"
)

// watcher is a witness that is served.
type watcher struct {
	*witness.Witness
	*httptest.Server
	asked atomic.Int64
	down  atomic.Bool
}

func newWatcher(t *testing.T, name string) *watcher {
	t.Helper()
	dir := t.TempDir()
	w, err := witness.Open(witness.Options{KeyFile: filepath.Join(dir, "key"), StateFile: filepath.Join(dir, "state"), Name: name, Logs: testKeys.VerifierKeys()})
	if err != nil {
		t.Fatal(err)
	}
	v := &watcher{Witness: w}
	v.Server = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		v.asked.Add(1)
		if v.down.Load() {
			http.Error(out, "down", http.StatusBadGateway)
			return
		}
		w.ServeHTTP(out, r)
	}))
	t.Cleanup(func() {
		v.Server.Close()
		_ = w.Close()
	})
	return v
}

// line names a watcher in a policy.
func (v *watcher) line(name string) string {
	return fmt.Sprintf("witness %s %s %s\n", name, v.VerifierKey(), v.URL)
}

// quorum is a policy that wants so many of some witnesses.
func quorum(n int, all ...*watcher) string {
	text, names := "", ""
	for i, v := range all {
		text += v.line(fmt.Sprint("w", i))
		names += fmt.Sprint(" w", i)
	}
	return text + fmt.Sprintf("group g %d%s\nquorum g\n", n, names)
}

func logLine() string { return "log " + testKeys.VerifierKeys()[0] + "\n" }

// auditor is a policy as an auditor writes it.
func auditor(t *testing.T, text string) *verify.Policy {
	t.Helper()
	p, err := verify.ParsePolicy([]byte(logLine() + text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// again is a world as a program finds it that starts on what another has left; nil is an empty one.
func again(t *testing.T, left *world) *world {
	t.Helper()
	if left == nil {
		return newWorld(t, nil, nil)
	}
	w := newWorld(t, left.journal, left.store)
	w.rand = left.rand
	return w
}

// watched is again with witnesses.
func watched(t *testing.T, left *world, text string) (*world, *tlog.Witnesses) {
	t.Helper()
	w := again(t, left)
	asked, err := tlog.NewWitnesses([]byte(text), testKeys)
	if err != nil {
		t.Fatal(err)
	}
	asked.Every = time.Millisecond
	c := w.config()
	c.Witnesses = asked
	if w.Follower, err = tlog.NewFollower(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return w, asked
}

// witnessed runs the follower until a condition holds.
func (w *world) witnessed(what string, holds func(tlog.Witnessing) bool) {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	defer func() {
		stop()
		<-ended
	}()
	for deadline := time.Now().Add(20 * time.Second); !holds(w.Status().Witnessing); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("%s: it does not come; it stands at %+v", what, w.Status())
		}
		select {
		case err := <-ended:
			ended <- err
			w.t.Fatalf("%s: the follower ended with %v", what, err)
		default:
		}
	}
}

func (w *world) published() tlog.Checkpoint {
	w.t.Helper()
	c, err := w.Reader().Published(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// check verifies the world's journal, its full bundle and a proof under a policy.
func (w *world) check(p *verify.Policy, proof []byte) (journal, bundle, proven error) {
	w.t.Helper()
	_, journal = verify.Dir(w.t.Context(), tlog.NewSource(w.journal, w.store), verify.Options{Policy: p})
	var file bytes.Buffer
	if err := w.Reader().ExportFull(w.t.Context(), tlog.ZipSink(&file), tlog.ExportOptions{}); err != nil {
		w.t.Fatal(err)
	}
	name := filepath.Join(w.t.TempDir(), "b.zip")
	if err := os.WriteFile(name, file.Bytes(), 0o600); err != nil {
		w.t.Fatal(err)
	}
	_, bundle = verify.Bundle(w.t.Context(), name, verify.Options{Policy: p})
	_, proven = verify.Proof(proof, p)
	return journal, bundle, proven
}
