package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"kelisim/commands/sqlite"
	"kelisim/commands/tlog"
	"kelisim/commands/tlog/verify"
)

// The files of a backup. The log comes before the journal, so that it has signed nothing that the copy does not hold; a key stands before what
// is sealed under it, so the keys come after the journal. The read models are left out: they are made anew.
var (
	backedUp = []string{logFile, journalFile, keysFile, accessFile}
	secrets  = []string{masterFile, keyFile}
)

const (
	manifestFile = "manifest.json"
	backupFormat = "kelisim-backup/v1"
)

// manifest says what a backup holds. It is written last: a directory without one is no backup.
type manifest struct {
	Format   string       `json:"format"`
	MadeAt   time.Time    `json:"made_at"`
	Position int64        `json:"position"` // of the last event
	LogSize  int64        `json:"log_size"` // leaves under the newest signed checkpoint
	Files    []backupFile `json:"files"`
}

type backupFile struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// backup copies a data directory, also while it is served.
func (p *program) backup() *cobra.Command {
	dir, withKeys := "", false
	c := &cobra.Command{
		Use: "backup TO", Short: "Copy a data directory, also while it is served, and verify the copy", Args: exactly(1),
		Long: `Copies the journal, the log, the keys to personal data and the tokens' hashes into a directory that is not there yet, verifies the copy, and
writes a manifest with the SHA-256 of every file.

The master key and the log's signing key are not copied unless --with-keys says so: without the master key a copy shows nothing of anybody, and so it
needs another safe place than the backup.

Whoever is destroyed after a backup was made is in it still, sealed under keys that it holds, until kelisim keys rotate and, days later, drop have taken the master
key from under them: from then on its keys open nothing, and it serves the journal alone. After a restore the erasures of the days that were lost are asked for again.`,
		Example: `  kelisim backup --data /var/lib/kelisim /backup/2026-11-22`,
		RunE: func(c *cobra.Command, args []string) error {
			return p.makeBackup(c.Context(), dir, args[0], withKeys)
		},
	}
	c.Flags().StringVar(&dir, "data", defaultData, "the data directory")
	c.Flags().BoolVar(&withKeys, "with-keys", false, "copy the master key and the log's signing key as well")
	return c
}

