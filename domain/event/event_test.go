package event_test

import (
	"reflect"
	"strings"
	"testing"

	"kelisim/domain/event"
)

// One fact in three shapes: days as a number, then as a text, then with a unit.
type pausedV1 struct {
	Days int `json:"days"`
}
type pausedV2 struct {
	Length string `json:"length"`
}
type paused struct {
	Length string `json:"length"`
	Unit   string `json:"unit"`
}
type resumed struct{}

func (p pausedV1) lift() pausedV2 { return pausedV2{strings.Repeat("I", p.Days)} }
func (p pausedV2) lift() paused   { return paused{p.Length, "day"} }

var table = []event.Type{
	event.Of[paused]("play.paused", event.From(pausedV1.lift), event.From(pausedV2.lift)),
	event.Of[resumed]("play.resumed_again"),
}

func TestUpcastChain(t *testing.T) {
	c, err := event.NewCatalogue(table)
	if err != nil {
		t.Fatal(err)
	}
	for version, data := range map[int]string{1: `{"days":3}`, 2: `{"length":"III"}`, 3: `{"length":"III","unit":"day"}`} {
		got, err := c.Decode("play.paused", version, []byte(data))
		if err != nil || got != (paused{"III", "day"}) {
			t.Errorf("version %d reads as %+v (%v)", version, got, err)
		}
	}
	name, version, data, err := c.Encode(paused{"II", "week"})
	if err != nil || name != "play.paused" || version != 3 || string(data) != `{"length":"II","unit":"week"}` {
		t.Errorf("written as %s version %d: %s (%v)", name, version, data, err)
	}
	if name, version, data, err := c.Encode(resumed{}); err != nil || name != "play.resumed_again" || version != 1 || string(data) != `{}` {
		t.Errorf("written as %s version %d: %s (%v)", name, version, data, err)
	}
}

func TestWhatIsNotDeclaredIsRefused(t *testing.T) {
	c, err := event.NewCatalogue(table)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []struct {
		name    string
		version int
		data    string
		want    string
	}{
		{"play.stopped", 1, `{}`, "event play.stopped is not known here"},
		{"play.paused", 0, `{}`, "no version 0"},
		{"play.paused", 4, `{}`, "no version 4 here (newest is 3)"},
		{"play.paused", -1, `{}`, "no version -1"},
		{"play.paused", 1, `{"days":"three"}`, "decode play.paused version 1"},
		{"play.paused", 3, `{`, "decode play.paused version 3"},
		{"play.paused", 2, `{} {}`, "decode play.paused version 2"},
	} {
		got, err := c.Decode(bad.name, bad.version, []byte(bad.data))
		if err == nil || got != nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%s version %d of %s: %v, %v; want an error with %q", bad.name, bad.version, bad.data, got, err, bad.want)
		}
	}
	for _, e := range []any{pausedV1{}, &paused{}, "paused", nil} {
		if _, _, _, err := c.Encode(e); err == nil || !strings.Contains(err.Error(), "is not a declared event") {
			t.Errorf("%T is not declared: %v", e, err)
		}
	}
	if _, _, _, err := must(t, []event.Type{event.Of[struct{ C chan int }]("play.broken")}).Encode(struct{ C chan int }{}); err == nil ||
		!strings.Contains(err.Error(), "encode play.broken") {
		t.Errorf("what cannot be written says which event it was: %v", err)
	}
}

func must(t *testing.T, tables ...[]event.Type) *event.Catalogue {
	t.Helper()
	c, err := event.NewCatalogue(tables...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTablesThatDoNotJoin(t *testing.T) {
	other := event.Of[resumed]("play.went_on")
	for name, c := range map[string]struct {
		tables [][]event.Type
		want   string
	}{
		"a name twice":   {[][]event.Type{table, {event.Of[struct{}]("play.paused")}}, "event play.paused declared twice"},
		"a type twice":   {[][]event.Type{table, {other}}, "event_test.resumed is both play.resumed_again and play.went_on"},
		"a gap":          {[][]event.Type{{event.Of[paused]("play.paused", event.From(pausedV1.lift))}}, "upcast 1 makes event_test.pausedV2, want event_test.paused"},
		"a wrong order":  {[][]event.Type{{event.Of[paused]("play.paused", event.From(pausedV2.lift), event.From(pausedV1.lift))}}, "upcast 1 makes event_test.paused, want event_test.pausedV1"},
		"a repeated hop": {[][]event.Type{{event.Of[paused]("play.paused", event.From(pausedV1.lift), event.From(pausedV1.lift), event.From(pausedV2.lift))}}, "upcast 1 makes event_test.pausedV2, want event_test.pausedV1"},
	} {
		if _, err := event.NewCatalogue(c.tables...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want an error with %q", name, err, c.want)
		}
	}
	for _, name := range []string{"", "paused", "play.", ".paused", "Play.paused", "play.Paused", "play.paused.again", "play.paused2",
		"play paused", "play._paused", "play.paused_", "play.a__b", "play-er.paused", "play.paused\n", "ойын.басталды"} {
		if _, err := event.NewCatalogue([]event.Type{event.Of[resumed](name)}); err == nil || !strings.Contains(err.Error(), "book.past_tense") {
			t.Errorf("%q is not an event's name: %v", name, err)
		}
	}
}

func TestTypesKeepTheirOrder(t *testing.T) {
	c := must(t, table, []event.Type{event.Of[struct{}]("stage.lit")})
	var got []string
	for _, ty := range c.Types() {
		got = append(got, ty.Name())
	}
	if want := []string{"play.paused", "play.resumed_again", "stage.lit"}; !reflect.DeepEqual(got, want) {
		t.Errorf("types are %q, want %q", got, want)
	}
	if z := c.Types()[0].Zero(); z != (paused{}) {
		t.Errorf("the zero value is %+v", z)
	}
	if ty, err := c.TypeOf(paused{}); err != nil || ty.Name() != "play.paused" || ty.Version() != 3 || ty.GoType() != reflect.TypeFor[paused]() {
		t.Errorf("paused is declared as %+v (%v)", ty, err)
	}
}
