package vault_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/commands/vault"
	"kelisim/domain"
)

var (
	ctx     = context.Background()
	errDown = errors.New("down")
)

const (
	aliya  = "5f0c2d3e-0000-4000-8000-000000000001"
	berik  = "5f0c2d3e-0000-4000-8000-000000000002"
	secret = "Нұрлан 850101300123 +77012345678"
)

// letter has a value of each class, nested and listed.
type letter struct {
	Name   domain.Personal   `json:"name,omitzero" personal:"identity"`
	Emails []domain.Personal `json:"emails,omitempty" personal:"identity"`
	Region domain.Personal   `json:"region,omitzero" personal:"attributes"`
	Note   domain.Personal   `json:"note,omitzero" personal:"freeform"`
	Code   string            `json:"code"`
}

func filled() letter {
	p := domain.NewPersonal
	return letter{p(secret), []domain.Personal{p("a@b.kz"), p("c@d.kz")}, p("Astana"), p("said so"), "clear"}
}

// fields are a letter's values with the names that its paths have.
func (l *letter) fields() map[string]*domain.Personal {
	out := map[string]*domain.Personal{}
	_ = domain.EachPersonal(l, func(path string, _ domain.Class, p *domain.Personal) error {
		out[path] = p
		return nil
	})
	return out
}

func (l *letter) states() map[domain.PersonalState]string {
	out := map[domain.PersonalState]string{}
	for _, path := range []string{"name", "emails.0", "emails.1", "region", "note"} {
		state := l.fields()[path].State()
		out[state] = strings.TrimSpace(out[state] + " " + path)
	}
	return out
}

var place = vault.Place{Stream: "user-" + aliya, EventID: uuid.MustParse("018f0000-0000-7000-8000-000000000001"), Type: "letter.written", Version: 2}

type world struct {
	*vault.Vault
	keys *vault.Memory
	kek  *vault.MemoryKEK
	now  time.Time
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{keys: &vault.Memory{}, kek: vault.NewMemoryKEK(), now: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)}
	w.restart(t)
	return w
}

// restart is a new process over the same store.
func (w *world) restart(t testing.TB) {
	t.Helper()
	v, err := vault.New(ctx, w.keys, w.kek)
	must(t, err)
	v.Now = func() time.Time { return w.now }
	w.Vault = v
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// written seals a letter and reads it back as stored.
func written(t testing.TB, v *vault.Vault, subject string, p vault.Place) letter {
	t.Helper()
	l := filled()
	must(t, v.Seal(ctx, subject, p, &l))
	return stored(t, l)
}

func stored(t testing.TB, l letter) letter {
	t.Helper()
	text, err := json.Marshal(l)
	must(t, err)
	var out letter
	must(t, json.Unmarshal(text, &out))
	return out
}

func reads(t *testing.T, l letter, want letter) {
	t.Helper()
	for path, p := range l.fields() {
		got, ok := p.Plain()
		if plain, _ := want.fields()[path].Plain(); !ok || got != plain || p.State() != domain.Available {
			t.Errorf("%s does not read as it was written (%s)", path, p.State())
		}
	}
}

func TestSealAndOpen(t *testing.T) {
	w := newWorld(t)
	must(t, w.Register(ctx, aliya, "", nil))
	l := filled()
	must(t, w.Seal(ctx, aliya, place, &l))
	reads(t, l, filled()) // what was just sealed is still at hand
	for _, fresh := range []bool{false, true} {
		if fresh {
			w.restart(t)
		}
		back := stored(t, l)
		must(t, w.Open(ctx, aliya, place, &back))
		reads(t, back, filled())
		must(t, w.Open(ctx, aliya, place, &back)) // again is no harm
		reads(t, back, filled())
	}
	back := stored(t, l)
	must(t, w.Open(ctx, aliya, place, &back))
	w.restart(t)
	w.keys.Break(errDown)
	must(t, w.Open(ctx, aliya, place, &back)) // what is open needs no key
	reads(t, back, filled())
	w.keys.Break(nil)

	back = stored(t, l)
	must(t, w.Open(ctx, "", place, &back)) // whose keys it takes is said by the values themselves
	reads(t, back, filled())

	// A value taken from one event into another is sealed anew there.
	other := place
	other.EventID = uuid.New()
	must(t, w.Seal(ctx, aliya, other, &back))
	back = stored(t, back)
	must(t, w.Open(ctx, aliya, other, &back))
	reads(t, back, filled())
	if err := w.Seal(ctx, aliya, place, new(letter)); err != nil {
		t.Errorf("nothing to seal: %v", err)
	}
}

func TestSealRefuses(t *testing.T) {
	w := newWorld(t)
	l := filled()
	if err := w.Seal(ctx, aliya, place, &l); !errors.Is(err, vault.ErrKeyUnavailable) {
		t.Errorf("nobody made keys: %v", err)
	}
	must(t, w.Register(ctx, aliya, "", nil))
	closed := written(t, w.Vault, aliya, place)
	if err := w.Seal(ctx, aliya, place, &closed); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("a closed value was taken over: %v", err)
	}
	odd := struct {
		Name domain.Personal `json:"name" personal:"oddity"`
	}{domain.NewPersonal(secret)}
	if err := w.Seal(ctx, aliya, place, &odd); err == nil || odd.Name.Sealed() != nil || errors.Is(err, vault.ErrKeyUnavailable) {
		t.Errorf("an unknown class was sealed: %v", err)
	}
	if err := w.Seal(ctx, aliya, place, letter{}); err == nil {
		t.Error("an event was sealed that is not pointed to")
	}
}

