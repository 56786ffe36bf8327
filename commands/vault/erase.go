package vault

import (
	"context"
	"fmt"
	"slices"

	"kelisim/domain"
)

// KeyIDs lists the ids of a subject's keys of some classes, destroyed ones too: what the event names that records their destruction.
// Append that event first, then Destroy: after a crash between the two Reconcile finishes the work.
func (v *Vault) KeyIDs(ctx context.Context, subject string, of ...domain.Class) ([]string, error) {
	keys, err := v.keys.KeysOf(ctx, subject)
	if err != nil {
		return nil, fmt.Errorf("list the keys of %s: %w: %w", subject, ErrKeyUnavailable, err)
	}
	var ids []string
	for _, k := range keys {
		if slices.Contains(of, k.Class) {
			ids = append(ids, k.ID)
		}
	}
	return ids, nil
}

// Destroy destroys a subject's keys of some classes, for good, and answers their ids (P-1.5). as is how the values will read:
// domain.Depersonalised or domain.Destroyed. With the identity key go the subject's logins, which become free, and its search entries;
// what it has claimed stays claimed. Doing it again changes nothing.
//
// The wrapped key is gone from the store's file at once, and from its older backups when Rotate and DropGeneration have followed.
func (v *Vault) Destroy(ctx context.Context, subject string, as domain.PersonalState, of ...domain.Class) ([]string, error) {
	return v.destroy(ctx, Destruction{Subject: subject, Classes: of, As: as, Forget: slices.Contains(of, domain.Identity)})
}

// Reconcile destroys again the keys that the journal says are destroyed, when an older key store was restored, or when a crash came between
// the event and the deed. It writes nothing where nothing is amiss; call it for each such event before serving.
func (v *Vault) Reconcile(ctx context.Context, subject string, as domain.PersonalState, ids ...string) error {
	keys, err := v.keys.KeysOf(ctx, subject)
	if err != nil {
		return fmt.Errorf("reconcile %s: %w: %w", subject, ErrKeyUnavailable, err)
	}
	d := Destruction{Subject: subject, As: as}
	for _, id := range ids {
		done := slices.ContainsFunc(keys, func(k Key) bool {
			return k.ID == id && (k.State == domain.Destroyed || k.State == as)
		})
		if !done {
			d.IDs = append(d.IDs, id)
			d.Forget = d.Forget || id == kidOf(id[:max(0, len(id)-2)], domain.Identity)
		}
	}
	if len(d.IDs) == 0 {
		return nil
	}
	_, err = v.destroy(ctx, d)
	return err
}

func (v *Vault) destroy(ctx context.Context, d Destruction) ([]string, error) {
	if d.As != domain.Destroyed && d.As != domain.Depersonalised {
		return nil, fmt.Errorf("destroy keys of %s: they cannot read as %q", d.Subject, d.As)
	}
	d.At = v.Now()
	// After the deed no reader that began before it may leave a key in memory; on failure it is not known what was done.
	defer v.cache.purge(d.Subject)
	ids, err := v.keys.Destroy(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("destroy keys of %s: %w: %w", d.Subject, ErrKeyUnavailable, err)
	}
	return ids, nil
}

// rotatePage is how many keys are wrapped anew in one write.
const rotatePage = 512

// Rotate makes a new generation of the master key, wraps every living key under it, and answers its number. A rotation that was cut
// short loses nothing: keys open under either generation, and the next one takes along what was left. The older
// generations stay until DropGeneration.
func (v *Vault) Rotate(ctx context.Context) (generation int, err error) {
	v.epoch.Lock()
	generation, err = v.kek.Next(ctx)
	v.epoch.Unlock()
	if err != nil {
		return 0, fmt.Errorf("rotate: %w: %w", ErrKeyUnavailable, err)
	}
	err = v.eachLive(ctx, func(page []Key) error {
		var anew []Key
		for _, k := range page {
			if k.Generation >= generation {
				continue
			}
			secret, err := v.unwrap(ctx, k)
			if err != nil {
				return fmt.Errorf("%w: %w", ErrKeyUnavailable, err)
			}
			if k, err = v.wrap(ctx, k, secret[:]); err != nil {
				return err
			}
			anew = append(anew, k)
		}
		if len(anew) == 0 {
			return nil
		}
		if err := v.keys.Rewrap(ctx, anew); err != nil {
			return fmt.Errorf("%w: %w", ErrKeyUnavailable, err)
		}
		return nil
	})
	if err != nil {
		return generation, fmt.Errorf("rotate to generation %d: %w", generation, err)
	}
	return generation, nil
}

// DropGeneration forgets an old generation of the master key, so that what backups of the key store hold of destroyed keys can
// never be unwrapped. It refuses while a living key needs the generation. Keep it as long as such backups may be restored.
func (v *Vault) DropGeneration(ctx context.Context, generation int) error {
	err := v.eachLive(ctx, func(page []Key) error {
		if slices.ContainsFunc(page, func(k Key) bool { return k.Generation == generation }) {
			return fmt.Errorf("living keys are wrapped under it: rotate first")
		}
		return nil
	})
	if err == nil {
		err = v.kek.Drop(ctx, generation)
	}
	if err != nil {
		return fmt.Errorf("drop generation %d: %w", generation, err)
	}
	return nil
}

func (v *Vault) eachLive(ctx context.Context, visit func(page []Key) error) error {
	after := ""
	for {
		page, err := v.keys.Live(ctx, after, rotatePage)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrKeyUnavailable, err)
		}
		if len(page) == 0 {
			return nil
		}
		if err := visit(page); err != nil {
			return err
		}
		after = page[len(page)-1].ID
	}
}
