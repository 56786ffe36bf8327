package policies_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"kelisim/commands"
	"kelisim/commands/journal"
	"kelisim/commands/policies"
	"kelisim/commands/sqlite"
	"kelisim/domain"
	"kelisim/domain/calendar"
	"kelisim/domain/catalogue"
	"kelisim/domain/permission"
	"kelisim/projections"
)

// Several instances mark at once, with no lease between them, over tables that lag; they are killed and started again, their appends are refused,
// lost on the way or lose their answers, and their clocks are set back. Each moment has one marker, true when it was written, and none is missing.
func TestOneMarkerEach(t *testing.T) {
	for seed := range uint64(3) {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(time.Date(2026, 3, 1, 7, 0, 0, 0, time.UTC)))
			var mu sync.Mutex
			r := rand.New(rand.NewPCG(5, seed))
			draw := func(n int) int {
				mu.Lock()
				defer mu.Unlock()
				return r.IntN(n)
			}
			store := &journal.Memory{Shared: true}
			var calm atomic.Bool
			store.Fail = func(stream string) journal.Failure {
				if calm.Load() || !strings.HasPrefix(stream, "due-") {
					return journal.Works
				}
				return []journal.Failure{journal.Works, journal.Works, journal.Refused, journal.LostOnTheWay, journal.LostItsAnswer}[draw(5)]
			}
			w := newTown(t, seed, store, time.Now)
			for range 6 {
				w.register(70 + draw(30))
			}
			over, finish := context.WithCancel(context.Background())
			var wg sync.WaitGroup
			defer wg.Wait()
			defer finish()
			for range 3 {
				wg.Go(func() {
					for over.Err() == nil {
						behind := time.Duration(draw(2)*draw(300)) * time.Minute
						policy := w.policy(w.instance(func() time.Time { return time.Now().Add(-behind) }), func() bool { return draw(3) == 0 })
						ctx, kill := context.WithTimeout(over, time.Duration(1+draw(36))*time.Hour)
						policy.Run(ctx)
						kill()
					}
				})
			}
			for range 120 {
				w.happen()
				time.Sleep(time.Duration(draw(180)) * time.Minute)
			}
			calm.Store(true)
			time.Sleep(48 * time.Hour)
			finish()
			wg.Wait()
			w.check(time.Now().Add(-48 * time.Hour))
		})
	}
}

// A pass goes through every page of what has come, and stops when it is told to.
func TestMarkersPageByPage(t *testing.T) {
	now := time.Date(2026, 3, 1, 7, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	w := newTown(t, 1, &journal.Memory{Now: clock}, clock)
	id := w.register(100)
	var asked []string
	policy := &policies.Markers{Service: w.Service, Now: clock, Log: slog.New(slog.DiscardHandler),
		Due: func(_ context.Context, _ time.Time, after policies.Moment, limit int) (out []policies.Moment, err error) {
			if asked = append(asked, after.Marker); len(asked) == 4 {
				return nil, nil
			}
			for i := range limit {
				out = append(out, policies.Moment{At: now, UserID: id, Marker: fmt.Sprint(len(asked), ".", i)})
			}
			return out, nil
		}}
	n, err := policy.Pass(t.Context(), now)
	if want := "[ 1.499 2.499 3.499]"; err != nil || n != 2 || fmt.Sprint(asked) != want {
		t.Errorf("%d were written (%v), and the pages after %v asked for, not %v", n, err, asked, want)
	}
}

// The policy wakes at the next moment, when something is recorded whose moment is past, and soon after its clock is set; what was marked by a clock that
// ran ahead is not marked again.
func TestMarkersWakeInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 3, 1, 7, 0, 0, 0, time.UTC)))
		var mu sync.Mutex
		var ahead time.Duration
		now := func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return time.Now().Add(ahead)
		}
		set := func(d time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			ahead = d
		}
		store := &journal.Memory{Shared: true}
		w := newTown(t, 1, store, time.Now)
		id := w.register(60)
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			w.policy(w.instance(now), func() bool { return false }).Run(ctx)
		}()
		count := func(what string, want int) {
			t.Helper()
			synctest.Wait()
			if got := w.markers(id); len(got) != want {
				t.Errorf("%s: %d markers, want %d: %v", what, len(got), want, got)
			}
		}
		count("nothing has come", 0)
		near := w.due(id)[0]
		time.Sleep(time.Until(near.At) - time.Microsecond)
		count("just before the approach of the end", 0)
		time.Sleep(time.Microsecond)
		count("at it", 1)
		w.do("withdraw", id, "officer", 0, `{"received_on":%q,"channel":"registered-post","tracking_number":"RR123456785KZ"}`, calendar.DayOf(time.Now().AddDate(0, 0, -20)))
		time.Sleep(2 * time.Second)
		count("a notice of twenty days ago", 2)
		if m := w.markers(id); m[0].Late || !m[1].Late || !m[1].OccurredAt.Before(time.Now().AddDate(0, 0, -9)) {
			t.Errorf("the markers are late: %v and %v", m[0].Late, m[1].Late)
		}
		time.Sleep(10 * time.Second)
		set(12 * time.Hour * 24)
		time.Sleep(61 * time.Second)
		count("the clock is set ahead, past the end", 4)
		set(-24 * time.Hour)
		time.Sleep(20 * 24 * time.Hour)
		count("it is set back, and the end comes", 4)
		stop()
		<-ended
	})
}

