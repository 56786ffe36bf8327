package main

import (
	"bytes"
	"log/slog"
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
		l, err := openLedger(t.Context(), opening{dir: dir, now: time.Now, log: slog.New(slog.DiscardHandler), importing: behind})
		if err != nil {
			t.Fatal(err)
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
