package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/catalogue"
	"kelisim/projections/finance"
)

// finance writes a month's statement.
func (p *program) finance() *cobra.Command {
	var pl place
	month := ""
	format, table := either("json", "csv"), either("accounts", "receipts", "held")
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
			return writeStatement(p.stdout, record.Statement(m, time.Now()), format.word, table.word)
		},
	}
	pl.flags(c.Flags(), "the data directory")
	c.Flags().StringVar(&month, "month", "", "the month, such as 2026-10")
	c.Flags().Var(format, "format", "json holds all tables, csv the one of --table")
	c.Flags().Var(table, "table", "accounts, receipts or held")
	return c
}

func writeStatement(w io.Writer, s finance.Statement, format, table string) error {
	if format == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(s)
	}
	out := csv.NewWriter(w)
	for _, row := range statementRows(s, table) {
		if err := out.Write(row); err != nil {
			return fmt.Errorf("write the statement: %w", err)
		}
	}
	out.Flush()
	return out.Error()
}

// statementRows is a table with its heading; sums are decimals.
func statementRows(s finance.Statement, table string) [][]string {
	switch table {
	case "receipts":
		rows := [][]string{{"day", "utc_day", "provider", "currency", "payments", "received", "refunded", "refunded_elsewhere", "charged_back", "paid_out", "fees"}}
		for _, r := range s.Receipts {
			rows = append(rows, []string{r.Day.String(), r.UTCDay, r.Provider, r.Currency, strconv.Itoa(r.Payments),
				decimal(r.Received), decimal(r.Refunded), decimal(r.Elsewhere), decimal(r.ChargedBack), decimal(r.PaidOut), decimal(r.Fees)})
		}
		return rows
	case "held":
		rows := [][]string{{"provider", "transaction_id", "currency", "left", "reason", "paid_at", "age_days"}}
		for _, h := range s.Held {
			rows = append(rows, []string{h.Provider, h.TransactionID, h.Currency, decimal(h.Left), h.Reason, h.PaidAt.Format(time.RFC3339), strconv.Itoa(h.AgeDays)})
		}
		return rows
	}
	rows := [][]string{{"account", "currency", "opening", "movement", "closing"}}
	for _, l := range s.Accounts {
		rows = append(rows, []string{string(l.Account), l.Currency, decimal(l.Opening), decimal(l.Movement), decimal(l.Closing)})
	}
	return rows
}

func decimal(minor int64) string { return domain.Money{Minor: minor}.Amount() }
