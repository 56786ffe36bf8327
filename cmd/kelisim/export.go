package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/spf13/cobra"

	"kelisim/commands/journal"
	"kelisim/commands/tlog"
	"kelisim/domain"
)

// export writes what an auditor takes along. It appends nothing, and the same ledger gives the same bytes.
func (p *program) export() *cobra.Command {
	dir, user, to := "", "", ""
	format := either("bundle", "ndjson")
	c := &cobra.Command{
		Use: "export", Short: "Write the journal, or one user's history, for an auditor", Args: exactly(0),
		Long: `bundle: a zip that kelisim verify checks offline: events, their proofs, checkpoints, and for one user the proof that none is missing. The full one is
a directory of c2sp.org/tlog-tiles that other programs read. A --to that ends with / is written as a directory.
ndjson: the events as stored, a line each.

Personal values stay sealed in both. It may run beside a server.`,
		Example: `  kelisim export --data ./kelisim-data --format bundle --to audit.zip
  kelisim export --data ./kelisim-data --format ndjson --user 5f0c1b1e-7c5b-4a3e-9a60-0d1f2a3b4c5d`,
		RunE: func(c *cobra.Command, _ []string) error {
			if user != "" {
				if _, err := domain.ParseUserID(user); err != nil {
					return misuse("--user: an id is a UUID in lower case with hyphens")
				}
			}
			l, err := readLedger(dir)
			if err != nil {
				return err
			}
			write := p.exportBundle
			if format.word == "ndjson" {
				write = p.exportLines
			}
			return errors.Join(write(c.Context(), l, domain.UserID(user), to), l.Close())
		},
	}
	c.Flags().StringVar(&dir, "data", defaultData, "the data directory")
	c.Flags().StringVar(&user, "user", "", "one user's history alone")
	c.Flags().Var(format, "format", "bundle or ndjson")
	c.Flags().StringVar(&to, "to", "", "a file, or a directory where it ends with /; standard output if left out")
	return c
}

// output is where an export goes, and what ends it.
func (p *program) output(to string) (io.Writer, func() error, error) {
	if to == "" {
		return p.stdout, func() error { return nil }, nil
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("make the export: %w", err)
	}
	return f, func() error { return errors.Join(f.Sync(), f.Close()) }, nil
}

func (p *program) exportBundle(ctx context.Context, l *reading, user domain.UserID, to string) (err error) {
	var sink tlog.Sink
	if to != "" && to[len(to)-1] == '/' {
		if sink, err = tlog.DirSink(to); err != nil {
			return err
		}
	} else {
		w, end, err := p.output(to)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, end()) }()
		sink = tlog.ZipSink(w)
	}
	m := p.meter("export", 1000)
	defer m.end()
	shown := 0
	opts := tlog.ExportOptions{Progress: func(done, total int64) {
		if total > 0 {
			now := int(done * 1000 / total)
			m.add(now - shown)
			shown = now
		}
	}}
	reader := tlog.NewReader(l.Store, l.log)
	if user != "" {
		err = reader.ExportUser(ctx, sink, user, opts)
	} else {
		err = reader.ExportFull(ctx, sink, opts)
	}
	switch {
	case errors.Is(err, tlog.ErrNoHeads):
		return fmt.Errorf("%w; serve the ledger for a few minutes, and try again", err)
	case errors.Is(err, tlog.ErrNotFound) && user != "":
		return fmt.Errorf("user %s has no history in the log: %w", user, err)
	}
	return err
}

func (p *program) exportLines(ctx context.Context, l *reading, user domain.UserID, to string) (err error) {
	w, end, err := p.output(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	b := bufio.NewWriterSize(w, 1<<16)
	lines := json.NewEncoder(b)
	lines.SetEscapeHTML(false)
	streams := []iter.Seq2[journal.Record, error]{l.Store.ReadAll(ctx, 0)}
	if user != "" {
		streams = nil
		for _, s := range tlog.UserStreams(user) {
			streams = append(streams, l.Store.ReadStream(ctx, s, 0))
		}
	}
	for _, records := range streams {
		for r, err := range records {
			if err != nil {
				return err
			}
			err = lines.Encode(struct {
				ID       string          `json:"id"`
				Stream   string          `json:"stream"`
				Revision int64           `json:"revision"`
				Position int64           `json:"position"`
				Type     string          `json:"type"`
				Data     json.RawMessage `json:"data"`
				Meta     json.RawMessage `json:"meta"`
			}{r.ID.String(), r.Stream, r.Revision, r.Position, r.Type, r.Data, r.Meta})
			if err != nil {
				return fmt.Errorf("write the export: %w", err)
			}
		}
	}
	return b.Flush()
}
