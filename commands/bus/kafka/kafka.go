// Package kafka publishes a relay's messages to a Kafka topic, by watermill's publisher over sarama. It is the only home of both.
//
// A message's key is the user's id, or the stream's name where the event is of no user, so that one partition has all of a user in order (the key is hashed as sarama
// does, with FNV-1a; the Java client would choose another partition). It is acknowledged when every replica in sync has it, by an idempotent producer that
// has one request in flight (TestWhatTheBrokerIsAsked). After a crash an event may come twice: drop it by Kelisim-Event-Id.
//
// The topic is the operator's to make: here none is made, since the number of its partitions cannot grow later without moving users.
package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	wmkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"

	"kelisim/commands/bus"
)

// Options say how the brokers are reached.
type Options struct {
	Brokers []string // "host:9092"
	TLS     bool
	Roots   *x509.CertPool // nil: those of the system
	// Username and Password are for SASL PLAIN, which is spoken over TLS alone.
	Username, Password string
}

// maxMessage is above the largest event, with its envelope. A broker takes less unless message.max.bytes says otherwise.
const maxMessage = 2 << 20

// Publisher publishes to one cluster. A producer that failed is replaced, since an idempotent one may not be able to go on.
type Publisher struct {
	brokers []string
	config  *sarama.Config

	mu  sync.Mutex
	now *producer // nil: the next message opens one
}

// producer is closed when nobody publishes with it: sarama's would break under a caller.
type producer struct {
	publishing sync.RWMutex
	*wmkafka.Publisher
}

// Open connects, and fails where no broker answers.
func Open(o Options) (*Publisher, error) {
	if o.Username != "" && !o.TLS {
		return nil, errors.New("a password for Kafka is sent over TLS alone")
	}
	c := sarama.NewConfig()
	c.ClientID = "kelisim"
	c.Version = sarama.V2_1_0_0
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Idempotent = true
	c.Net.MaxOpenRequests = 1
	c.Producer.Return.Successes = true // what a producer that waits needs
	c.Producer.MaxMessageBytes = maxMessage
	c.Producer.Timeout = 10 * time.Second
	c.Producer.Retry.Max, c.Producer.Retry.Backoff = 2, 100*time.Millisecond // the relay tries again itself
	c.Metadata.Retry.Max, c.Metadata.Retry.Backoff, c.Metadata.Timeout = 1, 250*time.Millisecond, 10*time.Second
	c.Metadata.AllowAutoTopicCreation = false
	c.Net.DialTimeout, c.Net.ReadTimeout, c.Net.WriteTimeout = 5*time.Second, 15*time.Second, 10*time.Second
	if o.TLS {
		c.Net.TLS.Enable, c.Net.TLS.Config = true, &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots}
	}
	if o.Username != "" {
		c.Net.SASL.Enable, c.Net.SASL.Mechanism, c.Net.SASL.User, c.Net.SASL.Password = true, sarama.SASLTypePlaintext, o.Username, o.Password
	}
	p := &Publisher{brokers: o.Brokers, config: c}
	if _, err := p.producer(); err != nil {
		return nil, coded(err)
	}
	return p, nil
}

// producer is the one to publish with, opened where there is none.
func (p *Publisher) producer() (*producer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now != nil {
		return p.now, nil
	}
	keyed := wmkafka.NewWithPartitioningMarshaler(func(_ string, m *message.Message) (string, error) { return m.Metadata.Get(bus.HeaderKey), nil })
	one, err := wmkafka.NewPublisher(wmkafka.PublisherConfig{Brokers: p.brokers, Marshaler: keyed, OverwriteSaramaConfig: p.config}, watermill.NopLogger{})
	if err != nil {
		return nil, err
	}
	p.now = &producer{Publisher: one}
	return p.now, nil
}

// Publish waits until each message is acknowledged.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	one, err := p.producer()
	if err != nil {
		return coded(err)
	}
	one.publishing.RLock()
	err = one.Publish(topic, messages...)
	one.publishing.RUnlock()
	if err == nil {
		return nil
	}
	p.mu.Lock()
	mine := p.now == one
	if mine {
		p.now = nil
	}
	p.mu.Unlock()
	if mine {
		_ = one.close() // it failed already
	}
	return coded(err)
}

// Close waits for what is on its way and closes the connections.
func (p *Publisher) Close() error {
	p.mu.Lock()
	one := p.now
	p.now = nil
	p.mu.Unlock()
	if one == nil {
		return nil
	}
	return one.close()
}

func (one *producer) close() error {
	one.publishing.Lock()
	defer one.publishing.Unlock()
	return one.Publisher.Close()
}

// coded gives an error of the client its word.
func coded(err error) error {
	var network net.Error
	code := "failed"
	switch {
	case errors.Is(err, sarama.ErrUnknownTopicOrPartition), errors.Is(err, sarama.ErrInvalidTopic):
		code = "no-topic"
	case errors.Is(err, sarama.ErrMessageSizeTooLarge):
		code = "too-large"
	case errors.Is(err, sarama.ErrNotEnoughReplicas), errors.Is(err, sarama.ErrNotEnoughReplicasAfterAppend):
		code = "not-enough-replicas"
	case errors.Is(err, sarama.ErrSASLAuthenticationFailed), errors.Is(err, sarama.ErrTopicAuthorizationFailed), errors.Is(err, sarama.ErrClusterAuthorizationFailed):
		code = "unauthorized"
	case errors.Is(err, sarama.ErrOutOfBrokers), errors.Is(err, sarama.ErrNotConnected), errors.Is(err, sarama.ErrBrokerNotAvailable), errors.Is(err, sarama.ErrLeaderNotAvailable), errors.As(err, &network):
		code = "unreachable"
	}
	return &bus.Error{Code: code, Err: fmt.Errorf("publish to Kafka: %w", err)}
}
