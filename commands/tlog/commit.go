package tlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"filippo.io/torchwood"
	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"

	"kelisim/commands/journal"
	"kelisim/commands/tlog/tree"
	"kelisim/commands/tlog/verify"
	"kelisim/domain"
	"kelisim/domain/event"
	"kelisim/domain/ledger"
)

// actor is who writes the ledger's own events.
var actor = event.Actor{Kind: "system", ID: "log"}

func checkpointText(origin string, size int64, root tree.Hash) string {
	return torchwood.Checkpoint{Origin: origin, Tree: tlog.Tree{N: size, Hash: root}}.String()
}

// write appends one of the ledger's own events. That another follower was quicker is no error: its event comes along in the journal.
func (f *Follower) write(ctx context.Context, stream domain.Stream, last int64, id uuid.UUID, e any, now time.Time) (appended bool, err error) {
	r, err := f.Journal.Encode(e, event.Meta{ID: id, OccurredAt: now, Actor: actor})
	if err != nil {
		return false, err
	}
	_, err = f.Journal.Append(ctx, string(stream), last, []journal.NewRecord{r})
	var conflict *journal.ConflictError
	if errors.As(err, &conflict) && conflict.Actual > last {
		return true, nil
	}
	return err == nil, err
}

// commitBody writes down what is to be signed. It is signed when it is met in the journal.
func (f *Follower) commitBody(ctx context.Context, now time.Time) (bool, error) {
	size, root := f.edge.Size(), f.edge.Root()
	body := ledger.CheckpointCommitted{Origin: f.Keys.Origin, Size: size, Root: root.String()}
	id := ownID("body ", body.Origin, " ", size, " ", body.Root)
	appended, err := f.write(ctx, domain.CheckpointsStream, f.next.Bodies, id, body, now)
	if err != nil {
		return false, fmt.Errorf("commit a checkpoint of %d leaves: %w", size, err)
	}
	return appended, nil
}

// headsClaim is a commitment of heads that was met in the journal.
type headsClaim struct {
	Commitment
	root    tree.Hash
	checked bool
}

// note remembers a commitment of heads. It is checked when what is pending is stored: of many, only the newest one can serve a proof.
func (f *Follower) note(r journal.Record, index int64) error {
	c, root, err := f.parseHeads(r, index)
	if err != nil {
		return err
	}
	if c.UpTo <= f.claim.UpTo {
		return &verify.Fault{Code: verify.Malformed, Place: place(r, index), Detail: "it does not follow the commitment of heads before it"}
	}
	f.claim, f.claimAt = headsClaim{Commitment: c, root: root}, r.RecordedAt
	f.next.Heads = c
	return nil
}

func (f *Follower) parseHeads(r journal.Record, index int64) (Commitment, tree.Hash, error) {
	e, err := f.Journal.Decode(r)
	if err != nil {
		return Commitment{}, tree.Hash{}, &verify.Fault{Code: verify.Malformed, Place: place(r, index), Detail: err.Error()}
	}
	c, ok := e.Data.(ledger.HeadsCommitted)
	root, err := tlog.ParseHash(c.Root)
	if !ok || err != nil || c.UpToIndex < 1 || c.UpToIndex > index {
		return Commitment{}, tree.Hash{}, &verify.Fault{Code: verify.Malformed, Place: place(r, index), Detail: "it is no commitment of heads that could stand here"}
	}
	return Commitment{Index: index, UpTo: c.UpToIndex}, root, nil
}

// loadClaim takes up the newest commitment from the store and the journal.
func (f *Follower) loadClaim(ctx context.Context) error {
	f.claim = headsClaim{Commitment: f.state.Heads, checked: true}
	if f.claim.Index < 0 {
		return nil
	}
	leaf, err := f.Store.Leaf(ctx, f.claim.Index)
	if err != nil {
		return fmt.Errorf("read the last commitment of heads: %w", err)
	}
	r, _, err := f.reader.event(ctx, leaf)
	if err != nil {
		return err
	}
	f.claim.checked, f.claimAt = false, r.RecordedAt
	_, f.claim.root, err = f.parseHeads(r, f.claim.Index)
	return err
}

// checkClaim makes sure that the tree of heads of the newest commitment is there, and that it is the one that was committed.
func (f *Follower) checkClaim(ctx context.Context) error {
	c := &f.claim
	if c.checked || c.Index < 0 || c.Index >= f.state.Size {
		return nil
	}
	root, err := f.reader.headsRoot(ctx, c.UpTo)
	if errors.Is(err, ErrNotFound) {
		var t headsTree
		if t, err = f.reader.headsAt(ctx, c.UpTo); err != nil {
			return err
		}
		root = t.root
		if err := f.Store.SaveHeads(ctx, c.UpTo, t.tiles); err != nil {
			return fmt.Errorf("store the tree of heads: %w", err)
		}
	} else if err != nil {
		return err
	}
	if root != c.root {
		return &verify.Fault{Code: verify.HeadsDiffer, Place: verify.Place{Index: c.Index, Position: -1, Stream: tree.HeadsStream, Revision: -1},
			Detail: "the heads of the streams are not those that were committed"}
	}
	c.checked = true
	return nil
}

// headsDue is how long it is until heads are to be committed: at once where there is none yet, never where nothing came since.
func (f *Follower) headsDue(now time.Time) time.Duration {
	switch last := f.claim.Index; {
	case last < 0 && f.edge.Size() > 0:
		return 0
	case f.edge.Size() <= last+1:
		return time.Hour
	}
	return f.claimAt.Add(f.HeadsEvery).Sub(now)
}

// commitHeads makes the tree of heads as of now and writes its root down.
func (f *Follower) commitHeads(ctx context.Context, now time.Time) (bool, error) {
	if f.edge.Size() <= f.claim.Index+1 {
		return false, nil
	}
	if err := f.flush(ctx); err != nil {
		return false, err
	}
	upTo := f.state.Size
	t, err := f.reader.headsAt(ctx, upTo)
	if err != nil {
		return false, err
	}
	if err := f.Store.SaveHeads(ctx, upTo, t.tiles); err != nil {
		return false, fmt.Errorf("store the tree of heads: %w", err)
	}
	last, err := f.head(ctx, tree.KeyOf(tree.HeadsStream))
	if err != nil {
		return false, err
	}
	c := ledger.HeadsCommitted{UpToIndex: upTo, Root: t.root.String(), Streams: t.streams}
	appended, err := f.write(ctx, domain.HeadsStream, last.Revision, ownID("heads ", upTo, " ", c.Root), c, now)
	if err != nil {
		return false, fmt.Errorf("commit the heads of %d streams: %w", t.streams, err)
	}
	return appended, nil
}
