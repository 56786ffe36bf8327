package witness_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"kelisim/commands/tlog/verify"
	"kelisim/commands/tlog/witness"
)

const origin = "log.test/ledger"

// book is a log with its key, and one history of it.
type book struct {
	t      testing.TB
	signer note.Signer
	vkey   string
	hashes []tlog.Hash // as tlog stores them
}

func newBook(t testing.TB, name string) *book {
	t.Helper()
	secret, public, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	return &book{t: t, signer: signer, vkey: public}
}

// history is a log with the same key whose leaves are others from a leaf on.
func (b *book) history(n, differsFrom int, how string) *book {
	b.t.Helper()
	h := *b
	h.hashes = nil
	for i := range n {
		leaf := fmt.Sprint("leaf ", i)
		if i >= differsFrom {
			leaf += how
		}
		more, err := tlog.StoredHashes(int64(i), []byte(leaf), h.reader())
		if err != nil {
			b.t.Fatal(err)
		}
		h.hashes = append(h.hashes, more...)
	}
	return &h
}

func (b *book) reader() tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) (out []tlog.Hash, err error) {
		for _, i := range indexes {
			out = append(out, b.hashes[i])
		}
		return out, nil
	})
}

func (b *book) tree(n int64) tlog.Tree {
	b.t.Helper()
	hash, err := tlog.TreeHash(n, b.reader())
	if err != nil {
		b.t.Fatal(err)
	}
	return tlog.Tree{N: n, Hash: hash}
}

func (b *book) sign(text string) []byte {
	b.t.Helper()
	signed, err := note.Sign(&note.Note{Text: text}, b.signer)
	if err != nil {
		b.t.Fatal(err)
	}
	return signed
}

func (b *book) checkpoint(n int64) []byte {
	return b.sign(torchwood.Checkpoint{Origin: b.signer.Name(), Tree: b.tree(n)}.String())
}

// ask is the request to cosign the tree of a size, for a witness that has cosigned another.
func (b *book) ask(old, size int64) witness.Request {
	b.t.Helper()
	r := witness.Request{Old: old, Checkpoint: b.checkpoint(size)}
	if old > 0 && old <= size {
		proof, err := tlog.ProveTree(size, old, b.reader())
		if err != nil {
			b.t.Fatal(err)
		}
		r.Proof = proof
	}
	return r
}

// files are those of a witness.
func files(t testing.TB, logs ...string) witness.Options {
	dir := t.TempDir()
	return witness.Options{KeyFile: filepath.Join(dir, "key"), StateFile: filepath.Join(dir, "state"), Logs: logs, Name: "witness.test/w"}
}

