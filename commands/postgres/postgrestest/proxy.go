package postgrestest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// Fate is what becomes of a commit on its way to the server.
type Fate int

const (
	Passes    Fate = iota
	NeverCame      // the connection is cut before the server hears of it
	NoAnswer       // the server commits, and the connection is cut before it can say so
)

// Proxy stands between a client and a server, knows PostgreSQL's messages, and fails as it is told.
type Proxy struct {
	listener net.Listener
	target   string

	mu       sync.Mutex
	moving   sync.Cond
	atCommit func() Fate
	stalled  bool
	ended    bool
	cancels  int
	conns    map[net.Conn]bool
}

// NewProxy stands before the first host of an address, and answers the address to use instead. TLS must be off.
func NewProxy(t testing.TB, address string) (*Proxy, string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, target: u.Host, atCommit: func() Fate { return Passes }, conns: map[net.Conn]bool{}}
	p.moving.L = &p.mu
	u.Host = l.Addr().String()
	go p.accept()
	t.Cleanup(func() {
		_ = l.Close()
		p.Stall(false)
		p.mu.Lock()
		p.ended = true
		p.mu.Unlock()
		p.Cut()
	})
	return p, u.String()
}

// AtCommit has f asked for the fate of each commit. The commit waits for its answer; all that was sent before it has reached the server.
func (p *Proxy) AtCommit(f func() Fate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.atCommit = f
}

// Stall holds everything back, in both directions, or lets it go on.
func (p *Proxy) Stall(stalled bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled = stalled
	p.moving.Broadcast()
}

// Cut ends all connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

// Cancels is how many cancel requests were sent.
func (p *Proxy) Cancels() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cancels
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		s := &session{proxy: p, client: client, server: server, statements: map[string]bool{}}
		p.mu.Lock()
		p.conns[client], p.conns[server] = true, true
		if p.ended {
			s.cut()
		}
		p.mu.Unlock()
		go s.up()
		go s.down()
	}
}

// wait holds a message back while the proxy is stalled.
func (p *Proxy) wait() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.stalled {
		p.moving.Wait()
	}
}

// session is one connection through the proxy.
type session struct {
	proxy          *Proxy
	client, server net.Conn

	mu         sync.Mutex
	mute       bool            // cut at the answer to the commit
	statements map[string]bool // the names of prepared statements that commit
}

func (s *session) cut() {
	_ = s.client.Close()
	_ = s.server.Close()
}

const cancelRequest = 80877102

// up carries messages to the server.
func (s *session) up() {
	defer s.cut()
	first, err := message(s.client, 0)
	if err != nil {
		return
	}
	if len(first) >= 8 && binary.BigEndian.Uint32(first[4:]) == cancelRequest {
		s.proxy.mu.Lock()
		s.proxy.cancels++
		s.proxy.mu.Unlock()
	}
	for m := first; ; {
		s.proxy.wait()
		if len(m) > 5 && s.commits(m) {
			s.proxy.mu.Lock()
			f := s.proxy.atCommit
			s.proxy.mu.Unlock()
			switch f() {
			case NeverCame:
				return
			case NoAnswer:
				s.mu.Lock()
				s.mute = true
				s.mu.Unlock()
			}
		}
		if _, err := s.server.Write(m); err != nil {
			return
		}
		if m, err = message(s.client, 1); err != nil {
			return
		}
	}
}

// down carries messages to the client.
func (s *session) down() {
	defer s.cut()
	for {
		m, err := message(s.server, 1)
		if err != nil {
			return
		}
		s.proxy.wait()
		s.mu.Lock()
		mute := s.mute
		s.mu.Unlock()
		if mute && m[0] == 'C' && bytes.HasPrefix(m[5:], []byte("COMMIT\x00")) {
			return
		}
		if _, err := s.client.Write(m); err != nil {
			return
		}
	}
}

// commits tells whether a message asks for a commit, by itself or by a prepared statement.
func (s *session) commits(m []byte) bool {
	text := strings.Split(string(m[5:]), "\x00")
	is := func(query string) bool { return strings.EqualFold(strings.TrimSpace(query), "commit") }
	switch m[0] {
	case 'Q':
		return is(text[0])
	case 'P':
		s.statements[text[0]] = is(text[1])
	case 'B':
		return s.statements[text[1]]
	}
	return false
}

// message reads one message: a type, save for the first of a connection, a length that counts itself, and the rest.
func message(r io.Reader, typed int) ([]byte, error) {
	head := make([]byte, typed+4)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[typed:])
	if n < 4 || n > 64<<20 {
		return nil, fmt.Errorf("a message of %d bytes", n)
	}
	m := append(head, make([]byte, n-4)...)
	_, err := io.ReadFull(r, m[typed+4:])
	return m, err
}
