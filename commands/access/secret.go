package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"strings"
)

// A token reads kls_ID_SECRET_CRC: 16 letters of base32, 43 of base64url (256 random bits), 8 hexadecimal digits of CRC-32 over all
// before the last underscore. The prefix and the checksum let scanners for leaked secrets find one, and let a
// mistyped one be told from a revoked one without a look-up. The widths are fixed because base64url has underscores of its own.
const (
	prefix      = "kls_"
	idWidth     = 16
	secretWidth = 43
	crcWidth    = 8
	tokenWidth  = len(prefix) + idWidth + 1 + secretWidth + 1 + crcWidth
)

var idLetters = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// mint makes a new token and its id.
func mint() (token, id string) {
	var random [10 + 32]byte
	_, _ = rand.Read(random[:]) // never fails: the runtime ends the program if it cannot be random
	id = idLetters.EncodeToString(random[:10])
	head := prefix + id + "_" + base64.RawURLEncoding.EncodeToString(random[10:])
	return head + "_" + checksum(head), id
}

// parse takes the id out of a token of the right form.
func parse(token string) (id string, ok bool) {
	if len(token) != tokenWidth || !strings.HasPrefix(token, prefix) {
		return "", false
	}
	head, crc := token[:tokenWidth-crcWidth-1], token[tokenWidth-crcWidth:]
	if token[len(head)] != '_' || token[len(prefix)+idWidth] != '_' || checksum(head) != crc {
		return "", false
	}
	return token[len(prefix) : len(prefix)+idWidth], true
}

func checksum(head string) string {
	return fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(head)))
}

func hash(token string) [sha256.Size]byte { return sha256.Sum256([]byte(token)) }
