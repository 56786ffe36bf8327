package verify

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"kelisim/commands/tlog/tree"
)

// chain hashes events in the log's order, as the log did: each leaf with the one before it in its stream, each hash into the tree. It keeps a head
// of each stream, about 100 bytes, and no event.
type chain struct {
	heads  *tree.Heads
	edge   tree.Edge
	hasher tree.Hasher
	tiles  *tiles
	put    func(level int, h tree.Hash)
}

func newChain(t *tiles) *chain {
	c := &chain{heads: &tree.Heads{}, tiles: t}
	c.put = c.tiles.put
	return c
}

// add takes the next event. The leaf's bytes are good until the next call.
func (c *chain) add(at Place, e tree.Event) (leaf []byte, f *Fault) {
	at.Index, at.Stream, at.Revision = c.edge.Size(), e.Stream, e.Revision
	key := tree.KeyOf(e.Stream)
	head, known := c.heads.Get(key)
	next := int64(0)
	if known {
		next = head.Revision + 1
	}
	if e.Revision != next {
		return nil, fault(Gap, at, "revision %d should come here", next)
	}
	h := c.hasher.Record(tree.LeafOf(e, head.Leaf))
	c.heads.Set(tree.Head{Key: key, Revision: e.Revision, Leaf: h})
	c.tiles.at = at
	c.edge.Append(h, c.put)
	return c.hasher.Leaf(), c.tiles.fault
}

// tiles compares each hash of the tree, as it comes to be, with the one that is stored. That is what lets a fault be named to the event.
type tiles struct {
	load   func(level int, n int64) ([]byte, error) // nil where there is no such tile
	blame  func(at Place) *Fault                    // which is wrong, the event or the stored hash
	counts []int64                                  // hashes so far, by level
	absent []int64                                  // of them, how many came before the first that is not stored
	data   [][]byte                                 // the tile that the next hash of a level belongs to
	at     Place
	fault  *Fault
	err    error
}

func (t *tiles) put(level int, h tree.Hash) {
	if t.load == nil || t.fault != nil || t.err != nil {
		return
	}
	if level == len(t.counts) {
		t.counts, t.absent, t.data = append(t.counts, 0), append(t.absent, -1), append(t.data, nil)
	}
	i := int(t.counts[level] % tree.TileWidth)
	if i == 0 {
		if t.data[level], t.err = t.load(level, t.counts[level]/tree.TileWidth); t.err != nil {
			return
		}
	}
	t.counts[level]++
	switch data := t.data[level]; {
	case len(data) < (i+1)*len(h):
		if t.absent[level] < 0 {
			t.absent[level] = t.counts[level] - 1
		}
	case tree.HashAt(data, i) == h:
	case level == 0:
		t.fault = t.blame(t.at)
	default:
		at := InFile(tilePath(level, (t.counts[level]-1)/tree.TileWidth, tree.TileWidth))
		t.fault = fault(TileDiffers, at, "its hash %d is not the one that the tiles below it give", i)
	}
}

// need tells the first tile that a tree of a size has and that was not stored.
func (t *tiles) need(size int64) *Fault {
	for level := 0; size > 0; level, size = level+1, size/tree.TileWidth {
		if at := t.absent[level]; at >= 0 && at < size {
			n := at / tree.TileWidth
			return fault(Missing, InFile(tilePath(level, n, int(min(tree.TileWidth, size-n*tree.TileWidth)))), "the newest checkpoint needs this tile")
		}
	}
	return nil
}

// tileReader hands stored tiles to the library that checks them against a root.
type tileReader struct {
	tile func(level int, n int64) ([]byte, error)
}

func (r tileReader) Height() int                     { return tree.TileHeight }
func (r tileReader) SaveTiles([]tlog.Tile, [][]byte) {}
func (r tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	all := make([][]byte, len(tiles))
	for i, t := range tiles {
		data, err := r.tile(t.L, t.N)
		if want := t.W * len(tree.Hash{}); err == nil && len(data) >= want {
			all[i] = data[:want]
		} else {
			return nil, fmt.Errorf("tile %s is not there (%v)", t.Path(), err)
		}
	}
	return all, nil
}

// claim is a statement about the log at a size: a root, or the root of the heads.
type claim struct {
	at     Place
	size   int64
	root   tree.Hash
	heads  bool
	code   string
	detail string
}

// claims are checked as the log grows past their sizes. Each source gives its own in ascending sizes, so that one of each is held.
type claims struct {
	next  []func() (claim, *Fault, bool)
	stops []func()
	held  []claim // size -1: the source is at its end
}

// add puts a source under watch and takes its first claim.
func (cs *claims) add(source iter.Seq2[claim, *Fault]) *Fault {
	pull, stop := iter.Pull2(source)
	cs.next = append(cs.next, pull)
	cs.stops = append(cs.stops, stop)
	cs.held = append(cs.held, claim{})
	return cs.advance(len(cs.next) - 1)
}

// stop lets go of the sources.
func (cs *claims) stop() {
	for _, stop := range cs.stops {
		stop()
	}
}

