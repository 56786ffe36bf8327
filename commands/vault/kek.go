package vault

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
)

// KEK wraps keys under a master key that has generations. When a generation is dropped, all that was wrapped under it is lost
// for ever, in backups of the key store too: that is what makes a destruction final. Its methods may be called from many goroutines.
type KEK interface {
	// Wrap encrypts a key under the newest generation, bound to the given bytes.
	Wrap(ctx context.Context, key, bound []byte) (wrapped []byte, generation int, err error)
	// Unwrap is its reverse. It fails where the generation is not there or the bytes are not what was wrapped.
	Unwrap(ctx context.Context, generation int, wrapped, bound []byte) ([]byte, error)
	// Derive makes the 32-byte secret of a purpose; it is the same under all generations.
	Derive(purpose string) ([]byte, error)
	// Generations lists the generations that are there, the oldest first.
	Generations(ctx context.Context) ([]int, error)
	// Next makes a new generation, one above the newest, and answers it once it is stored for good.
	Next(ctx context.Context) (int, error)
	// Drop forgets a generation. The newest cannot be dropped; one that is not there already is.
	Drop(ctx context.Context, generation int) error
}

// ring is a master key in memory: a root from which lasting secrets derive, and the generations' own keys, which derive from
// nothing, so that a dropped one cannot be made again.
type ring struct {
	Root        []byte       `json:"root"`
	Generations []generation `json:"generations"` // the newest last
}

type generation struct {
	N   int    `json:"n"`
	Key []byte `json:"key"`
}

func newRing() ring {
	return ring{Root: random(keyLen), Generations: []generation{{1, random(keyLen)}}}
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func (r ring) newest() generation { return r.Generations[len(r.Generations)-1] }

func (r ring) numbers() []int {
	out := make([]int, len(r.Generations))
	for i, g := range r.Generations {
		out[i] = g.N
	}
	return out
}

// next and drop answer a changed copy.
func (r ring) next() ring {
	r.Generations = append(slices.Clone(r.Generations), generation{r.newest().N + 1, random(keyLen)})
	return r
}

func (r ring) drop(n int) (ring, error) {
	if n == r.newest().N {
		return r, fmt.Errorf("generation %d of the master key is in use", n)
	}
	r.Generations = slices.DeleteFunc(slices.Clone(r.Generations), func(g generation) bool { return g.N == n })
	return r, nil
}

func (r ring) wrap(key, bound []byte) ([]byte, int, error) {
	g := r.newest()
	aead, err := gcm(g.Key)
	if err != nil {
		return nil, 0, err
	}
	nonce := random(aead.NonceSize())
	return aead.Seal(nonce, nonce, key, bound), g.N, nil
}

// unwrap answers also whether the generation is there.
func (r ring) unwrap(n int, wrapped, bound []byte) (key []byte, there bool, err error) {
	i := slices.IndexFunc(r.Generations, func(g generation) bool { return g.N == n })
	if i < 0 {
		return nil, false, fmt.Errorf("generation %d of the master key is not there", n)
	}
	aead, err := gcm(r.Generations[i].Key)
	if err != nil {
		return nil, true, err
	}
	if len(wrapped) < aead.NonceSize() {
		return nil, true, fmt.Errorf("a wrapped key has only %d bytes", len(wrapped))
	}
	key, err = aead.Open(nil, wrapped[:aead.NonceSize()], wrapped[aead.NonceSize():], bound)
	if err != nil {
		return nil, true, fmt.Errorf("generation %d of the master key does not fit", n)
	}
	return key, true, nil
}

func (r ring) derive(purpose string) ([]byte, error) {
	secret, err := hkdf.Key(sha256.New, r.Root, nil, "kelisim/secret/1/"+purpose, keyLen)
	if err != nil {
		return nil, fmt.Errorf("derive a secret: %w", err)
	}
	return secret, nil
}

func gcm(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make a cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("make a cipher: %w", err)
	}
	return aead, nil
}

// MemoryKEK is a master key that is gone with the process, for tests.
type MemoryKEK struct {
	mu     sync.Mutex
	ring   ring
	broken error
}

var _ KEK = (*MemoryKEK)(nil)

func NewMemoryKEK() *MemoryKEK { return &MemoryKEK{ring: newRing()} }

// Break makes every later call but Derive fail with err, as a key service that is down does; nil mends it.
func (k *MemoryKEK) Break(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.broken = err
}

func (k *MemoryKEK) now() (ring, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ring, k.broken
}

func (k *MemoryKEK) Wrap(_ context.Context, key, bound []byte) ([]byte, int, error) {
	r, err := k.now()
	if err != nil {
		return nil, 0, err
	}
	return r.wrap(key, bound)
}

func (k *MemoryKEK) Unwrap(_ context.Context, generation int, wrapped, bound []byte) ([]byte, error) {
	r, err := k.now()
	if err != nil {
		return nil, err
	}
	key, _, err := r.unwrap(generation, wrapped, bound)
	return key, err
}

func (k *MemoryKEK) Derive(purpose string) ([]byte, error) {
	r, _ := k.now()
	return r.derive(purpose)
}

func (k *MemoryKEK) Generations(context.Context) ([]int, error) {
	r, err := k.now()
	if err != nil {
		return nil, err
	}
	return r.numbers(), nil
}

func (k *MemoryKEK) Next(context.Context) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.broken == nil {
		k.ring = k.ring.next()
	}
	return k.ring.newest().N, k.broken
}

func (k *MemoryKEK) Drop(_ context.Context, generation int) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.broken != nil {
		return k.broken
	}
	r, err := k.ring.drop(generation)
	k.ring = r
	return err
}
