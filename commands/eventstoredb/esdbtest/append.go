package esdbtest

import (
	"context"
	"errors"
	"io"
	"strconv"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const (
	jsonType   = "application/json"
	binaryType = "application/octet-stream"
)

func portText(port uint32) string { return strconv.FormatUint(uint64(port), 10) }

type streamsServer struct {
	streams.UnimplementedStreamsServer
	node *node
}

// expectation is what an append says of its stream; any and exists are names for revisions that no stream has.
const (
	noStream     int64 = -1
	anyRevision  int64 = -2
	streamExists int64 = -4
)

// wish is an append as it was sent.
type wish struct {
	stream   string
	expected int64
	records  []record
}

// Append takes an append to its end, unless it is too large on the way.
func (s *streamsServer) Append(call streams.Streams_AppendServer) error {
	n, c, ctx := s.node, s.node.cluster, call.Context()
	c.mu.Lock()
	c.seen.Appends++
	c.mu.Unlock()
	w, err := c.receive(call)
	if err != nil {
		return err
	}
	if _, err := n.admit(ctx, call.SetTrailer); err != nil {
		return err
	}
	resp, cut, err := c.write(ctx, w)
	if cut {
		n.cut()
		return errNotReady // nobody hears it
	}
	if err != nil {
		return err
	}
	return call.SendAndClose(resp)
}

// cut ends all the connections of a node; it listens on.
func (n *node) cut() {
	n.cluster.mu.Lock()
	listener := n.listener
	n.cluster.mu.Unlock()
	listener.cut()
}

// receive reads the messages of an append.
func (c *Cluster) receive(call streams.Streams_AppendServer) (wish, error) {
	w := wish{expected: anyRevision}
	size := 0
	for {
		req, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return w, nil
		}
		if err != nil {
			return wish{}, err
		}
		if o := req.GetOptions(); o != nil {
			w.stream = string(o.GetStreamIdentifier().GetStreamName())
			switch e := o.GetExpectedStreamRevision().(type) {
			case *streams.AppendReq_Options_Revision:
				w.expected = int64(e.Revision)
			case *streams.AppendReq_Options_NoStream:
				w.expected = noStream
			case *streams.AppendReq_Options_StreamExists:
				w.expected = streamExists
			}
			continue
		}
		m := req.GetProposedMessage()
		r := record{
			stream: w.stream, kind: m.GetMetadata()["type"], contentType: m.GetMetadata()["content-type"], id: readID(m.GetId()),
			data: m.GetData(), metadata: m.GetCustomMetadata(),
		}
		if r.kind == "" || r.contentType != jsonType && r.contentType != binaryType {
			return wish{}, status.Error(codes.InvalidArgument, "Required Metadata Property Missing")
		}
		if size += 2*len(r.kind) + len(r.data) + len(r.metadata); size > c.opts.MaxAppendSize {
			call.SetTrailer(metadata.Pairs("exception", "maximum-append-size-exceeded", "maximum-append-size", strconv.Itoa(c.opts.MaxAppendSize)))
			return wish{}, status.Errorf(codes.InvalidArgument, "Maximum Append Size of %d Exceeded.", c.opts.MaxAppendSize)
		}
		w.records = append(w.records, r)
	}
}

func readID(id *shared.UUID) uuid.UUID {
	var out uuid.UUID
	if s := id.GetStructured(); s != nil {
		for i := range 8 {
			out[i], out[8+i] = byte(s.MostSignificantBits>>(56-8*i)), byte(s.LeastSignificantBits>>(56-8*i))
		}
		return out
	}
	return uuid.MustParse(id.GetString_())
}

func writeID(id uuid.UUID) *shared.UUID {
	var most, least int64
	for i := range 8 {
		most, least = most<<8|int64(id[i]), least<<8|int64(id[8+i])
	}
	return &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{MostSignificantBits: most, LeastSignificantBits: least}}}
}

