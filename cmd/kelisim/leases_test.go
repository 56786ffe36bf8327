package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/uuid"

	"kelisim/commands/access"
	"kelisim/commands/journal"
	"kelisim/commands/tlog"
	"kelisim/domain"
	"kelisim/domain/event"
	own "kelisim/domain/ledger"
)

// Leases are nobody's business: they are in no feed and in no export, no leaf of the log, and a directory that holds them is whole.
func TestLeasesAreNotShown(t *testing.T) {
	h := newHouse(t)
	h.register()
	lease := func(last int64, events ...any) {
		t.Helper()
		for _, e := range events {
			r, err := h.l.Journal.Encode(e, event.Meta{ID: uuid.New(), OccurredAt: h.now(), Actor: event.Actor{Kind: "system", ID: "lease"}})
			if err == nil {
				_, err = h.l.Journal.Append(t.Context(), string(domain.LeaseStream("policies")), last, []journal.NewRecord{r})
			}
			if err != nil {
				t.Fatal(err)
			}
			last++
		}
	}
	lease(-1, own.LeaseTaken{Epoch: 1, Holder: "a", TTL: 30_000}, own.LeaseRenewed{Epoch: 1, TTL: 30_000})
	if err := h.l.evidence(t.Context(), h.dir, tlog.DefaultOrigin, "", h.l.Service.Log); err != nil {
		t.Fatal(err)
	}
	if err := h.l.Evidence.CommitHeads(t.Context()); err != nil {
		t.Fatal(err)
	}
	size := h.l.Evidence.Status().Size
	lease(1, own.LeaseReleased{Epoch: 1}, own.LeaseTaken{Epoch: 2, Holder: "b", TTL: 30_000})
	if err := h.l.Evidence.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now := h.l.Evidence.Status().Size; now != size {
		t.Errorf("the log has %d leaves, and had %d before the lease moved on", now, size)
	}
	listed := 0
	for _, item := range h.ask(access.Officer, 200, "GET", "/v1/events?limit=1000", "")["items"].([]any) {
		listed++
		if s := item.(map[string]any)["stream"].(string); !domain.Stream(s).Counted() {
			t.Errorf("an event of %s is in the feed", s)
		}
	}
	h.close()
	var out, said bytes.Buffer
	if code := run(t.Context(), []string{"export", "--data", h.dir, "--format", "ndjson"}, nil, &out, &said, noEnv); code != 0 {
		t.Fatalf("export ended with %d: %s", code, said.String())
	}
	if lines := strings.Count(out.String(), "\n"); strings.Contains(out.String(), "lease") || strings.Contains(out.String(), string(domain.CheckpointsStream)) || lines != listed || lines != int(size) {
		t.Errorf("%d lines are exported of %d leaves, of which %d are in the feed:\n%s", lines, size, listed, out.String())
	}
	out.Reset()
	if code := run(t.Context(), []string{"verify", h.dir}, nil, &out, &said, noEnv); code != 0 {
		t.Errorf("verify ended with %d: %s%s", code, out.String(), said.String())
	}
}
