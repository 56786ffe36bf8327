package person_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"kelisim/domain"
	"kelisim/domain/person"
)

type reader func(string) (string, error)

// check tells whether each spelling reads as its one form, and whether the others are refused without being repeated.
func check(t *testing.T, read reader, same map[string][]string, refused []string) {
	t.Helper()
	for want, spellings := range same {
		for _, in := range append(spellings, want) {
			if got, err := read(in); got != want || err != nil {
				t.Errorf("%q reads as %q (%v), want %q", in, got, err, want)
			}
		}
	}
	for _, in := range refused {
		got, err := read(in)
		var refusal *domain.Error
		if got != "" || !errors.As(err, &refusal) || refusal.Code != "invalid-request" || refusal.Kind != domain.Invalid {
			t.Errorf("%q reads as %q (%v), want a refusal", in, got, err)
		}
		if in = strings.TrimSpace(in); err != nil && len(in) > 5 && strings.Contains(err.Error(), in) {
			t.Errorf("the refusal repeats %q", in)
		}
	}
}

// T-3.2: a login is unique however it is spelt.
func TestLogin(t *testing.T) {
	check(t, person.Login, map[string][]string{
		"aigerim":   {"Aigerim", " AIGERIM\t", "\u00a0aigerim\u2003"},
		"әлия":      {"ӘЛИЯ", "Әлия"},
		"é":         {"e\u0301", "E\u0301", "É"},
		"strasse":   {"STRASSE", "Straße", "straẞe"},
		"й":         {"и\u0306", "Й", "И\u0306"},
		"ка":        {"КА"},
		"k":         {"\u212a"},
		"σ":         {"ς", "Σ"},
		"a b":       {"A b "},
		"aliya@x.y": {"Aliya@X.Y"},
		"αι":        {"ᾳ", "ᾼ", "α\u0345"},
	}, []string{"", " ", "\t\u00a0", "a\nb", "a\x00b", "ali\u200bya", "ali\u00adya", "\ufeffaliya", "\u202ealiya", "a  b", "a\u00a0b",
		"\xffaliya", strings.Repeat("a", 255), strings.Repeat("ә", 128)})
}

func TestLoginFoldsEveryLetter(t *testing.T) {
	seen := 0
	for r := rune(0); r <= unicode.MaxRune; r++ {
		other := unicode.SimpleFold(r)
		if other == r || !unicode.IsPrint(r) || !unicode.IsPrint(other) {
			continue
		}
		seen++
		a, errA := person.Login(string(r))
		b, errB := person.Login(string(other))
		if a != b || errA != nil || errB != nil {
			t.Errorf("%q reads as %q, %q as %q (%v, %v)", r, a, other, b, errA, errB)
		}
	}
	if seen < 2500 {
		t.Errorf("only %d letters have two cases", seen)
	}
}

func TestEmail(t *testing.T) {
	check(t, person.Email, map[string][]string{
		"aliya@example.kz":       {" Aliya@Example.KZ ", "ALIYA@EXAMPLE.KZ\n"},
		"a.b+c_d'e@mail.example": {"A.B+C_D'E@mail.Example"},
		"әлия@қазақ.қаз":         {"Әлия@ҚАЗАҚ.ҚАЗ"},
		"josé@example.kz":        {"jose\u0301@example.kz", "JOSÉ@example.kz"},
		"a@localhost":            {"A@LOCALHOST"},
		"1@2.3":                  {},
	}, []string{"", "aliya", "@", "a@", "@a", "a@b@c", "a b@c.kz", "a@b c.kz", "a@.kz", "a@b..kz", "a@b.kz.", "a@-b.kz", "a@b-.kz",
		"<a@b.kz>", "Aliya <a@b.kz>", "a@b.kz>", "a,b@c.kz", `"a"@b.kz`, "a@b_c.kz", "a@[127.0.0.1]", "a\u200b@b.kz", "a@b.kz\x00",
		"\xff@b.kz", "a\u037e@b.kz", strings.Repeat("ŉ", 124) + "@b.kz", strings.Repeat("a", 250) + "@b.kz"})
}

