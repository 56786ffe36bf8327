package strictjson

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A step leads into a member of an object (name is set) or an element of an array.
type step struct {
	name  []byte
	index int
}

type path []step

// A field's name may be repeated to the caller; any other name may be somebody's data.
var fieldName = regexp.MustCompile(`^[A-Za-z_][A-Za-z_-]*[0-9]{0,4}$`)

const longestFieldName = 40

// pointer is the RFC 6901 pointer of a path, as far as its names may be repeated.
func (p path) pointer() string {
	var b strings.Builder
	for _, s := range p {
		if s.name == nil {
			b.WriteByte('/')
			b.WriteString(strconv.Itoa(s.index))
			continue
		}
		if len(s.name) > longestFieldName || !fieldName.Match(s.name) {
			break
		}
		b.WriteByte('/')
		b.Write(s.name)
	}
	return b.String()
}

// fold makes names equal that the standard decoder takes for one another.
func fold(name []byte) string {
	out := make([]byte, 0, len(name))
	for _, r := range string(name) {
		if r < utf8.RuneSelf {
			if 'A' <= r && r <= 'Z' {
				r += 'a' - 'A'
			}
			out = append(out, byte(r))
			continue
		}
		for { // to the smallest of its orbit: the Kelvin sign becomes K
			next := unicode.SimpleFold(r)
			if next <= r {
				r = next
				break
			}
			r = next
		}
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		out = utf8.AppendRune(out, r)
	}
	return string(out)
}

const password = "password"
