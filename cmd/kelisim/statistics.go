package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/catalogue"
	"kelisim/projections/reports"
	"kelisim/projections/statistics"
)

// statistics counts what many did, as far as the rules allow it.
func (p *program) statistics() *cobra.Command {
	var pl place
	from, known, by := "", "", ""
	var ends []string
	whole := false
	format := either(reports.JSON, reports.CSV, reports.XLSX, reports.PDF)
	language := either(reports.Languages...)
	var names []string
	for _, s := range statistics.All {
		names = append(names, fmt.Sprintf("  %-14s %s\n  %-14s --by %s", s.Name, s.Descriptions()["en"], "", strings.Join(s.By, ", ")))
	}
	c := &cobra.Command{
		Use: "statistics NAME", Short: "Count registrations, purchases, use, funnels and cohorts", Args: exactly(1),
		Long: `Writes one table of statistics, made of the events that were recorded up to --known-at: the same call with the same --known-at gives the same bytes
for ever. A range selects the periods that begin in it, each as a whole; left open it is the last 12 months, 13 weeks or 31 days.

What analyses what persons did counts an act if the consent to its purpose stood at the act and stands as of --known-at. Cells of fewer than 5
persons are left out, and as many others with them as keep them from being solved; --small-cells shows all, for compliance officers alone. It may run
beside a server.

The statistics:
` + strings.Join(names, "\n"),
		Example: `  kelisim report statistics operations --data ./kelisim-data --format csv
  kelisim report statistics actions --by content,language --from 2026-01-01 --to 2026-03-31 --format xlsx --to q1.xlsx`,
		RunE: func(c *cobra.Command, args []string) (err error) {
			s, err := statistics.Lookup(args[0])
			if err != nil {
				return misuse("there is no statistic %q; see %s --help for their names", args[0], c.CommandPath())
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
			m := p.meter("statistics", 0)
			paper, err := s.Make(c.Context(), journal.New(counted{l.Store, m}, catalogue.All()), statistics.Asked{Asked: asked, By: statistics.ParseBy(by), Whole: whole})
			m.end()
			if domain.Code(err) == "invalid-request" {
				return misuse("%w", err)
			}
			if err != nil {
				return err
			}
			return p.write(file, func(w io.Writer) error { return paper.Write(w, format.word, language.word) })
		},
	}
	pl.flags(c.Flags(), "the data directory")
	c.Flags().StringVar(&by, "by", "", "how the counts are split: one of the statistic's words, or two with a comma between them")
	c.Flags().StringVar(&from, "from", "", "the first day or moment inside; a day begins in Astana")
	c.Flags().StringArrayVar(&ends, "to", nil, "the last day, which is inside to its end in Astana, or the first moment outside; or else the name of a file to make, in place of standard output; may be given for both")
	c.Flags().StringVar(&known, "known-at", "", "what may be known: a moment, or position:N; now if left out")
	c.Flags().BoolVar(&whole, "small-cells", false, "show cells of fewer than 5 persons too")
	c.Flags().Var(format, "format", "json, csv, xlsx or pdf")
	c.Flags().Var(language, "language", "of titles, headings and the words for codes: en, kk or ru")
	return c
}
