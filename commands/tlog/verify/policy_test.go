package verify_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"filippo.io/mldsa"
	"filippo.io/torchwood"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	ledger "kelisim/commands/tlog"
	"kelisim/commands/tlog/tree"
	"kelisim/commands/tlog/verify"
)

const logName = "log.test/ledger"

// signer is somebody who signs checkpoints, with keys that follow from a number.
type signer struct {
	note.Signer
	vkey string
}

func key(alg byte, public []byte, name string) string {
	typed := append([]byte{alg}, public...)
	return fmt.Sprintf("%s+%08x+%s", name, verify.KeyID(name, typed), base64.StdEncoding.EncodeToString(typed))
}

func ed(t testing.TB, name string, n byte) signer {
	t.Helper()
	seed := bytes.Repeat([]byte{n}, ed25519.SeedSize)
	public := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	typed := append([]byte{verify.AlgEd25519}, public...)
	s, err := note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", name, verify.KeyID(name, typed), base64.StdEncoding.EncodeToString(append([]byte{1}, seed...))))
	if err != nil {
		t.Fatal(err)
	}
	return signer{s, key(verify.AlgEd25519, public, name)}
}

func witness(t testing.TB, name string, n byte) signer {
	t.Helper()
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
	s, err := torchwood.NewCosignatureSigner(name, private)
	if err != nil {
		t.Fatal(err)
	}
	return signer{s, s.Verifier().String()}
}

// lasting signs with ML-DSA-44 by a program that is not ours.
func lasting(t testing.TB, name string, n byte) signer {
	t.Helper()
	seed := bytes.Repeat([]byte{n}, mldsa.PrivateKeySize)
	private, err := mldsa.NewPrivateKey(mldsa.MLDSA44(), seed)
	if err != nil {
		t.Fatal(err)
	}
	vkey := key(verify.AlgMLDSA44, private.PublicKey().Bytes(), name)
	s, err := fnote.NewMLDSASigner(fmt.Sprintf("PRIVATE+KEY+%s+%s+%s", name, strings.Split(vkey, "+")[1], base64.StdEncoding.EncodeToString(append([]byte{verify.AlgMLDSA44}, seed...))))
	if err != nil {
		t.Fatal(err)
	}
	return signer{s, vkey}
}

// proof is a log of one leaf, under a checkpoint that these have signed.
func proof(t testing.TB, name string, signers ...signer) []byte {
	t.Helper()
	leaf := tree.LeafOf(tree.Event{Stream: "user-1", Type: "test.happened", Data: []byte("{}"), Meta: []byte("{}")}, tree.Hash{}).Append(nil)
	text := torchwood.Checkpoint{Origin: name, Tree: treeOf(1, leaf)}.String()
	var all []note.Signer
	for _, s := range signers {
		all = append(all, s)
	}
	signed, err := note.Sign(&note.Note{Text: text}, all...)
	if err != nil {
		t.Fatal(err)
	}
	return verify.FormatProof(verify.ProofText{Leaf: leaf, Checkpoint: signed})
}

func treeOf(n int64, leaf []byte) tlog.Tree { return tlog.Tree{N: n, Hash: tlog.RecordHash(leaf)} }

func TestPolicy(t *testing.T) {
	log, old, post := ed(t, logName, 1), ed(t, logName, 2), lasting(t, logName, 3)
	w1, w2, w3, stranger := witness(t, "w.test/1", 4), witness(t, "w.test/2", 5), lasting(t, "w.test/3", 6), ed(t, "other.test/log", 7)
	witnesses := "witness W1 " + w1.vkey + "\nwitness W2 " + w2.vkey + "\n witness\tW3 " + w3.vkey + " https://w.test/3\n"
	for _, c := range []struct {
		policy string
		name   string
		by     []signer
		want   bool
	}{
		{"log " + log.vkey + "\nquorum none", logName, []signer{log}, true},
		{"# of the ledger\n\n\tlog  " + log.vkey + " https://log.test/\nquorum none\n", logName, []signer{log, w1, stranger}, true},
		{"log " + log.vkey + "\nquorum none", logName, []signer{old}, false},
		{"log " + log.vkey + "\nquorum none", logName, []signer{stranger}, false},
		{"log " + log.vkey + "\nquorum none", "other.test/log", []signer{log}, false}, // the right key under another log's name
		{"log " + log.vkey + "\nlog " + old.vkey + "\nquorum none", logName, []signer{old}, true},
		{"log " + log.vkey + "\nlog " + old.vkey + "\nquorum none", logName, []signer{log}, true},
		{"log " + post.vkey + "\nquorum none", logName, []signer{log, post}, true},
		{"log " + post.vkey + "\nquorum none", logName, []signer{log}, false},
		{"log " + log.vkey + "\n" + witnesses + "quorum W3", logName, []signer{log, w3}, true},
		{"log " + log.vkey + "\n" + witnesses + "quorum W3", logName, []signer{log, w1, w2}, false},
		{"log " + log.vkey + "\n" + witnesses + "quorum W3", logName, []signer{w3}, false},
		{"log " + log.vkey + "\n" + witnesses + "group g 2 W1 W2 W3\nquorum g", logName, []signer{log, w1, w3}, true},
		{"log " + log.vkey + "\n" + witnesses + "group g 2 W1 W2 W3\nquorum g", logName, []signer{log, w1}, false},
		{"log " + log.vkey + "\n" + witnesses + "group a any W1 W2\ngroup b all a W3\nquorum b", logName, []signer{log, w2, w3}, true},
		{"log " + log.vkey + "\n" + witnesses + "group a any W1 W2\ngroup b all a W3\nquorum b", logName, []signer{log, w1, w2}, false},
	} {
		p, err := verify.ParsePolicy([]byte(c.policy))
		if err != nil {
			t.Errorf("%s\n%v", c.policy, err)
			continue
		}
		got, err := verify.Proof(proof(t, c.name, c.by...), p)
		if (err == nil) != c.want || c.want && (len(got.Checkpoint.Signers) == 0 || got.Stream != "user-1") {
			t.Errorf("%s\nsigned as %s by %d: %v", c.policy, c.name, len(c.by), err)
		}
	}
}

