package policies_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
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
	"kelisim/commands/terms"
	"kelisim/commands/vault"
	"kelisim/domain"
	"kelisim/domain/calendar"
	"kelisim/domain/catalogue"
	"kelisim/domain/event"
	"kelisim/domain/permission"
	"kelisim/domain/subscription"
	"kelisim/domain/user"
	"kelisim/projections"
)

// town is a ledger of a few people to whom things happen, as drawn.
type town struct {
	*commands.Service
	t     testing.TB
	r     *rand.Rand
	store *journal.Memory
	log   *journal.Journal
	vault *vault.Vault
	now   func() time.Time
	users []domain.UserID
	steps int
}

func newTown(t testing.TB, seed uint64, store *journal.Memory, now func() time.Time) *town {
	t.Helper()
	v, err := vault.New(t.Context(), &vault.Memory{}, vault.NewMemoryKEK())
	if err != nil {
		t.Fatal(err)
	}
	w := &town{t: t, r: rand.New(rand.NewPCG(11, seed)), store: store, log: journal.New(store, catalogue.All()), vault: v, now: now}
	w.Service = w.instance(now)
	builtin, err := terms.Builtin()
	if err == nil {
		err = builtin.Publish(t.Context(), w.Service)
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// instance is another process's service over the same journal.
func (w *town) instance(now func() time.Time) *commands.Service {
	return &commands.Service{Journal: w.log, Vault: w.vault, Now: now}
}

// do carries out a command as of so long ago; what the rules refuse is left out.
func (w *town) do(name string, id domain.UserID, by string, ago time.Duration, body string, args ...any) (map[string]any, bool) {
	w.t.Helper()
	decoded, err := commands.Decode(name, fmt.Appendf(nil, body, args...), nil)
	if err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	at := w.now().Add(-ago)
	done, err := w.Do(w.t.Context(), commands.Wish{Command: name, Subject: string(id), Body: decoded.Command, Actor: event.Actor{Kind: by, ID: by}, OccurredAt: &at, Imported: true})
	var refused *domain.Error
	if errors.As(err, &refused) {
		return nil, false
	}
	if err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	return done.Answer, true
}

const press = `"acceptance":{"button":%q,"page":"subscription","language":"kk"}`

// register brings in somebody who registered so many days ago.
func (w *town) register(daysAgo int) domain.UserID {
	w.t.Helper()
	w.steps++
	out, ok := w.do("register", "", "officer", time.Duration(daysAgo)*24*time.Hour, `{"login":"u%d","contacts":{"mobile":"+77015550101"},`+press+`}`, w.steps, "register")
	if !ok {
		w.t.Fatal("nobody can register")
	}
	id := domain.UserID(out["user_id"].(string))
	w.users = append(w.users, id)
	return id
}

// happen lets one thing happen to somebody, up to nine days ago.
func (w *town) happen() {
	w.t.Helper()
	w.steps++
	id := w.users[w.r.IntN(len(w.users))]
	snap, err := w.Snapshot(w.t.Context(), id, commands.Known{})
	if err != nil {
		w.t.Fatal(err)
	}
	ago := time.Duration(w.r.IntN(2)*w.r.IntN(9*24)) * time.Hour
	day := calendar.DayOf(w.now().Add(-ago))
	notice, order, transaction := "", "", ""
	if all := snap.State.Consent.Notices; len(all) > 0 {
		notice = all[w.r.IntN(len(all))].NoticeID
	}
	if all := snap.State.Subscription.Orders(); len(all) > 0 {
		order = all[w.r.IntN(len(all))].OrderID
	}
	if all := snap.State.Subscription.Payments(); len(all) > 0 {
		transaction = all[w.r.IntN(len(all))].TransactionID
	}
	entry := snap.Events[w.r.IntN(len(snap.Events))].ID
	kind := w.r.IntN(21)
	if notice != "" && w.r.IntN(3) == 0 {
		kind = 12 + w.r.IntN(4)
	}
	switch {
	case kind < 3:
		w.do("purchase", id, "service", ago, `{"months":1,"acknowledge_pending_withdrawal":true,`+press+`}`, "buy")
	case kind < 6 && order != "":
		o, _ := snap.State.Subscription.Order(order)
		w.do("record-payment", id, "service", 0, `{"order_id":%q,"provider":"cloudpayments","transaction_id":"%d","paid_at":%q,"amount":{"amount":%q,"currency":"KZT"}}`,
			order, w.steps, o.PlacedAt.Add(time.Duration(w.r.IntN(26))*time.Hour).Format(time.RFC3339), o.Price.Amount())
	case kind < 7:
		w.do("grant-days", id, "officer", ago, `{"days":%d,"reason":"x"}`, 1+w.r.IntN(20))
	case kind < 8 && transaction != "":
		w.do("charge-back", id, "officer", ago, `{"transaction_id":%q,"amount":{"amount":"10.00","currency":"KZT"},"charged_back_at":%q}`, transaction, w.now().Add(-ago).Format(time.RFC3339))
	case kind < 12:
		w.do("withdraw", id, "officer", 0, `{"received_on":%q,"channel":%q,"tracking_number":"RR%09dKZ"}`, day, []string{"registered-post", "registered-post", "e-mail"}[w.r.IntN(3)], w.steps)
	case kind < 13 && notice != "":
		w.do("rescind-withdrawal", id, "officer", ago, `{"notice_id":%q,"ground":"x"}`, notice)
	case kind < 14 && notice != "":
		w.do("refuse-withdrawal", id, "officer", ago, `{"notice_id":%q,"ground":"x"}`, notice)
	case kind < 16 && notice != "":
		w.do("accept-withdrawal", id, "officer", ago, `{"notice_id":%q}`, notice)
	case kind < 17:
		w.do("set-parameters", "", "operator", 0, `{"in_force_from":%q,"terms_version":"2020-10-27","trial_months":3,"periods":[1,3,6,12],"withdrawal_days":%d,"withdrawal_edge":"start-of-day","fine":{"amount":"50000.00","currency":"KZT"},"order_hours":%d,"support_hours":9,"support_from":9,"support_until":18}`,
			w.now().Format(time.RFC3339), 5+w.r.IntN(10), 1+w.r.IntN(48))
	case kind < 19:
		if _, ok := w.do("void-entry", id, "officer", 0, `{"event_id":%q,"reason":"x"}`, entry); ok {
			w.do("approve-void", id, "approver", 0, `{"event_id":%q}`, entry)
		}
	case kind < 20 && w.r.IntN(8) == 0:
		w.do("depersonalise", id, "officer", 0, `{"basis":"retention-ended"}`)
	default:
		w.do("message", id, "service", 0, `{"text":"x"}`)
	}
}

// known is a user's stream, up to a record that is let through.
func (w *town) known(id domain.UserID, through func(journal.Event) bool) (out []user.Recorded) {
	w.t.Helper()
	for e, err := range w.log.ReadStream(context.Background(), string(domain.UserStream(id)), 0) {
		if err != nil {
			w.t.Fatal(err)
		}
		if !through(e) {
			break
		}
		out = append(out, user.Recorded{Meta: e.Meta, Data: e.Data})
	}
	return out
}

func (w *town) markers(id domain.UserID) (out []journal.Event) {
	w.t.Helper()
	for e, err := range w.log.ReadStream(context.Background(), string(domain.DueStream(id)), 0) {
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// due is what is due of a user by all that stands, and has no marker.
func (w *town) due(id domain.UserID) (out []domain.Due) {
	w.t.Helper()
	stand, over := map[string]bool{}, map[time.Time]bool{}
	for _, e := range w.markers(id) {
		stand[e.ID.String()] = true
		if l, ok := e.Data.(subscription.CoverageLapsed); ok {
			over[l.LapsedAt] = true
		}
	}
	for _, d := range user.Due(user.Fold(w.known(id, func(journal.Event) bool { return true }))) {
		if !stand[d.ID(id).String()] && !over[d.Until] {
			out = append(out, d)
		}
	}
	return out
}

// moment is one that is due, and how the table lists it.
type moment struct {
	policies.Moment
	domain.Due
}

// moments are all that is due of everybody, in the table's order.
func (w *town) moments() (out []moment) {
	w.t.Helper()
	for _, id := range w.users {
		for _, d := range w.due(id) {
			out = append(out, moment{policies.Moment{At: d.At, UserID: id, Marker: d.ID(id).String()}, d})
		}
	}
	slices.SortFunc(out, func(a, b moment) int { return compare(a.Moment, b.Moment) })
	return out
}

func compare(a, b policies.Moment) int {
	if c := a.At.Compare(b.At); c != 0 {
		return c
	}
	return strings.Compare(string(a.UserID)+a.Marker, string(b.UserID)+b.Marker)
}

// check looks at every marker: it is there once, dated by what it marks, caused by what made that, and was true of what was known when it was
// recorded; and nothing is missing that has come.
func (w *town) check(now time.Time) {
	w.t.Helper()
	total := 0
	for _, id := range w.users {
		seen := map[string]bool{}
		for _, m := range w.markers(id) {
			total++
			what := fmt.Sprintf("%T %+v", m.Data, m.Data)
			if seen[what] {
				w.t.Errorf("%s of %s is there twice", what, id)
			}
			seen[what] = true
			was := func(through func(journal.Event) bool) bool {
				return slices.ContainsFunc(user.Due(user.Fold(w.known(id, through))), func(d domain.Due) bool {
					return d.ID(id) == m.ID && d.At.Equal(m.OccurredAt) && d.Comes(m.RecordedAt) && d.Cause == m.Causation.String() && fmt.Sprintf("%T %+v", d.Marker, d.Marker) == what
				})
			}
			// What was recorded in the same instant may or may not have been known.
			if !was(func(e journal.Event) bool { return e.Position < m.Position }) && !was(func(e journal.Event) bool { return e.RecordedAt.Before(m.RecordedAt) }) {
				w.t.Errorf("%s of %s, at %v by %s, was untrue when it was recorded at %v", what, id, m.OccurredAt, m.Causation, m.RecordedAt)
			}
			if m.Actor.Kind != "system" || m.TermsVersion == "" {
				w.t.Errorf("the envelope of %s is %+v", what, m.Meta)
			}
		}
		for _, d := range w.due(id) {
			if d.Comes(now) {
				w.t.Errorf("%T of %s at %v has no marker at %v", d.Marker, id, d.At, now)
			}
		}
	}
	if total < len(w.users) {
		w.t.Errorf("there are %d markers of %d users", total, len(w.users))
	}
}

// policy is the policy of one instance over a table that is exact, or as old as lag says.
func (w *town) policy(s *commands.Service, lag func() bool) *policies.Markers {
	var mu sync.Mutex
	var at int64
	var list []moment
	table := func() []moment {
		mu.Lock()
		defer mu.Unlock()
		head, _, err := w.store.Head(context.Background())
		if err != nil {
			w.t.Error(err)
		}
		if head != at && (at == 0 || !lag()) {
			at, list = head, w.moments()
		}
		return list
	}
	return &policies.Markers{Service: s, Now: s.Now, Log: slog.New(slog.DiscardHandler),
		Due: func(_ context.Context, now time.Time, after policies.Moment, limit int) (out []policies.Moment, err error) {
			for _, m := range table() {
				if len(out) < limit && m.Comes(now) && compare(m.Moment, after) > 0 {
					out = append(out, m.Moment)
				}
			}
			return out, nil
		},
		Next: func(_ context.Context, now time.Time) (time.Time, error) {
			for _, m := range table() {
				if m.Due.At.After(now) {
					return m.Due.At, nil
				}
			}
			return time.Time{}, nil
		},
		Grown: func(ctx context.Context, past int64) (int64, error) {
			if err := w.store.Wait(ctx, past); err != nil {
				return 0, err
			}
			head, _, err := w.store.Head(ctx)
			return head, err
		}}
}

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
