package reports

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"kelisim/domain"
	"kelisim/domain/calendar"
)

// The forms of a paper, and the media types of their files.
const (
	JSON = "json"
	CSV  = "csv"
	XLSX = "xlsx"
	PDF  = "pdf"
)

// MediaTypes names the media type of each form.
var MediaTypes = map[string]string{
	JSON: "application/json",
	CSV:  "text/csv",
	XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	PDF:  "application/pdf",
}

// Write writes the paper in a form, with its titles in a language of Languages.
func (p *Paper) Write(w io.Writer, format, language string) error {
	var err error
	switch format {
	case JSON:
		err = p.writeJSON(w, language)
	case CSV:
		err = p.writeCSV(w, language)
	case XLSX:
		err = p.writeXLSX(w, language)
	case PDF:
		err = p.writePDF(w, language)
	default:
		panic("a form that there is not: " + format)
	}
	if err != nil {
		return fmt.Errorf("write %s as %s: %w", p.Name, format, err)
	}
	return nil
}

func tooMany(format string, most, rows int) error {
	return domain.Malformed("?format", "%s holds %d rows and the report has %d; ask for csv, or for a shorter range", format, most, rows)
}

// writeJSON writes one object, its rows a line each.
func (p *Paper) writeJSON(w io.Writer, language string) error {
	out := bufio.NewWriter(w)
	var b []byte
	member := func(key string, v any) {
		b = append(appendValue(append(appendText(append(b, ' ', ' '), key), ':', ' '), v), ',', '\n')
	}
	b = append(b, "{\n"...)
	member("report", p.Name)
	member("title", p.Title(language))
	member("from", momentOr(p.From))
	member("to", momentOr(p.To))
	member("known_at", momentOr(p.KnownAt))
	member("as_of", momentOr(p.AsOf))
	member("position", int(p.Position))
	member("zone", calendar.Zone().String())
	member("log_size", int(p.LogSize))
	member("log_root", p.LogRoot)
	member("terms_version", p.TermsVersion)
	member("row_count", len(p.Rows))
	member("rows_sha256", p.SHA256)
	for _, line := range p.Says {
		member(line[0], line[1])
	}
	b = p.appendLabels(b)
	b = append(b, `  "columns": [`...)
	for i, c := range p.Columns {
		b = append(append(b, separator(i)...), "\n    "...)
		b = append(appendText(append(b, `{"key":`...), c.Key), `,"kind":`...)
		b = append(appendText(b, string(c.Kind)), `,"title":`...)
		b = append(appendText(b, p.word(c.Key, language)), '}')
	}
	b = append(b, "\n  ],\n  \"rows\": ["...)
	order := make([]int, len(p.Columns))
	for i := range order {
		order[i] = i
	}
	for i, row := range p.Rows {
		b = append(append(b, separator(i)...), "\n    "...)
		b = appendObject(b, row, p.Columns, order)
		if _, err := out.Write(b); err != nil {
			return err
		}
		b = b[:0]
	}
	if len(p.Rows) > 0 {
		b = append(b, "\n  "...)
	}
	if _, err := out.Write(append(b, "]\n}\n"...)); err != nil {
		return err
	}
	return out.Flush()
}

// appendLabels writes what each code in the rows is called, in every language: whoever shows rows to a person needs no list of their own.
func (p *Paper) appendLabels(b []byte) []byte {
	labels := p.labels()
	if len(labels) == 0 {
		return b
	}
	b = append(b, "  \"labels\": {"...)
	for i, code := range labels {
		b = append(appendText(append(append(b, separator(i)...), "\n    "...), code), ": {"...)
		for n, language := range Languages {
			b = append(appendText(append(b, separator(n)...), language), ':')
			b = appendText(b, p.label(code, language))
		}
		b = append(b, '}')
	}
	return append(b, "\n  },\n"...)
}

func separator(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}

func momentOr(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.In(calendar.Zone())
}

// about is what a paper says of itself: a label, a value, and the value in words.
func (p *Paper) about(language string) [][3]string {
	edges := plain(momentOr(p.From)) + " – " + plain(momentOr(p.To))
	var out [][3]string
	for _, line := range [][2]string{
		{"report", p.Title(language)}, {"range", edges}, {"known_at", plain(momentOr(p.KnownAt))}, {"as_of", plain(momentOr(p.AsOf))},
		{"position", strconv.FormatInt(p.Position, 10)}, {"zone", calendar.Zone().String()}, {"log_size", strconv.FormatInt(p.LogSize, 10)},
		{"log_root", p.LogRoot}, {"terms_version", p.TermsVersion}, {"row_count", strconv.Itoa(len(p.Rows))}, {"rows_sha256", p.SHA256},
	} {
		out = append(out, [3]string{word(line[0], language), line[1], line[1]})
	}
	for _, line := range p.Says {
		out = append(out, [3]string{p.word(line[0], language), line[1], p.named(line[1], ",", p.Labels, language)})
	}
	return out
}

// writeCSV writes RFC 4180 in UTF-8: first what the paper says of itself, in lines that begin with #, then the headings' line, then the
// rows. Every line has the same number of fields. A sum of money takes two. Codes stand as in JSON, since machines read them, and once more in words, in
// columns after all others (TestCSVHasCodesAndWords). Text that a spreadsheet would take for a formula gets an apostrophe before it.
func (p *Paper) writeCSV(w io.Writer, language string) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	var heads []string
	for _, c := range p.Columns {
		heads = append(heads, p.word(c.Key, language))
		if c.Kind == Sum {
			heads = append(heads, word("currency", language))
		}
	}
	for _, c := range p.Columns {
		if p.coded(c) {
			heads = append(heads, p.word(c.Key, language)+" ("+word("in_words", language)+")")
		}
	}
	width := max(len(heads), 3)
	pad := func(line []string) []string { return append(line, make([]string, width-len(line))...) }
	for _, line := range p.about(language) {
		fields := []string{"# " + line[0], harmless(line[1])}
		if line[2] != line[1] {
			fields = append(fields, harmless(line[2]))
		}
		if err := out.Write(pad(fields)); err != nil {
			return err
		}
	}
	if err := out.Write(pad(heads)); err != nil {
		return err
	}
	for _, row := range p.Rows {
		var line []string
		for i, v := range row {
			switch m, isSum := v.(domain.Money); {
			case isSum:
				line = append(line, m.Amount(), m.Currency)
			case p.Columns[i].Kind == Sum:
				line = append(line, "", "")
			default:
				line = append(line, harmless(plain(v)))
			}
		}
		for i, c := range p.Columns {
			if p.coded(c) {
				line = append(line, harmless(p.said(c, row[i], language)))
			}
		}
		if err := out.Write(pad(line)); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// harmless keeps a spreadsheet from taking text for a formula.
func harmless(s string) string {
	if trimmed := strings.TrimLeft(s, " "); trimmed != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(trimmed)[0]) {
		return "'" + s
	}
	return s
}
