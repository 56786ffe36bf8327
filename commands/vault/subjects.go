package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"kelisim/domain"
	"kelisim/domain/person"
)

// Field is what a subject can be found by.
type Field string

const (
	Login  Field = "login" // unique: one subject holds it
	Email  Field = "email"
	Mobile Field = "mobile"
	IIN    Field = "iin"
)

// normal reads each field's one form; what it refuses is a *domain.Error without a pointer.
var normal = map[Field]func(string) (string, error){
	Login: person.Login, Email: person.Email, Mobile: person.Mobile, IIN: person.IIN,
}

// Indexed is a value in clear by which a subject can be found.
type Indexed struct {
	Field Field // Email, Mobile or IIN
	Value string
}

const (
	findLimit  = 1000 // subjects that one value finds at most
	flushAfter = 128  // confirmations that wait for a ride at most
)

func (v *Vault) blind(field Field, value string) (MAC, error) {
	read, ok := normal[field]
	if !ok {
		return MAC{}, domain.Malformed("", "a person is found by login, email, mobile or iin")
	}
	value, err := read(value)
	if err != nil {
		return MAC{}, err
	}
	return MAC(mac(v.index[field], []byte(value))[:len(MAC{})]), nil
}

func (v *Vault) entries(subject string, search []Indexed) ([]Entry, error) {
	var out []Entry
	for _, s := range search {
		if s.Field == Login {
			return nil, fmt.Errorf("a login is reserved, not indexed")
		}
		value, err := v.blind(s.Field, s.Value)
		if err != nil {
			return nil, err
		}
		out = append(out, Entry{s.Field, value, subject})
	}
	return out, nil
}

// Register makes the keys of a subject, reserves its login ("" is none) and lets it be found, in one durable change, before
// anything about the subject is appended. Again for the same subject it changes nothing that stands.
//
// *TakenError: another subject holds the login; nothing was made. ErrErased: the subject's keys were destroyed.
// A refusal of domain/person: a value is malformed.
func (v *Vault) Register(ctx context.Context, subject, login string, search []Indexed) error {
	var change Change
	var err error
	if login != "" {
		if change, err = v.reservation(subject, login); err != nil {
			return err
		}
	}
	if change.Index, err = v.entries(subject, search); err != nil {
		return err
	}
	if login == "" && len(search) == 0 {
		if held, err := v.heldBy(ctx, subject); err != nil || standing(held) {
			return err
		}
	}
	v.epoch.RLock()
	defer v.epoch.RUnlock()
	stem := newStem(v.Now())
	var held []heldKey
	for _, class := range classes {
		h := heldKey{id: kidOf(stem, class), class: class, state: domain.Available, secret: [keyLen]byte(random(keyLen))}
		key, err := v.wrap(ctx, Key{ID: h.id, Subject: subject, Class: class}, h.secret[:])
		if err != nil {
			return fmt.Errorf("register %s: %w", subject, err)
		}
		held, change.Keys = append(held, h), append(change.Keys, key)
	}
	_, asked := v.cache.get(subject, v.Now())
	made, err := v.apply(ctx, change)
	if err != nil {
		return fmt.Errorf("register %s: %w", subject, err)
	}
	if slices.ContainsFunc(made, func(k Key) bool { return k.ID == held[0].id }) {
		v.cache.put(subject, held, v.Now(), asked, v.CacheSize)
	}
	return nil
}

// standing: there are keys, and none was destroyed.
func standing(held []heldKey) bool {
	return len(held) > 0 && !slices.ContainsFunc(held, func(k heldKey) bool { return k.state != domain.Available })
}

func (v *Vault) reservation(subject, login string) (Change, error) {
	blind, err := v.blind(Login, login)
	if err != nil {
		return Change{}, err
	}
	return Change{Reserve: []Reservation{{Login: blind, Subject: subject, ReservedAt: v.Now(), Instance: v.instance}}}, nil
}

