package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"kelisim/commands"
	"kelisim/commands/access"
	"kelisim/commands/journal"
	"kelisim/commands/tlog"
	"kelisim/commands/tlog/verify"
	"kelisim/domain"
	"kelisim/domain/event"
)

// export writes what an auditor takes along. It appends nothing, and the same ledger gives the same bytes.
func (p *program) export() *cobra.Command {
	var pl place
	user, to, disclosure, asOf, known := "", "", "", "", ""
	format := either("bundle", "ndjson", "dpv")
	c := &cobra.Command{
		Use: "export", Short: "Write the journal, or one user's history, for an auditor", Args: exactly(0),
		Long: `bundle: a zip that kelisim verify checks offline: events, their proofs, checkpoints, and for one user the proof that none is missing. The full one is
a directory of c2sp.org/tlog-tiles that other programs read. A --to that ends with / is written as a directory.
ndjson: the events as stored, a line each, without checkpoints and leases.
dpv: the record of every consent of everybody, a line each, in the words of the Data Privacy Vocabulary (ISO/IEC TS 27560), as of a moment and by what was
known; as of the last event and by all there is, where neither is named.

Personal values stay sealed in the first two, and are not in the third. It may run beside a server.

With --disclosure the bundle carries the keys of single values too, those of a disclosure that two people granted, and kelisim verify holds each against
the sealed bytes. That somebody was given them is recorded first, so it asks for a ledger that no server holds; from a server the same bundle comes by
GET /v1/users/{id}/bundle?disclosure=ID.`,
		Example: `  kelisim export --data ./kelisim-data --format bundle --to audit.zip
  kelisim export --data ./kelisim-data --format ndjson --user 5f0c1b1e-7c5b-4a3e-9a60-0d1f2a3b4c5d`,
		RunE: func(c *cobra.Command, _ []string) error {
			if user != "" {
				if _, err := domain.ParseUserID(user); err != nil {
					return misuse("--user: an id is a UUID in lower case with hyphens")
				}
			}
			if format.word == "dpv" && user != "" {
				return misuse("--user: the records of one person are had at /v1/users/{id}/consents/{consent}/record; dpv is of everybody")
			}
			if format.word != "dpv" && (asOf != "" || known != "") {
				return misuse("--as-of and --known-at go with --format dpv")
			}
			keys, err := p.disclosed(c.Context(), pl, domain.UserID(user), disclosure, format.word)
			if err != nil {
				return err
			}
			l, err := pl.read(c.Context())
			if err != nil {
				return err
			}
			if format.word == "dpv" {
				return errors.Join(p.exportConsents(c.Context(), l.Store, asOf, known, to), l.Close())
			}
			if format.word == "ndjson" {
				return errors.Join(p.exportLines(c.Context(), l, domain.UserID(user), to), l.Close())
			}
			return errors.Join(p.exportBundle(c.Context(), l, domain.UserID(user), to, keys), l.Close())
		},
	}
	pl.flags(c.Flags(), "the data directory")
	c.Flags().StringVar(&user, "user", "", "one user's history alone")
	c.Flags().StringVar(&disclosure, "disclosure", "", "the id of a granted disclosure whose keys go into the user's bundle")
	c.Flags().Var(format, "format", "bundle, ndjson or dpv")
	c.Flags().StringVar(&asOf, "as-of", "", "with dpv: the moment that the records speak of")
	c.Flags().StringVar(&known, "known-at", "", "with dpv: what may be known, a moment or position:N")
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

// disclosed are the keys of a granted disclosure, once it is recorded that they were given; none where no disclosure is named.
func (p *program) disclosed(ctx context.Context, pl place, user domain.UserID, disclosure, format string) ([]tlog.Disclosure, error) {
	if disclosure == "" {
		return nil, nil
	}
	if user == "" || format != "bundle" {
		return nil, misuse("--disclosure: keys go into a bundle of one --user")
	}
	if err := pl.made(); err != nil {
		return nil, err
	}
	l, err := openLedger(ctx, opening{place: pl, now: time.Now, log: slog.New(slog.NewTextHandler(p.stderr, nil))})
	if err != nil {
		return nil, err
	}
	keys, err := l.Service.HandOver(ctx, user, disclosure, commands.Reader{
		Actor: event.Actor{Kind: string(access.Operator), ID: "shell"}, Why: "disclosure " + disclosure, Route: "export",
	})
	var out []tlog.Disclosure
	for _, k := range keys {
		out = append(out, tlog.Disclosure{Event: k.Event, Field: k.Path, Key: k.Key})
	}
	return out, errors.Join(err, l.Close())
}

func (p *program) exportBundle(ctx context.Context, l *reading, user domain.UserID, to string, keys []tlog.Disclosure) (err error) {
	var sink tlog.Sink
	if to != "" && to[len(to)-1] == '/' {
		if sink, err = tlog.DirSink(to); err != nil {
			return err
		}
	} else {
		w, end, outputErr := p.output(to)
		if outputErr != nil {
			return outputErr
		}
		defer func() {
			if err = errors.Join(err, end()); err != nil && to != "" {
				err = errors.Join(err, os.Remove(to)) // half a bundle is none
			}
		}()
		sink = tlog.ZipSink(w)
	}
	m := p.meter("export", 1000)
	defer m.end()
	shown := 0
	opts := tlog.ExportOptions{Disclosures: keys, Progress: func(done, total int64) {
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
	var fault *verify.Fault
	switch {
	case errors.As(err, &fault):
		return faultError{fmt.Errorf("not whole, so that nothing is exported: %w", err)}
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
			if !domain.Stream(r.Stream).Counted() {
				continue
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
