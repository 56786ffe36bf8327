package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kelisim/commands/journal"
	"kelisim/commands/postgres"
	"kelisim/commands/sqlite"
	"kelisim/commands/tlog/tree"
	"kelisim/domain"
)

// copyJournal carries a ledger to other kinds of stores.
func (p *program) copyJournal() *cobra.Command {
	from, to, keysFrom, keysTo := "", "", "", ""
	c := &cobra.Command{
		Use: "copy --from JOURNAL --to JOURNAL [--keys-to DATABASE]", Short: "Carry a journal, and the keys, to other stores", Args: exactly(0),
		Long: `Copies every event of the log, byte for byte and in the same order, then reads the copy from its first event and compares the roots of the log that both give. They are
printed when they are equal, with the positions at which the old journal and the copy end; otherwise it exits with 3. A copy that was cut short is gone on with by the same call. Nothing may be
written to either journal meanwhile: stop the servers first. The events' moments, ids and hashes stay, so all proofs and receipts go on to hold. Positions
need not: leases, which no leaf stands for, are left behind, and a cluster counts in its own way.

A journal is a data directory, postgres://… or esdb://…. A data directory that is not there is made.

With --keys-to the keys are carried too: wrapped keys, the list of the destroyed, logins, search entries and claims, all of them or none, and then compared; and the callers' tokens
from the access.db beside. Without it they stay where they are, and serve names their file with --keys. A database that holds other keys is left alone.

Take master.key and log.key along to each new data directory, and let nobody serve the old one again: whoever would register there registers twice. How far outlets have come
stays behind: say with "after" in their file where they go on, by the positions of the copy.`,
		Example: `  kelisim copy --from ./kelisim-data --to postgres://kelisim@10.0.0.5/kelisim --keys-to postgres://kelisim@10.0.0.5/kelisim
  kelisim serve --data ./instance-1 --journal postgres://kelisim@10.0.0.5/kelisim

  kelisim copy --from ./kelisim-data --to esdb://admin:secret@10.0.0.1:2113,10.0.0.2:2113,10.0.0.3:2113 --keys-to postgres://kelisim@10.0.0.5/kelisim
  kelisim serve --data ./instance-1 --journal esdb://… --keys postgres://kelisim@10.0.0.5/kelisim`,
		RunE: func(c *cobra.Command, _ []string) error {
			if keysFrom == "" && keysTo != "" && from != "" && !strings.Contains(from, "://") {
				keysFrom = filepath.Join(from, keysFile)
			}
			journals, keys := from != "" || to != "", keysFrom != "" || keysTo != ""
			switch {
			case journals && (from == "" || to == "" || from == to) || !journals && !keys:
				return misuse("say with --from and --to which journal is copied to where")
			case keys && (keysFrom == "" || keysTo == ""):
				return misuse("say with --keys-from and --keys-to which keys are copied to where")
			}
			if keys {
				if k, err := kind(keysTo); err != nil || k != overPostgres {
					return misuse("--keys-to: postgres://… is wanted")
				}
				if !there(keysFrom) {
					return misuse("--keys-from: there is no such file")
				}
			}
			if journals {
				if err := p.doCopy(c.Context(), from, to); err != nil {
					return err
				}
			}
			if keys {
				return p.copyKeys(c.Context(), keysFrom, keysTo)
			}
			return nil
		},
	}
	c.Flags().StringVar(&from, "from", "", "the journal to read: a data directory, postgres://… or esdb://…")
	c.Flags().StringVar(&to, "to", "", "the journal to write, empty or a copy that was cut short")
	c.Flags().StringVar(&keysFrom, "keys-from", "", "the file of keys to read; that of the data directory in --from, if left out")
	c.Flags().StringVar(&keysTo, "keys-to", "", "the database to write the keys and the tokens to, postgres://…, which has none yet; they are not copied if left out")
	return c
}

