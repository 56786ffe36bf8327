package tlog_test

import (
	"context"
	"iter"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"kelisim/commands/journal"
	ledgerlog "kelisim/commands/tlog"
	"kelisim/commands/tlog/tree"
)

// plain makes the root of a journal by the definition: every record that counts, in order, each naming the one before it.
func plain(t testing.TB, j journal.Store) tlog.Tree {
	t.Helper()
	last := map[string]tree.Hash{}
	var e tree.Edge
	for r, err := range j.ReadAll(context.Background(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Stream == "ledger-checkpoints" {
			continue
		}
		h := tlog.RecordHash(tree.LeafOf(ledgerlog.EventOf(r), last[r.Stream]).Append(nil))
		last[r.Stream] = h
		e.Append(h, func(int, tree.Hash) {})
	}
	return tlog.Tree{N: e.Size(), Hash: e.Root()}
}

// holey is a journal that leaves out a record, as stores have been seen to do.
type holey struct {
	journal.Store
	without int64 // position
}

func (h holey) ReadAll(ctx context.Context, after int64) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		for r, err := range h.Store.ReadAll(ctx, after) {
			if err == nil && r.Position == h.without {
				continue
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// copyOf is a journal with the first n records of another.
func copyOf(t *testing.T, j journal.Store, n int, clock func() time.Time) *journal.Memory {
	t.Helper()
	out := &journal.Memory{Now: clock, Step: 3}
	for r, err := range j.ReadAll(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if n--; n < 0 {
			break
		}
		meta := []byte(strings.Replace(string(r.Meta), `,"recorded_at":"`+r.RecordedAt.Format(journal.TimeForm)+`"`, "", 1))
		one := []journal.NewRecord{{ID: r.ID, Type: r.Type, Data: r.Data, Meta: meta, RecordedAt: r.RecordedAt}}
		if _, err := out.Append(t.Context(), r.Stream, r.Revision-1, one); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// overtaken is a journal in which another follower is always quicker.
type overtaken struct {
	journal.Store
	first func(stream string)
}

func (o overtaken) Append(ctx context.Context, stream string, expected int64, records []journal.NewRecord) (journal.Receipt, error) {
	o.first(stream)
	return o.Store.Append(ctx, stream, expected, records)
}

// switched is a journal that can be put in another's place.
type switched struct{ journal.Store }

// changed is a journal of which somebody has changed a record.
type changed struct {
	journal.Store
	at     int64
	change func(*journal.Record)
}

func (c changed) ReadAll(ctx context.Context, after int64) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		for r, err := range c.Store.ReadAll(ctx, after) {
			if err == nil && r.Position == c.at {
				c.change(&r)
			}
			if !yield(r, err) {
				return
			}
		}
	}
}
