package strictjson_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"kelisim/domain"
	"kelisim/http/strictjson"
)

// refusals are the refusals in err, each as "code pointer".
func refusals(err error) []string {
	if err == nil {
		return nil
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var all []string
		for _, e := range many.Unwrap() {
			all = append(all, refusals(e)...)
		}
		return all
	}
	var e *domain.Error
	if !errors.As(err, &e) {
		return []string{"not a refusal: " + err.Error()}
	}
	return []string{strings.TrimSpace(e.Code + " " + e.Pointer)}
}

func TestCheck(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, c := range []struct{ name, body, want string }{
		{"an object", `{"a":[1,2.5,-3e2,"x",true,false,null,{}]}`, ""},
		{"a value alone", ` "x" `, ""},
		{"escapes", `"\"\\\/\b\f\n\r\t\u049b\ud83d\ude00"`, ""},
		{"32 deep", deep(32), ""},
		{"2^53", `9007199254740992`, ""},
		{"empty", "", "invalid-request"},
		{"only spaces", " \n ", "invalid-request"},
		{"a byte order mark", "\ufeff{}", "invalid-request"},
		{"not UTF-8", "{\"a\":\"\xff\"}", "invalid-request"},
		{"an overlong NUL", "{\"a\":\"\xc0\x80\"}", "invalid-request"},
		{"a NUL", "{\"a\":\"\x00\"}", "invalid-request /a"},
		{"a NUL behind the value", "{}\x00", "invalid-request"},
		{"an escaped NUL", `{"a":"\u0000"}`, "invalid-request /a"},
		{"a control character", "{\"a\":\"\n\"}", "invalid-request /a"},
		{"a lone high surrogate", `{"a":"\ud83d"}`, "invalid-request /a"},
		{"a lone low surrogate", `{"a":"\ude00"}`, "invalid-request /a"},
		{"two high surrogates", `{"a":"\ud83d\ud83d"}`, "invalid-request /a"},
		{"two values", `{} {}`, "invalid-request"},
		{"trailing words", `{"a":1} trailing`, "invalid-request"},
		{"a trailing comma", `{"a":1,}`, "invalid-request"},
		{"a trailing comma in an array", `[1,]`, "invalid-request /1"},
		{"a comma that is missing", `[1 2]`, "invalid-request"},
		{"a comment", `{/**/}`, "invalid-request"},
		{"a name without quotes", `{a:1}`, "invalid-request"},
		{"not closed", `{"a":{"b":[1`, "invalid-request /a/b"},
		{"a string not closed", `{"a":"b`, "invalid-request /a"},
		{"NaN", `{"a":NaN}`, "invalid-request /a"},
		{"a leading zero", `{"a":01}`, "invalid-request"},
		{"a leading plus", `{"a":+1}`, "invalid-request /a"},
		{"a dot and nothing", `{"a":1.}`, "invalid-request /a"},
		{"an exponent and nothing", `{"a":1e}`, "invalid-request /a"},
		{"half a word", `[tru]`, "invalid-request /0"},
		{"a name twice", `{"a":1,"a":2}`, "invalid-request /a"},
		{"a name twice, once null", `{"a":null,"a":2}`, "invalid-request /a"},
		{"a name twice, escaped", `{"a":1,"\u0061":2}`, "invalid-request /a"},
		{"a name twice, in another case", `{"login":1,"Login":2}`, "invalid-request /Login"},
		{"a name twice, with a long s", `{"is":1,"iſ":2}`, "invalid-request"},
		{"a name twice, with the Kelvin sign", `{"k":1,"\u212a":2}`, "invalid-request"},
		{"33 deep", deep(33), "invalid-request"},
		{"100000 deep", deep(100_000), "invalid-request"},
		{"2^53+1", `{"a":9007199254740993}`, "invalid-request /a"},
		{"-2^53-1", `{"a":-9007199254740993}`, "invalid-request /a"},
		{"2^53+1 with a fraction", `{"a":9007199254740993.0}`, "invalid-request /a"},
		{"an infinite number", `{"a":1e400}`, "invalid-request /a"},
		{"a card number", `{"a":{"b":["x","4111 1111 1111 1111"]}}`, "card-data-refused /a/b/1"},
		{"a card number as a name", `{"a":{"4111111111111111":1}}`, "card-data-refused /a"},
		{"a card number as a number", `{"a":4111111111111111}`, "card-data-refused /a"},
		{"a longer one", `{"a":6304000000000000000}`, "card-data-refused /a"},
		{"a card number with a fraction", `{"a":4111111111111111.5}`, "card-data-refused /a"},
		{"a card number with an exponent", `{"a":4.111111111111111e15}`, "card-data-refused /a"},
		{"an escaped card number", `{"a":"\u0034111111111111111"}`, "card-data-refused /a"},
		{"a password", `{"password":"x"}`, "password-refused /password"},
		{"a password deep down", `{"a":[{"PassWord":null}]}`, "password-refused /a/0/PassWord"},
		{"an escaped password", `{"\u0070assword":""}`, "password-refused /password"},
		{"a password with a long s", `{"paſſword":""}`, "password-refused"},
		{"a password in a value", `{"a":"password"}`, ""},
		{"a name that may be a person's", `{"Әсел Иванова":{"b":nope}}`, "invalid-request"},
		{"a name that may be a number", `{"x77011234567":nope}`, "invalid-request"},
	} {
		got := strings.Join(refusals(strictjson.Check([]byte(c.body))), "; ")
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

type document struct {
	ID string `json:"id" required:"true"`
}

type embedded struct {
	Inner string `json:"inner"`
}

type body struct {
	embedded
	Login     domain.Personal   `json:"login" required:"true"`
	Months    int               `json:"months"`
	Small     uint8             `json:"small"`
	Ratio     float64           `json:"ratio"`
	Flag      *bool             `json:"flag"`
	At        time.Time         `json:"at"`
	Price     *domain.Money     `json:"price"`
	Documents []document        `json:"documents"`
	Labels    map[string]string `json:"labels"`
	Bytes     []byte            `json:"bytes"`
	Raw       json.RawMessage   `json:"raw"`
	Hidden    string            `json:"-"`
}

func TestDecode(t *testing.T) {
	var got body
	err := strictjson.Decode([]byte(`{"login":"aselhan","inner":"i","months":3,"small":255,"ratio":0.5,"flag":true,"at":"2026-01-31T10:00:00+05:00",
		"price":{"amount":"4990.00","currency":"KZT"},"documents":[{"id":"terms"}],"labels":{"a":"b"},"bytes":"aGk=","raw":{"x":[1]}}`), &got)
	if err != nil {
		t.Fatal(err)
	}
	yes, price := true, domain.KZT(4990)
	want := body{embedded{"i"}, domain.NewPersonal("aselhan"), 3, 255, 0.5, &yes, time.Date(2026, 1, 31, 5, 0, 0, 0, time.UTC), &price,
		[]document{{"terms"}}, map[string]string{"a": "b"}, []byte("hi"), json.RawMessage(`{"x":[1]}`), ""}
	if !got.At.Equal(want.At) {
		t.Errorf("at %v", got.At)
	}
	got.At = want.At
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       []string
	}{
		{"an unknown field", `{"login":"a","nickname":"b"}`, []string{"/nickname"}},
		{"an unknown field deep down", `{"login":"a","documents":[{"id":"terms"},{"id":"x","hash":"y"}]}`, []string{"/documents/1/hash"}},
		{"a known field in another case", `{"login":"a","Months":3}`, []string{"/Months"}},
		{"a field that is hidden", `{"login":"a","Hidden":"x","-":"y"}`, []string{"/Hidden", ""}},
		{"a required field missing", `{}`, []string{"/login"}},
		{"a required field null", `{"login":null}`, []string{"/login"}},
		{"one missing deep down", `{"login":"a","documents":[{}]}`, []string{"/documents/0/id"}},
		{"many at once", `{"months":"3","small":256,"flag":1,"at":"yesterday","documents":{},"labels":{"a":1},"bytes":"?"}`,
			[]string{"/months", "/small", "/flag", "/at", "/documents", "/labels/a", "/bytes", "/login"}},
		{"a fraction", `{"login":"a","months":3.0}`, []string{"/months"}},
		{"an array for an object", `[]`, []string{""}},
		{"a text for an object", `"x"`, []string{""}},
		{"a sealed value brought in", `{"login":{"k":1,"c":"AAAA"}}`, []string{"/login"}},
		{"money as a number", `{"login":"a","price":4990}`, []string{"/price"}},
		{"money with an unknown field", `{"login":"a","price":{"amount":"1","currency":"KZT","vat":"0"}}`, []string{"/price/vat"}},
		{"money in another case", `{"login":"a","price":{"Amount":"1","currency":"KZT"}}`, []string{"/price/Amount"}},
		{"money with three digits", `{"login":"a","price":{"amount":"1.000","currency":"KZT"}}`, []string{"/price"}},
	} {
		var into body
		var want []string
		for _, p := range c.want {
			want = append(want, strings.TrimSpace("invalid-request "+p))
		}
		if diff := cmp.Diff(want, refusals(strictjson.Decode([]byte(c.body), &into))); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
	many := "{" + strings.TrimSuffix(strings.Repeat(`"%s":1,`, 26), ",") + "}"
	names := make([]any, 26)
	for i := range names {
		names[i] = strings.Repeat("x", i+1)
	}
	if n := len(refusals(strictjson.Decode(fmt.Appendf(nil, many, names...), &body{}))); n != 20 {
		t.Errorf("%d faults are listed, want 20 at most", n)
	}
}

// One object may be read into two structs, as a command and what every command has in common.
func TestDecodeIntoSeveral(t *testing.T) {
	var id document
	var at struct {
		At *time.Time `json:"at"`
	}
	if err := strictjson.Decode([]byte(`{"at":"2026-01-31T10:00:00Z","id":"x"}`), &at, &id); err != nil || id.ID != "x" || at.At == nil {
		t.Errorf("got %+v, %+v, %v", at, id, err)
	}
	got := refusals(strictjson.Decode([]byte(`{"at":1,"nickname":"x"}`), &at, &id))
	if diff := cmp.Diff([]string{"invalid-request /at", "invalid-request /nickname", "invalid-request /id"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestCanonical(t *testing.T) {
	a, err := strictjson.Canonical([]byte(`{"b":[1.50, "қ<"], "a":{"d":null,"c":true}}`))
	if err != nil {
		t.Fatal(err)
	}
	b, err := strictjson.Canonical([]byte(`{"a":{"c":true,"d":null},"b":[1.50,"\u049b\u003c"]}`))
	if err != nil || string(a) != string(b) {
		t.Errorf("%s and %s (%v)", a, b, err)
	}
	if c, err := strictjson.Canonical([]byte(`{"a":{"c":false,"d":null},"b":[1.50,"қ<"]}`)); err != nil || string(a) == string(c) {
		t.Errorf("%s is the same as %s (%v)", a, c, err)
	}
}

func TestLines(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{"two", "{\"id\":\"a\"}\n{\"id\":\"b\"}\n", ""},
		{"no newline at the end", "{\"id\":\"a\"}\r\n{\"id\":\"b\"}", ""},
		{"none", "", ""},
		{"three", "{\"id\":\"a\"}\n{\"id\":\"b\"}\n{\"id\":\"c\"}\n", "invalid-request"},
		{"an empty one", "{\"id\":\"a\"}\n\n{\"id\":\"b\"}", "invalid-request /1"},
		{"a value over two", "{\"id\":\n\"a\"}", "invalid-request /0/id"},
		{"a fault in the second", "{\"id\":\"a\"}\n{\"id\":1}", "invalid-request /1/id"},
		{"a password in the second", "{\"id\":\"a\"}\n{\"password\":1}", "password-refused /1/password"},
	} {
		got, err := strictjson.DecodeLines[document]([]byte(c.body), 2)
		if s := strings.Join(refusals(err), "; "); s != c.want {
			t.Errorf("%s: got %q, want %q", c.name, s, c.want)
		}
		if err == nil && len(got) != strings.Count(c.body, "id") {
			t.Errorf("%s: %d values", c.name, len(got))
		}
		formOnly := strictjson.CheckLines([]byte(c.body))
		if err == nil && formOnly != nil {
			t.Errorf("%s: the form alone is refused: %v", c.name, formOnly)
		}
	}
}

func TestOutsideABody(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{strictjson.Text("?q", "4111 1111 1111 1111"), "card-data-refused ?q"},
		{strictjson.Text("?q", "a word"), ""},
		{strictjson.Name("?Password", "Password"), "password-refused ?Password"},
		{strictjson.Name("?q", "q"), ""},
	} {
		if got := strings.Join(refusals(c.err), ""); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// What Check takes the standard decoder takes as the same value; what it refuses never shows in its words.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{`{"a":1,"a":2} x`, `{"a":[{"b":"\ud83d\ude00"}],"c":-0.5e-3}`, "\ufeff{}", `"4111 1111 1111 1111"`, `{"PASSWORD":1}`,
		`{"login":"a","price":{"amount":"1","currency":"KZT"},"at":"2026-01-31T10:00:00+05:00"}`, `{"login":{}}`, "[[[[]]]]", "1e5", "\"\\u00e9\""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := strictjson.Check(data)
		for _, r := range refusals(err) {
			if strings.HasPrefix(r, "not a refusal") {
				t.Fatal(r)
			}
		}
		if err == nil {
			if !json.Valid(data) || !utf8.Valid(data) {
				t.Fatalf("took %q, which is not JSON", data)
			}
			var v any
			if err := json.Unmarshal(data, &v); err != nil {
				t.Fatalf("took %q: %v", data, err)
			}
			again, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if err := strictjson.Check(again); err != nil {
				t.Fatalf("took %q and not what it means, %q: %v", data, again, err)
			}
		}
		var into body
		if shape := strictjson.Decode(data, &into); shape == nil && err != nil {
			t.Fatalf("decoded %q, whose form is refused: %v", data, err)
		} else if shape != nil {
			for _, word := range strings.Fields(string(data)) {
				if len(word) > 24 && strings.Contains(shape.Error(), word) {
					t.Fatalf("the refusal of %q repeats it: %v", data, shape)
				}
			}
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	data := []byte(`{"login":"aselhan","acceptance":{"button":"register","page":"subscription","language":"kk","documents":[
		{"id":"terms","version":"2020-10-27","sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"id":"personal-data","version":"2020-10-27","sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}]},
		"contacts":{"email":"asel@example.kz","mobile":"+77011234567"},"location":"KZ-71"}`)
	b.Run("strict", func(b *testing.B) {
		for b.Loop() {
			if err := strictjson.Check(data); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("standard", func(b *testing.B) {
		var v any
		for b.Loop() {
			if err := json.Unmarshal(data, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
}
