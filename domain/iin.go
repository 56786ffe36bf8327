package domain

import "regexp"

// ValidIIN tells whether a text is an individual identification number by its length and check digit, and nothing more: twelve digits,
// the last of which follows from the others by weights modulo 11, tried twice.
func ValidIIN(s string) bool {
	if len(s) != iinDigits {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	check := weigh(s, 1)
	if check == notIssuedCheck {
		check = weigh(s, 3)
	}
	return check == int(s[iinDigits-1]-'0') // a second ten equals no digit: such a number is never issued
}

const (
	iinDigits      = 12
	notIssuedCheck = 10
)

// weigh sums the first eleven digits by the weights first, first+1, … that run round from 11 to 1, modulo 11.
func weigh(s string, first int) int {
	sum := 0
	for i := range iinDigits - 1 {
		sum += int(s[i]-'0') * ((first-1+i)%11 + 1)
	}
	return sum % 11
}

// A free-standing word of digits that begins with a month and a day after two digits, as an IIN does: few other numbers do and have its check digit.
var iinLike = regexp.MustCompile(`(?:^|[^0-9])([0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{6})(?:[^0-9]|$)`)

// HoldsIIN tells whether a text that is to stand in clear holds what must be taken for an IIN.
func HoldsIIN(text string) bool {
	for text != "" {
		at := iinLike.FindStringSubmatchIndex(text)
		if at == nil {
			return false
		}
		if ValidIIN(text[at[2]:at[3]]) {
			return true
		}
		text = text[at[3]:]
	}
	return false
}