func (cs *claims) advance(i int) *Fault {
	last := cs.held[i]
	c, f, ok := cs.next[i]()
	switch {
	case !ok:
		cs.held[i] = claim{size: -1}
		return nil
	case f != nil:
		return f
	case c.size <= last.size:
		return fault(Malformed, c.at, "it speaks of %d leaves, which is not more than the one before it", c.size)
	}
	cs.held[i] = c
	return nil
}

// check compares what is claimed of the chain as it stands.
func (cs *claims) check(c *chain) *Fault {
	for i := range cs.held {
		for cs.held[i].size == c.edge.Size() {
			held := cs.held[i]
			if held.heads {
				if held.root != c.heads.Root() {
					return fault(HeadsDiffer, held.at, "the heads of the streams before leaf %d are not those that it commits to", held.size)
				}
			} else if held.root != c.edge.Root() {
				return fault(held.code, held.at, held.detail, held.size)
			}
			if f := cs.advance(i); f != nil {
				return f
			}
		}
	}
	return nil
}

// rest is what was claimed of more leaves than there are.
func (cs *claims) rest(size int64) *Fault {
	for _, held := range cs.held {
		if held.size >= 0 {
			return fault(Behind, held.at, "it speaks of %d leaves, and there are %d", held.size, size)
		}
	}
	return nil
}

// The names of the ledger's own events, and their stored forms.
const (
	headsCommitted      = "ledger.heads_committed"
	checkpointCommitted = "ledger.checkpoint_committed"
)

type headsData struct {
	UpToIndex int64  `json:"up_to_index"`
	Root      string `json:"root"`
}

func parseHeads(at Place, e tree.Event) (size int64, root tree.Hash, f *Fault) {
	var d headsData
	err := json.Unmarshal(e.Data, &d)
	if err == nil {
		root, err = tlog.ParseHash(d.Root)
	}
	if err != nil || e.Type != headsCommitted || d.UpToIndex < 1 {
		return 0, root, fault(Malformed, at, "it is no commitment of heads")
	}
	return d.UpToIndex, root, nil
}

// ParseHeads reads a commitment of heads: of how many leaves it speaks, and the root of the tree of heads.
func ParseHeads(e tree.Event) (upTo int64, root tree.Hash, err error) {
	upTo, root, f := parseHeads(InStream(e.Stream, e.Revision), e)
	if f != nil {
		return 0, root, f
	}
	return upTo, root, nil
}

type checkpointData struct {
	Origin string `json:"origin"`
	Size   int64  `json:"size"`
	Root   string `json:"root"`
}

func parseBody(at Place, e tree.Event) (size int64, root tree.Hash, f *Fault) {
	var d checkpointData
	err := json.Unmarshal(e.Data, &d)
	if err == nil {
		root, err = tlog.ParseHash(d.Root)
	}
	if err != nil || e.Type != checkpointCommitted || d.Size < 1 {
		return 0, root, fault(Malformed, at, "it is no body of a checkpoint")
	}
	return d.Size, root, nil
}

func sameEvent(a, b tree.Event) bool {
	return a.ID == b.ID && a.Stream == b.Stream && a.Revision == b.Revision && a.Type == b.Type && bytes.Equal(a.Data, b.Data) && bytes.Equal(a.Meta, b.Meta)
}

func tilePath(level int, n int64, width int) string {
	return "tile/" + strings.TrimPrefix(tlog.Tile{H: tree.TileHeight, L: level, N: n, W: width}.Path(), fmt.Sprintf("tile/%d/", tree.TileHeight))
}

// previous opens the auditor's own checkpoints, by ascending size, each size once.
func (o Options) previous(policy *Policy) ([]Checkpoint, *Fault) {
	var all []Checkpoint
	for i, signed := range o.Previous {
		at := InFile(fmt.Sprintf("earlier checkpoint %d", i+1))
		c, f := policy.open(at, signed, false)
		if f != nil {
			return nil, f
		}
		n, found := slices.BinarySearchFunc(all, c.N, func(c Checkpoint, size int64) int { return cmp.Compare(c.N, size) })
		switch {
		case !found:
			all = slices.Insert(all, n, c)
		case all[n].Hash != c.Hash:
			return nil, fault(Inconsistent, at, "two earlier checkpoints of %d leaves have different roots", c.N)
		}
	}
	return all, nil
}

const (
	notABeginning = "the %d leaves that an earlier checkpoint covers are not the first ones here"
	notThisRoot   = "the first %d leaves do not give the root that stands in it"
)

func previousClaims(all []Checkpoint) iter.Seq2[claim, *Fault] {
	return func(yield func(claim, *Fault) bool) {
		for _, c := range all {
			at := InFile(fmt.Sprintf("earlier checkpoint of %d leaves", c.N))
			if c.N > 0 && !yield(claim{at: at, size: c.N, root: c.Hash, code: Inconsistent, detail: notABeginning}, nil) {
				return
			}
		}
	}
}
