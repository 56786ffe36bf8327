package main

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/uuid"
	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"kelisim/commands/access"
	"kelisim/commands/bus"
	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/consent"
	"kelisim/domain/event"
)

const hookSecret, olderSecret = "a-secret-of-this-year", "a-secret-of-last-year"

// mailing is a mailing system: it writes to whom it knows, until it is told that a consent has ended.
type mailing struct {
	mu     sync.Mutex
	writes map[string]bool
	seen   map[string][]string // by user, ids in the order of their first coming
	faults []string
}

func newMailing(users ...string) *mailing {
	m := &mailing{writes: map[string]bool{}, seen: map[string][]string{}}
	for _, u := range users {
		m.writes[u] = true
	}
	return m
}

// take reads one event, in the form of the outlets or of the feed. It may come twice.
func (m *mailing) take(body []byte) {
	var e struct {
		ID, Stream, Type string
		UserID           string `json:"user_id"`
		Data             struct {
			NoticeID string `json:"notice_id"`
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := json.Unmarshal(body, &e); err != nil {
		m.faults = append(m.faults, err.Error())
		return
	}
	user, ok := domain.Stream(e.Stream).User()
	if !ok || e.UserID != "" && e.UserID != string(user) {
		return
	}
	if !slices.Contains(m.seen[string(user)], e.ID) {
		m.seen[string(user)] = append(m.seen[string(user)], e.ID)
	}
	if e.Type == "consent.withdrawal_took_effect" && e.Data.NoticeID != "" {
		delete(m.writes, string(user))
	}
}

func (m *mailing) writesTo() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.writes))
}

func (m *mailing) knows(user string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.seen[user])
}

// ServeHTTP takes web hooks as a receiver should: the signature first, and nothing that is older than five minutes.
func (m *mailing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	t, rest, _ := strings.Cut(strings.TrimPrefix(r.Header.Get(bus.SignatureHeader), "t="), ",")
	mac := hmac.New(sha256.New, []byte(olderSecret))
	mac.Write([]byte(t + "." + string(body)))
	if err != nil || !slices.Contains(strings.Split(rest, ","), "v1="+hex.EncodeToString(mac.Sum(nil))) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	m.take(body)
}

