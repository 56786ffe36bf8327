package vault_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"kelisim/commands/vault"
	"kelisim/domain"
)

// E1 for the sealed form: neither the text nor its length shows, and equal texts do not look equal.
func TestNothingInClear(t *testing.T) {
	w := newWorld(t)
	must(t, w.Register(ctx, aliya, "", nil))
	seen := map[string]bool{}
	for _, text := range []string{"a", secret, strings.Repeat("x", 63), secret} {
		l := letter{Name: domain.NewPersonal(text)}
		must(t, w.Seal(ctx, aliya, place, &l))
		b := raw(t, l.Name.Sealed())
		if len(b) != 24+32+64+16 {
			t.Errorf("a text of %d bytes is sealed in %d", len(text), len(b))
		}
		if strings.Contains(string(b), text) && len(text) > 1 {
			t.Error("the text stands in its sealed form")
		}
		for _, part := range []string{string(b[:24]), string(b[24:56]), string(b[56:])} {
			if seen[part] {
				t.Error("two sealings have a part in common")
			}
			seen[part] = true
		}
	}
	l := letter{Name: domain.NewPersonal(strings.Repeat("x", 64))}
	must(t, w.Seal(ctx, aliya, place, &l))
	if n := len(raw(t, l.Name.Sealed())); n != 24+32+128+16 {
		t.Errorf("64 bytes are sealed in %d", n)
	}
}

// raw is the ct of a stored value.
func raw(t testing.TB, stored json.RawMessage) []byte {
	t.Helper()
	var f struct {
		CT []byte `json:"ct"`
	}
	must(t, json.Unmarshal(stored, &f))
	return f.CT
}

func TestAnyTextRoundTrips(t *testing.T) {
	w := newWorld(t)
	must(t, w.Register(ctx, aliya, "", nil))
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringN(0, 300, -1), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
			rapid.Just("\x80"), rapid.Just("\x80\x00\x00")).Draw(rt, "text")
		l := letter{Name: domain.NewPersonal(text)}
		if err := w.Seal(ctx, aliya, place, &l); err != nil {
			rt.Fatal(err)
		}
		back := stored(t, l)
		if err := w.Open(ctx, aliya, place, &back); err != nil {
			rt.Fatal(err)
		}
		if got, ok := back.Name.Plain(); !ok || got != text {
			rt.Fatalf("%q reads as %q", text, got)
		}
	})
}

// E3: cut out and put elsewhere, a value does not open: in another event, stream, type, version, field or user.
func TestBoundToItsPlace(t *testing.T) {
	w := newWorld(t)
	must(t, w.Register(ctx, aliya, "", nil))
	must(t, w.Register(ctx, berik, "", nil))
	closed := func(what string, err error, p *domain.Personal) {
		t.Helper()
		if !errors.Is(err, vault.ErrNotAuthentic) || p.State() == domain.Available {
			t.Errorf("%s: %v, %s", what, err, p.State())
		}
		if errors.Is(err, vault.ErrKeyUnavailable) {
			t.Errorf("%s: a forgery looks like a key store that is down", what)
		}
	}
	for what, edit := range map[string]func(*vault.Place){
		"stream":      func(p *vault.Place) { p.Stream = "user-" + berik },
		"event":       func(p *vault.Place) { p.EventID = uuid.New() },
		"type":        func(p *vault.Place) { p.Type = "letter.writte" },
		"version":     func(p *vault.Place) { p.Version = 1 },
		"moved bytes": func(p *vault.Place) { p.Stream, p.Type = p.Stream+"l", p.Type[1:] },
	} {
		elsewhere := place
		edit(&elsewhere)
		l := written(t, w.Vault, aliya, place)
		closed(what, w.Open(ctx, aliya, elsewhere, &l), &l.Name)
	}

	l := written(t, w.Vault, aliya, place)
	l.Emails[0], l.Emails[1] = l.Emails[1], l.Emails[0]
	err := w.Open(ctx, aliya, place, &l)
	closed("field", err, &l.Emails[0])
	closed("field", err, &l.Emails[1])
	if l.Name.State() != domain.Available || l.Note.State() != domain.Available {
		t.Error("a forged value closed the others")
	}

	// Another user's key does not make it that user's value.
	l = written(t, w.Vault, aliya, place)
	theirs := written(t, w.Vault, berik, place)
	kid := func(p domain.Personal) string { return strings.Split(string(p.Sealed()), `"`)[5] }
	forged := strings.Replace(string(l.Name.Sealed()), kid(l.Name), kid(theirs.Name), 1)
	must(t, json.Unmarshal([]byte(forged), &l.Name))
	closed("user", w.Open(ctx, berik, place, &l), &l.Name)
}

