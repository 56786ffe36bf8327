package receipts

import (
	"bytes"
	"fmt"
	"strconv"

	"codeberg.org/go-fonts/dejavu/dejavusans"
	"codeberg.org/go-fonts/dejavu/dejavusansbold"
	"codeberg.org/go-pdf/fpdf"
)

// The page, in millimetres and points.
const (
	margin     = 20.0
	labelWidth = 58.0
	gap        = 3.0
	leading    = 5.0
	size       = 9.5
	font       = "DejaVu" // has every letter of the three languages, and ₸ (TestEveryLetterHasAGlyph)
)

// PDF draws the receipt in a language, with the JSON attached as receipt.json. name is shown if it is not empty: give it only where it was recorded who looks.
// The bytes follow from the receipt, the language and the name alone.
func (r Receipt) PDF(language, name string) ([]byte, error) {
	s, err := r.sheet(language, name)
	if err != nil {
		return nil, err
	}
	attached, err := r.JSON()
	if err != nil {
		return nil, err
	}
	f := fpdf.New("P", "mm", "A4", "")
	f.SetCreationDate(r.AsOf)
	f.SetModificationDate(r.AsOf)
	f.SetCatalogSort(true)
	f.SetLang(language)
	f.SetTitle(s.lines[0].label, true)
	f.SetProducer("kelisim", true)
	f.AddUTF8FontFromBytes(font, "", dejavusans.TTF)
	f.AddUTF8FontFromBytes(font, "B", dejavusansbold.TTF)
	f.SetAttachments([]fpdf.Attachment{{Content: attached, Filename: "receipt.json", Description: s.lines[0].label}})
	f.SetMargins(margin, margin, margin)
	f.SetAutoPageBreak(true, margin)
	f.AliasNbPages("")
	f.SetFooterFunc(func() {
		f.SetY(-12)
		f.SetFont(font, "", 7.5)
		f.SetTextColor(110, 110, 110)
		f.CellFormat(0, leading, s.say("page.of", "n", strconv.Itoa(f.PageNo()), "all", "{nb}"), "", 0, "C", false, 0, "")
	})
	f.AddPage()
	for i, l := range s.lines {
		draw(f, l, i+1 < len(s.lines) && l.kind == heading && s.lines[i+1].kind == pair)
	}
	var out bytes.Buffer
	if err := f.Output(&out); err != nil {
		return nil, fmt.Errorf("draw a receipt: %w", err)
	}
	return out.Bytes(), nil
}

func draw(f *fpdf.Fpdf, l line, leads bool) {
	f.SetTextColor(20, 20, 20)
	switch l.kind {
	case title:
		f.SetFont(font, "B", 15)
		f.MultiCell(0, 7.5, l.label, "", "L", false)
	case heading:
		_, high := f.GetPageSize()
		if need := 22.0; leads && f.GetY()+need > high-margin {
			f.AddPage()
		}
		f.Ln(gap)
		f.SetFont(font, "B", 10.5)
		f.SetTextColor(20, 70, 120)
		f.MultiCell(0, 6, l.label, "B", "L", false)
		f.Ln(1)
	case pair:
		drawPair(f, l)
	case paragraph, verbatim:
		f.SetFont(font, "", size)
		f.MultiCell(0, leading, l.text, "", "L", false)
		f.Ln(1)
	}
}

// drawPair sets a label and its text side by side, both over as many lines as they need, and on one page.
func drawPair(f *fpdf.Fpdf, l line) {
	wide, high := f.GetPageSize()
	textWidth := wide - 2*margin - labelWidth - gap
	f.SetFont(font, "B", size-0.5)
	labelLines := len(f.SplitText(l.label, labelWidth))
	f.SetFont(font, "", size)
	textLines := 0
	for _, part := range bytes.Split([]byte(l.text), []byte("\n")) {
		textLines += max(1, len(f.SplitText(string(part), textWidth)))
	}
	if need := leading * float64(max(labelLines, textLines)); f.GetY()+need > high-margin && need < high-2*margin {
		f.AddPage()
	}
	top, page := f.GetY(), f.PageNo()
	f.SetFont(font, "B", size-0.5)
	f.SetTextColor(70, 70, 70)
	f.MultiCell(labelWidth, leading, l.label, "", "L", false)
	bottom := f.GetY()
	f.SetFont(font, "", size)
	f.SetTextColor(20, 20, 20)
	if f.PageNo() == page {
		f.SetXY(margin+labelWidth+gap, top)
	}
	f.SetLeftMargin(margin + labelWidth + gap)
	f.MultiCell(textWidth, leading, l.text, "", "L", false)
	f.SetLeftMargin(margin)
	f.SetXY(margin, max(bottom, f.GetY())+0.8)
}
