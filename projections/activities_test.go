package projections_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/commands/journal"
	"kelisim/commands/sqlite"
	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/activity"
	"kelisim/domain/calendar"
	"kelisim/domain/catalogue"
	"kelisim/domain/event"
	"kelisim/projections"
)

const other = domain.UserID("7a0c1b1e-7c5b-4a3e-9a60-0d1f2a3b4c5d")

func counts(b *bench, id domain.UserID, from, through string, by ...string) (out []string) {
	b.t.Helper()
	var days [2]calendar.Day
	for i, s := range []string{from, through} {
		if s != "" {
			d, err := calendar.ParseDay(s)
			if err != nil {
				b.t.Fatal(err)
			}
			days[i] = d
		}
	}
	found, more, err := b.ActionCounts(b.t.Context(), id, days[0], days[1], by, 100)
	if err != nil || more {
		b.t.Fatal(more, err)
	}
	for _, c := range found {
		out = append(out, fmt.Sprintf("%s|%s|%s|%s|%s %d", c.Day, c.Action, c.Content, c.Language, c.Location, c.Actions))
	}
	return out
}

// at tells of actions at moments of their own.
func (b *bench) observeAt(moments map[string]activity.Observed) int64 {
	b.t.Helper()
	var last int64
	for _, at := range slices.Sorted(func(yield func(string) bool) {
		for k := range moments {
			if !yield(k) {
				return
			}
		}
	}) {
		t, err := time.Parse(time.RFC3339, at)
		if err != nil {
			b.t.Fatal(err)
		}
		r, err := b.Encode(moments[at], event.Meta{ID: uuid.New(), OccurredAt: t, Actor: event.Actor{Kind: "service", ID: "site"}})
		if err != nil {
			b.t.Fatal(err)
		}
		receipt, err := b.Append(b.t.Context(), "activity-"+uuid.NewString(), journal.NoStream, []journal.NewRecord{r})
		if err != nil {
			b.t.Fatal(err)
		}
		last = receipt.Position
	}
	return last
}

