package witness_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"kelisim/commands/tlog/witness"
)

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
