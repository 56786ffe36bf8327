package jetstream_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"kelisim/commands/bus"
	"kelisim/commands/bus/jetstream"
	"kelisim/commands/journal"
)

const (
	ann  = "0f9d2f3e-1b0a-4c53-9d51-2f4f5f6c7a80"
	dana = "5a0e5f0e-6f3c-4d0c-8a2e-7f9b1c2d3e4f"
)

// server is a real one, in this process, with its files in a folder of the test.
type server struct {
	t       *testing.T
	options natsserver.Options
	now     *natsserver.Server
	conn    *nats.Conn
	js      nats.JetStreamContext
}

func start(t *testing.T, change func(*natsserver.Options)) *server {
	s := &server{t: t, options: natsserver.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true}}
	if change != nil {
		change(&s.options)
	}
	s.up()
	t.Cleanup(s.down)
	return s
}

func (s *server) up() {
	s.t.Helper()
	options := s.options
	now, err := natsserver.NewServer(&options)
	if err != nil {
		s.t.Fatal(err)
	}
	now.Start()
	if !now.ReadyForConnections(30 * time.Second) {
		s.t.Fatal("the server does not start")
	}
	s.now = now
	s.options.Port = options.Port // so that it comes back where it was
	if s.options.Username != "" || s.options.CustomClientAuthentication != nil || !s.options.JetStream {
		return
	}
	if s.conn, err = nats.Connect(now.ClientURL()); err != nil {
		s.t.Fatal(err)
	}
	if s.js, err = s.conn.JetStream(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) down() {
	if s.conn != nil {
		s.conn.Close()
	}
	s.now.Shutdown()
	s.now.WaitForShutdown()
}

// stream makes the stream that an operator would make.
func (s *server) stream(window time.Duration) {
	s.t.Helper()
	if _, err := s.js.AddStream(&nats.StreamConfig{Name: "KELISIM", Subjects: []string{"kelisim.>"}, Duplicates: window}); err != nil {
		s.t.Fatal(err)
	}
}

// stored are the ids in the stream, in its order, and the subjects. Each message was sent under the condition that the one before it of its subject is the newest.
func (s *server) stored() (ids, subjects []string) {
	s.t.Helper()
	info, err := s.js.StreamInfo("KELISIM")
	if err != nil {
		s.t.Fatal(err)
	}
	newest := map[string]uint64{}
	for n := info.State.FirstSeq; n <= info.State.LastSeq; n++ {
		m, err := s.js.GetMsg("KELISIM", n)
		if err != nil {
			s.t.Fatal(err)
		}
		var body struct{ ID string }
		if err := json.Unmarshal(m.Data, &body); err != nil || body.ID != m.Header.Get(bus.HeaderID) || body.ID != m.Header.Get("Nats-Msg-Id") {
			s.t.Errorf("%v: %s, %v", err, m.Data, m.Header)
		}
		if got, want := m.Header.Get("Nats-Expected-Last-Subject-Sequence"), fmt.Sprint(newest[m.Subject]); got != want {
			s.t.Errorf("number %d of the stream was sent for %q, want %s", n, got, want)
		}
		newest[m.Subject] = n
		ids, subjects = append(ids, body.ID), append(subjects, m.Subject)
	}
	return ids, subjects
}

type ledger struct {
	t testing.TB
	journal.Memory
	revisions map[string]int64
	n         int
}

func newLedger(t testing.TB) *ledger { return &ledger{t: t, revisions: map[string]int64{}} }

func (l *ledger) record(stream, kind string) string {
	l.t.Helper()
	l.n++
	id := uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, l.t.Name(), l.n))
	next, ok := l.revisions[stream]
	if !ok {
		next = journal.NoStream
	}
	receipt, err := l.Append(context.Background(), stream, next, []journal.NewRecord{{ID: id, Type: kind, Data: []byte(`{}`),
		Meta: []byte(`{"version":1,"occurred_at":"2026-03-01T12:00:00.000000Z"}`)}})
	if err != nil {
		l.t.Fatal(err)
	}
	l.revisions[stream] = receipt.Revision
	return id.String()
}

