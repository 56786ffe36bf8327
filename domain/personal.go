package domain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
)

// Personal is a value that concerns a person: it is stored only sealed under that person's key, and
// can be destroyed by destroying the key. The zero value is "not given".
//
// It has three states. A caller's plain value arrives as a JSON string; the vault turns it into
// its sealed form before it is stored; a stored event decodes to the sealed form, which the vault can
// open. Printing, logging or formatting it in any state shows only [personal]. Marshalling a value that
// has not been sealed fails, so nothing personal can reach the journal in clear:
// see TestPersonalNeverMarshalsPlain.
//
// Each Personal field of an event says which key seals it: `personal:"identity"`, `personal:"attributes"` or
// `personal:"freeform"` (see Class).
type Personal struct {
	// plain is behind a pointer because fmt prints the inside of a value that stands in an unexported field
	// without asking it; what it then prints is an address.
	plain  *string
	sealed json.RawMessage
	opened bool          // plain was read from sealed
	closed PersonalState // why sealed could not be opened, or "" if nobody tried
}

// PersonalState says what a reader gets of a value. Only Destroyed and Depersonalised last for ever.
type PersonalState string

const (
	Available      PersonalState = "available"       // in clear
	NotAuthorised  PersonalState = "not-authorised"  // sealed, and not opened for this reader
	Destroyed      PersonalState = "destroyed"       // every key of the person was destroyed (P-1.5)
	Depersonalised PersonalState = "depersonalised"  // the keys to who the person is were destroyed (P-1.5)
	KeyUnavailable PersonalState = "key-unavailable" // the key cannot be had now; it says nothing of erasure
)

// Class says which of a person's keys seals a value; the keys can be destroyed apart.
type Class string

const (
	Identity   Class = "identity"   // who the person is: names, IIN, contacts, login
	Attributes Class = "attributes" // facts about the person that may outlive depersonalisation
	Freeform   Class = "freeform"   // notes, grounds, reasons, messages
)

// NewPersonal makes a plain value, not yet sealed.
func NewPersonal(plain string) Personal {
	if plain == "" {
		return Personal{}
	}
	return Personal{plain: &plain}
}

// Given tells whether there is a value, sealed or plain.
func (p Personal) Given() bool { return p.plain != nil || p.sealed != nil }

// Plain is the value in clear, and whether it is at hand: false for a value that is sealed and was not opened.
func (p Personal) Plain() (string, bool) {
	if p.plain == nil {
		return "", p.sealed == nil || p.opened
	}
	return *p.plain, true
}

// Sealed is the stored form, or nil if the value has not been sealed.
func (p Personal) Sealed() json.RawMessage { return p.sealed }

// State tells whether the value is in clear, and why not. What is not given is in clear: it is nothing.
func (p Personal) State() PersonalState {
	switch {
	case p.sealed == nil || p.opened:
		return Available
	case p.closed == "":
		return NotAuthorised
	}
	return p.closed
}

// Seal sets the stored form; only the vault calls it.
func (p *Personal) Seal(stored json.RawMessage) {
	p.sealed, p.opened, p.closed = stored, true, ""
}

// Open sets the clear value of a sealed one; only the vault calls it.
func (p *Personal) Open(plain string) {
	p.plain, p.opened, p.closed = &plain, true, ""
}

// Close says why a sealed value is not in clear, and forgets the clear value if there was one. A value that was never sealed
// stays as it is.
func (p *Personal) Close(why PersonalState) {
	if p.sealed != nil {
		p.plain, p.opened, p.closed = nil, false, why
	}
}

func (p Personal) String() string               { return "[personal]" }
func (p Personal) GoString() string             { return "[personal]" }
func (p Personal) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte("[personal]")) }
func (p Personal) LogValue() slog.Value         { return slog.StringValue("[personal]") }
func (p Personal) IsZero() bool                 { return !p.Given() }
func (p Personal) MarshalText() ([]byte, error) { return nil, errPlain }

var errPlain = fmt.Errorf("a personal value was not sealed")

// MarshalJSON writes the sealed form; a plain value is an error.
func (p Personal) MarshalJSON() ([]byte, error) {
	if p.sealed != nil {
		return p.sealed, nil
	}
	if p.plain == nil {
		return []byte("null"), nil
	}
	return nil, errPlain
}

// UnmarshalJSON reads a caller's string as a plain value and a stored object as a sealed one.
func (p *Personal) UnmarshalJSON(b []byte) error {
	b = bytes.TrimSpace(b)
	switch {
	case bytes.Equal(b, []byte("null")):
		*p = Personal{}
		return nil
	case len(b) > 0 && b[0] == '"':
		var plain string
		if err := json.Unmarshal(b, &plain); err != nil {
			return err
		}
		*p = NewPersonal(plain)
		return nil
	case len(b) > 0 && b[0] == '{':
		*p = Personal{sealed: bytes.Clone(b)}
		return nil
	}
	return Malformed("", "a text is wanted here")
}

var personalType = reflect.TypeFor[Personal]()

// EachPersonal visits every personal value that v points to, in the order of its fields, with the JSON path
// of each ("contacts.email", "addresses.0.text") and its class. v is a pointer to a struct. A Personal
// field without a class is an error, so that an event cannot be declared without choosing one.
func EachPersonal(v any, visit func(path string, class Class, p *Personal) error) error {
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Pointer || rv.IsNil() {
		return fmt.Errorf("EachPersonal wants a pointer, got %T", v)
	}
	return eachPersonal(rv.Elem(), "", "", func(path string, class Class, p *Personal) error {
		if class == "" {
			return fmt.Errorf("personal field %q has no class", path)
		}
		if !p.Given() {
			return nil
		}
		return visit(path, class, p)
	})
}

// EachGiven visits every given personal value of a command, which has no classes: they are chosen by the event that it becomes.
func EachGiven(command any, visit func(path string, p *Personal) error) error {
	return eachPersonal(reflect.ValueOf(command).Elem(), "", "", func(path string, _ Class, p *Personal) error {
		if !p.Given() {
			return nil
		}
		return visit(path, p)
	})
}

func eachPersonal(v reflect.Value, path string, class Class, visit func(string, Class, *Personal) error) error {
	if v.Type() == personalType {
		return visit(path, class, v.Addr().Interface().(*Personal))
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() || v.Kind() == reflect.Interface {
			return nil
		}
		return eachPersonal(v.Elem(), path, class, visit)
	case reflect.Slice:
		for i := range v.Len() {
			if err := eachPersonal(v.Index(i), fmt.Sprintf("%s.%d", path, i), class, visit); err != nil {
				return err
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() {
				continue
			}
			c := class
			if t := f.Tag.Get("personal"); t != "" {
				c = Class(t)
			}
			if err := eachPersonal(v.Field(i), join(path, jsonName(f)), c, visit); err != nil {
				return err
			}
		}
	}
	return nil
}
