package vault

import (
	"encoding/json"

	"kelisim/commands/vault/sealed"
)

// OpenWith opens one value with the key of that field alone (Vault.FieldKey), as the verifier of a bundle does it: without a key store.
func OpenWith(fieldKey []byte, stored json.RawMessage, p Place, path string) (string, error) {
	v, err := sealed.Parse(stored)
	if err != nil {
		return "", err
	}
	return v.Open(fieldKey, p, path)
}
