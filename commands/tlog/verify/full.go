package verify

import (
	"bytes"
	"iter"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"kelisim/commands/tlog/tree"
)

// full checks a full bundle: the events give the leaves, the leaves the entries, the tiles and the root.
func (b *bundle) full() error {
	if err := b.expect(func(name string) bool {
		return strings.HasPrefix(name, DirCheckpoints) || strings.HasPrefix(name, DirTiles) && b.belongs(name)
	}); err != nil {
		return err
	}
	var hints []tree.Line
	var cs claims
	defer cs.stop()
	for _, source := range []iter.Seq2[claim, *Fault]{b.heads(&hints), previousClaims(b.previous)} {
		if f := cs.add(source); f != nil {
			return f
		}
	}
	c := newChain(&tiles{load: b.tile, blame: b.blame})
	e := entries{b: b}
	for l, err := range ahead(b.lines(FileEvents)) {
		if err != nil {
			return err
		}
		at := Place{File: FileEvents, Index: c.edge.Size(), Position: -1, Stream: l.Stream, Revision: l.Revision}
		if l.Index != at.Index || l.Index >= b.newest.N || !tree.Counted(l.Stream) {
			return fault(Malformed, at, "leaf %d should come here, of %d", at.Index, b.newest.N)
		}
		leaf, f := c.add(at, l.Event)
		switch {
		case f != nil:
			return f
		case c.tiles.err != nil:
			return c.tiles.err
		case !bytes.Equal(leaf, l.Leaf):
			return fault(EventChanged, at, "the leaf beside it is not the event's")
		}
		if err := e.check(at, leaf); err != nil {
			return err
		}
		if f := cs.check(c); f != nil {
			return f
		}
		if l.Stream == tree.HeadsStream {
			if f := b.meet(at, &hints, l); f != nil {
				return f
			}
		}
		if b.opts.Progress != nil && (l.Index+1)%1024 == 0 {
			b.opts.Progress(l.Index+1, b.newest.N)
		}
	}
	if size := c.edge.Size(); size != b.newest.N {
		return fault(Behind, InFile(FileEvents), "it has %d events, and the checkpoint covers %d", size, b.newest.N)
	}
	if b.newest.Hash != c.edge.Root() {
		return fault(RootDiffers, InFile(FileCheckpoint), notThisRoot, b.newest.N)
	}
	if f := cs.rest(c.edge.Size()); f != nil {
		return f
	}
	if len(hints) > 0 {
		return fault(Unexpected, InFile(FileHeads), "a commitment that is not among the events")
	}
	b.verdict.Events = c.edge.Size()
	if b.opts.Progress != nil {
		b.opts.Progress(b.newest.N, b.newest.N)
	}
	b.verdict.CompleteTo = b.newest.N // of a full bundle no event can be missing
	b.verdict.wanted(b.opts.Streams, c.heads)
	return nil
}

// wanted tells how long the streams are that the caller asks for, where every event there is was read.
func (v *Verdict) wanted(streams []string, heads *tree.Heads) {
	for _, stream := range streams {
		s := Stream{Name: stream}
		if head, ok := heads.Get(tree.KeyOf(stream)); ok {
			s.Events = head.Revision + 1
		}
		v.Streams = append(v.Streams, s)
	}
}

// belongs tells whether a tile is one of a tree of the checkpoint's size.
func (b *bundle) belongs(name string) bool {
	t, err := torchwood.ParseTilePath(name)
	if err != nil || torchwood.TilePath(t) != name {
		return false
	}
	return t.W == b.width(t.L, t.N)
}

// width is how many hashes a tile of the checkpoint's tree has.
func (b *bundle) width(level int, n int64) int {
	shift := tree.TileHeight * max(level, 0)
	if shift > 62 {
		return 0
	}
	return int(max(0, min(tree.TileWidth, b.newest.N>>shift-n*tree.TileWidth)))
}

func (b *bundle) tile(level int, n int64) ([]byte, error) {
	width := b.width(level, n)
	if width == 0 {
		return nil, nil // a leaf more than the checkpoint covers: full tells so
	}
	name := torchwood.TilePath(tlog.Tile{H: tree.TileHeight, L: level, N: n, W: width})
	data, err := b.read(name, tree.TileWidth*int64(len(tree.Hash{})))
	if err != nil {
		return nil, err
	}
	if len(data) != width*len(tree.Hash{}) {
		return nil, fault(Malformed, InFile(name), "the tile has not %d hashes", width)
	}
	return data, nil
}

func (b *bundle) blame(at Place) *Fault {
	hashes := tlog.TileHashReader(b.newest.Tree, tileReader{b.tile})
	if _, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, at.Index)}); err != nil {
		at.File = tilePath(0, at.Index/tree.TileWidth, b.width(0, at.Index/tree.TileWidth))
		return fault(TileDiffers, at, "the hash is not the event's, and does not lead to the signed root")
	}
	return fault(EventChanged, at, "it is not the event that was hashed and signed")
}

// entries compares each leaf with the one in the bundle of entries that other programs read.
type entries struct {
	b    *bundle
	name string
	rest []byte
}

func (e *entries) check(at Place, leaf []byte) error {
	n, i := at.Index/tree.TileWidth, at.Index%tree.TileWidth
	width := e.b.width(0, n)
	if i == 0 {
		var err error
		e.name = torchwood.TilePath(tlog.Tile{H: tree.TileHeight, L: -1, N: n, W: width})
		if e.rest, err = e.b.read(e.name, maxEntries); err != nil {
			return err
		}
	}
	entry, rest, err := torchwood.ReadTileEntry(e.rest)
	at.File = e.name
	if err != nil || !bytes.Equal(entry, leaf) {
		return fault(EventChanged, at, "the entry is not the event's leaf")
	}
	if e.rest = rest; int(i) == width-1 && len(rest) > 0 {
		return fault(Malformed, InFile(e.name), "there is more in it than its entries")
	}
	return nil
}

// heads is the commitments of heads that the events have, told ahead of time so that each can be checked as the log passes its size.
func (b *bundle) heads(hints *[]tree.Line) iter.Seq2[claim, *Fault] {
	return func(yield func(claim, *Fault) bool) {
		for l, err := range b.lines(FileHeads) {
			if err != nil {
				f, ok := err.(*Fault)
				if !ok {
					f = fault(Malformed, InFile(FileHeads), "%v", err)
				}
				yield(claim{}, f)
				return
			}
			at := Place{File: FileHeads, Index: l.Index, Position: -1, Stream: l.Stream, Revision: l.Revision}
			size, root, f := parseHeads(at, l.Event)
			*hints = append(*hints, l)
			if !yield(claim{at: at, size: size, root: root, heads: true}, f) || f != nil {
				return
			}
		}
	}
}

// meet finds a commitment of heads at its place among the events.
func (b *bundle) meet(at Place, hints *[]tree.Line, l tree.Line) *Fault {
	said, _, f := parseHeads(at, l.Event)
	switch {
	case f != nil:
		return f
	case said > l.Index:
		return fault(Malformed, at, "it speaks of %d leaves, and %d stand before it", said, l.Index)
	case len(*hints) == 0 || !bytes.Equal((*hints)[0].Append(nil), l.Append(nil)):
		return fault(Missing, at, "%s has not this commitment", FileHeads)
	}
	*hints = (*hints)[1:]
	b.verdict.Heads++
	return nil
}
