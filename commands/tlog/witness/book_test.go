package witness_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

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
