package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kelisim/commands/journal"
	"kelisim/commands/sqlite"
	"kelisim/domain/catalogue"
	"kelisim/projections"
)

// replay makes the read models anew from the first event, in a file of their own, and compares them with the live ones.
func (p *program) replay() *cobra.Command {
	var pl place
	until := ""
	output := either("table", "json", "jsonl")
	c := &cobra.Command{
		Use: "replay", Short: "Rebuild the read models beside the live ones, and compare", Args: exactly(0),
		Long: `Reads every event and makes each read model anew, in a temporary file; the live ones are not touched, and a server may run. Each live model is compared
with one that was made of the same events: a digest that differs is exit code 3. With --until, a position or a moment, the models are made as they
were then, and their digests are printed.`,
		Example: `  kelisim replay --data ./kelisim-data
  kelisim replay --data ./kelisim-data --until 2026-06-30T23:59:59+05:00`,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.replayModels(c.Context(), pl, until, output.word)
		},
	}
	pl.flags(c.Flags(), "the data directory")
	c.Flags().StringVar(&until, "until", "", "a position, or a moment (RFC 3339) by which the ledger knew")
	c.Flags().Var(output, "output", "table, json or jsonl")
	return c
}

// replayed is one model of a replay.
type replayed struct {
	projections.Seen
	Live  string `json:"live,omitempty"`  // the live model's digest
	Equal *bool  `json:"equal,omitempty"` // nil where nothing was compared
}

func (p *program) replayModels(ctx context.Context, pl place, until, form string) (err error) {
	l, err := pl.read(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	bound, err := l.bound(ctx, until)
	if err != nil {
		return err
	}
	var rows []replayed
	if until == "" {
		rows, err = p.compare(ctx, l, pl.dir)
	}
	if err == nil && rows == nil {
		var seen []projections.Seen
		if seen, err = p.rebuild(ctx, l, bound, projections.All); err == nil {
			for _, s := range seen {
				rows = append(rows, replayed{Seen: s})
			}
		}
	}
	if err != nil {
		return err
	}
	return errors.Join(p.showReplay(rows, form), differs(rows))
}

func differs(rows []replayed) error {
	for _, r := range rows {
		if r.Equal != nil && !*r.Equal {
			return faultError{fmt.Errorf("the read model %s is not what its events make; stop the server, move %s away, and start it again: it is rebuilt", r.Name, viewsFile)}
		}
	}
	return nil
}

// bound is the last position that counts.
func (r *reading) bound(ctx context.Context, until string) (int64, error) {
	head, _, err := r.Store.Head(ctx)
	if err != nil || until == "" {
		return head, err
	}
	if n, err := strconv.ParseInt(until, 10, 64); err == nil && n >= 0 {
		return min(n, head), nil
	}
	at, err := time.Parse(time.RFC3339, until)
	if err != nil {
		return 0, misuse("--until: a position, or a moment such as 2026-06-30T23:59:59+05:00")
	}
	last := int64(0)
	for rec, err := range r.Store.ReadAll(ctx, 0) {
		if err != nil {
			return 0, err
		}
		if rec.RecordedAt.After(at) {
			break
		}
		last = rec.Position
	}
	return last, nil
}

// compare holds each live model against one made of the same events; nil where there are no live ones.
func (p *program) compare(ctx context.Context, l *reading, dir string) ([]replayed, error) {
	path := filepath.Join(dir, viewsFile)
	if !there(path) {
		return nil, nil
	}
	views, err := sqlite.ReadViews(path)
	if err != nil {
		return nil, err
	}
	live, err := projections.Inspect(ctx, views, projections.All)
	if err = errors.Join(err, views.Close()); err != nil {
		return nil, err
	}
	groups := map[int64][]projections.Projection{} // models that stand at one position are made in one reading
	for _, s := range live {
		for _, m := range projections.All {
			if m.Name == s.Name {
				groups[s.Position] = append(groups[s.Position], m)
			}
		}
	}
	again := map[string]projections.Seen{}
	for position, models := range groups {
		seen, err := p.rebuild(ctx, l, position, models)
		if err != nil {
			return nil, err
		}
		for _, s := range seen {
			again[s.Name] = s
		}
	}
	var rows []replayed
	for _, s := range live {
		equal := again[s.Name].Digest == s.Digest
		rows = append(rows, replayed{Seen: again[s.Name], Live: s.Digest, Equal: &equal})
	}
	return rows, nil
}

// rebuild makes models of the events up to a position, in a file that is thrown away.
func (p *program) rebuild(ctx context.Context, l *reading, position int64, models []projections.Projection) (seen []projections.Seen, err error) {
	dir, err := os.MkdirTemp("", "kelisim-replay-")
	if err != nil {
		return nil, fmt.Errorf("make room for a replay: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	views, err := sqlite.OpenViews(filepath.Join(dir, viewsFile))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, views.Close()) }()
	m := p.meter("replay", position)
	defer m.end()
	shown := int64(0)
	return projections.Replay(ctx, journal.New(upTo{l.Store, position}, catalogue.All()), views.Writer, views.Readers, models, func(at int64) {
		m.add(int(at - shown))
		shown = at
	})
}

// upTo is a journal that ends at a position.
type upTo struct {
	journal.Store
	last int64
}

func (u upTo) ReadAll(ctx context.Context, after int64) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		for r, err := range u.Store.ReadAll(ctx, after) {
			if err == nil && r.Position > u.last || !yield(r, err) {
				return
			}
		}
	}
}

func (p *program) showReplay(rows []replayed, form string) error {
	switch form {
	case "json":
		return json.NewEncoder(p.stdout).Encode(map[string]any{"items": rows})
	case "jsonl":
		for _, r := range rows {
			if err := json.NewEncoder(p.stdout).Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	lines := []string{fmt.Sprintf("%-14s %9s  %-16s %s", "model", "position", "digest", "live")}
	for _, r := range rows {
		live := "-"
		if r.Equal != nil {
			live = map[bool]string{true: "equal", false: "DIFFERS"}[*r.Equal]
		}
		lines = append(lines, fmt.Sprintf("%-14s %9d  %.16s %s", r.Name, r.Position, r.Digest, live))
	}
	_, err := fmt.Fprintln(p.stdout, strings.Join(lines, "\n"))
	return err
}
