package esdbtest

import (
	"context"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Read answers a reading or a subscription.
func (s *streamsServer) Read(req *streams.ReadReq, call streams.Streams_ReadServer) error {
	c := s.node.cluster
	c.mu.Lock()
	unavailable := c.faults.ReadsUnavailable
	if c.seen.Reads++; req.GetOptions().GetSubscription() != nil {
		c.seen.Reads--
		c.seen.Subscriptions++
	}
	c.mu.Unlock()
	if unavailable {
		return errNotReady
	}
	if _, err := s.node.admit(call.Context(), call.SetTrailer); err != nil {
		return err
	}
	r := &reading{node: s.node, options: req.GetOptions(), call: call}
	if err := r.prepare(); err != nil {
		return err
	}
	if r.options.GetSubscription() != nil {
		return r.follow()
	}
	return r.once()
}

// reading is a call of Read on its way.
type reading struct {
	node    *node
	options *streams.ReadReq_Options
	call    streams.Streams_ReadServer
	stream  string // "" reads $all
	from    int64  // the revision or position to begin with; -1 is the end
	passes  func(record) bool
}

// prepare reads the options.
func (r *reading) prepare() error {
	switch o := r.options.GetStreamOption().(type) {
	case *streams.ReadReq_Options_Stream:
		r.stream = string(o.Stream.GetStreamIdentifier().GetStreamName())
		switch from := o.Stream.GetRevisionOption().(type) {
		case *streams.ReadReq_Options_StreamOptions_Revision:
			r.from = int64(from.Revision)
		case *streams.ReadReq_Options_StreamOptions_End:
			r.from = -1
		}
	case *streams.ReadReq_Options_All:
		switch from := o.All.GetAllOption().(type) {
		case *streams.ReadReq_Options_AllOptions_Position:
			r.from = int64(from.Position.GetCommitPosition())
			if from.Position.GetPreparePosition() != from.Position.GetCommitPosition() || !r.node.cluster.begins(r.from) {
				return status.Error(codes.InvalidArgument, "Invalid position")
			}
		case *streams.ReadReq_Options_AllOptions_End:
			r.from = -1
		}
	}
	r.passes = func(record) bool { return true }
	if f := r.options.GetFilter(); f != nil {
		of, expression := func(e record) string { return e.stream }, f.GetStreamIdentifier()
		if expression == nil {
			of, expression = func(e record) string { return e.kind }, f.GetEventType()
		}
		pattern, err := regexp.Compile(expression.GetRegex())
		if err != nil {
			return status.Error(codes.InvalidArgument, err.Error())
		}
		r.passes = func(e record) bool {
			if len(expression.GetPrefix()) == 0 {
				return pattern.MatchString(of(e))
			}
			return slices.ContainsFunc(expression.GetPrefix(), func(p string) bool { return strings.HasPrefix(of(e), p) })
		}
	}
	return nil
}

// begins tells whether a record begins at an offset, or the log ends there.
func (c *Cluster) begins(at int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := sort.Search(len(c.log), func(i int) bool { return c.log[i].at >= at })
	return i < len(c.log) && c.log[i].at == at || at == c.at
}

// visible is what a node shows: what is committed, as far as it has it. The caller holds the lock.
func (n *node) visible() []record {
	return n.cluster.log[:min(n.has, n.cluster.committed)]
}

// once answers a reading.
func (r *reading) once() error {
	c := r.node.cluster
	c.mu.Lock()
	events, unknown := r.events(), c.faults.UnknownMessages
	found := r.stream == "" || len(c.streams[r.stream]) > 0 && c.streams[r.stream][0] < len(r.node.visible())
	c.mu.Unlock()
	if unknown {
		if err := r.call.Send(&streams.ReadResp{Content: &streams.ReadResp_LastStreamPosition{}}); err != nil {
			return err
		}
	}
	if !found {
		return r.call.Send(&streams.ReadResp{Content: &streams.ReadResp_StreamNotFound_{StreamNotFound: &streams.ReadResp_StreamNotFound{
			StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(r.stream)},
		}}})
	}
	for _, e := range events {
		if err := r.send(e); err != nil {
			return err
		}
	}
	return nil
}

