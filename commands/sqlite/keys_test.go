package sqlite

import (
	"path/filepath"
	"testing"

	"kelisim/commands/vault"
	"kelisim/commands/vault/vaulttest"
)

func openKeys(t *testing.T, path string) *Keys {
	t.Helper()
	k, err := OpenKeys(path, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	return k
}

func TestKeys(t *testing.T) {
	vaulttest.Test(t, func(t *testing.T) vault.Keys { return openKeys(t, filepath.Join(t.TempDir(), "keys.db")) })
}
