package tlog_test

import (
	"testing"

	"kelisim/commands/tlog"
	"kelisim/commands/tlog/tlogtest"
)

func TestMemoryContract(t *testing.T) {
	tlogtest.Store(t, func(*testing.T) (tlog.Store, func() tlog.Store) {
		m := &tlog.Memory{}
		return m, func() tlog.Store { return m }
	})
}
