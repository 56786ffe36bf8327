package cloudpayments

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// Secret is a text that shows itself to nobody: it prints, formats, logs and marshals as [secret].
type Secret struct {
	// text is behind a pointer because fmt prints the inside of a value that stands in an unexported field without asking it.
	text *string
}

// NewSecret keeps a text from being shown.
func NewSecret(text string) Secret { return Secret{&text} }

// Given tells whether there is a text at all.
func (s Secret) Given() bool { return s.text != nil && *s.text != "" }

func (s Secret) reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

func (s Secret) String() string               { return "[secret]" }
func (s Secret) GoString() string             { return "[secret]" }
func (s Secret) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte("[secret]")) }
func (s Secret) LogValue() slog.Value         { return slog.StringValue("[secret]") }
func (s Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// Secrets are the API secrets by which a notification may be signed: one, or two while one replaces the other. Our own calls use the first.
type Secrets []Secret

const maxSecrets = 2

// ParseSecrets reads a setting of one secret, or two with a comma between them. An empty setting gives none, and with none no
// notification is taken.
func ParseSecrets(setting string) (Secrets, error) {
	var out Secrets
	for s := range strings.SplitSeq(setting, ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, NewSecret(s))
		}
	}
	if len(out) > maxSecrets {
		return nil, errors.New("more than two API secrets are set: two are enough to replace one")
	}
	return out, nil
}

// Given tells whether there is a secret to verify by.
func (s Secrets) Given() bool {
	for _, k := range s {
		if k.Given() {
			return true
		}
	}
	return false
}
