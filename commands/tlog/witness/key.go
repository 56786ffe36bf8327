package witness

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"filippo.io/torchwood"

	"kelisim/commands/tlog/verify"
)

const (
	keyHead = `# The key that this witness cosigns with. Whoever has it can cosign two histories: keep it as a seal is kept, together with the state.
`
	keyForm = "PRIVATE+KEY+%s+%08x+%s"
)

var errKey = errors.New("it holds no key of a witness")

// newKey makes a key file. A name that is not given is made of the key, so that no two witnesses share one.
func newKey(name string) (string, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := rand.Read(seed); err != nil {
		return "", err
	}
	if name == "" {
		sum := sha256.Sum256(publicOf(seed))
		name = "kelisim.local/witness-" + hex.EncodeToString(sum[:4])
	}
	if _, err := torchwood.NewCosignatureSigner(name, ed25519.NewKeyFromSeed(seed)); err != nil {
		return "", fmt.Errorf("%q cannot be a witness's name: %w", name, err)
	}
	return keyHead + keyLine(name, seed) + "\n", nil
}

func publicOf(seed []byte) []byte { return ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey) }

func keyLine(name string, seed []byte) string {
	id := verify.KeyID(name, append([]byte{verify.AlgCosignature}, publicOf(seed)...))
	return fmt.Sprintf(keyForm, name, id, base64.StdEncoding.EncodeToString(append([]byte{verify.AlgCosignature}, seed...)))
}

// parseKey reads a key file: one key, in the form of c2sp.org/signed-note with the type of a cosignature. No error holds a part of it.
func parseKey(text string) (*torchwood.CosignatureSigner, error) {
	var signer *torchwood.CosignatureSigner
	for _, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		fields := strings.SplitN(line, "+", 5)
		if signer != nil || len(fields) != 5 {
			return nil, errKey
		}
		raw, err := base64.StdEncoding.DecodeString(fields[4])
		if err != nil || len(raw) != 1+ed25519.SeedSize || keyLine(fields[2], raw[1:]) != line {
			return nil, errKey
		}
		if signer, err = torchwood.NewCosignatureSigner(fields[2], ed25519.NewKeyFromSeed(raw[1:])); err != nil {
			return nil, errKey
		}
	}
	if signer == nil {
		return nil, errKey
	}
	return signer, nil
}
