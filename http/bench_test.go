package http_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gorilla/mux"

	"kelisim/commands/access"
	ledger "kelisim/http"
)

// What the outside costs: the same request and the same answer by the whole chain of guards (the last route of the table), and by
// a bare router with that route alone.
func BenchmarkOutside(b *testing.B) {
	body := []byte(`{"user_id":"0f9d2f3e-1b0a-4c53-9d51-2f4f5f6c7a80","action":"lesson.opened","object":"course/7/lesson/3","language":"kk"}`)
	route := ledger.Route{Method: "POST", Path: "/t/{user}/last", Roles: []access.Role{access.Service}, Body: ledger.JSON, Handle: yes}
	o := newOutside(b, func(op *ledger.Options) {
		op.Log = nil
		op.Limits = map[access.Role]ledger.Limit{access.Service: {Rate: 1, Burst: 1 << 40}} // the clock stands
	}, route)
	bare := mux.NewRouter()
	bare.HandleFunc(route.Path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"yes":true}`))
	}).Methods("POST")
	for name, handler := range map[string]http.Handler{"guarded": o, "bare": bare} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				r := httptest.NewRequest("POST", "/t/"+string(user)+"/last", bytes.NewReader(body))
				r.Header.Set("Authorization", "Bearer "+o.tokens[access.Service])
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Idempotency-Key", "0192f0c1-2345-7abc-8def-0123456789ab")
				w := httptest.NewRecorder()
				if handler.ServeHTTP(w, r); w.Code != 200 {
					b.Fatal(w.Code, w.Body)
				}
			}
		})
	}
}
