package commands

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"kelisim/commands/access"
	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/user"
)

// FieldKey opens one personal value of one event and nothing else: the verifier of a bundle that carries it opens it by sealed.Value.Open.
type FieldKey struct {
	Event     uuid.UUID
	Stream    string
	EventType string
	Path      string
	Key       []byte // 32 bytes
}

// HandOver gives the keys of a disclosure that two people granted, to the auditor whom it names or to an officer who passes them on, and
// records the look first: if it cannot be recorded, nothing is given (P-2.4). It reads what the journal says, not what the key store still
// has: from the moment of a destruction no key is given, even where one could not be deleted yet (TestNoKeyAfterDestruction).
//
// Refusals: disclosure-not-found, disclosure-not-granted, disclosure-expired, forbidden (another auditor's), destroyed, depersonalised,
// data-blocked, key-unavailable.
func (s *Service) HandOver(ctx context.Context, id domain.UserID, disclosure string, r Reader) ([]FieldKey, error) {
	snap, err := s.Snapshot(ctx, id, Known{})
	if err != nil {
		return nil, err
	}
	d, err := mayReceive(snap.State.Account, disclosure, r, s.now())
	if err != nil {
		return nil, err
	}
	var out []FieldKey
	var fields []string
	for _, f := range d.Fields {
		key, err := s.fieldKey(ctx, snap.Events, f)
		if err != nil {
			return nil, err
		}
		out, fields = append(out, key), append(fields, fieldName(f.Path))
	}
	if err := s.Looked(ctx, id, r, fields); err != nil {
		return nil, err
	}
	return out, nil
}

func mayReceive(a account.State, disclosure string, r Reader, now time.Time) (account.FieldDisclosure, error) {
	d, ok := a.FieldDisclosure(disclosure)
	switch {
	case !ok:
		return d, domain.Refuse(domain.NotFound, "disclosure-not-found", "there is no such disclosure")
	case r.Actor.Kind == string(access.Auditor) && !r.Actor.Is(d.To):
		return d, domain.Refuse(domain.Forbidden, "forbidden", "this disclosure is for another auditor")
	}
	if err := a.Disclosable(now); err != nil {
		return d, err
	}
	switch {
	case d.Granted.Event == "":
		return d, domain.Refuse(domain.Conflict, "disclosure-not-granted", "a second person has to grant it first")
	case !d.At(now):
		return d, domain.Refuse(domain.Conflict, "disclosure-expired", "its time is over; ask for it anew")
	}
	return d, nil
}

func (s *Service) fieldKey(ctx context.Context, events []user.Recorded, f account.Field) (FieldKey, error) {
	for _, e := range events {
		if e.ID.String() != f.EventID {
			continue
		}
		var value domain.Personal
		err := eachPersonal(e.Data, func(path string, p *domain.Personal) {
			if path == f.Path {
				value = *p
			}
		})
		if err != nil {
			return FieldKey{}, fmt.Errorf("find a field of event %s: %w", e.ID, err)
		}
		key, err := s.Vault.FieldKey(ctx, value)
		return FieldKey{e.ID, e.Stream, e.Type, f.Path, key}, err
	}
	return FieldKey{}, domain.Refuse(domain.NotFound, "field-not-found", "this user has no event with a personal value there")
}