// relay runs a relay to the server until stop is called.
func relay(t *testing.T, s *server, l *ledger, c bus.Cursors, change func(*jetstream.Options)) (r *bus.Relay, stop func()) {
	t.Helper()
	r = &bus.Relay{Store: l, Cursors: c}
	options := jetstream.Options{URL: fmt.Sprintf("nats://127.0.0.1:%d", s.options.Port), Stands: r.Stands}
	if change != nil {
		change(&options)
	}
	r.Outlets = []*bus.Outlet{{Name: "nats", Kind: bus.NATS, Topic: "kelisim", Retry: bus.Backoff{First: 20 * time.Millisecond, Most: 100 * time.Millisecond},
		Open: func(context.Context) (message.Publisher, error) { return jetstream.Open(options) }}}
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

// until waits for something, as long as it takes within a minute.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

func status(t *testing.T, r *bus.Relay) bus.Status {
	t.Helper()
	all, err := r.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all[0]
}

func caughtUp(t *testing.T, r *bus.Relay) {
	t.Helper()
	until(t, "the cursor is at the head", func() bool { s := status(t, r); return s.Cursor == s.Head })
}

func trouble(t *testing.T, r *bus.Relay, code string) {
	t.Helper()
	until(t, "the trouble is "+code, func() bool { s := status(t, r); return s.Last != nil && s.Last.Code == code })
}

func TestStored(t *testing.T) {
	s, l := start(t, nil), newLedger(t)
	s.stream(time.Minute)
	want := []string{l.record("user-"+ann, "account.registered"), l.record("user-"+ann, "consent.given"), l.record("due-"+ann, "consent.withdrawal_took_effect")}
	other := l.record("payment-cloud.pay *>-1", "payment.held")
	r, _ := relay(t, s, l, &bus.Memory{}, nil)
	caughtUp(t, r)
	ids, subjects := s.stored()
	if i := slices.Index(ids, other); i < 0 || subjects[i] != "kelisim.payment.held.payment-cloud_pay___-1" {
		t.Errorf("of no user: %v", subjects)
	}
	mine := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == other })
	if !slices.Equal(mine, want) || !slices.Contains(subjects, "kelisim.consent.withdrawal_took_effect."+ann) {
		t.Errorf("stored %v on %v, want %v", ids, subjects, want)
	}
}

// A relay that lost its cursor sends everything again, and the stream takes none of it twice: within the window of duplicates, and when it has passed.
func TestNoSecondCopy(t *testing.T) {
	for name, window := range map[string]time.Duration{"within the window": time.Hour, "after the window": 100 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			s, l := start(t, nil), newLedger(t)
			s.stream(window)
			for range 3 {
				l.record("user-"+ann, "consent.given")
				l.record("user-"+dana, "consent.given")
				l.record("due-"+ann, "subscription.trial_ended")
			}
			r, stop := relay(t, s, l, &bus.Memory{}, nil)
			caughtUp(t, r)
			stop()
			before, _ := s.stored()
			if window < time.Minute { // it has passed when the server takes a second message with the last id
				last := before[len(before)-1]
				until(t, "the window has passed", func() bool {
					ack, err := s.js.Publish("kelisim.probe", []byte(`{"id":"`+last+`"}`), nats.MsgId(last))
					return err == nil && !ack.Duplicate
				})
				if err := s.js.PurgeStream("KELISIM", &nats.StreamPurgeRequest{Subject: "kelisim.probe"}); err != nil {
					t.Fatal(err)
				}
			}
			r, _ = relay(t, s, l, &bus.Memory{}, nil)
			caughtUp(t, r)
			info, err := s.js.StreamInfo("KELISIM")
			if err != nil || info.State.Msgs != 9 || len(before) != 9 {
				t.Errorf("%d events, %d messages, %v", len(before), info.State.Msgs, err)
			}
			l.record("user-"+ann, "consent.given")
			caughtUp(t, r)
			if info, err := s.js.StreamInfo("KELISIM"); err != nil || info.State.Msgs != 10 {
				t.Errorf("after another event: %d messages, %v", info.State.Msgs, err)
			}
		})
	}
}

// The server goes away in the middle, and comes back: nothing is lost or stored twice, and each user's order holds.
func TestServerStoppedAndRestarted(t *testing.T) {
	s, l := start(t, nil), newLedger(t)
	s.stream(time.Minute)
	want := map[string][]string{}
	record := func() {
		for _, user := range []string{ann, dana} {
			want[user] = append(want[user], l.record("user-"+user, "consent.given"))
		}
	}
	for range 20 {
		record()
	}
	r, _ := relay(t, s, l, &bus.Memory{}, nil)
	until(t, "it has begun", func() bool { return status(t, r).Cursor > 0 })
	s.down()
	for range 20 {
		record()
	}
	trouble(t, r, "unreachable")
	if st := status(t, r); st.Cursor == st.Head || st.State != bus.Failing {
		t.Errorf("without a server: %+v", st)
	}
	s.up()
	caughtUp(t, r)
	ids, subjects := s.stored()
	got := map[string][]string{}
	for i, id := range ids {
		user := subjects[i][strings.LastIndex(subjects[i], ".")+1:]
		got[user] = append(got[user], id)
	}
	for user := range want {
		if !slices.Equal(got[user], want[user]) {
			t.Errorf("%s: got %d %v\nwant %d %v", user, len(got[user]), got[user], len(want[user]), want[user])
		}
	}
	if st := status(t, r); st.State != bus.Running {
		t.Errorf("mended: %+v", st)
	}
}

