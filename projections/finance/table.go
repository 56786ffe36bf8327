package finance

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"kelisim/domain"
)

// The forms of a statement: JSON holds all tables, with sums in minor units; CSV is one of them, with sums as decimals.
const (
	JSON = "json"
	CSV  = "csv"
)

// Tables are those that CSV can hold. The first is meant where none is named.
var Tables = []string{"accounts", "receipts", "held"}

// Write writes a statement in a form; the same statement gives the same bytes.
func (s Statement) Write(w io.Writer, format, table string) error {
	if format == JSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(s)
	}
	out := csv.NewWriter(w)
	for _, row := range s.rows(table) {
		if err := out.Write(row); err != nil {
			return fmt.Errorf("write the statement: %w", err)
		}
	}
	out.Flush()
	return out.Error()
}

// rows is a table with its heading.
func (s Statement) rows(table string) [][]string {
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