// write decides an append on the leader, and waits for a majority. It tells whether the connection is to be cut.
func (c *Cluster) write(ctx context.Context, w wish) (resp *streams.AppendResp, cut bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.leader < 0:
		return nil, false, errNotReady
	case spend(&c.faults.CutBeforeCommit):
		return nil, true, nil
	case spend(&c.faults.TimeoutBeforeCommit):
		return nil, false, errTimeout
	}
	last, refusal := c.decide(w)
	if refusal != nil {
		return refusal, false, nil
	}
	if last < 0 {
		for _, r := range w.records {
			c.add(r)
		}
		if last = len(c.log) - 1; len(c.log)%7 == 0 { // now and then the server has something to say itself
			c.system("$stats-127.0.0.1:2113", "$statsCollected")
		}
		if spend(&c.faults.WriteOnLeaderOnly) {
			for _, n := range c.nodes {
				n.lags = n.lags || n.index != c.leader
			}
		}
		c.replicate()
		c.wake()
	}
	r := c.log[last]
	for c.committed <= last {
		changed := c.changed
		c.mu.Unlock()
		err := c.wait(ctx, changed)
		c.mu.Lock()
		if err != nil {
			return nil, false, errTimeout
		}
		if last >= len(c.log) || c.log[last].id != r.id {
			return nil, false, errTimeout // another leader does not have it
		}
	}
	switch {
	case spend(&c.faults.CommitThenCut):
		return nil, true, nil
	case spend(&c.faults.CommitThenTimeout):
		return nil, false, errTimeout
	}
	return &streams.AppendResp{Result: &streams.AppendResp_Success_{Success: &streams.AppendResp_Success{
		CurrentRevisionOption: &streams.AppendResp_Success_CurrentRevision{CurrentRevision: uint64(r.revision)},
		PositionOption: &streams.AppendResp_Success_Position{
			Position: &streams.AppendResp_Position{CommitPosition: uint64(r.at), PreparePosition: uint64(r.at)},
		},
	}}}, false, nil
}

func spend(n *int) bool {
	if *n == 0 {
		return false
	}
	*n--
	return true
}

// decide answers the place of the last record where the append stands already, -1 where it is to be written, or why it is refused.
func (c *Cluster) decide(w wish) (int, *streams.AppendResp) {
	places := c.streams[w.stream]
	current := int64(len(places)) - 1
	switch {
	case len(w.records) == 0, w.expected == anyRevision, w.expected == streamExists && current >= 0, w.expected == current:
		return -1, nil
	case w.expected < current && w.expected >= noStream && current-w.expected >= int64(len(w.records)):
		last := -1
		for i, r := range w.records {
			if place := places[w.expected+1+int64(i)]; c.log[place].id == r.id && !c.faults.Forgetful {
				last = place
				continue
			}
			return -1, wrongVersion(w.expected, current)
		}
		return last, nil
	}
	return -1, wrongVersion(w.expected, current)
}

func wrongVersion(expected, current int64) *streams.AppendResp {
	wrong := &streams.AppendResp_WrongExpectedVersion{
		CurrentRevisionOption:  &streams.AppendResp_WrongExpectedVersion_CurrentRevision{CurrentRevision: uint64(current)},
		ExpectedRevisionOption: &streams.AppendResp_WrongExpectedVersion_ExpectedRevision{ExpectedRevision: uint64(expected)},
	}
	if current == noStream {
		wrong.CurrentRevisionOption = &streams.AppendResp_WrongExpectedVersion_CurrentNoStream{CurrentNoStream: &shared.Empty{}}
	}
	switch expected {
	case noStream:
		wrong.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedNoStream{ExpectedNoStream: &shared.Empty{}}
	case streamExists:
		wrong.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedStreamExists{ExpectedStreamExists: &shared.Empty{}}
	}
	return &streams.AppendResp{Result: &streams.AppendResp_WrongExpectedVersion_{WrongExpectedVersion: wrong}}
}
