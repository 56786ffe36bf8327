package access_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"kelisim/commands/access"
	"kelisim/commands/access/accesstest"
	"kelisim/domain"
	"kelisim/domain/event"
)

const user = domain.UserID("0f9d2f3e-1b0a-4c53-9d51-2f4f5f6c7a80")

func TestMemory(t *testing.T) {
	accesstest.Store(t, func(*testing.T) (access.Store, access.Store) {
		m := &access.Memory{}
		return m, m
	})
}

type clock struct{ now time.Time }

func tokens() (*access.Tokens, *clock, *access.Memory) {
	c, m := &clock{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}, &access.Memory{}
	return access.NewTokens(m, func() time.Time { return c.now }), c, m
}

func TestTokenIsShownOnceAndKeptAsHash(t *testing.T) {
	ts, _, m := tokens()
	secret, made, err := ts.Create(context.Background(), access.Wish{Name: "site", Role: access.Service})
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^kls_[a-z2-7]{16}_[A-Za-z0-9_-]{43}_[0-9a-f]{8}$`).MatchString(secret) {
		t.Errorf("token %q has not the form that scanners look for", secret)
	}
	if made.ExpiresAt.Sub(made.CreatedAt) != 90*24*time.Hour {
		t.Errorf("lives %v by default, want 90 days", made.ExpiresAt.Sub(made.CreatedAt))
	}
	records, _ := m.List(context.Background())
	if len(records) != 1 || strings.Contains(secret, string(records[0].Hash[:])) || records[0].Hash == [32]byte{} {
		t.Errorf("kept %+v", records)
	}
	got, err := ts.Check(context.Background(), secret)
	want := access.Actor{Role: access.Service, Name: "site", TokenID: made.ID}
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestCheckRefuses(t *testing.T) {
	ctx := context.Background()
	ts, c, _ := tokens()
	secret, made, _ := ts.Create(ctx, access.Wish{Name: "site", Role: access.Service, TTL: time.Hour})
	other, _, _ := ts.Create(ctx, access.Wish{Name: "other", Role: access.Service})
	for name, bad := range map[string]string{
		"empty":              "",
		"no prefix":          secret[4:],
		"a letter too many":  secret + "a",
		"another checksum":   secret[:len(secret)-1] + "g",
		"another's secret":   rejoin(secret[:21] + other[21:64]),
		"an unknown id":      rejoin("kls_aaaaaaaaaaaaaaaa" + secret[20:64]),
		"in capitals":        strings.ToUpper(secret),
		"with a space":       secret + " ",
		"without underscore": strings.Replace(secret, "_"+secret[21:64], "x"+secret[21:64], 1),
	} {
		if a, err := ts.Check(ctx, bad); !errors.Is(err, access.ErrToken) || a != (access.Actor{}) {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
	c.now = made.ExpiresAt.Add(-time.Nanosecond)
	if _, err := ts.Check(ctx, secret); err != nil {
		t.Errorf("before its end: %v", err)
	}
	c.now = made.ExpiresAt
	if _, err := ts.Check(ctx, secret); !errors.Is(err, access.ErrExpired) {
		t.Errorf("at its end: %v", err)
	}
	if err := ts.Revoke(ctx, "site"); domain.Code(err) != "token-not-found" {
		t.Errorf("revoking an expired one: %v", err)
	}
	if err := ts.Revoke(ctx, "other"); err != nil {
		t.Fatal(err)
	}
	if _, err := ts.Check(ctx, other); !errors.Is(err, access.ErrRevoked) {
		t.Errorf("revoked: %v", err)
	}
}

// rejoin puts the right checksum on a token that was tampered with, so that the look-up is reached.
func rejoin(head string) string { return head + "_" + access.Checksum(head) }

func TestCreateRefuses(t *testing.T) {
	for _, c := range []struct {
		name    string
		wish    access.Wish
		pointer string
	}{
		{"no role", access.Wish{Name: "a"}, "/role"},
		{"an unknown role", access.Wish{Name: "a", Role: "root"}, "/role"},
		{"no name", access.Wish{Role: access.Service}, "/name"},
		{"an e-mail address", access.Wish{Name: "a@b.kz", Role: access.Service}, "/name"},
		{"capitals", access.Wish{Name: "Site", Role: access.Service}, "/name"},
		{"a hyphen at the end", access.Wish{Name: "site-", Role: access.Service}, "/name"},
		{"65 letters", access.Wish{Name: strings.Repeat("a", 65), Role: access.Service}, "/name"},
		{"a telephone number", access.Wish{Name: "officer-77011234567", Role: access.Officer}, "/name"},
		{"a year and more", access.Wish{Name: "a", Role: access.Service, TTL: 367 * 24 * time.Hour}, "/ttl"},
		{"less than nothing", access.Wish{Name: "a", Role: access.Service, TTL: -1}, "/ttl"},
		{"a service bound to a user", access.Wish{Name: "a", Role: access.Service, Subject: user}, "/subject"},
		{"a subject that is nobody", access.Wish{Role: access.Subject}, "/subject"},
		{"a subject that is no id", access.Wish{Role: access.Subject, Subject: "me"}, "/subject"},
	} {
		ts, _, m := tokens()
		_, _, err := ts.Create(context.Background(), c.wish)
		var refusal *domain.Error
		if !errors.As(err, &refusal) || refusal.Kind != domain.Invalid || refusal.Pointer != c.pointer {
			t.Errorf("%s: %v (%+v), want a refusal at %s", c.name, err, refusal, c.pointer)
		}
		if list, _ := m.List(context.Background()); len(list) != 0 {
			t.Errorf("%s: kept", c.name)
		}
	}
	ts, _, _ := tokens()
	for i, want := range []string{"", "token-name-taken"} {
		if _, _, err := ts.Create(context.Background(), access.Wish{Name: "site", Role: access.Service}); domain.Code(err) != want {
			t.Errorf("the %dth of the name: %v, want %q", i+1, err, want)
		}
	}
}

func TestSubjectSeesThemselvesAlone(t *testing.T) {
	ts, _, _ := tokens()
	for range 2 { // a user may be signed in twice
		secret, made, err := ts.Create(context.Background(), access.Wish{Role: access.Subject, Subject: user})
		if err != nil {
			t.Fatal(err)
		}
		a, err := ts.Check(context.Background(), secret)
		if err != nil || a.Subject != user || a.Name != "subject-"+made.ID {
			t.Fatalf("%+v, %v", a, err)
		}
		if !a.MayLookAt(user) || a.MayLookAt("5a0e5f0e-6f3c-4d0c-8a2e-7f9b1c2d3e4f") {
			t.Error("a subject sees themselves and nobody else")
		}
		if got := a.Event(); got != (event.Actor{Kind: "subject", ID: string(user)}) {
			t.Errorf("in an event: %+v", got)
		}
	}
	officer := access.Actor{Role: access.Officer, Name: "aigul"}
	if !officer.MayLookAt(user) || officer.Event() != (event.Actor{Kind: "officer", ID: "aigul"}) {
		t.Errorf("an officer: %+v", officer.Event())
	}
}

func TestLastUseIsCoarse(t *testing.T) {
	ctx := context.Background()
	ts, c, m := tokens()
	secret, made, _ := ts.Create(ctx, access.Wish{Name: "site", Role: access.Service})
	first := c.now
	for _, step := range []struct {
		after time.Duration
		want  time.Time
	}{{0, first}, {59 * time.Minute, first}, {2 * time.Minute, first.Add(61 * time.Minute)}} {
		c.now = c.now.Add(step.after)
		if _, err := ts.Check(ctx, secret); err != nil {
			t.Fatal(err)
		}
		if r, _, _ := m.Find(ctx, made.ID); !r.LastUsedAt.Equal(step.want) {
			t.Errorf("at %v last used %v, want %v", c.now, r.LastUsedAt, step.want)
		}
	}
}

// A store that cannot be asked is not a wrong token, and a use that cannot be noted is not a refusal.
func TestStoreFaults(t *testing.T) {
	ctx := context.Background()
	m := &access.Memory{}
	good := access.NewTokens(m, time.Now)
	secret, _, _ := good.Create(ctx, access.Wish{Name: "site", Role: access.Service})
	broken := errors.New("the disk is gone")
	if _, err := access.NewTokens(faulty{m, broken, nil}, time.Now).Check(ctx, secret); !errors.Is(err, broken) || errors.Is(err, access.ErrToken) {
		t.Errorf("unreadable: %v", err)
	}
	if a, err := access.NewTokens(faulty{m, nil, broken}, time.Now).Check(ctx, secret); err != nil || a.Name != "site" {
		t.Errorf("unwritable: %+v, %v", a, err)
	}
}

type faulty struct {
	*access.Memory
	find, touch error
}

func (f faulty) Find(ctx context.Context, id string) (access.Record, bool, error) {
	if f.find != nil {
		return access.Record{}, false, f.find
	}
	return f.Memory.Find(ctx, id)
}

func (f faulty) Touch(ctx context.Context, id string, at time.Time) error {
	if f.touch != nil {
		return f.touch
	}
	return f.Memory.Touch(ctx, id, at)
}

func FuzzCheck(f *testing.F) {
	ts, _, _ := tokens()
	secret, _, _ := ts.Create(context.Background(), access.Wish{Name: "site", Role: access.Service})
	f.Add(secret[:20])
	f.Add(secret + "0")
	f.Add(strings.Repeat("_", len(secret)))
	f.Add("kls_")
	f.Fuzz(func(t *testing.T, token string) {
		if a, err := ts.Check(context.Background(), token); token != secret && (err == nil || a != (access.Actor{})) {
			t.Fatalf("%q opened %+v", token, a)
		}
	})
}

// Decision 18: a token names its person, so that one person with two tokens is still one.
func TestTwoTokensOfOnePerson(t *testing.T) {
	ctx := context.Background()
	ts, _, _ := tokens()
	actor := func(w access.Wish) event.Actor {
		t.Helper()
		secret, made, err := ts.Create(ctx, w)
		if err != nil {
			t.Fatal(err)
		}
		a, err := ts.Check(ctx, secret)
		if err != nil {
			t.Fatal(err)
		}
		if a.Event().Who() != made.Owner() {
			t.Errorf("%s is %s's, and its events are %s's", w.Name, made.Owner(), a.Event().Who())
		}
		return a.Event()
	}
	asks := actor(access.Wish{Name: "aigul", Role: access.Officer})
	approves := actor(access.Wish{Name: "aigul-approves", Role: access.Approver, Person: "aigul"})
	other := actor(access.Wish{Name: "bolat", Role: access.Approver, Person: "bolat"})
	if !approves.Is(asks.Who()) || other.Is(asks.Who()) {
		t.Errorf("%+v and %+v are one person, %+v is another", asks, approves, other)
	}
	if other.Person != "" || asks.Person != "" {
		t.Error("a name that stands for the person is written twice")
	}
	for _, bad := range []string{"Aigul", "8501013006031", "a b", "-a"} {
		if _, _, err := ts.Create(ctx, access.Wish{Name: "x", Role: access.Officer, Person: bad}); domain.Code(err) != "invalid-request" {
			t.Errorf("person %q: %v", bad, err)
		}
	}
	if _, _, err := ts.Create(ctx, access.Wish{Role: access.Subject, Subject: user, Person: "aigul"}); domain.Code(err) != "invalid-request" {
		t.Errorf("a subject's token of another person: %v", err)
	}
	if _, _, err := ts.Create(ctx, access.Wish{Name: "x", Role: access.Officer, Person: "0f9d2f3e-1b0a-4c53-9d51-123456789012"}); err != nil {
		t.Errorf("a person named by an id: %v", err)
	}
}
