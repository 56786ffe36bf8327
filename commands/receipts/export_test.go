package receipts

import "strings"

// Words is what the PDF says, as text.
func (r Receipt) Words(language, name string) (string, error) {
	s, err := r.sheet(language, name)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, l := range s.lines {
		switch l.kind {
		case title:
			b.WriteString(l.label + "\n")
		case heading:
			b.WriteString("\n## " + l.label + "\n")
		case pair:
			b.WriteString(l.label + ": " + strings.ReplaceAll(l.text, "\n", " / ") + "\n")
		case paragraph, verbatim:
			b.WriteString(l.text + "\n")
		}
	}
	return b.String(), nil
}