// T-3.4: a person's actions are counted by the day in Astana, and by what they are told apart by.
func TestActionCounts(t *testing.T) {
	b := newBench(t, projections.All...)
	opened := activity.Observed{UserID: someone, Action: "lesson.opened", Object: "lesson-1", Language: "kk", Location: "KZ-71"}
	seen := activity.Observed{UserID: someone, Action: "page.seen", Language: "ru"}
	theirs := opened
	theirs.UserID = other
	b.wait("activity", b.observeAt(map[string]activity.Observed{
		"2026-01-30T18:59:59Z": opened, "2026-01-30T19:00:00Z": opened, "2026-01-31T10:00:00Z": opened, "2026-01-31T11:00:00Z": seen, "2026-02-01T00:00:00Z": theirs,
	}))
	for _, c := range []struct {
		got, want []string
	}{
		{counts(b, someone, "", ""), []string{"|||| 4"}},
		{counts(b, someone, "", "", "day"), []string{"2026-01-30|||| 1", "2026-01-31|||| 3"}},
		{counts(b, someone, "2026-01-31", "2026-01-31", "day", "content"), []string{"2026-01-31|||| 1", "2026-01-31||lesson-1|| 2"}},
		{counts(b, someone, "", "2026-01-30", "location", "action"), []string{"|lesson.opened|||KZ-71 1"}},
		{counts(b, someone, "2026-02-01", "", "language"), nil},
		{counts(b, other, "", "", "language"), []string{"|||kk| 1"}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
	if some, more, err := b.ActionCounts(t.Context(), someone, calendar.Day{}, calendar.Day{}, []string{"day"}, 1); len(some) != 1 || !more || err != nil {
		t.Error(some, more, err)
	}
}

// P-1.5: a destruction takes the person's rows, and what is recorded about them later makes none; others keep theirs.
func TestDestructionForgetsActions(t *testing.T) {
	b := newBench(t, projections.All...)
	b.observe(5)
	theirs := activity.Observed{UserID: other, Action: "page.seen"}
	b.append("activity-"+uuid.NewString(), theirs, theirs)
	b.append("user-"+string(someone), account.Destroyed{Basis: "asked"})
	last := b.observe(3)
	check := func() {
		t.Helper()
		b.wait("activity", last)
		page, _, err := b.Actions(t.Context(), someone, projections.ActionsAfter{}, 10)
		if err != nil || len(page) != 0 || len(counts(b, someone, "", "")) != 0 {
			t.Errorf("%d actions and %q are left (%v)", len(page), counts(b, someone, "", ""), err)
		}
		if page, _, err = b.Actions(t.Context(), other, projections.ActionsAfter{}, 10); err != nil || len(page) != 2 || !slices.Equal(counts(b, other, "", ""), []string{"|||| 2"}) {
			t.Errorf("another has %d actions, %q (%v)", len(page), counts(b, other, "", ""), err)
		}
	}
	check()
	live := b.digest("activity")
	if err := b.Rebuild(t.Context(), "activity"); err != nil {
		t.Fatal(err)
	}
	check()
	if b.digest("activity") != live {
		t.Error("built anew, the table differs")
	}
}

// BenchmarkActivities rolls 100 000 actions of 1 000 people up, as they stand in a journal, and puts as many rows of such tables straight
// into a file, in transactions of the same size: the ratio is how much of the second's speed the first has.
func BenchmarkActivities(b *testing.B) {
	const actions, people = 100_000, 1_000
	j := journal.New(&journal.Memory{}, catalogue.All())
	var records []journal.NewRecord
	for i := range actions {
		o := activity.Observed{UserID: domain.UserID(fmt.Sprintf("5f0c1b1e-7c5b-4a3e-9a60-%012x", i*7919%people)), Action: "lesson.opened", Object: fmt.Sprintf("course-%d/lesson/%d", i%12, i%97), Language: "kk", Location: "KZ-71"}
		r, err := j.Encode(o, event.Meta{ID: uuid.New(), OccurredAt: noon.Add(time.Duration(i) * 17 * time.Second), Actor: event.Actor{Kind: "service", ID: "site"}})
		if err != nil {
			b.Fatal(err)
		}
		if records = append(records, r); len(records) == 1000 {
			if _, err := j.Append(b.Context(), "activity-"+uuid.NewString(), journal.NoStream, records); err != nil {
				b.Fatal(err)
			}
			records = nil
		}
	}
	only := slices.DeleteFunc(slices.Clone(projections.All), func(p projections.Projection) bool { return p.Name != "activity" })
	open := func() *sqlite.Views {
		v, err := sqlite.OpenViews(filepath.Join(b.TempDir(), "views.db"))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { v.Close() })
		return v
	}
	var rolled, raw time.Duration
	for b.Loop() {
		v, began := open(), time.Now()
		r := &projections.Runner{Journal: j, Writer: v.Writer, Readers: v.Readers, Models: only}
		ctx, stop := context.WithCancel(b.Context())
		if err := r.Open(ctx); err != nil {
			b.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		head, _, err := j.Head(ctx)
		if err := errors.Join(err, r.WaitFor(ctx, "activity", head)); err != nil {
			b.Fatal(err)
		}
		rolled += time.Since(began)
		stop()
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
		v, began = open(), time.Now()
		if err := rawRows(b.Context(), v.Writer, actions, people); err != nil {
			b.Fatal(err)
		}
		raw += time.Since(began)
	}
	b.ReportMetric(float64(actions*b.N)/rolled.Seconds(), "actions/s")
	b.ReportMetric(raw.Seconds()/rolled.Seconds(), "ratio-to-raw")
}

// rawRows writes rows like those of the activity's tables by prepared statements and nothing else.
func rawRows(ctx context.Context, db *sql.DB, actions, people int) error {
	if _, err := db.ExecContext(ctx, `CREATE TABLE a (p INTEGER, o INTEGER, n INTEGER, k INTEGER, e BLOB, PRIMARY KEY (p, o, n)) STRICT, WITHOUT ROWID;
		CREATE TABLE d (p INTEGER, day TEXT, k INTEGER, c INTEGER, PRIMARY KEY (p, day, k)) STRICT, WITHOUT ROWID`); err != nil {
		return err
	}
	for i := 0; i < actions; {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		a, err := tx.PrepareContext(ctx, `INSERT INTO a VALUES (?, ?, ?, ?, ?)`)
		if err != nil {
			return err
		}
		d, err := tx.PrepareContext(ctx, `INSERT INTO d VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET c = c + 1`)
		if err != nil {
			return err
		}
		for range 1000 {
			at := noon.Add(time.Duration(i) * 17 * time.Second)
			id := uuid.New()
			if _, err := a.ExecContext(ctx, i*7919%people, at.UnixMicro(), i, i%1164, id[:]); err != nil {
				return err
			}
			if _, err := d.ExecContext(ctx, i*7919%people, calendar.DayOf(at).String(), i%1164); err != nil {
				return err
			}
			i++
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
	return nil
}
