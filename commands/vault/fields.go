package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"kelisim/commands/vault/sealed"
	"kelisim/domain"
)

// Seal seals every personal value of the event that ev points to under the subject's keys, in place. A value that was opened
// from elsewhere is sealed anew for this place; one that is still closed is an error, since here it could never be opened.
//
// ErrErased: a key that it needs was destroyed. ErrKeyUnavailable: it cannot be had now.
func (v *Vault) Seal(ctx context.Context, subject string, p Place, ev any) error {
	var held []heldKey
	err := domain.EachPersonal(ev, func(path string, class domain.Class, value *domain.Personal) error {
		text, clear := value.Plain()
		if !clear {
			return fmt.Errorf("%s was sealed elsewhere and is closed", path)
		}
		if !isClass(class) {
			return fmt.Errorf("%s has the unknown class %q", path, class)
		}
		if held == nil {
			var err error
			if held, err = v.heldBy(ctx, subject); err != nil {
				return err
			}
		}
		i := slices.IndexFunc(held, func(k heldKey) bool { return k.class == class })
		if i < 0 {
			if slices.ContainsFunc(held, func(k heldKey) bool { return k.state != domain.Available }) {
				return ErrErased // a restored store knows of the key no more than that
			}
			return fmt.Errorf("%s has no %s key: %w", subject, class, ErrKeyUnavailable)
		}
		key := held[i]
		if key.state != domain.Available {
			return ErrErased
		}
		if key.err != nil {
			return fmt.Errorf("%w: %w", ErrKeyUnavailable, key.err)
		}
		stored, err := sealed.Seal(key.secret[:], key.id, string(class), p, path, text)
		if err != nil {
			return err
		}
		value.Seal(stored)
		return nil
	})
	if err != nil {
		return fmt.Errorf("seal %s for %s: %w", p.Type, p.Stream, err)
	}
	return nil
}

// Open opens every sealed value of the event that ev points to, in place; the event must be the caller's own, not one that others
// read. subject says whose keys to fetch in one go; a value that was sealed under another subject's key opens all the same.
//
// A value whose key was destroyed is closed as Destroyed or Depersonalised, and that is no error. Where a key cannot be had the
// value is closed as KeyUnavailable, the others are opened, and the error is ErrKeyUnavailable. A value that is
// not what was sealed here stays closed, and the error is ErrNotAuthentic.
func (v *Vault) Open(ctx context.Context, subject string, p Place, ev any) error {
	var held []heldKey
	var faults error
	err := domain.EachPersonal(ev, func(path string, _ domain.Class, value *domain.Personal) error {
		if value.Sealed() == nil || value.State() == domain.Available {
			return nil
		}
		state, text, err := v.open(ctx, subject, &held, p, path, value)
		switch {
		case err != nil && errors.Is(err, ErrKeyUnavailable):
			value.Close(domain.KeyUnavailable)
		case err != nil:
			value.Close(domain.NotAuthorised)
		case state != domain.Available:
			value.Close(state)
		default:
			value.Open(text)
		}
		if err != nil && faults == nil { // the first tells enough; the values' own states tell the rest
			faults = fmt.Errorf("open %s of event %s: %w", path, uuid.UUID(p.EventID), err)
		}
		return nil
	})
	return errors.Join(err, faults)
}

func (v *Vault) open(ctx context.Context, subject string, held *[]heldKey, p Place, path string, value *domain.Personal) (domain.PersonalState, string, error) {
	s, err := sealed.Parse(value.Sealed())
	if err != nil {
		return "", "", err
	}
	if *held == nil && subject != "" {
		if *held, err = v.heldBy(ctx, subject); err != nil {
			return "", "", err
		}
	}
	key, err := v.keyFor(ctx, *held, s)
	if err != nil || key.state != domain.Available {
		return key.state, "", err
	}
	secret, err := s.FieldKey(key.secret[:])
	if err != nil {
		return "", "", err
	}
	text, err := s.Open(secret, p, path)
	return domain.Available, text, err
}

// keyFor finds a value's key among those at hand, else by its id.
func (v *Vault) keyFor(ctx context.Context, held []heldKey, s sealed.Value) (heldKey, error) {
	byID := func(k heldKey) bool { return k.id == s.KID }
	i := slices.IndexFunc(held, byID)
	if i < 0 {
		key, err := v.keys.Key(ctx, s.KID)
		if err != nil {
			return heldKey{}, fmt.Errorf("find a key: %w: %w", ErrKeyUnavailable, err)
		}
		if held, err = v.heldBy(ctx, key.Subject); err != nil {
			return heldKey{}, err
		}
		if i = slices.IndexFunc(held, byID); i < 0 {
			return heldKey{}, fmt.Errorf("key %s is not among its subject's: %w", s.KID, ErrKeyUnavailable)
		}
	}
	key := held[i]
	if key.state == domain.Available && key.err != nil {
		return heldKey{}, fmt.Errorf("%w: %w", ErrKeyUnavailable, key.err)
	}
	return key, nil
}

// FieldKey is the key of one sealed value and of nothing else, 32 bytes: what an auditor is given to read that one value by
// sealed.Value.Open. ErrErased where its key was destroyed, ErrKeyUnavailable where it cannot be had.
func (v *Vault) FieldKey(ctx context.Context, value domain.Personal) ([]byte, error) {
	s, err := sealed.Parse(value.Sealed())
	if err != nil {
		return nil, err
	}
	key, err := v.keyFor(ctx, nil, s)
	if err != nil {
		return nil, err
	}
	if key.state != domain.Available {
		return nil, ErrErased
	}
	return s.FieldKey(key.secret[:])
}
