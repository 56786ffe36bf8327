package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"kelisim/domain"
)

// Memory is the reference Keys: the contract in its shortest form, and the stand-in for a real store in tests. The zero value is empty.
type Memory struct {
	mu     sync.Mutex
	broken error
	keys   map[string]Key      // by id
	of     map[string][]string // a subject's key ids, sorted
	logins map[MAC]Reservation
	claims map[Claim]string // by kind and thing, Holder empty
	search map[Entry]bool
	undo   []func() // takes back what the running change has done
}

var _ Keys = (*Memory)(nil)

// Break makes every later call fail with err, or none when it is nil.
func (m *Memory) Break(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = err
}

// Copy is the store as it stands, as a backup keeps it.
func (m *Memory) Copy() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &Memory{keys: maps.Clone(m.keys), of: maps.Clone(m.of), logins: maps.Clone(m.logins), claims: maps.Clone(m.claims), search: maps.Clone(m.search)}
}

// lock begins a method: it answers what unlocks, or why the store does not work.
func (m *Memory) lock(ctx context.Context) (func(), error) {
	m.mu.Lock()
	if err := errors.Join(m.broken, ctx.Err()); err != nil {
		m.mu.Unlock()
		return nil, err
	}
	if m.keys == nil {
		m.keys, m.of = map[string]Key{}, map[string][]string{}
		m.logins, m.claims, m.search = map[MAC]Reservation{}, map[Claim]string{}, map[Entry]bool{}
	}
	return m.mu.Unlock, nil
}

func (m *Memory) Apply(ctx context.Context, c Change) ([]Key, error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	m.undo = nil
	standing, err := m.apply(c)
	if err != nil {
		for _, back := range slices.Backward(m.undo) {
			back()
		}
		return nil, err
	}
	return standing, nil
}

func (m *Memory) apply(c Change) ([]Key, error) {
	for _, h := range c.Confirm {
		if r, ok := m.logins[h.Login]; ok && r.Subject == h.Subject {
			r.Confirmed = true
			put(m, m.logins, h.Login, r)
		}
	}
	for _, h := range c.Release {
		if m.logins[h.Login].Subject == h.Subject {
			take(m, m.logins, h.Login)
		}
	}
	for _, h := range c.Drop {
		if r, ok := m.logins[h.Login]; ok && r.Subject == h.Subject && !r.Confirmed {
			take(m, m.logins, h.Login)
			m.forgetUnlessHolding(h.Subject)
		}
	}
	for _, r := range c.Reserve {
		held, ok := m.logins[r.Login]
		switch {
		case m.erased(r.Subject):
			return nil, ErrErased
		case ok && held.Subject != r.Subject:
			return nil, &TakenError{held}
		case !ok:
			r.ReservedAt = micro(r.ReservedAt)
			put(m, m.logins, r.Login, r)
		}
	}
	standing, err := m.makeKeys(c.Keys)
	if err != nil {
		return nil, err
	}
	for _, e := range c.Index {
		if m.erased(e.Subject) {
			return nil, ErrErased
		}
		put(m, m.search, e, true)
	}
	for _, e := range c.Unindex {
		take(m, m.search, e)
	}
	return standing, nil
}

// put and take change one of the maps so that it can be taken back.
func put[K comparable, V any](m *Memory, in map[K]V, k K, v V) {
	old, had := in[k]
	in[k] = v
	m.undo = append(m.undo, func() {
		if delete(in, k); had {
			in[k] = old
		}
	})
}

func take[K comparable, V any](m *Memory, in map[K]V, k K) {
	if old, had := in[k]; had {
		delete(in, k)
		m.undo = append(m.undo, func() { in[k] = old })
	}
}

func (m *Memory) forgetUnlessHolding(subject string) {
	for _, r := range m.logins {
		if r.Subject == subject {
			return
		}
	}
	for e := range m.search {
		if e.Subject == subject {
			take(m, m.search, e)
		}
	}
}

func (m *Memory) makeKeys(keys []Key) ([]Key, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	subject := keys[0].Subject
	if m.erased(subject) {
		return nil, ErrErased
	}
	if len(m.of[subject]) == 0 {
		for _, k := range keys {
			if _, ok := m.keys[k.ID]; ok {
				return nil, fmt.Errorf("key %s is there already", k.ID)
			}
			m.addKey(Key{ID: k.ID, Subject: subject, Class: k.Class, Generation: k.Generation,
				Wrapped: slices.Clone(k.Wrapped), State: domain.Available})
		}
	}
	return m.keysOf(subject), nil
}

func (m *Memory) addKey(k Key) {
	put(m, m.keys, k.ID, k)
	ids := append(slices.Clone(m.of[k.Subject]), k.ID)
	slices.Sort(ids)
	put(m, m.of, k.Subject, ids)
}