// apply carries out a change together with the confirmations that wait. Errors of the store are ErrKeyUnavailable.
//
// While a login is being freed nothing else is changed: a subject that takes its old login again would find it still its own, and
// lose it a moment later (TestOldLoginIsTakenAgain).
func (v *Vault) apply(ctx context.Context, c Change) ([]Key, error) {
	v.freeing.RLock()
	unlock := v.freeing.RUnlock
	waiting, ok := v.take(false)
	if !ok {
		v.freeing.RUnlock()
		v.freeing.Lock()
		unlock = v.freeing.Unlock
		waiting, _ = v.take(true)
	}
	defer unlock()
	c.Confirm = append(waiting.Confirm, c.Confirm...)
	c.Release = append(waiting.Release, c.Release...)
	keys, err := v.keys.Apply(ctx, c)
	if err == nil {
		return keys, nil
	}
	v.mu.Lock()
	v.pending.Confirm = append(waiting.Confirm, v.pending.Confirm...)
	v.pending.Release = append(waiting.Release, v.pending.Release...)
	v.mu.Unlock()
	if taken := (*TakenError)(nil); errors.As(err, &taken) || errors.Is(err, ErrErased) {
		return nil, err
	}
	return nil, fmt.Errorf("%w: %w", ErrKeyUnavailable, err)
}

// take gives what waits to the caller, unless logins are to be freed and the caller is not alone.
func (v *Vault) take(alone bool) (Change, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.pending.Release) > 0 && !alone {
		return Change{}, false
	}
	waiting := v.pending
	v.pending = Change{}
	return waiting, true
}

// Reserve reserves a further login for a registered subject, before the event that changes it is appended; Confirm follows the append.
// Errors as of Register.
func (v *Vault) Reserve(ctx context.Context, subject, login string) error {
	change, err := v.reservation(subject, login)
	if err == nil {
		_, err = v.apply(ctx, change)
	}
	if err != nil {
		return fmt.Errorf("reserve a login for %s: %w", subject, err)
	}
	return nil
}

// Confirm tells that the journal holds the subject's login, and no longer the replaced ones, which become free. It is written
// with the next change or by Flush: after a crash before that Unconfirmed lists it again, so that nothing is lost.
// An error of the store means that it still waits. For one subject, confirm in the order of the appends.
func (v *Vault) Confirm(ctx context.Context, subject, login string, replaced ...string) error {
	blind, err := v.blind(Login, login)
	if err != nil {
		return fmt.Errorf("confirm a login of %s: %w", subject, err)
	}
	var released []Holding
	for _, old := range replaced {
		free, err := v.blind(Login, old)
		if err != nil {
			return fmt.Errorf("free a login of %s: %w", subject, err)
		}
		if free != blind { // a login that changed in its spelling alone
			released = append(released, Holding{free, subject})
		}
	}
	v.mu.Lock()
	v.pending.Confirm = append(v.pending.Confirm, Holding{blind, subject})
	v.pending.Release = append(v.pending.Release, released...)
	full := len(v.pending.Confirm) >= flushAfter
	v.mu.Unlock()
	if full {
		return v.Flush(ctx)
	}
	return nil
}

// Flush writes the confirmations that wait. Call it before the key store is closed.
func (v *Vault) Flush(ctx context.Context) error {
	v.mu.Lock()
	none := len(v.pending.Confirm) == 0 && len(v.pending.Release) == 0
	v.mu.Unlock()
	if none {
		return nil
	}
	if _, err := v.apply(ctx, Change{}); err != nil {
		return fmt.Errorf("confirm logins: %w", err)
	}
	return nil
}

// Unconfirmed lists reservations made before a moment whose append nobody has confirmed, the oldest first. Each is one of three: its login
// is in the subject's stream (Confirm it), the stream is empty (append account.registration_abandoned, expecting none,
// then Abandon), or the stream stands and holds another login (Abandon).
func (v *Vault) Unconfirmed(ctx context.Context, before time.Time, limit int) ([]Reservation, error) {
	if err := v.Flush(ctx); err != nil {
		return nil, err
	}
	out, err := v.keys.Unconfirmed(ctx, before, limit)
	if err != nil {
		return nil, fmt.Errorf("list unconfirmed logins: %w: %w", ErrKeyUnavailable, err)
	}
	return out, nil
}

