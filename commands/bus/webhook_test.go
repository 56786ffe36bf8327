package bus_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"kelisim/commands/bus"
)

const secret, oldSecret = "a-secret-that-nobody-knows", "another-secret-of-yesterday"

// endpoint takes web hooks as a receiver would: it looks at the signature, the time and the id.
type endpoint struct {
	mu      sync.Mutex
	secret  string
	answers []int // the next ones; then 204
	ids     []string
	faults  []string
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		e.faults = append(e.faults, err.Error())
	}
	if e.secret != "" && !signed(r.Header.Get(bus.SignatureHeader), body, e.secret) {
		e.faults = append(e.faults, "the signature does not fit: "+r.Header.Get(bus.SignatureHeader))
	}
	if r.Method != "POST" || r.Header.Get("Content-Type") != "application/json" || !bytes.Contains(body, []byte(`{"id":"`+r.Header.Get(bus.HeaderID)+`"`)) {
		e.faults = append(e.faults, fmt.Sprint(r.Method, r.Header, string(body)))
	}
	status := 204
	if len(e.answers) > 0 {
		status, e.answers = e.answers[0], e.answers[1:]
	}
	if status < 300 {
		e.ids = append(e.ids, r.Header.Get(bus.HeaderID))
	}
	if status/100 == 3 {
		w.Header().Set("Location", "/elsewhere")
	}
	w.WriteHeader(status)
}

func (e *endpoint) taken() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.ids)
}

// signed is what a receiver does: any v1 that fits is enough.
func signed(header string, body []byte, secret string) bool {
	parts := strings.Split(header, ",")
	t, ok := strings.CutPrefix(parts[0], "t=")
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(t + "." + string(body)))
	return ok && slices.Contains(parts[1:], "v1="+hex.EncodeToString(mac.Sum(nil)))
}

func hook(t testing.TB, m *bus.Memory, change func(*bus.HookOptions)) *bus.Webhook {
	t.Helper()
	o := bus.HookOptions{Outlet: "mail", URL: "https://example.kz/hooks", Secrets: bus.Secrets{secret}, Deliveries: m}
	if change != nil {
		change(&o)
	}
	w, err := bus.NewWebhook(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func mailOutlet(w *bus.Webhook) *bus.Outlet {
	return &bus.Outlet{Name: "mail", Kind: bus.Hook, Hook: w, Retry: bus.RetryHook, Open: func(context.Context) (message.Publisher, error) { return w, nil }}
}

// one is an event of a journal, as a message.
func one(t testing.TB, l *ledger) *message.Message {
	t.Helper()
	for r := range l.ReadAll(t.Context(), 0) {
		m, err := bus.NewMessage(r)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	t.Fatal("the journal is empty")
	return nil
}

// The vector was made with another program: printf '1772366400.{"a":1}' | openssl dgst -sha256 -hmac SECRET.
func TestSignature(t *testing.T) {
	at, body := time.Unix(1772366400, 999), []byte(`{"a":1}`)
	const first, second = "b6772db7e506d829be98f97e532cecbd24fa921e270ac7032a850a913fd09c30", "187b341f54f996ccfabcf40f82ac5dbdddca9a576cf2d42e618b1ee3b347bac3"
	if got := (bus.Secrets{secret}).Sign(at, body); got != "t=1772366400,v1="+first {
		t.Errorf("one secret: %s", got)
	}
	both := bus.Secrets{secret, oldSecret}.Sign(at, body)
	if both != "t=1772366400,v1="+first+",v1="+second {
		t.Errorf("two secrets: %s", both)
	}
	for _, known := range []string{secret, oldSecret} {
		if !signed(both, body, known) || signed(both, []byte(`{"a":2}`), known) {
			t.Errorf("a receiver that knows %q is not served", known)
		}
	}
}

func TestSecrets(t *testing.T) {
	for _, s := range []string{"", "short", secret + ",", secret + ",short", secret + "," + oldSecret + "," + secret} {
		if _, err := bus.ParseSecrets(s); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", s, err)
		}
	}
	got, err := bus.ParseSecrets(secret + " , " + oldSecret)
	if err != nil || !slices.Equal(got, bus.Secrets{secret, oldSecret}) {
		t.Errorf("%d secrets, %v", len(got), err)
	}
	if said := fmt.Sprintf("%v %s %+v %#v", got, got, struct{ S bus.Secrets }{got}, got); strings.Contains(said, "secret-") {
		t.Errorf("printed: %s", said)
	}
}

func TestPublicAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"8.8.8.8": true, "185.22.66.1": true, "2a00:1450:4010:c0e::71": true, "2001:4860:4860::8888": true, "172.32.0.1": true, "100.128.0.1": true,
		"127.0.0.1": false, "127.8.8.8": false, "0.0.0.0": false, "10.1.2.3": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false,
		"169.254.169.254": false, "100.64.0.1": false, "100.127.255.255": false, "192.0.0.8": false, "198.18.0.1": false, "224.0.0.1": false,
		"255.255.255.255": false, "240.0.0.1": false, "192.0.2.1": false,
		"::1": false, "::": false, "fe80::1": false, "fe80::1%eth0": false, "fd00::1": false, "fc00::1": false, "ff02::1": false, "fec0::1": false, "::ffff:127.0.0.1": false,
		"::ffff:10.0.0.1": false, "::ffff:8.8.8.8": true, "64:ff9b::7f00:1": false, "64:ff9b:1::1": false, "2002:7f00:1::1": false, "2001:0:4136:e378::1": false,
		"2001:db8::1": false, "::7f00:1": false, "5f00::1": false,
	} {
		if got := bus.Public(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s is public: %v", address, got)
		}
	}
}

