package domain_test

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"kelisim/domain"
)

func TestParseMoney(t *testing.T) {
	for _, c := range []struct {
		amount string
		minor  int64
	}{
		{"0", 0}, {"0.0", 0}, {"0.01", 1}, {"0.1", 10}, {"1", 100}, {"4990.00", 499_000}, {"4990.5", 499_050},
		{"50000", 5_000_000}, {"999999999999999.99", 99_999_999_999_999_999},
	} {
		got, err := domain.ParseMoney(c.amount, "KZT")
		if err != nil || got != (domain.Money{Minor: c.minor, Currency: "KZT"}) {
			t.Errorf("%s is %d minor units, not %+v (%v)", c.amount, c.minor, got, err)
		}
	}
	for _, amount := range []string{"", " 1", "1 ", "+1", "-1", "-0", "00", "01", ".5", "1.", "1.005", "1e3", "1,5", "1 000",
		"0x10", "१", "1\n", "NaN", "Infinity", "1000000000000000", "99999999999999999999"} {
		if got, err := domain.ParseMoney(amount, "KZT"); domain.Code(err) != "invalid-request" || !got.IsZero() {
			t.Errorf("amount %q is refused, not read as %v (%v)", amount, got, err)
		}
	}
	for _, currency := range []string{"", "kzt", "KZ", "KZTT", "₸", "KZT ", "K1T"} {
		if _, err := domain.ParseMoney("1", currency); domain.Code(err) != "invalid-request" {
			t.Errorf("currency %q is refused, not %v", currency, err)
		}
	}
}

func TestMoneyIsWrittenAsADecimalString(t *testing.T) {
	for want, m := range map[string]domain.Money{
		`{"amount":"50000.00","currency":"KZT"}`: domain.KZT(50_000),
		`{"amount":"0.07","currency":"USD"}`:     {Minor: 7, Currency: "USD"},
		`{"amount":"-0.07","currency":"KZT"}`:    {Minor: -7, Currency: "KZT"},
		`{"amount":"-12.50","currency":"KZT"}`:   {Minor: -1250, Currency: "KZT"},
	} {
		if b, err := json.Marshal(m); err != nil || string(b) != want {
			t.Errorf("%d %s is written %s, want %s (%v)", m.Minor, m.Currency, b, want, err)
		}
	}
	for _, m := range []domain.Money{{}, {Minor: 100}, {Minor: 100, Currency: "kzt"}} {
		if b, err := json.Marshal(m); err == nil {
			t.Errorf("%+v would be written as %s and never be read again", m, b)
		}
	}
	if got := domain.KZT(50_000).String(); got != "50000.00 KZT" {
		t.Errorf("the fine of T-6.6 reads %q", got)
	}
	for _, in := range []string{`4990`, `"4990.00"`, `{"amount":4990,"currency":"KZT"}`, `{"amount":"4990.00"}`,
		`{"currency":"KZT"}`, `[]`, `{}`, `null`} {
		m := domain.KZT(1)
		if err := json.Unmarshal([]byte(in), &m); in != `null` && domain.Code(err) != "invalid-request" || m != domain.KZT(1) {
			t.Errorf("%s leaves the value alone and is refused: %v, %v", in, m, err)
		}
	}
}

// FuzzParseMoney compares with exact rational arithmetic, and reads back what it writes.
func FuzzParseMoney(f *testing.F) {
	for _, a := range []string{"0", "4990.00", "0.1", "01", "1.005", "-1", "999999999999999.99", "1e5", ""} {
		f.Add(a, "KZT")
	}
	f.Fuzz(func(t *testing.T, amount, currency string) {
		m, err := domain.ParseMoney(amount, currency)
		if err != nil {
			if domain.Code(err) != "invalid-request" || len(amount) > 9 && strings.Contains(err.Error(), amount) {
				t.Errorf("%q: %v", amount, err)
			}
			return
		}
		r, ok := new(big.Rat).SetString(amount)
		if !ok || r.Mul(r, big.NewRat(100, 1)).Cmp(new(big.Rat).SetInt64(m.Minor)) != 0 {
			t.Errorf("%q is not %d minor units", amount, m.Minor)
		}
		b, err := json.Marshal(m)
		var back domain.Money
		if err != nil || json.Unmarshal(b, &back) != nil || back != m {
			t.Errorf("%q is written %s and read back as %+v (%v)", amount, b, back, err)
		}
	})
}
