package tlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"kelisim/commands/journal"
	"kelisim/commands/tlog/tree"
	"kelisim/commands/tlog/verify"
)

// Config of a follower. Journal and Store must be there.
type Config struct {
	Journal *journal.Journal
	Store   Store
	Keys    *Keys // nil: it follows and compares, and never signs nor appends
	// Leads tells whether this follower, among those of one journal, commits to checkpoints and heads; nil is always. Others sign what the leader committed to,
	// once their own tree gives it, so that each can serve it (TestOneOfManyCommits).
	Leads func() bool
	// Witnesses are asked by Run to cosign what is signed; nil: nobody is.
	Witnesses *Witnesses
	Now       func() time.Time // the clock; nil is time.Now

	Every      time.Duration // least time between two checkpoints, unless there are Events; 0 is a second
	Events     int64         // that many new leaves call for a checkpoint at once; 0 is 256
	HeadsEvery time.Duration // between two commitments of heads; 0 is an hour
	ScrubEvery time.Duration // between two comparisons of the whole journal with the tree; 0 is an hour
}

// maxBatch bounds what a follower holds in memory: leaves in one transaction.
const maxBatch = 4096

// pause lets events gather, so that a busy journal does not wake the follower for each.
const pause = 25 * time.Millisecond

// Follower hashes the journal into the log and signs checkpoints. One of them at a time may write to a store.
//
// A fault (*verify.Fault) halts it for good: nothing more is hashed or signed, and only a person can say what happened.
type Follower struct {
	Config
	reader *Reader

	mu     sync.Mutex // held by whoever moves the follower
	state  State      // as it stands in the store
	next   State      // with what is pending
	edge   tree.Edge
	hasher tree.Hasher
	put    func(level int, h tree.Hash)

	edges   [][]byte            // by level, the tile that is not full
	full    map[[2]int64][]byte // tiles that were filled since the last commit
	leaves  []Leaf              // since the last commit
	heads   map[tree.Key]Head   // the same
	ahead   []Checkpoint        // signed ones that the tree has not reached: the store was reset
	agreed  Checkpoint          // the newest body that stands in the journal and that the tree gives; not signed
	body    int64               // the greatest size of a body
	bodyAt  time.Time           // when it was seen
	claim   headsClaim          // the newest commitment of heads
	claimAt time.Time           // when it was recorded

	statusMu sync.Mutex
	status   Status
	changed  chan struct{} // closed at the next commit
}

// Status is how a follower is.
type Status struct {
	Size     int64         // leaves
	Position int64         // in the journal
	Signed   int64         // leaves under the newest signed checkpoint
	Scrubbed time.Time     // end of the last whole comparison; zero before the first
	Unread   error         // why the last comparison did not come to its end, or nil; it tries again
	Fault    *verify.Fault // why it halted, or nil
	Trouble  error         // why the last checkpoint could not be committed, or nil; it tries again

	Witnessing Witnessing // how it stands with the witnesses
}

// NewFollower opens the log where it was left. It compares the stored edge of the tree with the newest signed checkpoint, and the last event hashed with
// the journal; what it finds wrong is told by Status, Run and Settle, so that a server can go on to answer. An error means that nothing can be said.
func NewFollower(ctx context.Context, c Config) (*Follower, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Every == 0 {
		c.Every = time.Second
	}
	if c.Events == 0 {
		c.Events = 256
	}
	if c.HeadsEvery == 0 {
		c.HeadsEvery = time.Hour
	}
	if c.ScrubEvery == 0 {
		c.ScrubEvery = time.Hour
	}
	if w := c.Witnesses; w != nil {
		w.Every, w.Patience, w.Timeout = cmp.Or(w.Every, 10*time.Second), cmp.Or(w.Patience, time.Minute), cmp.Or(w.Timeout, 10*time.Second)
	}
	f := &Follower{Config: c, reader: NewReader(c.Journal.Store, c.Store), changed: make(chan struct{})}
	f.put = f.putHash
	if err := errors.Join(f.load(ctx), f.loadWitnessing(ctx)); err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	return f, nil
}

// Reader is the log as this follower's store has it.
func (f *Follower) Reader() *Reader { return f.reader }

// Status tells how the follower is. It does not wait.
func (f *Follower) Status() Status {
	f.statusMu.Lock()
	defer f.statusMu.Unlock()
	return f.status
}

// load takes up the log from the store.
func (f *Follower) load(ctx context.Context) error {
	state, err := f.Store.State(ctx)
	if err != nil {
		return err
	}
	f.state, f.next = state, state
	f.full, f.heads, f.leaves = map[[2]int64][]byte{}, map[tree.Key]Head{}, nil
	for level, size := 0, state.Size; size > 0; level, size = level+1, size/tree.TileWidth {
		var edge []byte
		if part := size % tree.TileWidth; part > 0 {
			if edge, err = f.Store.Tile(ctx, level, size/tree.TileWidth); err != nil {
				return fmt.Errorf("read the tree's edge: %w", err)
			}
			edge = edge[:min(len(edge), int(part)*len(tree.Hash{}))]
		}
		f.edges = append(f.edges, edge)
	}
	if f.edge, err = tree.NewEdge(state.Size, f.hashes(ctx)); err != nil {
		return err
	}
	if f.Keys != nil {
		if err := f.Store.AddKeys(ctx, f.Keys.VerifierKeys()); err != nil {
			return err
		}
	}
	f.body = state.Signed.Size
	f.publish()
	if err := f.halt(f.compare(ctx)); err != nil || f.halted() != nil {
		return err
	}
	return f.halt(f.loadClaim(ctx))
}

