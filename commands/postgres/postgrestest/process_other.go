//go:build !linux

package postgrestest

import (
	"errors"
	"os"
	"os/exec"
)

var quickly = os.Interrupt

func give(string) error { return nil }

func asServer(*exec.Cmd) {}

// startWithUs: only on Linux can a server be made to end with its test.
func startWithUs(*exec.Cmd, chan struct{}) error {
	return errors.New("a PostgreSQL server is started for tests on Linux alone: name one in KELISIM_TEST_POSTGRES=postgres://…")
}

func children(int) []int { return nil }