func TestAddressesOfHooks(t *testing.T) {
	for _, c := range []struct {
		url     string
		private bool
		ok      bool
	}{
		{"https://example.kz/hooks", false, true}, {"http://example.kz/hooks", false, false}, {"http://10.0.0.1:8080/x", true, true}, {"ftp://example.kz", true, false},
		{"https://user:word@example.kz", true, false}, {"https://", true, false}, {"https://:443/", true, false}, {"example.kz/hooks", true, false}, {"", true, false}, {"https://%zz", true, false},
	} {
		_, err := bus.NewWebhook(bus.HookOptions{URL: c.url, AllowPrivate: c.private, Secrets: bus.Secrets{secret}, Deliveries: &bus.Memory{}})
		if (err == nil) != c.ok {
			t.Errorf("%s, private %v: %v", c.url, c.private, err)
		}
	}
	if _, err := bus.NewWebhook(bus.HookOptions{URL: "https://example.kz", Deliveries: &bus.Memory{}}); err == nil {
		t.Error("a web hook without a secret was made")
	}
}

// No address of this machine or of a private network is dialled, whatever name leads there, and a certificate that nobody vouches for is not spoken to.
func TestWhereHooksDoNotGo(t *testing.T) {
	e := &endpoint{secret: secret}
	plain, secure := httptest.NewServer(e), httptest.NewTLSServer(e)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	at, err := url.Parse(secure.URL)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		options bus.HookOptions
		code    string
	}{
		"loopback":            {bus.HookOptions{URL: secure.URL, Roots: roots}, "address-refused"},
		"a name for loopback": {bus.HookOptions{URL: "https://localhost:" + at.Port(), Roots: roots}, "address-refused"},
		"IPv6":                {bus.HookOptions{URL: "https://[::1]:" + at.Port(), Roots: roots}, "address-refused"},
		"mapped":              {bus.HookOptions{URL: "https://[::ffff:127.0.0.1]:" + at.Port(), Roots: roots}, "address-refused"},
		"the machine's host":  {bus.HookOptions{URL: "https://169.254.169.254/latest"}, "address-refused"},
		"unknown certificate": {bus.HookOptions{URL: secure.URL, AllowPrivate: true}, "tls"},
		"no TLS at all":       {bus.HookOptions{URL: strings.Replace(plain.URL, "http:", "https:", 1), AllowPrivate: true}, "tls"},
		"nobody there":        {bus.HookOptions{URL: "http://127.0.0.1:1", AllowPrivate: true}, "unreachable"},
		"allowed":             {bus.HookOptions{URL: secure.URL, AllowPrivate: true, Roots: roots}, "delivered"},
		"allowed and plain":   {bus.HookOptions{URL: plain.URL, AllowPrivate: true}, "delivered"},
	} {
		t.Run(name, func(t *testing.T) {
			l, m := newLedger(t), &bus.Memory{}
			id := uuid.MustParse(l.record("user-"+ann, "consent.given"))
			w := hook(t, m, func(o *bus.HookOptions) {
				o.URL, o.Roots, o.AllowPrivate = c.options.URL, c.options.Roots, c.options.AllowPrivate
			})
			err := w.Publish("", one(t, l))
			d, _, _ := m.Find(t.Context(), "mail", id)
			if (err == nil) != (c.code == "delivered") || err != nil && bus.CodeOf(err) != c.code || d.Last[0].Code != c.code {
				t.Errorf("%v, kept %+v; want %s", err, d, c.code)
			}
		})
	}
	if len(e.faults) > 0 {
		t.Error(e.faults)
	}
}

