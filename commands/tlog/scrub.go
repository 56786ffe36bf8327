package tlog

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"kelisim/commands/tlog/tree"
	"kelisim/commands/tlog/verify"
)

// scrubs compares the whole journal with the tree, now and then, and ends the following where they differ.
func (f *Follower) scrubs(ctx context.Context, stop func()) {
	for {
		err := f.Scrub(ctx)
		if f.halted() != nil {
			stop()
			return
		}
		f.statusMu.Lock()
		if f.status.Unread = err; err == nil {
			f.status.Scrubbed = f.Now()
		}
		f.statusMu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-time.After(f.ScrubEvery):
		}
	}
}

// Scrub makes the tree anew from the journal, as far as the store has it, and compares each leaf, each tile and each signed checkpoint with what is stored. It finds
// what the disk or a hand changed since it was hashed; a fault halts the follower, so that nothing more is signed. Memory does not grow with the journal.
func (f *Follower) Scrub(ctx context.Context) error {
	err := f.reader.scrub(ctx)
	if err == nil {
		return nil
	}
	if halted := f.halt(err); halted != nil {
		return fmt.Errorf("scrub: %w", halted)
	}
	return err
}

func (r *Reader) scrub(ctx context.Context) error {
	state, err := r.store.State(ctx)
	if err != nil {
		return err
	}
	s := &scrub{reader: r, ctx: ctx, stored: map[int][]byte{}}
	leaves, stopLeaves := iter.Pull2(r.store.Leaves(ctx, 0))
	defer stopLeaves()
	checkpoints, stopCheckpoints := iter.Pull2(r.store.Checkpoints(ctx, 0))
	defer stopCheckpoints()
	signed, err, more := checkpoints()
	for record, readErr := range r.journal.ReadAll(ctx, 0) {
		if readErr = errors.Join(readErr, err); readErr != nil {
			return fmt.Errorf("read for a scrub: %w", readErr)
		}
		if s.edge.Size() == state.Size {
			break
		}
		if !tree.Counted(record.Stream) {
			continue
		}
		l, err, ok := leaves()
		if err != nil {
			return fmt.Errorf("read the leaves: %w", err)
		}
		at := place(record, s.edge.Size())
		if !ok || l.Index != at.Index || l.Position != record.Position {
			return &verify.Fault{Code: verify.EventChanged, Place: at, Detail: "the log has not this event at this place: one was lost or put in"}
		}
		if err := s.leaf(at, l, EventOf(record)); err != nil {
			return err
		}
		for more && signed.Size == s.edge.Size() {
			if err := differs(signed.Root, s.edge.Root(), signed.Size, at); err != nil {
				return err
			}
			if signed, err, more = checkpoints(); err != nil {
				return fmt.Errorf("read the checkpoints: %w", err)
			}
		}
	}
	if s.edge.Size() < state.Size {
		return &verify.Fault{Code: verify.Behind, Place: verify.Nowhere, Detail: fmt.Sprintf("the journal holds %d events of the log, and %d were hashed", s.edge.Size(), state.Size)}
	}
	return nil
}

type scrub struct {
	ctx    context.Context
	reader *Reader
	edge   tree.Edge
	hasher tree.Hasher
	stored map[int][]byte // by level, the tile that the next hash belongs to
	err    error
}

func (s *scrub) leaf(at verify.Place, l Leaf, e tree.Event) error {
	var prev tree.Hash
	if l.Prev >= 0 {
		if l.Prev >= l.Index {
			return &verify.Fault{Code: verify.TileDiffers, Place: at, Detail: "the stored leaf names a later one as the one before it"}
		}
		var err error
		if prev, err = s.reader.hash(s.ctx, l.Prev); err != nil {
			return err
		}
	}
	s.edge.Append(s.hasher.Record(tree.LeafOf(e, prev)), func(level int, h tree.Hash) {
		if s.err == nil {
			s.err = s.compare(at, level, h)
		}
	})
	return s.err
}

// compare holds one hash against the stored one.
func (s *scrub) compare(at verify.Place, level int, h tree.Hash) error {
	index := s.edge.Size() >> (tree.TileHeight * level)
	i := int(index % tree.TileWidth)
	if i == 0 || s.stored[level] == nil {
		data, err := s.reader.store.Tile(s.ctx, level, index/tree.TileWidth)
		if err != nil {
			return fmt.Errorf("read tile %d of level %d: %w", index/tree.TileWidth, level, err)
		}
		s.stored[level] = data
	}
	data := s.stored[level]
	if len(data) < (i+1)*len(h) || tree.HashAt(data, i) != h {
		if level > 0 {
			at = verify.InFile(fmt.Sprintf("tile %d of level %d", index/tree.TileWidth, level))
			return &verify.Fault{Code: verify.TileDiffers, Place: at, Detail: "a stored hash is not the one that the leaves give"}
		}
		return &verify.Fault{Code: verify.EventChanged, Place: at, Detail: "it is not the event that was hashed, or the stored hash is damaged"}
	}
	return nil
}
