package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kelisim/commands"
	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/catalogue"
	"kelisim/projections/reports"
)

// finalAfter is how long a moment must be past before nothing more can be recorded at it by a server that is at work beside a reader.
const finalAfter = 10 * time.Second

// report writes a paper for officers and auditors.
func (p *program) report() *cobra.Command {
	var pl place
	from, known := "", ""
	var ends []string
	format := either(reports.JSON, reports.CSV, reports.XLSX, reports.PDF)
	language := either(reports.Languages...)
	var names []string
	for _, r := range reports.All {
		names = append(names, fmt.Sprintf("  %-26s %s", r.Name, r.Title("en")))
	}
	c := &cobra.Command{
		Use: "report NAME", Short: "Write a register, a board or a list for officers and auditors", Args: exactly(1),
		Long: `Writes a report over all users. It is made of the events that were recorded up to --known-at: the same call with the same --known-at gives the
same bytes for ever. Standings are told as of the end of the range, or as of --known-at where that is earlier. Nothing personal is in it. It may
run beside a server.

The reports:
` + strings.Join(names, "\n"),
		Example: `  kelisim report deadlines --data ./kelisim-data --format csv
  kelisim report consent-register --from 2026-01-01 --to 2026-03-31 --known-at 2026-05-01T00:00:00+05:00 --format xlsx --to q1.xlsx`,
		RunE: func(c *cobra.Command, args []string) (err error) {
			r, err := reports.Lookup(args[0])
			if err != nil {
				return misuse("there is no report %q; see %s --help for their names", args[0], c.CommandPath())
			}
			asked, file, err := readAsked(from, known, ends)
			if err != nil {
				return err
			}
			l, err := pl.read(c.Context())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, l.Close()) }()
			if asked.Settled, err = l.settled(c.Context()); err != nil {
				return err
			}
			m := p.meter("report", 0)
			facts, err := r.Gather(c.Context(), journal.New(counted{l.Store, m}, catalogue.All()), asked)
			m.end()
			if domain.Code(err) == "invalid-request" {
				return misuse("the range ends before it begins")
			}
			if err != nil {
				return err
			}
			paper, err := r.Of(facts)
			if err != nil {
				return err
			}
			return p.write(file, func(w io.Writer) error { return paper.Write(w, format.word, language.word) })
		},
	}
	pl.flags(c.Flags(), "the data directory")
	c.Flags().StringVar(&from, "from", "", "the first day or moment inside; a day begins in Astana")
	c.Flags().StringArrayVar(&ends, "to", nil, "the last day, which is inside to its end in Astana, or the first moment outside; or else the name of a file to make, in place of standard output; may be given for both")
	c.Flags().StringVar(&known, "known-at", "", "what may be known: a moment, or position:N; now if left out")
	c.Flags().Var(format, "format", "json, csv, xlsx or pdf")
	c.Flags().Var(language, "language", "of titles, headings and the words for codes: en, kk or ru")
	c.AddCommand(p.finance(), p.statistics())
	return c
}

// settled is a moment up to which the record is final for a reader beside a server.
func (r *reading) settled(ctx context.Context) (time.Time, error) {
	_, last, err := r.Store.Head(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the journal's head: %w", err)
	}
	if at := time.Now().Add(-finalAfter).UTC().Truncate(time.Second); at.After(last) {
		return at, nil
	}
	return last, nil
}

// write writes to a file that it makes, or to standard output where none is named.
func (p *program) write(file string, write func(io.Writer) error) error {
	w, end, err := p.output(file)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, 1<<16)
	return errors.Join(write(out), out.Flush(), end())
}

// dateLike is how a day or a moment begins: no file is named so by mistake.
var dateLike = regexp.MustCompile(`^[0-9]{4}-[0-9]`)

// readAsked reads the flags of a report. --to ends the range where it is a day or a moment, and names the file where it is neither.
func readAsked(from, known string, ends []string) (asked reports.Asked, file string, err error) {
	if asked.From, err = reports.Edge(from); err != nil {
		return asked, "", misuse("--from: %w", err)
	}
	for _, s := range ends {
		edge, err := reports.End(s)
		switch {
		case err != nil && dateLike.MatchString(s):
			return asked, "", misuse("--to: %w", err)
		case err == nil && asked.To.IsZero():
			asked.To = edge
		case err != nil && file == "":
			file = s
		default:
			return asked, "", misuse("--to: one end of the range and one file at most")
		}
	}
	k, err := commands.ParseKnown(known)
	if err != nil {
		return asked, "", misuse("--known-at: a moment such as 2026-01-31T10:00:00+05:00, or position:N")
	}
	asked.KnownAt, asked.KnownPosition = k.At, k.Position
	return asked, file, nil
}

// counted shows how far a journal has been read.
type counted struct {
	journal.Store
	meter *meter
}

func (c counted) ReadAll(ctx context.Context, after int64) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		n := 0
		for r, err := range c.Store.ReadAll(ctx, after) {
			if n++; n%1000 == 0 {
				c.meter.add(1000)
			}
			if !yield(r, err) {
				return
			}
		}
	}
}