// Numbers of Kazakhstan are +7 with ten digits; those of other countries are taken too.
func TestMobile(t *testing.T) {
	check(t, person.Mobile, map[string][]string{
		"+77012345678": {"87012345678", "77012345678", "+7 701 234 56 78", "8 (701) 234-56-78", " +7(701)234-56-78\n", "8-701-234-56-78",
			"+7\u00a0701\u00a0234\u201156\u201178", "8 701 2345678"},
		"+77471234567":     {"8 747 123 45 67"},
		"+79161234567":     {"8 916 123-45-67", "+7 916 1234567"},
		"+998901234567":    {"+998 90 123-45-67"},
		"+14155552671":     {"+1 (415) 555-2671"},
		"+8613812345678":   {"+86 138 1234 5678"},
		"+81312345678":     {"+81 3 1234 5678"},
		"+123456789012345": {"+123 4567 8901 2345"},
		"+68212345":        {"+682 12 345"},
	}, []string{"", "+", "7", "+7", "7012345678", "+7701234567", "+770123456789", "870123456789", "998901234567", "+0012345678", "007 701 2345678",
		"97012345678", "+1234567", "+1234567890123456", "+1234567890123456789012345678901234567890", "7+7012345678", "++77012345678",
		"+7701234567a", "8701234567٣", "87012345678 доб. 5", "+7.701.234.5678", "tel:+77012345678", "+7701\x002345678"})
}

// The check digit's second pass, numbers that are never issued, and nothing about birthdays: month 13 and day 00 pass (P-1.4).
func TestIIN(t *testing.T) {
	check(t, person.IIN, map[string][]string{
		"791028302728": {" 791028302728 "},
		"990101000004": {},
		"061211600012": {},
		"850101300603": {}, // by the second pass
		"991399000009": {}, // no such day of birth, and no matter
	}, []string{"", "79102830272", "7910283027280", "791028302729", "79102830272a", "791028 302728", "٧٩١٠٢٨", "-91028302728",
		"850101300600", "850101300601", "850101300602", "850101300604", "850101300605"})
	for last := '0'; last <= '9'; last++ {
		if _, err := person.IIN("85010130069" + string(last)); err == nil {
			t.Errorf("a number that is never issued passes with %c", last)
		}
	}
	// The last digit follows from the others.
	for _, prefix := range []string{"79102830272", "99010100000", "85010130060", "00000000001"} {
		right := 0
		for last := '0'; last <= '9'; last++ {
			if _, err := person.IIN(prefix + string(last)); err == nil {
				right++
			}
		}
		if right != 1 {
			t.Errorf("%s has %d check digits", prefix, right)
		}
	}
}

// stable: what was read reads as itself, whatever came in.
func stable(t *testing.T, read reader, in string) (string, bool) {
	got, err := read(in)
	if err != nil {
		if got != "" || domain.Code(err) != "invalid-request" {
			t.Fatalf("%q: %q, %v", in, got, err)
		}
		return "", false
	}
	if again, err := read(got); err != nil || again != got {
		t.Fatalf("%q reads as %q, and that as %q (%v)", in, got, again, err)
	}
	if !utf8.ValidString(got) || !norm.NFC.IsNormalString(got) || strings.TrimSpace(got) != got {
		t.Fatalf("%q reads as %q", in, got)
	}
	for _, other := range []string{norm.NFC.String(in), norm.NFD.String(in), " " + in + "\u2003"} {
		if same, err := read(other); err == nil && same != got {
			t.Fatalf("%q reads as %q, but %q as %q", in, got, other, same)
		}
	}
	return got, true
}

func FuzzLogin(f *testing.F) {
	for _, s := range []string{"Aigerim", "straẞe", "ᾼ\u0345", "И\u0306", "İ", "\u0345\u0301", "a\u0327\u0301", "ǰ", "Ά\u0345", "Ᏼ", "\uab70"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) { stable(t, person.Login, in) })
}

func FuzzEmail(f *testing.F) {
	for _, s := range []string{"A@b.kz", "әлия@қазақ.қаз", "ß@ß.de", "a@b@c", "\u0345@a", "\u037e@a", strings.Repeat("ŉ", 124) + "@b.kz"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if got, ok := stable(t, person.Email, in); ok && strings.Count(got, "@") != 1 {
			t.Fatalf("%q reads as %q", in, got)
		}
	})
}

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{7,14}$`)

func FuzzMobile(f *testing.F) {
	for _, s := range []string{"8 (701) 234-56-78", "+998901234567", "77012345678", "+0", "8"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if got, ok := stable(t, person.Mobile, in); ok && !e164.MatchString(got) {
			t.Fatalf("%q reads as %q", in, got)
		}
	})
}

func FuzzIIN(f *testing.F) {
	for _, s := range []string{"791028302728", "850101300603", "850101300690", " 990101000004"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got, ok := stable(t, person.IIN, in)
		if !ok {
			return
		}
		for d := byte('0'); d <= '9'; d++ { // the last digit follows from the others
			other := got[:11] + string(d)
			if _, err := person.IIN(other); (err == nil) != (other == got) {
				t.Fatalf("%s and %s", got, other)
			}
		}
	})
}

func BenchmarkLogin(b *testing.B) {
	for b.Loop() {
		if _, err := person.Login("Aigerim.Nurlanova"); err != nil {
			b.Fatal(err)
		}
	}
}