// E5: a key store or a master key that does not answer, or is another, is said so, and never reads as destroyed.
func TestKeyUnavailable(t *testing.T) {
	w := newWorld(t)
	must(t, w.Register(ctx, aliya, "Aliya", nil))
	unavailable := func(what string, err error) {
		t.Helper()
		var refusal *domain.Error
		if !errors.Is(err, vault.ErrKeyUnavailable) || !errors.As(err, &refusal) || refusal.Kind != domain.Unavailable || refusal.Code != "key-unavailable" {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, break_ := range map[string]func(error){"key store": w.keys.Break, "master key": w.kek.Break} {
		l := written(t, w.Vault, aliya, place)
		w.restart(t)
		break_(errDown)
		unavailable(what, w.Open(ctx, aliya, place, &l))
		if got := l.states(); len(got) != 1 || got[domain.KeyUnavailable] == "" {
			t.Errorf("%s: %v", what, got)
		}
		fresh := filled()
		unavailable(what, w.Seal(ctx, aliya, place, &fresh))
		unavailable(what, w.Register(ctx, berik, "Berik", nil))
		break_(nil)
		must(t, w.Open(ctx, aliya, place, &l)) // nothing of the failure was remembered
		reads(t, l, filled())
	}
	w.keys.Break(errDown)
	_, err := w.Find(ctx, vault.Login, "Aliya")
	unavailable("find", err)
	_, err = w.Find(ctx, vault.Email, "a@b.kz")
	unavailable("find", err)
	_, err = w.Claim(ctx, "transaction", "1", aliya)
	unavailable("claim", err)
	_, err = w.Destroy(ctx, berik, domain.Destroyed, domain.Identity)
	unavailable("destroy", err)
	_, err = w.KeyIDs(ctx, aliya, domain.Identity)
	unavailable("key ids", err)
	_, err = w.Unconfirmed(ctx, w.now, 1)
	unavailable("unconfirmed", err)
	unavailable("reserve", w.Reserve(ctx, aliya, "Other"))
	unavailable("index", w.Index(ctx, aliya, []vault.Indexed{{Field: vault.Email, Value: "a@b.kz"}}))
	unavailable("reconcile", w.Reconcile(ctx, aliya, domain.Destroyed, "x"))
	_, err = w.RotateTo(ctx, 0)
	unavailable("rotate", err)
	_, err = vault.New(ctx, w.keys, w.kek)
	unavailable("new", err)
	w.keys.Break(nil)

	_, err = vault.New(ctx, w.keys, vault.NewMemoryKEK())
	unavailable("another master key", err)

	// A key that the store never had, as after the restoring of an older store.
	l := written(t, w.Vault, aliya, place)
	older := newWorld(t)
	unavailable("an older store", older.Open(ctx, aliya, place, &l))
	if got := l.states(); len(got) != 1 || got[domain.KeyUnavailable] == "" {
		t.Errorf("an older store: %v", got)
	}
}

// A key that was wrapped for one row does not open in another.
func TestWrappedKeyIsBoundToItsRow(t *testing.T) {
	w := newWorld(t)
	must(t, w.Register(ctx, aliya, "", nil))
	must(t, w.Register(ctx, berik, "", nil))
	l := written(t, w.Vault, aliya, place)
	ours, _ := w.keys.KeysOf(ctx, aliya)
	moved := &vault.Memory{}
	for i := range ours {
		ours[i].Subject = berik
	}
	_, err := moved.Apply(ctx, vault.Change{Keys: ours})
	must(t, err)
	elsewhere := stored(t, l)
	v, err := vault.New(ctx, moved, w.kek)
	must(t, err)
	if err := v.Open(ctx, berik, place, &elsewhere); !errors.Is(err, vault.ErrKeyUnavailable) {
		t.Errorf("another subject's key: %v", err)
	}
	theirs, _ := w.keys.KeysOf(ctx, berik)
	for i := range ours {
		ours[i].Wrapped, ours[i].Generation = theirs[i].Wrapped, 2
	}
	must(t, w.keys.Rewrap(ctx, ours))
	_, err = w.kek.Next(ctx)
	must(t, err)
	w.restart(t)
	if err := w.Open(ctx, aliya, place, &l); !errors.Is(err, vault.ErrKeyUnavailable) {
		t.Errorf("%v", err)
	}
}

// The cache is bounded in number and in time.
func TestCacheIsBounded(t *testing.T) {
	w := newWorld(t)
	w.CacheSize = 2
	var letters []letter
	for i := range 3 {
		must(t, w.Register(ctx, fmt.Sprint(i), "", nil))
		letters = append(letters, written(t, w.Vault, fmt.Sprint(i), place))
	}
	opens := func(i int) bool {
		l := letters[i]
		l.Emails = nil
		return w.Open(ctx, fmt.Sprint(i), place, &l) == nil
	}
	w.keys.Break(errDown)
	if opens(0) || !opens(2) || !opens(1) {
		t.Error("of three subjects the two most recent are kept")
	}
	w.keys.Break(nil)
	opens(0) // now 2 is the one that was not used for longest
	w.keys.Break(errDown)
	if !opens(0) || opens(2) || !opens(1) {
		t.Error("the least recently used goes first")
	}
	w.now = w.now.Add(5*time.Minute + time.Second)
	if opens(0) || opens(1) {
		t.Error("a key was kept for longer than five minutes")
	}
	w.keys.Break(nil)
	opens(0)
	w.keys.Break(errDown)
	w.now = w.now.Add(-24 * time.Hour)
	if opens(0) {
		t.Error("a clock that was set back keeps a key for a day")
	}
}

func TestDerived(t *testing.T) {
	w := newWorld(t)
	a, b := w.Fingerprint([]byte(secret)), w.Fingerprint([]byte(secret+"."))
	if len(a) != 32 || a == b || a != w.Fingerprint([]byte(secret)) {
		t.Errorf("fingerprints %s and %s", a, b)
	}
	id := w.CommandID("site", "key")
	if id.Version() != 8 || id.Variant() != uuid.RFC4122 || id != w.CommandID("site", "key") {
		t.Errorf("id %s of version %d", id, id.Version())
	}
	for _, other := range [][]string{{"sitek", "ey"}, {"site", "key", ""}, {"sitekey"}, {}, {"key", "site"}} {
		if w.CommandID(other...) == id {
			t.Errorf("%q has the id of another", other)
		}
	}
	w.restart(t)
	if w.Fingerprint([]byte(secret)) != a || w.CommandID("site", "key") != id {
		t.Error("another process derives other ones")
	}
	if other := newWorld(t); other.Fingerprint([]byte(secret)) == a || other.CommandID("site", "key") == id {
		t.Error("another master key derives the same")
	}
}
