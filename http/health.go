package http

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"
)

// Check is one thing that must hold before the ledger takes requests: that the journal can be read.
type Check struct {
	Name string
	Run  func(context.Context) error
	// Degrades: the ledger answers without what is looked at. That it fails is told, and requests are taken all the same.
	Degrades bool
}

const checkTimeout = 2 * time.Second

// livez says that the process answers, and nothing more: a probe that restarts on it must not restart because a disk is slow.
func (s *Server) livez(*Request) (*Response, error) {
	return OK(map[string]string{"status": "alive", "version": s.options.Version}), nil
}

type checked struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Code string `json:"code,omitempty"` // of an impairment
}

// impairment is what is wrong with something that the ledger can do without for a while. Its code may be told to anybody.
type impairment struct {
	code  string
	cause error
}

func (i *impairment) Error() string { return i.cause.Error() }
func (i *impairment) Unwrap() error { return i.cause }

// readyz asks every check, and says no while the server drains. A check that only degrades is told of in the body, with status 200: a log that signs no more or a
// read model that halted is for a person to look at, and takes nothing from those whose questions are answered from the events (TestDegraded). Why a check failed is
// logged, once, not told: errors name files and hosts.
func (s *Server) readyz(r *Request) (*Response, error) {
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	answer := struct {
		Status string    `json:"status"`
		Checks []checked `json:"checks"`
	}{"ready", []checked{{Name: "not draining", OK: !s.draining.Load()}}}
	ready, whole := !s.draining.Load(), true
	for _, c := range slices.Concat(s.options.Checks, s.impairments()) {
		err := c.Run(ctx)
		s.noteCheck(ctx, c.Name, err)
		told := checked{Name: c.Name, OK: err == nil}
		var impaired *impairment
		if errors.As(err, &impaired) {
			told.Code = impaired.code
		}
		answer.Checks = append(answer.Checks, told)
		ready, whole = ready && (told.OK || c.Degrades), whole && told.OK
	}
	response := OK(&answer)
	switch {
	case !ready:
		answer.Status, response.Status = "not ready", http.StatusServiceUnavailable
	case !whole:
		answer.Status = "degraded"
	}
	return response, nil
}

// noteCheck logs what a check finds when it finds something else than before: probes come every second.
func (s *Server) noteCheck(ctx context.Context, name string, err error) {
	found := ""
	if err != nil {
		found = err.Error()
	}
	if before, _ := s.found.Swap(name, found); before == found || before == nil && err == nil {
		return
	}
	if err != nil {
		s.log.WarnContext(ctx, "a readiness check failed", "check", name, "error", err)
	} else {
		s.log.InfoContext(ctx, "a readiness check holds again", "check", name)
	}
}
