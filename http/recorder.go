package http

import (
	"net/http"

	"kelisim/commands/access"
)

// recorder is the one writer of an answer: it remembers what the log and the metrics tell of it.
type recorder struct {
	http.ResponseWriter
	id     string // of the request
	route  *Route // nil while none has matched
	actor  access.Actor
	head   bool // a HEAD: the answer's body is not sent
	status int  // 0 while nothing has been sent
	bytes  int64
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if w.head {
		return len(p), nil
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// template is the route's path as declared: the only form of a path that a log or a metric ever shows.
func (w *recorder) template() string {
	if w.route == nil {
		return "none"
	}
	return w.route.Path
}
