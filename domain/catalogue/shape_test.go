package catalogue_test

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"kelisim/domain"
	"kelisim/domain/calendar"
	"kelisim/domain/event"
)

var (
	snakeCase = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	classes   = []domain.Class{domain.Identity, domain.Attributes, domain.Freeform}

	personalType = reflect.TypeFor[domain.Personal]()
	moneyType    = reflect.TypeFor[domain.Money]()
	dayType      = reflect.TypeFor[calendar.Day]()
	timeType     = reflect.TypeFor[time.Time]()
)

// faults lists what an event's type may not be: each line is a sentence.
func faults(t reflect.Type, path string, class string) []string {
	switch {
	case t == personalType:
		if !slices.Contains(classes, domain.Class(class)) {
			return []string{fmt.Sprintf("%s is personal and has the class %q: write personal:\"identity\", \"attributes\" or \"freeform\"", path, class)}
		}
		return nil
	case t == moneyType || t == dayType || t == timeType:
		return nil
	case t.Kind() == reflect.Pointer:
		return faults(t.Elem(), path, class)
	case t.Implements(reflect.TypeFor[json.Marshaler]()) || t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return []string{fmt.Sprintf("%s is a %v, which writes itself: the samples do not know its form", path, t)}
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int64, reflect.Uint8:
		return nil
	case reflect.Slice:
		return faults(t.Elem(), path, class)
	case reflect.Struct:
	default:
		return []string{fmt.Sprintf("%s is a %v: an event holds texts, whole numbers, times, days, sums, personal values, and structs and lists of them", path, t)}
	}
	var out []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		at := path + "." + f.Name
		c := class
		if own := f.Tag.Get("personal"); own != "" {
			c = own
		}
		switch {
		case !f.IsExported():
			out = append(out, at+" is not exported and would not be stored")
		case f.Anonymous && name == "":
			out = append(out, at+" is embedded without a name of its own")
		case !snakeCase.MatchString(name):
			out = append(out, fmt.Sprintf("%s is written as %q: write a json tag in snake_case", at, name))
		}
		out = append(out, faults(f.Type, at, c)...)
	}
	return out
}

// fill makes a sample value of a type: each field is given, a list has one element, and the value of a text
// follows from its name, so that the same type always makes the same sample.
func fill(v reflect.Value, name string) {
	switch v.Type() {
	case personalType:
		v.Addr().Interface().(*domain.Personal).Seal(json.RawMessage(`{"sealed":"` + name + `"}`))
		return
	case moneyType:
		v.Set(reflect.ValueOf(domain.KZT(4990)))
		return
	case dayType:
		v.Set(reflect.ValueOf(calendar.DayOf(sampleTime)))
		return
	case timeType:
		v.Set(reflect.ValueOf(sampleTime))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(sampleText(name))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(3)
	case reflect.Uint8:
		v.SetUint('a')
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), name)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), name)
	case reflect.Struct:
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			fill(v.Field(i), name)
		}
	}
}

var sampleTime = time.Date(2026, 1, 12, 6, 0, 0, 0, time.UTC)

func sampleText(name string) string {
	switch {
	case strings.HasSuffix(name, "_id") && name != "transaction_id", name == "retry_of", name == "users":
		return "5f0c1b1e-7c5b-4a3e-9a60-0d1f2a3b4c5d"
	case strings.HasSuffix(name, "sha256"):
		return strings.Repeat("0123456789abcdef", 4)
	}
	known := map[string]string{
		"clause": "T-3.8", "language": "kk", "languages": "kk", "location": "KZ-71", "locations": "KZ-71", "version": "2020-10-27",
		"terms_version": "2020-10-27", "country": "KZ", "holidays": "2026-03-23", "tracking_number": "RR473124829KZ",
	}
	if s, ok := known[name]; ok {
		return s
	}
	return strings.ReplaceAll(name, "_", "-")
}