// erased: what the store was told of but never had (a restored store) may be an identity key too.
func (m *Memory) erased(subject string) bool {
	for _, id := range m.of[subject] {
		if k := m.keys[id]; k.Wrapped == nil && (k.Class == domain.Identity || k.Class == "") {
			return true
		}
	}
	return false
}

func (m *Memory) keysOf(subject string) []Key {
	var out []Key
	for _, id := range m.of[subject] {
		out = append(out, copyKey(m.keys[id]))
	}
	return out
}

func copyKey(k Key) Key {
	k.Wrapped = slices.Clone(k.Wrapped)
	return k
}

func (m *Memory) Claim(ctx context.Context, c Claim) (string, error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	thing := Claim{Kind: c.Kind, Thing: c.Thing}
	if _, ok := m.claims[thing]; !ok {
		m.claims[thing] = c.Holder
	}
	return m.claims[thing], nil
}

func (m *Memory) Destroy(ctx context.Context, d Destruction) ([]string, error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	ids := slices.Clone(d.IDs)
	for _, k := range m.keysOf(d.Subject) {
		if slices.Contains(d.Classes, k.Class) {
			ids = append(ids, k.ID)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	m.undo = nil
	for _, id := range ids {
		if k, ok := m.keys[id]; ok && k.Subject != d.Subject {
			return nil, fmt.Errorf("key %s is not %s's", id, d.Subject)
		}
	}
	for _, id := range ids {
		k, ok := m.keys[id]
		if !ok {
			m.addKey(Key{ID: id, Subject: d.Subject, State: d.As, At: micro(d.At)})
		} else if k.Wrapped != nil {
			k.Wrapped, k.Generation, k.State, k.At = nil, 0, d.As, micro(d.At)
			m.keys[id] = k
		}
	}
	if d.As == domain.Destroyed {
		for _, k := range m.keysOf(d.Subject) {
			if k.Wrapped == nil {
				k.State = domain.Destroyed
				m.keys[k.ID] = k
			}
		}
	}
	if d.Forget {
		maps.DeleteFunc(m.logins, func(_ MAC, r Reservation) bool { return r.Subject == d.Subject })
		maps.DeleteFunc(m.search, func(e Entry, _ bool) bool { return e.Subject == d.Subject })
	}
	return ids, nil
}

func (m *Memory) Rewrap(ctx context.Context, keys []Key) error {
	unlock, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	for _, k := range keys {
		if old, ok := m.keys[k.ID]; ok && old.Wrapped != nil && old.Generation < k.Generation {
			old.Wrapped, old.Generation = slices.Clone(k.Wrapped), k.Generation
			m.keys[k.ID] = old
		}
	}
	return nil
}

func (m *Memory) KeysOf(ctx context.Context, subject string) ([]Key, error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return m.keysOf(subject), nil
}

func (m *Memory) Key(ctx context.Context, id string) (Key, error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return Key{}, err
	}
	defer unlock()
	k, ok := m.keys[id]
	if !ok {
		return Key{}, fmt.Errorf("key %s: %w", id, ErrNoKey)
	}
	return copyKey(k), nil
}

func (m *Memory) Live(ctx context.Context, after string, limit int) ([]Key, error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var out []Key
	for _, id := range slices.Sorted(maps.Keys(m.keys)) {
		if k := m.keys[id]; id > after && k.Wrapped != nil && len(out) < limit {
			out = append(out, copyKey(k))
		}
	}
	return out, nil
}

func (m *Memory) Holder(ctx context.Context, login MAC) (Reservation, bool, error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return Reservation{}, false, err
	}
	defer unlock()
	r, ok := m.logins[login]
	return r, ok, nil
}

func (m *Memory) Unconfirmed(ctx context.Context, before time.Time, limit int) ([]Reservation, error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var out []Reservation
	for _, r := range m.logins {
		if !r.Confirmed && r.ReservedAt.Before(micro(before)) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b Reservation) int {
		return cmp.Or(a.ReservedAt.Compare(b.ReservedAt), strings.Compare(a.Subject, b.Subject), slices.Compare(a.Login[:], b.Login[:]))
	})
	return out[:min(limit, len(out))], nil
}

func (m *Memory) Find(ctx context.Context, field Field, value MAC, limit int) ([]string, error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var out []string
	for e := range m.search {
		if e.Field == field && e.Value == value {
			out = append(out, e.Subject)
		}
	}
	slices.Sort(out)
	return out[:min(limit, len(out))], nil
}

func (m *Memory) Close() error { return nil }

// micro is the precision that every store keeps.
func micro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
