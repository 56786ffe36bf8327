package reports

import (
	"io"
	"strconv"

	"codeberg.org/go-fonts/dejavu/dejavusans"
	"codeberg.org/go-fonts/dejavu/dejavusansbold"
	"codeberg.org/go-pdf/fpdf"
)

// The page: A4, lying, in millimetres. A row is a block of labels and values, so many beside each other, since no page is as wide as a table of
// twenty columns.
const (
	pdfMargin  = 15.0
	pdfAcross  = 4
	pdfGap     = 4.0
	pdfLeading = 4.0
	pdfFont    = "DejaVu" // has every letter of the three languages
)

// maxPDFRows is more than anybody reads on paper.
const maxPDFRows = 20_000

// writePDF draws what the paper says of itself, then each row as a block. The bytes follow from the paper and the language alone.
func (p *Paper) writePDF(w io.Writer, language string) error {
	if len(p.Rows) > maxPDFRows {
		return tooMany("pdf", maxPDFRows, len(p.Rows))
	}
	f := fpdf.New("L", "mm", "A4", "")
	f.SetCreationDate(p.KnownAt)
	f.SetModificationDate(p.KnownAt)
	f.SetCatalogSort(true)
	f.SetLang(language)
	f.SetTitle(p.Title(language), true)
	f.SetProducer("kelisim", true)
	f.AddUTF8FontFromBytes(pdfFont, "", dejavusans.TTF)
	f.AddUTF8FontFromBytes(pdfFont, "B", dejavusansbold.TTF)
	f.SetMargins(pdfMargin, pdfMargin, pdfMargin)
	f.SetAutoPageBreak(false, pdfMargin)
	f.AliasNbPages("")
	f.SetFooterFunc(func() {
		f.SetXY(pdfMargin, -10)
		f.SetFont(pdfFont, "", 6.5)
		f.SetTextColor(110, 110, 110)
		f.CellFormat(0, pdfLeading, p.SHA256+"   "+strconv.Itoa(f.PageNo())+" / {nb}", "", 0, "C", false, 0, "")
	})
	f.AddPage()
	f.SetFont(pdfFont, "B", 13)
	f.MultiCell(0, 7, p.Title(language), "", "L", false)
	var about [][2]string
	for _, line := range p.about(language)[1:] {
		about = append(about, [2]string{line[0], line[2]})
	}
	block(f, about)
	for _, row := range p.Rows {
		pairs := make([][2]string, len(row))
		for i, v := range row {
			pairs[i] = [2]string{p.word(p.Columns[i].Key, language), p.said(p.Columns[i], v, language)}
		}
		block(f, pairs)
	}
	return f.Output(w)
}

// block draws pairs under a line, each as high as its longest neighbour, and as many of them on one page as fit.
func block(f *fpdf.Fpdf, pairs [][2]string) {
	wide, high := f.GetPageSize()
	width := (wide - 2*pdfMargin - (pdfAcross-1)*pdfGap) / pdfAcross
	f.Ln(2)
	f.SetDrawColor(170, 170, 170)
	f.Line(pdfMargin, f.GetY(), wide-pdfMargin, f.GetY())
	f.Ln(1)
	for len(pairs) > 0 {
		line := pairs[:min(pdfAcross, len(pairs))]
		pairs = pairs[len(line):]
		tall := 0
		f.SetFont(pdfFont, "", 7.5)
		for _, pair := range line {
			tall = max(tall, len(f.SplitText(or(pair[1], "–"), width)))
		}
		if f.GetY()+pdfLeading*float64(tall+1) > high-pdfMargin {
			f.AddPage()
		}
		top := f.GetY()
		for i, pair := range line {
			left := pdfMargin + float64(i)*(width+pdfGap)
			f.SetXY(left, top)
			f.SetFont(pdfFont, "B", 6.5)
			f.SetTextColor(90, 90, 90)
			f.CellFormat(width, pdfLeading, pair[0], "", 0, "L", false, 0, "")
			f.SetXY(left, top+pdfLeading)
			f.SetFont(pdfFont, "", 7.5)
			f.SetTextColor(20, 20, 20)
			f.MultiCell(width, pdfLeading, or(pair[1], "–"), "", "L", false)
		}
		f.SetXY(pdfMargin, top+pdfLeading*float64(tall+1)+0.5)
	}
}
