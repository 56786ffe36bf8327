package http

import (
	"net/http"
	"net/http/pprof"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

type metrics struct {
	registry *prometheus.Registry
	seconds  *prometheus.HistogramVec
	refused  *prometheus.CounterVec
	now      prometheus.Gauge
}

func newMetrics(version string) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "kelisim_http_request_seconds",
			Help:    "Time to answer, by route as declared, method and status. Streams count until they end.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route", "method", "status"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kelisim_http_rate_limited_total",
			Help: "Requests that were answered 429, by role.",
		}, []string{"role"}),
		now: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "kelisim_http_requests_in_flight",
			Help: "Requests being answered.",
		}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "kelisim_build_info",
		Help:        "Always 1; the version is a label.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.registry.MustRegister(m.seconds, m.refused, m.now, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// observe counts one answer. Labels are bounded: the routes of the table, the methods that it knows, statuses.
func (m *metrics) observe(w *recorder, method string, took time.Duration) {
	m.seconds.WithLabelValues(w.template(), knownMethod(method), strconv.Itoa(w.status)).Observe(took.Seconds())
}

// Metrics is where the other rooms register theirs.
func (s *Server) Metrics() prometheus.Registerer { return s.metrics.registry }

// AdminHandler serves /metrics and the profiles under /debug/pprof/. It asks for no token, so it is for a loopback listener of its own and
// is no part of the Server's handler (TestProfilesAreNotPublic).
func (s *Server) AdminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}
