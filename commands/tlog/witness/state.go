package witness

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/mod/sumdb/tlog"
)

// State is the newest checkpoint of each log that was cosigned, by the log's origin. It is all that a witness must never forget.
type State struct {
	Witness string // the witness's own public key: a state serves no other
	Logs    map[string]tlog.Tree
}

const stateHead = "kelisim witness state, version 1\n"

var errState = errors.New("it is no state of a witness, or it is damaged")

// Format writes a state: a line for the witness, one for each log with its size and its root, and one that the whole is checked by.
func (s State) Format() []byte {
	b := fmt.Appendf(nil, "%switness %s\n", stateHead, s.Witness)
	for _, origin := range slices.Sorted(maps.Keys(s.Logs)) {
		b = fmt.Appendf(b, "log %s %d %s\n", origin, s.Logs[origin].N, s.Logs[origin].Hash)
	}
	return fmt.Appendf(b, "sum %x\n", sha256.Sum256(b))
}

// ParseState reads what Format writes, and nothing else (FuzzParseState): a state with a changed byte is none.
func ParseState(b []byte) (State, error) {
	at := bytes.LastIndex(b, []byte("\nsum ")) + 1
	sum := sha256.Sum256(b[:at])
	text, ok := strings.CutPrefix(string(b[:at]), stateHead)
	if !ok || string(b[at:]) != "sum "+hex.EncodeToString(sum[:])+"\n" {
		return State{}, errState
	}
	s := State{Logs: map[string]tlog.Tree{}}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		fields := strings.Split(line, " ")
		switch {
		case i == 0 && fields[0] == "witness" && len(fields) == 2:
			s.Witness = fields[1]
		case i > 0 && fields[0] == "log" && len(fields) == 4:
			n, err := strconv.ParseInt(fields[2], 10, 64)
			hash, hashErr := tlog.ParseHash(fields[3])
			if err != nil || hashErr != nil || n < 0 {
				return State{}, errState
			}
			s.Logs[fields[1]] = tlog.Tree{N: n, Hash: hash}
		default:
			return State{}, errState
		}
	}
	if !bytes.Equal(s.Format(), b) {
		return State{}, errState
	}
	return s, nil
}

// replace puts a file in the place of another so that after a power cut at any moment the one or the other is there, and after its return the new one.
func replace(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // nothing to remove once it is renamed
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// hold takes the lock that only one process on a state can have. The system lets go of it when the process ends, however it ends.
func hold(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the witness's state: %w", err)
	}
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return nil, errors.Join(fmt.Errorf("another process witnesses with %s", path), f.Close())
	case err != nil:
		return nil, errors.Join(fmt.Errorf("lock %s: %w", f.Name(), err), f.Close())
	}
	return f, nil
}
