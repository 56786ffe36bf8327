package domain

import "regexp"

var (
	locationForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,31}$`)
	languageForm = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)
)

// ValidLocation tells whether a location code has the form that the ledger takes: "KZ", "KZ-71". It is where a user is and what a restriction
// names (T-1.3), so that both are of one form.
func ValidLocation(s string) bool { return locationForm.MatchString(s) }

// ValidLanguage tells whether a language tag has the form that the ledger takes: "kk", "ru", "en".
func ValidLanguage(s string) bool { return languageForm.MatchString(s) }
