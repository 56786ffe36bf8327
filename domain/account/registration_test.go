package account_test

import (
	"strings"
	"testing"
	"time"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/decidertest"
)

func register(change func(*account.Register)) account.Register {
	c := account.Register{Login: text("aigul"), Acceptance: &pressed, Contacts: reached, Location: "KZ"}
	if change != nil {
		change(&c)
	}
	return c
}

// T-2.3, T-2.6, T-3.1: a cabinet opens with a login, the accepted documents and at least one contact, which is confirmed by being named.
func TestRegister(t *testing.T) {
	s := decidertest.New(t, decider(t)).
		When(domain.Context{}, register(nil)).
		Then(registered, account.ContactConfirmed{Kinds: []string{"email"}}).
		State()
	if !s.Exists || s.Registered.At != start || s.Registered.Event != decidertest.EventID(0).String() {
		t.Errorf("the registration is dated: %+v", s.Registered)
	}
	if login, _ := s.Login.Plain(); login != "aigul" || s.LoginFrom != s.Registered || s.ContactsFrom != s.Registered {
		t.Errorf("the login and the contacts come from the registration: %+v", s.LoginFrom)
	}
	if s.PersonalFrom.Event != "" {
		t.Errorf("no personal data were given, yet they come from %+v", s.PersonalFrom)
	}
	if p := s.PlaceAt(start); p.Location != "KZ" || p.Language != "kk" {
		t.Errorf("place and language are those of the registration: %+v", p)
	}

	data := account.PersonalData{FamilyName: text("Сейітова"), Addresses: []account.Address{{Kind: "post", Text: text("Astana")}}}
	both := account.Contacts{Email: text("a@example.kz"), Mobile: text("+77011234567")}
	full := registered
	full.Personal, full.Contacts, full.Location = data, both, ""
	s = decidertest.New(t, decider(t)).
		When(domain.Context{}, register(func(c *account.Register) { c.Personal, c.Contacts, c.Location = data, both, "" })).
		Then(full, account.ContactConfirmed{Kinds: []string{"email", "mobile"}}).
		State()
	if s.PersonalFrom != s.Registered {
		t.Errorf("the personal data come from the registration: %+v", s.PersonalFrom)
	}
	if p := s.PlaceAt(start); p.Location != "" {
		t.Errorf("no place was named: %+v", p)
	}
}

func TestRegistrationRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change       func(*account.Register)
		code, clause string
	}{
		"T-2.3 nothing accepted":    {func(c *account.Register) { c.Acceptance = nil }, "acceptance-missing", "T-2.3"},
		"T-2.3 another button":      {func(c *account.Register) { a := pressed; a.Button = "buy"; c.Acceptance = &a }, "invalid-request", "T-2.3"},
		"T-3.1 no login":            {func(c *account.Register) { c.Login = domain.Personal{} }, "invalid-request", "T-3.1"},
		"T-2.6 no contact":          {func(c *account.Register) { c.Contacts = account.Contacts{} }, "invalid-request", "T-2.6"},
		"a place that is no code":   {func(c *account.Register) { c.Location = "over there" }, "invalid-request", ""},
		"a kind of address unknown": {func(c *account.Register) { c.Personal.Addresses = []account.Address{{Kind: "work", Text: text("x")}} }, "invalid-request", ""},
		"an address without a text": {func(c *account.Register) {
			c.Personal.FamilyName, c.Personal.Addresses = text("x"), []account.Address{{Kind: "post"}}
		}, "invalid-request", ""},
		"an empty e-mail": {func(c *account.Register) { c.Personal.Emails = []domain.Personal{text("a@b.kz"), {}} }, "invalid-request", ""},
	} {
		t.Run(name, func(t *testing.T) {
			decidertest.New(t, decider(t)).When(domain.Context{}, register(c.change)).Refused(c.code, c.clause)
		})
	}
	cabinet(t).When(domain.Context{}, register(nil)).Refused("user-exists")
	decidertest.New(t, decider(t)).Given(account.RegistrationAbandoned{}).
		When(domain.Context{}, register(nil)).Refused("registration-abandoned")
}