func within(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// P-2.2: a withdrawal takes effect, and each mailing system that listens stops writing to this person and to nobody else: by a web hook, by NATS, by Kafka, by the feed.
func TestWithdrawalReachesEveryOutlet(t *testing.T) {
	h := newHouse(t)
	leaver, stayer := h.register(), h.register()
	systems := map[string]*mailing{"hook": newMailing(leaver, stayer), "nats": newMailing(leaver, stayer), "feed": newMailing(leaver, stayer)}

	endpoint := httptest.NewTLSServer(systems["hook"])
	t.Cleanup(endpoint.Close)
	ca := filepath.Join(h.dir, "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: endpoint.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	streams := natsStream(t, systems["nats"])
	broker := kafkaBroker(t)
	feed(t, h, systems["feed"])

	p := &program{getenv: func(name string) string {
		return map[string]string{"MAIL_SECRET": hookSecret + "," + olderSecret}[name]
	}}
	file := filepath.Join(h.dir, "outlets.yaml")
	text := fmt.Sprintf(`
outlets:
  - {name: mail, kind: webhook, url: "%s/kelisim", secret_env: MAIL_SECRET, ca_file: "%s", allow_private: true, types: [consent.*]}
  - {name: events, kind: nats, url: "%s"}
  - {name: lake, kind: kafka, brokers: ["%s"], topic: kelisim.events}
`, endpoint.URL, ca, streams, broker.Addr())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	settings, err := p.readOutlets(file)
	if err != nil {
		t.Fatal(err)
	}
	r, stop, err := h.l.relay(t.Context(), h.dir, settings, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})

	notice := h.ask(access.Officer, 201, "POST", "/v1/users/"+leaver+"/withdrawal-notices", `{"received_on":"2026-03-01","channel":"registered-post","tracking_number":"RR123456785KZ"}`)
	h.move(11 * 24 * time.Hour)
	marker, err := h.l.Journal.Encode(consent.WithdrawalTookEffect{NoticeID: notice["notice_id"].(string), EffectiveFrom: h.now()},
		event.Meta{ID: uuid.New(), OccurredAt: h.now(), Actor: event.Actor{Kind: "system", ID: "policies"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.l.Journal.Append(t.Context(), string(domain.DueStream(domain.UserID(leaver))), journal.NoStream, []journal.NewRecord{marker}); err != nil {
		t.Fatal(err)
	}
	for name, system := range systems {
		within(t, name+" has stopped", func() bool { return slices.Equal(system.writesTo(), []string{stayer}) })
		if len(system.faults) > 0 {
			t.Errorf("%s: %v", name, system.faults)
		}
	}
	within(t, "every cursor is at the head", func() bool {
		all, err := r.Status(t.Context())
		return err == nil && len(all) == 3 && !slices.ContainsFunc(all, func(s bus.Status) bool { return s.Cursor != s.Head })
	})
	produced := 0
	for _, pair := range broker.History() {
		if _, ok := pair.Request.(*sarama.ProduceRequest); ok {
			produced++
		}
	}
	if produced == 0 {
		t.Error("Kafka was asked to store nothing")
	}
	if known := systems["nats"].knows(leaver); known[len(known)-1] != marker.ID.String() {
		t.Errorf("the last that NATS knows is not the marker: %v", known)
	}
}

// natsStream is a server with a stream, to whose subjects of withdrawals and consents a mailing system listens.
func natsStream(t *testing.T, m *mailing) (url string) {
	t.Helper()
	server, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(func() {
		server.Shutdown()
		server.WaitForShutdown()
	})
	if !server.ReadyForConnections(30 * time.Second) {
		t.Fatal("NATS does not start")
	}
	conn, err := nats.Connect(server.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := conn.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.AddStream(&nats.StreamConfig{Name: "KELISIM", Subjects: []string{"kelisim.>"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Subscribe("kelisim.consent.>", func(msg *nats.Msg) { m.take(msg.Data) }, nats.OrderedConsumer()); err != nil {
		t.Fatal(err)
	}
	return server.ClientURL()
}

func kafkaBroker(t *testing.T) *sarama.MockBroker {
	b := sarama.NewMockBroker(t, 1)
	t.Cleanup(b.Close)
	b.SetHandlerByMap(map[string]sarama.MockResponse{
		"ApiVersionsRequest":    sarama.NewMockApiVersionsResponse(t),
		"MetadataRequest":       sarama.NewMockMetadataResponse(t).SetBroker(b.Addr(), 1).SetController(1).SetLeader("kelisim.events", 0, 1),
		"InitProducerIDRequest": sarama.NewMockInitProducerIDResponse(t),
		"ProduceRequest":        sarama.NewMockProduceResponse(t),
	})
	return b
}

// feed has a mailing system follow the server-sent events.
func feed(t *testing.T, h *house, m *mailing) {
	t.Helper()
	server := httptest.NewServer(h.server)
	t.Cleanup(server.Close)
	ask, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/v1/events/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	ask.Header.Set("Authorization", "Bearer "+h.tokens[access.Officer])
	answer, err := http.DefaultClient.Do(ask)
	if err != nil || answer.StatusCode != 200 {
		t.Fatal(err, answer)
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				m.take([]byte(data))
			}
		}
	})
	t.Cleanup(func() {
		_ = answer.Body.Close()
		reading.Wait()
	})
}

// The program is killed while it sends, again and again: each user's events come whole and in order, when repetitions are left out.
func TestKilledWhileItSends(t *testing.T) {
	dir := t.TempDir()
	m := newMailing()
	var mu sync.Mutex
	n := 0
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		n++
		refuses := n%5 == 0
		mu.Unlock()
		if refuses {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		m.ServeHTTP(w, r)
	}))
	t.Cleanup(endpoint.Close)
	file := filepath.Join(dir, "outlets.yaml")
	if err := os.WriteFile(file, []byte("outlets: [{name: mail, kind: webhook, allow_private: true, secret_env: MAIL_SECRET, url: \""+endpoint.URL+"\"}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	serve := func() (*server, caller) {
		t.Helper()
		s, err := startServer(dir, append(os.Environ(), "MAIL_SECRET="+hookSecret+","+olderSecret), "serve", "--data", data, "--outlets", file)
		if err != nil {
			t.Fatal(err)
		}
		return s, caller{url: s.url}
	}
	s, c := serve()
	c.token = token(t, data, "service")
	operator := token(t, data, "operator")
	want := map[string][]string{}
	for life := range 3 {
		for i := range 4 {
			body := fmt.Sprintf(`{"login":"u%d-%d","acceptance":%s,"contacts":{"mobile":"+77015550101"}}`, life, i, c.acceptance(t, "register", "subscription", "terms", "personal-data"))
			status, answer, err := c.do("POST", "/v1/users", fmt.Sprint("k", life, "-", i), body)
			var made struct {
				UserID string   `json:"user_id"`
				Events []string `json:"events"`
			}
			if err != nil || status != 201 || json.Unmarshal(answer, &made) != nil {
				t.Fatal(status, string(answer), err)
			}
			want[made.UserID] = made.Events
		}
		s.kill()
		s, c.url = nil, ""
		s, c = func() (*server, caller) { again, at := serve(); at.token = c.token; return again, at }()
	}
	within(t, "all has come", func() bool {
		for user := range want {
			if len(m.knows(user)) < len(want[user]) {
				return false
			}
		}
		return true
	})
	for user, events := range want {
		if got := m.knows(user); !slices.Equal(got, events) {
			t.Errorf("%s: got %v, want %v", user, got, events)
		}
	}
	o := caller{s.url, operator}
	within(t, "the cursor is at the head", func() bool {
		_, answer, err := o.do("GET", "/v1/outlets", "", "")
		var page struct {
			Items []struct{ Cursor, Head int64 }
		}
		return err == nil && json.Unmarshal(answer, &page) == nil && len(page.Items) == 1 && page.Items[0].Cursor == page.Items[0].Head
	})
	if code, err := s.stop(); code != 0 || err != nil {
		t.Errorf("it ended with %d, %v: %s", code, err, s.said())
	}
	if said := string(s.said()); strings.Contains(said, "secret-of") || strings.Contains(said, endpoint.URL) {
		t.Errorf("the log tells too much: %s", said)
	}
}
