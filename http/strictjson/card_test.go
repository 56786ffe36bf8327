package strictjson_test

import (
	"strings"
	"testing"

	"kelisim/http/strictjson"
)

// C-2: no card number comes in. The numbers are test cards of processors and made-up ones that pass Luhn.
func TestCardNumbersAreSeen(t *testing.T) {
	for _, text := range []string{
		"4111111111111111",
		"4111 1111 1111 1111",
		"4111-1111-1111-1111",
		"4111 - 1111 - 1111 - 1111",
		"4111\u00a01111\u20111111\u20131111",
		"４１１１１１１１１１１１１１１１",
		"4111\u200b1111\u200b1111\u200b1111",
		"378282246310005",      // 15 digits
		"3782 822463 10005",    //
		"4222222222222",        // 13
		"6304000000000000000",  // 19
		"pay 4111111111111111", // beside words
		"номер 4111 1111 1111 1111 на имя",
		"card:4111111111111111,",
		"(4111111111111111).",
		"4111 1111 1111 1111 12/26",
		"4111 1111 1111 1111 12 26 123",
		"2026 4111111111111111",
		"2026-01-31 4111111111111111",
		"12345, 4111 1111 1111 1111",
		"-4111111111111111-",
		"https://x.kz/?n=4111111111111111",
	} {
		if !strictjson.HoldsCard(text) {
			t.Errorf("%q was not seen", text)
		}
	}
}

func TestOtherNumbersPass(t *testing.T) {
	for _, text := range []string{
		"",
		"4111111111111112",                     // fails Luhn
		"411111111111",                         // 12 digits
		"42222222222220000000",                 // 20
		"41111111-1111-1111-1111-111111111111", // a UUID that happens to have no letter
		"0f9d2f3e-1b0a-4c53-9d51-4111111111111111",
		"abc4111111111111111",
		"4111111111111111abc",
		"inv_4111111111111111",
		"RR4111111111111111KZ",
		"RR-4111111111111111",
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"4111.1111.1111.1111",
		"4111\n1111\n1111\n1111",
		"4111/1111/1111/1111",
		"900101300123",             // an IIN is 12 digits
		"8 701 234 56 78",          // a telephone number
		"2026-01-31 - 2026-02-28",  // 16 digits that pass Luhn, but two days
		"31-01-2026 28-02-2026",    //
		"2026-01-31T10:00:00.000Z", //
		"1,411111,1111111,111",     // parted by what is neither space nor hyphen
		strings.Repeat("1", 64),
	} {
		if strictjson.HoldsCard(text) {
			t.Errorf("%q was taken for a card number", text)
		}
	}
}

// Whatever stands around it, a card number between spaces is seen, and whatever is glued to it makes it an id.
func FuzzCard(f *testing.F) {
	f.Add("note", "12")
	f.Add("2026-01-31", "4111")
	f.Add("a-", "-b")
	f.Add("\u200b", "\ufeff")
	f.Fuzz(func(t *testing.T, before, after string) {
		const card = "4111111111111111"
		if !strictjson.HoldsCard(before + " " + card + " " + after) {
			t.Errorf("%q and %q hide a card number", before, after)
		}
		if strictjson.HoldsCard("x" + card) {
			t.Error("an id was taken for a card number")
		}
	})
}
