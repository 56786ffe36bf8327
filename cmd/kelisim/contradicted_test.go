package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kelisim/commands/tlog"
)

// Of a witness that has seen another history the log tells once, and again if it comes to that again; of one that is only away it does not.
func TestContradictionIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told bytes.Buffer
		trouble := []error{nil, errors.New("it does not answer"), &tlog.RefusedError{Status: http.StatusConflict, Size: 9, Ahead: true}}
		other := &tlog.RefusedError{Status: http.StatusConflict, Size: 7}
		ctx, stop := context.WithCancel(t.Context())
		for i, now := range []struct {
			second error
			lines  int
		}{{nil, 0}, {other, 1}, {other, 1}, {nil, 1}, {other, 2}} {
			trouble[0] = now.second
			if i == 0 {
				go contradictions(ctx, func() tlog.Status {
					var s tlog.Status
					for i, err := range trouble {
						s.Witnessing.Each = append(s.Witnessing.Each, tlog.WitnessStatus{Name: string(rune('a' + i)), Trouble: err})
					}
					return s
				}, time.Second, slog.New(slog.NewTextHandler(&told, nil)))
			} else {
				time.Sleep(time.Second)
			}
			synctest.Wait()
			if got := strings.Count(told.String(), "another history"); got != now.lines || strings.Count(told.String(), "witness=a") != got {
				t.Errorf("step %d: %d lines, want %d: %s", i, got, now.lines, told.String())
			}
		}
		stop()
		synctest.Wait()
	})
}
