package domain

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Money is a sum in a currency's minor units (tiyn for KZT). It is written as
// {"amount":"4990.00","currency":"KZT"}: a decimal string, never a JSON number.
type Money struct {
	Minor    int64
	Currency string // ISO 4217, upper case
}

// KZT makes a sum of whole tenge.
func KZT(tenge int64) Money { return Money{tenge * 100, "KZT"} }

var (
	amountForm   = regexp.MustCompile(`^(0|[1-9][0-9]{0,14})(\.[0-9]{1,2})?$`)
	currencyForm = regexp.MustCompile(`^[A-Z]{3}$`)
)

// ParseMoney reads a decimal with at most two digits after the dot. A sign, an exponent or a
// third digit is refused, not rounded.
func ParseMoney(amount, currency string) (Money, error) {
	if !amountForm.MatchString(amount) {
		return Money{}, Malformed("", "an amount is a decimal with at most two digits after the dot, such as \"4990.00\"")
	}
	if !currencyForm.MatchString(currency) {
		return Money{}, Malformed("", "a currency is three capital letters, such as KZT")
	}
	whole, frac, _ := strings.Cut(amount, ".")
	w, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || w > math.MaxInt64/100-1 {
		return Money{}, Malformed("", "the amount is too large")
	}
	f, _ := strconv.ParseInt((frac + "00")[:2], 10, 64)
	return Money{w*100 + f, currency}, nil
}

// Amount is the decimal with two digits: "4990.00".
func (m Money) Amount() string {
	sign, n := "", m.Minor
	if n < 0 {
		sign, n = "-", -n
	}
	return fmt.Sprintf("%s%d.%02d", sign, n/100, n%100)
}

func (m Money) String() string { return m.Amount() + " " + m.Currency }
func (m Money) IsZero() bool   { return m == Money{} }

type moneyJSON struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

// MarshalJSON refuses a sum without a currency: it could be stored and never be read again.
func (m Money) MarshalJSON() ([]byte, error) {
	if !currencyForm.MatchString(m.Currency) {
		return nil, errors.New("a sum of money has no currency")
	}
	return json.Marshal(moneyJSON{m.Amount(), m.Currency})
}

func (m *Money) UnmarshalJSON(b []byte) error {
	var j moneyJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return Malformed("", "money is {\"amount\":\"4990.00\",\"currency\":\"KZT\"}")
	}
	v, err := ParseMoney(j.Amount, j.Currency)
	if err != nil {
		return err
	}
	*m = v
	return nil
}
