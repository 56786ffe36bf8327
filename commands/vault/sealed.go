package vault

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
	"time"

	"kelisim/commands/vault/sealed"
	"kelisim/domain"
)

// Place is what a sealed value is bound to, beside the path of its field.
type Place = sealed.Place

// ErrNotAuthentic: a sealed value is not what the vault made for this place: changed, or moved from elsewhere.
var ErrNotAuthentic = sealed.ErrNotAuthentic

const keyLen = sealed.KeyLen

// classes are the keys that each subject has.
var classes = [...]domain.Class{domain.Identity, domain.Attributes, domain.Freeform}

func isClass(c domain.Class) bool { return slices.Contains(classes[:], c) }

// newStem begins the ids of a subject's keys (sealed.KID): it holds the millisecond in which it
// was made and 72 random bits; the three keys of a subject share it, and new ones lie side by side in the store.
func newStem(now time.Time) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(now.UnixMilli()))[2:]
	return base64.RawURLEncoding.EncodeToString(append(b, random(9)...))
}

func kidOf(stem string, class domain.Class) string { return sealed.KID(stem, string(class)) }

// lengthed appends a part with its length before it, so that no two lists of parts are written alike.
func lengthed(to, part []byte) []byte {
	to = binary.BigEndian.AppendUint32(to, uint32(len(part)))
	return append(to, part...)
}