// The table lists what the books say, event by event, whatever is entered late, refused, voided or changed; a rebuild makes the same.
func TestDueIsExact(t *testing.T) {
	for seed := range uint64(2) {
		var mu sync.Mutex
		now := time.Date(2026, 3, 1, 7, 0, 0, 0, time.UTC)
		clock := func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return now
		}
		store := &journal.Memory{Now: clock, Shared: true, Step: 3}
		w := newTown(t, seed, store, clock)
		views, err := sqlite.OpenViews(filepath.Join(t.TempDir(), "views.db"))
		if err != nil {
			t.Fatal(err)
		}
		runner := &projections.Runner{Journal: w.log, Writer: views.Writer, Readers: views.Readers}
		if err := runner.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- runner.Run(ctx) }()
		for i := range 5 {
			w.register(75 + 6*i)
		}
		table := func(now time.Time, after policies.Moment, limit int) (out []policies.Moment) {
			t.Helper()
			head, _, err := store.Head(t.Context())
			if err == nil {
				waiting, done := context.WithTimeout(t.Context(), time.Minute)
				err = runner.WaitFor(waiting, "due", head)
				done()
			}
			moments, err2 := runner.Due(t.Context(), now, projections.Moment(after), limit)
			if err := errors.Join(err, err2); err != nil {
				t.Fatal(err)
			}
			for _, m := range moments {
				out = append(out, policies.Moment(m))
			}
			return out
		}
		policy := &policies.Markers{Service: w.instance(clock), Now: clock, Log: slog.New(slog.DiscardHandler),
			Due: func(_ context.Context, now time.Time, after policies.Moment, limit int) ([]policies.Moment, error) {
				return table(now, after, limit), nil
			}}
		for step := range 140 {
			w.happen()
			if step%3 == 0 {
				mu.Lock()
				now = now.Add(time.Duration(w.r.IntN(20)) * time.Hour)
				mu.Unlock()
			}
			if step%2 == 0 {
				continue
			}
			all := w.moments()
			for _, at := range []time.Time{clock(), clock().AddDate(0, 0, 30), clock().AddDate(5, 0, 0)} {
				var want []policies.Moment
				next := time.Time{}
				for _, m := range all {
					if m.Comes(at) {
						want = append(want, m.Moment)
					}
					if m.Due.At.After(at) && next.IsZero() {
						next = m.Due.At
					}
				}
				got := append(table(at, policies.Moment{}, 3), []policies.Moment{}...)
				for len(got) > 0 && len(got)%3 == 0 { // page by page
					more := table(at, got[len(got)-1], 3)
					if got = append(got, more...); len(more) == 0 {
						break
					}
				}
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Fatalf("seed %d, step %d: at %v the table lists\n%v\nand the books\n%v", seed, step, at, got, want)
				}
				if said, err := runner.NextDue(t.Context(), at); err != nil || !said.Equal(next) {
					t.Fatalf("seed %d, step %d: after %v the next moment is %v, not %v (%v)", seed, step, at, said, next, err)
				}
			}
			if step%7 == 0 {
				if _, err := policy.Pass(t.Context(), clock()); err != nil {
					t.Fatal(err)
				}
				if n, err := policy.Pass(t.Context(), clock()); n != 0 || err != nil || len(table(clock(), policies.Moment{}, 9)) != 0 {
					t.Fatalf("a second pass wrote %d (%v); there are left %v", n, err, table(clock(), policies.Moment{}, 9))
				}
				var left int // also what would never be listed
				if err := views.Readers.QueryRow(`SELECT count(*) FROM due_1_moments WHERE at <= ?`, clock().UnixMicro()).Scan(&left); err != nil || left > 0 {
					t.Fatalf("seed %d, step %d: the table keeps %d moments that are over (%v)", seed, step, left, err)
				}
			}
		}
		w.check(clock().Add(-time.Hour * 24 * 30))
		table(clock(), policies.Moment{}, 1)
		live, _, err := runner.Digest(t.Context(), "due")
		if err == nil {
			err = runner.Rebuild(t.Context(), "due")
		}
		anew, _, err2 := runner.Digest(t.Context(), "due")
		if err := errors.Join(err, err2); err != nil || live != anew {
			t.Errorf("seed %d: the rebuilt table is another (%v)", seed, err)
		}
		stop()
		if err := errors.Join(<-ended, views.Close()); err != nil {
			t.Error(err)
		}
	}
}

