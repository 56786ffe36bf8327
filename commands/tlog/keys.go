package tlog

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/mldsa"
	"golang.org/x/mod/sumdb/note"

	"kelisim/commands/tlog/verify"
)

// DefaultOrigin names a log that was given no name of its own.
const DefaultOrigin = "kelisim.local/ledger"

// Keys are the log's signing keys. Every one signs each checkpoint, so that an old and a new key can overlap.
type Keys struct {
	Origin  string
	vkeys   []string
	quick   []note.Signer // Ed25519
	lasting []note.Signer // ML-DSA-44
}

// VerifierKeys are the public keys, as c2sp.org/signed-note writes them.
func (k *Keys) VerifierKeys() []string { return k.vkeys }

const keyFileHead = `# The keys that sign this ledger's log. Whoever has them can sign another history in its name: keep them as a seal is kept.
# A further pair of lines is a further key; all of them sign. The public keys are shown by the program.
`

// maxKeyFile bounds what is read of a key file.
const maxKeyFile = 64 << 10

// OpenKeys reads the signing keys from a file, and makes the file with new keys if it is not there. Only the owner may read it (0600), and it must be of
// this origin, since a log's name is its identity: anything else is refused.
func OpenKeys(path, origin string) (*Keys, error) {
	text, err := readKeys(path)
	if errors.Is(err, os.ErrNotExist) {
		if text, err = createKeys(path, origin); errors.Is(err, os.ErrExist) {
			text, err = readKeys(path) // another process made it
		}
	}
	if err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	k, err := ParseKeys(text, origin)
	if err != nil {
		return nil, fmt.Errorf("signing keys in %s: %w", path, err)
	}
	return k, nil
}

func readKeys(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s has mode %v: it must be a file that only its owner may read (chmod 600)", path, info.Mode())
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	return string(text), err
}

func createKeys(path, origin string) (string, error) {
	text, err := GenerateKeys(origin)
	if err != nil {
		return "", err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".log-key-*") // 0600
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", err
	}
	if err := os.Link(f.Name(), path); err != nil { // fails where the name is taken, so that no key is ever replaced
		return "", err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", err
	}
	return text, errors.Join(dir.Sync(), dir.Close())
}

// GenerateKeys makes an Ed25519 and an ML-DSA-44 key, as a key file holds them.
func GenerateKeys(origin string) (string, error) {
	ed, _, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return "", fmt.Errorf("origin %q: %w", origin, err)
	}
	seed := make([]byte, mldsa.PrivateKeySize)
	if _, err := rand.Read(seed); err != nil {
		return "", err
	}
	ml, err := mldsaText(origin, seed)
	if err != nil {
		return "", err
	}
	return keyFileHead + ed + "\n" + ml + "\n", nil
}

const secretForm = "PRIVATE+KEY+%s+%08x+%s"

func mldsaText(origin string, seed []byte) (string, error) {
	key, err := mldsa.NewPrivateKey(mldsa.MLDSA44(), seed)
	if err != nil {
		return "", err
	}
	id := verify.KeyID(origin, append([]byte{verify.AlgMLDSA44}, key.PublicKey().Bytes()...))
	return fmt.Sprintf(secretForm, origin, id, base64.StdEncoding.EncodeToString(append([]byte{verify.AlgMLDSA44}, seed...))), nil
}

// ParseKeys reads a key file: a key a line, in the form of signed-note, all of them of one origin, at least one of them Ed25519. No error holds a part of a key.
func ParseKeys(text, origin string) (*Keys, error) {
	k := &Keys{Origin: origin}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if err := k.add(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	if len(k.quick) == 0 {
		return nil, errors.New("there is no Ed25519 key")
	}
	return k, nil
}

var errKeyLine = errors.New("it is no signing key")

func (k *Keys) add(line string) error {
	fields := strings.SplitN(line, "+", 5)
	if len(fields) != 5 || fields[0] != "PRIVATE" || fields[1] != "KEY" {
		return errKeyLine
	}
	if fields[2] != k.Origin {
		return fmt.Errorf("it is a key of %q, and the log is %q: a log's name is never changed", fields[2], k.Origin)
	}
	raw, err := base64.StdEncoding.DecodeString(fields[4])
	if err != nil || len(raw) < 2 {
		return errKeyLine
	}
	switch raw[0] {
	case verify.AlgEd25519:
		return k.addEd25519(line, raw[1:])
	case verify.AlgMLDSA44:
		return k.addMLDSA(line, raw[1:])
	}
	return errKeyLine
}

func (k *Keys) addEd25519(line string, seed []byte) error {
	s, err := note.NewSigner(line)
	if err != nil || len(seed) != ed25519.SeedSize {
		return errKeyLine
	}
	vkey, err := note.NewEd25519VerifierKey(k.Origin, ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
	if err != nil {
		return errKeyLine
	}
	k.quick, k.vkeys = append(k.quick, s), append(k.vkeys, vkey)
	return nil
}

func (k *Keys) addMLDSA(line string, seed []byte) error {
	if again, err := mldsaText(k.Origin, seed); err != nil || again != line {
		return errKeyLine
	}
	key, err := mldsa.NewPrivateKey(mldsa.MLDSA44(), seed)
	if err != nil {
		return errKeyLine
	}
	public := append([]byte{verify.AlgMLDSA44}, key.PublicKey().Bytes()...)
	s := mldsaSigner{k.Origin, verify.KeyID(k.Origin, public), key}
	k.lasting = append(k.lasting, s)
	k.vkeys = append(k.vkeys, fmt.Sprintf("%s+%08x+%s", s.name, s.id, base64.StdEncoding.EncodeToString(public)))
	return nil
}

// mldsaSigner signs as c2sp.org/tlog-cosignature asks. Its time is 0, which the format allows to one who says nothing of when: so the same
// checkpoint has the same signature whoever makes it.
type mldsaSigner struct {
	name string
	id   uint32
	key  *mldsa.PrivateKey
}

func (s mldsaSigner) Name() string    { return s.name }
func (s mldsaSigner) KeyHash() uint32 { return s.id }

func (s mldsaSigner) Sign(text []byte) ([]byte, error) {
	msg, err := verify.CosignedMessage(s.name, 0, string(text))
	if err != nil {
		return nil, err
	}
	sig, err := s.key.SignDeterministic(msg, nil)
	if err != nil {
		return nil, err
	}
	return append(make([]byte, 8, 8+len(sig)), sig...), nil
}

// Sign signs the text of a checkpoint: the note with the quick signatures, and the lines of the lasting ones. The same text is always signed the same.
func (k *Keys) Sign(text string) (signed, lasting []byte, err error) {
	if signed, err = note.Sign(&note.Note{Text: text}, k.quick...); err != nil {
		return nil, nil, fmt.Errorf("sign a checkpoint: %w", err)
	}
	if len(k.lasting) == 0 {
		return signed, nil, nil
	}
	other, err := note.Sign(&note.Note{Text: text}, k.lasting...)
	if err != nil {
		return nil, nil, fmt.Errorf("sign a checkpoint: %w", err)
	}
	return signed, other[len(text)+1:], nil
}

// PolicyText is a policy that believes any of the keys, and asks for no witness.
func PolicyText(vkeys []string) []byte {
	var b []byte
	for _, k := range vkeys {
		b = fmt.Appendf(b, "log %s\n", k)
	}
	return append(b, "quorum none\n"...)
}
