package tlog

import (
	"crypto/sha256"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"kelisim/commands/tlog/verify"
)

// SignReceipt signs a receipt whose canonical form has this SHA-256, with the Ed25519 keys; the same receipt is always signed the same. The ML-DSA form
// knows checkpoints alone: what makes a receipt last longer is the proof in it. It is checked by verify.Receipt.
func (k *Keys) SignReceipt(sum [sha256.Size]byte) ([]byte, error) {
	signed, err := note.Sign(&note.Note{Text: verify.ReceiptText(sum)}, k.quick...)
	if err != nil {
		return nil, fmt.Errorf("sign a receipt: %w", err)
	}
	return signed, nil
}
