package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// MasterFile is a master key in a file that its owner alone may read. Several processes may use the same file: each change is made
// under a lock on what stands in the file, and a generation that this process does not know yet is looked for there.
type MasterFile struct {
	path string
	mu   sync.Mutex
	ring ring
}

var _ KEK = (*MasterFile)(nil)

// masterForm marks the file and the version of its form.
const masterForm = "kelisim-master-key/1"

var errOtherMaster = errors.New("the master key in the file is not the one that this process began with")

type masterJSON struct {
	Form string `json:"form"`
	ring
}

// OpenMasterFile reads the master key at path, and makes a new one where there is no file. A file that others than its owner
// may read or write is refused, and so is one that is not whole: a key that was lost is never replaced in silence.
func OpenMasterFile(path string) (*MasterFile, error) {
	m := &MasterFile{path: path}
	if err := createMaster(path); err != nil {
		return nil, fmt.Errorf("make the master key: %w", err)
	}
	f, r, err := readMaster(path)
	if err != nil {
		return nil, fmt.Errorf("open the master key: %w", err)
	}
	m.ring = r
	return m, f.Close()
}

// createMaster makes a whole file or none, and leaves one that is there alone, also when two processes come at once.
func createMaster(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	temp, err := writeTemp(path, newRing())
	if err != nil {
		return err
	}
	defer os.Remove(temp)
	if err := os.Link(temp, path); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// writeTemp writes a ring to a file of its own beside path, on the disk for good; os.CreateTemp makes it its owner's alone.
func writeTemp(path string, r ring) (string, error) {
	text, err := json.Marshal(masterJSON{masterForm, r})
	if err != nil {
		return "", err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// readMaster reads the file and leaves it open.
func readMaster(path string) (*os.File, ring, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, ring{}, err
	}
	info, err := f.Stat()
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = fmt.Errorf("%s may be read or written by others than its owner (mode %#o): make it 0600", path, info.Mode().Perm())
	}
	var text []byte
	if err == nil {
		text, err = io.ReadAll(io.LimitReader(f, 1<<20))
	}
	var r ring
	if err == nil {
		r, err = parseMaster(text)
	}
	if err != nil {
		return nil, ring{}, errors.Join(err, f.Close())
	}
	return f, r, nil
}

func parseMaster(text []byte) (ring, error) {
	var j masterJSON
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	// The decoder's own errors may quote the text, which is secret.
	if d.Decode(&j) != nil || d.More() || j.Form != masterForm || len(j.Root) != keyLen || len(j.Generations) == 0 {
		return ring{}, fmt.Errorf("it is not a whole master key")
	}
	last := 0
	for _, g := range j.Generations {
		if g.N <= last || len(g.Key) != keyLen {
			return ring{}, fmt.Errorf("its generations are not whole")
		}
		last = g.N
	}
	return j.ring, nil
}

// change replaces the file by what edit makes of it. The lock is on the file that stands under the name: a file that was
// replaced while this process waited for it is let go and the new one taken.
func (m *MasterFile) change(edit func(ring) (ring, error)) (ring, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for {
		f, _, err := readMaster(m.path)
		if err != nil {
			return ring{}, err
		}
		done, err := m.changeLocked(f, edit)
		if err = errors.Join(err, f.Close()); done || err != nil {
			return m.ring, err
		}
	}
}

func (m *MasterFile) changeLocked(f *os.File, edit func(ring) (ring, error)) (done bool, err error) {
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil { // until f is closed
		return false, err
	}
	held, err := f.Stat()
	if err != nil {
		return false, err
	}
	if named, err := os.Stat(m.path); err != nil || !os.SameFile(held, named) {
		return false, err
	}
	g, r, err := readMaster(m.path)
	if err != nil {
		return false, err
	}
	if err := g.Close(); err != nil {
		return false, err
	}
	if !bytes.Equal(r.Root, m.ring.Root) {
		return false, errOtherMaster
	}
	if r, err = edit(r); err != nil {
		return false, err
	}
	temp, err := writeTemp(m.path, r)
	if err != nil {
		return false, err
	}
	if err := os.Rename(temp, m.path); err != nil {
		return false, errors.Join(err, os.Remove(temp))
	}
	m.ring = r
	return true, syncDir(filepath.Dir(m.path))
}

func (m *MasterFile) now() ring {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ring
}

func (m *MasterFile) Wrap(_ context.Context, key, bound []byte) ([]byte, int, error) {
	return m.now().wrap(key, bound)
}

func (m *MasterFile) Unwrap(_ context.Context, generation int, wrapped, bound []byte) ([]byte, error) {
	key, there, err := m.now().unwrap(generation, wrapped, bound)
	if there {
		return key, err
	}
	f, r, err := readMaster(m.path)
	if err != nil {
		return nil, fmt.Errorf("look for generation %d of the master key: %w", generation, err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("look for generation %d of the master key: %w", generation, err)
	}
	if !bytes.Equal(r.Root, m.now().Root) {
		return nil, errOtherMaster
	}
	m.mu.Lock()
	m.ring = r
	m.mu.Unlock()
	key, _, err = r.unwrap(generation, wrapped, bound)
	return key, err
}

func (m *MasterFile) Derive(purpose string) ([]byte, error) { return m.now().derive(purpose) }

// Generations looks into the file: another process may have changed it.
func (m *MasterFile) Generations(context.Context) ([]int, error) {
	f, r, err := readMaster(m.path)
	if err != nil {
		return nil, fmt.Errorf("list the generations of the master key: %w", err)
	}
	return r.numbers(), f.Close()
}

func (m *MasterFile) Next(context.Context) (int, error) {
	r, err := m.change(func(r ring) (ring, error) { return r.next(), nil })
	if err != nil {
		return 0, fmt.Errorf("make a new generation of the master key: %w", err)
	}
	return r.newest().N, nil
}

func (m *MasterFile) Drop(_ context.Context, generation int) error {
	_, err := m.change(func(r ring) (ring, error) { return r.drop(generation) })
	if err != nil {
		return fmt.Errorf("drop a generation of the master key: %w", err)
	}
	return nil
}
