package bus_test

import (
	"testing"

	"kelisim/commands/bus"
	"kelisim/commands/bus/bustest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	bustest.Run(t, func(*testing.T) (bustest.Store, func() bustest.Store) {
		m := &bus.Memory{}
		return m, func() bustest.Store { return m }
	})
}
