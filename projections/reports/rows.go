package reports

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"kelisim/domain"
	"kelisim/domain/calendar"
)

// Column is one member of a row.
type Column struct {
	Key  string // snake_case, the same in every language
	Kind Kind
}

// Kind is what a column holds. A value that is missing is null in JSON and empty in the other forms.
type Kind string

const (
	Text   Kind = "text"
	Number Kind = "number"
	Flag   Kind = "flag"
	Moment Kind = "moment" // RFC 3339, in the zone of Astana
	Day    Kind = "day"    // YYYY-MM-DD
	Sum    Kind = "sum"    // money: amount and currency
	List   Kind = "list"   // of texts
)

// Row has a value for each column: string, int, bool, time.Time, calendar.Day, domain.Money, []string, or nil.
type Row []any

// settled gives every value the form of its column: the zero values that say nothing become nil, and moments stand in the zone.
func settled(row Row, columns []Column) (Row, error) {
	if len(row) != len(columns) {
		return nil, fmt.Errorf("a row has %d values for %d columns", len(row), len(columns))
	}
	for i, v := range row {
		kind := Kind("")
		switch v := v.(type) {
		case nil:
			continue
		case string:
			kind = Text
			if v == "" {
				row[i] = nil
			}
		case int:
			kind = Number
		case bool:
			kind = Flag
		case time.Time:
			kind, row[i] = Moment, v.In(calendar.Zone())
			if v.IsZero() {
				row[i] = nil
			}
		case calendar.Day:
			kind = Day
			if v.IsZero() {
				row[i] = nil
			}
		case domain.Money:
			kind = Sum
			if v.IsZero() {
				row[i] = nil
			}
		case []string:
			kind = List
		}
		if kind != columns[i].Kind {
			return nil, fmt.Errorf("column %s holds a %T, not a %s", columns[i].Key, v, columns[i].Kind)
		}
	}
	return row, nil
}

// digest is the SHA-256 of rows in canonical JSON, in hex: an array of objects as RFC 8785 writes them.
func digest(rows []Row, columns []Column) string {
	order := make([]int, len(columns))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(columns[a].Key, columns[b].Key) })
	h := sha256.New()
	b := []byte{'['}
	for n, row := range rows {
		if n > 0 {
			b = append(b, ',')
		}
		b = appendObject(b, row, columns, order)
		h.Write(b)
		b = b[:0]
	}
	h.Write(append(b, ']'))
	return hex.EncodeToString(h.Sum(nil))
}

// appendObject writes a row's members in an order of its columns, without spaces.
func appendObject(b []byte, row Row, columns []Column, order []int) []byte {
	b = append(b, '{')
	for n, i := range order {
		if n > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, columns[i].Key), ':')
		b = appendValue(b, row[i])
	}
	return append(b, '}')
}

func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case bool:
		return strconv.AppendBool(b, v)
	case domain.Money:
		b = appendText(append(b, `{"amount":`...), v.Amount())
		return append(appendText(append(b, `,"currency":`...), v.Currency), '}')
	case []string:
		b = append(b, '[')
		for i, s := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendText(b, s)
		}
		return append(b, ']')
	case nil:
		return append(b, "null"...)
	}
	return appendText(b, plain(v))
}

// plain is a value as one text: what the tables of the other forms show.
func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case []string:
		return strings.Join(v, " ")
	}
	return fmt.Sprint(v)
}

// appendText writes a JSON string as RFC 8785 wants it: only what must be escaped is.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', byte(c))
		case c == '\b':
			b = append(b, `\b`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\f':
			b = append(b, `\f`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c < 0x20:
			b = fmt.Appendf(b, `\u%04x`, c)
		default:
			b = append(b, string(c)...)
		}
	}
	return append(b, '"')
}
