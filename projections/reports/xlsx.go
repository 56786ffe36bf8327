package reports

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"kelisim/domain"
)

// maxXLSXRows is what a sheet can hold beside its headings.
const maxXLSXRows = excelize.TotalRows - 1

// The forms of cells that are no text.
var numberForms = map[Kind]string{Moment: "yyyy-mm-dd hh:mm:ss", Sum: "#,##0.00"}

// writeXLSX writes a workbook of two sheets: the rows, and what the paper says of itself. Moments stand in the time of Astana; days are texts. Text is never a
// formula. The same paper gives the same bytes (TestSameBytesForEver).
func (p *Paper) writeXLSX(w io.Writer, language string) (err error) {
	if len(p.Rows) > maxXLSXRows {
		return tooMany("a sheet", maxXLSXRows, len(p.Rows))
	}
	f := excelize.NewFile()
	defer func() {
		if closing := f.Close(); err == nil {
			err = closing
		}
	}()
	rows, about := word("report", language), word("about", language)
	if err := f.SetSheetName("Sheet1", rows); err != nil {
		return err
	}
	if _, err := f.NewSheet(about); err != nil {
		return err
	}
	bold, err := f.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}})
	if err != nil {
		return err
	}
	styles := map[Kind]int{}
	for _, k := range []Kind{Moment, Sum} {
		form := numberForms[k]
		if styles[k], err = f.NewStyle(&excelize.Style{CustomNumFmt: &form}); err != nil {
			return err
		}
	}
	if err := p.writeSheet(f, rows, language, bold, styles); err != nil {
		return err
	}
	s, err := f.NewStreamWriter(about)
	if err != nil {
		return err
	}
	if err := s.SetColWidth(1, 2, 32); err != nil {
		return err
	}
	for i, line := range p.about(language) {
		if err := s.SetRow(fmt.Sprintf("A%d", i+1), []any{excelize.Cell{StyleID: bold, Value: line[0]}, line[2]}); err != nil {
			return err
		}
	}
	if err := s.Flush(); err != nil {
		return err
	}
	var book bytes.Buffer
	if _, err := f.WriteTo(&book); err != nil {
		return err
	}
	return sorted(w, book.Bytes())
}

// sorted writes a zip's entries in the order of their names: the library writes its sheets in any order.
func sorted(w io.Writer, book []byte) error {
	r, err := zip.NewReader(bytes.NewReader(book), int64(len(book)))
	if err != nil {
		return err
	}
	slices.SortFunc(r.File, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	out := zip.NewWriter(w)
	for _, entry := range r.File {
		if err := out.Copy(entry); err != nil {
			return err
		}
	}
	return out.Close()
}

func (p *Paper) writeSheet(f *excelize.File, sheet, language string, bold int, styles map[Kind]int) error {
	s, err := f.NewStreamWriter(sheet)
	if err != nil {
		return err
	}
	var heads []any
	for _, c := range p.Columns {
		heads = append(heads, excelize.Cell{StyleID: bold, Value: p.word(c.Key, language)})
		if c.Kind == Sum {
			heads = append(heads, excelize.Cell{StyleID: bold, Value: word("currency", language)})
		}
	}
	if err := s.SetColWidth(1, len(heads), 20); err != nil {
		return err
	}
	if err := s.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	if err := s.SetRow("A1", heads); err != nil {
		return err
	}
	for n, row := range p.Rows {
		var line []any
		for i, v := range row {
			style := styles[p.Columns[i].Kind]
			switch v := v.(type) {
			case domain.Money:
				line = append(line, excelize.Cell{StyleID: style, Value: float64(v.Minor) / 100}, v.Currency)
				continue
			case time.Time:
				line = append(line, excelize.Cell{StyleID: style, Value: v})
				continue
			case nil:
				line = append(line, nil)
			case int, bool:
				line = append(line, v)
			default:
				line = append(line, p.said(p.Columns[i], v, language))
			}
			if p.Columns[i].Kind == Sum {
				line = append(line, nil)
			}
		}
		if err := s.SetRow(fmt.Sprintf("A%d", n+2), line); err != nil {
			return err
		}
	}
	return s.Flush()
}
