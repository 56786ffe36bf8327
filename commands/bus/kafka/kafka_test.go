package kafka_test

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"kelisim/commands/bus"
	"kelisim/commands/bus/kafka"
	"kelisim/commands/journal"
)

const (
	ann   = "0f9d2f3e-1b0a-4c53-9d51-2f4f5f6c7a80"
	dana  = "5a0e5f0e-6f3c-4d0c-8a2e-7f9b1c2d3e4f"
	topic = "kelisim.events"
)

type ledger struct {
	t testing.TB
	journal.Memory
	revisions map[string]int64
}

func (l *ledger) record(stream, kind string) string {
	l.t.Helper()
	if l.revisions == nil {
		l.revisions = map[string]int64{}
	}
	next, ok := l.revisions[stream]
	if !ok {
		next = journal.NoStream
	}
	id := uuid.New()
	receipt, err := l.Append(context.Background(), stream, next, []journal.NewRecord{{ID: id, Type: kind, Data: []byte(`{}`),
		Meta: []byte(`{"version":1,"occurred_at":"2026-03-01T12:00:00.000000Z"}`)}})
	if err != nil {
		l.t.Fatal(err)
	}
	l.revisions[stream] = receipt.Revision
	return id.String()
}

func relay(t *testing.T, l *ledger, c bus.Cursors, topic string, o kafka.Options) (r *bus.Relay, stop func()) {
	t.Helper()
	r = &bus.Relay{Store: l, Cursors: c, Outlets: []*bus.Outlet{{Name: "kafka", Kind: bus.Kafka, Topic: topic, Retry: bus.Backoff{First: 20 * time.Millisecond, Most: 100 * time.Millisecond},
		Open: func(context.Context) (message.Publisher, error) { return kafka.Open(o) }}}}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx) })
	stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	t.Cleanup(stop)
	return r, stop
}

func until(t *testing.T, what string, r *bus.Relay, holds func(bus.Status) bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		all, err := r.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if holds(all[0]) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s; it is %+v %+v", what, all[0], all[0].Last)
		}
	}
}

func caughtUp(s bus.Status) bool { return s.Cursor == s.Head }

// quietly reports what the double meets: a connection that is broken off is none of a test's business.
type quietly struct{ *testing.T }

func (q quietly) Error(args ...any) {
	if said := fmt.Sprint(args...); !strings.Contains(said, "connection reset") && !strings.Contains(said, "EOF") && !strings.Contains(said, "closed") {
		q.T.Error(args...)
	}
}
func (q quietly) Errorf(format string, args ...any) { q.Error(fmt.Sprintf(format, args...)) }

// broker is sarama's double of one: it knows the topic and takes what is produced.
func broker(t *testing.T) (b *sarama.MockBroker, handle func(produce sarama.MockResponse)) {
	b = sarama.NewMockBroker(quietly{t}, 1)
	t.Cleanup(b.Close)
	handle = func(produce sarama.MockResponse) {
		b.SetHandlerByMap(map[string]sarama.MockResponse{
			"ApiVersionsRequest":    sarama.NewMockApiVersionsResponse(t),
			"MetadataRequest":       sarama.NewMockMetadataResponse(t).SetBroker(b.Addr(), 1).SetController(1).SetLeader(topic, 0, 1).SetLeader(topic, 1, 1).SetLeader(topic, 2, 1),
			"InitProducerIDRequest": sarama.NewMockInitProducerIDResponse(t).SetProducerID(4711),
			"ProduceRequest":        produce,
		})
	}
	handle(sarama.NewMockProduceResponse(t))
	return b, handle
}

// produced is what a broker was asked to store.
type produced struct {
	id, key    string
	partition  int64
	acks       sarama.RequiredAcks
	producerID int64
}

// requests reads the double's history. What it was asked to store is not exported, so it is read by reflection.
func requests(t *testing.T, b *sarama.MockBroker) (out []produced) {
	t.Helper()
	for _, pair := range b.History() {
		r, ok := pair.Request.(*sarama.ProduceRequest)
		if !ok {
			continue
		}
		topics := reflect.ValueOf(r).Elem().FieldByName("records").MapRange()
		for topics.Next() {
			for partitions := topics.Value().MapRange(); partitions.Next(); {
				batch := partitions.Value().FieldByName("RecordBatch").Elem()
				records := batch.FieldByName("Records")
				for i := range records.Len() {
					record := records.Index(i).Elem()
					p := produced{key: string(record.FieldByName("Key").Bytes()), partition: partitions.Key().Int(), acks: r.RequiredAcks, producerID: batch.FieldByName("ProducerID").Int()}
					for h := range record.FieldByName("Headers").Len() {
						header := record.FieldByName("Headers").Index(h).Elem()
						if string(header.FieldByName("Key").Bytes()) == bus.HeaderID {
							p.id = string(header.FieldByName("Value").Bytes())
						}
					}
					if value := string(record.FieldByName("Value").Bytes()); !strings.HasPrefix(value, `{"id":"`+p.id+`"`) {
						t.Errorf("the body of %s is %s", p.id, value)
					}
					out = append(out, p)
				}
			}
		}
	}
	return out
}

