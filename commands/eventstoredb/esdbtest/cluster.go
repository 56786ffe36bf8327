// Package esdbtest is an EventStoreDB cluster inside a test's process: gRPC servers on loopback that speak the client's own published
// protocol and keep the rules of the real server that commands/eventstoredb relies on, with switches for its faults.
//
// One log is shared; a node has the first so many of its records. A write is acknowledged when a majority of the nodes has it. The death of
// a leader loses what no living node has, as on the real server. What it copies of the real server was read in that server's source
// and documents; that it behaves likewise was never compared with a running one.
package esdbtest

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
)

// Options of a cluster. The zero value is one node without TLS.
type Options struct {
	Nodes         int
	TLS           *tls.Config // nil: clients connect with tls=false
	Authorization string      // the header that every call must bring, such as "Basic dTpw"; "" asks for none
	Version       string      // "" is 23.10.8
	MaxAppendSize int         // bytes of type (twice), data and metadata of an append; 0 is 4 MiB
}

// Cluster is the servers and what they keep.
type Cluster struct {
	opts  Options
	nodes []*node

	mu        sync.Mutex
	changed   chan struct{} // closed when anything below changes
	log       []record
	streams   map[string][]int // places in log
	hidden    map[string]int64 // the first revision that is shown
	at        int64            // where the next record begins
	committed int              // so many records are on a majority, and can be read
	leader    int              // -1: an election is under way
	faults    Faults
	seen      Seen
	dropped   int // DropSubscriptions was called so often
}

// Faults are switches. Those that count apply to so many appends and then switch themselves off.
type Faults struct {
	CommitThenCut       int  // the append is written, and its answer lost with the connection
	CutBeforeCommit     int  // the connection is cut while the append is under way; nothing is written
	CommitThenTimeout   int  // the append is written, and answered "Aborted: Operation timed out"
	TimeoutBeforeCommit int  // nothing is written; the same answer
	WriteOnLeaderOnly   int  // the append is on the leader's disk alone, and is never answered
	Unavailable         bool // every call but gossip is answered "Server Is Not Ready", as in an election storm
	ReadsUnavailable    bool // every reading is answered so, though appends are taken
	Hang                bool // no call of the streams is answered until its deadline passes
	HangDiscovery       bool // no call of gossip and server features is answered
	MuteSubscriptions   bool // live subscriptions stay open and say nothing more, as on a node that is cut off
	DropLive            bool // a live subscription is dropped at each event: "Consumer too slow"
	FalseCheckpoints    bool // a filtered subscription says that it has come to the end of the log, with prepare position 0, before it sends an event
	Forgetful           bool // an append whose ids stand already is refused, as another's would be
	UnknownMessages     bool // a read begins with a message that the client does not know
}

// Seen counts what clients did.
type Seen struct {
	Connections   int // that are open
	Opened        int // that ever were
	Appends       int // that reached a node, whatever became of them
	Reads         int
	Subscriptions int
	WithoutLeader int // calls of the streams without the header requires-leader
	Redirected    int // answered not-leader
}

// record is an event in the log. Its place in the log, a byte offset, is both its commit and its prepare position.
type record struct {
	at             int64
	stream, kind   string
	revision       int64
	id             uuid.UUID
	contentType    string
	data, metadata []byte
	created        time.Time
}

// node is one server. Its fields are under Cluster.mu, but for cluster, index and address.
type node struct {
	cluster *Cluster
	index   int
	address string

	server   *grpc.Server // nil: it is dead
	listener *listener
	has      int  // so many records of the log
	lags     bool // it takes no more of them
}

// Start runs a cluster until the test ends. Its first node is the leader.
func Start(t testing.TB, opts Options) *Cluster {
	t.Helper()
	opts.Nodes = max(1, opts.Nodes)
	if opts.Version == "" {
		opts.Version = "23.10.8"
	}
	if opts.MaxAppendSize == 0 {
		opts.MaxAppendSize = 4 << 20
	}
	c := &Cluster{opts: opts, changed: make(chan struct{}), streams: map[string][]int{}, hidden: map[string]int64{}}
	for i := range opts.Nodes {
		c.nodes = append(c.nodes, &node{cluster: c, index: i, address: "127.0.0.1:0"})
	}
	c.mu.Lock()
	c.system("$epoch-information", "$EpochInformation") // a real log, too, begins with the server's own records
	c.mu.Unlock()
	for i := range c.nodes {
		if err := c.start(i); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(c.Stop)
	return c
}

// start lets a node listen where it listened before.
func (c *Cluster) start(i int) error {
	n := c.nodes[i]
	inner, err := net.Listen("tcp", n.address)
	if err != nil {
		return fmt.Errorf("start node %d: %w", i, err)
	}
	listener := &listener{Listener: inner, open: map[net.Conn]bool{}}
	options := []grpc.ServerOption{
		// A server with the library's defaults throws out a client whose keepalive is the client's default.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}),
		grpc.MaxRecvMsgSize(17 << 20),
		grpc.StatsHandler(connections{c}),
	}
	if c.opts.TLS != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(c.opts.TLS)))
	}
	server := grpc.NewServer(options...)
	streams.RegisterStreamsServer(server, &streamsServer{node: n})
	gossip.RegisterGossipServer(server, &gossipServer{node: n})
	serverfeatures.RegisterServerFeaturesServer(server, &featuresServer{node: n})
	c.mu.Lock()
	n.address, n.server, n.listener = listener.Addr().String(), server, listener
	c.replicate()
	c.wake()
	c.mu.Unlock()
	go func() { _ = server.Serve(listener) }()
	return nil
}

