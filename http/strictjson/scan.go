package strictjson

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"kelisim/domain"
)

// scan reads the whole of data once. It also gathers what does not fit the wanted shape; faults of form end it at once.
func scan(data []byte, want shape, base path) error {
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return domain.Malformed(base.pointer(), "a JSON value is wanted and there is none")
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return domain.Malformed(base.pointer(), "the text begins with a byte order mark")
	case !utf8.Valid(data):
		return domain.Malformed(base.pointer(), "the text is not UTF-8")
	}
	s := scanner{data: data, at: base[:len(base):len(base)]}
	s.space()
	if err := s.value(want); err != nil {
		return err
	}
	s.space()
	if s.pos < len(data) {
		return domain.Malformed(base.pointer(), "text follows the JSON value")
	}
	return s.faults.err()
}

type scanner struct {
	data   []byte
	pos    int
	at     path
	depth  int
	faults faults
}

func (s *scanner) malformed(detail string) error {
	return domain.Malformed(s.at.pointer(), "%s", detail)
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// next is the byte at hand, or 0 at the end: a NUL is never right, so the two need not be told apart.
func (s *scanner) next() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *scanner) take(c byte) bool {
	if s.next() != c {
		return false
	}
	s.pos++
	return true
}

func (s *scanner) value(want shape) error {
	begin, known := s.pos, len(s.faults)
	var err error
	switch c := s.next(); {
	case c == '{':
		s.expect(want, object)
		err = s.object(want)
	case c == '[':
		s.expect(want, array)
		err = s.array(want)
	case c == '"':
		s.expect(want, text)
		err = s.free()
	case c == '-' || '0' <= c && c <= '9':
		s.expect(want, number)
		err = s.number(want)
	case s.word("true"), s.word("false"):
		s.expect(want, boolean)
	case s.word("null"):
		return nil
	default:
		err = s.malformed("this is not JSON")
	}
	if err == nil && want.try != nil && len(s.faults) == known {
		if detail := want.try(s.data[begin:s.pos]); detail != "" {
			s.faults.add(s.at, "%s", detail)
		}
	}
	return err
}

func (s *scanner) word(w string) bool {
	if !bytes.HasPrefix(s.data[s.pos:], []byte(w)) {
		return false
	}
	s.pos += len(w)
	return true
}

func (s *scanner) enter(st step) { s.at = append(s.at, st) }
func (s *scanner) leave()        { s.at = s.at[:len(s.at)-1] }

// open begins an array or an object.
func (s *scanner) open() error {
	s.pos++
	if s.depth++; s.depth > maxDepth {
		return domain.Malformed("", "the value is nested more than %d deep", maxDepth)
	}
	return nil
}

func (s *scanner) object(want shape) error {
	if err := s.open(); err != nil {
		return err
	}
	defer func() { s.depth-- }()
	seen := map[string]bool{}
	for s.space(); !s.take('}'); s.space() {
		if len(seen) > 0 {
			if !s.take(',') {
				return s.malformed("this is not JSON: a comma or } is wanted")
			}
			s.space()
		}
		if s.next() != '"' {
			return s.malformed("this is not JSON: a name in quotes is wanted")
		}
		name, err := s.str()
		if err != nil {
			return err
		}
		if HoldsCard(string(name)) {
			return errCard.At(s.at.pointer())
		}
		folded := fold(name)
		s.enter(step{name: name})
		if folded == password {
			return errPassword.At(s.at.pointer())
		}
		if _, twice := seen[folded]; twice {
			return s.malformed("the name is given twice, perhaps in another case")
		}
		s.space()
		if !s.take(':') {
			return s.malformed("this is not JSON: a colon is wanted")
		}
		s.space()
		member, ok := want.member(string(name))
		if !ok {
			s.faults.add(s.at, "no such field is known here")
		}
		seen[folded] = s.next() != 'n' // null is as good as nothing
		if err := s.value(shapeOf(member)); err != nil {
			return err
		}
		s.leave()
	}
	for _, name := range want.need {
		if !seen[name] {
			s.faults.add(append(s.at, step{name: []byte(name)}), "the field is required")
		}
	}
	return nil
}