// Keyed by the user, acknowledged by all replicas, by an idempotent producer, in each user's order.
func TestWhatTheBrokerIsAsked(t *testing.T) {
	b, _ := broker(t)
	l := &ledger{t: t}
	want := map[string][]string{}
	for range 5 {
		for _, stream := range []string{"user-" + ann, "due-" + ann, "user-" + dana, "site"} {
			key := strings.TrimPrefix(strings.TrimPrefix(stream, "user-"), "due-")
			want[key] = append(want[key], l.record(stream, "consent.given"))
		}
	}
	r, _ := relay(t, l, &bus.Memory{}, topic, kafka.Options{Brokers: []string{b.Addr()}})
	until(t, "all is sent", r, caughtUp)
	got, partitions := map[string][]string{}, map[string]int64{}
	for _, p := range requests(t, b) {
		if before, seen := partitions[p.key]; seen && before != p.partition {
			t.Errorf("%s is in partitions %d and %d", p.key, before, p.partition)
		}
		got[p.key], partitions[p.key] = append(got[p.key], p.id), p.partition
		if p.acks != sarama.WaitForAll || p.producerID != 4711 {
			t.Errorf("%+v", p)
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A broker that refuses is told of by a word of its own and tried again, with a new producer, until it takes the event.
func TestTroubles(t *testing.T) {
	for code, answer := range map[string]sarama.KError{
		"not-enough-replicas": sarama.ErrNotEnoughReplicas, "too-large": sarama.ErrMessageSizeTooLarge, "unauthorized": sarama.ErrTopicAuthorizationFailed,
		"failed": sarama.ErrOutOfOrderSequenceNumber,
	} {
		t.Run(code, func(t *testing.T) {
			b, handle := broker(t)
			refuses := sarama.NewMockProduceResponse(t)
			for partition := range int32(3) {
				refuses.SetError(topic, partition, answer)
			}
			handle(refuses)
			l := &ledger{t: t}
			one, two := l.record("user-"+ann, "consent.given"), l.record("user-"+ann, "account.blocked")
			r, _ := relay(t, l, &bus.Memory{}, topic, kafka.Options{Brokers: []string{b.Addr()}})
			until(t, "the trouble is "+code, r, func(s bus.Status) bool { return s.Last != nil && s.Last.Code == code && s.Cursor == 0 })
			handle(sarama.NewMockProduceResponse(t))
			until(t, "all is sent", r, caughtUp)
			var ids []string
			for _, p := range requests(t, b) {
				ids = append(ids, p.id)
			}
			if got := slices.Compact(ids); !slices.Equal(got, []string{one, two}) {
				t.Errorf("asked for %v", ids)
			}
		})
	}
	t.Run("unreachable", func(t *testing.T) {
		l := &ledger{t: t}
		l.record("user-"+ann, "consent.given")
		r, stop := relay(t, l, &bus.Memory{}, topic, kafka.Options{Brokers: []string{"127.0.0.1:1"}})
		until(t, "the trouble is unreachable", r, func(s bus.Status) bool {
			return s.State == bus.Opening && s.Last != nil && s.Last.Code == "unreachable"
		})
		stop()
	})
	t.Run("no such topic", func(t *testing.T) {
		b, _ := broker(t)
		l := &ledger{t: t}
		l.record("user-"+ann, "consent.given")
		r, _ := relay(t, l, &bus.Memory{}, "another", kafka.Options{Brokers: []string{b.Addr()}})
		until(t, "the trouble is no-topic", r, func(s bus.Status) bool { return s.Last != nil && s.Last.Code == "no-topic" })
	})
	if _, err := kafka.Open(kafka.Options{Brokers: []string{"127.0.0.1:1"}, Username: "u", Password: "p"}); err == nil || !strings.Contains(err.Error(), "TLS") {
		t.Errorf("a password in clear: %v", err)
	}
}

// Against a real broker, where one is named: each user's events are in one partition, in order, whole.
func TestRealBroker(t *testing.T) {
	const setting = "KELISIM_TEST_KAFKA"
	brokers := os.Getenv(setting)
	if brokers == "" {
		t.Skipf("%s names no broker; run it with %s=host:9092", setting, setting)
	}
	config := sarama.NewConfig()
	config.Version = sarama.V2_1_0_0
	client, err := sarama.NewClient(strings.Split(brokers, ","), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		t.Fatal(err)
	}
	topic := "kelisim-test-" + uuid.NewString()
	if err := admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 3, ReplicationFactor: 1}, false); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.DeleteTopic(topic) })
	l, want := &ledger{t: t}, map[string][]string{}
	for range 100 {
		for _, user := range []string{ann, dana} {
			want[user] = append(want[user], l.record("user-"+user, "consent.given"))
		}
	}
	options := kafka.Options{Brokers: strings.Split(brokers, ",")}
	memory := &bus.Memory{}
	r, stop := relay(t, l, memory, topic, options)
	until(t, "it has begun", r, func(s bus.Status) bool { return s.Cursor > 0 })
	stop()
	r, _ = relay(t, l, memory, topic, options)
	until(t, "all is sent", r, caughtUp)
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		t.Fatal(err)
	}
	got, home := map[string][]string{}, map[string]int32{}
	for partition := range int32(3) {
		newest, err := client.GetOffset(topic, partition, sarama.OffsetNewest)
		if err != nil {
			t.Fatal(err)
		}
		if newest == 0 {
			continue
		}
		messages, err := consumer.ConsumePartition(topic, partition, sarama.OffsetOldest)
		if err != nil {
			t.Fatal(err)
		}
		for m := range messages.Messages() {
			user := string(m.Key)
			if before, seen := home[user]; seen && before != partition {
				t.Errorf("%s is in partitions %d and %d", user, before, partition)
			}
			home[user] = partition
			for _, h := range m.Headers {
				if id := string(h.Value); string(h.Key) == bus.HeaderID && !slices.Contains(got[user], id) {
					got[user] = append(got[user], id)
				}
			}
			if m.Offset == newest-1 {
				break
			}
		}
		_ = messages.Close()
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
