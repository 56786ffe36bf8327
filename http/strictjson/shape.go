package strictjson

import (
	"encoding"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"strings"
	"sync"
	"time"

	"kelisim/domain"
)

type kind string

const (
	anything kind = ""
	object   kind = "an object"
	array    kind = "an array"
	text     kind = "a text"
	number   kind = "a number"
	boolean  kind = "true or false"
)

// A shape is what a Go type takes.
type shape struct {
	kind    kind
	members map[string]reflect.Type // nil: any name, each of type elem
	need    []string                // members that must be there
	elem    reflect.Type            // of an array or a map
	whole   bool                    // no fraction and no exponent
	// try holds one value against rules of the type's own and answers what is wrong with it, or "".
	try func(raw []byte) string
}

// member is the type of a member, nil for any, and whether the name is known.
func (s shape) member(name string) (reflect.Type, bool) {
	if s.members == nil {
		return s.elem, true
	}
	t, ok := s.members[name]
	return t, ok
}

var shapes sync.Map // reflect.Type → shape

var (
	personalType  = reflect.TypeFor[domain.Personal]()
	moneyType     = reflect.TypeFor[domain.Money]()
	timeType      = reflect.TypeFor[time.Time]()
	rawType       = reflect.TypeFor[json.RawMessage]()
	jsonReadable  = reflect.TypeFor[json.Unmarshaler]()
	textReadable  = reflect.TypeFor[encoding.TextUnmarshaler]()
	moneyMembers  = map[string]reflect.Type{"amount": reflect.TypeFor[string](), "currency": reflect.TypeFor[string]()}
	moneyRequired = []string{"amount", "currency"}
	wrongForm     = "the value has not the form that is wanted here"
	wrongMoment   = "a moment is written as in 2026-01-31T10:00:00+05:00"
)

func shapeOf(t reflect.Type) shape {
	if t == nil {
		return shape{}
	}
	if s, ok := shapes.Load(t); ok {
		return s.(shape)
	}
	s := makeShape(t)
	shapes.Store(t, s)
	return s
}

// merged is the shape of one object whose members several structs share.
func merged(types []reflect.Type) shape {
	if len(types) == 1 {
		return shapeOf(types[0])
	}
	all := shape{kind: object, members: map[string]reflect.Type{}}
	for _, t := range types {
		one := shapeOf(t)
		maps.Copy(all.members, one.members)
		all.need = append(all.need, one.need...)
	}
	return all
}

func makeShape(t reflect.Type) shape {
	pointer := reflect.PointerTo(t)
	switch {
	case t.Kind() == reflect.Pointer:
		return shapeOf(t.Elem())
	case t == rawType:
		return shape{}
	case t == personalType:
		return shape{kind: text} // its own decoder takes an object too: a stored, sealed value, which no caller may bring in
	case t == moneyType:
		return shape{kind: object, members: moneyMembers, need: moneyRequired, try: try(t, wrongForm)}
	case t == timeType:
		return shape{kind: text, try: try(t, wrongMoment)}
	case pointer.Implements(jsonReadable):
		return shape{try: try(t, wrongForm)}
	case pointer.Implements(textReadable):
		return shape{kind: text, try: try(t, wrongForm)}
	}
	switch t.Kind() {
	case reflect.String:
		return shape{kind: text}
	case reflect.Bool:
		return shape{kind: boolean}
	case reflect.Float32, reflect.Float64:
		return shape{kind: number}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return shape{kind: number, whole: true, try: try(t, "the number is out of range")}
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return shape{kind: text, try: try(t, "base64 is wanted here")}
		}
		return shape{kind: array, elem: t.Elem()}
	case reflect.Map:
		return shape{kind: object, elem: t.Elem()}
	case reflect.Struct:
		s := shape{kind: object, members: map[string]reflect.Type{}}
		s.addFields(t)
		return s
	}
	return shape{}
}

func (s *shape) addFields(t reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case f.Anonymous && name == "":
			inner := f.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			s.addFields(inner)
		case f.IsExported():
			if name == "" {
				name = f.Name
			}
			s.members[name] = f.Type
			if f.Tag.Get("required") == "true" {
				s.need = append(s.need, name)
			}
		}
	}
}

// try decodes one value into a new t. A refusal of ours is passed on; any other error holds the value, so it is replaced by detail.
func try(t reflect.Type, detail string) func([]byte) string {
	return func(raw []byte) string {
		err := json.Unmarshal(raw, reflect.New(t).Interface())
		var refusal *domain.Error
		switch {
		case err == nil:
			return ""
		case errors.As(err, &refusal):
			return refusal.Detail
		}
		return detail
	}
}

// expect notes a value of another kind than wanted.
func (s *scanner) expect(want shape, got kind) {
	if want.kind != anything && want.kind != got {
		s.faults.add(s.at, "%s is wanted here", want.kind)
	}
}
