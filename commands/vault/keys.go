package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kelisim/domain"
)

// Keys is the store of wrapped keys, blind indexes and unique holdings. It sees no key and no value in clear: only ids, keyed
// hashes and what a KEK has wrapped. Every method may be called from many goroutines; what a method wrote is durable when it returns,
// and what it took away cannot be read from the store's file any more. Its contract is vaulttest.
type Keys interface {
	// Apply carries out a change, all of it or none. It answers the keys, as they now stand, of the subject whose
	// keys the change makes. *TakenError: a login is another subject's. ErrErased: the subject's identity key was destroyed.
	Apply(ctx context.Context, c Change) ([]Key, error)
	// Claim gives a thing to its first claimant for ever, and answers who that is. A claim that stands writes nothing.
	Claim(ctx context.Context, c Claim) (holder string, err error)
	// Destroy takes wrapped keys away and lists them as destroyed for good. It answers the ids of all keys that it was asked
	// for, those that were destroyed before included.
	Destroy(ctx context.Context, d Destruction) (ids []string, err error)
	// Rewrap stores the given keys' wrapped form and generation where the key still lives under an older generation.
	Rewrap(ctx context.Context, keys []Key) error

	// KeysOf lists a subject's keys, destroyed ones too, in the order of their ids.
	KeysOf(ctx context.Context, subject string) ([]Key, error)
	// Key finds one, destroyed or not: ErrNoKey if it was never there.
	Key(ctx context.Context, id string) (Key, error)
	// Live pages through the living keys in the order of their ids, from after the given one ("" is before the first).
	Live(ctx context.Context, after string, limit int) ([]Key, error)
	// Holder tells who holds a login, and whether anybody does.
	Holder(ctx context.Context, login MAC) (Reservation, bool, error)
	// Unconfirmed lists logins that were reserved before a moment and not confirmed since, the oldest first.
	Unconfirmed(ctx context.Context, before time.Time, limit int) ([]Reservation, error)
	// Find lists the subjects with a search entry, in the order of their names.
	Find(ctx context.Context, field Field, value MAC, limit int) ([]string, error)

	Close() error
}

// MAC is a keyed hash of a normalised value; keyed apart for each field.
type MAC [16]byte

// Key is one subject's key of one class.
type Key struct {
	ID         string
	Subject    string
	Class      domain.Class
	Generation int                  // of the master key that it is wrapped under
	Wrapped    []byte               // nil once destroyed
	State      domain.PersonalState // Available, Depersonalised or Destroyed
	At         time.Time            // when it was destroyed, to the microsecond, UTC
}

// Change is what one Apply does, in this order.
type Change struct {
	Confirm []Holding     // the reservation is in the journal: it is no longer listed as unconfirmed
	Release []Holding     // the login is free again
	Drop    []Holding     // the same if it is unconfirmed; a subject left without any login loses its search entries
	Reserve []Reservation // the login becomes the subject's; one that it holds already stays as it is
	Keys    []Key         // one subject's new keys; a subject that has keys keeps those
	Index   []Entry
	Unindex []Entry
}

// Holding names a login as one subject's. Where it is another's, nothing happens to it.
type Holding struct {
	Login   MAC
	Subject string
}

// Reservation is a login's one holder.
type Reservation struct {
	Login      MAC
	Subject    string
	ReservedAt time.Time // to the microsecond, UTC
	Instance   string    // of the process that reserved it
	Confirmed  bool
}

// Entry lets a subject be found by a value.
type Entry struct {
	Field   Field
	Value   MAC
	Subject string
}

// Claim is a thing of a kind and who claims it.
type Claim struct {
	Kind   string
	Thing  MAC
	Holder string
}

// Destruction names keys by class or by id, and how they are to read from then on. As Destroyed, the keys that the subject lost
// before read as destroyed too.
type Destruction struct {
	Subject string
	Classes []domain.Class
	IDs     []string // also ids that the store never had, so that a restored old store learns of them
	As      domain.PersonalState
	At      time.Time
	Forget  bool // the subject's logins and search entries go too
}

// ErrNoKey: the store never had this key.
var ErrNoKey = errors.New("no such key")

// TakenError: a login is held by another subject.
type TakenError struct{ Reservation }

func (e *TakenError) Error() string {
	return fmt.Sprintf("the login is held by %s since %s", e.Subject, e.ReservedAt.UTC().Format(time.RFC3339))
}
