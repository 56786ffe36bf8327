package tlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"kelisim/commands/tlog/tree"
	"kelisim/commands/tlog/verify"
	"kelisim/domain"
)

// ExportStreams writes whole streams with the proof that they are whole as far as the newest commitment of heads reaches, which is ErrNoHeads
// where there is none. A stream that has no event is shown to have none. It appends nothing.
func (r *Reader) ExportStreams(ctx context.Context, sink Sink, streams []string, opts ExportOptions) error {
	if err := r.exportStreams(ctx, sink, streams, opts); err != nil {
		return fmt.Errorf("export %d streams: %w", len(streams), err)
	}
	return nil
}

// ExportUser writes the streams that belong to one user: what was decided, who looked, what time did. ErrNotFound where the user has none.
func (r *Reader) ExportUser(ctx context.Context, sink Sink, user domain.UserID, opts ExportOptions) error {
	if _, err := r.store.Head(ctx, tree.KeyOf(string(domain.UserStream(user)))); err != nil {
		return fmt.Errorf("export a user: %w", err)
	}
	return r.ExportStreams(ctx, sink, UserStreams(user), opts)
}

// UserStreams are the streams that belong to one user.
func UserStreams(user domain.UserID) []string {
	return []string{string(domain.DueStream(user)), string(domain.ReadsStream(user)), string(domain.UserStream(user))}
}

func (r *Reader) exportStreams(ctx context.Context, sink Sink, streams []string, opts ExportOptions) error {
	w, err := r.newWriter(ctx, sink, opts)
	if err != nil {
		return err
	}
	streams = slices.Compact(slices.Sorted(slices.Values(streams)))
	for _, s := range streams {
		if !tree.Counted(s) || s == "" || strings.ContainsAny(s, "\r\n") || !utf8.ValidString(s) {
			return fmt.Errorf("stream %q: %w", s, ErrNotFound)
		}
	}
	heads, err := w.commitment()
	if err != nil {
		return err
	}
	for _, step := range []func() error{
		w.preface(readmeStreams),
		func() error { return w.put(verify.FileStreams, []byte(strings.Join(streams, "\n")+"\n")) },
		func() error { return w.histories(streams) },
		func() error { return w.wholeness(streams, heads) },
		w.since,
		sink.Close,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// commitment is the newest commitment of heads under the checkpoint.
func (w *writer) commitment() (exported, error) {
	head, err := w.r.store.Head(w.ctx, tree.KeyOf(tree.HeadsStream))
	if errors.Is(err, ErrNotFound) {
		return exported{}, ErrNoHeads
	}
	if err != nil {
		return exported{}, fmt.Errorf("read the head of %s: %w", tree.HeadsStream, err)
	}
	for index := head.Index; index >= 0; {
		l, err := w.r.store.Leaf(w.ctx, index)
		if err != nil {
			return exported{}, fmt.Errorf("read leaf %d: %w", index, err)
		}
		if index < w.checkpoint.Size {
			record, leaf, err := w.r.event(w.ctx, l)
			return exported{l, record, leaf}, err
		}
		index = l.Prev
	}
	return exported{}, ErrNoHeads
}

// histories writes the events of the streams, in the log's order, and a proof for each.
func (w *writer) histories(streams []string) error {
	var all []exported
	for _, s := range streams {
		for record, err := range w.r.journal.ReadStream(w.ctx, s, 0) {
			if err != nil {
				return fmt.Errorf("read %s: %w", s, err)
			}
			e, ok, err := w.find(record)
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b exported) int { return int(a.Index - b.Index) })
	f, err := w.sink.Create(verify.FileEvents)
	if err != nil {
		return err
	}
	for _, e := range all {
		if err := w.event(f, e); err != nil {
			return err
		}
	}
	if err := w.disclosures(all); err != nil {
		return err
	}
	for i, e := range all {
		if err := w.proof(fmt.Sprintf("%s%d.tlog-proof", verify.DirProofs, e.Index), e); err != nil {
			return err
		}
		if w.opts.Progress != nil {
			w.opts.Progress(int64(i+1), int64(len(all)))
		}
	}
	return nil
}

func (w *writer) proof(name string, e exported) error {
	p, err := w.r.proof(w.ctx, w.checkpoint, e.Index, e.bytes)
	if err != nil {
		return err
	}
	return w.put(name, p)
}

// wholeness writes the commitment of heads, its proof, and the bucket of each stream.
func (w *writer) wholeness(streams []string, heads exported) error {
	f, err := w.sink.Create(verify.FileHeads)
	if err != nil {
		return err
	}
	if err := w.event(f, heads); err != nil {
		return err
	}
	if err := w.proof(verify.FileHeadsProof, heads); err != nil {
		return err
	}
	upTo, root, fault := verify.ParseHeads(EventOf(heads.Record))
	if fault != nil {
		return fault
	}
	var buckets []int
	for _, s := range streams {
		buckets = append(buckets, tree.KeyOf(s).Bucket())
	}
	slices.Sort(buckets)
	for _, n := range slices.Compact(buckets) {
		content, proof, err := w.r.bucket(w.ctx, upTo, root, n)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("%s%04x", verify.DirHeads, n)
		if err := w.put(name+".bin", content); err != nil {
			return err
		}
		if err := w.put(name+".proof", proof); err != nil {
			return err
		}
	}
	return nil
}

// since writes the proofs that earlier checkpoints are a beginning of this one.
func (w *writer) since() error {
	for _, old := range slices.Compact(slices.Sorted(slices.Values(w.opts.Since))) {
		if old < 1 || old > w.checkpoint.Size {
			return fmt.Errorf("an earlier checkpoint of %d leaves: %w", old, ErrNotFound)
		}
		if old == w.checkpoint.Size {
			continue
		}
		proof, err := w.r.consistency(w.ctx, w.checkpoint, old, w.checkpoint.Size)
		if err != nil {
			return err
		}
		if err := w.put(fmt.Sprintf("%s%d-%d", verify.DirConsistency, old, w.checkpoint.Size), proof); err != nil {
			return err
		}
	}
	return nil
}
