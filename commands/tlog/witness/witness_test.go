package witness_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"kelisim/commands/tlog/verify"
	"kelisim/commands/tlog/witness"
)

// Each answer of c2sp.org/tlog-witness.
func TestProtocol(t *testing.T) {
	b := newBook(t, origin)
	b = b.history(20, 20, "")
	fork, foreign, forger := b.history(20, 3, "!"), newBook(t, "other.test/ledger").history(20, 20, ""), newBook(t, origin).history(20, 20, "")
	w := open(t, files(t, b.vkey))
	badProof, withProof, noCheckpoint := b.ask(7, 12), b.ask(7, 12), b.ask(0, 5)
	badProof.Proof[0][0] ^= 1
	withProof.Old = 0
	noCheckpoint.Checkpoint = b.sign(origin + "\nnot a number\nnor a hash\n")
	nothing := b.ask(0, 0)
	nothing.Checkpoint = b.sign(torchwood.Checkpoint{Origin: origin, Tree: tlog.Tree{Hash: tlog.Hash{1}}}.String())
	both := b.ask(9, 10)
	both.Checkpoint = append(both.Checkpoint, forger.checkpoint(10)[bytes.Index(forger.checkpoint(10), []byte("\n\n"))+2:]...)
	for _, step := range []struct {
		what string
		ask  witness.Request
		want int
	}{
		{"another log", foreign.ask(0, 5), 404},
		{"another key", forger.ask(0, 5), 403},
		{"no checkpoint", noCheckpoint, 400},
		{"a size that it never cosigned", b.ask(3, 5), 409},
		{"a proof where there is nothing to prove", withProof, 422},
		{"a root of nothing that is not that of nothing", nothing, 422},
		{"nothing", b.ask(0, 0), 200},
		{"the first", b.ask(0, 7), 200},
		{"the first again", b.ask(0, 7), 409},
		{"the same", b.ask(7, 7), 200},
		{"another root of the same size", fork.ask(7, 7), 409},
		{"a fork", fork.ask(7, 12), 422},
		{"a proof with a changed bit", badProof, 422},
		{"a smaller one", b.ask(7, 5), 400},
		{"a smaller one, asked as if it were the newest", b.ask(5, 5), 409},
		{"the next", b.ask(7, 9), 200},
		{"one that it has seen", b.ask(7, 9), 409},
		{"with a signature beside that is unknown", both, 200},
		{"far on", b.ask(10, 20), 200},
	} {
		if got := status(t, w, step.ask); got != step.want {
			t.Errorf("%s: %d, want %d", step.what, got, step.want)
		}
	}
	var refused *witness.Refusal
	if _, err := w.Cosign(b.ask(3, 5).Format()); !errors.As(err, &refused) || refused.Known != 20 {
		t.Errorf("it says %v of what it has cosigned", err)
	}
	if _, err := w.Cosign([]byte("old x\n\n")); !errors.As(err, &refused) || refused.Status != 400 {
		t.Errorf("a malformed request: %v", err)
	}
}

