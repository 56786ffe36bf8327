package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"kelisim/cmd/kelisim/demo"
	"kelisim/cmd/kelisim/story"
)

// An import that writes behind leaves what one would leave that waits for the disk at each line: the same events in the same places, keys that
// open them, and answers on the way that say where they are.
func TestImportWritesBehind(t *testing.T) {
	lines, err := demo.Story(demo.Options{Users: 40, Months: 12, Seed: 3, Until: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	imported := func(behind bool) (events []string, answers []story.Outcome) {
		dir := t.TempDir()
		l, err := openLedger(t.Context(), opening{place: place{dir: dir}, now: time.Now, log: slog.New(slog.DiscardHandler), importing: behind})
		if err != nil {
			t.Fatal(err)
		}
		if behind {
			l.Service.CacheStreams = 3 // what waits is read back, time and again
		}
		_, err = tell(t.Context(), &story.Teller{Service: l.Service, Name: demo.Name}, bytes.NewReader(bytes.Join(lines, []byte("\n"))),
			func(o story.Outcome, _ int) error {
				answers = append(answers, o)
				return nil
			})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return contents(t, dir), answers
	}
	direct, answers := imported(false)
	behind, early := imported(true)
	if !slices.Equal(direct, behind) {
		t.Errorf("written behind, the journal has other events")
	}
	for i, o := range answers {
		if e := early[i]; e.Outcome != o.Outcome || e.Done.Position != o.Done.Position || e.Done.Revision != o.Done.Revision || !slices.Equal(e.Done.Events, o.Done.Events) {
			t.Errorf("line %d is answered %+v, written behind %+v", o.Line, o, e)
		}
	}
}

// If the process dies when the keys are written and the events are not, a login that was reserved for them is anybody's again: it is confirmed only
// once its event is written.
func TestLoginIsConfirmedWhenRecorded(t *testing.T) {
	open := func(dir string, importing bool) *ledger {
		l, err := openLedger(t.Context(), opening{place: place{dir: dir}, now: time.Now, log: slog.New(slog.DiscardHandler), importing: importing})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	register := func(l *ledger, name, user, login string) error {
		t.Helper()
		line := fmt.Sprintf(`{"at":"2026-01-31T10:00:00+05:00","command":"register","user":"00000000-0000-4000-8000-00000000000%s","body":{"login":%q,`+
			`"acceptance":{"button":"register","page":"subscription","language":"kk"},"contacts":{"email":"a@demo.example"}}}`, user, login)
		_, err := (&story.Teller{Service: l.Service, Name: name}).Tell(t.Context(), []byte(line))
		return err
	}
	dir, copied := t.TempDir(), t.TempDir()
	l := open(dir, true)
	defer l.Close()
	for n, login := range []string{"first", "second", "third"} {
		if err := register(l, login, fmt.Sprint(n+1), login); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(l.behind.keys.Keys.Flush(), copyLedger(t.Context(), dir, copied)); err != nil {
		t.Fatal(err)
	}
	master, err := os.ReadFile(filepath.Join(dir, masterFile))
	if err == nil {
		err = os.WriteFile(filepath.Join(copied, masterFile), master, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	after := open(copied, false)
	defer after.Close()
	for n, login := range []string{"first", "second", "third"} {
		if err := register(after, "another", fmt.Sprint(n+5), login); err != nil {
			t.Errorf("the %s login, which nobody was recorded with: %v", login, err)
		}
	}
}

// BenchmarkImport tells the same story to a ledger that waits for the disk at each line and to one that writes behind, and reports lines a second
// of both and their ratio.
func BenchmarkImport(b *testing.B) {
	lines, err := demo.Story(demo.Options{Users: 150, Months: 12, Seed: 3, Until: time.Now()})
	if err != nil {
		b.Fatal(err)
	}
	whole := bytes.Join(lines, []byte("\n"))
	rate := func(behind bool) float64 {
		l, err := openLedger(b.Context(), opening{place: place{dir: b.TempDir()}, now: time.Now, log: slog.New(slog.DiscardHandler), importing: behind})
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		if _, err := tell(b.Context(), &story.Teller{Service: l.Service, Name: demo.Name}, bytes.NewReader(whole), func(story.Outcome, int) error { return nil }); err != nil {
			b.Fatal(err)
		}
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
		return float64(len(lines)) / time.Since(began).Seconds()
	}
	for b.Loop() {
		waiting, behind := rate(false), rate(true)
		b.ReportMetric(waiting, "waiting-lines/s")
		b.ReportMetric(behind, "behind-lines/s")
		b.ReportMetric(behind/waiting, "behind/waiting")
	}
}
