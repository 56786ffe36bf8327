package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"kelisim/commands/journal"
	"kelisim/domain/calendar"
	"kelisim/domain/catalogue"
	"kelisim/projections/reports"
	"kelisim/projections/simulation"
)

// ahead is how far simulate looks unless it is told.
const ahead = 90 * 24 * time.Hour

// simulate looks ahead, and at what would be otherwise under other terms.
func (p *program) simulate() *cobra.Command {
	var pl place
	until, file := "", ""
	var set []string
	format := either("table", reports.JSON, reports.CSV, reports.XLSX, reports.PDF)
	language := either(reports.Languages...)
	c := &cobra.Command{
		Use: "simulate", Short: "Look ahead: what expires, takes effect and falls due, also under other terms", Args: exactly(0),
		Long: `Tells what will change by itself if nothing more is recorded, up to the end of a day: trials and paid periods that end, withdrawals that take effect, blocks
and orders that expire, answers that fall due. Nothing is written, and it may run beside a server.

With --set it tells instead what would have differed, and will, up to that day, if a number of the terms had been another one from the first day:
` + strings.Join(simulation.Names, ", ") + `. What people would have done then nobody knows; what they did stands.

The table counts; the other formats list every single change.`,
		Example: `  kelisim simulate --until 2027-02-20
  kelisim simulate --until 2027-02-20 --set trial.months=1 --format xlsx --to other-terms.xlsx`,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			var settings simulation.Settings
			for _, text := range set {
				if err := settings.Add(text); err != nil {
					return misuse("--set: %w", err)
				}
			}
			now := time.Now()
			end := calendar.DayOf(now.Add(ahead)).End()
			if until != "" {
				if end, err = reports.End(until); err != nil {
					return misuse("--until: %w", err)
				}
			}
			if !end.After(now) {
				return misuse("--until: a day ahead of today is wanted")
			}
			l, err := pl.read(c.Context())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, l.Close()) }()
			asked := reports.Asked{To: end, Keeps: reports.Everything}
			if asked.Settled, err = l.settled(c.Context()); err != nil {
				return err
			}
			m := p.meter("read", 0)
			facts, err := reports.Gather(c.Context(), journal.New(counted{l.Store, m}, catalogue.All()), asked)
			m.end()
			if err != nil {
				return err
			}
			paper, tell := (*reports.Paper)(nil), upcomingTable
			if settings.Any() {
				paper, err = simulation.Differences(facts, end, settings)
				tell = differencesTable
			} else {
				paper, err = simulation.Upcoming(facts, end)
			}
			if err != nil {
				return err
			}
			return p.write(file, func(w io.Writer) error {
				if format.word == "table" {
					return tell(w, paper, language.word)
				}
				return paper.Write(w, format.word, language.word)
			})
		},
	}
	pl.flags(c.Flags(), "the data directory")
	c.Flags().StringVar(&until, "until", "", "the last day to look at, which is inside to its end in Astana; 90 days ahead if left out")
	c.Flags().StringArrayVar(&set, "set", nil, "a number of the terms to replace, such as trial.months=1; may be given several times")
	c.Flags().Var(format, "format", "table, json, csv, xlsx or pdf")
	c.Flags().Var(language, "language", "of titles, headings and the words for codes: en, kk or ru")
	c.Flags().StringVar(&file, "to", "", "a file to make, in place of standard output")
	return c
}

// counts sums rows by the words that a person looks at, in their order.
type counts struct {
	of    map[[4]string]int
	order [][4]string
}

func (c *counts) add(key [4]string, n int) {
	if c.of == nil {
		c.of = map[[4]string]int{}
	}
	if _, ok := c.of[key]; !ok {
		c.order = append(c.order, key)
	}
	c.of[key] += n
}

// upcomingTable counts changes by month and kind.
func upcomingTable(w io.Writer, p *reports.Paper, language string) error {
	var c counts
	for _, r := range p.Rows {
		c.add([4]string{r[0].(time.Time).Format("2006-01"), r[1].(string), fmt.Sprint(r[5]), fmt.Sprint(r[6])}, 1)
	}
	slices.SortStableFunc(c.order, func(a, b [4]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s: %s – %s\n\n", p.Title(language), p.KnownAt.In(calendar.Zone()).Format("2006-01-02 15:04"), p.To.In(calendar.Zone()).Format("2006-01-02 15:04"))
	for _, k := range c.order {
		fmt.Fprintf(t, "%s\t%s\t%s → %s\t%d\n", k[0], p.Named(k[1], language), p.Named(k[2], language), p.Named(k[3], language), c.of[k])
	}
	return t.Flush()
}

// differencesTable counts users and days by how the answer would have differed.
func differencesTable(w io.Writer, p *reports.Paper, language string) error {
	var stretches counts
	days := map[[4]string]int{}
	for _, r := range p.Rows {
		since, until := r[0].(time.Time), p.To
		if end, ok := r[1].(time.Time); ok {
			until = end
		}
		k := [4]string{r[2].(string), fmt.Sprint(r[5]), fmt.Sprint(r[6])}
		stretches.add(k, 1)
		days[k] += int(until.Sub(since).Hours()+12) / 24
	}
	slices.SortFunc(stretches.order, func(a, b [4]string) int {
		return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]), cmp.Compare(a[2], b[2]))
	})
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s (%s): – %s\n\n", p.Title(language), p.Says[0][1], p.To.In(calendar.Zone()).Format("2006-01-02 15:04"))
	for _, k := range stretches.order {
		fmt.Fprintf(t, "%s\t%s → %s\t%d\t%d d\n", p.Named(k[0], language), p.Named(k[1], language), p.Named(k[2], language), stretches.of[k], days[k])
	}
	return t.Flush()
}
