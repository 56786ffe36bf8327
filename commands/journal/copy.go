package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
)

// ErrOther: the journal to copy into holds something that the one to copy from does not.
var ErrOther = errors.New("it is not a copy of the other journal")

// Copy carries every record of one journal into another, in the order of its positions and byte for byte, recorded_at included. What the other
// holds already is compared and not written again, so that a copy that was cut short goes on where it stopped; whatever else stands there is
// ErrOther, wrapped, and nothing is written. Records whose stream keep refuses are passed over on both sides. each is told of every record that
// stands on both sides, as it is read from the first.
//
// Nobody else may write to either. Appends go one after another, since only so their order is that of the first journal.
func Copy(ctx context.Context, from, to Store, keep func(stream string) bool, each func(Record)) error {
	there, stop := iter.Pull2(kept(to.ReadAll(ctx, 0), keep))
	defer stop()
	group := make([]Record, 0, 16)
	size, beyond := 0, false
	flush := func() error {
		if len(group) == 0 {
			return nil
		}
		err := again(ctx, to, group)
		for _, r := range group {
			if err == nil {
				each(r)
			}
		}
		group, size = group[:0], 0
		return err
	}
	for r, err := range kept(from.ReadAll(ctx, 0), keep) {
		if err != nil {
			return fmt.Errorf("read the journal to copy: %w", err)
		}
		if !beyond {
			held, err, ok := there()
			switch {
			case err != nil:
				return fmt.Errorf("read what is copied already: %w", err)
			case ok && !same(r, held):
				return fmt.Errorf("compare what is copied already: %w: at position %d stands %s revision %d", ErrOther, held.Position, held.Stream, held.Revision)
			case ok:
				each(r)
				continue
			}
			beyond = true
		}
		n := len(r.Data) + len(r.Meta)
		if last := len(group) - 1; last >= 0 && (r.Stream != group[last].Stream || !r.RecordedAt.Equal(group[last].RecordedAt) || last+1 == MaxAppendEvents || size+n >= MaxAppendBytes) {
			if err := flush(); err != nil {
				return err
			}
		}
		group, size = append(group, r), size+n
	}
	if held, err, ok := there(); !beyond && (ok || err != nil) {
		if err == nil {
			err = fmt.Errorf("%w: it goes on with %s revision %d", ErrOther, held.Stream, held.Revision)
		}
		return fmt.Errorf("compare what is copied already: %w", err)
	}
	return flush()
}

func kept(all iter.Seq2[Record, error], keep func(string) bool) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for r, err := range all {
			if (err != nil || keep(r.Stream)) && !yield(r, err) {
				return
			}
		}
	}
}

func same(a, b Record) bool {
	return a.ID == b.ID && a.Stream == b.Stream && a.Revision == b.Revision && a.Type == b.Type && bytes.Equal(a.Data, b.Data) && bytes.Equal(a.Meta, b.Meta)
}

// again appends records as they stood. An outcome that nobody knows is asked about with the same ids.
func again(ctx context.Context, to Store, group []Record) error {
	records := make([]NewRecord, len(group))
	for i, r := range group {
		meta, err := Unstamp(r.Meta)
		if err != nil {
			return fmt.Errorf("copy %s revision %d: %w", r.Stream, r.Revision, err)
		}
		records[i] = NewRecord{ID: r.ID, Type: r.Type, Data: r.Data, Meta: meta, RecordedAt: r.RecordedAt}
	}
	_, err := to.Append(ctx, group[0].Stream, group[0].Revision-1, records)
	if errors.Is(err, ErrUnknown) {
		_, err = to.Append(ctx, group[0].Stream, group[0].Revision-1, records)
	}
	if err != nil {
		return fmt.Errorf("copy %s from revision %d: %w", group[0].Stream, group[0].Revision, err)
	}
	return nil
}
