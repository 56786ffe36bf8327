package bus

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// SignatureHeader holds when a web hook was sent and what proves by whom: "t=SECONDS,v1=HEX", with a v1 for each secret while one replaces another. A v1 is
// the HMAC-SHA256 under one secret of the bytes of t, a full stop, and the body as it is sent (TestSignature).
const SignatureHeader = "Kelisim-Signature"

// Secrets sign web hooks: one, or two while one replaces the other. They print and log as nothing.
type Secrets []string

const minSecret = 16

// ParseSecrets reads "one" or "new,old".
func ParseSecrets(s string) (Secrets, error) {
	all := strings.Split(s, ",")
	for i, one := range all {
		if all[i] = strings.TrimSpace(one); len(all[i]) < minSecret {
			return nil, fmt.Errorf("a secret of at least %d characters is wanted, or two with a comma between them while one replaces the other", minSecret)
		}
	}
	if len(all) > 2 {
		return nil, fmt.Errorf("one secret, or two with a comma between them, are wanted")
	}
	return all, nil
}

func (s Secrets) String() string   { return "[secrets]" }
func (s Secrets) GoString() string { return "[secrets]" }

// Sign writes the header's value for a body that is sent at a moment.
func (s Secrets) Sign(at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	out := "t=" + t
	for _, secret := range s {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(t + "."))
		mac.Write(body)
		out += ",v1=" + hex.EncodeToString(mac.Sum(nil))
	}
	return out
}
