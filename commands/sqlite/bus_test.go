package sqlite_test

import (
	"path/filepath"
	"testing"

	"kelisim/commands/bus/bustest"
	"kelisim/commands/sqlite"
)

func TestBusContract(t *testing.T) {
	bustest.Run(t, func(t *testing.T) (bustest.Store, func() bustest.Store) {
		path := filepath.Join(t.TempDir(), "bus.db")
		open := func() bustest.Store {
			b, err := sqlite.OpenBus(path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := b.Close(); err != nil {
					t.Error(err)
				}
			})
			return b
		}
		return open(), open
	})
}
