package verify

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"
)

// Witness is one whom a policy names.
type Witness struct {
	Name string // in the policy
	Key  string // as c2sp.org/signed-note writes it
	URL  string // that checkpoints are submitted under (c2sp.org/tlog-witness), "" where the policy has none

	verifier note.Verifier
}

// errNotCosigned: among some lines there is no signature of the witness on the checkpoint.
var errNotCosigned = errors.New("there is no signature of the witness")

// Cosignature picks, from lines of signatures, what this witness said of a checkpoint. What is of others, or does not hold, is left out.
func (w Witness) Cosignature(checkpoint, lines []byte) ([]byte, error) {
	n, err := note.Open(append([]byte(noteText(checkpoint)+"\n"), lines...), note.VerifierList(w.verifier))
	if err != nil {
		return nil, errNotCosigned
	}
	s := n.Sigs[0]
	return fmt.Appendf(nil, "\u2014 %s %s\n", s.Name, s.Base64), nil
}

// LogVerifier checks the signatures of a log's key, given as c2sp.org/signed-note writes it: Ed25519 or ML-DSA-44.
func LogVerifier(vkey string) (note.Verifier, error) {
	return newVerifier(vkey, AlgEd25519, AlgMLDSA44)
}