// Every answer but 2xx means "not taken": a redirection is not followed, since it could lead where no web hook may go.
func TestAnswers(t *testing.T) {
	e := &endpoint{secret: oldSecret}
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	l, m := newLedger(t), &bus.Memory{}
	id := uuid.MustParse(l.record("user-"+ann, "consent.given"))
	w := hook(t, m, func(o *bus.HookOptions) {
		o.URL, o.AllowPrivate, o.Secrets = server.URL, true, bus.Secrets{secret, oldSecret}
	})
	msg := one(t, l)
	answers := []int{500, 302, 307, 404, 410, 429, 200}
	e.answers = slices.Clone(answers)
	for i, status := range answers {
		err := w.Publish("", msg)
		want := fmt.Sprint("status-", status)
		if status/100 == 3 {
			want = "redirected"
		}
		if status == 200 {
			want = "delivered"
		}
		d, _, _ := m.Find(t.Context(), "mail", id)
		last := d.Last[len(d.Last)-1]
		if (err == nil) != (status == 200) || last.Status != status || last.Code != want || d.Attempts != i+1 || (d.State == bus.Delivered) != (status == 200) {
			t.Errorf("%d: %v, kept %+v", status, err, d)
		}
	}
	if err := w.Publish("", msg); err != nil { // the relay comes by it again after a crash
		t.Error(err)
	}
	if got := e.taken(); len(got) != 1 || len(e.faults) > 0 {
		t.Errorf("taken %v, faults %v", got, e.faults)
	}
}

// answering is a network without sockets, for tests in which days go by.
type answering func(*http.Request) (*http.Response, error)

func (a answering) RoundTrip(r *http.Request) (*http.Response, error) { return a(r) }

// network answers in place of an endpoint, and keeps what was taken. What refuse has no answer for is taken.
type network struct {
	mu     sync.Mutex
	got    []string
	refuse func(id string) (*http.Response, error)
}

func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	id := r.Header.Get(bus.HeaderID)
	if n.refuse != nil {
		if a, err := n.refuse(id); a != nil || err != nil {
			return a, err
		}
	}
	n.got = append(n.got, id)
	return answer(200), nil
}

func (n *network) mend() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.refuse = nil
}

func (n *network) taken() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.got)
}

func answer(status int) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("its words"))}
}

// An event that is not taken for three days is given up, and those behind it go on; redelivery sends it after all. Its log holds the newest attempts and the number
// of all.
func TestThreeDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, m := newLedger(t), &bus.Memory{}
		poison := l.record("user-"+ann, "consent.given")
		behind := l.record("user-"+ann, "account.blocked")
		var at []time.Time // guarded by the network
		n := &network{refuse: func(id string) (*http.Response, error) {
			if id != poison {
				return nil, nil
			}
			at = append(at, time.Now())
			return answer(500), nil
		}}
		w := hook(t, m, nil)
		w.Through(n)
		r := &bus.Relay{Store: l, Cursors: m, Deliveries: m, Outlets: []*bus.Outlet{mailOutlet(w)}}
		running(t, r)
		time.Sleep(bus.GiveUpAfter - time.Second)
		synctest.Wait()
		if st := status(t, r, "mail"); len(n.taken()) != 0 || st.Cursor != 0 || st.State != bus.Failing {
			t.Errorf("before three days are over: %v, %+v", n.taken(), st)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		wantIDs(t, "after three days", n.taken(), []string{behind})
		d, _, _ := m.Find(t.Context(), "mail", uuid.MustParse(poison))
		if d.State != bus.GivenUp || d.Attempts != len(at) || len(d.Last) != bus.KeptAttempts || d.Attempts < 250 || d.Attempts > 600 {
			t.Errorf("kept: %s, %d attempts of %d, %d of them shown", d.State, d.Attempts, len(at), len(d.Last))
		}
		for i := 1; i < len(at); i++ {
			if wait := at[i].Sub(at[i-1]); wait < time.Second || wait > 23*time.Minute {
				t.Errorf("attempt %d came %v after the one before", i, wait)
			}
		}
		if st := status(t, r, "mail"); st.Cursor != st.Head || st.State != bus.Running {
			t.Errorf("after three days: %+v", st)
		}
		if d, err := r.Redeliver(t.Context(), "mail", uuid.MustParse(poison)); err != nil || d.State != bus.GivenUp || d.Last[bus.KeptAttempts-1].Status != 500 {
			t.Errorf("redelivered too early: %+v, %v", d, err)
		}
		n.mend()
		d, err := r.Redeliver(t.Context(), "mail", uuid.MustParse(poison))
		if err != nil || d.State != bus.Delivered {
			t.Errorf("redelivered: %+v, %v", d, err)
		}
		wantIDs(t, "at last", n.taken(), []string{behind, poison})
		list, err := r.ListDeliveries(t.Context(), "mail", bus.Delivered, 0, 10)
		if err != nil || len(list) != 2 || list[0].Event.String() != behind {
			t.Errorf("the log: %+v, %v", list, err)
		}
		if _, err := r.Redeliver(t.Context(), "mail", uuid.New()); err == nil {
			t.Error("a delivery that is not there was sent")
		}
	})
}

