package cloudpayments

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/url"
	"slices"
	"strings"

	"kelisim/domain"
)

// Parse reads a notification that Verify let pass: a form, which is what a missing content type means too, or JSON. raw is what was verified.
//
// Numbers may be numbers or texts; an empty text is no value. A field that is kept and comes twice is refused, since
// nobody can tell which was meant. What the kind cannot do without is refused when it is missing or has not its form; so is a text
// of another kind that came to this kind's address, where it can be told: a decline does not become a payment. What else has
// not its form is left out and named in Unread.
//
// The encoding is UTF-8. Nothing is decoded from Windows-1251, and nothing needs to be: all that is kept is ASCII, so a
// notification in that encoding reads the same, and other bytes in a kept field are not its form.
func Parse(kind Kind, contentType string, raw []byte) (Notification, error) {
	form, err := isForm(contentType)
	if err != nil {
		return Notification{}, err
	}
	var fields []pair
	if form {
		fields, err = splitForm(string(raw))
	} else {
		fields, err = splitJSON(raw)
	}
	if err != nil {
		return Notification{}, err
	}
	r := &reader{values: map[string]string{}}
	var unknown []string
	for _, f := range fields {
		_, twice := r.values[f.name]
		switch {
		case kept[f.name] && twice:
			return Notification{}, &MalformedError{f.name, "given once"}
		case kept[f.name]:
			r.values[f.name] = f.value
		case !dropped[f.name] && f.value != "" && keyForm.MatchString(f.name) && len(unknown) < maxUnknown && !slices.Contains(unknown, f.name):
			// A piece of a value, cut off by an ampersand that was not escaped, is no name: it has no value and another form.
			unknown = append(unknown, f.name)
		}
	}
	n := r.notification(kind)
	if r.err != nil {
		return Notification{}, r.err
	}
	n.KeyNames, n.Unread = unknown, r.unread
	return n, nil
}

const (
	maxFields  = 512
	maxUnknown = 32
)

func (r *reader) notification(kind Kind) Notification {
	n := Notification{
		Kind:         kind,
		InvoiceID:    take(r, "InvoiceId", readID),
		AccountID:    take(r, "AccountId", readID),
		Subscription: take(r, "SubscriptionId", readSubscription),
		Rrn:          take(r, "Rrn", readRrn),
	}
	if kind == Recurrent {
		return r.recurrent(n)
	}
	n.TransactionID = need(r, "TransactionId", wantTransaction, readTransaction)
	n.DateTime = need(r, "DateTime", wantMoment, readMoment)
	n.OperationType = take(r, "OperationType", readWord)
	n.Status = take(r, "Status", readWord)
	if r.values["TestMode"] != "" {
		if test, ok := readFlag(r.values["TestMode"]); ok {
			n.TestMode = &test
		} else {
			r.unread = append(r.unread, "TestMode")
		}
	}
	switch kind {
	case Refund, Cancel:
		n.Amount = domain.Money{Minor: need(r, "Amount", wantSum, readSum), Currency: take(r, "Currency", readCurrency)}
	default:
		n.Amount = r.sum()
		n.PaymentAmount = r.optionalSum("PaymentAmount", "PaymentCurrency")
	}
	switch kind {
	case Pay:
		r.only("Status", n.Status, StatusCompleted, StatusAuthorized)
		r.only("OperationType", n.OperationType, "", OperationPayment, OperationPayout)
	case Fail:
		n.Reason = take(r, "Reason", readWord)
		n.ReasonCode = need(r, "ReasonCode", "the code of a decline", readReason)
		r.only("Status", n.Status, "", StatusDeclined)
	case Confirm:
		r.only("Status", n.Status, "", StatusCompleted)
		r.only("OperationType", n.OperationType, "", OperationPayment)
	case Refund:
		n.PaymentTransactionID = need(r, "PaymentTransactionId", wantTransaction, readTransaction)
		r.only("OperationType", n.OperationType, "", OperationRefund)
	}
	return n
}

func (r *reader) recurrent(n Notification) Notification {
	n.Subscription = need(r, "Id", "the id of a subscription", readSubscription)
	n.Status = need(r, "Status", "a word", readWord)
	n.Amount = r.sum()
	n.Recurrent = &Recurring{
		Interval:   take(r, "Interval", readWord),
		Period:     take(r, "Period", readCount),
		Successful: need(r, "SuccessfulTransactionsNumber", wantCount, readCount),
		Failed:     need(r, "FailedTransactionsNumber", wantCount, readCount),
		StartAt:    take(r, "StartDate", readMoment),
		LastAt:     take(r, "LastTransactionDate", readMoment),
		NextAt:     take(r, "NextTransactionDate", readMoment),
	}
	return n
}

// only refuses a value that belongs to another kind.
func (r *reader) only(name, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		r.fail(name, "one of this kind's: "+strings.Trim(strings.Join(allowed, ", "), ", "))
	}
}

// isForm tells a form from JSON by the content type.
func isForm(contentType string) (bool, error) {
	if contentType == "" {
		return true, nil
	}
	media, _, err := mime.ParseMediaType(contentType)
	switch {
	case err == nil && media == "application/x-www-form-urlencoded":
		return true, nil
	case err == nil && media == "application/json":
		return false, nil
	}
	return false, &MalformedError{"Content-Type", "application/x-www-form-urlencoded or application/json"}
}

type pair struct{ name, value string }

// splitForm is a form's fields in order, with their escapes resolved; those may be in capitals or not.
func splitForm(raw string) ([]pair, error) {
	var out []pair
	for part := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(part, "=")
		n, err := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(value)
		if err != nil || err2 != nil {
			return nil, &MalformedError{Want: "an escape of the form is broken"}
		}
		if out = append(out, pair{n, v}); len(out) > maxFields {
			return nil, &MalformedError{Want: "there are too many fields"}
		}
	}
	return out, nil
}

// splitJSON is an object's members in order: texts as they are, numbers as they are written, null as an empty text. Objects and arrays are
// no values here, and read as a text that has no field's form.
func splitJSON(raw []byte) ([]pair, error) {
	broken := &MalformedError{Want: "one JSON object is wanted"}
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, broken
	}
	var out []pair
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, broken
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, broken
		}
		if out = append(out, pair{name.(string), scalar(value)}); len(out) > maxFields {
			return nil, &MalformedError{Want: "there are too many fields"}
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, broken
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, broken
	}
	return out, nil
}

func scalar(value json.RawMessage) string {
	if string(value) == "null" {
		return ""
	}
	if value[0] == '"' {
		var s string
		if json.Unmarshal(value, &s) != nil {
			return "\x00"
		}
		return s
	}
	return string(value)
}
