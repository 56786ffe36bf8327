// Package event says how a fact is declared, named and read back for ever.
//
// Each book of the domain keeps a table of its events:
//
//	var Events = []event.Type{
//		event.Of[Started]("subscription.started", event.From(startedV1.lift)), // now version 2
//		event.Of[Paused]("subscription.paused"),
//	}
//
// The stored name is written once, is independent of the Go name and is never used again for another fact. The version
// is one more than the number of upcasts; nobody types it. An old shape stays as an unexported struct with a method that lifts
// it to the next, since what is stored is never rewritten.
package event

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
)

// Upcast lifts one stored shape of an event to the next.
type Upcast struct {
	from, to reflect.Type
	decode   func([]byte) (any, error)
	lift     func(any) any
}

// From declares the lift from an old shape to the one after it.
func From[Old, New any](lift func(Old) New) Upcast {
	return Upcast{
		from:   reflect.TypeFor[Old](),
		to:     reflect.TypeFor[New](),
		decode: decode[Old],
		lift:   func(v any) any { return lift(v.(Old)) },
	}
}

// Type is one declared event.
type Type struct {
	name    string
	goType  reflect.Type
	decode  func([]byte) (any, error)
	upcasts []Upcast
}

// Of declares the event that T carries, under its stored name; upcasts lead from version 1 to T, in order.
func Of[T any](name string, upcasts ...Upcast) Type {
	return Type{name: name, goType: reflect.TypeFor[T](), decode: decode[T], upcasts: upcasts}
}

func (t Type) Name() string         { return t.name }
func (t Type) Version() int         { return len(t.upcasts) + 1 }
func (t Type) GoType() reflect.Type { return t.goType }

// Zero is the event's value with nothing in it.
func (t Type) Zero() any { return reflect.Zero(t.goType).Interface() }

func decode[T any](data []byte) (any, error) {
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		return nil, err
	}
	return v, nil
}

// Catalogue is every event there is. It encodes and decodes; it is made once and shared.
type Catalogue struct {
	types  []Type
	byName map[string]Type
	byGo   map[reflect.Type]Type
}

var nameForm = regexp.MustCompile(`^[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*$`)

// NewCatalogue joins the tables. A name or a Go type declared twice, a malformed name, or upcasts that do
// not lead from one shape to the next are errors.
func NewCatalogue(tables ...[]Type) (*Catalogue, error) {
	c := &Catalogue{byName: map[string]Type{}, byGo: map[reflect.Type]Type{}}
	for _, table := range tables {
		for _, t := range table {
			if !nameForm.MatchString(t.name) {
				return nil, fmt.Errorf("event name %q is not of the form book.past_tense", t.name)
			}
			if _, ok := c.byName[t.name]; ok {
				return nil, fmt.Errorf("event %s declared twice", t.name)
			}
			if old, ok := c.byGo[t.goType]; ok {
				return nil, fmt.Errorf("%v is both %s and %s", t.goType, old.name, t.name)
			}
			for i, u := range t.upcasts {
				want := t.goType
				if i+1 < len(t.upcasts) {
					want = t.upcasts[i+1].from
				}
				if u.to != want {
					return nil, fmt.Errorf("%s: upcast %d makes %v, want %v", t.name, i+1, u.to, want)
				}
			}
			c.types = append(c.types, t)
			c.byName[t.name], c.byGo[t.goType] = t, t
		}
	}
	return c, nil
}

// Types lists the declared events in the order of their tables.
func (c *Catalogue) Types() []Type { return c.types }

// TypeOf is the declaration of an event's value.
func (c *Catalogue) TypeOf(e any) (Type, error) {
	t, ok := c.byGo[reflect.TypeOf(e)]
	if !ok {
		return Type{}, fmt.Errorf("%T is not a declared event", e)
	}
	return t, nil
}

// Encode writes an event for storage.
func (c *Catalogue) Encode(e any) (name string, version int, data []byte, err error) {
	t, err := c.TypeOf(e)
	if err != nil {
		return "", 0, nil, err
	}
	data, err = json.Marshal(e)
	if err != nil {
		return "", 0, nil, fmt.Errorf("encode %s: %w", t.name, err)
	}
	return t.name, t.Version(), data, nil
}

// Decode reads a stored event of any version as the newest shape.
func (c *Catalogue) Decode(name string, version int, data []byte) (any, error) {
	t, ok := c.byName[name]
	if !ok {
		return nil, fmt.Errorf("event %s is not known here", name)
	}
	if version < 1 || version > t.Version() {
		return nil, fmt.Errorf("event %s has no version %d here (newest is %d)", name, version, t.Version())
	}
	if version == t.Version() {
		v, err := t.decode(data)
		if err != nil {
			return nil, fmt.Errorf("decode %s version %d: %w", name, version, err)
		}
		return v, nil
	}
	v, err := t.upcasts[version-1].decode(data)
	if err != nil {
		return nil, fmt.Errorf("decode %s version %d: %w", name, version, err)
	}
	for _, u := range t.upcasts[version-1:] {
		v = u.lift(v)
	}
	return v, nil
}
