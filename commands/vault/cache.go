package vault

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"

	"kelisim/domain"
)

// heldKey is one subject's key, unwrapped if it lives.
type heldKey struct {
	id     string
	class  domain.Class
	state  domain.PersonalState
	secret [keyLen]byte
	err    error // why a living key could not be unwrapped
}

// cache keeps subjects' unwrapped keys for a while, the least recently used going first. What it answers is shared and not changed.
type cache struct {
	mu     sync.Mutex
	of     map[string]*list.Element
	recent list.List // of *cached, the newest first
	purges uint64
}

type cached struct {
	subject string
	keys    []heldKey
	until   time.Time
}

func (c *cache) get(subject string, now time.Time) ([]heldKey, uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.of[subject]
	if !ok {
		return nil, c.purges
	}
	entry := e.Value.(*cached)
	if now.After(entry.until) || now.Before(entry.until.Add(-cacheFor)) {
		c.remove(e)
		return nil, c.purges
	}
	c.recent.MoveToFront(e)
	return entry.keys, c.purges
}

// put keeps keys that were read after asked, unless a purge came between: they may be destroyed.
func (c *cache) put(subject string, keys []heldKey, now time.Time, asked uint64, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.purges != asked || size <= 0 {
		return
	}
	if c.of == nil {
		c.of = map[string]*list.Element{}
	}
	if e, ok := c.of[subject]; ok {
		c.remove(e)
	}
	c.of[subject] = c.recent.PushFront(&cached{subject, keys, now.Add(cacheFor)})
	for c.recent.Len() > size {
		c.remove(c.recent.Back())
	}
}

func (c *cache) remove(e *list.Element) {
	delete(c.of, c.recent.Remove(e).(*cached).subject)
}

func (c *cache) purge(subject string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.purges++
	if e, ok := c.of[subject]; ok {
		c.remove(e)
	}
}

// heldBy answers a subject's keys, never nil, from memory or from the store. A key that cannot be unwrapped says so itself, and is
// not kept, so that it is tried again.
func (v *Vault) heldBy(ctx context.Context, subject string) ([]heldKey, error) {
	now := v.Now()
	held, asked := v.cache.get(subject, now)
	if held != nil {
		return held, nil
	}
	keys, err := v.keys.KeysOf(ctx, subject)
	if err != nil {
		return nil, fmt.Errorf("read the keys of %s: %w: %w", subject, ErrKeyUnavailable, err)
	}
	held = make([]heldKey, 0, len(keys))
	whole := len(keys) > 0
	for _, k := range keys {
		h := heldKey{id: k.ID, class: k.Class, state: k.State}
		if as, ok := v.doomed.of(k); ok && k.State == domain.Available {
			h.state = as
		}
		if h.state == domain.Available {
			h.secret, h.err = v.unwrap(ctx, k)
			whole = whole && h.err == nil
		}
		held = append(held, h)
	}
	if whole {
		v.cache.put(subject, held, now, asked, v.CacheSize)
	}
	return held, nil
}

// A wrapped key is bound to its row, so that the store cannot give one subject's key for another's.
func (k Key) bound() []byte {
	b := lengthed([]byte("kelisim/dek/1"), []byte(k.ID))
	b = lengthed(b, []byte(k.Subject))
	return lengthed(b, []byte(k.Class))
}

func (v *Vault) unwrap(ctx context.Context, k Key) (secret [keyLen]byte, err error) {
	b, err := v.kek.Unwrap(ctx, k.Generation, k.Wrapped, k.bound())
	if err != nil {
		return secret, fmt.Errorf("unwrap key %s: %w", k.ID, err)
	}
	if copy(secret[:], b) != keyLen || len(b) != keyLen {
		return secret, fmt.Errorf("unwrap key %s: it has %d bytes", k.ID, len(b))
	}
	return secret, nil
}

func (v *Vault) wrap(ctx context.Context, k Key, secret []byte) (Key, error) {
	var err error
	k.Wrapped, k.Generation, err = v.kek.Wrap(ctx, secret, k.bound())
	if err != nil {
		return k, fmt.Errorf("wrap a key: %w: %w", ErrKeyUnavailable, err)
	}
	return k, nil
}
