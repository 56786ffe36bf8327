package http

import (
	"context"
	"net/http"
	"time"
)

// Check is one thing that must hold before the ledger takes requests: that the journal can be read, that read models are not far behind.
type Check struct {
	Name string
	Run  func(context.Context) error
}

const checkTimeout = 2 * time.Second

// livez says that the process answers, and nothing more: a probe that restarts on it must not restart because a disk is slow.
func (s *Server) livez(*Request) (*Response, error) {
	return OK(map[string]string{"status": "alive", "version": s.options.Version}), nil
}

type checked struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
}

// readyz asks every check, and says no while the server drains. Why a check failed is logged, not told: errors name files and hosts.
func (s *Server) readyz(r *Request) (*Response, error) {
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	answer := struct {
		Status string    `json:"status"`
		Checks []checked `json:"checks"`
	}{"ready", []checked{{"not draining", !s.draining.Load()}}}
	for _, c := range s.options.Checks {
		err := c.Run(ctx)
		if err != nil {
			s.log.WarnContext(ctx, "a readiness check failed", "request_id", r.ID, "check", c.Name, "error", err)
		}
		answer.Checks = append(answer.Checks, checked{c.Name, err == nil})
	}
	response := OK(&answer)
	for _, c := range answer.Checks {
		if !c.OK {
			answer.Status = "not ready"
			response.Status = http.StatusServiceUnavailable
		}
	}
	return response, nil
}