// Stop ends all nodes.
func (c *Cluster) Stop() {
	for i := range c.nodes {
		c.Kill(i)
	}
}

// ConnectionString names all nodes, and the settings, each "key=value".
func (c *Cluster) ConnectionString(settings ...string) string {
	hosts := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		hosts[i] = n.address
	}
	if c.opts.TLS == nil {
		settings = append([]string{"tls=false"}, settings...)
	}
	return "esdb://" + strings.Join(hosts, ",") + "?" + strings.Join(settings, "&")
}

// Set switches faults.
func (c *Cluster) Set(change func(*Faults)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.faults)
	c.wake()
}

// Seen is what clients did until now.
func (c *Cluster) Seen() Seen {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen
}

// Leader is the node that leads, -1 for none.
func (c *Cluster) Leader() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leader
}

// Kill ends a node as a power cut does. If it led, there is no leader until Elect.
func (c *Cluster) Kill(i int) {
	c.mu.Lock()
	server := c.nodes[i].server
	c.nodes[i].server = nil
	if c.leader == i {
		c.leader = -1
	}
	c.wake()
	c.mu.Unlock()
	if server != nil {
		server.Stop()
	}
}

// Revive starts a dead node again, on its old port, as a follower if another leads.
func (c *Cluster) Revive(i int) error {
	c.mu.Lock()
	alive := c.nodes[i].server != nil
	c.mu.Unlock()
	if alive {
		return nil
	}
	return c.start(i)
}

// Elect makes the living node that has most of the log the leader; of several, not the one that led. What it has not is lost. It
// answers which it is, or -1 where no majority lives.
func (c *Cluster) Elect() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	best, living := -1, 0
	for i, n := range c.nodes {
		if n.server == nil {
			continue
		}
		living++
		if best < 0 || n.has > c.nodes[best].has || n.has == c.nodes[best].has && best == c.leader {
			best = i
		}
	}
	if living*2 <= len(c.nodes) {
		best = -1
	}
	if c.leader = best; best >= 0 {
		c.truncate(c.nodes[best].has)
		for _, n := range c.nodes {
			n.lags = false
		}
		c.system("$epoch-information", "$EpochInformation")
		c.replicate()
	}
	c.wake()
	return best
}

// Lead makes a node the leader, whatever it lacks is first given to it: a change of leader that loses nothing and cuts no connection.
func (c *Cluster) Lead(i int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes[i].lags = false
	c.leader = i
	c.replicate()
	c.wake()
}

// Lag lets a follower take no more of the log, or take all it lacks.
func (c *Cluster) Lag(i int, lags bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes[i].lags = lags
	c.replicate()
	c.wake()
}

// DropSubscriptions ends every open subscription as the server does when its reader is slow.
func (c *Cluster) DropSubscriptions() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropped++
	c.wake()
}

// SystemEvent puts one of the server's own events into the log.
func (c *Cluster) SystemEvent() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.system("$stats-127.0.0.1:2113", "$statsCollected")
	c.replicate()
	c.wake()
}

// Forget loses the last n records though they were acknowledged, as a backup that is restored does.
func (c *Cluster) Forget(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.truncate(len(c.log) - n)
	c.committed = len(c.log)
	c.wake()
}

// Hide lets a stream begin at a later revision, as $tb in its metadata does.
func (c *Cluster) Hide(stream string, before int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hidden[stream] = before
}

// Stands are the ids of a stream's events, in their order, as a majority has them.
func (c *Cluster) Stands(stream string) []uuid.UUID {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ids []uuid.UUID
	for _, place := range c.streams[stream] {
		if place < c.committed {
			ids = append(ids, c.log[place].id)
		}
	}
	return ids
}

// wake tells all who wait that something changed.
func (c *Cluster) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// wait sleeps until something changed since it was called, or the context ends.
func (c *Cluster) wait(ctx context.Context, changed <-chan struct{}) error {
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// system adds an event of the server's own.
func (c *Cluster) system(stream, kind string) {
	c.add(record{stream: stream, kind: kind, id: uuid.New(), contentType: jsonType, data: []byte(`{"own":true}`), metadata: []byte(`{}`)})
}

// add puts a record at the end of the leader's log. The offsets are a log's: each depends on the sizes before it.
func (c *Cluster) add(r record) {
	places := c.streams[r.stream]
	r.at, r.revision, r.created = c.at, int64(len(places)), time.Now()
	c.at += int64(100 + len(r.stream) + 2*len(r.kind) + len(r.data) + len(r.metadata))
	c.streams[r.stream] = append(places, len(c.log))
	c.log = append(c.log, r)
	if c.leader >= 0 {
		c.nodes[c.leader].has = len(c.log)
	}
}

// replicate gives every living follower what it lacks, and counts what is committed.
func (c *Cluster) replicate() {
	if c.leader < 0 {
		return
	}
	has := make([]int, len(c.nodes))
	for i, n := range c.nodes {
		if n.server != nil && !n.lags || i == c.leader {
			n.has = len(c.log)
		}
		has[i] = n.has
	}
	slices.Sort(has)
	c.committed = max(c.committed, has[(len(has)-1)/2])
}

// truncate forgets what a new leader does not have.
func (c *Cluster) truncate(n int) {
	for _, r := range c.log[n:] {
		places := c.streams[r.stream]
		c.streams[r.stream] = places[:len(places)-1]
	}
	c.log = c.log[:n:n]
	for _, other := range c.nodes {
		other.has = min(other.has, n)
	}
}

// endpoint is how a node is told to clients.
func (n *node) endpoint() (host string, port uint32) {
	host, text, _ := net.SplitHostPort(n.address)
	number, _ := strconv.ParseUint(text, 10, 16)
	return host, uint32(number)
}
