// Package strictjson reads a body as exactly one JSON value, or refuses it.
//
// The standard decoder takes what a ledger must not: a name given twice (the last wins), names in another case, text after the
// value, broken UTF-8 and lone surrogates (replaced), numbers that do not fit a double (rounded), fields that nobody knows. Here each of them is
// a refusal with the JSON pointer of the place, and so is what may never come in at all: a card number (C-2) and a member named
// password (T-2.4). No refusal repeats a value, and a name is repeated only where it looks like a field's.
//
// Check looks at the form alone; Decode also holds the value against a Go type. Both answer *domain.Error; Decode may join several, so that a
// caller sees all that is wrong at once.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"

	"kelisim/domain"
)

const (
	// maxDepth of arrays and objects in one another.
	maxDepth = 32
	// maxNumber: beyond 2^53 neighbouring whole numbers are one and the same double.
	maxNumber = 1 << 53
	// maxFaults that one answer lists.
	maxFaults = 20
)

// Refusals that are not invalid-request. Their details say nothing of the value.
var (
	errCard     = domain.Refuse(domain.Unprocessable, "card-data-refused", "the request holds what may be a card number; nothing was stored").By("C-2")
	errPassword = domain.Refuse(domain.Unprocessable, "password-refused", "the request holds a password; nothing was stored").By("T-2.4")
)

// Check tells whether data is one value that the ledger takes.
func Check(data []byte) error { return scan(data, shape{}, nil) }

// Decode reads data into a pointer, or into several pointers to structs that share the members of one object among them. Struct
// fields take the names of their json tags, exactly so; a field tagged `required:"true"` must be there and not null.
func Decode(data []byte, into ...any) error {
	types := make([]reflect.Type, len(into))
	for i, p := range into {
		types[i] = reflect.TypeOf(p).Elem()
	}
	if err := scan(data, merged(types), nil); err != nil {
		return err
	}
	for _, p := range into {
		if err := unmarshal(data, p, nil); err != nil {
			return err
		}
	}
	return nil
}

// Canonical writes a value that Check took with its members sorted and without spaces, so that two spellings of one body are equal.
func Canonical(data []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, domain.Malformed("", "this is not JSON")
	}
	return json.Marshal(v)
}

// unmarshal is the standard decoder after a scan that left it nothing to refuse; should it, its words are not passed on, since they hold values.
func unmarshal(data []byte, into any, base path) error {
	if err := json.Unmarshal(data, into); err != nil {
		return domain.Malformed(base.pointer(), "the value has not the form that is wanted here")
	}
	return nil
}

// CheckLines is Check for each line of newline-delimited JSON. The pointer of a refusal begins with the line's number, from 0.
func CheckLines(data []byte) error {
	return eachLine(data, func(line []byte, base path) error { return scan(line, shape{}, base) })
}

// DecodeLines reads newline-delimited JSON; more than most lines are refused.
func DecodeLines[T any](data []byte, most int) ([]T, error) {
	var all []T
	err := eachLine(data, func(line []byte, base path) error {
		if len(all) == most {
			return domain.Malformed("", "more than %d lines", most)
		}
		var v T
		if err := scan(line, shapeOf(reflect.TypeFor[T]()), base); err != nil {
			return err
		}
		if err := unmarshal(line, &v, base); err != nil {
			return err
		}
		all = append(all, v)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

func eachLine(data []byte, visit func([]byte, path) error) error {
	for i := 0; len(data) > 0; i++ {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		if err := visit(line, path{{index: i}}); err != nil {
			return err
		}
		data = rest
	}
	return nil
}

// Text refuses a free text outside a body, such as a query parameter or a header, if it holds a card number.
func Text(where, text string) error {
	if HoldsCard(text) {
		return errCard.At(where)
	}
	return nil
}

// Name refuses a parameter that is named password, as a member of a body would be.
func Name(where, name string) error {
	if fold([]byte(name)) == password {
		return errPassword.At(where)
	}
	return nil
}

// faults gathers refusals of a value's shape.
type faults []error

func (f *faults) add(p path, format string, args ...any) {
	if len(*f) < maxFaults {
		*f = append(*f, domain.Malformed(p.pointer(), format, args...))
	}
}

func (f faults) err() error {
	if len(f) == 1 {
		return f[0]
	}
	return errors.Join(f...)
}
