package vault

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"kelisim/domain"
)

// Place is what a sealed value is bound to, beside the path of its field.
type Place struct {
	Stream  string
	EventID uuid.UUID
	Type    string
	Version int // as stored, whatever shape the event was lifted to
}

// The stored form of a value is {"$pd":1,"kid":KEY,"c":CLASS,"ct":BASE64} in exactly these bytes. ct holds
//
//	salt (24) ‖ commitment (32) ‖ ciphertext (a multiple of 64) ‖ tag (16)
//
// Salt and key give the field key by HKDF-Extract (SHA-256); the field key and the field's place give the encryption key and
// the commitment by HKDF-Expand. The salt is fresh for each sealing, so that an encryption key is used once and the nonce can be zero.
// GCM alone does not bind a key to its ciphertext: the commitment does, so that nobody can show another field key
// under which the same bytes read as something else. The text is padded, so that a length does not tell who it is.
const (
	saltLen    = 24
	keyLen     = 32
	commitLen  = 32
	tagLen     = 16
	padTo      = 64
	openKID    = `{"$pd":1,"kid":"`
	openClass  = `","c":"`
	openCT     = `","ct":"`
	closeAll   = `"}`
	infoPrefix = "kelisim/pd/1"
)

type sealed struct {
	kid   string
	class domain.Class
	bytes []byte // salt ‖ commitment ‖ ciphertext ‖ tag
}

func (s sealed) salt() []byte       { return s.bytes[:saltLen] }
func (s sealed) commitment() []byte { return s.bytes[saltLen : saltLen+commitLen] }
func (s sealed) ciphertext() []byte { return s.bytes[saltLen+commitLen:] }

func (s sealed) json() json.RawMessage {
	n := base64.StdEncoding.EncodedLen(len(s.bytes))
	out := make([]byte, 0, len(openKID)+len(s.kid)+len(openClass)+len(s.class)+len(openCT)+n+len(closeAll))
	out = append(append(out, openKID...), s.kid...)
	out = append(append(out, openClass...), s.class...)
	out = append(out, openCT...)
	out = base64.StdEncoding.AppendEncode(out, s.bytes)
	return append(out, closeAll...)
}

// parseSealed reads the stored form. It takes only the bytes that json writes, so that one value has one form.
func parseSealed(raw []byte) (sealed, error) {
	text, ok := strings.CutPrefix(string(raw), openKID)
	kid, text, ok1 := strings.Cut(text, openClass)
	class, text, ok2 := strings.Cut(text, openCT)
	ct, ok3 := strings.CutSuffix(text, closeAll)
	if !ok || !ok1 || !ok2 || !ok3 || !isClass(domain.Class(class)) || !isKID(kid, domain.Class(class)) {
		return sealed{}, fmt.Errorf("%w: it has not the sealed form", ErrNotAuthentic)
	}
	b, err := base64.StdEncoding.Strict().DecodeString(ct)
	if err != nil || base64.StdEncoding.EncodedLen(len(b)) != len(ct) { // the decoder passes over line ends
		return sealed{}, fmt.Errorf("%w: its bytes are not in base64", ErrNotAuthentic)
	}
	if n := len(b) - saltLen - commitLen - tagLen; n < padTo || n%padTo != 0 {
		return sealed{}, fmt.Errorf("%w: it has %d bytes", ErrNotAuthentic, len(b))
	}
	return sealed{kid, domain.Class(class), b}, nil
}

// classes are the keys that each subject has.
var classes = [...]domain.Class{domain.Identity, domain.Attributes, domain.Freeform}

func isClass(c domain.Class) bool { return slices.Contains(classes[:], c) }

// A key's id is 20 characters of base64url, a dot and the first letter of its class. The first part holds the millisecond in which it
// was made and 72 random bits; the three keys of a subject share it, and new ones lie side by side in the store.
const kidStem = 20

func newStem(now time.Time) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(now.UnixMilli()))[2:]
	return base64.RawURLEncoding.EncodeToString(append(b, random(9)...))
}

func kidOf(stem string, class domain.Class) string { return stem + "." + string(class[0]) }

func isKID(s string, class domain.Class) bool {
	if len(s) != kidStem+2 || s != kidOf(s[:kidStem], class) {
		return false
	}
	_, err := base64.RawURLEncoding.DecodeString(s[:kidStem])
	return err == nil && !strings.ContainsAny(s, "\r\n")
}