// No answer rests on a marker: those of a ledger whose time was marked are those of the same ledger without, for every moment asked about and known.
func TestNoAnswerDependsOnMarkers(t *testing.T) {
	now := time.Date(2026, 3, 1, 7, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	store := &journal.Memory{Now: clock, Shared: true}
	w := newTown(t, 3, store, clock)
	for i := range 6 {
		w.register(70 + 5*i)
	}
	for step := range 200 {
		w.happen()
		if step%4 == 0 {
			now = now.Add(11 * time.Hour)
			if _, err := w.policy(w.Service, func() bool { return false }).Pass(t.Context(), now); err != nil {
				t.Fatal(err)
			}
		}
	}
	bare := &journal.Memory{Now: clock, Shared: true} // without the markers
	marked := 0
	for rec, err := range store.ReadAll(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if domain.Stream(rec.Stream).Category() == "due" {
			marked++
			continue
		}
		meta, ok := strings.CutSuffix(string(rec.Meta), fmt.Sprintf(`,"recorded_at":%q}`, rec.RecordedAt.Format(journal.TimeForm)))
		if !ok {
			t.Fatalf("%s", rec.Meta)
		}
		if _, err := bare.Append(t.Context(), rec.Stream, rec.Revision-1, []journal.NewRecord{{ID: rec.ID, Type: rec.Type, Data: rec.Data, Meta: []byte(meta + "}"), RecordedAt: rec.RecordedAt}}); err != nil {
			t.Fatal(err)
		}
	}
	if marked < 20 {
		t.Fatalf("only %d moments were marked", marked)
	}
	with, without := w.instance(clock), &commands.Service{Journal: journal.New(bare, catalogue.All()), Vault: w.vault, Now: clock}
	for _, id := range w.users {
		for _, days := range []int{-40, -15, -3, 0} {
			known := commands.Known{At: now.AddDate(0, 0, days)}
			a, err := with.Snapshot(t.Context(), id, known)
			b, err2 := without.Snapshot(t.Context(), id, known)
			if (err == nil) != (err2 == nil) {
				t.Fatal(err, err2)
			}
			if err != nil {
				continue // not registered by then
			}
			for _, at := range []time.Time{now.AddDate(0, 0, -30), now.AddDate(0, 0, -1), now, now.AddDate(0, 0, 9), now.AddDate(0, 6, 0)} {
				x, err := json.Marshal([]any{permission.Access(a.State.Books, a.Site, permission.Place{}, at), permission.Processing(a.State.Books, a.Site, "advertising", "use", at)})
				y, err2 := json.Marshal([]any{permission.Access(b.State.Books, b.Site, permission.Place{}, at), permission.Processing(b.State.Books, b.Site, "advertising", "use", at)})
				if err := errors.Join(err, err2); err != nil || string(x) != string(y) {
					t.Fatalf("of %s at %v, known at %v, with markers\n%s\nwithout\n%s (%v)", id, at, known.At, x, y, err)
				}
			}
			if a.Revision != b.Revision || len(a.Events) != len(b.Events) {
				t.Fatalf("the stream of %s is at %d, and without markers at %d", id, a.Revision, b.Revision)
			}
		}
	}
}
