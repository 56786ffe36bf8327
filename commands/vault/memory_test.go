package vault_test

import (
	"testing"

	"kelisim/commands/vault"
	"kelisim/commands/vault/vaulttest"
)

func TestMemory(t *testing.T) {
	vaulttest.Test(t, func(*testing.T) vault.Keys { return &vault.Memory{} })
}