// Every bit of a stored value is held by its form, its commitment or its seal.
func TestEveryBitIsHeld(t *testing.T) {
	w := newWorld(t)
	must(t, w.Register(ctx, aliya, "", nil))
	l := written(t, w.Vault, aliya, place)
	whole := l.Name.Sealed()
	key, err := w.FieldKey(ctx, l.Name)
	must(t, err)
	for i := range len(whole) * 8 {
		changed := []byte(string(whole))
		changed[i/8] ^= 1 << (i % 8)
		if _, err := vault.OpenWith(key, changed, place, "name"); !errors.Is(err, vault.ErrNotAuthentic) {
			t.Fatalf("bit %d of %q: %v", i, whole, err)
		}
	}
	ct := raw(t, whole)
	text := base64.StdEncoding.EncodeToString(ct)
	for i := range len(ct) * 8 { // the same under the text's own form
		ct[i/8] ^= 1 << (i % 8)
		changed := strings.Replace(string(whole), text, base64.StdEncoding.EncodeToString(ct), 1)
		ct[i/8] ^= 1 << (i % 8)
		var p domain.Personal
		must(t, json.Unmarshal([]byte(changed), &p))
		forged := letter{Name: p}
		if err := w.Open(ctx, aliya, place, &forged); !errors.Is(err, vault.ErrNotAuthentic) || forged.Name.State() == domain.Available {
			t.Fatalf("bit %d of the sealed bytes: %v", i, err)
		}
	}
	for _, other := range []string{"", "{}", `{"$pd":1}`, string(whole) + " ", " " + string(whole), strings.Replace(string(whole), ":", ": ", 1),
		strings.Replace(string(whole), `"c":"identity"`, `"c":"freeform"`, 1), strings.Replace(string(whole), text, text[:40]+"\\n"+text[40:], 1),
		strings.Replace(string(whole), text, text[:40]+"\n"+text[40:], 1), strings.Replace(string(whole), text, text[:40], 1),
		strings.Replace(string(whole), text, "", 1)} {
		if _, err := vault.OpenWith(key, []byte(other), place, "name"); !errors.Is(err, vault.ErrNotAuthentic) {
			t.Errorf("%q: %v", other, err)
		}
	}
}

// E6: the key of one field shows that field and no other, needs no key store, and cannot be replaced by another key.
func TestDisclosure(t *testing.T) {
	w := newWorld(t)
	must(t, w.Register(ctx, aliya, "", nil))
	l := written(t, w.Vault, aliya, place)
	key, err := w.FieldKey(ctx, l.Name)
	must(t, err)
	w.keys.Break(errDown)
	if text, err := vault.OpenWith(key, l.Name.Sealed(), place, "name"); text != secret || err != nil {
		t.Errorf("the field's own key: %q, %v", text, err)
	}
	for path, p := range l.fields() {
		if _, err := vault.OpenWith(key, p.Sealed(), place, path); (err == nil) != (path == "name") {
			t.Errorf("%s with the key of name: %v", path, err)
		}
	}
	if _, err := vault.OpenWith(key, l.Name.Sealed(), place, "emails.0"); !errors.Is(err, vault.ErrNotAuthentic) {
		t.Errorf("another path: %v", err)
	}
	for i := range len(key) * 8 {
		key[i/8] ^= 1 << (i % 8)
		if _, err := vault.OpenWith(key, l.Name.Sealed(), place, "name"); !errors.Is(err, vault.ErrNotAuthentic) {
			t.Fatalf("another key, bit %d: %v", i, err)
		}
		key[i/8] ^= 1 << (i % 8)
	}
	for _, short := range [][]byte{nil, key[:16], append(key[:32:32], 0)} {
		if _, err := vault.OpenWith(short, l.Name.Sealed(), place, "name"); err == nil {
			t.Errorf("a key of %d bytes opens", len(short))
		}
	}
}

