package http

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"kelisim/domain"
	"kelisim/http/strictjson"
)

// Query reads the parameters of a question. Each reader answers a zero value for a parameter that is not there or is malformed; Err, asked
// once after all of them, refuses the malformed ones:
//
//	asOf, limit := r.Query.Time("as_of"), r.Query.Int("limit", 100, 1, 1000)
//	if err := r.Query.Err(); err != nil {
//		return nil, err
//	}
type Query struct {
	values url.Values
	faults []error
}

// parseQuery refuses parameters that the route does not know, are given twice, or hold what may not come in.
func parseQuery(raw string, known []string) (*Query, error) {
	if raw == "" {
		return &Query{}, nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, domain.Malformed("?", "the query is not of the form name=value&name=value")
	}
	for name, v := range values {
		if err := strictjson.Name("?password", name); err != nil {
			return nil, err
		}
		if err := strictjson.Text("?", name); err != nil {
			return nil, err
		}
		if !slices.Contains(known, name) {
			return nil, domain.Malformed("?", "a parameter is not known here; known are: %s", strings.Join(known, ", "))
		}
		if len(v) > 1 {
			return nil, domain.Malformed("?"+name, "the parameter is given twice")
		}
		if !utf8.ValidString(v[0]) || strings.ContainsFunc(v[0], unicode.IsControl) {
			return nil, domain.Malformed("?"+name, "the value is not plain UTF-8 text")
		}
		if err := strictjson.Text("?"+name, v[0]); err != nil {
			return nil, err
		}
	}
	return &Query{values: values}, nil
}

// Err refuses what was malformed, or nil.
func (q *Query) Err() error { return joined(q.faults) }

func (q *Query) fault(name, format string, args ...any) {
	q.faults = append(q.faults, domain.Malformed("?"+name, format, args...))
}

// Has tells whether the parameter is there, even if empty.
func (q *Query) Has(name string) bool { return q.values.Has(name) }

// String is the parameter as it came.
func (q *Query) String(name string) string { return q.values.Get(name) }

// Required is a parameter that must be there and not empty.
func (q *Query) Required(name string) string {
	v := q.String(name)
	if v == "" {
		q.fault(name, "the parameter is required")
	}
	return v
}

// OneOf is one of the given words; the first of them where the parameter is not there.
func (q *Query) OneOf(name string, words ...string) string {
	if !q.Has(name) {
		return words[0]
	}
	v := q.String(name)
	if !slices.Contains(words, v) {
		q.fault(name, "one of these is wanted: %s", strings.TrimPrefix(strings.Join(words, ", "), ", ")) // the first may stand for none
		return ""
	}
	return v
}

// Time is an instant, RFC 3339 with an offset, in UTC; nil where the parameter is not there.
func (q *Query) Time(name string) *time.Time {
	if !q.Has(name) {
		return nil
	}
	// A plus that was not escaped has become a space on its way.
	t, err := time.Parse(time.RFC3339, strings.Replace(q.String(name), " ", "+", 1))
	if err != nil || t.Year() < 1 || t.Year() > 9999 {
		q.fault(name, "a moment is written as in 2026-01-31T10:00:00+05:00")
		return nil
	}
	t = t.UTC()
	return &t
}

// Int is a whole number from low to high; otherwise where the parameter is not there.
func (q *Query) Int(name string, otherwise, low, high int) int {
	if !q.Has(name) {
		return otherwise
	}
	n, err := strconv.Atoi(q.String(name))
	if err != nil || n < low || n > high {
		q.fault(name, "a whole number from %d to %d is wanted", low, high)
		return otherwise
	}
	return n
}

// Cursor reads into a value what Cursor wrote into an answer's next; false where the parameter is not there.
func (q *Query) Cursor(name string, into any) bool {
	if !q.Has(name) {
		return false
	}
	data, err := base64.RawURLEncoding.DecodeString(q.String(name))
	// Not by strictjson: a moment in microseconds is as long as a card number, and one in ten passes for one (TestCursorLikeACard).
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err == nil {
		err = d.Decode(into)
	}
	if err != nil || d.More() {
		q.fault(name, "a cursor is the next of an earlier answer, as it came")
		return false
	}
	return true
}

// Cursor makes an opaque cursor of where the next page begins. It may hold no personal data: it stands in URLs.
func Cursor(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic("a cursor that cannot be written: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(data)
}