// IsOf tells whether a reservation is of this login.
func (v *Vault) IsOf(r Reservation, login string) bool {
	blind, err := v.blind(Login, login)
	return err == nil && blind == r.Login
}

// Abandon frees an unconfirmed login. A subject left without any loses its search entries with it, and keeps its keys.
func (v *Vault) Abandon(ctx context.Context, r Reservation) error {
	if _, err := v.apply(ctx, Change{Drop: []Holding{{r.Login, r.Subject}}}); err != nil {
		return fmt.Errorf("abandon a login of %s: %w", r.Subject, err)
	}
	return nil
}

// Takeover gives an unconfirmed login to another subject, after account.registration_abandoned was appended to the stream of the first;
// Register for the second follows. *TakenError: it is confirmed, or a third one's by now.
func (v *Vault) Takeover(ctx context.Context, login, from, to string) error {
	change, err := v.reservation(to, login)
	if err != nil {
		return fmt.Errorf("take over a login: %w", err)
	}
	for _, r := range change.Reserve {
		change.Drop = append(change.Drop, Holding{r.Login, from})
	}
	if _, err := v.apply(ctx, change); err != nil {
		return fmt.Errorf("take over a login of %s for %s: %w", from, to, err)
	}
	return nil
}

// Index lets a registered subject be found by further values; Unindex takes values away. Errors as of Register.
func (v *Vault) Index(ctx context.Context, subject string, search []Indexed) error {
	entries, err := v.entries(subject, search)
	if err == nil && len(entries) > 0 {
		_, err = v.apply(ctx, Change{Index: entries})
	}
	if err != nil {
		return fmt.Errorf("index %s: %w", subject, err)
	}
	return nil
}

func (v *Vault) Unindex(ctx context.Context, subject string, search []Indexed) error {
	entries, err := v.entries(subject, search)
	if err == nil && len(entries) > 0 {
		_, err = v.apply(ctx, Change{Unindex: entries})
	}
	if err != nil {
		return fmt.Errorf("unindex %s: %w", subject, err)
	}
	return nil
}

// Find lists the subjects that have exactly this value, at most 1000. One that holds the login may have no event yet: the
// caller looks for its stream.
func (v *Vault) Find(ctx context.Context, field Field, value string) ([]string, error) {
	blind, err := v.blind(field, value)
	if err != nil {
		return nil, err
	}
	if field == Login {
		r, ok, err := v.keys.Holder(ctx, blind)
		if err != nil {
			return nil, fmt.Errorf("find by %s: %w: %w", field, ErrKeyUnavailable, err)
		}
		if !ok {
			return nil, nil
		}
		return []string{r.Subject}, nil
	}
	out, err := v.keys.Find(ctx, field, blind, findLimit)
	if err != nil {
		return nil, fmt.Errorf("find by %s: %w: %w", field, ErrKeyUnavailable, err)
	}
	return out, nil
}

// Claim gives a thing of a kind to the first who claims it, for ever, and answers whose it is: a payment processor's
// transaction is one user's, whichever notification names it. The thing is kept as a keyed hash.
func (v *Vault) Claim(ctx context.Context, kind, thing, owner string) (holder string, err error) {
	message := lengthed(lengthed(nil, []byte(kind)), []byte(thing))
	holder, err = v.keys.Claim(ctx, Claim{Kind: "claim/" + kind, Thing: MAC(mac(v.claim, message)[:len(MAC{})]), Holder: owner})
	if err != nil {
		return "", fmt.Errorf("claim a %s: %w: %w", kind, ErrKeyUnavailable, err)
	}
	return holder, nil
}
