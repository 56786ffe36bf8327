package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"kelisim/cmd/kelisim/demo"
)

// The first start after an import says how many events it reads, and answers once it knows which keys are destroyed; the next one has nothing to say, and its
// lists are there.
func TestStartTellsWhatItReads(t *testing.T) {
	dir := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	var said bytes.Buffer
	p := &program{stderr: &said}
	if _, err := p.seed(t.Context(), demo.Options{Users: 400, Months: 18, Seed: 1, Until: time.Date(2026, 9, 1, 7, 0, 0, 0, time.UTC)}, dir, log); err != nil {
		t.Fatal(err)
	}
	for _, first := range []bool{true, false} {
		said.Reset()
		l, err := openLedger(t.Context(), opening{place: place{dir: dir}, now: time.Now, log: log})
		if err != nil {
			t.Fatal(err)
		}
		head, _, err := l.Journal.Head(t.Context())
		if err != nil || head < worthTelling {
			t.Fatalf("%d events are too few for this test: %v", head, err)
		}
		told := false
		l.catchingUp = func(events, before int64) *meter {
			told = true
			if events != head || before != head {
				t.Errorf("told of %d events, and %d before the first answer, of %d", events, before, head)
			}
			if _, err := l.Views.Erasures(t.Context()); err == nil {
				t.Error("it is told after the deed")
			}
			return p.catchingUp(events, before)
		}
		if err := l.project(t.Context(), dir, log); err != nil {
			t.Fatal(err)
		}
		if told != first || strings.Count(said.String(), "\n") != map[bool]int{true: 1}[first] {
			t.Errorf("first start %v: said %q", first, said.String())
		}
		if erasures, err := l.Views.Erasures(t.Context()); err != nil || len(erasures) == 0 {
			t.Errorf("which keys are destroyed is not known: %d, %v", len(erasures), err)
		}
		models, err := l.Views.Statuses(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range models {
			if !first && m.Building {
				t.Errorf("%+v", m)
			}
			if err := l.Views.WaitFor(t.Context(), m.Name, head); err != nil { // they are made beside the answers
				t.Error(err)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