func TestMalformedPolicies(t *testing.T) {
	log, w := ed(t, logName, 1), witness(t, "w.test/1", 4)
	good := "log " + log.vkey + "\n"
	renamed := "other" + log.vkey
	for _, bad := range []string{
		"", "quorum none", good, good + "quorum none\nquorum none", good + "quorum W", good + "quorum", good + "quorum none none",
		"log\nquorum none", "log " + renamed + "\nquorum none", "log " + w.vkey + "\nquorum none", good + "log " + log.vkey + "\nquorum none",
		"log " + log.vkey + " a b\nquorum none", good + "witness W " + log.vkey + "\nquorum W", good + "witness none " + w.vkey + "\nquorum none",
		good + "witness W " + w.vkey + "\nwitness V " + w.vkey + "\nquorum W", good + "witness W " + w.vkey + "\ngroup g 2 W\nquorum g",
		good + "witness W " + w.vkey + "\ngroup g 0 W\nquorum g", good + "witness W " + w.vkey + "\ngroup g all W W\nquorum g",
		good + "witness W " + w.vkey + "\ngroup g any W V\nquorum g", good + "witness W " + w.vkey + "\ngroup W any W\nquorum W",
		good + "group g any\nquorum none", good + "quorum none\r\n", good + "quorum none\x00", good + "policy none", good + "quorum\u00a0none",
		"log " + log.vkey[:len(log.vkey)-1] + "\nquorum none", good + strings.Repeat("log x\n", 100) + "quorum none",
	} {
		if _, err := verify.ParsePolicy([]byte(bad)); err == nil {
			t.Errorf("read as a policy:\n%s", bad)
		}
	}
}

// The library's own reader takes the same policies, of those that it can, and judges alike.
func TestPolicyAgainstTorchwood(t *testing.T) {
	log, w1, w2 := ed(t, logName, 1), witness(t, "w.test/1", 4), witness(t, "w.test/2", 5)
	for _, text := range []string{
		"log " + log.vkey + "\nquorum none\n",
		"log " + log.vkey + "\nwitness a " + w1.vkey + "\nquorum a\n",
		"log " + log.vkey + "\nwitness a " + w1.vkey + "\nwitness b " + w2.vkey + "\ngroup g all a b\nquorum g\n",
	} {
		ours, err := verify.ParsePolicy([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := torchwood.ParsePolicy([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, by := range [][]signer{{log}, {w1}, {log, w1}, {log, w2}, {log, w1, w2}} {
			p := proof(t, logName, by...)
			parsed, err := verify.ParseProof(p)
			if err != nil {
				t.Fatal(err)
			}
			_, ourErr := verify.Proof(p, ours)
			theirErr := torchwood.VerifyProof(theirs, tlog.RecordHash(parsed.Leaf), p)
			if (ourErr == nil) != (theirErr == nil) {
				t.Errorf("%s signed by %d: we say %v, they say %v", text, len(by), ourErr, theirErr)
			}
		}
	}
}

// Both directions: they verify what we sign, and we what they sign (TestPolicy).
func TestMLDSAAgainstFormats(t *testing.T) {
	text, err := ledger.GenerateKeys(logName)
	if err != nil {
		t.Fatal(err)
	}
	checkpoint := torchwood.Checkpoint{Origin: logName, Tree: treeOf(7, nil)}.String()
	keys, err := ledger.ParseKeys(text, logName)
	if err != nil {
		t.Fatal(err)
	}
	signed, more, err := keys.Sign(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	for _, vkey := range keys.VerifierKeys() {
		v, err := fnote.NewVerifier(vkey)
		if err != nil {
			t.Fatal(err)
		}
		n, err := note.Open(append(signed[:len(signed):len(signed)], more...), note.VerifierList(v))
		if err != nil || len(n.Sigs) != 1 || n.Text != checkpoint {
			t.Errorf("%s: %+v (%v)", vkey[:40], n, err)
		}
	}
}
