package cloudpaymentstest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"

	"kelisim/commands/cloudpayments"
)

// Field is one field of a notification; Fields keep their order.
type Field struct{ Name, Value string }
type Fields []Field

// With is the fields with one set to another value, or put at the end.
func (f Fields) With(name, value string) Fields {
	out := f.Without(name)
	return append(out, Field{name, value})
}

// Without is the fields but one.
func (f Fields) Without(name string) Fields {
	var out Fields
	for _, x := range f {
		if x.Name != name {
			out = append(out, x)
		}
	}
	return out
}

// Form writes fields as the processor does: escapes in small letters, spaces as plus.
func (f Fields) Form() string {
	escape := func(s string) string {
		var b strings.Builder
		for _, c := range []byte(s) {
			switch {
			case c == ' ':
				b.WriteByte('+')
			case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', strings.IndexByte("-_.!*()", c) >= 0:
				b.WriteByte(c)
			default:
				fmt.Fprintf(&b, "%%%02x", c)
			}
		}
		return b.String()
	}
	parts := make([]string, len(f))
	for i, x := range f {
		parts[i] = escape(x.Name) + "=" + escape(x.Value)
	}
	return strings.Join(parts, "&")
}

// numbers are the fields that JSON has as numbers.
var numbers = map[string]bool{"TransactionId": true, "PaymentTransactionId": true, "Amount": true, "PaymentAmount": true, "ReasonCode": true}

// JSON writes fields as the processor does where it is set to JSON.
func (f Fields) JSON() string {
	parts := make([]string, len(f))
	for i, x := range f {
		name, _ := json.Marshal(x.Name)
		value, _ := json.Marshal(x.Value)
		if numbers[x.Name] && x.Value != "" {
			value = []byte(x.Value)
		}
		parts[i] = string(name) + ":" + string(value)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// Notification is what the processor tells of an operation, with the card data that it tells besides. For a refund and a cancelling, which carry
// less, it is made from their own operation.
func (op Operation) Notification(kind cloudpayments.Kind) Fields {
	f := Fields{{"TransactionId", op.TransactionID}}
	if kind == cloudpayments.Refund {
		f = append(f, Field{"PaymentTransactionId", op.Original}, Field{"OperationType", "Refund"})
	}
	f = append(f, Field{"Amount", op.Amount.Amount()}, Field{"DateTime", op.At.UTC().Format("2006-01-02 15:04:05")},
		Field{"InvoiceId", op.InvoiceID}, Field{"AccountId", op.AccountID}, Field{"SubscriptionId", ""}, Field{"Rrn", "123456789012"})
	if kind == cloudpayments.Refund || kind == cloudpayments.Cancel {
		return append(f, planted("Email", "Data")...)
	}
	test := "0"
	if op.Test {
		test = "1"
	}
	f = append(f, Field{"Currency", op.Amount.Currency}, Field{"PaymentAmount", op.Amount.Amount()}, Field{"PaymentCurrency", op.Amount.Currency},
		Field{"TestMode", test}, Field{"Status", op.Status})
	if kind != cloudpayments.Confirm {
		f = append(f, Field{"OperationType", "Payment"})
	}
	if kind == cloudpayments.Fail {
		f = append(f, Field{"Reason", "InsufficientFunds"}, Field{"ReasonCode", op.ReasonCode})
	}
	return append(f, planted()...)
}

// planted are the fields of PlantedSecrets, or those that are named.
func planted(only ...string) Fields {
	var out Fields
	for _, s := range PlantedSecrets {
		if len(only) == 0 || slices.Contains(only, s.Field) {
			out = append(out, Field{s.Field, s.Value})
		}
	}
	return out
}

// Recurring is the notification of a subscription that the processor debits.
func Recurring(id, status string) Fields {
	return append(Fields{{"Id", id}, {"AccountId", "1234"}, {"Amount", "2.00"}, {"Currency", "KZT"}, {"RequireConfirmation", "0"},
		{"StartDate", "2026-07-17 20:22:14"}, {"Interval", "Month"}, {"Period", "1"}, {"Status", status},
		{"SuccessfulTransactionsNumber", "11"}, {"FailedTransactionsNumber", "0"}, {"NextTransactionDate", "2026-07-16 20:29:05"}},
		planted("Email", "Description")...)
}

// Format is how a notification travels.
type Format int

// The formats there are.
const (
	Form  Format = iota // POST, the default
	JSON                // POST
	Query               // GET, with the fields in the address
)

// Request is a notification on its way, signed in both headers.
func Request(kind cloudpayments.Kind, f Fields, as Format) *http.Request {
	path := "/webhooks/cloudpayments/" + string(kind)
	switch as {
	case JSON:
		return signed(path, "application/json", f.JSON())
	case Query:
		r := httptest.NewRequest(http.MethodGet, path+"?"+f.Form(), nil)
		Sign(r.Header, f.Form(), APISecret)
		return r
	}
	return signed(path, "application/x-www-form-urlencoded", f.Form())
}

// signed is a POST of a body, signed in both headers.
func signed(path, contentType, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	Sign(r.Header, body, APISecret)
	return r
}

// Sign sets both headers for a text: the one over its bytes, and the one over the text with its escapes resolved, which JSON has none of.
func Sign(h http.Header, raw, secret string) {
	plain := raw
	if h.Get("Content-Type") != "application/json" {
		if s, err := url.QueryUnescape(raw); err == nil {
			plain = s
		}
	}
	h.Set("Content-HMAC", Signature(raw, secret))
	h.Set("X-Content-HMAC", Signature(plain, secret))
}

// Signature is the Base64 of the HMAC-SHA256 of a text.
func Signature(text, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
