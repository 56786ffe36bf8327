package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"kelisim/commands/journal"
	"kelisim/domain/catalogue"
	"kelisim/projections/finance"
)

// finance writes a month's statement.
func (p *program) finance() *cobra.Command {
	var pl place
	month := ""
	format, table := either(finance.JSON, finance.CSV), either(finance.Tables...)
	c := &cobra.Command{
		Use: "finance --month 2026-10", Short: "Write a month's statement of the company's money", Args: exactly(0),
		Long: `Writes the statement of a calendar month in Astana: each account's opening, movement and closing, in double entry; what came and went by the day in Astana and by
the processor's own day in UTC; what is held, with its age. Sums in JSON are in minor units (tiyn).

A month is closed at the start of the 6th of the next one. From then on its statement comes out byte for byte the same, for ever; what became
known later stands in the next month that was open. Revenue is recognised by the day. It may run beside a server.`,
		Example: `  kelisim report finance --data ./kelisim-data --month 2026-10
  kelisim report finance --month 2026-10 --table receipts --format csv > october.csv`,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			m, err := finance.ParseMonth(month)
			if err != nil {
				return misuse("--month: a month such as 2026-10 is wanted")
			}
			l, err := pl.read(c.Context())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, l.Close()) }()
			record, err := finance.Read(c.Context(), journal.New(l.Store, catalogue.All()))
			if err != nil {
				return err
			}
			return record.Statement(m, time.Now()).Write(p.stdout, format.word, table.word)
		},
	}
	pl.flags(c.Flags(), "the data directory")
	c.Flags().StringVar(&month, "month", "", "the month, such as 2026-10")
	c.Flags().Var(format, "format", "json holds all tables, csv the one of --table")
	c.Flags().Var(table, "table", "accounts, receipts or held")
	return c
}
