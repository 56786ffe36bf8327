package commands

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/google/uuid"

	"kelisim/commands/journal"
	"kelisim/commands/vault"
	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/event"
	"kelisim/domain/subscription"
	"kelisim/domain/user"
)

// slowest is how long a registration may take between the reservation of its login and its append. A reservation that is older, or that
// a process left behind which is no more, is given up when somebody else wants the login.
const slowest = 10 * time.Second

// seal gives a copy of an event with its personal values sealed for their place.
func (s *Service) seal(ctx context.Context, stream string, id uuid.UUID, e any) (any, error) {
	t, err := s.Journal.TypeOf(e)
	if err != nil {
		return nil, err
	}
	copied := reflect.New(reflect.TypeOf(e))
	copied.Elem().Set(reflect.ValueOf(e))
	err = s.Vault.Seal(ctx, subjectOf(stream), vault.Place{Stream: stream, EventID: id, Type: t.Name(), Version: t.Version()}, copied.Interface())
	return copied.Elem().Interface(), err
}

// reserve makes durable in the key store what must stand there before the events are appended: keys, the unique login, search
// entries, and the claims of a processor's transaction and of a posted letter.
func (s *Service) reserve(ctx context.Context, w Wish, wish uuid.UUID, loaded *stream, events []any) error {
	subject := subjectOf(loaded.name)
	if err := s.claimTracking(ctx, w, wish, loaded.name, events); err != nil {
		return err
	}
	if domain.Stream(loaded.name).Category() != "user" {
		if !anyPersonal(events) || domain.Stream(loaded.name).Category() == "reads" {
			return nil
		}
		return s.Vault.Register(ctx, subject, "", nil)
	}
	for _, e := range events {
		var err error
		switch e := e.(type) {
		case account.Registered:
			err = s.claimLogin(ctx, subject, e.Login, func(login string) error {
				return s.Vault.Register(ctx, subject, login, searchables(events))
			})
		case account.LoginChanged:
			err = s.claimLogin(ctx, subject, e.Login, func(login string) error { return s.Vault.Reserve(ctx, subject, login) })
		case account.ContactsChanged, account.PersonalDataRecorded:
			err = s.Vault.Index(ctx, subject, searchables(events))
		case subscription.PaymentCompleted:
			err = s.claimTransaction(ctx, subject, e.Provider, e.TransactionID)
		case subscription.PaymentApplied:
			err = s.claimTransaction(ctx, subject, e.Provider, e.TransactionID)
		case subscription.PaymentHeld:
			err = s.claimTransaction(ctx, subject, e.Provider, e.TransactionID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func anyPersonal(events []any) bool {
	found := false
	for _, e := range events {
		_ = eachPersonal(e, func(string, *domain.Personal) { found = true })
	}
	return found
}

func (s *Service) claimTransaction(ctx context.Context, subject, provider, transaction string) error {
	holder, err := s.Vault.Claim(ctx, "transaction", provider+"\x00"+transaction, subject)
	if err != nil {
		return err
	}
	if holder != subject {
		return domain.Refuse(domain.Conflict, "transaction-conflict", "this transaction was recorded for another user").At("/transaction_id")
	}
	return nil
}

// claimLogin reserves a login (T-3.1). One that is held by a registration that never came to be is taken over.
func (s *Service) claimLogin(ctx context.Context, subject string, login domain.Personal, claim func(string) error) error {
	plain, _ := login.Plain()
	err := claim(plain)
	var taken *vault.TakenError
	if !errors.As(err, &taken) {
		return err
	}
	refusal := domain.Refuse(domain.Conflict, "login-taken", "the login is another user's").At("/login").By("T-3.1")
	ours := taken.Instance == s.Vault.Instance() || !s.Journal.Exclusive()
	if taken.Confirmed || (ours && s.Now().Sub(taken.ReservedAt) < slowest) {
		return refusal
	}
	stands, err := s.holds(ctx, taken.Reservation)
	if err != nil {
		return err
	}
	if stands {
		return refusal
	}
	if err := s.Vault.Takeover(ctx, plain, taken.Subject, subject); err != nil {
		if errors.As(err, &taken) {
			return refusal
		}
		return err
	}
	return claim(plain)
}

// holds tells whether a reserved login is in its subject's stream. A stream that is still empty is closed by
// account.registration_abandoned, so that a slow writer of it loses cleanly.
func (s *Service) holds(ctx context.Context, r vault.Reservation) (bool, error) {
	id := domain.UserID(r.Subject)
	for range attempts {
		loaded, err := s.load(ctx, string(domain.UserStream(id)), User)
		if err != nil {
			return false, err
		}
		if loaded.revision != journal.NoStream {
			login, err := s.loginIn(ctx, loaded)
			if err != nil || login == "" {
				return false, err
			}
			return s.Vault.IsOf(r, login), nil
		}
		if s.Journal.Exclusive() && r.Instance != s.Vault.Instance() {
			// Who reserved it is no more and nobody else appends, so no slow writer can come: the stream stays open to the same
			// request, sent again (see TestCrashThenTheSameRegistration).
			return false, nil
		}
		wish := uuid.New()
		_, err = s.append(ctx, loaded, User, []any{account.RegistrationAbandoned{}}, event.Meta{
			OccurredAt: s.Now().UTC().Truncate(time.Microsecond), Actor: event.Actor{Kind: "system", ID: "registration"},
			Command: "abandon-registration", CommandID: wish,
		})
		var conflict *journal.ConflictError
		if errors.As(err, &conflict) {
			s.cache.drop(loaded.name)
			continue
		}
		return false, err
	}
	return true, nil
}

// loginIn opens the login that a user's stream holds now, "" if it holds none that can be opened.
func (s *Service) loginIn(ctx context.Context, loaded *stream) (string, error) {
	from := loaded.state.(user.State).Account.LoginFrom
	for _, e := range loaded.events {
		if e.ID.String() == from.Event {
			data, _, err := s.shown(ctx, e)
			login, _ := data["login"].(string)
			return login, err
		}
	}
	return "", nil
}

// Heal settles the reservations that earlier processes left behind. serve calls it before it listens. One whose user's login cannot be opened
// now is left for the next time (TestBackupsOverARotation). Where others append too, one that is young may be a living process's, whose registration is not to be
// taken from it (TestHealLeavesLivingRegistrations).
func (s *Service) Heal(ctx context.Context) error {
	for {
		left, err := s.Vault.Unconfirmed(ctx, s.Now().Add(time.Second), 100) // an earlier process may have read a clock ahead
		if err != nil {
			return err
		}
		settled := 0
		for _, r := range left {
			if r.Instance == s.Vault.Instance() || !s.Journal.Exclusive() && s.Now().Sub(r.ReservedAt) < slowest {
				continue
			}
			stands, err := s.holds(ctx, r)
			if errors.Is(err, vault.ErrKeyUnavailable) {
				if s.Log != nil {
					s.Log.Warn("a reserved login cannot be settled now", "user", r.Subject, "error", err)
				}
				continue
			}
			if err != nil {
				return fmt.Errorf("heal a reserved login: %w", err)
			}
			if stands {
				login, err := s.loginOf(ctx, r.Subject)
				if err == nil {
					err = s.Vault.Confirm(ctx, r.Subject, login)
				}
				if err != nil {
					return fmt.Errorf("confirm a reserved login: %w", err)
				}
			} else if err := s.Vault.Abandon(ctx, r); err != nil {
				return err
			}
			settled++
		}
		if settled == 0 {
			return s.Vault.Flush(ctx)
		}
	}
}

func (s *Service) loginOf(ctx context.Context, subject string) (string, error) {
	loaded, err := s.load(ctx, string(domain.UserStream(domain.UserID(subject))), User)
	if err != nil {
		return "", err
	}
	return s.loginIn(ctx, loaded)
}

// settle tells the key store what has become of its reservations once the events are stored. A failure is not the caller's:
// the events stand, and what was left open is settled by Heal or by the next who wants the login.
func (s *Service) settle(ctx context.Context, before, after *stream, events []any) {
	ctx = context.WithoutCancel(ctx)
	subject := subjectOf(before.name)
	var err error
	for _, e := range events {
		switch e := e.(type) {
		case account.Registered:
			login, _ := e.Login.Plain()
			err = errors.Join(err, s.Vault.Confirm(ctx, subject, login))
		case account.LoginChanged:
			login, _ := e.Login.Plain()
			old, openErr := s.loginIn(ctx, before)
			if openErr != nil || old == "" {
				err = errors.Join(err, openErr, s.Vault.Confirm(ctx, subject, login))
			} else {
				err = errors.Join(err, s.Vault.Confirm(ctx, subject, login, old))
			}
		case account.ContactsChanged, account.PersonalDataRecorded:
			err = errors.Join(err, s.unindex(ctx, before, after))
		case account.Depersonalised:
			_, fault := s.Vault.Destroy(ctx, subject, domain.Depersonalised, e.Classes...)
			err = errors.Join(err, fault)
		case account.Destroyed:
			_, fault := s.Vault.Destroy(ctx, subject, domain.Destroyed, account.Erased...)
			err = errors.Join(err, fault)
		}
	}
	if err != nil && s.Log != nil {
		s.Log.Warn("the key store was not told of a change that is recorded", "stream", before.name, "error", err)
	}
}

// unindex takes away the values by which the user can no longer be found after a change.
func (s *Service) unindex(ctx context.Context, before, after *stream) error {
	old, err := s.findable(ctx, before)
	if err != nil {
		return err
	}
	now, err := s.findable(ctx, after)
	if err != nil {
		return err
	}
	gone := slices.DeleteFunc(old, func(i vault.Indexed) bool { return slices.Contains(now, i) })
	return s.Vault.Unindex(ctx, subjectOf(before.name), gone)
}

// findable opens the values by which a user is to be found.
func (s *Service) findable(ctx context.Context, loaded *stream) ([]vault.Indexed, error) {
	a := loaded.state.(user.State).Account
	var out []vault.Indexed
	for _, e := range loaded.events {
		id := e.ID.String()
		if id != a.ContactsFrom.Event && id != a.PersonalFrom.Event {
			continue
		}
		opened, err := s.opened(ctx, e)
		if err != nil {
			return nil, err
		}
		switch e := opened.(type) {
		case account.Registered:
			if id != a.ContactsFrom.Event {
				e.Contacts = account.Contacts{}
			}
			if id != a.PersonalFrom.Event {
				e.Personal = account.PersonalData{}
			}
			opened = e
		}
		out = append(out, searchables([]any{opened})...)
	}
	return out, nil
}

// Find lists the users who have exactly this login, e-mail, mobile or IIN now.
func (s *Service) Find(ctx context.Context, field vault.Field, value string) ([]domain.UserID, error) {
	subjects, err := s.Vault.Find(ctx, field, value)
	if err != nil {
		return nil, err
	}
	out := []domain.UserID{}
	for _, subject := range subjects {
		loaded, err := s.load(ctx, string(domain.UserStream(domain.UserID(subject))), User)
		if err != nil {
			return nil, err
		}
		st, ok := loaded.state.(user.State)
		if ok && st.Account.Exists && st.Account.DestroyedAt.Event == "" && st.Account.DepersonalisedAt.Event == "" { // also while the store has not let go of them
			out = append(out, domain.UserID(subject))
		}
	}
	return out, nil
}
