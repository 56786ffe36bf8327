package tlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"unicode/utf8"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"kelisim/commands/journal"
	"kelisim/commands/tlog/tree"
	"kelisim/commands/tlog/verify"
)

// ExportOptions of a bundle. The zero value is for use.
type ExportOptions struct {
	// Since are sizes of earlier checkpoints that the receiver keeps: a bundle of streams then shows that they are a beginning of its own.
	Since []int64
	// Disclosures are keys of single fields to hand over with a bundle of streams.
	Disclosures []Disclosure
	// Progress is told how many leaves are written, of how many; total is 0 where it is not known.
	Progress func(done, total int64)
}

// ExportFull writes the whole log under its published checkpoint: a directory of c2sp.org/tlog-tiles, which other programs read as it is, with the events
// beside it. It appends nothing, and the same log and checkpoint give the same bytes. A journal that does not give the hashes is a *verify.Fault: a bundle
// that would not hold is not written to its end.
func (r *Reader) ExportFull(ctx context.Context, sink Sink, opts ExportOptions) error {
	w, err := r.newWriter(ctx, sink, opts)
	if err != nil {
		return fmt.Errorf("export the log: %w", err)
	}
	for _, step := range []func() error{w.preface(readmeFull), w.tiles, w.entries, w.heads, w.events, w.earlier, sink.Close} {
		if err := step(); err != nil {
			return fmt.Errorf("export the log: %w", err)
		}
	}
	return nil
}

type writer struct {
	ctx        context.Context
	r          *Reader
	sink       Sink
	opts       ExportOptions
	checkpoint Checkpoint
	line       []byte
}

func (r *Reader) newWriter(ctx context.Context, sink Sink, opts ExportOptions) (*writer, error) {
	c, err := r.Published(ctx)
	return &writer{ctx: ctx, r: r, sink: sink, opts: opts, checkpoint: c}, err
}

// put writes a whole file.
func (w *writer) put(name string, content []byte) error {
	f, err := w.sink.Create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return err
}

// preface writes what a reader looks at first.
func (w *writer) preface(readme string) func() error {
	return func() error {
		keys, err := w.r.Keys(w.ctx)
		if err != nil {
			return fmt.Errorf("read the keys: %w", err)
		}
		quick, lasting := splitKeys(keys)
		if err := w.put(verify.FileReadme, []byte(readme)); err != nil {
			return err
		}
		if err := w.put(verify.FilePolicy, PolicyText(quick)); err != nil {
			return err
		}
		if len(lasting) > 0 {
			if err := w.put(verify.FilePolicyMLDSA, PolicyText(lasting)); err != nil {
				return err
			}
		}
		return w.put(verify.FileCheckpoint, w.checkpoint.Full())
	}
}

// tiles writes every tile of the tree, level after level.
func (w *writer) tiles() error {
	for level, size := 0, w.checkpoint.Size; size > 0; level, size = level+1, size/tree.TileWidth {
		for n := int64(0); n*tree.TileWidth < size; n++ {
			t := tlog.Tile{H: tree.TileHeight, L: level, N: n, W: int(min(tree.TileWidth, size-n*tree.TileWidth))}
			data, err := w.r.tile(w.ctx, t)
			if err != nil {
				return err
			}
			if err := w.put(torchwood.TilePath(t), data); err != nil {
				return err
			}
		}
	}
	return nil
}

// exported is an event on its way into a bundle.
type exported struct {
	Leaf
	journal.Record
	bytes []byte // of the leaf
}

