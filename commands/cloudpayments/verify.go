package cloudpayments

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Why a notification is not believed.
var (
	// ErrNoSecret: there is nothing to verify by, so nothing is taken.
	ErrNoSecret = errors.New("no API secret is set")
	// ErrUnsigned: neither of the two headers is there.
	ErrUnsigned = errors.New("the notification is not signed")
	// ErrSignature: no header fits the text under any secret.
	ErrSignature = errors.New("the signature of the notification is wrong")
)

// The two headers of a signature, each the Base64 of HMAC-SHA256 under the API secret.
const (
	headerEncoded = "Content-HMAC"   // over the bytes as they came
	headerDecoded = "X-Content-HMAC" // over the form with its escapes resolved
)

// Verify tells whether a notification was signed with one of the secrets. raw is the body of a POST, or the query of a GET, byte for
// byte as it came: a form that was parsed and written again has other escapes and another order and does not verify.
//
// One header that fits is enough. The decoded one is tried only where resolving the escapes leaves the same fields, because
// "Name=a%26Amount%3d1" and "Name=a&Amount=1" decode to one text, and what was signed must be what is read. JSON has no escapes of
// that kind: there, both headers stand for the bytes as they came.
//
// Signatures are compared in constant time, under every secret. TestVector holds the published example.
func Verify(secrets Secrets, h http.Header, raw []byte) error {
	if !secrets.Given() {
		return ErrNoSecret
	}
	encoded, decoded := h.Get(headerEncoded), h.Get(headerDecoded)
	if encoded == "" && decoded == "" {
		return ErrUnsigned
	}
	plain, sound := raw, true
	if form, err := isForm(h.Get("Content-Type")); err == nil && form {
		plain, sound = resolve(raw)
	}
	fits := false
	for _, s := range secrets {
		if s.Given() {
			fits = signs(s, raw, encoded) || fits
			fits = signs(s, plain, decoded) && sound || fits
		}
	}
	if !fits {
		return ErrSignature
	}
	return nil
}

func signs(s Secret, text []byte, header string) bool {
	sum, err := base64.StdEncoding.Strict().DecodeString(header)
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, []byte(s.reveal()))
	mac.Write(text)
	return hmac.Equal(sum, mac.Sum(nil))
}

// resolve is a form's text without escapes, and whether it has the same fields as the form.
func resolve(raw []byte) (plain []byte, sound bool) {
	text, err := url.QueryUnescape(string(raw))
	if err != nil {
		return nil, false
	}
	pairs, err := splitForm(string(raw))
	if err != nil {
		return nil, false
	}
	same := slices.EqualFunc(pairs, strings.Split(text, "&"), func(p pair, s string) bool {
		name, value, _ := strings.Cut(s, "=")
		return p == pair{name, value}
	})
	return []byte(text), same
}