// Over HTTP: the path, the method, the length, the type of a 409.
func TestServeHTTP(t *testing.T) {
	b := newBook(t, origin)
	b = b.history(9, 9, "")
	w := open(t, files(t, b.vkey))
	s := httptest.NewServer(w)
	defer s.Close()
	for _, c := range []struct {
		method, path, body string
		status             int
		kind, want         string
	}{
		{"GET", "/add-checkpoint", "", 405, "text/plain; charset=utf-8", "a checkpoint is posted\n"},
		{"POST", "/", "", 404, "text/plain; charset=utf-8", "404 page not found\n"},
		{"POST", "/add-checkpoint", strings.Repeat("x", witness.MaxRequest+1), 413, "text/plain; charset=utf-8", "the request is too long, or was cut off\n"},
		{"POST", "/add-checkpoint", string(b.ask(0, 9).Format()), 200, "text/plain; charset=utf-8", ""},
		{"POST", "/add-checkpoint", string(b.ask(0, 9).Format()), 409, "text/x.tlog.size", "9\n"},
	} {
		r, err := http.NewRequest(c.method, s.URL+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(a.Body)
		_ = a.Body.Close()
		if err != nil || a.StatusCode != c.status || a.Header.Get("Content-Type") != c.kind {
			t.Errorf("%s %s: %d %s (%v)", c.method, c.path, a.StatusCode, a.Header.Get("Content-Type"), err)
		}
		if c.status == 200 {
			holds(t, w, b.checkpoint(9), body)
		} else if string(body) != c.want {
			t.Errorf("%s %s: %q, want %q", c.method, c.path, body, c.want)
		}
	}
}

// Two histories are submitted at once, by many: what is cosigned is one of them.
func TestNeverTwoHistories(t *testing.T) {
	b := newBook(t, origin)
	left, right := b.history(64, 1, "left"), b.history(64, 1, "right")
	o := files(t, b.vkey)
	w := open(t, o)
	var mu sync.Mutex
	cosigned := map[*book][]int64{}
	var asking sync.WaitGroup
	for _, side := range []*book{left, right, left, right} {
		asking.Go(func() {
			old := int64(0)
			for size := int64(2); size <= 64; size++ {
				for {
					_, err := w.Cosign(side.ask(old, size).Format())
					var refused *witness.Refusal
					if err == nil {
						mu.Lock()
						cosigned[side] = append(cosigned[side], size)
						mu.Unlock()
						old = size
						break
					}
					if !errors.As(err, &refused) {
						t.Error(err)
						return
					}
					if refused.Status != http.StatusConflict || refused.Known == old || refused.Known > size {
						old = refused.Known
						break
					}
					old = refused.Known
				}
			}
		})
	}
	asking.Wait()
	if len(cosigned) != 1 {
		t.Errorf("cosigned sizes of both histories: %v and %v", cosigned[left], cosigned[right])
	}
	for side := range cosigned {
		if got := status(t, w, side.ask(64, 64)); got != 200 {
			t.Errorf("the history that it took: %d", got)
		}
	}
}

// What a log signed that does not continue what was cosigned is written down.
func TestContradictionIsWrittenDown(t *testing.T) {
	b := newBook(t, origin)
	b = b.history(9, 9, "")
	fork := b.history(9, 2, "!")
	var log bytes.Buffer
	o := files(t, b.vkey)
	o.Log = slog.New(slog.NewJSONHandler(&log, nil))
	w := open(t, o)
	status(t, w, b.ask(0, 5))
	status(t, w, fork.ask(5, 5))
	for _, want := range []string{"two checkpoints of one size", b.tree(5).Hash.String(), fork.tree(5).Hash.String()} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q: %s", want, &log)
		}
	}
	log.Reset()
	status(t, w, fork.ask(5, 9))
	if !strings.Contains(log.String(), fork.tree(9).Hash.String()) {
		t.Errorf("the log lacks the checkpoint: %s", &log)
	}
}

// A key of the log that came later counts beside the first.
func TestEitherKeyOfALog(t *testing.T) {
	b, next := newBook(t, origin), newBook(t, origin)
	w := open(t, files(t, b.vkey, next.vkey))
	if got := status(t, w, b.history(9, 9, "").ask(0, 5)); got != 200 {
		t.Errorf("signed by the first key: %d", got)
	}
	if got := status(t, w, next.history(9, 9, "").ask(5, 9)); got != 200 {
		t.Errorf("signed by the second key: %d", got)
	}
}

// The verifier takes the cosignature by the policy that an auditor writes.
func TestCosignedUnderAPolicy(t *testing.T) {
	b := newBook(t, origin)
	b = b.history(9, 9, "")
	w := open(t, files(t, b.vkey))
	p, err := verify.ParsePolicy([]byte("log " + b.vkey + "\nwitness w " + w.VerifierKey() + "\nquorum w\n"))
	if err != nil {
		t.Fatal(err)
	}
	signed := b.checkpoint(9)
	if _, err := p.Full(signed); err == nil {
		t.Error("a checkpoint without its witness is taken")
	}
	lines, err := w.Cosign(b.ask(0, 9).Format())
	if err != nil {
		t.Fatal(err)
	}
	if c, err := p.Full(append(signed, lines...)); err != nil || c.N != 9 {
		t.Errorf("the cosigned checkpoint: %v", err)
	}
}