// halt keeps a fault as the reason why nothing goes on; another error is passed on.
func (f *Follower) halt(err error) error {
	var fault *verify.Fault
	if !errors.As(err, &fault) {
		return err
	}
	f.statusMu.Lock()
	defer f.statusMu.Unlock()
	if f.status.Fault == nil {
		f.status.Fault = fault
	}
	return nil
}

// halted is the fault, as an error, or nil.
func (f *Follower) halted() error {
	if fault := f.Status().Fault; fault != nil {
		return fault
	}
	return nil
}

func (f *Follower) publish() {
	f.statusMu.Lock()
	defer f.statusMu.Unlock()
	f.status.Size, f.status.Position, f.status.Signed = f.state.Size, f.state.Position, f.state.Signed.Size
	close(f.changed)
	f.changed = make(chan struct{})
}

// Run follows the journal until the context ends, a fault halts it, or the journal or the store fails, and answers why. After a failure that is no fault it may
// be called again: what was pending is read anew. It compares the whole journal with the tree soon after the start,
// and then every ScrubEvery; and it has the witnesses cosign what is signed.
func (f *Follower) Run(ctx context.Context) error {
	if err := f.askNobody(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer cancel()
	beside.Go(func() { f.scrubs(ctx, cancel) })
	if f.Witnesses != nil {
		beside.Go(func() { f.witnessing(ctx) })
	}
	for {
		f.mu.Lock()
		after := f.next.Position
		wait, err := f.round(ctx, false, false)
		moved := f.next.Position > after
		after = f.next.Position
		f.mu.Unlock()
		if err != nil {
			return errors.Join(f.halted(), err)
		}
		if moved {
			wait = min(wait, pause)
			select {
			case <-ctx.Done():
			case <-time.After(wait):
			}
			continue
		}
		waiting, stop := context.WithTimeout(ctx, wait)
		err = f.Journal.Wait(waiting, after)
		stop()
		if err := errors.Join(f.halted(), ctx.Err()); err != nil {
			return err
		}
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("follow the journal: %w", err)
		}
	}
}

// Settle brings the log to the journal's head, and signs: what was recorded before the call is covered when it returns. For programs that end, and for tests.
func (f *Follower) Settle(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, err := f.round(ctx, true, false)
	return err
}

// CommitHeads commits to the ends of all streams and signs, so that a history can be shown whole up to this moment. Where nothing was recorded since
// the last commitment there is nothing to do. Run does the same every HeadsEvery.
func (f *Follower) CommitHeads(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, err := f.round(ctx, true, true)
	return err
}

// round does all there is to do now, and says how long nothing will be if nothing is recorded. With force it does not wait for a checkpoint's time, nor
// let trouble pass.
func (f *Follower) round(ctx context.Context, force, heads bool) (wait time.Duration, err error) {
	for {
		if err := f.halted(); err != nil {
			return 0, err
		}
		if err := f.advance(ctx); err != nil {
			return 0, f.stopped(err)
		}
		now := f.Now()
		due := f.due(now)
		if f.signable() || force || due <= 0 {
			if err := f.flush(ctx); err != nil {
				return 0, f.stopped(err)
			}
			if err := f.checkClaim(ctx); err != nil {
				return 0, f.stopped(err)
			}
		}
		if f.Keys == nil || f.Leads != nil && !f.Leads() {
			if due <= 0 {
				due = f.Every
			}
			return min(max(due, pause), f.Every), nil
		}
		appended, err := false, error(nil)
		if heads || f.headsDue(now) <= 0 {
			appended, err = f.commitHeads(ctx, now)
			heads = false
		}
		if !appended && err == nil && f.edge.Size() > f.body && (force || due <= 0) {
			appended, err = f.commitBody(ctx, now)
		}
		if err != nil && (force || !passes(err)) {
			return 0, f.stopped(err)
		}
		f.trouble(err)
		switch {
		case appended: // what was written is now in the journal
		case err != nil:
			return f.Every, nil
		default:
			return max(min(f.due(now), f.headsDue(now)), pause), nil
		}
	}
}

// stopped is why a round ended: a fault halts the follower, and after any other error what is pending is read anew from the store.
func (f *Follower) stopped(err error) error {
	if f.halt(err) == nil {
		return err
	}
	return errors.Join(err, f.reload())
}

// reload forgets what is pending. The store may have taken a batch whose answer was lost.
func (f *Follower) reload() error {
	f.edges, f.ahead, f.agreed = nil, nil, Checkpoint{}
	return f.load(context.Background())
}

// passes tells trouble that may pass: the append was surely not written, or nobody knows. The next one is the same append.
func passes(err error) bool {
	return errors.Is(err, journal.ErrNotWritten) && !errors.Is(err, journal.ErrClosed) || errors.Is(err, journal.ErrUnknown)
}

func (f *Follower) trouble(err error) {
	f.statusMu.Lock()
	defer f.statusMu.Unlock()
	f.status.Trouble = err
}

// due is how long it is until a checkpoint is to be made, if nothing more is recorded.
func (f *Follower) due(now time.Time) time.Duration {
	switch fresh := f.edge.Size() - f.body; {
	case fresh <= 0:
		return time.Hour
	case fresh >= f.Events:
		return 0
	}
	return f.bodyAt.Add(f.Every).Sub(now)
}