// lengthed appends a part with its length before it, so that no two lists of parts are written alike.
func lengthed(to, part []byte) []byte {
	to = binary.BigEndian.AppendUint32(to, uint32(len(part)))
	return append(to, part...)
}

// info and bound are what ties a value to its place: by its keys, and by what GCM authenticates.
func (p Place) info(path string) string {
	b := lengthed([]byte(infoPrefix), []byte(p.Stream))
	b = lengthed(b, []byte(p.Type))
	return string(lengthed(b, []byte(path)))
}

func (p Place) bound(path string, s sealed) []byte {
	b := lengthed(nil, []byte(p.Stream))
	b = lengthed(b, p.EventID[:])
	b = lengthed(b, []byte(p.Type))
	b = lengthed(b, []byte(path))
	b = lengthed(b, binary.BigEndian.AppendUint64(nil, uint64(p.Version)))
	b = lengthed(b, []byte(s.kid))
	return lengthed(b, s.salt()) // a field key is shown without its salt, which must be held all the same
}

func fieldKey(dek, salt []byte) ([]byte, error) {
	k, err := hkdf.Extract(sha256.New, dek, salt)
	if err != nil {
		return nil, fmt.Errorf("derive a field key: %w", err)
	}
	return k, nil
}

// expand makes the cipher and the commitment of one field.
func expand(fieldKey []byte, p Place, path string) (cipher.AEAD, []byte, error) {
	okm, err := hkdf.Expand(sha256.New, fieldKey, p.info(path), keyLen+commitLen)
	if err != nil {
		return nil, nil, fmt.Errorf("derive a field's keys: %w", err)
	}
	block, err := aes.NewCipher(okm[:keyLen])
	if err != nil {
		return nil, nil, fmt.Errorf("make a field's cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, nil, fmt.Errorf("make a field's cipher: %w", err)
	}
	return aead, okm[keyLen:], nil
}

var zeroNonce [12]byte

// sealText seals one value under a subject's key.
func sealText(dek []byte, kid string, class domain.Class, p Place, path, text string) (json.RawMessage, error) {
	padded := (len(text)/padTo + 1) * padTo
	s := sealed{kid: kid, class: class, bytes: make([]byte, saltLen+commitLen+padded, saltLen+commitLen+padded+tagLen)}
	rand.Read(s.salt())
	key, err := fieldKey(dek, s.salt())
	if err != nil {
		return nil, err
	}
	aead, commitment, err := expand(key, p, path)
	if err != nil {
		return nil, err
	}
	copy(s.commitment(), commitment)
	in := s.ciphertext()
	in[copy(in, text)] = 0x80 // the end of the text; zeros follow it
	s.bytes = aead.Seal(s.bytes[:saltLen+commitLen], zeroNonce[:], in, p.bound(path, s))
	return s.json(), nil
}

// openText opens one value with its field key, after checking that the value was made with this very key.
func openText(key []byte, s sealed, p Place, path string) (string, error) {
	if len(key) != keyLen { // HMAC would take a key with zeros behind it for the same
		return "", fmt.Errorf("%w: a field key has %d bytes", ErrNotAuthentic, keyLen)
	}
	aead, commitment, err := expand(key, p, path)
	if err != nil {
		return "", err
	}
	if subtle.ConstantTimeCompare(commitment, s.commitment()) != 1 {
		return "", fmt.Errorf("%w: it was not sealed with this key for this place", ErrNotAuthentic)
	}
	text, err := aead.Open(nil, zeroNonce[:], s.ciphertext(), p.bound(path, s))
	if err != nil {
		return "", fmt.Errorf("%w: its seal is broken", ErrNotAuthentic)
	}
	end := bytes.LastIndexByte(text, 0x80)
	if end < 0 {
		return "", fmt.Errorf("%w: its padding is broken", ErrNotAuthentic)
	}
	return string(text[:end]), nil
}

// OpenWith opens one value with the key of that field alone (Vault.FieldKey). It needs no key store, and fails with
// ErrNotAuthentic unless the value was sealed with this key at this place and path.
func OpenWith(fieldKey []byte, stored json.RawMessage, p Place, path string) (string, error) {
	s, err := parseSealed(stored)
	if err != nil {
		return "", err
	}
	return openText(fieldKey, s, p, path)
}
