package journal

import (
	"context"
	"fmt"
)

// Follow applies every record after a position, in order, each once: those that stand, and then each as it comes, until
// the context ends, the store fails, or apply does. It answers why it stopped and never nil.
//
// It stops at the first error of apply, because to skip an event would make every later answer wrong; the follower starts again
// from its own cursor, so an event may be applied again after a stop, but none is left out. That no revision is missing from a
// stream is for the follower of the Merkle log to check: it knows every stream.
func Follow(ctx context.Context, store Store, after int64, apply func(Record) error) error {
	for {
		for r, err := range store.ReadAll(ctx, after) {
			if err != nil {
				return fmt.Errorf("follow the journal after %d: %w", after, err)
			}
			if r.Position <= after {
				return fmt.Errorf("follow the journal: position %d came after %d", r.Position, after)
			}
			if err := apply(r); err != nil {
				return fmt.Errorf("apply %s at position %d: %w", r.Type, r.Position, err)
			}
			after = r.Position
		}
		if err := store.Wait(ctx, after); err != nil {
			return fmt.Errorf("follow the journal after %d: %w", after, err)
		}
	}
}