// Where no stream keeps the subjects the outlet says so, and goes on when one is made.
func TestNoStream(t *testing.T) {
	s, l := start(t, nil), newLedger(t)
	one := l.record("user-"+ann, "consent.given")
	r, _ := relay(t, s, l, &bus.Memory{}, nil)
	trouble(t, r, "no-stream")
	s.stream(time.Minute)
	caughtUp(t, r)
	if ids, _ := s.stored(); !slices.Equal(ids, []string{one}) {
		t.Errorf("stored %v", ids)
	}
}

// A stream that another ledger feeds, or this one before a restore, is not taken for one that has our events.
func TestForeignStream(t *testing.T) {
	for name, at := range map[string]string{"a later position": "99", "the same position": "1", "no position": ""} {
		t.Run(name, func(t *testing.T) {
			s, l := start(t, nil), newLedger(t)
			s.stream(time.Minute)
			m := nats.NewMsg("kelisim.consent.given." + ann)
			m.Header.Set(bus.HeaderID, "4f7b0e9e-4a9d-4f2e-8a68-000000000000")
			if at != "" {
				m.Header.Set(bus.HeaderPosition, at)
			}
			if _, err := s.js.PublishMsg(m); err != nil {
				t.Fatal(err)
			}
			l.record("user-"+ann, "consent.given")
			r, _ := relay(t, s, l, &bus.Memory{}, nil)
			trouble(t, r, "foreign-stream")
			if st := status(t, r); st.Cursor != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}

func TestTroubles(t *testing.T) {
	t.Run("too large", func(t *testing.T) {
		s, l := start(t, func(o *natsserver.Options) { o.MaxPayload = 400 }), newLedger(t)
		s.stream(time.Minute)
		l.record("user-"+ann, "consent.given")
		r, _ := relay(t, s, l, &bus.Memory{}, nil)
		trouble(t, r, "too-large")
	})
	t.Run("no JetStream", func(t *testing.T) {
		s, l := start(t, func(o *natsserver.Options) { o.JetStream = false }), newLedger(t)
		l.record("user-"+ann, "consent.given")
		r, _ := relay(t, s, l, &bus.Memory{}, nil)
		trouble(t, r, "no-jetstream")
	})
	t.Run("unauthorized", func(t *testing.T) {
		s, l := start(t, func(o *natsserver.Options) { o.Username, o.Password = "relay", "right" }), newLedger(t)
		l.record("user-"+ann, "consent.given")
		r, stop := relay(t, s, l, &bus.Memory{}, func(o *jetstream.Options) { o.Username, o.Password = "relay", "wrong" })
		trouble(t, r, "unauthorized")
		stop()
		r, _ = relay(t, s, l, &bus.Memory{}, func(o *jetstream.Options) { o.Username, o.Password = "relay", "right" })
		trouble(t, r, "no-stream")
	})
}

// door lets nobody in until it is opened.
type door struct {
	mu    sync.Mutex
	asked int
	open  bool
}

func (d *door) Check(natsserver.ClientAuthentication) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	return d.open
}

// A server that refuses is asked again for ever: who mends its list of users need not restart the ledger.
func TestRefusedForAWhile(t *testing.T) {
	d := &door{}
	s, l := start(t, func(o *natsserver.Options) { o.CustomClientAuthentication = d }), newLedger(t)
	l.record("user-"+ann, "consent.given")
	r, _ := relay(t, s, l, &bus.Memory{}, nil)
	trouble(t, r, "unauthorized")
	until(t, "it was asked four times", func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.open = d.asked >= 4
		return d.open
	})
	trouble(t, r, "no-stream")
}

// Two relays at once, as when a lease was lost and the loser does not know: nothing is stored twice.
func TestTwoRelays(t *testing.T) {
	s, l := start(t, nil), newLedger(t)
	s.stream(100 * time.Millisecond)
	var want []string
	for range 30 {
		want = append(want, l.record("user-"+ann, "consent.given"))
	}
	one, _ := relay(t, s, l, &bus.Memory{}, nil)
	other, _ := relay(t, s, l, &bus.Memory{}, nil)
	caughtUp(t, one)
	caughtUp(t, other)
	if ids, _ := s.stored(); !slices.Equal(ids, want) {
		t.Errorf("stored %d: %v", len(ids), ids)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, o := range []jetstream.Options{{URL: "nats://127.0.0.1:x"}, {URL: "nats://127.0.0.1:1", CredentialsFile: "none.creds"}} {
		p, err := jetstream.Open(o)
		if err == nil {
			err = errors.Join(p.Publish("kelisim", message.NewMessage("x", nil)), p.Close())
		}
		if err == nil {
			t.Errorf("%+v does not fail", o)
		}
	}
}
