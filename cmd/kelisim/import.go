package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kelisim/cmd/kelisim/story"
	"kelisim/commands"
)

// importing is what one call of import was asked.
type importing struct {
	place
	terms, name  string
	dry, answers bool
}

// importStory brings a story into the ledger, one command a line.
func (p *program) importStory() *cobra.Command {
	var o importing
	c := &cobra.Command{
		Use: "import FILE.ndjson", Short: "Bring a story into the ledger: one command a line", Args: exactly(1),
		Long: `A story is newline-delimited JSON, in the order in which things became known; - reads standard input.

  {"at":"2026-01-31T10:00:00+05:00","command":"register","user":"5f0c1b1e-7c5b-4a3e-9a60-0d1f2a3b4c5d","body":{"login":"sample",
   "acceptance":{"button":"register","page":"subscription","language":"kk"},"contacts":{"email":"sample@example.kz"}}}

(on one line). at is when it happened. body is that of the HTTP interface, which /docs of a running server shows; ids that a path would carry
stand in it, and so may the ids of what the command creates. May be left out: documents in an acceptance (those in force are meant),
actor ("officer/aigul"), recorded_at (when the ledger learnt it, never before the last event's; else now), expect (the code of the refusal
that the line is to meet). kelisim demo --print writes a long example. The commands:

` + inColumns(slices.Sorted(slices.Values(commands.Names())), 4, 30) + `
The first line that is refused ends the import with its number: what stands before it is recorded, what stands after it is not. Importing
the same file again adds nothing and goes on where it stopped, so that any interruption is mended by the same call. A line that was
imported is not edited; what was wrong is undone by further lines.`,
		Example: `  kelisim import life.ndjson --data ./kelisim-data --dry-run
  kelisim import life.ndjson --data ./kelisim-data --answers > answers.jsonl`,
		RunE: func(c *cobra.Command, args []string) error {
			if o.name == "" {
				o.name = filepath.Base(args[0])
			}
			in, size := p.stdin, int64(0)
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return fmt.Errorf("read the story: %w", err)
				}
				defer f.Close()
				if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
					size = info.Size()
				}
				in = f
			}
			return p.doImport(c.Context(), o, in, size)
		},
	}
	o.flags(c.Flags(), "the data directory; made if it is not there")
	c.Flags().StringVar(&o.terms, "terms", "", termsUsage)
	c.Flags().StringVar(&o.name, "name", "", "the story's name, which the ids of its events derive from (the file's name)")
	c.Flags().BoolVar(&o.dry, "dry-run", false, "tell what would become of each line, on a copy that is thrown away")
	c.Flags().BoolVar(&o.answers, "answers", false, "print what each line was answered, with its ids, as JSON lines")
	return c
}

// inColumns lays words out for --help.
func inColumns(words []string, columns, width int) string {
	var b strings.Builder
	for i, w := range words {
		if i%columns == columns-1 || i == len(words)-1 {
			fmt.Fprintf(&b, "  %s\n", w)
		} else {
			fmt.Fprintf(&b, "  %-*s", width-2, w)
		}
	}
	return b.String()
}

func (p *program) doImport(ctx context.Context, o importing, in io.Reader, size int64) (err error) {
	log := slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	open := opening{place: o.place, terms: o.terms, now: time.Now, log: log, importing: true}
	if o.dry {
		if open.dir, err = rehearsalRoom(ctx, o.place); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(open.dir)) }()
		if key := filepath.Join(o.dir, masterFile); there(key) {
			open.master = key
		}
	}
	l, err := openLedger(ctx, open)
	if err != nil {
		return err
	}
	err = l.Service.ReconcileKeys(ctx)
	if err == nil && !o.dry { // a rehearsal has the ledger's own master key
		err = l.Service.ReconcileCustody(ctx)
	}
	if err != nil {
		return errors.Join(err, l.Close())
	}
	began := time.Now()
	m := p.meter("importing", size)
	var answers *json.Encoder
	if o.answers {
		answers = json.NewEncoder(p.stdout)
	}
	count, err := tell(ctx, &story.Teller{Service: l.Service, Name: o.name}, in, func(o story.Outcome, bytes int) error {
		m.add(bytes)
		if answers == nil {
			return nil
		}
		return answers.Encode(answered(o))
	})
	m.end()
	if l.Vault.Outstanding() > 0 {
		if fault := l.Vault.Retry(ctx); fault != nil {
			err = errors.Join(err, fmt.Errorf("keys that the story destroyed are still in the key store; import it again, or serve the ledger, to destroy them: %w", fault))
		}
	}
	err = errors.Join(err, l.Close())
	if l.behind != nil && l.behind.failed != nil {
		err = fmt.Errorf("the last commands that count as carried out may not be recorded; import the same story again to go on: %w", err)
	}
	fmt.Fprintf(p.stderr, "%s, in %v\n", count.summary(o.dry), time.Since(began).Round(time.Millisecond))
	return err
}

