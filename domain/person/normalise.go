// Package person reads what a person is named and reached by: login, e-mail address, mobile number, IIN.
//
// Each function answers the one form in which two spellings of the same thing are equal, or refuses what cannot be
// such a thing. A refusal is domain.Malformed and never repeats the value. Nothing is derived from a value: an IIN in particular has
// not been bound to a birthday or a sex since 2013, so it is checked for length and check digit and read no further.
package person

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"kelisim/domain"
)

const (
	maxText      = 254 // bytes of a login or an e-mail address; for the latter it is the post's own limit
	minDigits    = 8   // of a number with its country code; the shortest plans there are
	maxDigits    = 15  // the limit of E.164
	digitsOfKZ   = 11  // country code 7 with its ten digits
	separators   = " \t\u00a0\u202f()-\u2010\u2011\u2012\u2013\u2014"
	mailSpecials = `"(),:;<>[\]`
)

// Login is the form in which logins are compared (T-3.2): without blanks around it, case-folded, NFC. It may hold any printed
// character and single spaces, and nothing that cannot be seen.
func Login(s string) (string, error) {
	s, ok := text(s)
	if !ok || strings.Contains(s, "  ") {
		return "", domain.Malformed("", "a login is 1 to %d bytes of printed characters", maxText)
	}
	return s, nil
}

// Email is the form in which e-mail addresses are compared: without blanks around it, case-folded, NFC, both before and
// after the @. Folding the local part is our choice: two users whose addresses differ in case alone are one.
func Email(s string) (string, error) {
	s, ok := text(s)
	local, host, at := strings.Cut(s, "@")
	if !ok || !at || local == "" || strings.ContainsAny(local, " @"+mailSpecials) || !isHost(host) {
		return "", domain.Malformed("", "an e-mail address is name@host, at most %d bytes", maxText)
	}
	return s, nil
}

func isHost(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return false
		}
		for _, r := range label {
			if r != '-' && !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r) {
				return false
			}
		}
	}
	return true
}

// text trims and folds s, and tells whether every character of it can be seen. What folding makes of s is what is judged: it can be
// longer, and a Greek question mark is a semicolon in it.
func text(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if len(s) > maxText || !utf8.ValidString(s) {
		return "", false
	}
	s = fold(s)
	if s == "" || len(s) > maxText {
		return "", false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return "", false
		}
	}
	return s, true
}

// fold answers one form for all spellings that differ in case or in how their accents are put together. The decomposition
// before the folding is what makes it hold for accents that folding takes apart, the lower case after it for Cherokee, whose two
// cases the library folds to each other (TestLoginFoldsEveryLetter).
func fold(s string) string {
	return norm.NFC.String(strings.ToLower(cases.Fold().String(norm.NFD.String(s))))
}

// Mobile is a telephone number in E.164. Spaces, hyphens and brackets may stand in it. A number of any country begins with +;
// without it, eleven digits that begin with 8 or 7 are read as +7 (Kazakhstan, and Russia with it).
func Mobile(s string) (string, error) {
	digits := make([]byte, 0, maxDigits+1)
	plus := false
	for i, r := range strings.TrimSpace(s) {
		switch {
		case r == '+' && i == 0:
			plus = true
		case r >= '0' && r <= '9' && len(digits) <= maxDigits:
			digits = append(digits, byte(r))
		case !strings.ContainsRune(separators, r):
			return "", notMobile()
		}
	}
	n := len(digits)
	if !plus && n == digitsOfKZ && (digits[0] == '8' || digits[0] == '7') {
		digits[0], plus = '7', true
	}
	if !plus || n < minDigits || n > maxDigits || digits[0] == '0' || digits[0] == '7' && n != digitsOfKZ {
		return "", notMobile()
	}
	return "+" + string(digits), nil
}

func notMobile() error {
	return domain.Malformed("", "a mobile number is + and 8 to 15 digits with the country code, or 11 digits that begin with 8 or 7")
}

// IIN checks an individual identification number: twelve digits, the last of which is their check digit.
func IIN(s string) (string, error) {
	if s = strings.TrimSpace(s); !domain.ValidIIN(s) {
		return "", notIIN()
	}
	return s, nil
}

func notIIN() error {
	return domain.Malformed("", "an IIN is twelve digits whose last is the check digit")
}
