package receipts_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"kelisim/commands/receipts"
	"kelisim/domain/consent"
	"kelisim/domain/site"
)

func wordsOf(t *testing.T, language string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("words", language+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var w map[string]string
	if err := json.Unmarshal(text, &w); err != nil {
		t.Fatal(err)
	}
	return w
}

var places = regexp.MustCompile(`\{[a-z]+\}`)

// All languages say the same things, with the same places in each, and have a word for every code that the rules know.
func TestWordsInAllLanguages(t *testing.T) {
	first := wordsOf(t, "kk")
	for _, language := range receipts.Languages {
		w := wordsOf(t, language)
		for key, text := range first {
			if strings.TrimSpace(w[key]) == "" {
				t.Errorf("%s has no %s", language, key)
			}
			a, b := places.FindAllString(text, -1), places.FindAllString(w[key], -1)
			slices.Sort(a)
			slices.Sort(b)
			if !slices.Equal(a, b) {
				t.Errorf("%s in %s has the places %v, in kk %v", key, language, b, a)
			}
		}
		for key := range w {
			if _, ok := first[key]; !ok {
				t.Errorf("%s has %s, which kk does not have", language, key)
			}
		}
		if n := len(strings.Fields(w["months"])); n != 12 {
			t.Errorf("%s has %d months", language, n)
		}
		need := func(kind string, codes ...string) {
			for _, c := range codes {
				if w[kind+"."+c] == "" {
					t.Errorf("%s has no word for %s %s", language, kind, c)
				}
			}
		}
		need("act", consent.Acts...)
		need("purpose", site.DefaultPurposes...)
		need("status", consent.IsGiven, consent.WithdrawalPending, consent.Withdrawn, consent.StatusPending, consent.StatusRefused, consent.StatusNotPerTerms,
			consent.StatusRescinded, consent.StatusEffective, "partly-withdrawn")
		need("button", "register", "buy")
		need("page", "marketplace", "subscription")
		need("language", receipts.Languages...)
		need("channel", consent.RegisteredPost)
		need("computation", "start-of-day", "end-of-day")
		need("ground", "unfulfilled-obligation", "legal-hold", "officer")
		need("title", receipts.KindConsent, receipts.KindNotice)
	}
}

// A Kazakh text has Kazakh letters, a Russian one Russian ones and no Kazakh, an English one none of either: nothing was left in another language.
func TestWordsAreOfTheirLanguage(t *testing.T) {
	cyrillic := regexp.MustCompile(`\p{Cyrillic}`)
	kazakh := regexp.MustCompile(`[ӘәҒғҚқҢңӨөҰұҮүҺһІі]`)
	for key, text := range wordsOf(t, "ru") {
		if kazakh.MatchString(text) {
			t.Errorf("%s in ru is %q", key, text)
		}
	}
	kk, ru := wordsOf(t, "kk"), wordsOf(t, "ru")
	for key, text := range wordsOf(t, "en") {
		if cyrillic.MatchString(text) {
			t.Errorf("%s in en is %q", key, text)
		}
		if kk[key] == ru[key] && cyrillic.MatchString(kk[key]) && strings.Contains(kk[key], " ") {
			t.Errorf("%s is the same in kk and ru: %q", key, text)
		}
	}
}

// Every letter that the three languages have, and the tenge's sign, is drawn, not a box: the font maps each to a glyph.
func TestEveryLetterHasAGlyph(t *testing.T) {
	r := newWorld(t).all()["notice-refused"]
	all := "ӘәҒғҚқҢңӨөҰұҮүҺһІі₸№«»“”—ЁёАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмнопрстуфхцчшщъыьэюяABCXYZabcxyz0123456789"
	maps := 0
	for _, s := range streams.FindAllSubmatch(must(r.PDF("kk", all))(t), -1) {
		plain, err := inflate(s[1])
		if err != nil || len(plain) != 1<<17 { // a map of 65,536 characters to glyphs of two bytes each
			continue
		}
		maps++
		if maps > 1 {
			continue // the bold face has not every one of them in this receipt
		}
		for _, c := range all {
			if plain[2*c] == 0 && plain[2*c+1] == 0 {
				t.Errorf("%c has no glyph", c)
			}
		}
	}
	if maps != 2 {
		t.Errorf("%d maps of glyphs were found", maps)
	}
}

// The PDF has the receipt itself attached, is in its language, and names the person where the caller says so and nowhere else.
func TestPDFHasTheReceipt(t *testing.T) {
	const name = "Әсел Қанатқызы"
	r := newWorld(t).all()["consent-kk"]
	text := must(r.JSON())(t)
	for _, language := range receipts.Languages {
		pdf := must(r.PDF(language, name))(t)
		found := false
		for _, s := range streams.FindAllSubmatch(pdf, -1) {
			plain, err := inflate(s[1])
			found = found || err == nil && bytes.Equal(plain, text)
		}
		if !found || !bytes.Contains(pdf, []byte("/Lang ("+language+")")) {
			t.Errorf("%s: attached %v", language, found)
		}
		said, err := r.Words(language, name)
		if err != nil || strings.Count(said, name) != 1 {
			t.Errorf("%s names the person %d times (%v)", language, strings.Count(said, name), err)
		}
	}
	if _, err := r.PDF("uz", ""); err == nil {
		t.Error("a PDF in a language that is not there")
	}
	if bytes.Contains(text, []byte(name)) {
		t.Error("the JSON names the person")
	}
}
