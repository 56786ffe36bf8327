package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// restore makes a data directory of a backup.
func (p *program) restore() *cobra.Command {
	dir, dry := "", false
	c := &cobra.Command{
		Use: "restore FROM", Short: "Make a data directory of a backup", Args: exactly(1),
		Long: `Holds every file of a backup against its manifest, copies them into a data directory that is not there or is empty, verifies the ledger,
and only then puts it in place. With --dry-run it checks the files and writes nothing.

Put master.key, and log.key to go on with the same log, beside them if the backup was made without. serve destroys again whatever keys the journal
says are destroyed, drops again what was dropped of the master key, and makes the read models anew. keys.db and master.key belong together: with an older master.key
than the keys need it does not start. What was recorded after the backup is gone, and whoever keeps a newer checkpoint will see that
it is: restore the newest backup there is.`,
		Example: `  kelisim restore --data /var/lib/kelisim /backup/2026-11-22 --dry-run`,
		RunE: func(c *cobra.Command, args []string) error {
			return p.restoreBackup(c.Context(), args[0], dir, dry)
		},
	}
	c.Flags().StringVar(&dir, "data", defaultData, "the data directory to make")
	c.Flags().BoolVar(&dry, "dry-run", false, "check the backup, and write nothing")
	return c
}

func (p *program) restoreBackup(ctx context.Context, from, dir string, dry bool) (err error) {
	files, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("look at the data directory: %w", err)
	}
	if len(files) > 0 {
		return fmt.Errorf("%s is not empty: nothing is restored over what is there; name another directory with --data", dir)
	}
	m, err := readManifest(from)
	if err != nil {
		return err
	}
	if dry {
		fmt.Fprintf(p.stderr, "whole: %d files of %s, up to position %d; nothing was written\n", len(m.Files), m.MadeAt.Format("2006-01-02T15:04:05Z07:00"), m.Position)
		return nil
	}
	making, err := roomBeside(dir)
	if err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(making))
		}
	}()
	has := map[string]bool{}
	for _, f := range m.Files {
		if err := copyFile(filepath.Join(from, f.Name), filepath.Join(making, f.Name)); err != nil {
			return err
		}
		has[f.Name] = true
	}
	_, position, err := p.whole(ctx, making)
	if err != nil {
		return faultError{fmt.Errorf("not whole: %w", err)}
	}
	if position != m.Position {
		return faultError{fmt.Errorf("not whole: the journal ends at position %d, the manifest says %d", position, m.Position)}
	}
	if err := putInPlace(making, dir); err != nil {
		return fmt.Errorf("put the data directory in place: %w", err)
	}
	fmt.Fprintf(p.stderr, "restored %d files, up to position %d\n", len(m.Files), position)
	for _, name := range secrets {
		if !has[name] {
			fmt.Fprintf(p.stderr, "put %s into %s before you serve it\n", name, dir)
		}
	}
	return nil
}

// roomBeside makes a directory from which files can be moved into a data directory: within it where it is there, since it may be a volume of its
// own, else beside it.
func roomBeside(dir string) (string, error) {
	if there(dir) {
		return os.MkdirTemp(dir, ".restore-")
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return "", err
	}
	return os.MkdirTemp(parent, ".restore-")
}

// putInPlace moves what was made to where it belongs. The journal goes last: without it there is no ledger.
func putInPlace(making, dir string) error {
	if !there(dir) {
		return os.Rename(making, dir)
	}
	for _, name := range []string{masterFile, keyFile, logFile, accessFile, keysFile, journalFile} {
		if err := os.Rename(filepath.Join(making, name), filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return os.Remove(making)
}
