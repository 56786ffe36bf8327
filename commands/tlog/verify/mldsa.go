package verify

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"filippo.io/mldsa"
	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
)

// The signature types of c2sp.org/signed-note that count here.
const (
	AlgEd25519     = 0x01
	AlgCosignature = 0x04 // Ed25519 with a time, by a witness
	AlgMLDSA44     = 0x06 // by a log or a witness
)

var errKey = errors.New("malformed verifier key")

// cutKey splits a vkey into its name, its type and the public key, and checks that its id is theirs.
func cutKey(vkey string) (name string, alg byte, key []byte, err error) {
	name, rest, _ := strings.Cut(vkey, "+")
	id, text, _ := strings.Cut(rest, "+")
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) < 2 || !utf8.ValidString(name) || name == "" || strings.IndexFunc(name, unicode.IsSpace) >= 0 {
		return "", 0, nil, errKey
	}
	if id != fmt.Sprintf("%08x", KeyID(name, raw)) {
		return "", 0, nil, fmt.Errorf("%w: its id is not that of the key", errKey)
	}
	return name, raw[0], raw[1:], nil
}

// KeyID is the id of a key as signed-note counts it. typed is the type's byte and the public key.
func KeyID(name string, typed []byte) uint32 {
	h := sha256.New()
	h.Write([]byte(name + "\n"))
	h.Write(typed)
	return binary.BigEndian.Uint32(h.Sum(nil))
}

// CosignedMessage is what an ML-DSA-44 signature of c2sp.org/tlog-cosignature signs, for the checkpoint of a text.
func CosignedMessage(signer string, seconds uint64, checkpoint string) ([]byte, error) {
	c, err := torchwood.ParseCheckpoint(checkpoint)
	if err != nil {
		return nil, err
	}
	if c.Extension != "" || signer == "" || c.Origin == "" || len(signer) > 255 || len(c.Origin) > 255 {
		return nil, errors.New("the checkpoint cannot be cosigned")
	}
	b := []byte("subtree/v1\n\x00")
	b = append(append(b, byte(len(signer))), signer...)
	b = binary.BigEndian.AppendUint64(b, seconds)
	b = append(append(b, byte(len(c.Origin))), c.Origin...)
	b = binary.BigEndian.AppendUint64(b, 0)
	b = binary.BigEndian.AppendUint64(b, uint64(c.N))
	return append(b, c.Hash[:]...), nil
}

type mldsaVerifier struct {
	name string
	id   uint32
	key  *mldsa.PublicKey
}

func (v mldsaVerifier) Name() string    { return v.name }
func (v mldsaVerifier) KeyHash() uint32 { return v.id }

func (v mldsaVerifier) Verify(text, sig []byte) bool {
	if len(sig) != 8+mldsa.MLDSA44().SignatureSize() {
		return false
	}
	msg, err := CosignedMessage(v.name, binary.BigEndian.Uint64(sig), string(text))
	return err == nil && mldsa.Verify(v.key, msg, sig[8:], nil) == nil
}

// newVerifier is a vkey's verifier, if its type is one of those that may be.
func newVerifier(vkey string, may ...byte) (note.Verifier, error) {
	name, alg, key, err := cutKey(vkey)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(string(may), string([]byte{alg})) {
		return nil, fmt.Errorf("%w: signatures of type %d do not count here", errKey, alg)
	}
	switch alg {
	case AlgEd25519:
		return note.NewVerifier(vkey)
	case AlgCosignature:
		return torchwood.NewCosignatureVerifier(vkey)
	}
	public, err := mldsa.NewPublicKey(mldsa.MLDSA44(), key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errKey, err)
	}
	return mldsaVerifier{name, KeyID(name, append([]byte{alg}, key...)), public}, nil
}
