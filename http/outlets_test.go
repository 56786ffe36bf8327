package http_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"kelisim/commands/access"
	"kelisim/commands/bus"
	"kelisim/commands/journal"
	ledger "kelisim/http"
)

// relayed is a relay with one web hook to an endpoint that answers with a status.
func relayed(t *testing.T, events int) (r *bus.Relay, status *atomic.Int64, taken *atomic.Int64) {
	t.Helper()
	status, taken = new(atomic.Int64), new(atomic.Int64)
	status.Store(500)
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if status.Load() == 200 {
			taken.Add(1)
		}
		w.WriteHeader(int(status.Load()))
	}))
	t.Cleanup(endpoint.Close)
	store, memory := &journal.Memory{}, &bus.Memory{}
	hook, err := bus.NewWebhook(bus.HookOptions{Outlet: "mail", URL: endpoint.URL, AllowPrivate: true, Secrets: bus.Secrets{"a-secret-of-some-length"}, Deliveries: memory})
	if err != nil {
		t.Fatal(err)
	}
	for i := range events {
		_, err := store.Append(t.Context(), fmt.Sprintf("user-00000000-0000-4000-8000-%012d", i), -1, []journal.NewRecord{{ID: uuid.New(), Type: "consent.given",
			Data: []byte(`{"planted":"body"}`), Meta: []byte(`{"version":1,"occurred_at":"2026-03-01T12:00:00.000000Z"}`)}})
		if err != nil {
			t.Fatal(err)
		}
	}
	r = &bus.Relay{Store: store, Cursors: memory, Deliveries: memory, Outlets: []*bus.Outlet{{Name: "mail", Kind: bus.Hook, Hook: hook, Retry: bus.Backoff{First: time.Hour, Most: time.Hour},
		Open: func(context.Context) (message.Publisher, error) { return hook, nil }}}}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return r, status, taken
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// An operator sees how far each outlet is and what became of its web hooks, and no event; and can send one again.
func TestOutlets(t *testing.T) {
	r, status, taken := relayed(t, 3)
	o := newOutside(t, func(op *ledger.Options) { op.Outlets, op.Now = r, time.Now })
	outlet := func() map[string]any {
		return answer(t, o.ask(access.Operator, "GET", "/v1/outlets", ""))["items"].([]any)[0].(map[string]any)
	}
	eventually(t, "three users wait", func() bool { return outlet()["failing"] == 3.0 })
	if v := outlet(); v["name"] != "mail" || v["kind"] != "webhook" || v["state"] != "failing" || v["cursor"] != 0.0 || v["head"] != 3.0 || v["lag_seconds"] == 0.0 ||
		v["last_error"].(map[string]any)["code"] != "status-500" {
		t.Errorf("%v", v)
	}
	page := o.ask(access.Operator, "GET", "/v1/outlets/mail/deliveries?limit=2&state=waiting", "")
	items := answer(t, page)["items"].([]any)
	first := items[0].(map[string]any)
	if len(items) != 2 || first["position"] != 3.0 || first["state"] != "waiting" || first["attempts"] != 1.0 ||
		first["last_attempts"].([]any)[0].(map[string]any)["status"] != 500.0 || strings.Contains(page.Body.String(), "planted") {
		t.Errorf("%s", page.Body)
	}
	rest := answer(t, o.ask(access.Operator, "GET", "/v1/outlets/mail/deliveries?limit=2&state=waiting&after="+answer(t, page)["next"].(string), ""))
	if list := rest["items"].([]any); len(list) != 1 || rest["next"] != nil || list[0].(map[string]any)["position"] != 1.0 {
		t.Errorf("the next page: %v", rest)
	}
	again := "/v1/outlets/mail/deliveries/" + first["event_id"].(string) + "/redelivery"
	if d := answer(t, o.ask(access.Operator, "POST", again, "")); d["state"] != "waiting" || d["attempts"] != 2.0 {
		t.Errorf("redelivered to a broken endpoint: %v", d)
	}
	w := httptest.NewRecorder()
	o.AdminHandler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{`kelisim_outlet_lag_positions{outlet="mail"} 3`, `kelisim_outlet_failing_users{outlet="mail"} 3`, `kelisim_outlet_waiting_events{outlet="mail"} 3`,
		`kelisim_outlet_lag_seconds{outlet="mail"} `} {
		if !strings.Contains(w.Body.String(), line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
	status.Store(200)
	if d := answer(t, o.ask(access.Operator, "POST", again, "")); d["state"] != "delivered" || d["attempts"] != 3.0 {
		t.Errorf("redelivered: %v", d)
	}
	eventually(t, "the others follow", func() bool { return outlet()["cursor"] == 3.0 })
	if v := outlet(); v["state"] != "running" || v["lag_seconds"] != 0.0 || taken.Load() != 3 {
		t.Errorf("mended: %v, %d taken", v, taken.Load())
	}
	for path, code := range map[string]string{
		"/v1/outlets/none/deliveries/" + uuid.NewString() + "/redelivery": "outlet-not-found",
		"/v1/outlets/mail/deliveries/" + uuid.NewString() + "/redelivery": "delivery-not-found",
		"/v1/outlets/mail/deliveries/x/redelivery":                        "delivery-not-found",
	} {
		wantProblem(t, path, o.ask(access.Operator, "POST", path, ""), 404, code)
	}
	wantProblem(t, "deliveries of nobody", o.ask(access.Operator, "GET", "/v1/outlets/none/deliveries", ""), 404, "outlet-not-found")
	wantProblem(t, "an unknown state", o.ask(access.Operator, "GET", "/v1/outlets/mail/deliveries?state=lost", ""), 400, "invalid-request")
}

func TestNoOutlets(t *testing.T) {
	o := newOutside(t, nil)
	var page struct{ Items []json.RawMessage }
	if err := json.Unmarshal(o.ask(access.Operator, "GET", "/v1/outlets", "").Body.Bytes(), &page); err != nil || page.Items == nil || len(page.Items) != 0 {
		t.Errorf("%v, %v", page, err)
	}
	wantProblem(t, "deliveries", o.ask(access.Operator, "GET", "/v1/outlets/mail/deliveries", ""), 404, "outlet-not-found")
}
