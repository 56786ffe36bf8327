package vault

import (
	"context"
	"fmt"
	"slices"
	"sync"

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
// The wrapped key is gone from the store's file at once, and from its older backups when RotateTo and DropGeneration have followed.
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
	v.doomed.add(d)
	ids, err := v.keys.Destroy(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("destroy keys of %s: %w: %w", d.Subject, ErrKeyUnavailable, err)
	}
	v.doomed.done(d)
	return ids, nil
}

// Outstanding is how many destructions were asked for that the key store has not carried out. What they destroy reads as destroyed all the same,
// as long as this process lives; Reconcile does it for the next one (TestOutstandingDestruction).
func (v *Vault) Outstanding() int { return len(v.doomed.list()) }

// Retry asks the key store again for every destruction that is outstanding. One that fails does not keep the others from it.
func (v *Vault) Retry(ctx context.Context) error {
	var faults error
	for _, d := range v.doomed.list() {
		if _, err := v.destroy(ctx, d); err != nil && faults == nil { // the first tells enough
			faults = err
		}
	}
	return faults
}

// doomed are the destructions that are under way or have failed.
type doomed struct {
	mu  sync.Mutex
	all []Destruction
}

func (d *doomed) add(one Destruction) {
	d.done(one)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(slices.Clip(d.all), one)
}

func (d *doomed) done(one Destruction) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = slices.DeleteFunc(slices.Clone(d.all), one.same)
}

func (d *doomed) list() []Destruction {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.all
}

// same tells whether another destruction asks for the same.
func (d Destruction) same(other Destruction) bool {
	return d.Subject == other.Subject && d.As == other.As && slices.Equal(d.Classes, other.Classes) && slices.Equal(d.IDs, other.IDs)
}

// of tells how a key reads that is to be destroyed; false if nobody asked for that.
func (d *doomed) of(k Key) (domain.PersonalState, bool) {
	for _, one := range d.list() {
		if one.Subject == k.Subject && (slices.Contains(one.Classes, k.Class) || slices.Contains(one.IDs, k.ID)) {
			return one.As, true
		}
	}
	return "", false
}

// rotatePage is how many keys are wrapped anew in one write.
const rotatePage = 512

// RotateTo makes a new generation of the master key, wraps every living key under it, and answers its number. That is at least the one asked
// for: after an older master key was put back, numbers that were used go unused; 0 asks for the next. A rotation that was cut
// short loses nothing: keys open under either generation, and the next one takes along what was left. The older
// generations stay until DropGeneration.
func (v *Vault) RotateTo(ctx context.Context, number int) (generation int, err error) {
	v.epoch.Lock()
	for err == nil && (generation == 0 || generation < number) {
		generation, err = v.kek.Next(ctx)
	}
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

// Generations lists the generations of the master key that are there, the oldest first.
func (v *Vault) Generations(ctx context.Context) ([]int, error) {
	all, err := v.kek.Generations(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeyUnavailable, err)
	}
	return all, nil
}

// OldestWrapped is the generation under which the key is wrapped that was made first of those that live; false where none lives. A complete rotation
// takes every key along, so that in a key store from before it this one is behind.
func (v *Vault) OldestWrapped(ctx context.Context) (generation int, any bool, err error) {
	first, err := v.keys.Live(ctx, "", 1)
	if err != nil {
		return 0, false, fmt.Errorf("look at the oldest key: %w: %w", ErrKeyUnavailable, err)
	}
	if len(first) == 0 {
		return 0, false, nil
	}
	return first[0].Generation, true, nil
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
