package esdbtest

import (
	"context"
	"maps"
	"net"
	"slices"
	"sync"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

var (
	errNotReady = status.Error(codes.Unavailable, "Server Is Not Ready")
	errTimeout  = status.Error(codes.Aborted, "Operation timed out: Commit phase timeout")
	errTooSlow  = status.Error(codes.Aborted, "Consumer too slow to handle event while live. Client resubscription required.")
)

// listener remembers the connections that it took, so that they can be cut while the server goes on.
type listener struct {
	net.Listener
	mu   sync.Mutex
	open map[net.Conn]bool
}

// Accept remembers the connection for as long as it is open.
func (l *listener) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	conn := &connection{Conn: inner, of: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[conn] = true
	return conn, nil
}

func (l *listener) cut() {
	l.mu.Lock()
	conns := slices.Collect(maps.Keys(l.open))
	l.mu.Unlock()
	for _, conn := range conns {
		_ = conn.Close()
	}
}

type connection struct {
	net.Conn
	of *listener
}

// Close forgets the connection.
func (c *connection) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// connections counts them.
type connections struct{ cluster *Cluster }

func (connections) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (connections) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (connections) HandleRPC(context.Context, stats.RPCStats)                         {}

func (h connections) HandleConn(_ context.Context, s stats.ConnStats) {
	h.cluster.mu.Lock()
	defer h.cluster.mu.Unlock()
	switch s.(type) {
	case *stats.ConnBegin:
		h.cluster.seen.Connections++
		h.cluster.seen.Opened++
	case *stats.ConnEnd:
		h.cluster.seen.Connections--
	}
}

type gossipServer struct {
	gossip.UnimplementedGossipServer
	node *node
}

// Read tells the members as this node knows them.
func (s *gossipServer) Read(ctx context.Context, _ *shared.Empty) (*gossip.ClusterInfo, error) {
	c := s.node.cluster
	if err := c.discovery(ctx); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	info := &gossip.ClusterInfo{}
	for i, n := range c.nodes {
		state := gossip.MemberInfo_Follower
		switch {
		case i == c.leader:
			state = gossip.MemberInfo_Leader
		case c.leader < 0:
			state = gossip.MemberInfo_Unknown
		}
		host, port := n.endpoint()
		info.Members = append(info.Members, &gossip.MemberInfo{
			State: state, IsAlive: n.server != nil, HttpEndPoint: &gossip.EndPoint{Address: host, Port: port},
		})
	}
	return info, nil
}

type featuresServer struct {
	serverfeatures.UnimplementedServerFeaturesServer
	node *node
}

func (s *featuresServer) GetSupportedMethods(ctx context.Context, _ *shared.Empty) (*serverfeatures.SupportedMethods, error) {
	c := s.node.cluster
	if err := c.discovery(ctx); err != nil {
		return nil, err
	}
	return &serverfeatures.SupportedMethods{EventStoreServerVersion: c.opts.Version}, nil
}

// discovery waits while the switch says so.
func (c *Cluster) discovery(ctx context.Context) error {
	for {
		c.mu.Lock()
		hangs, changed := c.faults.HangDiscovery, c.changed
		c.mu.Unlock()
		if !hangs {
			return nil
		}
		if err := c.wait(ctx, changed); err != nil {
			return status.FromContextError(err).Err()
		}
	}
}

// admit decides whether a node takes a call of the streams, and answers whether it asked for the leader.
func (n *node) admit(ctx context.Context, trailer func(metadata.MD)) (leaderOnly bool, err error) {
	c := n.cluster
	md, _ := metadata.FromIncomingContext(ctx)
	leaderOnly = slices.Contains(md.Get("requires-leader"), "true")
	for {
		c.mu.Lock()
		if !leaderOnly {
			c.seen.WithoutLeader++
		}
		faults, leader, changed := c.faults, c.leader, c.changed
		if leader >= 0 && leader != n.index && leaderOnly {
			c.seen.Redirected++
		}
		c.mu.Unlock()
		switch {
		case c.opts.Authorization != "" && !slices.Contains(md.Get("authorization"), c.opts.Authorization):
			return false, status.Error(codes.Unauthenticated, "Unauthenticated")
		case faults.Hang:
			if err := c.wait(ctx, changed); err != nil {
				return false, status.FromContextError(err).Err()
			}
			continue
		case faults.Unavailable || leader < 0:
			return false, errNotReady
		case leaderOnly && leader != n.index:
			return false, n.redirect(leader, trailer)
		}
		return leaderOnly, nil
	}
}

// redirect is how a follower names the leader.
func (n *node) redirect(leader int, trailer func(metadata.MD)) error {
	host, port := n.cluster.nodes[leader].endpoint()
	trailer(metadata.Pairs("exception", "not-leader", "leader-endpoint-host", host, "leader-endpoint-port", portText(port)))
	return status.Error(codes.NotFound, "Leader info available")
}
