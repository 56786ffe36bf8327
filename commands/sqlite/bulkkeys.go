package sqlite

import (
	"fmt"
	"sync"
)

// bulk is the transaction of a key store that commits when it is told to.
type bulk struct {
	mu     sync.Mutex
	begun  bool
	broken error // what was changed since the last commit is lost, and nothing more is taken
}

// OpenBulkKeys opens the key store for a writer of very many changes, such as an import. What it changes is seen by whoever asks this
// value, at once, and lasts when Flush has returned, or Close; if the process dies before that, nothing since the last Flush has happened.
// What Keys promises to last when a method returns lasts only then.
func OpenBulkKeys(path string) (*Keys, error) { return openKeyStore(path, false, &bulk{}) }

// write makes a change in the open transaction, which it begins if there is none.
func (b *bulk) write(w *keyWriter, do func(*keyWriter) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken != nil {
		return b.broken
	}
	if !b.begun {
		if _, err := w.exec("begin"); err != nil {
			return err
		}
		b.begun = true
	}
	refused, err := w.change(do)
	if err != nil {
		b.fail(w, err)
		return b.broken
	}
	return refused
}

func (b *bulk) fail(w *keyWriter, err error) {
	b.broken = fmt.Errorf("the key store stopped at an error of its file: %w", err)
	_, _ = w.exec("rollback") // what was not committed is gone one way or the other
	w.failed <- b.broken
}

// Flush commits what a store that was opened by OpenBulkKeys has changed; for any other it does nothing.
func (k *Keys) Flush() error {
	b := k.bulk
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken != nil || !b.begun {
		return b.broken
	}
	if _, err := k.writer.exec("commit"); err != nil {
		b.fail(k.writer, err)
		return b.broken
	}
	b.begun = false
	return nil
}
