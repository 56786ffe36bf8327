package cloudpaymentstest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
)

// Planted is a value that the processor tells and the ledger must keep nowhere (C-2, P-1.4).
type Planted struct{ Field, Value string }

// PlantedSecrets are in every answer and notification of the double. The values are found nowhere else; the cards are the processor's test cards.
var PlantedSecrets = []Planted{
	{"CardFirstSix", "547932"},
	{"CardExpDate", "11/39"},
	{"CardId", "pl4nt3dc4rd1d0"},
	{"Name", "PLANTED HOLDERSSON"},
	{"Token", "tk_0badc0de0badc0de0badc0de0badc"},
	{"AuthCode", "PLNTD7"},
	{"IpAddress", "203.0.113.197"},
	{"Email", "planted.payer@example.kz"},
	{"Issuer", "PLANTED BANK"},
	{"Description", "planted words 4000 0566 5566 5556"},
	{"Data", `{"planted":"4242424242424242"}`},
}

// Leak is where something was found that must not be there. It does not repeat what.
type Leak struct {
	File   string // "" for a stream
	Offset int64
	What   string // "card number", "token", or the planted field
}

func (l Leak) String() string { return fmt.Sprintf("%s at byte %d of %s", l.What, l.Offset, l.File) }

const (
	block = 1 << 16
	// margin is more than anything that is looked for.
	margin = 256
)

// Scan looks through a stream for the planted values, as they are and in Base64; for runs of 13 to 19 digits, or groups of them as cards are printed, that
// pass Luhn and are no part of an id; and for card tokens. Ids and hashes are told by a letter or an underscore in the same word.
func Scan(r io.Reader) ([]Leak, error) {
	var leaks []Leak
	var buf []byte
	var base int64
	for {
		begin := len(buf)
		buf = slices.Grow(buf, block)[:begin+block]
		n, err := io.ReadFull(r, buf[begin:])
		buf = buf[:begin+n]
		last := err == io.EOF || err == io.ErrUnexpectedEOF
		if err != nil && !last {
			return leaks, fmt.Errorf("scan at byte %d: %w", base, err)
		}
		for _, l := range scanBlock(buf, base == 0, last) {
			if l.Offset += base; !slices.Contains(leaks, l) {
				leaks = append(leaks, l)
			}
		}
		if last {
			slices.SortFunc(leaks, func(a, b Leak) int { return int(a.Offset - b.Offset) })
			return leaks, nil
		}
		keep := min(len(buf), margin)
		base += int64(len(buf) - keep)
		buf = append(buf[:0], buf[len(buf)-keep:]...)
	}
}

// ScanFS scans every file of a tree.
func ScanFS(tree fs.FS) ([]Leak, error) {
	var leaks []Leak
	err := fs.WalkDir(tree, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		f, err := tree.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		found, err := Scan(f)
		for _, l := range found {
			l.File = path
			leaks = append(leaks, l)
		}
		return err
	})
	return leaks, err
}

var tokenForm = regexp.MustCompile(`\b(?:tk_[0-9a-f]{16,}|success_[0-9a-f]{8}-[0-9a-f]{4}-)`)

// scanBlock looks through a part of a stream. What touches an end that is not the stream's is left to the part that holds all of it.
func scanBlock(b []byte, first, last bool) []Leak {
	var leaks []Leak
	word := func(i int) bool {
		return i < 0 && !first || i >= len(b) && !last || i >= 0 && i < len(b) && isWord(b[i])
	}
	for _, s := range PlantedSecrets {
		for _, form := range forms(s.Value) {
			for from := 0; ; {
				i := bytes.Index(b[from:], form)
				if i < 0 {
					break
				}
				at := from + i
				// A short value is found by chance inside of longer words.
				if len(s.Value) > 8 || !word(at-1) && !word(at+len(form)) {
					leaks = append(leaks, Leak{Offset: int64(at), What: s.Field})
				}
				from = at + 1
			}
		}
	}
	for _, at := range tokenForm.FindAllIndex(b, -1) {
		leaks = append(leaks, Leak{Offset: int64(at[0]), What: "token"})
	}
	return append(leaks, scanDigits(b, first, last)...)
}

// forms are a value as it is and, where it is long enough for that, as it shows in Base64 of a text that holds it.
func forms(value string) [][]byte {
	out := [][]byte{[]byte(value)}
	if len(value) < 12 {
		return out
	}
	for shift := range 3 {
		padded := append(make([]byte, shift), value...)
		text := base64.StdEncoding.EncodeToString(padded)
		// What surrounds the value has a part in the letters at both ends.
		out = append(out, []byte(text[4:len(text)-4]))
	}
	return out
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWord(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '-'
}

// printed are the groups of digits on cards.
var printed = [][]int{{4, 4, 4, 4}, {4, 4, 4, 4, 3}, {4, 6, 5}}

// scanDigits finds card numbers among words of digits and hyphens. Words with one space between them are read together.
func scanDigits(b []byte, first, last bool) []Leak {
	var leaks []Leak
	var groups [][]byte
	begin := 0
	flush := func() {
		if holdsCard(groups) {
			leaks = append(leaks, Leak{Offset: int64(begin), What: "card number"})
		}
		groups = nil
	}
	for i := 0; i < len(b); {
		if !isWord(b[i]) {
			if b[i] != ' ' || i+1 < len(b) && !isDigit(b[i+1]) {
				flush()
			}
			i++
			continue
		}
		end := i
		for end < len(b) && isWord(b[end]) {
			end++
		}
		word := b[i:end]
		fraction := i >= 2 && b[i-1] == '.' && isDigit(b[i-2])
		cut := i == 0 && !first || end == len(b) && !last
		if fraction || cut || bytes.ContainsFunc(word, func(r rune) bool { return r != '-' && !isDigit(byte(r)) }) {
			flush()
		} else {
			if len(groups) == 0 {
				begin = i
			}
			for _, g := range bytes.Split(word, []byte("-")) {
				if len(g) > 0 {
					groups = append(groups, g)
				}
			}
		}
		i = end
	}
	flush()
	return leaks
}

func holdsCard(groups [][]byte) bool {
	for i, g := range groups {
		if luhn(g) {
			return true
		}
		for _, p := range printed {
			if i+len(p) > len(groups) {
				continue
			}
			run := groups[i : i+len(p)]
			if slices.EqualFunc(run, p, func(g []byte, n int) bool { return len(g) == n }) && luhn(bytes.Join(run, nil)) {
				return true
			}
		}
	}
	return false
}

func luhn(digits []byte) bool {
	if len(digits) < 13 || len(digits) > 19 {
		return false
	}
	sum := 0
	for i, c := range digits {
		n := int(c - '0')
		if (len(digits)-i)%2 == 0 {
			n *= 2
			if n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}