func (s *scanner) array(want shape) error {
	if err := s.open(); err != nil {
		return err
	}
	defer func() { s.depth-- }()
	i := 0
	for s.space(); !s.take(']'); s.space() {
		if i > 0 {
			if !s.take(',') {
				return s.malformed("this is not JSON: a comma or ] is wanted")
			}
			s.space()
		}
		s.enter(step{index: i})
		if err := s.value(shapeOf(want.elem)); err != nil {
			return err
		}
		s.leave()
		i++
	}
	return nil
}

// free is a text that people may write in.
func (s *scanner) free() error {
	b, err := s.str()
	if err == nil && !s.isID() && HoldsCard(string(b)) {
		return errCard.At(s.at.pointer())
	}
	return err
}

// isID tells whether the text stands under a name that the contract exempts: one processor's id in ten passes for a card number.
func (s *scanner) isID() bool {
	if len(s.at) == 0 {
		return false
	}
	name := string(s.at[len(s.at)-1].name)
	return strings.HasSuffix(name, "_id") || name == "tracking_number"
}

// str reads a string; what it answers is the data itself where nothing was escaped.
func (s *scanner) str() ([]byte, error) {
	s.pos++
	begin := s.pos
	var out []byte // only once something is escaped
	for {
		c := s.next()
		switch {
		case c == '"':
			b := s.data[begin:s.pos:s.pos]
			if out != nil {
				b = append(out, b...)
			}
			s.pos++
			return b, nil
		case c < 0x20:
			return nil, s.malformed("this is not JSON: a string is not closed, or holds a control character")
		case c == '\\':
			out = append(out, s.data[begin:s.pos]...)
			r, ok := s.escape()
			if !ok || r == 0 {
				return nil, s.malformed("a string holds an escape that is no character")
			}
			out = utf8.AppendRune(out, r)
			begin = s.pos
		default:
			s.pos++
		}
	}
}

// escape reads a backslash and what it stands for.
func (s *scanner) escape() (rune, bool) {
	s.pos++
	c := s.next()
	s.pos++
	switch c {
	case '"', '\\', '/':
		return rune(c), true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	case 'u':
	default:
		return 0, false
	}
	r, ok := s.hex()
	if !ok || !utf16.IsSurrogate(r) {
		return r, ok
	}
	if !s.word(`\u`) {
		return 0, false
	}
	low, ok := s.hex()
	pair := utf16.DecodeRune(r, low)
	return pair, ok && pair != utf8.RuneError
}

func (s *scanner) hex() (rune, bool) {
	if len(s.data)-s.pos < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s.data[s.pos:s.pos+4]), 16, 16)
	s.pos += 4
	return rune(n), err == nil
}

func (s *scanner) number(want shape) error {
	begin := s.pos
	s.take('-')
	if !s.take('0') && !s.digits() {
		return s.malformed("this is not a JSON number")
	}
	whole := true
	if s.take('.') {
		whole = false
		if !s.digits() {
			return s.malformed("this is not a JSON number")
		}
	}
	if c := s.next(); c == 'e' || c == 'E' {
		whole = false
		s.pos++
		if !s.take('+') {
			s.take('-')
		}
		if !s.digits() {
			return s.malformed("this is not a JSON number")
		}
	}
	literal := string(s.data[begin:s.pos])
	f, err := strconv.ParseFloat(literal, 64)
	if HoldsCard(literal) || !whole && math.Abs(f) < 1e19 && HoldsCard(strconv.FormatFloat(math.Trunc(f), 'f', -1, 64)) {
		return errCard.At(s.at.pointer())
	}
	// Only a whole literal tells 2^53 from its neighbour; any other must stay clear of it.
	fits := err == nil && math.Abs(f) < maxNumber
	if whole {
		n, err := strconv.ParseInt(literal, 10, 64)
		fits = err == nil && -maxNumber <= n && n <= maxNumber
	}
	if !fits {
		return s.malformed("the number is out of range: write it as a string")
	}
	if want.whole && !whole {
		s.faults.add(s.at, "a whole number is wanted here")
	}
	return nil
}

func (s *scanner) digits() bool {
	begin := s.pos
	for c := s.next(); '0' <= c && c <= '9'; c = s.next() {
		s.pos++
	}
	return s.pos > begin
}