// paths lists the fields of a written value: "contacts.email", "grounds.*.code".
func paths(v any, at string) []string {
	var out []string
	switch v := v.(type) {
	case map[string]any:
		if _, sealed := v["sealed"]; sealed && len(v) == 1 {
			return []string{at}
		}
		for name, inner := range v {
			out = append(out, paths(inner, strings.TrimPrefix(at+"."+name, "."))...)
		}
	case []any:
		for _, inner := range v {
			out = append(out, paths(inner, at+".*")...)
		}
	default:
		return []string{at}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

type base struct {
	Kind string `json:"kind"`
}
type writesItself struct{}

func (writesItself) MarshalText() ([]byte, error) { return nil, nil }

// TestFaults: each thing that an event may not hold is told in a sentence.
func TestFaults(t *testing.T) {
	for want, v := range map[string]any{
		"e.Name is personal and has the class \"\"": struct {
			Name domain.Personal `json:"name"`
		}{},
		"e.Name is personal and has the class \"secret\"": struct {
			Name []domain.Personal `json:"name" personal:"secret"`
		}{},
		"e.Sum is a float64": struct {
			Sum float64 `json:"sum"`
		}{},
		"e.Names is a map": struct {
			Names map[string]domain.Personal `json:"names" personal:"identity"`
		}{},
		"e.Any is a interface": struct {
			Any any `json:"any"`
		}{},
		"e.hidden is not exported": struct{ hidden int }{},
		"e.base is not exported":   struct{ base }{},
		"e.Self is a catalogue_test.writesItself, which writes itself": struct {
			Self writesItself `json:"self"`
		}{},
		"e.Plain is written as \"\"": struct{ Plain string }{},
		"e.Deep.X is written as \"X\"": struct {
			Deep *[]struct {
				X int `json:"X"`
			} `json:"deep"`
		}{},
		"e.Dash is written as \"a-b\"": struct {
			Dash int `json:"a-b"`
		}{},
	} {
		got := faults(reflect.TypeOf(v), "e", "")
		if len(got) == 0 || !strings.Contains(strings.Join(got, "; "), want) {
			t.Errorf("found %q, want %q", got, want)
		}
	}
	good := struct {
		Names []domain.Personal `json:"names,omitempty" personal:"identity"`
		Inner *struct {
			Text domain.Personal `json:"text"`
			At   *time.Time      `json:"at"`
			Sum  domain.Money    `json:"sum,omitzero"`
			Day  calendar.Day    `json:"day"`
			Raw  []byte          `json:"raw"`
		} `json:"inner" personal:"freeform"`
	}{}
	if got := faults(reflect.TypeOf(good), "e", ""); got != nil {
		t.Errorf("nothing is wrong with it, not %q", got)
	}
}

type once struct {
	Kind string `json:"kind"`
	Note string `json:"note,omitempty"`
}
type renamed struct {
	Kind   string `json:"kind"`
	Remark string `json:"note_text,omitempty"`
}
type wider struct {
	Kind string `json:"kind"`
	Note string `json:"note,omitempty"`
	More string `json:"more,omitempty"`
}
type retyped struct {
	Kind string   `json:"kind"`
	Note []string `json:"note,omitempty"`
}
type reordered struct {
	Note string `json:"note,omitempty"`
	Kind string `json:"kind"`
}

func (o once) lift() wider { return wider{Kind: o.Kind, Note: o.Note} }

// TestChangedShapes: a shape that changes without a new version is told in a sentence, also where the change is
// only an optional field.
func TestChangedShapes(t *testing.T) {
	stored, err := sampleOf(event.Of[once]("play.begun"))
	if err != nil {
		t.Fatal(err)
	}
	for want, now := range map[string]event.Type{
		"":                            event.Of[once]("play.begun"),
		"field more is new":           event.Of[wider]("play.begun"),
		"field note_text is new":      event.Of[renamed]("play.begun"),
		"cannot unmarshal string":     event.Of[retyped]("play.begun"),
		"without a new version. Stor": event.Of[reordered]("play.begun"),
	} {
		c, err := event.NewCatalogue([]event.Type{now})
		if err != nil {
			t.Fatal(err)
		}
		if got := compare(c, now, 1, stored); (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%v said %q, want %q", now.GoType(), got, want)
		}
	}
	lifted := event.Of[wider]("play.begun", event.From(once.lift))
	c, err := event.NewCatalogue([]event.Type{lifted})
	if err != nil {
		t.Fatal(err)
	}
	if got := compare(c, lifted, 1, stored); got != "" {
		t.Errorf("a lifted shape is read: %s", got)
	}
}