// log yields every event under the checkpoint, each compared with its stored hash.
func (w *writer) log() iter.Seq2[exported, error] {
	return func(yield func(exported, error) bool) {
		leaves, stop := iter.Pull2(w.r.store.Leaves(w.ctx, 0))
		defer stop()
		next := int64(0)
		for record, err := range w.r.journal.ReadAll(w.ctx, 0) {
			if next == w.checkpoint.Size {
				return
			}
			if err == nil && !tree.Counted(record.Stream) {
				continue
			}
			e := exported{Record: record}
			var ok bool
			if err == nil {
				e.Leaf, err, ok = leaves()
			}
			switch {
			case err != nil:
			case !ok || e.Leaf.Position != record.Position:
				err = &verify.Fault{Code: verify.EventChanged, Place: place(record, next), Detail: "the log has not this event at this place"}
			default:
				e.bytes, err = w.r.leaf(w.ctx, e.Leaf, record)
			}
			next++
			if !yield(e, err) || err != nil {
				return
			}
		}
		if next < w.checkpoint.Size {
			yield(exported{}, &verify.Fault{Code: verify.Behind, Place: verify.Nowhere, Detail: fmt.Sprintf("the journal holds %d events of %d", next, w.checkpoint.Size)})
		}
	}
}

// entries writes the leaves as other programs read them.
func (w *writer) entries() error {
	var b []byte
	for e, err := range w.log() {
		if err != nil {
			return err
		}
		if b, err = torchwood.AppendTileEntry(b, e.bytes); err != nil {
			return fmt.Errorf("leaf %d: %w", e.Index, err)
		}
		n, width := e.Index/tree.TileWidth, int(e.Index%tree.TileWidth)+1
		if width == tree.TileWidth || e.Index == w.checkpoint.Size-1 {
			if err := w.put(torchwood.TilePath(tlog.Tile{H: tree.TileHeight, L: -1, N: n, W: width}), b); err != nil {
				return err
			}
			b = b[:0]
		}
	}
	return nil
}

// events writes every event as a line.
func (w *writer) events() error {
	f, err := w.sink.Create(verify.FileEvents)
	if err != nil {
		return err
	}
	for e, err := range w.log() {
		if err != nil {
			return err
		}
		if err := w.event(f, e); err != nil {
			return err
		}
		if w.opts.Progress != nil && ((e.Index+1)%1024 == 0 || e.Index+1 == w.checkpoint.Size) {
			w.opts.Progress(e.Index+1, w.checkpoint.Size)
		}
	}
	return nil
}

func (w *writer) event(f io.Writer, e exported) error {
	if !utf8.ValidString(e.Stream) || !utf8.ValidString(e.Type) {
		return fmt.Errorf("leaf %d: its stream or type is no text", e.Index)
	}
	w.line = tree.Line{Index: e.Index, Event: EventOf(e.Record), Leaf: e.bytes}.Append(w.line[:0])
	_, err := f.Write(w.line)
	return err
}

// heads writes every commitment of heads once more by itself, so that a verifier knows ahead of time what it will be told.
func (w *writer) heads() error {
	f, err := w.sink.Create(verify.FileHeads)
	if err != nil {
		return err
	}
	for record, err := range w.r.journal.ReadStream(w.ctx, tree.HeadsStream, 0) {
		if err != nil {
			return fmt.Errorf("read %s: %w", tree.HeadsStream, err)
		}
		e, ok, err := w.find(record)
		if err != nil {
			return err
		}
		if !ok {
			return nil
		}
		if err := w.event(f, e); err != nil {
			return err
		}
	}
	return nil
}

// find is a record's leaf, if the checkpoint covers it.
func (w *writer) find(record journal.Record) (exported, bool, error) {
	l, err := w.r.store.Find(w.ctx, record.ID)
	if errors.Is(err, ErrNotFound) || err == nil && l.Index >= w.checkpoint.Size {
		return exported{}, false, nil
	}
	if err != nil {
		return exported{}, false, fmt.Errorf("find event %s: %w", record.ID, err)
	}
	leaf, err := w.r.leaf(w.ctx, l, record)
	return exported{l, record, leaf}, true, err
}

// earlier writes the checkpoints that are kept for ever.
func (w *writer) earlier() error {
	for c, err := range w.r.store.Checkpoints(w.ctx, 0) {
		if err != nil {
			return fmt.Errorf("read the checkpoints: %w", err)
		}
		if c.Audit && c.Size < w.checkpoint.Size {
			if err := w.put(fmt.Sprintf("%s%d", verify.DirCheckpoints, c.Size), c.Full()); err != nil {
				return err
			}
		}
	}
	return nil
}