// What an operator sends by hand is not sent a second time by the relay, and what waits behind it goes on at once.
func TestRedeliveryWakesWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, m := newLedger(t), &bus.Memory{}
		first := l.record("user-"+ann, "consent.given")
		second := l.record("user-"+ann, "account.blocked")
		n := &network{refuse: func(string) (*http.Response, error) { return nil, errors.New("down") }}
		w := hook(t, m, nil)
		w.Through(n)
		r := &bus.Relay{Store: l, Cursors: m, Deliveries: m, Outlets: []*bus.Outlet{mailOutlet(w)}}
		running(t, r)
		time.Sleep(10 * time.Hour)
		synctest.Wait()
		n.mend()
		if d, err := r.Redeliver(t.Context(), "mail", uuid.MustParse(first)); err != nil || d.State != bus.Delivered {
			t.Fatalf("%+v, %v", d, err)
		}
		synctest.Wait()
		wantIDs(t, "at once", n.taken(), []string{first, second})
	})
}

// An endpoint that never answers is left after a while, and one that is asked when the relay ends has made no attempt.
func TestSlowEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, m := newLedger(t), &bus.Memory{}
		id := uuid.MustParse(l.record("user-"+ann, "consent.given"))
		w := hook(t, m, nil)
		w.Through(answering(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}))
		stop := running(t, &bus.Relay{Store: l, Cursors: m, Deliveries: m, Outlets: []*bus.Outlet{mailOutlet(w)}})
		time.Sleep(20 * time.Second)
		synctest.Wait()
		d, _, _ := m.Find(t.Context(), "mail", id)
		if d.Attempts != 1 || d.Last[0].Code != "timeout" || d.Last[0].Took != 15*time.Second {
			t.Errorf("%+v", d)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		stop()
		if again, _, _ := m.Find(t.Context(), "mail", id); again.Attempts > 2 || again.State != bus.Waiting {
			t.Errorf("after the end: %+v", again)
		}
	})
}

// The log names codes and ids; never an address, a secret or a body.
func TestNothingOfAHookIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		log := slog.New(slog.NewTextHandler(&said, nil))
		l, m := newLedger(t), &bus.Memory{}
		l.record("user-"+ann, "consent.given")
		w := hook(t, m, func(o *bus.HookOptions) { o.URL, o.Log = "https://example.kz/hooks/hidden-path?key=hidden-key", log })
		w.Through(answering(func(r *http.Request) (*http.Response, error) {
			if r.URL.Query().Get("key") != "hidden-key" {
				t.Error("the address is not the one that was given")
			}
			return nil, errors.New("down")
		}))
		stop := running(t, &bus.Relay{Store: l, Cursors: m, Deliveries: m, Log: log, Outlets: []*bus.Outlet{mailOutlet(w)}})
		time.Sleep(bus.GiveUpAfter + time.Hour)
		stop()
		for _, hidden := range []string{"hidden", "example.kz", secret, `"n"`} {
			if strings.Contains(said.String(), hidden) {
				t.Errorf("the log says %q: %s", hidden, said.String())
			}
		}
		for _, wanted := range []string{"an event was not taken", "an event was given up", "unreachable"} {
			if !strings.Contains(said.String(), wanted) {
				t.Errorf("the log does not say %q: %s", wanted, said.String())
			}
		}
	})
}
