package commands

import (
	"context"
	"fmt"
	"slices"
	"time"

	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/custody"
	"kelisim/domain/event"
)

// Custody is what was known of the master key's generations.
func (s *Service) Custody(ctx context.Context, known Known) (custody.State, error) {
	known, err := s.bounded(ctx, known)
	if err != nil {
		return custody.State{}, err
	}
	loaded, err := s.known(ctx, string(domain.CustodyStream), Custody, known)
	if err != nil {
		return custody.State{}, err
	}
	return loaded.state.(custody.State), nil
}

// RotateKeys makes a new generation of the master key, wraps every living key under it, and answers its number. It begins with what is to be
// destroyed: a key that the store cannot let go of stops the rotation, or it would live on under the new generation. An interrupted
// rotation loses nothing; the next one takes along what was left. The older generations stay until DropGenerations.
//
// Of the wish it takes the actor, the key and its scope, the revision of the record that the caller saw, and the correlation. The same key answers the same generation.
func (s *Service) RotateKeys(ctx context.Context, w Wish) (int, error) {
	s.rotating.Lock()
	defer s.rotating.Unlock()
	state, err := s.Custody(ctx, Known{})
	if err != nil {
		return 0, err
	}
	there, err := s.Vault.Generations(ctx)
	if err != nil {
		return 0, err
	}
	for _, g := range there { // a generation that nobody announced counts from now on, so that it is dropped in its turn
		if g > state.Newest() {
			if _, err := s.keep(ctx, Wish{Actor: w.Actor}, "begin-rotation", &custody.BeginRotation{Generation: g}); err != nil {
				return 0, err
			}
		}
	}
	next := max(state.Newest(), slices.Max(there)) + 1
	begun, err := s.keep(ctx, w, "begin-rotation", &custody.BeginRotation{Generation: next})
	if err != nil {
		return 0, err
	}
	if begun.Repeated {
		for _, g := range state.Generations() {
			if g.Rotated.Event != "" && slices.Contains(begun.Events, g.Begun.Event) {
				return g.N, nil
			}
		}
		w.Key, w.IfRevision = "", nil // the first attempt was cut short
		if _, err := s.keep(ctx, w, "begin-rotation", &custody.BeginRotation{Generation: next}); err != nil {
			return 0, err
		}
	}
	if err := s.ReconcileKeys(ctx); err != nil {
		return 0, err
	}
	made, err := s.Vault.RotateTo(ctx, next)
	if err != nil {
		return 0, err
	}
	if made != next {
		return 0, domain.Refuse(domain.Unavailable, "unavailable", "another process rotated the master key at the same time; try again")
	}
	w.Key, w.IfRevision = "", nil
	_, err = s.keep(ctx, w, "finish-rotation", &custody.FinishRotation{Generation: made})
	return made, err
}

// keep records a fact about the master key.
func (s *Service) keep(ctx context.Context, w Wish, command string, body any) (Done, error) {
	w.Command, w.Body = command, body
	done, err := s.do(ctx, w)
	if err != nil {
		return done, fmt.Errorf("record what becomes of the master key: %w", err)
	}
	return done, nil
}

// DropGenerations drops the generations that no living key has needed for as long as copies of the key store are kept, and answers them. The
// record follows the deed: a crash between the two is mended by the next call.
func (s *Service) DropGenerations(ctx context.Context, retention time.Duration, actor event.Actor) ([]int, error) {
	s.rotating.Lock()
	defer s.rotating.Unlock()
	state, err := s.Custody(ctx, Known{})
	if err != nil {
		return nil, err
	}
	there, err := s.Vault.Generations(ctx)
	if err != nil {
		return nil, err
	}
	var dropped []int
	for _, g := range state.Generations() {
		since, ok := state.Superseded(g.N)
		gone := g.Dropped.Event != ""
		if !ok || gone && !slices.Contains(there, g.N) || !gone && s.now().Before(since.Add(retention)) {
			continue
		}
		if err := s.Vault.DropGeneration(ctx, g.N); err != nil {
			return dropped, err
		}
		if _, err := s.keep(ctx, Wish{Actor: actor}, "drop-generation", &custody.DropGeneration{Generation: g.N}); err != nil {
			return dropped, err
		}
		dropped = append(dropped, g.N)
	}
	return dropped, nil
}

// ReconcileKeys destroys again what the journal says is destroyed: a key store that was put back from a backup loses those keys, and so does one that
// failed when it was asked. It reads the whole journal, and writes nothing where nothing is amiss.
func (s *Service) ReconcileKeys(ctx context.Context) error {
	for r, err := range s.Journal.Store.ReadAll(ctx, 0) {
		if err != nil {
			return fmt.Errorf("read which keys are destroyed: %w", err)
		}
		if err := s.ReconcileRecord(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// ReconcileRecord destroys again what one record says is destroyed, if it says so of anything.
func (s *Service) ReconcileRecord(ctx context.Context, r journal.Record) error {
	if r.Type != "account.depersonalised" && r.Type != "account.destroyed" {
		return nil
	}
	e, err := s.Journal.Decode(r)
	if err != nil {
		return fmt.Errorf("read which keys are destroyed: %w", err)
	}
	as, ids := domain.Depersonalised, []string(nil)
	switch e := e.Data.(type) {
	case account.Depersonalised:
		ids = e.Keys
	case account.Destroyed:
		as, ids = domain.Destroyed, e.Keys
	}
	if err := s.Vault.Reconcile(ctx, subjectOf(e.Stream), as, ids...); err != nil {
		return fmt.Errorf("destroy keys again: %w", err)
	}
	return nil
}

// ReconcileCustody holds the master key and the key store against the record before they are used: what was dropped stays dropped, also when an
// older master key is put back together with an older key store; then every key is wrapped anew first. A master key that is older than
// its key store is refused, since it reads nothing and would wrap new keys under a generation that is known to be gone. A key store whose keys
// nobody can unwrap any more, because it is older than what was dropped, is told of in the log: its values read as key-unavailable.
func (s *Service) ReconcileCustody(ctx context.Context) error {
	state, err := s.Custody(ctx, Known{})
	if err != nil {
		return err
	}
	there, err := s.Vault.Generations(ctx)
	if err != nil {
		return err
	}
	oldest, any, err := s.Vault.OldestWrapped(ctx)
	if err != nil {
		return err
	}
	if any && !slices.Contains(there, oldest) {
		if oldest > slices.Max(there) {
			return domain.Refuse(domain.Unavailable, "key-unavailable", "the master key is older than the key store, which needs its generation %d: put back its newest copy", oldest)
		}
		if s.Log != nil {
			s.Log.Error("the key store is older than a generation of the master key that was dropped: personal data from before it cannot be read; put back a newer key store", "generation", oldest)
		}
		return nil
	}
	if inUse := state.InUse(); slices.Max(there) < inUse || any && oldest < inUse {
		if _, err := s.RotateKeys(ctx, Wish{Actor: event.Actor{Kind: "system", ID: "custody"}}); err != nil {
			return fmt.Errorf("wrap the keys anew: %w", err)
		}
	}
	again := slices.DeleteFunc(state.Generations(), func(g custody.Generation) bool {
		return g.Dropped.Event == "" || !slices.Contains(there, g.N)
	})
	for _, g := range again {
		if err := s.Vault.DropGeneration(ctx, g.N); err != nil {
			return err
		}
	}
	return nil
}
