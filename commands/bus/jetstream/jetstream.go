// Package jetstream publishes a relay's messages to NATS JetStream, by watermill's publisher. It is the only home of the NATS client.
//
// A message goes to TOPIC.TYPE.KEY, "kelisim.consent.withdrawal_took_effect.USER", so that a consumer may take a type of all users or all of one user. The
// stream that keeps these subjects is the operator's to make: here none is made, since its retention is a decision about data.
//
// An event is stored once, for as long as the stream keeps the newest message of its subject: within the stream's window of duplicates by Nats-Msg-Id, later because the newest
// message of the subject is looked at before anything is sent, and named as expected with it (TestNoSecondCopy). A stream that drops what was consumed
// (work queue, interest) has the first of the two alone.
package jetstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/ThreeDotsLabs/watermill"
	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"

	"kelisim/commands/bus"
)

// wait is how long one exchange with the server may take.
const wait = 5 * time.Second

// Options say how the server is reached. Empty is "without".
type Options struct {
	URL                string // "nats://host:4222", "tls://…", several with commas between them
	Username, Password string
	Token              string
	CredentialsFile    string
	Roots              *x509.CertPool // nil: those of the system
	// Stands tells whether the ledger's journal has an event at a position; see bus.Relay.
	Stands func(ctx context.Context, position int64, event string) (bool, error)
}

// Publisher publishes to one server, or cluster.
type Publisher struct {
	conn   *nats.Conn
	js     nats.JetStreamContext
	send   *wmnats.Publisher
	stands func(context.Context, int64, string) (bool, error)

	mu      sync.Mutex
	streams map[string]string // by topic and type, the stream that keeps its subjects
}

// Open connects. A server that is not there is no error: the connection is tried for ever, and Publish fails until it stands.
func Open(o Options) (*Publisher, error) {
	options := []nats.Option{
		nats.Name("kelisim"), nats.MaxReconnects(-1), nats.RetryOnFailedConnect(true), nats.ReconnectWait(time.Second), nats.IgnoreAuthErrorAbort(),
		nats.ReconnectBufSize(-1), // nothing is sent behind our back once a connection stands again
		nats.Timeout(wait), nats.PingInterval(20 * time.Second), nats.MaxPingsOutstanding(2),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // what goes wrong is Publish's answer; the default prints it
	}
	if o.Username != "" {
		options = append(options, nats.UserInfo(o.Username, o.Password))
	}
	if o.Token != "" {
		options = append(options, nats.Token(o.Token))
	}
	if o.CredentialsFile != "" {
		options = append(options, nats.UserCredentials(o.CredentialsFile))
	}
	if o.Roots != nil {
		options = append(options, nats.Secure(&tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots}))
	}
	conn, err := nats.Connect(o.URL, options...)
	if err != nil {
		return nil, bus.Fail("unreachable", "connect to NATS: %w", err)
	}
	p := &Publisher{conn: conn, stands: o.Stands, streams: map[string]string{}}
	if p.js, err = conn.JetStream(nats.MaxWait(wait)); err != nil {
		conn.Close()
		return nil, fmt.Errorf("make a JetStream context: %w", err)
	}
	p.send, err = wmnats.NewPublisherWithNatsConn(conn, wmnats.PublisherPublishConfig{
		Marshaler: &wmnats.NATSMarshaler{}, SubjectCalculator: wmnats.DefaultSubjectCalculator,
		JetStream: wmnats.JetStreamConfig{ConnectOptions: []nats.JSOpt{nats.MaxWait(wait)}},
	}, watermill.NopLogger{})
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("make a publisher: %w", err)
	}
	return p, nil
}

// Close closes the connection.
func (p *Publisher) Close() error { return p.send.Close() }

// Publish stores each message in the stream that keeps its subject, unless it stands there.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	for _, m := range messages {
		if err := p.publish(topic, m); err != nil {
			return p.coded(err)
		}
	}
	return nil
}

