package access

import (
	"context"
	"errors"
	"fmt"
)

// ErrOther: a store to copy into has a token that the one to copy from does not have so.
var ErrOther = errors.New("it holds other tokens")

// Copy carries every record of one store into another, and answers how many there are; callers go on with the tokens that they have. A copy that was cut short is
// gone on with by the same call. ErrOther, wrapped: something else stands in the other store. Nobody else may change either meanwhile.
func Copy(ctx context.Context, from, to Store) (int, error) {
	records, err := from.List(ctx)
	if err != nil {
		return 0, fmt.Errorf("read the tokens to copy: %w", err)
	}
	for _, r := range records {
		if err := copyOne(ctx, to, r); err != nil {
			return 0, fmt.Errorf("copy the token %s: %w", r.ID, err)
		}
	}
	made, err := to.List(ctx)
	if err != nil {
		return 0, fmt.Errorf("read the copied tokens: %w", err)
	}
	if len(made) != len(records) {
		return 0, fmt.Errorf("%w: %d, where %d were copied", ErrOther, len(made), len(records))
	}
	for i, r := range records {
		if made[i] != r {
			return 0, fmt.Errorf("%w: the token %s is not as it was", ErrOther, r.ID)
		}
	}
	return len(records), nil
}

// copyOne brings one record to where it was. Those before it are: so of its name none is live but itself.
func copyOne(ctx context.Context, to Store, r Record) error {
	stands, found, err := to.Find(ctx, r.ID)
	if err != nil {
		return err
	}
	if !found {
		fresh := r
		fresh.RevokedAt, fresh.LastUsedAt = stands.RevokedAt, stands.LastUsedAt
		if err := to.Insert(ctx, fresh); errors.Is(err, ErrNameTaken) {
			return fmt.Errorf("%w: one of its name", ErrOther)
		} else if err != nil {
			return err
		}
	}
	if !r.RevokedAt.IsZero() && stands.RevokedAt.IsZero() {
		if _, err := to.Revoke(ctx, r.Name, r.RevokedAt); err != nil {
			return err
		}
	}
	if r.LastUsedAt.Equal(stands.LastUsedAt) {
		return nil
	}
	return to.Touch(ctx, r.ID, r.LastUsedAt)
}
