package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrHeld: another process writes to this journal.
var ErrHeld = errors.New("another kelisim process has this journal open")

// hold takes the lock that only one writer of a journal can have, on a file beside it (journal.lock for journal.db). The
// system lets go of it when the process ends, however it ends. It is not SQLite's own lock: that is taken for each transaction,
// and two writers in turn would each have a stale memory of the last position.
func hold(path string) (*os.File, error) {
	name := strings.TrimSuffix(path, filepath.Ext(path)) + ".lock"
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the journal: %w", err)
	}
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return nil, errors.Join(fmt.Errorf("%w (%s)", ErrHeld, name), f.Close())
	case err != nil:
		return nil, errors.Join(fmt.Errorf("lock %s: %w", name, err), f.Close())
	}
	return f, nil
}

// LockJournal keeps every writer away from a journal while it is copied. Who cannot have the lock gets ErrHeld; closing lets go of it.
func LockJournal(path string) (*os.File, error) { return hold(path) }

// DirectoryLock is the name of the file that LockDirectory makes.
const DirectoryLock = "instance.lock"

// LockDirectory takes the lock that one process alone can have on a directory of read models and tiles whose journal is elsewhere. Who cannot have
// it gets ErrHeld; closing lets go of it.
func LockDirectory(dir string) (*os.File, error) { return hold(filepath.Join(dir, DirectoryLock)) }