func TestDisclosureRefused(t *testing.T) {
	w := newWorld(t)
	must(t, w.Register(ctx, aliya, "", nil))
	l := written(t, w.Vault, aliya, place)
	w.restart(t)
	w.keys.Break(errDown)
	if _, err := w.FieldKey(ctx, l.Name); !errors.Is(err, vault.ErrKeyUnavailable) {
		t.Errorf("store down: %v", err)
	}
	w.keys.Break(nil)
	_, err := w.Destroy(ctx, aliya, domain.Destroyed, domain.Identity)
	must(t, err)
	if _, err := w.FieldKey(ctx, l.Name); !errors.Is(err, vault.ErrErased) {
		t.Errorf("destroyed: %v", err)
	}
	if _, err := w.FieldKey(ctx, domain.NewPersonal("plain")); !errors.Is(err, vault.ErrNotAuthentic) {
		t.Errorf("not sealed: %v", err)
	}
}

// FuzzSealed: whatever stands where a sealed value is expected, reading it neither fails badly nor takes it for one that was sealed.
func FuzzSealed(f *testing.F) {
	w := newWorld(f)
	must(f, w.Register(ctx, aliya, "", nil))
	l := written(f, w.Vault, aliya, place)
	key, err := w.FieldKey(ctx, l.Name)
	must(f, err)
	whole := string(l.Name.Sealed())
	for _, s := range []string{whole, whole[:50], "{}", `{"$pd":1,"kid":"aaaaaaaaaaaaaaaaaaaa.i","c":"identity","ct":""}`, strings.ToUpper(whole),
		`{"$pd":1,"kid":"aaaaaaaaaaaaaaaaaaaa.i","c":"identity","ct":"AAAA"}`, `{"$pd":1,"kid":".","c":"i","ct":"="}`, `{"$pd":1,"kid":"","c":"","ct":"` + "\n" + `"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		text, err := vault.OpenWith(key, in, place, "name")
		if (err == nil) != (string(in) == whole) || err == nil && text != secret {
			t.Fatalf("%q opens (%v)", in, err)
		}
		if err != nil && !errors.Is(err, vault.ErrNotAuthentic) {
			t.Fatalf("%q: %v", in, err)
		}
		if len(in) > 0 && in[0] == '{' && json.Valid(in) {
			var forged letter
			if json.Unmarshal([]byte(`{"name":`+string(in)+`}`), &forged) == nil {
				if err := w.Open(ctx, aliya, place, &forged); (err == nil) != (string(in) == whole) {
					t.Fatalf("%q opens (%v)", in, err)
				}
			}
		}
	})
}

func BenchmarkSealField(b *testing.B) {
	benchmark(b, func(w *world, l, _ *letter) error { return w.Seal(ctx, aliya, place, l) })
}

func BenchmarkOpenField(b *testing.B) {
	benchmark(b, func(w *world, _, l *letter) error {
		l.Name.Close(domain.NotAuthorised)
		return w.Open(ctx, aliya, place, l)
	})
}

func benchmark(b *testing.B, do func(w *world, plain, sealed *letter) error) {
	w := newWorld(b)
	must(b, w.Register(ctx, aliya, "", nil))
	plain := letter{Name: domain.NewPersonal(secret)}
	sealed := plain
	must(b, w.Seal(ctx, aliya, place, &sealed))
	b.ReportAllocs()
	for b.Loop() {
		if err := do(w, &plain, &sealed); err != nil {
			b.Fatal(err)
		}
	}
}
