package tlog

import "context"

// Consistency is what a bundle says of two sizes under the newest checkpoint.
func (r *Reader) Consistency(ctx context.Context, from, to int64) ([]byte, error) {
	c, err := r.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	return r.consistency(ctx, c, from, to)
}
