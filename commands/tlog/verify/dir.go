package verify

import (
	"context"
	"fmt"
	"iter"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"kelisim/commands/tlog/tree"
)

// Record is an event of a journal and its place there.
type Record struct {
	tree.Event
	Position int64
}

// Source is a data directory, or whatever else holds a journal and what was kept of its log. It is only read.
type Source interface {
	// Head is the last position, to tell progress by.
	Head(ctx context.Context) (int64, error)
	// Records yields the whole journal in order, with the streams that are not counted.
	Records(ctx context.Context) iter.Seq2[Record, error]
	// Stream yields one stream in order.
	Stream(ctx context.Context, stream string) iter.Seq2[Record, error]
	// Newest is the newest signed checkpoint, nil where there is none.
	Newest(ctx context.Context) ([]byte, error)
	// Witnessed is the newest checkpoint with the cosignatures that were gathered for it, nil where there is none.
	Witnessed(ctx context.Context) ([]byte, error)
	// Checkpoints yields all that were kept, as signed notes, by ascending size.
	Checkpoints(ctx context.Context) iter.Seq2[[]byte, error]
	// Tile is a stored tile of the log, as wide as it is; nil where there is none.
	Tile(ctx context.Context, level int, n int64) ([]byte, error)
	// Keys is a policy that names the log's own keys, nil where none are kept.
	Keys(ctx context.Context) ([]byte, error)
}

// Dir checks a whole journal: that no revision is left out of a stream, that the events give the root of every checkpoint that was kept and of every
// body that was committed, that every commitment of heads is true, that the stored tiles are theirs, that the newest checkpoint is signed, and that the newest cosigned one has the
// policy's quorum (Verdict.Witnessed). Where the caller's own policy is to judge and nothing is signed, that is a fault: whoever takes the signatures away must not pass.
//
// What it cannot show: that a whole directory was not put back to an earlier state (keep a checkpoint, and give it as Previous), and
// anything about the events after the newest checkpoint save that they are linked (Verdict.Late).
func Dir(ctx context.Context, src Source, opts Options) (*Verdict, error) {
	d := &dirCheck{ctx: ctx, src: src, opts: opts, verdict: &Verdict{Kind: "journal"}, queues: map[string]*queue{}}
	err := d.run()
	if d.stopped != nil { // a claim could not be read, for a reason that is no fault of the ledger
		return d.verdict, d.stopped
	}
	return d.verdict, err
}

type dirCheck struct {
	ctx     context.Context
	src     Source
	opts    Options
	verdict *Verdict
	newest  Checkpoint
	head    int64 // where the check ends: what is appended meanwhile is not looked at
	claims  claims
	queues  map[string]*queue
	stopped error
}

// queue holds the events of one of the ledger's own streams between being asked for ahead of time and being met in the journal's order.
type queue struct{ ahead []Record }

func (d *dirCheck) run() error {
	defer d.claims.stop()
	policy, err := d.policy()
	if err != nil {
		return err
	}
	cosigned, err := d.src.Witnessed(d.ctx) // before the newest, so that a running server does not cosign a later one in between
	if err != nil {
		return fmt.Errorf("read the cosigned checkpoint: %w", err)
	}
	signed, err := d.src.Newest(d.ctx)
	if err != nil {
		return fmt.Errorf("read the newest checkpoint: %w", err)
	}
	if d.head, err = d.src.Head(d.ctx); err != nil {
		return fmt.Errorf("read the head: %w", err)
	}
	var previous []Checkpoint
	if signed != nil || len(d.opts.Previous) > 0 {
		if policy == nil {
			return fault(Unsigned, Nowhere, "no key is known to check the checkpoint with")
		}
		var f *Fault
		if previous, f = d.opts.previous(policy); f != nil {
			return f
		}
	}
	if signed != nil {
		var f *Fault
		if d.newest, f = policy.open(InFile("newest checkpoint"), signed, false); f != nil {
			return f
		}
		d.verdict.Origin, d.verdict.Size, d.verdict.Root, d.verdict.Signers = d.newest.Origin, d.newest.N, d.newest.Hash, d.newest.Signers
	}
	if cosigned == nil {
		cosigned = signed
	}
	witnessed, f := d.witnessed(policy, cosigned)
	if f != nil {
		return f
	}
	for _, source := range []iter.Seq2[claim, *Fault]{
		d.kept(), witnessed, d.stream(tree.CheckpointsStream, d.body), d.stream(tree.HeadsStream, d.heads), previousClaims(previous),
	} {
		if f := d.claims.add(source); f != nil {
			return f
		}
	}
	return d.records()
}

