// Package http is the outside: one table of routes, and around it all that every route has in common.
//
// A request passes, in this order: request id and security headers, the table, the token, the role, the rate limit, the
// subject's own id, the query, the headers, the body; only then the handler of its Route, which gets a Request of the declared form and
// answers with a Response or an error. Errors become problem documents in problem.go, and nowhere else. To add a resource, write its handlers in a
// file of its own and its lines into routes.go, and describe it in openapi.yaml first.
//
// Nothing that a caller sent is logged: a line of the log has the route as declared, never the path or the query.
package http

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"kelisim/commands"
	"kelisim/commands/access"
	"kelisim/commands/bus"
	"kelisim/commands/tlog"
	"kelisim/domain"
	"kelisim/projections"
)

// Options is what the outside needs of the other rooms. Its fields are set once, before New.
type Options struct {
	Tokens *access.Tokens
	// Service carries out the commands and answers the questions; nil: there are no routes of resources.
	Service *commands.Service
	// Views are the read models that lists are answered from.
	Views *projections.Runner
	// Evidence is the Merkle log that proofs come from.
	Evidence *tlog.Follower
	Log      *slog.Logger     // nil: nothing is logged
	Now      func() time.Time // nil: time.Now
	// Version is shown by /livez and the metrics.
	Version string
	// Checks are what /readyz asks.
	Checks []Check
	// Limits replace the built-in ones of their roles.
	Limits map[access.Role]Limit
	// DrainDelay is how long /readyz says no before connections are refused, so that a balancer can look away.
	DrainDelay time.Duration
	// ReportsKept is how many users' folds are kept between two reports, so that several asked in a row read the journal once; of a larger
	// ledger, and where it is 0, nothing is.
	ReportsKept int
	// Console serves /console and all below it; nil: there is none. It does its own signing in.
	Console http.Handler
	// CloudPayments takes the card processor's notifications at /webhooks/cloudpayments/{kind}; nil: there is no such path.
	CloudPayments http.Handler
	// Outlets is the relay that operators ask about; nil: there are no outlets.
	Outlets *bus.Relay
	// KnowsUser tells whether a user is registered.
	KnowsUser func(context.Context, domain.UserID) (bool, error)
}

// Server answers over HTTP.
type Server struct {
	options  Options
	log      *slog.Logger
	now      func() time.Time
	table    []Route
	document []byte // openapi.json
	router   http.Handler
	limiters *limiters
	metrics  *metrics
	draining atomic.Bool
	found    sync.Map // by a readiness check's name, what it found last
	closing  chan struct{}
	close    func()
}

// New makes a server of the table in routes.go. It is an error if a route does not say who may ask.
func New(o Options) (*Server, error) { return build(o, nil) }

// build adds the routes of tests to the table.
func build(o Options, more []Route) (*Server, error) {
	s := &Server{options: o, log: o.Log, now: o.Now, metrics: newMetrics(o.Version), closing: make(chan struct{})}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	if o.Tokens == nil || o.KnowsUser == nil {
		return nil, errors.New("make the server: Tokens and KnowsUser are wanted")
	}
	if o.Outlets != nil {
		if err := s.Metrics().Register(newOutletMetrics(o.Outlets)); err != nil {
			return nil, fmt.Errorf("make the server: %w", err)
		}
	}
	s.close = sync.OnceFunc(func() { close(s.closing) })
	s.limiters = newLimiters(o.Limits, s.now)
	s.table = append(s.routes(), more...)
	s.metrics.registry.MustRegister(gauges{s})
	var err error
	if s.document, err = openapiJSON(); err != nil {
		return nil, fmt.Errorf("make the server: %w", err)
	}
	if s.router, err = s.newRouter(); err != nil {
		return nil, fmt.Errorf("make the server: %w", err)
	}
	return s, nil
}

var securityHeaders = map[string]string{
	"Cache-Control":                "no-store",
	"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Referrer-Policy":              "no-referrer",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
}

// ServeHTTP is the outermost layer: what holds for every answer, also where no route matched or a handler broke.
func (s *Server) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	began := s.now()
	w := &recorder{ResponseWriter: out, id: requestID(r), head: r.Method == http.MethodHead}
	h := w.Header()
	for name, value := range securityHeaders {
		h.Set(name, value)
	}
	if r.TLS != nil {
		h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	}
	h.Set("X-Request-Id", w.id)
	method := r.Method
	s.metrics.now.Inc()
	defer func() {
		broken := recover()
		if broken != nil {
			s.broke(w, r, broken)
		}
		s.metrics.now.Dec()
		took := s.now().Sub(began)
		s.metrics.observe(w, method, took)
		s.record(r.Context(), w, method, took)
		if broken != nil && w.status != http.StatusInternalServerError {
			panic(http.ErrAbortHandler) // part of an answer is out: the connection is cut, so that nobody takes it for the whole
		}
	}()
	if w.head { // a HEAD is routed as the GET that it stands for
		r2 := *r
		r2.Method = http.MethodGet
		r = &r2
	}
	s.router.ServeHTTP(w, r)
}

// broke answers for a handler that panicked. The panic's value may hold anything, so the log names its kind alone, with the stack.
func (s *Server) broke(w *recorder, r *http.Request, broken any) {
	if broken != http.ErrAbortHandler {
		s.log.ErrorContext(r.Context(), "a handler broke", "request_id", w.id, "route", w.template(), "kind", fmt.Sprintf("%T", broken), "stack", string(debug.Stack()))
	}
	if w.status == 0 {
		s.fail(w, r, refuse("internal", "something went wrong here; it was noted under the request's id"))
	}
}

// record is the access log: no path, no query, no address, nothing of the body.
func (s *Server) record(ctx context.Context, w *recorder, method string, took time.Duration) {
	level := slog.LevelInfo
	if w.route != nil && w.route.Public && w.route.Method == http.MethodGet {
		level = slog.LevelDebug // probes come every second
	}
	if !s.log.Enabled(ctx, level) {
		return
	}
	s.log.LogAttrs(ctx, level, "request", slog.String("request_id", w.id), slog.String("method", knownMethod(method)), slog.String("route", w.template()),
		slog.Int("status", w.status), slog.Int64("bytes", w.bytes), slog.Duration("took", took),
		slog.String("role", string(w.actor.Role)), slog.String("credential", w.actor.Name))
}

// requestID takes the caller's X-Request-Id if it is a UUID, which says nothing of anybody, else makes one that sorts by time.
func requestID(r *http.Request) string {
	if given := r.Header.Get("X-Request-Id"); len(given) == 36 {
		if id, err := uuid.Parse(given); err == nil && id != uuid.Nil {
			return id.String()
		}
	}
	return uuid.Must(uuid.NewV7()).String()
}

// Times that a connection may take. A body must come whole within readTimeout; an answer must go within writeTimeout, a streamed one piece by
// piece, see Stream.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 60 * time.Second
	writeTimeout  = 120 * time.Second
	idleTimeout   = 120 * time.Second
	stopTimeout   = 20 * time.Second
	maxHeader     = 64 << 10
)

// Serve answers on the listener until ctx ends, then stops gracefully: /readyz says no for DrainDelay, streams are told to end, and what has
// begun is answered for up to 20 seconds.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // broken handshakes and the like, with addresses
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	select {
	case err := <-done:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	s.draining.Store(true)
	time.Sleep(s.options.DrainDelay)
	s.close()
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := server.Shutdown(stopping); err != nil {
		return errors.Join(fmt.Errorf("stop serving: %w", err), server.Close())
	}
	return nil
}
