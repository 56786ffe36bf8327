package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"kelisim/commands/tlog"
)

// contradictions tells the log, once for each, of the witnesses that have seen another history: the gravest word there is about a ledger, and one
// that no request may ever ask for.
func contradictions(ctx context.Context, status func() tlog.Status, every time.Duration, log *slog.Logger) {
	told := map[string]bool{}
	for ctx.Err() == nil {
		for _, w := range status().Witnessing.Each {
			var refused *tlog.RefusedError
			contradicts := errors.As(w.Trouble, &refused) && refused.Contradicts()
			if contradicts && !told[w.Name] {
				log.Error("a witness has seen another history of this ledger: somebody signed two, or an older state of it was put back and went on", "witness", w.Name)
			}
			told[w.Name] = contradicts
		}
		select {
		case <-time.After(every):
		case <-ctx.Done():
		}
	}
}