// witnessed is the newest checkpoint that the policy's witnesses have cosigned, as a claim: checkpoints are signed more often than they are cosigned. There
// is none where the policy asks for no witness.
func (d *dirCheck) witnessed(policy *Policy, signed []byte) (iter.Seq2[claim, *Fault], *Fault) {
	if signed == nil || policy == nil || !policy.quorum {
		return func(func(claim, *Fault) bool) {}, nil
	}
	at := InFile("cosigned checkpoint")
	c, f := policy.open(at, signed, true)
	if f != nil {
		return nil, f
	}
	if c.N > d.newest.N {
		return nil, fault(Behind, at, "it covers %d leaves, and the newest signed one %d", c.N, d.newest.N)
	}
	d.verdict.Witnessed, d.verdict.Signers = c.N, c.Signers
	return func(yield func(claim, *Fault) bool) {
		yield(claim{at: at, size: c.N, root: c.Hash, code: RootDiffers, detail: notThisRoot}, nil)
	}, nil
}

func (d *dirCheck) policy() (*Policy, error) {
	if d.opts.Policy != nil {
		d.verdict.Trusted = true
		return d.opts.Policy, nil
	}
	text, err := d.src.Keys(d.ctx)
	if err != nil {
		return nil, fmt.Errorf("read the log's keys: %w", err)
	}
	if text == nil {
		return nil, nil
	}
	return ParsePolicy(text)
}

func (d *dirCheck) records() error {
	c := newChain(&tiles{blame: d.blame, load: func(level int, n int64) ([]byte, error) { return d.tile(level, n) }})
	others := map[string]int64{} // revisions seen of streams that are not counted
	n := 0
	for r, err := range ahead(d.src.Records(d.ctx)) {
		if err != nil {
			return fmt.Errorf("read the journal: %w", err)
		}
		if r.Position > d.head {
			break
		}
		at := Place{Index: -1, Position: r.Position, Stream: r.Stream, Revision: r.Revision}
		if !tree.Counted(r.Stream) {
			if next := others[r.Stream]; r.Revision != next {
				return fault(Gap, at, "revision %d should come here", next)
			}
			others[r.Stream]++
		} else {
			if _, f := c.add(at, r.Event); f != nil {
				return f
			}
			if c.tiles.err != nil {
				return c.tiles.err
			}
			if f := d.claims.check(c); f != nil {
				return f
			}
		}
		if f := d.meet(at, r, c.edge.Size()); f != nil {
			return f
		}
		if n++; n%1024 == 0 && d.opts.Progress != nil {
			d.opts.Progress(r.Position, d.head)
		}
	}
	if d.opts.Progress != nil {
		d.opts.Progress(d.head, d.head)
	}
	return d.end(c)
}

// end looks at what the journal should have held and did not, and at the tiles that the newest checkpoint needs.
func (d *dirCheck) end(c *chain) error {
	size := c.edge.Size()
	if f := d.claims.rest(size); f != nil {
		return f
	}
	if f := c.tiles.need(d.newest.N); f != nil {
		return f
	}
	d.verdict.Events, d.verdict.Late = size, size-d.newest.N
	d.verdict.wanted(d.opts.Streams, c.heads)
	if d.opts.Policy != nil && d.newest.N == 0 && size > 0 {
		return fault(Unsigned, Nowhere, "there are %d events, and no checkpoint that the policy could judge", size)
	}
	return nil
}

func (d *dirCheck) tile(level int, n int64) ([]byte, error) {
	data, err := d.src.Tile(d.ctx, level, n)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", tilePath(level, n, tree.TileWidth), err)
	}
	return data, nil
}

