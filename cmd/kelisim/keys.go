package main

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"kelisim/commands"
	"kelisim/commands/access"
	"kelisim/commands/journal"
	"kelisim/domain/catalogue"
	"kelisim/domain/custody"
	"kelisim/domain/event"
)

// keys shows and changes the generations of the master key.
func (p *program) keys() *cobra.Command {
	return group("keys", "Show and change the generations of the master key", `The keys to personal data are kept wrapped under a master key, which has generations. A key that is destroyed is gone from the key store at once, and
may still stand, wrapped, in an older copy of it. rotate wraps every living key under a new generation; drop takes the old one out of master.key when
such copies are no longer kept: from then on they open nothing, and the destruction is final.

Copies of master.key hold the old generation still: keep its newest copy in a safe place, apart from the backups, and throw the older ones away.`,
		p.listKeys(), p.rotateKeys(), p.dropKeys())
}

// generationRow is a generation as listed.
type generationRow struct {
	Generation int        `json:"generation"`
	State      string     `json:"state"` // announced, in use, kept, dropped
	RotatedAt  *time.Time `json:"rotated_at"`
	DroppedAt  *time.Time `json:"dropped_at"`
}

func generationRows(s custody.State) []generationRow {
	rows := []generationRow{}
	for _, g := range s.Generations() {
		r := generationRow{Generation: g.N, State: "announced"}
		switch {
		case g.Dropped.Event != "":
			r.State, r.DroppedAt = "dropped", &g.Dropped.At
		case g.N == s.InUse():
			r.State = "in use"
		case g.N < s.InUse():
			r.State = "kept"
		}
		if g.Rotated.Event != "" {
			r.RotatedAt = &g.Rotated.At
		}
		rows = append(rows, r)
	}
	return rows
}

func (p *program) listKeys() *cobra.Command {
	var pl place
	output := either("table", "json", "jsonl")
	c := &cobra.Command{Use: "list", Short: "List the generations of the master key; no key is shown", Args: exactly(0),
		Long: `It may run beside a server.`,
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := pl.read(c.Context())
			if err != nil {
				return err
			}
			reading := &commands.Service{Journal: journal.New(l.Store, catalogue.All()), Now: time.Now}
			state, err := reading.Custody(c.Context(), commands.Known{})
			if err = errors.Join(err, l.Close()); err != nil {
				return err
			}
			at := func(t *time.Time) string {
				if t == nil {
					return "-"
				}
				return minute(*t)
			}
			return writeRows(p.stdout, output.word, generationRows(state), "GENERATION\tSTATE\tROTATED\tDROPPED", func(r generationRow) string {
				return fmt.Sprintf("%d\t%s\t%s\t%s", r.Generation, r.State, at(r.RotatedAt), at(r.DroppedAt))
			})
		}}
	pl.flags(c.Flags(), "the data directory")
	c.Flags().Var(output, "output", "the form of the list")
	return c
}

// withKeys opens a ledger that nobody serves, holds its keys against the record, and has something done to them.
func (p *program) withKeys(c *cobra.Command, pl place, do func(l *ledger, by event.Actor) error) error {
	if err := pl.made(); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	l, err := openLedger(c.Context(), opening{place: pl, now: time.Now, log: log})
	if err != nil {
		return err
	}
	err = errors.Join(l.Service.ReconcileKeys(c.Context()), l.Service.ReconcileCustody(c.Context()))
	if err == nil {
		err = do(l, event.Actor{Kind: string(access.Operator), ID: "shell"})
	}
	return errors.Join(err, l.Close())
}

func (p *program) rotateKeys() *cobra.Command {
	var pl place
	c := &cobra.Command{Use: "rotate", Short: "Make a new generation of the master key, and wrap every living key under it", Args: exactly(0),
		Long: `The ledger is not served meanwhile; a server does the same by POST /v1/keys/rotation. Where several processes share a ledger, stop all of them, rotate at one,
and copy its master.key to the others before they start.`,
		Example: `  kelisim keys rotate --data /var/lib/kelisim && cp /var/lib/kelisim/master.key /safe/`,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.withKeys(c, pl, func(l *ledger, by event.Actor) error {
				n, err := l.Service.RotateKeys(c.Context(), commands.Wish{Actor: by})
				if err == nil {
					_, err = fmt.Fprintf(p.stderr, "every living key is wrapped under generation %d; copy %s to its safe place now, and back the key store up\n", n, filepath.Join(pl.dir, masterFile))
				}
				return err
			})
		}}
	pl.flags(c.Flags(), "the data directory")
	return c
}

func (p *program) dropKeys() *cobra.Command {
	var pl place
	retention := lifetime(defaultRetention)
	c := &cobra.Command{Use: "drop", Short: "Drop the generations of the master key that no copy of the key store needs any more", Args: exactly(0),
		Long: `serve does the same by itself, once an hour. What was destroyed before the rotation is final then, and backups of the key store from before it can no
longer be restored.`,
		Example: `  kelisim keys drop --data /var/lib/kelisim --key-retention 35d`,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.withKeys(c, pl, func(l *ledger, by event.Actor) error {
				dropped, err := l.Service.DropGenerations(c.Context(), time.Duration(retention), by)
				for _, n := range dropped {
					fmt.Fprintf(p.stderr, "generation %d is dropped\n", n)
				}
				if err == nil && len(dropped) == 0 {
					fmt.Fprintln(p.stderr, "no generation is old enough")
				}
				return err
			})
		}}
	pl.flags(c.Flags(), "the data directory")
	c.Flags().Var(&retention, "key-retention", "how long copies of the key store are kept after the next generation took over")
	return c
}
