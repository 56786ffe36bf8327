package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kelisim/commands/access"
	"kelisim/commands/cloudpayments"
	"kelisim/commands/cloudpayments/cloudpaymentstest"
	"kelisim/domain"
)

// house is a served ledger in a real data directory, with a clock that stands, a token of each role, and the card processor's double.
type house struct {
	t         *testing.T
	dir       string
	l         *ledger
	server    http.Handler
	processor *cloudpaymentstest.Processor
	tokens    map[access.Role]string
	log       *bytes.Buffer
	mu        sync.Mutex
	at        time.Time
	keys      int
	close     func()
}

func newHouse(t *testing.T, change ...func(*processing)) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir(), processor: cloudpaymentstest.New(t), tokens: map[access.Role]string{}, log: &bytes.Buffer{},
		at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	log := slog.New(slog.NewJSONHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	if h.l, err = openLedger(t.Context(), opening{place: place{dir: h.dir}, now: h.now, log: log}); err != nil {
		t.Fatal(err)
	}
	if err := h.l.project(t.Context(), h.dir, log); err != nil {
		t.Fatal(err)
	}
	tokens, closeTokens, err := openTokens(h.dir, h.now)
	if err != nil {
		t.Fatal(err)
	}
	h.close = sync.OnceFunc(func() {
		if err := errors.Join(h.l.Close(), closeTokens()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(h.close)
	for _, role := range []access.Role{access.Service, access.Officer} {
		if h.tokens[role], _, err = tokens.Create(t.Context(), access.Wish{Name: "a-" + string(role), Role: role, TTL: access.MaxTTL}); err != nil {
			t.Fatal(err)
		}
	}
	s := serving{processing: processing{secrets: cloudpaymentstest.Secrets(), api: h.processor}}
	for _, c := range change {
		c(&s.processing)
	}
	if h.server, err = newServer(h.l, tokens, s, log); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *house) move(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = h.at.Add(d)
}

// ask asks over HTTP and wants a status.
func (h *house) ask(role access.Role, want int, method, path, body string) map[string]any {
	h.t.Helper()
	h.keys++
	r := httptest.NewRequest(method, "http://kelisim.test"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+h.tokens[role])
	if method == "POST" {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", fmt.Sprint("key-", h.keys))
	}
	w := httptest.NewRecorder()
	h.server.ServeHTTP(w, r)
	var out map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != want {
		h.t.Fatalf("%s %s: status %d, want %d: %s", method, path, w.Code, want, w.Body)
	}
	return out
}

// tell delivers a notification and answers the status and the code; -1 is none.
func (h *house) tell(r *http.Request) (status, code int) {
	h.t.Helper()
	w := httptest.NewRecorder()
	h.server.ServeHTTP(w, r)
	var out struct{ Code *int }
	if w.Code == 200 && (json.Unmarshal(w.Body.Bytes(), &out) != nil || out.Code == nil) {
		h.t.Fatalf("status 200 and %q", w.Body)
	}
	if out.Code == nil {
		return w.Code, -1
	}
	return w.Code, *out.Code
}

// accepted delivers a notification that must be registered.
func (h *house) accepted(kind cloudpayments.Kind, f cloudpaymentstest.Fields, as cloudpaymentstest.Format) {
	h.t.Helper()
	if status, code := h.tell(cloudpaymentstest.Request(kind, f, as)); status != 200 || code != 0 {
		h.t.Fatalf("%s: status %d, code %d", kind, status, code)
	}
}

func (h *house) acceptance(button string, ids ...string) string {
	h.t.Helper()
	var docs []map[string]any
	for _, item := range h.ask(access.Service, 200, "GET", "/v1/documents", "")["items"].([]any) {
		d := item.(map[string]any)
		if d["language"] == "kk" && slices.Contains(ids, d["id"].(string)) {
			docs = append(docs, map[string]any{"id": d["id"], "version": d["version"], "sha256": d["sha256"]})
		}
	}
	b, err := json.Marshal(map[string]any{"button": button, "page": "subscription", "language": "kk", "documents": docs})
	if err != nil || len(docs) != len(ids) {
		h.t.Fatal(docs, err)
	}
	return string(b)
}

func (h *house) register() string {
	h.t.Helper()
	return h.ask(access.Service, 201, "POST", "/v1/users", fmt.Sprintf(`{"login":"u%d","acceptance":%s,"contacts":{"mobile":"+77015550101"}}`,
		h.keys, h.acceptance("register", "terms", "personal-data")))["user_id"].(string)
}

// bought is a pressed "Buy" as the site gets it.
type bought struct {
	user, order, invoice, account string
	price                         domain.Money
}

func (h *house) buy(user string) bought {
	h.t.Helper()
	o := h.ask(access.Service, 201, "POST", "/v1/users/"+user+"/purchases", `{"months":1,"acceptance":`+h.acceptance("buy", "personal-data")+`}`)
	p := o["price"].(map[string]any)
	price, err := domain.ParseMoney(p["amount"].(string), p["currency"].(string))
	if err != nil {
		h.t.Fatal(err)
	}
	return bought{user, o["order_id"].(string), o["invoice_id"].(string), o["account_id"].(string), price}
}

// paying is an operation of the processor for an order, made now.
func (h *house) paying(o bought) cloudpaymentstest.Operation {
	return h.processor.Add(cloudpaymentstest.Operation{InvoiceID: o.invoice, AccountID: o.account, Amount: o.price, At: h.now()})
}

// until is when the coverage of a user ends.
func (h *house) until(user string) string {
	h.t.Helper()
	return fmt.Sprint(h.ask(access.Service, 200, "GET", "/v1/users/"+user+"/subscription", "")["until"])
}

// payments are a user's payments as "transaction status reason".
func (h *house) payments(user string) (out []string) {
	h.t.Helper()
	for _, p := range h.ask(access.Service, 200, "GET", "/v1/users/"+user+"/subscription", "")["payments"].([]any) {
		m := p.(map[string]any)
		out = append(out, strings.TrimSpace(fmt.Sprint(m["transaction_id"], " ", m["status"], " ", m["reason"])))
	}
	return out
}

// held are the transactions that are held, with the reason of each.
func (h *house) held() map[string]string {
	h.t.Helper()
	head, _, err := h.l.Journal.Head(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	out := map[string]string{}
	for _, item := range h.ask(access.Officer, 200, "GET", fmt.Sprint("/v1/payments/held?at_least=", head), "")["items"].([]any) {
		m := item.(map[string]any)
		out[m["transaction_id"].(string)] = m["reason"].(string)
	}
	return out
}
