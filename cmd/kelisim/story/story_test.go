package story_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"kelisim/cmd/kelisim/story"
	"kelisim/commands"
	"kelisim/commands/journal"
	"kelisim/commands/terms"
	"kelisim/commands/vault"
	"kelisim/domain"
	"kelisim/domain/catalogue"
)

const (
	aida  = "a1da0000-0000-4000-8000-000000000001"
	bolat = "b01a0000-0000-4000-8000-000000000002"
)

// ledger is a service over memory with the built-in terms, on 1 June 2026.
func ledger(t testing.TB) *commands.Service {
	t.Helper()
	now := func() time.Time { return time.Date(2026, 6, 1, 7, 0, 0, 0, time.UTC) }
	v, err := vault.New(t.Context(), &vault.Memory{}, vault.NewMemoryKEK())
	if err != nil {
		t.Fatal(err)
	}
	v.Now = now
	s := &commands.Service{Journal: journal.New(&journal.Memory{Now: now}, catalogue.All()), Vault: v, Now: now}
	builtin, err := terms.Builtin()
	if err == nil {
		err = builtin.Publish(t.Context(), s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// told tells lines and answers their outcomes, in a word each, and what ended the telling.
func told(s *commands.Service, lines ...string) (outcomes []string, err error) {
	teller := &story.Teller{Service: s, Name: "life.ndjson"}
	for _, l := range lines {
		o, err := teller.Tell(context.Background(), []byte(l))
		if err != nil {
			return outcomes, err
		}
		outcomes = append(outcomes, o.Outcome)
	}
	return outcomes, teller.End()
}

func want(t *testing.T, s *commands.Service, lines []string, outcomes string) {
	t.Helper()
	got, err := told(s, lines...)
	if err != nil || strings.Join(got, " ") != outcomes {
		t.Errorf("outcomes %q (%v), want %q", strings.Join(got, " "), err, outcomes)
	}
}

// fails tells lines of which the last must fail with a text in its fault, and answers the fault.
func fails(t *testing.T, s *commands.Service, text string, lines ...string) *story.Fault {
	t.Helper()
	_, err := told(s, lines...)
	var fault *story.Fault
	if !errors.As(err, &fault) || fault.Line != len(lines) || !strings.Contains(err.Error(), text) {
		t.Errorf("failed with %v, want line %d and %q", err, len(lines), text)
		return &story.Fault{}
	}
	return fault
}

func head(t *testing.T, s *commands.Service) int64 {
	t.Helper()
	n, _, err := s.Journal.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func line(at, command, user, more string) string {
	return fmt.Sprintf(`{"at":%q,"recorded_at":%q,"command":%q,"user":%q%s}`, at, at, command, user, more)
}

func register(at, user, login string) string {
	return line(at, "register", user, fmt.Sprintf(`,"body":{"login":%q,"acceptance":{"button":"register","page":"subscription","language":"kk"},"contacts":{"email":"%s@demo.example"}}`, login, login))
}

const press = `"acceptance":{"button":"buy","page":"subscription","language":"kk"}`

var life = []string{
	register("2026-01-31T10:00:00+05:00", aida, "aida"),
	line("2026-02-01T09:00:00+05:00", "purchase", aida, `,"expect":"price-mismatch","body":{"months":1,"price":{"amount":"1.00","currency":"KZT"},`+press+`}`),
	line("2026-02-01T09:01:00+05:00", "purchase", aida, `,"body":{"months":1,`+press+`}`),
}

// Lines that are refused before anything is decided, each with its place.
func TestParse(t *testing.T) {
	for name, c := range map[string]struct{ line, code, pointer string }{
		"no JSON":                {`at`, "invalid-request", ""},
		"nothing":                {``, "invalid-request", ""},
		"a list":                 {`[]`, "invalid-request", ""},
		"text after it":          {`{"at":"2026-01-31T10:00:00Z","command":"register"} {}`, "invalid-request", ""},
		"no moment":              {`{"command":"register"}`, "invalid-request", "/at"},
		"a day for a moment":     {`{"at":"2026-01-31","command":"register"}`, "invalid-request", "/at"},
		"no command":             {`{"at":"2026-01-31T10:00:00Z"}`, "invalid-request", "/command"},
		"an unknown command":     {`{"at":"2026-01-31T10:00:00Z","command":"destroy-all"}`, "invalid-request", "/command"},
		"an unknown member":      {`{"at":"2026-01-31T10:00:00Z","command":"register","when":1}`, "invalid-request", "/when"},
		"a member twice":         {`{"at":"2026-01-31T10:00:00Z","command":"register","command":"consent"}`, "invalid-request", "/command"},
		"a name in capitals":     {`{"At":"2026-01-31T10:00:00Z","command":"register"}`, "invalid-request", "/At"},
		"a member twice inside":  {`{"at":"2026-01-31T10:00:00Z","command":"register","body":{"login":"a","login":"b"}}`, "invalid-request", "/body/login"},
		"a password":             {`{"at":"2026-01-31T10:00:00Z","command":"register","body":{"login":"a","password":"b"}}`, "password-refused", "/body/password"},
		"a card number":          {`{"at":"2026-01-31T10:00:00Z","command":"message","body":{"text":"4111 1111 1111 1111"}}`, "card-data-refused", "/body/text"},
		"a user that is no id":   {`{"at":"2026-01-31T10:00:00Z","command":"consent","user":"aida"}`, "invalid-request", "/user"},
		"an actor without kind":  {`{"at":"2026-01-31T10:00:00Z","command":"consent","actor":"aigul"}`, "invalid-request", "/actor"},
		"an actor who may none":  {`{"at":"2026-01-31T10:00:00Z","command":"consent","actor":"auditor/aigul"}`, "invalid-request", "/actor"},
		"an actor with a person": {`{"at":"2026-01-31T10:00:00Z","command":"consent","actor":"officer/Айгүл"}`, "invalid-request", "/actor"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := story.Parse([]byte(c.line))
			var refusal *domain.Error
			if !errors.As(err, &refusal) || refusal.Code != c.code || refusal.Pointer != c.pointer {
				t.Errorf("%v (%+v), want %s at %q", err, refusal, c.code, c.pointer)
			}
		})
	}
}

// A line becomes what the same request would have become, with the moments and the actor that it names.
func TestTell(t *testing.T) {
	s := ledger(t)
	before := head(t, s)
	want(t, s, []string{
		life[0],
		`{"at":"2026-02-03T10:00:00+05:00","recorded_at":"2026-02-07T12:00:00+05:00","actor":"officer/marat","command":"withdraw","user":"` + aida +
			`","body":{"received_on":"2026-02-03","channel":"registered-post","tracking_number":"RR123456785KZ"}}`,
		`{"at":"2026-05-31T10:00:00+05:00","command":"consent","user":"` + aida + `","body":{"acceptance":{"button":"buy","page":"marketplace","language":"ru"}}}`,
	}, "carried-out carried-out carried-out")
	var said []string
	for e, err := range s.Journal.ReadAll(t.Context(), before) {
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, fmt.Sprintf("%s %s %s/%s late=%v imported=%v", e.Type, e.RecordedAt.Format("01-02T15:04"), e.Actor.Kind, e.Actor.ID, e.Late, !e.ImportedAt.IsZero()))
		if !e.ImportedAt.IsZero() && !e.ImportedAt.Equal(s.Now()) {
			t.Errorf("%s says that it was imported at %v", e.Type, e.ImportedAt)
		}
	}
	wanted := `account.registered 01-31T05:00 import/import late=false imported=true
account.contact_confirmed 01-31T05:00 import/import late=false imported=true
consent.given 01-31T05:00 import/import late=false imported=true
subscription.trial_started 01-31T05:00 import/import late=false imported=true
consent.withdrawal_notice_received 02-07T07:00 officer/marat late=true imported=true
consent.given 06-01T07:00 import/import late=true imported=false`
	if got := strings.Join(said, "\n"); got != wanted {
		t.Errorf("recorded\n%s\nwant\n%s", got, wanted)
	}
}

// What the rules refuse ends the story with its line, its code and the place in the line.
func TestRefusedLine(t *testing.T) {
	const body = `,"body":{"months":1,` + press + `}`
	for _, c := range []struct{ said, line string }{
		{"user-not-found: ", line("2026-02-01T09:00:00Z", "purchase", bolat, body)},
		{"no such field is known here, at /body/month", line("2026-02-01T09:00:00Z", "purchase", aida, `,"body":{"month":1,`+press+`}`)},
		{"no such field is known here, at /body/Months", line("2026-02-01T09:00:00Z", "purchase", aida, `,"body":{"Months":1,`+press+`}`)},
		{"price-mismatch: the price is 4990.00 KZT; show it and ask again, at /body/price (T-2.1)", strings.Replace(life[1], `"expect":"price-mismatch",`, "", 1)},
		{"that is before the user registered, at /at", strings.Replace(line("2026-01-30T09:00:00Z", "purchase", aida, body), `"recorded_at":"2026-01-30`, `"recorded_at":"2026-02-01`, 1)},
		{"that is before the last recorded event, at /recorded_at", strings.Replace(line("2026-01-31T05:00:01Z", "purchase", aida, body), `"recorded_at":"2026-01-31T05:00:01`, `"recorded_at":"2026-01-31T04:59:59`, 1)},
		{"nothing is recorded before its time, at /recorded_at", line("2026-06-01T07:00:01Z", "purchase", aida, body)},
		{"that is more than five minutes ahead, at /at", strings.Replace(line("2026-02-01T09:05:01Z", "purchase", aida, body), `"recorded_at":"2026-02-01T09:05:01`, `"recorded_at":"2026-02-01T09:00:00`, 1)},
		{"in a story at says when it happened, at /body/occurred_at", line("2026-02-01T09:00:00Z", "purchase", aida, `,"body":{"occurred_at":"2026-02-01T09:00:00Z","months":1,`+press+`}`)},
		{"the body names another than user does, at /user", line("2026-02-01T09:00:00Z", "purchase", aida, `,"body":{"user_id":"`+bolat+`","months":1,`+press+`}`)},
		{"an array is wanted here, at /body", line("2026-02-01T09:00:00Z", "observe", aida, `,"body":{"user_id":"`+aida+`"}`)},
	} {
		t.Run(c.said, func(t *testing.T) {
			s := ledger(t)
			want(t, s, life[:1], "carried-out")
			at := head(t, s)
			fails(t, s, c.said, life[0], c.line)
			if head(t, s) != at {
				t.Error("something was recorded")
			}
		})
	}
}

// The same story told again adds nothing and goes on where it stopped; what was told is not edited.
func TestToldAgain(t *testing.T) {
	s := ledger(t)
	want(t, s, life[:1], "carried-out")
	want(t, s, life, "there-before not-judged-again carried-out")
	at := head(t, s)
	want(t, s, life, "there-before not-judged-again there-before")
	fault := fails(t, s, "told before with other content", strings.Replace(life[0], "aida@demo", "aida.b@demo", 1))
	if domain.Code(fault) != "idempotency-key-reused" {
		t.Errorf("an edited line is %v", fault)
	}
	other := &story.Teller{Service: s, Name: "other.ndjson"}
	if _, err := other.Tell(t.Context(), []byte(life[0])); domain.Code(err) != "user-exists" {
		t.Errorf("a story of another name has wishes of its own: %v", err)
	}
	if head(t, s) != at {
		t.Error("something was added")
	}
}

// A batch and a letter, which are not one append to one stream, are told again to the same effect.
func TestToldAgainAcrossStreams(t *testing.T) {
	s := ledger(t)
	letter, notice := "1e77e000-0000-4000-8000-000000000001", `"received_on":"2026-02-03","tracking_number":"RR123456785KZ"`
	lines := []string{life[0],
		`{"at":"2026-02-02T09:00:00Z","recorded_at":"2026-02-02T09:00:00Z","command":"observe","body":[{"user_id":"` + aida + `","action":"lesson.opened"},{"user_id":"` + aida + `","action":"lesson.opened"}]}`,
		`{"at":"2026-02-04T09:00:00Z","recorded_at":"2026-02-04T09:00:00Z","command":"receive-letter","body":{"letter_id":"` + letter + `",` + notice + `}}`,
		`{"at":"2026-02-20T09:00:00Z","recorded_at":"2026-02-20T09:00:00Z","command":"match-letter","expect":"user-not-found","body":{"letter_id":"` + letter + `","user_id":"` + bolat + `"}}`,
		`{"at":"2026-02-20T09:00:00Z","recorded_at":"2026-02-20T09:00:00Z","command":"match-letter","body":{"letter_id":"` + letter + `","user_id":"` + aida + `"}}`,
		`{"at":"2026-02-20T09:00:00Z","recorded_at":"2026-02-20T09:00:00Z","command":"match-letter","expect":"letter-already-matched","body":{"letter_id":"` + letter + `","user_id":"` + bolat + `"}}`,
		`{"at":"2026-02-21T09:00:00Z","recorded_at":"2026-02-21T09:00:00Z","command":"detect-incident","body":{"incident_id":"` + letter + `","kind":"loss","description":"a laptop"}}`,
		`{"at":"2026-02-21T10:00:00Z","recorded_at":"2026-02-21T10:00:00Z","command":"contain-incident","body":{"incident_id":"` + letter + `","measures":"wiped"}}`,
	}
	want(t, s, lines, "carried-out carried-out carried-out refused-as-expected carried-out refused-as-expected carried-out carried-out")
	at := head(t, s)
	want(t, s, lines, "there-before there-before there-before not-judged-again there-before not-judged-again there-before there-before")
	if head(t, s) != at {
		t.Errorf("%d events were added", head(t, s)-at)
	}
	snap, err := s.Snapshot(t.Context(), aida, commands.Known{})
	if err != nil || len(snap.State.Consent.Notices) != 1 || snap.State.Consent.Notices[0].ReceivedOn.String() != "2026-02-03" {
		t.Errorf("the letter became %+v (%v)", snap.State.Consent.Notices, err)
	}
}

// An expectation that is not met ends the story and leaves nothing behind.
func TestExpectation(t *testing.T) {
	accepted := strings.Replace(life[2], `"body"`, `"expect":"blocked","body"`, 1)
	other := strings.Replace(life[1], "price-mismatch", "blocked", 1)
	card := line("2026-02-01T09:00:00Z", "message", aida, `,"expect":"card-data-refused","body":{"text":"4111 1111 1111 1111"}`)
	taken := strings.Replace(register("2026-02-02T09:00:00Z", bolat, "AIDA"), `"body"`, `"expect":"login-taken","body"`, 1)
	free := strings.Replace(register("2026-02-02T09:00:00Z", bolat, "bolat"), `"body"`, `"expect":"login-taken","body"`, 1)

	s := ledger(t)
	want(t, s, []string{life[0], life[1], card, taken}, "carried-out refused-as-expected refused-as-expected refused-as-expected")

	for text, l := range map[string]string{
		`expected to be refused as "blocked" and nothing stands against it`:       accepted,
		`expected to be refused as "blocked": price-mismatch`:                     other,
		`expected to be refused as "login-taken" and nothing stands against it`:   free,
		`card-data-refused: the request holds what may be a card number; nothing`: strings.Replace(card, `"expect":"card-data-refused"`, `"expect":"blocked"`, 1),
	} {
		s := ledger(t)
		told(s, life[0])
		at := head(t, s)
		s = ledger(t)
		fails(t, s, text, life[0], l)
		if head(t, s) != at {
			t.Errorf("%q left %d events behind", text, head(t, s)-at)
		}
	}
}

// So it is where a command is more than one append to one stream.
func TestExpectationAcrossStreams(t *testing.T) {
	const letter = "1e77e000-0000-4000-8000-000000000001"
	before := []string{life[0],
		`{"at":"2026-02-04T09:00:00Z","recorded_at":"2026-02-04T09:00:00Z","command":"receive-letter","body":{"letter_id":"` + letter + `","received_on":"2026-02-03","tracking_number":"RR123456785KZ"}}`,
	}
	for _, l := range []string{
		`{"at":"2026-02-20T09:00:00Z","recorded_at":"2026-02-20T09:00:00Z","command":"match-letter","expect":"user-not-found","body":{"letter_id":"` + letter + `","user_id":"` + aida + `"}}`,
		`{"at":"2026-02-20T09:00:00Z","recorded_at":"2026-02-20T09:00:00Z","command":"observe","expect":"user-not-found","body":[{"user_id":"` + aida + `","action":"lesson.opened"}]}`,
	} {
		s := ledger(t)
		want(t, s, before, "carried-out carried-out")
		at := head(t, s)
		fails(t, s, `expected to be refused as "user-not-found" and nothing stands against it`, before[0], before[1], strings.NewReplacer(letter, "1e77e000-0000-4000-8000-000000000002", "RR123456785KZ", "RR123456771KZ").Replace(before[1]), l)
		if head(t, s) != at+1 {
			t.Errorf("it left %d events behind", head(t, s)-at-1)
		}
	}
}

// An expectation at the beginning is judged once it is known whether the story is new.
func TestExpectationFirst(t *testing.T) {
	first := strings.Replace(strings.Replace(life[2], "2026-02-01", "2026-01-31", 2), `"body"`, `"expect":"user-not-found","body"`, 1)
	first = strings.ReplaceAll(first, "09:01:00+05:00", "09:00:00+05:00")
	lines := []string{first, life[0]}
	s := ledger(t)
	want(t, s, lines, "refused-as-expected carried-out")
	want(t, s, lines, "not-judged-again there-before")

	wrong := strings.Replace(first, "user-not-found", "blocked", 1)
	s = ledger(t)
	if _, err := told(s, wrong, life[0]); err == nil || !strings.Contains(err.Error(), `line 1: expected to be refused as "blocked": user-not-found`) {
		t.Errorf("not met: %v", err)
	}
	if _, err := told(s, wrong); err == nil || !strings.Contains(err.Error(), "line 1: ") {
		t.Errorf("not met, alone: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, l := range life {
		f.Add(l)
	}
	f.Add(`{"at":"2026-01-31T10:00:00Z","command":"observe","body":[{}]}`)
	f.Add(`{"at":"2026-01-31T10:00:00Z","command":"set-tariff","actor":"operator/ops","body":{"months":1e3}}`)
	s := ledger(f)
	f.Fuzz(func(t *testing.T, l string) {
		if head(t, s) > 300 { // lives of many thousand events are not what is tried here
			s = ledger(t)
		}
		teller := &story.Teller{Service: s, Name: "fuzz"}
		if o, err := teller.Tell(t.Context(), []byte(l)); err != nil && o.Outcome != "" {
			t.Errorf("an outcome %q beside an error", o.Outcome)
		}
		if o, err := teller.Tell(t.Context(), []byte(l)); err == nil && o.Line != 2 {
			t.Errorf("line %d", o.Line)
		}
	})
}