func open(t testing.TB, o witness.Options) *witness.Witness {
	t.Helper()
	w, err := witness.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// status is what the protocol answers to a request; with 200 the cosignature must hold.
func status(t *testing.T, w *witness.Witness, r witness.Request) int {
	t.Helper()
	lines, err := w.Cosign(r.Format())
	var refused *witness.Refusal
	if errors.As(err, &refused) {
		return refused.Status
	}
	if err != nil {
		t.Fatal(err)
	}
	holds(t, w, r.Checkpoint, lines)
	return http.StatusOK
}

func holds(t *testing.T, w *witness.Witness, checkpoint, lines []byte) {
	t.Helper()
	v, err := torchwood.NewCosignatureVerifier(w.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := bytes.Cut(checkpoint, []byte("\n\n"))
	n, err := note.Open(slices.Concat(text, []byte("\n\n"), lines), note.VerifierList(v))
	if err != nil || len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 0 {
		t.Fatalf("the cosignature does not hold: %v\n%s", err, lines)
	}
}

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

// A cosignature whose state could not be made to last is not given, and nothing is cosigned after it.
func TestStateComesFirst(t *testing.T) {
	b := newBook(t, origin)
	b = b.history(9, 9, "")
	o := files(t, b.vkey)
	dir := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	o.StateFile = filepath.Join(dir, "state")
	w := open(t, o)
	if got := status(t, w, b.ask(0, 3)); got != 200 {
		t.Fatalf("the first: %d", got)
	}
	before, err := os.ReadFile(o.StateFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	var refused *witness.Refusal
	if lines, err := w.Cosign(b.ask(3, 5).Format()); err == nil || errors.As(err, &refused) || lines != nil {
		t.Fatalf("cosigned what it could not keep: %s (%v)", lines, err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(o.StateFile, before, 0o600); err != nil {
		t.Fatal(err)
	}
	if lines, err := w.Cosign(b.ask(3, 3).Format()); err == nil {
		t.Errorf("cosigned while nobody knows what the disk holds: %s", lines)
	}
	again := open(t, o)
	if got := status(t, again, b.ask(3, 5)); got != 200 {
		t.Errorf("opened again: %d", got)
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

// A witness goes on where it was, and never begins anew under its key.
func TestLostState(t *testing.T) {
	b := newBook(t, origin)
	b = b.history(9, 9, "")
	fork := b.history(9, 2, "!")
	o := files(t, b.vkey)
	w := open(t, o)
	key := w.VerifierKey()
	if got := status(t, w, b.ask(0, 5)); got != 200 {
		t.Fatalf("the first: %d", got)
	}
	if _, err := witness.Open(o); err == nil {
		t.Error("two processes witness with one state")
	}
	_ = w.Close()
	again := open(t, o)
	if again.VerifierKey() != key {
		t.Error("opened again it is another witness")
	}
	if got := status(t, again, fork.ask(0, 9)); got != 409 {
		t.Errorf("a fork after the restart: %d", got)
	}
	if got := status(t, again, fork.ask(5, 9)); got != 422 {
		t.Errorf("a fork after the restart, asked as if it were the newest: %d", got)
	}
	_ = again.Close()

	state, err := os.ReadFile(o.StateFile)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := os.ReadFile(o.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	other := files(t, b.vkey)
	stranger := open(t, other)
	strange, err := os.ReadFile(other.StateFile)
	if err != nil {
		t.Fatal(err)
	}
	_ = stranger.Close()
	for what, put := range map[string]struct{ key, state []byte }{
		"the state is lost": {secret, nil}, "the state is damaged": {secret, bytes.Replace(state, []byte(" 5 "), []byte(" 3 "), 1)}, "the state is empty": {secret, []byte{}},
		"the state is another's": {secret, strange}, "the key is lost": {nil, state}, "the key is damaged": {secret[:len(secret)-3], state},
		"two keys": {append(secret[:len(secret):len(secret)], secret...), state},
	} {
		for name, content := range map[string][]byte{o.KeyFile: put.key, o.StateFile: put.state} {
			err := os.Remove(name)
			if content != nil {
				err = os.WriteFile(name, content, 0o600)
			}
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		}
		w, err := witness.Open(o)
		if err == nil {
			_ = w.Close()
			t.Errorf("%s, and it cosigns", what)
		} else if seed := string(secret[bytes.LastIndexByte(secret, '+')+1:]); strings.Contains(err.Error(), strings.TrimSpace(seed)) {
			t.Errorf("%s: the error tells the key", what)
		}
		if (what == "the state is lost") != errors.Is(err, witness.ErrStateLost) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A key that never came to be leaves a state that has cosigned nothing: it begins anew.
func TestBeginsAnewWhereNothingWasCosigned(t *testing.T) {
	b := newBook(t, origin)
	b = b.history(3, 3, "")
	o := files(t, b.vkey)
	o.Name = ""
	w := open(t, o)
	first := w.VerifierKey()
	_ = w.Close()
	if err := os.Remove(o.KeyFile); err != nil {
		t.Fatal(err)
	}
	again := open(t, o)
	if again.VerifierKey() == first || !strings.HasPrefix(again.VerifierKey(), "kelisim.local/witness-") {
		t.Errorf("begun as %s and again as %s", first, again.VerifierKey())
	}
	if got := status(t, again, b.ask(0, 3)); got != 200 {
		t.Errorf("the first: %d", got)
	}
	_ = again.Close()
	o.Name = "witness.test/other"
	if _, err := witness.Open(o); err == nil {
		t.Error("it took another name")
	}
	for _, name := range []string{"a b", "a+b"} {
		o := files(t, b.vkey)
		o.Name = name
		if _, err := witness.Open(o); err == nil {
			t.Errorf("a witness is called %q", name)
		}
	}
	if _, err := witness.Open(files(t, first)); err == nil {
		t.Error("it takes the key of a witness for that of a log")
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

func FuzzParseRequest(f *testing.F) {
	b := newBook(f, origin)
	b = b.history(9, 9, "")
	f.Add(b.ask(0, 9).Format())
	f.Add(b.ask(5, 9).Format())
	f.Add([]byte("old 0\n\n"))
	f.Add([]byte("old 00\n\nx"))
	f.Add([]byte("old 1\n" + strings.Repeat(tlog.Hash{}.String()+"\n", 64) + "\nx"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := witness.ParseRequest(text)
		if err != nil {
			return
		}
		if !bytes.Equal(r.Format(), text) || r.Old < 0 || len(r.Proof) > 63 {
			t.Errorf("%q is read as %+v", text, r)
		}
	})
}

func FuzzParseState(f *testing.F) {
	whole := witness.State{Witness: "w+1+k", Logs: map[string]tlog.Tree{origin: {N: 7, Hash: tlog.Hash{1}}, "b": {}}}.Format()
	f.Add(whole)
	f.Add(witness.State{Witness: "w"}.Format())
	f.Add(bytes.Replace(whole, []byte(" 7 "), []byte(" 8 "), 1))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := witness.ParseState(text)
		if err == nil && !bytes.Equal(s.Format(), text) {
			t.Errorf("%q is read as %+v", text, s)
		}
	})
}

// No bit of a state can change unseen.
func TestDamagedState(t *testing.T) {
	whole := witness.State{Witness: "w+1+k", Logs: map[string]tlog.Tree{origin: {N: 7, Hash: tlog.Hash{1}}}}.Format()
	if _, err := witness.ParseState(whole); err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		for bit := range 8 {
			bad := bytes.Clone(whole)
			bad[i] ^= 1 << bit
			if _, err := witness.ParseState(bad); err == nil {
				t.Fatalf("bit %d of byte %d changed: %s", bit, i, bad)
			}
		}
		if _, err := witness.ParseState(whole[:i]); err == nil {
			t.Fatalf("cut after %d bytes: %s", i, whole[:i])
		}
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