func (p *program) makeBackup(ctx context.Context, dir, to string, withKeys bool) (err error) {
	if there(filepath.Join(dir, sqlite.DirectoryLock)) && !there(filepath.Join(dir, journalFile)) {
		return fmt.Errorf("the journal of %s is elsewhere: back it and the keys up with the tools of their databases, and keep copies of %s and %s", dir, masterFile, keyFile)
	}
	if !there(filepath.Join(dir, journalFile)) {
		return fmt.Errorf("there is no ledger in %s", dir)
	}
	if err := os.Mkdir(to, 0o700); err != nil {
		return fmt.Errorf("make the backup: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(to)) // half a backup is none
		}
	}()
	var names []string
	for _, name := range backedUp {
		if !there(filepath.Join(dir, name)) {
			continue
		}
		if err := sqlite.Copy(ctx, filepath.Join(dir, name), filepath.Join(to, name)); err != nil {
			return err
		}
		names = append(names, name)
	}
	if withKeys {
		for _, name := range secrets {
			if there(filepath.Join(dir, name)) {
				if err := copyFile(filepath.Join(dir, name), filepath.Join(to, name)); err != nil {
					return err
				}
				names = append(names, name)
			}
		}
	}
	if err := readable(to); err != nil {
		return fmt.Errorf("make the copy readable: %w", err)
	}
	verdict, position, err := p.whole(ctx, to)
	if err != nil {
		return fmt.Errorf("the copy is not whole, and is thrown away: %w", err)
	}
	m := manifest{Format: backupFormat, MadeAt: time.Now().UTC().Truncate(time.Second), Position: position, LogSize: verdict.Size}
	for _, name := range names {
		f, err := measure(to, name)
		if err != nil {
			return err
		}
		m.Files = append(m.Files, f)
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	if err := writeFile(filepath.Join(to, manifestFile), append(text, '\n')); err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	fmt.Fprintf(p.stderr, "backed up %d files, %d events, up to position %d\n", len(m.Files), verdict.Events, position)
	if !withKeys {
		fmt.Fprintf(p.stderr, "not in it: %s and %s; keep them in another safe place\n", masterFile, keyFile)
	}
	return nil
}

// readable gives copies the form in which the journal and the log are read: a copy has a rollback journal, and whoever only reads cannot change that.
func readable(dir string) error {
	j, err := sqlite.OpenJournal(filepath.Join(dir, journalFile), sqlite.Options{})
	if err == nil {
		err = j.Close()
	}
	if err != nil || !there(filepath.Join(dir, logFile)) {
		return err
	}
	l, err := sqlite.OpenLog(filepath.Join(dir, logFile), false)
	if err == nil {
		err = l.Close()
	}
	return err
}

// whole verifies a directory of copies, and answers its last position. Whatever reading leaves beside them is removed.
func (p *program) whole(ctx context.Context, dir string) (verdict *verify.Verdict, position int64, err error) {
	defer func() {
		files, listing := os.ReadDir(dir)
		err = errors.Join(err, listing)
		for _, f := range files {
			if !slices.Contains(backedUp, f.Name()) && !slices.Contains(secrets, f.Name()) {
				err = errors.Join(err, os.Remove(filepath.Join(dir, f.Name())))
			}
		}
	}()
	l, err := readLedger(dir)
	if err != nil {
		return nil, 0, err
	}
	m := p.meter("verify", 1000)
	shown := 0
	verdict, err = verify.Dir(ctx, tlog.NewSource(l.Store, l.log), verify.Options{Progress: func(done, total int64) {
		if total > 0 {
			now := int(done * 1000 / total)
			m.add(now - shown)
			shown = now
		}
	}})
	m.end()
	if err == nil {
		position, _, err = l.Store.Head(ctx)
	}
	return verdict, position, errors.Join(err, l.Close())
}

// measure tells a file's size and hash.
func measure(dir, name string) (backupFile, error) {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return backupFile{}, fmt.Errorf("read the backup: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return backupFile{}, fmt.Errorf("read %s: %w", name, err)
	}
	return backupFile{name, n, hex.EncodeToString(h.Sum(nil))}, nil
}

// copyFile copies a file to where none is, its owner's alone, and makes it last.
func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("copy a file: %w", err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("copy a file: %w", err)
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	return nil
}

func writeFile(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// readManifest reads a backup's manifest and holds every file against it.
func readManifest(dir string) (manifest, error) {
	var m manifest
	text, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if errors.Is(err, os.ErrNotExist) {
		return m, fmt.Errorf("%s is no backup: it has no %s", dir, manifestFile)
	}
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		return m, fmt.Errorf("read the manifest: %w", err)
	}
	if m.Format != backupFormat {
		return m, fmt.Errorf("read the manifest: it is of another form than %s", backupFormat)
	}
	has := map[string]bool{}
	for _, want := range m.Files {
		if has[want.Name] || !slices.Contains(backedUp, want.Name) && !slices.Contains(secrets, want.Name) {
			return m, faultError{fmt.Errorf("not whole: the manifest names %q, which is no file of a backup, or twice", want.Name)}
		}
		has[want.Name] = true
		got, err := measure(dir, want.Name)
		if errors.Is(err, os.ErrNotExist) {
			return m, faultError{fmt.Errorf("not whole: %s is missing", want.Name)}
		}
		if err != nil {
			return m, err
		}
		if got != want {
			return m, faultError{fmt.Errorf("not whole: %s is not the file that was backed up", want.Name)}
		}
	}
	if !has[journalFile] || !has[keysFile] {
		return m, faultError{fmt.Errorf("not whole: the manifest names no %s or no %s", journalFile, keysFile)}
	}
	return m, nil
}