func (p *Publisher) publish(topic string, m *message.Message) error {
	if !p.conn.IsConnected() {
		return fmt.Errorf("NATS is not connected: %w", nats.ErrDisconnected)
	}
	ctx, done := context.WithTimeout(m.Context(), wait)
	defer done()
	kind := topic + "." + m.Metadata.Get(bus.HeaderType)
	subject := kind + "." + token(m.Metadata.Get(bus.HeaderKey))
	stream, err := p.stream(ctx, kind, subject)
	if err != nil {
		return err
	}
	last, err := p.js.GetLastMsg(stream, subject, nats.Context(ctx))
	var sequence uint64
	switch {
	case errors.Is(err, nats.ErrMsgNotFound):
	case err != nil:
		p.forget(kind)
		return fmt.Errorf("look at the newest message: %w", err)
	default:
		sequence = last.Sequence
		if stored, err := p.stored(ctx, m, last); stored || err != nil {
			return err
		}
	}
	m.Metadata.Set(nats.MsgIdHdr, m.UUID)
	m.Metadata.Set(nats.ExpectedStreamHdr, stream)
	m.Metadata.Set(nats.ExpectedLastSubjSeqHdr, strconv.FormatUint(sequence, 10))
	if err := p.send.Publish(subject, m); err != nil {
		p.forget(kind)
		return err
	}
	return nil
}

// stored tells whether the newest message of the subject says that this one is in the stream: it is this one, or a later one of the same journal, sent before
// the relay lost its cursor.
func (p *Publisher) stored(ctx context.Context, m *message.Message, last *nats.RawStreamMsg) (bool, error) {
	id := last.Header.Get(bus.HeaderID)
	if id == m.UUID {
		return true, nil
	}
	at, err := bus.Position(m)
	if err != nil {
		return false, err
	}
	lastAt, err := strconv.ParseInt(last.Header.Get(bus.HeaderPosition), 10, 64)
	if err == nil && lastAt < at {
		return false, nil
	}
	if err == nil && lastAt > at {
		if ours, err := p.stands(ctx, lastAt, id); ours || err != nil {
			return ours, err
		}
	}
	return false, bus.Fail("foreign-stream", "the stream's newest message of this subject, number %d, is no event of this journal: another ledger, or this one before it was put back, feeds it", last.Sequence)
}

// stream finds the stream that keeps a subject; no-stream where none does.
func (p *Publisher) stream(ctx context.Context, kind, subject string) (string, error) {
	p.mu.Lock()
	name := p.streams[kind]
	p.mu.Unlock()
	if name != "" {
		return name, nil
	}
	name, err := p.js.StreamNameBySubject(subject, nats.Context(ctx))
	if errors.Is(err, nats.ErrNoMatchingStream) {
		return "", bus.Fail("no-stream", "no stream keeps %s.>: make one, such as nats stream add --subjects '%s.>'", kind, topicOf(kind))
	}
	if err != nil {
		return "", fmt.Errorf("find the stream: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.streams[kind] = name
	return name, nil
}

// forget has the stream looked for again: an operator may have made another.
func (p *Publisher) forget(kind string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.streams, kind)
}

func topicOf(kind string) string {
	parts := strings.Split(kind, ".")
	return strings.Join(parts[:max(1, len(parts)-2)], ".")
}

// token makes one token of a subject: user ids are as they are; a stream's name may hold what a subject cannot.
func token(key string) string {
	return strings.Map(func(r rune) rune {
		if r == '.' || r == '*' || r == '>' || unicode.IsSpace(r) || unicode.IsControl(r) {
			return '_'
		}
		return r
	}, key)
}

// coded gives an error of the client its word.
func (p *Publisher) coded(err error) error {
	var api *nats.APIError
	code := bus.CodeOf(err)
	switch {
	case code != "failed" && code != "unreachable":
		return err
	case errors.As(err, &api) && (api.ErrorCode == nats.JSErrCodeStreamWrongLastSequence || api.ErrorCode == nats.JSErrCodeStreamWrongLastSequenceConstant):
		code = "wrong-sequence" // another relay was quicker: the next attempt sees what it stored
	case errors.Is(err, nats.ErrNoStreamResponse), errors.Is(err, nats.ErrStreamNotFound):
		code = "no-stream"
	case errors.Is(err, nats.ErrJetStreamNotEnabled), errors.Is(err, nats.ErrJetStreamNotEnabledForAccount), errors.Is(err, nats.ErrNoResponders):
		code = "no-jetstream"
	case errors.Is(err, nats.ErrMaxPayload):
		code = "too-large"
	case errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrDisconnected), errors.Is(err, nats.ErrConnectionReconnecting):
		code = "unreachable"
	case errors.Is(err, nats.ErrTimeout):
		code = "timeout"
	}
	if last := p.conn.LastError(); code == "unreachable" && (errors.Is(last, nats.ErrAuthorization) || errors.Is(last, nats.ErrAuthExpired) || errors.Is(last, nats.ErrAuthRevoked)) {
		code = "unauthorized"
	}
	return &bus.Error{Code: code, Err: err}
}