// events are those that a reading asks for, in the order that it asks for. The caller holds the lock.
func (r *reading) events() []record {
	all, places := r.node.visible(), []int(nil)
	n := len(all)
	at := func(i int) record { return all[i] }
	key := func(i int) int64 { return all[i].at }
	if r.stream != "" {
		places = r.node.cluster.streams[r.stream]
		n = sort.SearchInts(places, len(all))
		at = func(i int) record { return all[places[i]] }
		key = func(i int) int64 { return all[places[i]].revision }
	}
	first, step := n, 1
	if r.from >= 0 {
		from := max(r.from, r.node.cluster.hidden[r.stream])
		first = sort.Search(n, func(i int) bool { return key(i) >= from })
	}
	if r.options.GetReadDirection() == streams.ReadReq_Options_Backwards {
		if step = -1; r.stream == "" || first == n {
			first-- // a stream is read backwards from its revision, $all from before its position
		}
	}
	var events []record
	for i := first; i >= 0 && i < n && uint64(len(events)) < r.options.GetCount(); i += step {
		events = append(events, at(i))
	}
	return events
}

// follow answers a subscription to $all: what comes after its position, without end.
func (r *reading) follow() error {
	c, ctx := r.node.cluster, r.call.Context()
	if err := r.call.Send(&streams.ReadResp{Content: &streams.ReadResp_Confirmation{
		Confirmation: &streams.ReadResp_SubscriptionConfirmation{SubscriptionId: uuid.NewString()},
	}}); err != nil {
		return err
	}
	c.mu.Lock()
	next, dropped := 0, c.dropped
	if r.options.GetAll().GetStart() == nil {
		visible := r.node.visible()
		next = len(visible)
		if r.from >= 0 {
			next = sort.Search(len(visible), func(i int) bool { return visible[i].at > r.from })
		}
	}
	c.mu.Unlock()
	for live := false; ; {
		c.mu.Lock()
		faults, changed, over := c.faults, c.changed, c.dropped != dropped || r.node.server == nil
		visible := r.node.visible()
		next = min(next, len(visible))
		events := slices.Clone(visible[next:])
		c.mu.Unlock()
		switch {
		case over:
			return errTooSlow
		case len(events) == 0 || faults.MuteSubscriptions && live:
			if !live {
				live = true
				if err := r.call.Send(&streams.ReadResp{Content: &streams.ReadResp_CaughtUp_{CaughtUp: &streams.ReadResp_CaughtUp{}}}); err != nil {
					return err
				}
			}
			if err := c.wait(ctx, changed); err != nil {
				return err
			}
			continue
		case faults.DropLive && live:
			return errTooSlow
		}
		if err := r.pass(ctx, events, faults.FalseCheckpoints); err != nil {
			return err
		}
		next += len(events)
	}
}

// pass sends what passes the filter, and a checkpoint where there is one.
func (r *reading) pass(ctx context.Context, events []record, falsely bool) error {
	checkpoint := func(at int64) error {
		if r.options.GetFilter() == nil {
			return nil
		}
		resp := &streams.ReadResp_Checkpoint{CommitPosition: uint64(at), PreparePosition: uint64(at)}
		if falsely {
			resp.PreparePosition = 0
		}
		return r.call.Send(&streams.ReadResp{Content: &streams.ReadResp_Checkpoint_{Checkpoint: resp}})
	}
	if falsely {
		if err := checkpoint(events[len(events)-1].at + 1<<20); err != nil {
			return err
		}
	}
	for _, e := range events {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !r.passes(e) {
			continue
		}
		if err := r.send(e); err != nil {
			return err
		}
	}
	return checkpoint(events[len(events)-1].at)
}

// send gives an event as the real server does: its metadata map holds type, content type and the time in ticks of 100 ns.
func (r *reading) send(e record) error {
	return r.call.Send(&streams.ReadResp{Content: &streams.ReadResp_Event{Event: &streams.ReadResp_ReadEvent{
		Event: &streams.ReadResp_ReadEvent_RecordedEvent{
			Id: writeID(e.id), StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(e.stream)},
			StreamRevision: uint64(e.revision), PreparePosition: uint64(e.at), CommitPosition: uint64(e.at),
			Metadata: map[string]string{"type": e.kind, "content-type": e.contentType, "created": strconv.FormatInt(e.created.UnixNano()/100, 10)},
			Data:     e.data, CustomMetadata: e.metadata,
		},
		Position: &streams.ReadResp_ReadEvent_CommitPosition{CommitPosition: uint64(e.at)},
	}}})
}
