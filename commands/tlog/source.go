package tlog

import (
	"context"
	"errors"
	"iter"

	"kelisim/commands/journal"
	"kelisim/commands/tlog/verify"
)

// NewSource hands a journal and a log's store to the verifier. It only reads.
func NewSource(j journal.Store, s Store) verify.Source { return source{j, s} }

type source struct {
	journal journal.Store
	store   Store
}

func (s source) Head(ctx context.Context) (int64, error) {
	position, _, err := s.journal.Head(ctx)
	return position, err
}

func (s source) Records(ctx context.Context) iter.Seq2[verify.Record, error] {
	return records(s.journal.ReadAll(ctx, 0))
}

func (s source) Stream(ctx context.Context, stream string) iter.Seq2[verify.Record, error] {
	return records(s.journal.ReadStream(ctx, stream, 0))
}

func records(all iter.Seq2[journal.Record, error]) iter.Seq2[verify.Record, error] {
	return func(yield func(verify.Record, error) bool) {
		for r, err := range all {
			if !yield(verify.Record{Event: EventOf(r), Position: r.Position}, err) {
				return
			}
		}
	}
}

func (s source) Newest(ctx context.Context) ([]byte, error) {
	state, err := s.store.State(ctx)
	if err != nil || state.Signed.Size == 0 {
		return nil, err
	}
	return state.Signed.Full(), nil
}

func (s source) Witnessed(ctx context.Context) ([]byte, error) {
	c, err := (&Reader{store: s.store}).Witnessed(ctx)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return c.Full(), err
}

func (s source) Checkpoints(ctx context.Context) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for c, err := range s.store.Checkpoints(ctx, 0) {
			if !yield(c.Full(), err) {
				return
			}
		}
	}
}

func (s source) Tile(ctx context.Context, level int, n int64) ([]byte, error) {
	data, err := s.store.Tile(ctx, level, n)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return data, err
}

func (s source) Keys(ctx context.Context) ([]byte, error) {
	keys, err := s.store.Keys(ctx)
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	return PolicyText(keys), nil
}