// blame tells which of the two is wrong where an event does not give the hash that is stored for it: a stored hash that leads to the signed root is
// what was signed.
func (d *dirCheck) blame(at Place) *Fault {
	if at.Index >= d.newest.N {
		return fault(EventChanged, at, "it is not the event that was hashed, or the stored hash is damaged: no signed checkpoint covers it yet")
	}
	hashes := tlog.TileHashReader(d.newest.Tree, tileReader{d.tile})
	if _, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, at.Index)}); err != nil {
		at.File = tilePath(0, at.Index/tree.TileWidth, tree.TileWidth)
		return fault(TileDiffers, at, "the stored hash is not the event's, and does not lead to the signed root")
	}
	return fault(EventChanged, at, "it is not the event that was hashed and signed")
}

// kept is the checkpoints that were kept, as claims. Their signatures are not looked at: what an earlier one says holds if the newest holds.
func (d *dirCheck) kept() iter.Seq2[claim, *Fault] {
	return func(yield func(claim, *Fault) bool) {
		i := 0
		for signed, err := range d.src.Checkpoints(d.ctx) {
			i++
			if err != nil {
				d.stop(fmt.Errorf("read the checkpoints: %w", err), yield)
				return
			}
			at := InFile(fmt.Sprintf("checkpoint %d", i))
			c, err := torchwood.ParseCheckpoint(noteText(signed))
			if err != nil {
				yield(claim{}, fault(Malformed, at, "%v", err))
				return
			}
			at.File = fmt.Sprintf("checkpoint of %d leaves", c.N)
			if c.N > d.newest.N {
				return // signed since the check began
			}
			if !yield(claim{at: at, size: c.N, root: c.Hash, code: RootDiffers, detail: notThisRoot}, nil) {
				return
			}
		}
	}
}

// stream is the claims that events of one of the ledger's own streams make.
func (d *dirCheck) stream(name string, parse func(Place, Record) (claim, *Fault)) iter.Seq2[claim, *Fault] {
	q := &queue{}
	d.queues[name] = q
	return func(yield func(claim, *Fault) bool) {
		for r, err := range d.src.Stream(d.ctx, name) {
			if err != nil {
				d.stop(fmt.Errorf("read %s: %w", name, err), yield)
				return
			}
			if r.Position > d.head {
				return
			}
			c, f := parse(Place{Index: -1, Position: r.Position, Stream: name, Revision: r.Revision}, r)
			q.ahead = append(q.ahead, r)
			if !yield(c, f) || f != nil {
				return
			}
		}
	}
}

// stop ends the check for a reason that is no fault of the ledger.
func (d *dirCheck) stop(err error, yield func(claim, *Fault) bool) {
	d.stopped = err
	yield(claim{}, fault(Malformed, Nowhere, "%v", err))
}

func (d *dirCheck) body(at Place, r Record) (claim, *Fault) {
	size, root, f := parseBody(at, r.Event)
	return claim{at: at, size: size, root: root, code: RootDiffers, detail: notThisRoot}, f
}

func (d *dirCheck) heads(at Place, r Record) (claim, *Fault) {
	size, root, f := parseHeads(at, r.Event)
	return claim{at: at, size: size, root: root, heads: true}, f
}

// meet finds an event of the ledger's own streams at its place in the journal: it is the one that was asked for ahead of time, and what it says was
// true before it was said.
func (d *dirCheck) meet(at Place, r Record, size int64) *Fault {
	q := d.queues[r.Stream]
	if q == nil {
		return nil
	}
	before, parse := size, parseBody
	if r.Stream == tree.HeadsStream {
		before, parse = size-1, parseHeads
	}
	said, _, f := parse(at, r.Event)
	switch {
	case f != nil:
		return f
	case said > before:
		return fault(Malformed, at, "it speaks of %d leaves, and %d stand before it", said, before)
	case len(q.ahead) == 0 || q.ahead[0].Position != r.Position || !sameEvent(q.ahead[0].Event, r.Event):
		return fault(EventChanged, at, "the stream read by itself has another event here")
	}
	q.ahead = q.ahead[1:]
	if r.Stream == tree.HeadsStream {
		d.verdict.Heads++
		d.verdict.CompleteTo = said
	}
	return nil
}
