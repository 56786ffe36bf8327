// Package sealed is the stored form of a personal value: how it is sealed under a subject's key for its place, and how it is opened with
// the key of that one field. It does no I/O and imports nothing of ours, so that both the vault, which holds the keys, and the verifier,
// which is given a field's key and nothing else, stand on it.
package sealed

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
)

// KeyLen is the length of a subject's key, and of a field's, in bytes.
const KeyLen = 32

// ErrNotAuthentic: a sealed value is not what was made for this place: changed, or moved from elsewhere.
var ErrNotAuthentic = fmt.Errorf("a sealed value is not authentic at its place")

// Place is what a sealed value is bound to, beside the path of its field.
type Place struct {
	Stream  string
	EventID [16]byte
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
	commitLen  = 32
	tagLen     = 16
	padTo      = 64
	openKID    = `{"$pd":1,"kid":"`
	openClass  = `","c":"`
	openCT     = `","ct":"`
	closeAll   = `"}`
	infoPrefix = "kelisim/pd/1"
)

// Value is a sealed value, read.
type Value struct {
	KID   string // of the key that it is sealed under
	Class string
	bytes []byte // salt ‖ commitment ‖ ciphertext ‖ tag
}

func (v Value) salt() []byte       { return v.bytes[:saltLen] }
func (v Value) commitment() []byte { return v.bytes[saltLen : saltLen+commitLen] }
func (v Value) ciphertext() []byte { return v.bytes[saltLen+commitLen:] }

func (v Value) json() json.RawMessage {
	n := base64.StdEncoding.EncodedLen(len(v.bytes))
	out := make([]byte, 0, len(openKID)+len(v.KID)+len(openClass)+len(v.Class)+len(openCT)+n+len(closeAll))
	out = append(append(out, openKID...), v.KID...)
	out = append(append(out, openClass...), v.Class...)
	out = append(out, openCT...)
	out = base64.StdEncoding.AppendEncode(out, v.bytes)
	return append(out, closeAll...)
}

// Parse reads the stored form. It takes only the bytes that Seal writes, so that one value has one form (vault: FuzzSealed).
func Parse(raw []byte) (Value, error) {
	text, ok := strings.CutPrefix(string(raw), openKID)
	kid, text, ok1 := strings.Cut(text, openClass)
	class, text, ok2 := strings.Cut(text, openCT)
	ct, ok3 := strings.CutSuffix(text, closeAll)
	if !ok || !ok1 || !ok2 || !ok3 || !slices.Contains(classes[:], class) || !isKID(kid, class) {
		return Value{}, fmt.Errorf("%w: it has not the sealed form", ErrNotAuthentic)
	}
	b, err := base64.StdEncoding.Strict().DecodeString(ct)
	if err != nil || base64.StdEncoding.EncodedLen(len(b)) != len(ct) { // the decoder passes over line ends
		return Value{}, fmt.Errorf("%w: its bytes are not in base64", ErrNotAuthentic)
	}
	if n := len(b) - saltLen - commitLen - tagLen; n < padTo || n%padTo != 0 {
		return Value{}, fmt.Errorf("%w: it has %d bytes", ErrNotAuthentic, len(b))
	}
	return Value{kid, class, b}, nil
}

var classes = [...]string{"identity", "attributes", "freeform"}

// A key's id is 20 characters of base64url, a dot and the first letter of its class.
const stemLen = 20

// KID is the id of the key of a class among those that share a stem.
func KID(stem, class string) string { return stem + "." + class[:1] }

func isKID(s, class string) bool {
	if len(s) != stemLen+2 || s != KID(s[:stemLen], class) {
		return false
	}
	_, err := base64.RawURLEncoding.DecodeString(s[:stemLen])
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

func (p Place) bound(path string, v Value) []byte {
	b := lengthed(nil, []byte(p.Stream))
	b = lengthed(b, p.EventID[:])
	b = lengthed(b, []byte(p.Type))
	b = lengthed(b, []byte(path))
	b = lengthed(b, binary.BigEndian.AppendUint64(nil, uint64(p.Version)))
	b = lengthed(b, []byte(v.KID))
	return lengthed(b, v.salt()) // a field key is shown without its salt, which must be held all the same
}

// FieldKey is the key of this value and of nothing else, 32 bytes, from the subject's key that it was sealed under. The subject's key does
// not follow from it.
func (v Value) FieldKey(dek []byte) ([]byte, error) { return fieldKey(dek, v.salt()) }

func fieldKey(dek, salt []byte) ([]byte, error) {
	k, err := hkdf.Extract(sha256.New, dek, salt)
	if err != nil {
		return nil, fmt.Errorf("derive a field key: %w", err)
	}
	return k, nil
}

// expand makes the cipher and the commitment of one field.
func expand(fieldKey []byte, p Place, path string) (cipher.AEAD, []byte, error) {
	okm, err := hkdf.Expand(sha256.New, fieldKey, p.info(path), KeyLen+commitLen)
	if err != nil {
		return nil, nil, fmt.Errorf("derive a field's keys: %w", err)
	}
	block, err := aes.NewCipher(okm[:KeyLen])
	if err != nil {
		return nil, nil, fmt.Errorf("make a field's cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, nil, fmt.Errorf("make a field's cipher: %w", err)
	}
	return aead, okm[KeyLen:], nil
}

var zeroNonce [12]byte

// Seal seals one value under a subject's key for a place and the path of its field.
func Seal(dek []byte, kid, class string, p Place, path, text string) (json.RawMessage, error) {
	padded := (len(text)/padTo + 1) * padTo
	v := Value{KID: kid, Class: class, bytes: make([]byte, saltLen+commitLen+padded, saltLen+commitLen+padded+tagLen)}
	rand.Read(v.salt())
	key, err := fieldKey(dek, v.salt())
	if err != nil {
		return nil, err
	}
	aead, commitment, err := expand(key, p, path)
	if err != nil {
		return nil, err
	}
	copy(v.commitment(), commitment)
	in := v.ciphertext()
	in[copy(in, text)] = 0x80 // the end of the text; zeros follow it
	v.bytes = aead.Seal(v.bytes[:saltLen+commitLen], zeroNonce[:], in, p.bound(path, v))
	return v.json(), nil
}

// Open opens the value with its field key, after checking that it was made with this very key at this place and path: ErrNotAuthentic
// else. It needs no key store.
func (v Value) Open(key []byte, p Place, path string) (string, error) {
	if len(key) != KeyLen { // HMAC would take a key with zeros behind it for the same
		return "", fmt.Errorf("%w: a field key has %d bytes", ErrNotAuthentic, KeyLen)
	}
	aead, commitment, err := expand(key, p, path)
	if err != nil {
		return "", err
	}
	if subtle.ConstantTimeCompare(commitment, v.commitment()) != 1 {
		return "", fmt.Errorf("%w: it was not sealed with this key for this place", ErrNotAuthentic)
	}
	text, err := aead.Open(nil, zeroNonce[:], v.ciphertext(), p.bound(path, v))
	if err != nil {
		return "", fmt.Errorf("%w: its seal is broken", ErrNotAuthentic)
	}
	end := bytes.LastIndexByte(text, 0x80)
	if end < 0 {
		return "", fmt.Errorf("%w: its padding is broken", ErrNotAuthentic)
	}
	return string(text[:end]), nil
}
