package domain_test

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"kelisim/domain"
)

const secret = "Нұрлан 850101300123"

type person struct {
	Name   domain.Personal   `json:"name,omitzero" personal:"identity"`
	Emails []domain.Personal `json:"emails,omitempty" personal:"identity"`
}

// holder keeps a person where fmt and log cannot ask it how to print itself.
type holder struct {
	name domain.Personal
	in   map[string]person
}

// TestPersonalNeverMarshalsPlain: whatever prints, logs or writes a personal value, alone or inside something
// else, its clear text does not appear, whether it is plain, sealed and opened, or only sealed (P-2.4).
func TestPersonalNeverMarshalsPlain(t *testing.T) {
	plain := domain.NewPersonal(secret)
	opened := plain
	opened.Seal(json.RawMessage(`{"c":"AAAA"}`))
	reopened := domain.Personal{}
	reopened.Seal(json.RawMessage(`{"c":"AAAA"}`))
	reopened.Open(secret)

	for name, p := range map[string]domain.Personal{"plain": plain, "opened": opened, "reopened": reopened} {
		q := person{Name: p, Emails: []domain.Personal{p}}
		values := []any{p, &p, []domain.Personal{p}, q, &q, map[string]any{"p": p}, holder{p, map[string]person{"a": q}},
			&holder{p, nil}, fmt.Errorf("no: %v", p), domain.Refuse(domain.Conflict, "code", "detail %v", q)}
		var out strings.Builder
		for _, v := range values {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%20v", "%.3s", "%T"} {
				fmt.Fprintf(&out, verb+"\n", v)
				if got := fmt.Sprintf(verb, p); got != "[personal]" && verb != "%T" {
					t.Fatalf("%s of a %s value prints %q, not [personal]", verb, name, got)
				}
			}
			fmt.Fprintln(&out, v)
			for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
				slog.New(h).Log(context.Background(), slog.LevelInfo, "said", "it", v, slog.Group("g", slog.Any("it", v)))
			}
			if b, err := json.Marshal(v); err == nil {
				out.Write(b)
			} else {
				out.WriteString(err.Error())
			}
			if b, err := xml.Marshal(v); err == nil {
				out.Write(b)
			}
			var b bytes.Buffer
			_ = gob.NewEncoder(&b).Encode(v)
			out.Write(b.Bytes())
		}
		b, _ := p.MarshalText()
		out.Write(b)
		out.WriteString(p.String() + p.GoString() + p.LogValue().String())
		for _, part := range []string{secret, "Нұрлан", "850101300123", fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret)} {
			if i := strings.Index(out.String(), part); i >= 0 {
				t.Errorf("%s value shows its clear text: …%s…", name, out.String()[max(0, i-40):i+len(part)])
			}
		}
	}

	for _, v := range []any{plain, person{Name: plain}, person{Emails: []domain.Personal{plain}}, map[string]any{"p": plain}} {
		if b, err := json.Marshal(v); err == nil {
			t.Errorf("a plain value was marshalled as %s", b)
		}
	}
	if b, err := json.Marshal(opened); err != nil || string(b) != `{"c":"AAAA"}` {
		t.Errorf("a sealed value is written in its stored form, not %s (%v)", b, err)
	}
}

func TestPersonalStates(t *testing.T) {
	var none, plain, stored domain.Personal
	for in, p := range map[string]*domain.Personal{`null`: &none, ` "Ұ\u0431" `: &plain, ` {"c":"AAAA"}`: &stored} {
		if err := json.Unmarshal([]byte(in), p); err != nil {
			t.Fatalf("%s: %v", in, err)
		}
	}
	if none.Given() || !none.IsZero() || none.Sealed() != nil {
		t.Error("null is not given")
	}
	if s, ok := none.Plain(); s != "" || !ok {
		t.Error("what is not given is known to be nothing")
	}
	if s, ok := plain.Plain(); s != "Ұб" || !ok || !plain.Given() || plain.Sealed() != nil {
		t.Error("a string is a plain value")
	}
	if s, ok := stored.Plain(); s != "" || ok || !stored.Given() || string(stored.Sealed()) != `{"c":"AAAA"}` {
		t.Error("an object is a sealed value that nobody has opened")
	}
	stored.Open("clear")
	if s, ok := stored.Plain(); s != "clear" || !ok {
		t.Error("an opened value is at hand")
	}
	stored.Open("")
	if _, ok := stored.Plain(); !ok || !stored.Given() {
		t.Error("an opened value may be empty and is still given")
	}
	var empty domain.Personal
	if err := json.Unmarshal([]byte(`""`), &empty); err != nil || empty.Given() {
		t.Error("an empty string is not given")
	}
	if b, err := json.Marshal(person{}); err != nil || string(b) != `{}` {
		t.Errorf("omitzero leaves out what is not given: %s, %v", b, err)
	}
	for _, in := range []string{`1`, `850101300123`, `true`, `["a"]`} {
		p := domain.NewPersonal("before")
		err := json.Unmarshal([]byte(in), &p)
		if domain.Code(err) != "invalid-request" || strings.Contains(err.Error(), in) {
			t.Errorf("%s: %v", in, err)
		}
	}
}