func (p *program) doCopy(ctx context.Context, from, to string) (err error) {
	source, closeSource, err := openEnd(ctx, "--from", from, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeSource()) }()
	target, closeTarget, err := openEnd(ctx, "--to", to, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeTarget()) }()
	head, err := headOf(ctx, source)
	if err != nil {
		return err
	}
	m := p.meter("copy", head)
	var old, made tree.Roll
	shown := int64(0)
	err = journal.Copy(ctx, source, target, func(stream string) bool { return domain.Stream(stream).Category() != "lease" }, func(r journal.Record) {
		old.Add(leaf(r))
		m.add(int(r.Position - shown))
		shown = r.Position
	})
	m.end()
	if errors.Is(err, journal.ErrOther) {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w; the same call goes on where this one stopped", err)
	}
	m = p.meter("compare", old.Size())
	for r, err := range target.ReadAll(ctx, 0) {
		if err != nil {
			return fmt.Errorf("read the copy: %w", err)
		}
		made.Add(leaf(r))
		m.add(1)
	}
	m.end()
	if old.Size() != made.Size() || old.Root() != made.Root() {
		return faultError{fmt.Errorf("the copy is not the same: %d leaves with root %s, and here %d with root %s", old.Size(), rootText(&old), made.Size(), rootText(&made))}
	}
	if now, err := headOf(ctx, source); err != nil || now != head {
		return errors.Join(err, errors.New("the journal was written to while it was copied: stop the servers, and call again"))
	}
	end, err := headOf(ctx, target)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "position %d, in the copy %d\nleaves   %d\nroot     %s, on both sides\n", head, end, old.Size(), rootText(&old))
	return err
}

func headOf(ctx context.Context, j journal.Store) (int64, error) {
	head, _, err := j.Head(ctx)
	if err != nil {
		return 0, fmt.Errorf("read the journal's head: %w", err)
	}
	return head, nil
}

func leaf(r journal.Record) tree.Event {
	return tree.Event{ID: r.ID, Stream: r.Stream, Revision: r.Revision, Type: r.Type, Data: r.Data, Meta: r.Meta}
}

func rootText(r *tree.Roll) string {
	root := r.Root()
	return base64.StdEncoding.EncodeToString(root[:])
}

// openEnd opens one of the journals of a copy.
func openEnd(ctx context.Context, flag, address string, readOnly bool) (journal.Store, func() error, error) {
	if !strings.Contains(address, "://") {
		path := filepath.Join(address, journalFile)
		if readOnly && !there(path) {
			return nil, nil, misuse("%s: there is no ledger in that directory, and it is no address of a journal", flag)
		}
		if !readOnly {
			if err := os.MkdirAll(address, 0o700); err != nil {
				return nil, nil, fmt.Errorf("make the data directory: %w", err)
			}
		}
		lock, err := idle(path, readOnly)
		if err != nil {
			return nil, nil, err
		}
		j, err := sqlite.OpenJournal(path, sqlite.Options{ReadOnly: readOnly})
		if err != nil {
			return nil, nil, errors.Join(err, lock())
		}
		return j, func() error { return errors.Join(j.Close(), lock()) }, nil
	}
	var db *postgres.Database
	store, _, done, err := openJournal(ctx, address, time.Now, func(url string) (*postgres.Database, error) {
		var err error
		db, err = postgres.Open(ctx, url, postgres.Options{})
		return db, err
	})
	if err == nil && done == nil {
		done = db.Close
	}
	return store, done, err
}

// idle keeps servers away from a journal that is read. Where the lock cannot be had for another reason than a server, nobody can write there either.
func idle(path string, readOnly bool) (release func() error, err error) {
	none := func() error { return nil }
	if !readOnly { // opening it for writing takes the lock
		return none, nil
	}
	lock, err := sqlite.LockJournal(path)
	if errors.Is(err, sqlite.ErrHeld) {
		return nil, fmt.Errorf("%s is in use: stop the server first", path)
	}
	if err != nil {
		return none, nil
	}
	return lock.Close, nil
}