// T-2.4: what was said is corrected by saying it anew; the last one stands and the earlier ones stay in the journal.
func TestCorrections(t *testing.T) {
	data := account.PersonalData{GivenName: text("Айгүл"), Emails: []domain.Personal{text("a@example.kz")}}
	moved := account.Contacts{Mobile: text("+77011234567")}
	s := cabinet(t).
		When(domain.Context{}, account.RecordPersonalData{Personal: data}).Then(account.PersonalDataRecorded{Personal: data}).
		When(domain.Context{}, account.ChangeLogin{Login: text("aigul.s")}).Then(account.LoginChanged{Login: text("aigul.s")}).
		When(domain.Context{}, account.ChangeContacts{Contacts: moved}).
		Then(account.ContactsChanged{Contacts: moved}, account.ContactConfirmed{Kinds: []string{"mobile"}}).
		State()
	for want, from := range map[int]account.Fact{1: s.PersonalFrom, 2: s.LoginFrom, 3: s.ContactsFrom} {
		if from.Event != decidertest.EventID(want).String() {
			t.Errorf("event %d is where it comes from now, not %s", want, from.Event)
		}
	}
	if login, _ := s.Login.Plain(); login != "aigul.s" || s.Contacts.Email.Given() || !s.Contacts.Mobile.Given() {
		t.Error("the last ones stand alone")
	}

	cabinet(t).When(domain.Context{}, account.RecordPersonalData{}).Refused("invalid-request")
	cabinet(t).When(domain.Context{}, account.RecordPersonalData{Personal: account.PersonalData{Addresses: []account.Address{{Kind: "home", Text: text("x")}}}}).
		Refused("invalid-request")
	cabinet(t).When(domain.Context{}, account.ChangeLogin{}).Refused("invalid-request")
	cabinet(t).When(domain.Context{}, account.ChangeContacts{}).Refused("invalid-request", "T-2.6")
}

// T-1.3: where the user is and the language are facts with a date, each of its own, in whatever order they became known.
func TestPlaces(t *testing.T) {
	ru, there := account.LocationSet{Language: "ru"}, account.LocationSet{Location: "KZ-71"}
	for name, s := range map[string]account.State{
		"as it happened": cabinet(t).At(after(2 * time.Second)).Given(there).At(after(5 * time.Second)).Given(ru).State(),
		"entered late":   cabinet(t).At(after(5 * time.Second)).Given(ru).At(after(2 * time.Second)).Given(there).State(),
	} {
		for second, want := range map[int64]account.Place{
			-10: {Location: "KZ", Language: "kk"}, 0: {Location: "KZ", Language: "kk"}, 1: {Location: "KZ", Language: "kk"},
			2: {Location: "KZ-71", Language: "kk"}, 4: {Location: "KZ-71", Language: "kk"}, 5: {Location: "KZ-71", Language: "ru"}, 9: {Location: "KZ-71", Language: "ru"},
		} {
			if got := s.PlaceAt(after(time.Duration(second) * time.Second)); got.Location != want.Location || got.Language != want.Language {
				t.Errorf("%s: at second %d the user is at %s in %s, want %s in %s", name, second, got.Location, got.Language, want.Location, want.Language)
			}
		}
		if p := s.PlaceAt(after(9 * time.Second)); p.Since != after(5*time.Second) {
			t.Errorf("%s: the last that was said of it is of %v", name, p.Since)
		}
		if n := len(s.Places()); n != 3 {
			t.Errorf("%s: %d places were said", name, n)
		}
	}
	for _, c := range []account.SetLocation{{}, {Location: "two words"}, {Location: "-KZ"}, {Language: "Kazakh language"}, {Language: "KK"}, {Location: strings.Repeat("K", 33)}} {
		cabinet(t).When(domain.Context{}, c).Refused("invalid-request")
	}
}
