// Package vault makes personal data erasable although the journal never changes: each value is sealed under a key of its own person
// before it is stored, and destroying the key destroys the value, in every copy of the journal there is (P-1.5, P-2.5).
//
// A person (or a letter, or any other thing that texts are about) is a subject, and has one key for each domain.Class. Keys is the port
// that keeps the keys, wrapped under a KEK; commands/sqlite keeps them in a file, commands/postgres in a database. The same store holds what must not stand in
// the journal even as a hash: who holds a login, and the blind indexes by which a person is found. Both are keyed hashes, so
// that a copy of the store alone tells nothing.
//
// What the vault promises, and what holds it:
//   - nothing of a value can be read from its sealed form or from the key store: TestNothingInClear, TestKeysFileShowsNothing
//   - a sealed value opens only where it was sealed, in that event, version and field: TestBoundToItsPlace, TestEveryBitIsHeld
//   - a destroyed key reads as destroyed or depersonalised, and a key that cannot be had now never does: TestKeyUnavailable
//   - one field can be shown to an auditor without any other, and not falsely: TestDisclosure
//   - a login is held by one subject, whoever races for it: TestOneLoginWins
//
// A value is bound to the JSON path of its field and to the event's stored version. An upcast must therefore leave personal
// fields under the path that they were stored with.
package vault

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"kelisim/domain"
)

var (
	// ErrKeyUnavailable: a key cannot be had now, because the key store or the master key does not answer or does not fit.
	// Nothing follows from it about the value.
	ErrKeyUnavailable = domain.Refuse(domain.Unavailable, "key-unavailable", "the keys to personal data cannot be had now")
	// ErrErased: the subject's key was destroyed, and nothing more can be sealed under it.
	ErrErased = domain.Refuse(domain.Conflict, "destroyed", "the keys to this personal data were destroyed")
)

// Vault seals and opens. It may be used from many goroutines. Set the fields before first use.
type Vault struct {
	Now func() time.Time // the clock; New sets time.Now
	// CacheSize is how many subjects' unwrapped keys are kept in memory; New sets 4096. Where other processes use the key store too it must be 0: what one of them
	// destroys is then destroyed for all (TestDestroyedByAnother).
	CacheSize int

	keys     Keys
	kek      KEK
	instance string
	cache    cache

	index                   map[Field][]byte
	claim, fingerprint, ids []byte

	// epoch keeps a key from being wrapped under a generation that RotateTo has just left behind.
	epoch sync.RWMutex

	doomed doomed

	mu      sync.Mutex
	pending Change       // confirmations and releases that ride along with the next change
	freeing sync.RWMutex // held alone by a change that releases
}

// cacheFor is how long an unwrapped key stays in memory.
const cacheFor = 5 * time.Minute

// New makes the vault over a key store and the master key that the store was first used with. Another master key is
// refused with ErrKeyUnavailable, since under it every login would look free.
func New(ctx context.Context, keys Keys, kek KEK) (*Vault, error) {
	v := &Vault{Now: time.Now, CacheSize: 4096, keys: keys, kek: kek, instance: uuid.NewString(), index: map[Field][]byte{}}
	var check []byte
	for purpose, into := range map[string]*[]byte{"claim": &v.claim, "fingerprint": &v.fingerprint, "command-id": &v.ids, "check": &check} {
		if err := v.derive(purpose, into); err != nil {
			return nil, err
		}
	}
	for field := range normal {
		var secret []byte
		if err := v.derive("index/"+string(field), &secret); err != nil {
			return nil, err
		}
		v.index[field] = secret
	}
	mark := hex.EncodeToString(check)
	stored, err := keys.Claim(ctx, Claim{Kind: "master-key", Holder: mark})
	if err != nil {
		return nil, fmt.Errorf("compare the master key: %w: %w", ErrKeyUnavailable, err)
	}
	if stored != mark {
		return nil, fmt.Errorf("the master key is not the one that this key store was made with: %w", ErrKeyUnavailable)
	}
	return v, nil
}

func (v *Vault) derive(purpose string, into *[]byte) error {
	secret, err := v.kek.Derive(purpose)
	if err != nil {
		return fmt.Errorf("derive the %s secret: %w: %w", purpose, ErrKeyUnavailable, err)
	}
	*into = secret
	return nil
}

// Instance names this process in the reservations that it makes.
func (v *Vault) Instance() string { return v.instance }

// Fingerprint is a keyed hash of a command's body, 32 hex digits: equal bodies have equal ones, and without the master
// key nothing can be tried against it.
func (v *Vault) Fingerprint(body []byte) string {
	return hex.EncodeToString(mac(v.fingerprint, body)[:16])
}

// CommandID derives an id from the parts that name a command (a credential, a path, an idempotency key), so that the same
// command has the same id, and the id tells nothing of a key that a caller made of personal data. It is a version 8 UUID.
func (v *Vault) CommandID(parts ...string) uuid.UUID {
	var id uuid.UUID
	var message []byte
	for _, part := range parts {
		message = lengthed(message, []byte(part))
	}
	copy(id[:], mac(v.ids, message))
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id
}

func mac(key []byte, message []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(message)
	return h.Sum(nil)
}
