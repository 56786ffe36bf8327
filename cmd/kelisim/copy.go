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

// copyJournal carries a journal to another kind of store.
func (p *program) copyJournal() *cobra.Command {
	from, to := "", ""
	c := &cobra.Command{
		Use: "copy --from JOURNAL --to JOURNAL", Short: "Carry a journal to another store, event by event", Args: exactly(0),
		Long: `Copies every event, byte for byte and in the same order, then reads the copy from its first event and compares the roots of the log that both give. They are
printed when they are equal, with the position at which the old journal ends; otherwise it exits with 3. A copy that was cut short is gone on with by the same call. Nothing may be
written to either journal meanwhile: stop the servers first. The events' moments, ids and hashes stay, so all proofs and receipts go on to hold.

A journal is a data directory, postgres://… or esdb://…. A data directory that is not there is made. The keys are not copied: serve names their file with --keys.
Take master.key and log.key along to each new data directory.`,
		Example: `  kelisim copy --from ./kelisim-data --to esdb://admin:secret@10.0.0.1:2113,10.0.0.2:2113,10.0.0.3:2113
  kelisim serve --data ./instance-1 --journal esdb://… --keys ./kelisim-data/keys.db`,
		RunE: func(c *cobra.Command, _ []string) error {
			if from == "" || to == "" || from == to {
				return misuse("say with --from and --to which journal is copied to where")
			}
			return p.doCopy(c.Context(), from, to)
		},
	}
	c.Flags().StringVar(&from, "from", "", "the journal to read: a data directory, postgres://… or esdb://…")
	c.Flags().StringVar(&to, "to", "", "the journal to write, empty or a copy that was cut short")
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
	head, _, err := source.Head(ctx)
	if err != nil {
		return fmt.Errorf("read the journal's head: %w", err)
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
	_, err = fmt.Fprintf(p.stdout, "position %d\nleaves   %d\nroot     %s, on both sides\n", head, old.Size(), rootText(&old))
	return err
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
		j, err := sqlite.OpenJournal(path, sqlite.Options{ReadOnly: readOnly})
		if err != nil {
			return nil, nil, err
		}
		return j, j.Close, nil
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
