package domain_test

import (
	"testing"

	"kelisim/domain"
)

func TestHoldsIIN(t *testing.T) {
	for text, want := range map[string]bool{
		"791028302728": true, "a/791028302728": true, "RR-791028302728-KZ": true, "850101300603": true, "111111111111 791028302728": true,
		"791028302729":  false, // its check digit is another
		"991399000009":  false, // right, but of no month: as likely anything else
		"RR123456785KZ": false, "course-202611221200": false, "7910283027280": false, "": false, "79102830272": false,
	} {
		if got := domain.HoldsIIN(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func FuzzHoldsIIN(f *testing.F) {
	f.Add("791028302728")
	f.Add("x 791028302729/850101300603")
	f.Fuzz(func(t *testing.T, text string) {
		if domain.HoldsIIN(text) && !domain.HoldsIIN("кімге: "+text+".") {
			t.Errorf("%q holds one, and not among words", text)
		}
	})
}
