package strictjson

import (
	"slices"
	"unicode"
)

// HoldsCard tells whether a text holds what may be a card number: a free-standing word of 13 to 19 digits, with spaces or hyphens
// inside, that passes Luhn (C-2).
//
// Free-standing is meant so: a token is a longest run of letters, digits, underscores and hyphens. One that has a letter or an
// underscore is an id or a hash and never a card, whatever digits it holds. Tokens of digits and hyphens, with nothing but spaces between
// them, stand together: all of them are tried as one number, each alone, and those that are spaced as cards are printed (so that an expiry
// date behind the number does not hide it). Calendar days, 2026-01-31 and 31-01-2026, part what stands beside them.
func HoldsCard(text string) bool {
	if !manyDigits(text) {
		return false
	}
	var run []token
	var t token
	spaced := true // only spaces since the last token
	end := func() bool {
		found := false
		switch {
		case t.letters || t.isDay():
			found = cardIn(run)
			run = nil
		case len(t.digits) > 0:
			t.closeGroup()
			run = append(run, t)
		}
		t = token{}
		return found
	}
	for _, r := range text {
		class := classify(r)
		if class == space || class == other {
			if end() {
				return true
			}
		}
		switch class {
		case digit:
			if !spaced {
				if cardIn(run) {
					return true
				}
				run = nil
			}
			spaced = true
			t.digits = append(t.digits, byte(r&0xf))
			t.group++
		case hyphen:
			t.closeGroup()
		case letter:
			t.letters = true
		case other:
			spaced = false
		}
	}
	return end() || cardIn(run)
}

type token struct {
	digits  []byte // values, not characters
	groups  []int  // digits between hyphens
	group   int
	letters bool
}

func (t *token) closeGroup() {
	if t.group > 0 {
		t.groups = append(t.groups, t.group)
		t.group = 0
	}
}

func (t *token) isDay() bool {
	t.closeGroup()
	return slices.Equal(t.groups, []int{4, 2, 2}) || slices.Equal(t.groups, []int{2, 2, 4})
}

const (
	other = iota
	space
	hyphen
	digit
	letter
	nothing // a mark that is not seen
)

func classify(r rune) int {
	switch {
	case r >= '0' && r <= '9', r >= '０' && r <= '９': // full-width digits end in the same four bits
		return digit
	case r == ' ', r == '\t', unicode.Is(unicode.Zs, r):
		return space
	case r == '-', r == '\u2212', unicode.Is(unicode.Pd, r):
		return hyphen
	case r == '_', unicode.IsLetter(r), unicode.IsMark(r), unicode.IsNumber(r):
		return letter
	case unicode.Is(unicode.Cf, r):
		return nothing
	}
	return other
}

// Printed groups of a card number.
var printed = [][]int{{4, 4, 4, 4}, {4, 4, 4, 4, 3}, {4, 6, 5}, {4, 6, 4}, {4, 4, 5}, {6, 13}}

const longestPrint = 5

func cardIn(run []token) bool {
	var all []byte
	for i, t := range run {
		if luhn(t.digits) {
			return true
		}
		all = append(all, t.digits...)
		var groups []int
		var digits []byte
		for _, next := range run[i:min(len(run), i+longestPrint)] {
			groups, digits = append(groups, next.groups...), append(digits, next.digits...)
			if luhn(digits) && slices.ContainsFunc(printed, func(p []int) bool { return slices.Equal(p, groups) }) {
				return true
			}
		}
	}
	return luhn(all)
}

// luhn tells whether 13 to 19 digits have the check digit of a card number.
func luhn(digits []byte) bool {
	if len(digits) < 13 || len(digits) > 19 {
		return false
	}
	sum := 0
	for i, d := range digits {
		n := int(d)
		if (len(digits)-i)%2 == 0 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}

// manyDigits is the quick answer for nearly every text.
func manyDigits(text string) bool {
	n := 0
	for i := range len(text) {
		if c := text[i]; c >= '0' && c <= '9' || c == 0xef { // 0xef begins a full-width digit
			n++
		}
	}
	return n >= 13
}