// A closed value says why, shows nothing, and is written as it was stored (P-1.5).
func TestPersonalClosed(t *testing.T) {
	var p domain.Personal
	if p.State() != domain.Available {
		t.Errorf("nothing reads as %s", p.State())
	}
	p = domain.NewPersonal(secret)
	p.Close(domain.NotAuthorised)
	if plain, _ := p.Plain(); plain != secret || p.State() != domain.Available {
		t.Errorf("what is not stored has nothing to be opened from: %s", p.State())
	}
	p.Seal(json.RawMessage(`{"c":"AAAA"}`))
	if p.State() != domain.Available {
		t.Errorf("what was just sealed is still at hand: %s", p.State())
	}
	for _, why := range []domain.PersonalState{domain.NotAuthorised, domain.Destroyed, domain.Depersonalised, domain.KeyUnavailable} {
		p.Close(why)
		if plain, ok := p.Plain(); plain != "" || ok || p.State() != why || !p.Given() {
			t.Errorf("closed as %s: %s, in clear %v", why, p.State(), ok)
		}
		if b, err := json.Marshal(p); err != nil || string(b) != `{"c":"AAAA"}` {
			t.Errorf("closed as %s: written as %s (%v)", why, b, err)
		}
		p.Open(secret)
		if p.State() != domain.Available {
			t.Errorf("opened again: %s", p.State())
		}
	}
	var stored domain.Personal
	if err := json.Unmarshal([]byte(`{"c":"AAAA"}`), &stored); err != nil || stored.State() != domain.NotAuthorised {
		t.Errorf("what nobody opened reads as %s (%v)", stored.State(), err)
	}
}

type address struct {
	Kind string          `json:"kind"`
	Text domain.Personal `json:"text"`
}

type sheet struct {
	Name      domain.Personal   `json:"name" personal:"identity"`
	Note      *domain.Personal  `json:"note,omitempty" personal:"freeform"`
	Addresses []address         `json:"addresses" personal:"identity"`
	Emails    []domain.Personal `json:"emails" personal:"attributes"`
	Contacts  struct {
		Mobile domain.Personal `json:"mobile" personal:"freeform"`
	} `json:"contacts" personal:"identity"`
	Plain  string
	inside domain.Personal
}

func TestEachPersonal(t *testing.T) {
	p := domain.NewPersonal
	note := p("n")
	s := sheet{Name: p("a"), Note: &note, Emails: []domain.Personal{p("b"), {}, p("c")}, inside: p("x"),
		Addresses: []address{{Kind: "post", Text: p("d")}}}
	s.Contacts.Mobile = p("e")
	var got []string
	err := domain.EachPersonal(&s, func(path string, class domain.Class, p *domain.Personal) error {
		plain, _ := p.Plain()
		got = append(got, fmt.Sprintf("%s %s %s", path, class, plain))
		p.Seal(json.RawMessage(`{}`))
		return nil
	})
	want := []string{"name identity a", "note freeform n", "addresses.0.text identity d", "emails.0 attributes b",
		"emails.2 attributes c", "contacts.mobile freeform e"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("visited %q, %v; want %q", got, err, want)
	}
	if s.Name.Sealed() == nil || s.Note.Sealed() == nil || s.Addresses[0].Text.Sealed() == nil || s.Emails[2].Sealed() == nil {
		t.Error("the visitor changes the value in place")
	}

	stop := errors.New("stop")
	if err := domain.EachPersonal(&s, func(string, domain.Class, *domain.Personal) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the visitor's error is returned, not %v", err)
	}
	never := func(path string, _ domain.Class, _ *domain.Personal) error { return fmt.Errorf("visited %s", path) }
	for name, v := range map[string]any{
		"a field without a class, though empty": &struct{ Name domain.Personal }{},
		"no pointer":                            s,
		"a nil pointer":                         (*sheet)(nil),
	} {
		if err := domain.EachPersonal(v, never); err == nil || strings.HasPrefix(err.Error(), "visited") {
			t.Errorf("%s is an error, not %v", name, err)
		}
	}
	if err := domain.EachPersonal(&sheet{}, never); err != nil {
		t.Errorf("nothing is given and so nothing is visited: %v", err)
	}
}

// FuzzPersonal: whatever a caller sends, the value is nothing, plain or sealed, and only the sealed one is written.
func FuzzPersonal(f *testing.F) {
	for _, s := range []string{`null`, `""`, `"a"`, `"\ud800"`, `{"c":"A"}`, ` {} `, `[1]`, `12`, `"a`, `{"a":"b"`, "\"\xff\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var p domain.Personal
		if json.Unmarshal(in, &p) != nil {
			return
		}
		plain, clear := p.Plain()
		out, err := json.Marshal(p)
		switch {
		case p.Sealed() != nil:
			if clear || err != nil {
				t.Errorf("%q: a stored value is sealed until it is opened (%v)", in, err)
			}
		case plain != "":
			if err == nil || strings.Contains(err.Error(), plain) && len(plain) > 20 {
				t.Errorf("%q was written as %s (%v)", in, out, err)
			}
		default:
			if p.Given() || string(out) != "null" {
				t.Errorf("%q is nothing, and written as %s", in, out)
			}
		}
		if s := fmt.Sprintf("%v", holder{name: p}); len(plain) > 20 && strings.Contains(s, plain) {
			t.Errorf("%q is printed as %s", in, s)
		}
	})
}
