package cloudpayments

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"kelisim/domain"
)

// Forms of what is kept. None of them can hold a card number: digits stand in runs of 12 at most, and an id that is made of
// digits and separators alone is short or a UUID.
var (
	transactionForm  = regexp.MustCompile(`^[1-9][0-9]{0,11}$`)
	idForm           = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.:-]{0,127}$`)
	longRun          = regexp.MustCompile(`[0-9]{13}`)
	uuidForm         = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(\.|$)`)
	onlyNumber       = regexp.MustCompile(`^[0-9.:-]{13,}$`)
	amountForm       = regexp.MustCompile(`^(0|[1-9][0-9]{0,11})(?:\.([0-9]{1,8}))?$`)
	wordForm         = regexp.MustCompile(`^[A-Za-z]{1,40}$`)
	reasonForm       = regexp.MustCompile(`^[0-9]{1,6}$`)
	subscriptionForm = regexp.MustCompile(`^sc_[0-9a-f]{1,40}$`)
	rrnForm          = regexp.MustCompile(`^[0-9A-Za-z]{1,12}$`)
	keyForm          = regexp.MustCompile(`^[A-Z]?[a-z][A-Za-z_]{0,46}[0-9]{0,2}$`)
	currencyForm     = regexp.MustCompile(`^[A-Z]{3}$`)
	dateCallForm     = regexp.MustCompile(`^/Date\((-?[0-9]{1,15})(?:[+-][0-9]{4})?\)/$`)
)

func matching(form *regexp.Regexp) func(string) (string, bool) {
	return func(s string) (string, bool) { return s, form.MatchString(s) }
}

var (
	readTransaction  = matching(transactionForm)
	readWord         = matching(wordForm)
	readReason       = matching(reasonForm)
	readSubscription = matching(subscriptionForm)
	readRrn          = matching(rrnForm)
	readCurrency     = matching(currencyForm)
)

// readID reads an id that we gave to the processor.
func readID(s string) (string, bool) {
	return s, idForm.MatchString(s) && !longRun.MatchString(s) && (uuidForm.MatchString(s) || !onlyNumber.MatchString(s))
}

// readAmount reads a decimal as minor units, exactly: what does not fit two digits after the dot is refused, not rounded.
func readAmount(s string) (int64, bool) {
	m := amountForm.FindStringSubmatch(s)
	if m == nil {
		return 0, false
	}
	cents := strings.TrimRight(m[2], "0")
	if len(cents) > 2 {
		return 0, false
	}
	minor, err := strconv.ParseInt(m[1]+(cents + "00")[:2], 10, 64)
	return minor, err == nil
}

// readSum reads an amount above zero.
func readSum(s string) (int64, bool) {
	minor, ok := readAmount(s)
	return minor, ok && minor > 0
}

func readFlag(s string) (bool, bool) {
	switch s {
	case "1", "true", "True":
		return true, true
	case "0", "false", "False":
		return false, true
	}
	return false, false
}

func readCount(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 0 && n < 1_000_000
}

// Moments that the processor can speak of.
var (
	earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// momentIn reads the processor's moments: "2026-07-21 09:15:00" and "2026-07-21T09:15:00", which are in the zone given, the same with a
// zone of their own, and "/Date(1635150224630)/", which counts milliseconds from 1970 in UTC.
func momentIn(zone *time.Location) func(string) (time.Time, bool) {
	return func(s string) (time.Time, bool) {
		var t time.Time
		if m := dateCallForm.FindStringSubmatch(s); m != nil {
			ms, err := strconv.ParseInt(m[1], 10, 64)
			if err != nil {
				return time.Time{}, false
			}
			t = time.UnixMilli(ms).UTC()
		} else {
			found := false
			for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", time.RFC3339} {
				v, err := time.ParseInLocation(layout, s, zone)
				if err == nil {
					t, found = v.UTC(), true
					break
				}
			}
			if !found {
				return time.Time{}, false
			}
		}
		t = t.Truncate(time.Microsecond)
		return t, !t.Before(earliest) && t.Before(latest)
	}
}

var readMoment = momentIn(time.UTC)

// reader takes fields out of what came. Its first fault stays.
type reader struct {
	values map[string]string
	unread []string
	err    error
}

// need reads a field without which the whole is worth nothing.
func need[T any](r *reader, name, want string, read func(string) (T, bool)) T {
	v, ok := read(r.values[name])
	if !ok {
		r.fail(name, want)
	}
	return v
}

// take reads a field that may be absent or empty, and leaves out a value that has not its form.
func take[T any](r *reader, name string, read func(string) (T, bool)) T {
	var none T
	s := r.values[name]
	if s == "" {
		return none
	}
	v, ok := read(s)
	if !ok {
		r.unread = append(r.unread, name)
		return none
	}
	return v
}

func (r *reader) fail(name, want string) {
	if r.err == nil {
		r.err = &MalformedError{name, want}
	}
}

// What a field is to be, for people.
const (
	wantTransaction = "a number of up to 12 digits"
	wantSum         = "a decimal above zero with at most two digits after the dot"
	wantAmount      = "a decimal with at most two digits after the dot"
	wantCurrency    = "three capital letters"
	wantMoment      = "a moment"
	wantCount       = "a whole number"
)

// sum reads a required amount and its currency.
func (r *reader) sum() domain.Money {
	return domain.Money{Minor: need(r, "Amount", wantSum, readSum), Currency: need(r, "Currency", wantCurrency, readCurrency)}
}

// optionalSum reads an amount that counts only together with its currency.
func (r *reader) optionalSum(amount, currency string) domain.Money {
	m := domain.Money{Minor: take(r, amount, readAmount), Currency: take(r, currency, readCurrency)}
	if m.Minor == 0 || m.Currency == "" {
		return domain.Money{}
	}
	return m
}
