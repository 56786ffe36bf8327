package eventstoredb

import (
	"context"
	"regexp"
	"sync/atomic"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
)

// lookEvery is how often the tail asks the leader for the head, whatever its subscription says: a subscription to a node that was cut off, or
// that no longer leads, stays open and is silent.
const lookEvery = time.Second

// follow is the tail: it learns of events that others append, so that Wait returns soon. It subscribes after the last event that was seen
// and again when the server drops it, which a server does with a reader that was slow for a moment. Its checkpoints
// are not used: servers have sent some that lie beyond events not sent yet (TestFalseCheckpoints).
func (j *Journal) follow() {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		if j.subscribe() {
			pause = firstPause
		}
		if sleep(j.life, pause) != nil {
			return
		}
	}
}

// subscribe follows one subscription to its end, and tells whether it brought anything.
func (j *Journal) subscribe() (useful bool) {
	if !j.pool.enter() {
		return false
	}
	defer j.pool.busy.Done()
	ctx, cancel := context.WithCancel(j.life)
	defer cancel()
	c, err := j.pool.take()
	if err != nil {
		return false
	}
	defer func() { _ = c.client.Close() }()
	filter := &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Regex: `^[^\$]`}
	if j.opts.Prefix != "" {
		filter.Regex = "^" + regexp.QuoteMeta(j.opts.Prefix)
	}
	known, _ := j.known()
	opening := time.AfterFunc(j.opts.Deadline, cancel)
	s, err := guarded(ctx, c.client, func(ctx context.Context, c *esdb.Client) (*esdb.Subscription, error) {
		return c.SubscribeToAll(onLeader(ctx), esdb.SubscribeToAllOptions{From: position(known), Filter: filter})
	})
	opening.Stop()
	if err != nil {
		return false
	}
	defer s.Close()
	var delivered atomic.Int64
	delivered.Store(known)
	j.background.Go(func() { j.watch(ctx, cancel, &delivered) })
	for {
		e, err := guarded(ctx, c.client, func(context.Context, *esdb.Client) (*esdb.SubscriptionEvent, error) { return s.Recv(), nil })
		switch {
		case err != nil || e.SubscriptionDropped != nil:
			return useful
		case e.EventAppeared != nil && j.ours(e.EventAppeared.Event):
			r, err := j.record(e.EventAppeared.Event)
			if err != nil {
				return useful // a reader comes upon it and says so
			}
			j.saw(r.Position, r.RecordedAt)
			delivered.Store(r.Position)
			useful = true
		}
	}
}

// watch ends a subscription that is behind the leader at two looks in a row.
func (j *Journal) watch(ctx context.Context, end context.CancelFunc, delivered *atomic.Int64) {
	for behind := int64(0); sleep(ctx, lookEvery) == nil; {
		head, _, err := j.Head(ctx)
		switch {
		case err != nil || head <= delivered.Load():
			behind = 0
		case behind > delivered.Load():
			end()
		default:
			behind = head
		}
	}
}
