package domain_test

import (
	"strings"
	"testing"

	"kelisim/domain"
)

// T-1.3: codes, and never names, which may tell of a person.
func TestPlaces(t *testing.T) {
	for s, want := range map[string]bool{"KZ": true, "KZ-71": true, "kz": true, "7": true, "": false, "-KZ": false, "near Astana": false, "KZ/71": false, strings.Repeat("K", 32): true, strings.Repeat("K", 33): false} {
		if domain.ValidLocation(s) != want {
			t.Errorf("location %q: %t", s, !want)
		}
	}
	for s, want := range map[string]bool{"kk": true, "kaz": true, "kk-Cyrl": true, "kk-Cyrl-KZ": true, "": false, "Kazakh": false, "k": false, "KK": false, "kk-": false, "kk-X": false} {
		if domain.ValidLanguage(s) != want {
			t.Errorf("language %q: %t", s, !want)
		}
	}
}
