package verify_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/mod/sumdb/tlog"

	"kelisim/commands/tlog/tree"
	"kelisim/commands/tlog/verify"
)

func TestFaultsNameTheirPlace(t *testing.T) {
	for _, c := range []struct {
		place verify.Place
		want  string
	}{
		{verify.Nowhere, "gap: x"},
		{verify.InFile("tile/0/000"), "gap at tile/0/000: x"},
		{verify.InStream("user-1", 0), "gap at user-1 revision 0: x"},
		{verify.InStream("user-1", -1), "gap at user-1: x"},
		{verify.Place{File: "events.ndjson", Index: 0, Position: 7, Stream: "user-1", Revision: 3}, "gap at events.ndjson, leaf 0, user-1 revision 3, position 7: x"},
	} {
		if got := (&verify.Fault{Code: "gap", Place: c.place, Detail: "x"}).Error(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestProofOfAnotherLeafFails(t *testing.T) {
	log := ed(t, logName, 1)
	policy, err := verify.ParsePolicy([]byte("log " + log.vkey + "\nquorum none"))
	if err != nil {
		t.Fatal(err)
	}
	good := proof(t, logName, log)
	p, err := verify.ParseProof(good)
	if err != nil {
		t.Fatal(err)
	}
	other := tree.LeafOf(tree.Event{Stream: "user-2"}, tree.Hash{}).Append(nil)
	for what, change := range map[string]func(*verify.ProofText){
		"another leaf":    func(p *verify.ProofText) { p.Leaf = other },
		"no leaf":         func(p *verify.ProofText) { p.Leaf = []byte("x") },
		"another index":   func(p *verify.ProofText) { p.Index = 1 },
		"a hash too many": func(p *verify.ProofText) { p.Path = append(p.Path, tree.Hash{}) },
		"unsigned":        func(p *verify.ProofText) { p.Checkpoint = p.Checkpoint[:bytes.Index(p.Checkpoint, []byte("\n\n"))+2] },
	} {
		changed := p
		change(&changed)
		var f *verify.Fault
		if _, err := verify.Proof(verify.FormatProof(changed), policy); !errors.As(err, &f) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func FuzzParsePolicy(f *testing.F) {
	log, w := ed(f, logName, 1), witness(f, "w.test/1", 4)
	f.Add([]byte("log " + log.vkey + "\nwitness W " + w.vkey + "\ngroup g any W\nquorum g\n"))
	f.Add([]byte("# none\nlog " + log.vkey + "\nquorum none"))
	signed := proof(f, logName, log, w)
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := verify.ParsePolicy(text)
		if err != nil {
			return
		}
		if _, err := verify.Proof(signed, p); err == nil && !bytes.Contains(text, []byte(log.vkey)) {
			t.Errorf("a policy that does not name the log believes it: %q", text)
		}
	})
}

// Whatever is changed in a proof, it is refused, or says the same.
func FuzzProof(f *testing.F) {
	log := ed(f, logName, 1)
	policy, err := verify.ParsePolicy([]byte("log " + log.vkey + "\nquorum none"))
	if err != nil {
		f.Fatal(err)
	}
	good := proof(f, logName, log)
	want, err := verify.Proof(good, policy)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(proof(f, logName, log, witness(f, "w.test/1", 4)))
	f.Add([]byte("c2sp.org/tlog-proof@v1\nindex 0\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if p, err := verify.ParseProof(text); err == nil && !bytes.Equal(verify.FormatProof(p), text) {
			t.Errorf("%q was read as %+v", text, p)
		}
		if got, err := verify.Proof(text, policy); err == nil && (got.Leaf != want.Leaf || got.Index != want.Index) {
			t.Errorf("%q proves %+v", text, got)
		}
	})
}

func FuzzParseHashes(f *testing.F) {
	f.Add([]byte(tlog.RecordHash(nil).String() + "\n"))
	f.Add([]byte(strings.Repeat(tlog.RecordHash(nil).String()+"\n", 65)))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, text []byte) {
		if h, err := verify.ParseHashes(text); err == nil && !bytes.Equal(verify.FormatHashes(h), text) {
			t.Errorf("%q was read as %v", text, h)
		}
	})
}

// No checkpoint that the log did not sign is believed, whatever it looks like.
func FuzzCheckpoint(f *testing.F) {
	log := ed(f, logName, 1)
	policy, err := verify.ParsePolicy([]byte("log " + log.vkey + "\nquorum none"))
	if err != nil {
		f.Fatal(err)
	}
	p, err := verify.ParseProof(proof(f, logName, log, lasting(f, logName, 3)))
	if err != nil {
		f.Fatal(err)
	}
	text, _, _ := bytes.Cut(p.Checkpoint, []byte("\n\n"))
	f.Add(p.Checkpoint)
	f.Add([]byte(logName + "\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— log.test/ledger AAAAAA==\n"))
	f.Fuzz(func(t *testing.T, signed []byte) {
		v, err := verify.BundleFS(t.Context(), fstest.MapFS{verify.FileCheckpoint: {Data: signed}}, verify.Options{Policy: policy})
		var fault *verify.Fault
		if !errors.As(err, &fault) {
			t.Errorf("a bundle with no event: %+v (%v)", v, err)
		} else if v.Size != 0 && !bytes.HasPrefix(signed, append(text, "\n\n"...)) {
			t.Errorf("%q was believed", signed)
		}
	})
}
