package commands

import (
	"context"
	"strings"
	"unicode/utf8"

	"kelisim/commands/vault"
	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/calendar"
	"kelisim/domain/consent"
	"kelisim/domain/permission"
	"kelisim/domain/person"
)

const maxText = 16 << 10 // bytes of one personal text

// checkTexts holds personal values against their form, which the domain, that never opens them, cannot do.
func checkTexts(command any) error {
	return domain.EachGiven(command, func(path string, p *domain.Personal) error {
		pointer := "/" + strings.ReplaceAll(path, ".", "/")
		plain, ok := p.Plain()
		switch {
		case !ok || p.Sealed() != nil:
			return domain.Malformed(pointer, "a text is wanted here")
		case strings.TrimSpace(plain) == "":
			return domain.Malformed(pointer, "the text is empty; leave the field out")
		case len(plain) > maxText || !utf8.ValidString(plain) || strings.ContainsRune(plain, 0):
			return domain.Malformed(pointer, "a text has at most %d bytes", maxText)
		}
		return formOf(pointer, plain)
	})
}

// complete adds what only this room knows: what the ledger itself answers at that moment about a disclosure, and which keys an
// erasure destroys.
func (s *Service) complete(ctx context.Context, w Wish, command any, in domain.Context) (any, error) {
	switch c := command.(type) {
	case *account.Depersonalise:
		filled := *c
		keys, err := s.Vault.KeyIDs(ctx, w.Subject, account.Erased...)
		filled.Keys = keys
		return &filled, err
	case *account.ApproveDestruction:
		filled := *c
		keys, err := s.Vault.KeyIDs(ctx, w.Subject, domain.Identity, domain.Attributes, domain.Freeform)
		filled.Keys = keys
		return &filled, err
	}
	if d, ok := command.(*consent.Disclose); ok {
		snap, err := s.Snapshot(ctx, domain.UserID(w.Subject), Known{})
		if err != nil {
			return nil, err
		}
		act := "transfer"
		if d.Country != "KZ" {
			act = "transfer-cross-border"
		}
		a := permission.ProcessingOnly(snap.State.Books, snap.Site, d.Purpose, act, in.OccurredAt)
		filled := *d
		filled.Allowed, filled.Code = a.Allowed, a.Reasons[0].Code
		return &filled, nil
	}
	return command, nil
}

// formOf checks the fields that have a form of their own. The refusal does not repeat the value.
func formOf(pointer, plain string) error {
	var err error
	switch field := pointer[strings.LastIndexByte(pointer, '/')+1:]; {
	case pointer == "/login":
		_, err = person.Login(plain)
	case field == "email" || strings.HasPrefix(pointer, "/personal_data/emails/"):
		_, err = person.Email(plain)
	case pointer == "/contacts/mobile" || pointer == "/mobile" || pointer == "/personal_data/phones/mobile":
		_, err = person.Mobile(plain)
	case field == "iin":
		_, err = person.IIN(plain)
	case field == "date_of_birth":
		_, err = calendar.ParseDay(plain)
	}
	if refusal, ok := err.(*domain.Error); ok {
		return refusal.At(pointer)
	}
	return err
}

// searchables lists the values of events by which a user can be found.
func searchables(events []any) []vault.Indexed {
	var out []vault.Indexed
	add := func(field vault.Field, p domain.Personal) {
		if v, ok := p.Plain(); ok && v != "" {
			out = append(out, vault.Indexed{Field: field, Value: v})
		}
	}
	data := func(d account.PersonalData) {
		add(vault.IIN, d.IIN)
		add(vault.Mobile, d.Phones.Mobile)
		for _, e := range d.Emails {
			add(vault.Email, e)
		}
	}
	for _, e := range events {
		switch e := e.(type) {
		case account.Registered:
			add(vault.Email, e.Contacts.Email)
			add(vault.Mobile, e.Contacts.Mobile)
			data(e.Personal)
		case account.ContactsChanged:
			add(vault.Email, e.Contacts.Email)
			add(vault.Mobile, e.Contacts.Mobile)
		case account.PersonalDataRecorded:
			data(e.Personal)
		}
	}
	return out
}