// tally counts what became of the lines of a story.
type tally struct {
	lines, events int
	outcomes      map[string]int
}

// tell tells a whole story, until its end, its first refused line, or the end of ctx.
func tell(ctx context.Context, t *story.Teller, in io.Reader, each func(o story.Outcome, bytes int) error) (tally, error) {
	count := tally{outcomes: map[string]int{}}
	lines := story.Lines(in)
	for lines.Scan() {
		// A line that has begun is carried through.
		o, err := t.Tell(context.WithoutCancel(ctx), lines.Bytes())
		if err != nil {
			return count, err
		}
		count.lines++
		count.outcomes[o.Outcome]++
		if o.Outcome == story.Carried {
			count.events += len(o.Done.Events)
		}
		if err := each(o, len(lines.Bytes())+1); err != nil {
			return count, fmt.Errorf("after line %d: %w", o.Line, err)
		}
		if ctx.Err() != nil {
			return count, fmt.Errorf("interrupted after line %d; import the same story again to go on", o.Line)
		}
	}
	if err := lines.Err(); err != nil {
		return count, fmt.Errorf("read line %d of the story: %w", count.lines+1, err)
	}
	return count, t.End()
}

func (c tally) summary(dry bool) string {
	did, recorded := "carried out", "recorded"
	if dry {
		did, recorded = "would be carried out", "would be recorded; nothing was"
	}
	text := fmt.Sprintf("%d lines: %d %s (%d events %s)", c.lines, c.outcomes[story.Carried], did, c.events, recorded)
	for _, o := range []struct{ outcome, said string }{
		{story.Repeated, "there before"}, {story.Refused, "refused as expected"}, {story.Skipped, "not judged again"},
	} {
		if n := c.outcomes[o.outcome]; n > 0 {
			text += fmt.Sprintf(", %d %s", n, o.said)
		}
	}
	return text
}

// answered is an outcome with what the command was answered, as by HTTP.
func answered(o story.Outcome) map[string]any {
	out := map[string]any{"line": o.Line, "command": o.Command, "outcome": o.Outcome}
	switch o.Outcome {
	case story.Refused:
		out["code"] = o.Code
	case story.Carried, story.Repeated:
		maps.Copy(out, o.Done.Answer)
		out["events"], out["revision"], out["position"] = o.Done.Events, o.Done.Revision, o.Done.Position
	}
	return out
}

// rehearsalRoom is a copy of a data directory's journal and keys, inside the directory itself so that it is kept as safe as they are. It may
// be made beside a running server. Where there is no directory yet, it is an empty one elsewhere.
func rehearsalRoom(ctx context.Context, pl place) (string, error) {
	if shared, err := pl.shared(); shared || err != nil {
		return "", errors.Join(misuse("--dry-run: a rehearsal takes a copy, and a journal that is shared is not copied; rehearse beside a data directory"), err)
	}
	dir := pl.dir
	if !there(filepath.Join(dir, journalFile)) {
		room, err := os.MkdirTemp("", "kelisim-dry-run-*")
		if err != nil {
			return "", fmt.Errorf("make room for the rehearsal: %w", err)
		}
		return room, nil
	}
	room, err := os.MkdirTemp(dir, "dry-run-*")
	if err != nil {
		return "", fmt.Errorf("make room for the rehearsal: %w", err)
	}
	if err := copyLedger(ctx, dir, room); err != nil {
		return "", errors.Join(fmt.Errorf("copy the ledger for the rehearsal: %w", err), os.RemoveAll(room))
	}
	return room, nil
}
