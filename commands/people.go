package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"kelisim/commands/vault"
	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/event"
	"kelisim/domain/reads"
	"kelisim/domain/user"
)

// Reader is a person who looks at personal data: who, why, and by which way. The look is recorded before anything is shown (P-2.4).
type Reader struct {
	Actor event.Actor
	Why   string // empty for the person's own look
	Route string // a route's pattern
}

// Person is a user's personal data as shown: texts, and for what cannot be shown {"state": why}.
type Person struct {
	Login    any            `json:"login"`
	Contacts map[string]any `json:"contacts"`
	Data     map[string]any `json:"personal_data"`
}

// PersonalData shows a user's personal data of now, and records who looked first. If the look cannot be recorded, nothing is shown.
func (s *Service) PersonalData(ctx context.Context, id domain.UserID, r Reader) (Person, error) {
	snap, err := s.Snapshot(ctx, id, Known{})
	if err != nil {
		return Person{}, err
	}
	a := snap.State.Account
	open := func(f account.Fact) (map[string]any, []string, error) {
		for _, e := range snap.Events {
			if e.ID.String() == f.Event {
				return s.shown(ctx, e)
			}
		}
		return map[string]any{}, nil, nil
	}
	var fields []string
	pick := func(f account.Fact, member string) (any, error) {
		all, paths, err := open(f)
		for _, p := range paths {
			if p == member || strings.HasPrefix(p, member+".") {
				fields = append(fields, fieldName(p))
			}
		}
		return all[member], err
	}
	out := Person{Contacts: map[string]any{}, Data: map[string]any{}}
	if out.Login, err = pick(a.LoginFrom, "login"); err != nil {
		return Person{}, err
	}
	contacts, err := pick(a.ContactsFrom, "contacts")
	if err != nil {
		return Person{}, err
	}
	if m, ok := contacts.(map[string]any); ok {
		out.Contacts = m
	}
	data, err := pick(a.PersonalFrom, "personal_data")
	if err != nil {
		return Person{}, err
	}
	if m, ok := data.(map[string]any); ok {
		out.Data = m
	}
	return out, s.Looked(ctx, id, r, fields)
}

// Looked records that personal data were looked at. No fields: nothing was.
func (s *Service) Looked(ctx context.Context, id domain.UserID, r Reader, fields []string) error {
	if len(fields) == 0 {
		return nil
	}
	slices.Sort(fields)
	_, err := s.do(ctx, Wish{
		Command: "read-personal-data", Subject: string(id), Actor: r.Actor,
		Body: &reads.Read{Fields: slices.Compact(fields), Purpose: domain.NewPersonal(r.Why), Route: r.Route},
	})
	if err != nil && domain.Code(err) == "" {
		return fmt.Errorf("record who looked: %w", err)
	}
	return err
}

// Shown is one event's data with its personal values in clear, and the names of the fields that were opened. The
// caller records the look.
func (s *Service) Shown(ctx context.Context, e user.Recorded) (data map[string]any, fields []string, err error) {
	data, paths, err := s.shown(ctx, e)
	for _, p := range paths {
		fields = append(fields, fieldName(p))
	}
	return data, fields, err
}

// opened is an event's value with what can be opened in clear: a copy, since what is cached stays sealed.
func (s *Service) opened(ctx context.Context, e user.Recorded) (any, error) {
	sealed, err := json.Marshal(e.Data)
	if err != nil {
		return nil, fmt.Errorf("copy event %s: %w", e.ID, err)
	}
	copied := reflect.New(reflect.TypeOf(e.Data))
	if err := json.Unmarshal(sealed, copied.Interface()); err != nil {
		return nil, fmt.Errorf("copy event %s: %w", e.ID, err)
	}
	if subject := subjectOf(e.Stream); subject != "" {
		place := vault.Place{Stream: e.Stream, EventID: e.ID, Type: e.Type, Version: e.Version}
		if err := s.Vault.Open(ctx, subject, place, copied.Interface()); err != nil {
			return nil, err
		}
	}
	return copied.Elem().Interface(), nil
}

// shown is an opened event as JSON, and the paths of what was opened.
func (s *Service) shown(ctx context.Context, e user.Recorded) (map[string]any, []string, error) {
	value, err := s.opened(ctx, e)
	if err != nil {
		return nil, nil, err
	}
	out, err := plainJSON(e)
	if err != nil {
		return nil, nil, err
	}
	var paths []string
	err = eachPersonal(value, func(path string, p *domain.Personal) {
		if plain, ok := p.Plain(); ok {
			set(out, path, plain)
			paths = append(paths, path)
		} else {
			set(out, path, map[string]any{"state": p.State()})
		}
	})
	return out, paths, err
}

// Masked is one event's data with its personal values left out of sight.
func Masked(e user.Recorded) (map[string]any, error) {
	out, err := plainJSON(e)
	if err != nil {
		return nil, err
	}
	return out, eachPersonal(e.Data, func(path string, _ *domain.Personal) { set(out, path, "[personal]") })
}

// plainJSON is an event's data as stored, decoded.
func plainJSON(e user.Recorded) (map[string]any, error) {
	var out map[string]any
	sealed, err := json.Marshal(e.Data)
	if err == nil {
		err = json.Unmarshal(sealed, &out)
	}
	if err != nil {
		return nil, fmt.Errorf("copy event %s: %w", e.ID, err)
	}
	return out, nil
}

// eachPersonal visits the given personal values of a value that is not pointed to.
func eachPersonal(value any, visit func(path string, p *domain.Personal)) error {
	p := reflect.New(reflect.TypeOf(value))
	p.Elem().Set(reflect.ValueOf(value))
	return domain.EachPersonal(p.Interface(), func(path string, _ domain.Class, v *domain.Personal) error {
		visit(path, v)
		return nil
	})
}

// set puts a value at a path of names and indexes.
func set(in any, path string, value any) {
	name, rest, deeper := strings.Cut(path, ".")
	switch in := in.(type) {
	case map[string]any:
		if deeper {
			set(in[name], rest, value)
		} else {
			in[name] = value
		}
	case []any:
		i, err := strconv.Atoi(name)
		if err != nil || i >= len(in) {
			return
		}
		if deeper {
			set(in[i], rest, value)
		} else {
			in[i] = value
		}
	}
}

// fieldName is a path without its indexes and without what holds it: "iin", "addresses.text".
func fieldName(path string) string {
	parts := slices.DeleteFunc(strings.Split(strings.TrimPrefix(path, "personal_data."), "."), func(p string) bool {
		_, err := strconv.Atoi(p)
		return err == nil
	})
	return strings.Join(parts[:min(2, len(parts))], ".")
}
