package projections_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/commands/journal"
	"kelisim/commands/sqlite"
	"kelisim/domain"
	"kelisim/domain/activity"
	"kelisim/domain/catalogue"
	"kelisim/domain/event"
	"kelisim/domain/ledger"
	"kelisim/domain/payment"
	"kelisim/projections"
)

const someone = domain.UserID("5f0c1b1e-7c5b-4a3e-9a60-0d1f2a3b4c5d")

var noon = time.Date(2026, 1, 31, 7, 0, 0, 0, time.UTC)

// bench is a journal in memory with read models in a real file.
type bench struct {
	t     testing.TB
	store *journal.Memory
	*journal.Journal
	path   string
	models []projections.Projection
	*projections.Runner
	views *sqlite.Views
	stop  func()
}

func newBench(t testing.TB, models ...projections.Projection) *bench {
	b := &bench{t: t, store: &journal.Memory{Step: 3}, path: filepath.Join(t.TempDir(), "views.db"), models: models}
	b.Journal = journal.New(b.store, catalogue.All())
	b.start()
	t.Cleanup(func() { b.stop() })
	return b
}

// start opens the read models and follows the journal until stop.
func (b *bench) start() {
	b.t.Helper()
	var err error
	if b.views, err = sqlite.OpenViews(b.path); err != nil {
		b.t.Fatal(err)
	}
	b.Runner = &projections.Runner{Journal: b.Journal, Writer: b.views.Writer, Readers: b.views.Readers, Models: b.models}
	if err := b.Open(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	b.stop = func() {
		cancel()
		if err := errors.Join(<-ended, b.views.Close()); err != nil {
			b.t.Error(err)
		}
		b.stop = func() {}
	}
}

func (b *bench) append(stream string, events ...any) int64 {
	b.t.Helper()
	var records []journal.NewRecord
	for _, e := range events {
		r, err := b.Encode(e, event.Meta{ID: uuid.New(), OccurredAt: noon, Actor: event.Actor{Kind: "service", ID: "site"}})
		if err != nil {
			b.t.Fatal(err)
		}
		records = append(records, r)
	}
	expected := journal.NoStream
	for e, err := range b.ReadStream(b.t.Context(), stream, 0) {
		if err != nil {
			b.t.Fatal(err)
		}
		expected = e.Revision
	}
	receipt, err := b.Append(b.t.Context(), stream, expected, records)
	if err != nil {
		b.t.Fatal(err)
	}
	return receipt.Position
}

func (b *bench) observe(n int) int64 {
	b.t.Helper()
	var events []any
	for i := range n {
		events = append(events, activity.Observed{UserID: someone, Action: "lesson-opened", Object: fmt.Sprintf("lesson-%d", i%7)})
	}
	return b.append("activity-"+uuid.NewString(), events...)
}

func (b *bench) wait(name string, position int64) {
	b.t.Helper()
	ctx, done := context.WithTimeout(b.t.Context(), 20*time.Second)
	defer done()
	if err := b.WaitFor(ctx, name, position); err != nil {
		b.t.Fatalf("wait for %s at %d: %v", name, position, err)
	}
}

func (b *bench) digest(name string) string {
	b.t.Helper()
	d, _, err := b.Digest(b.t.Context(), name)
	if err != nil {
		b.t.Fatal(err)
	}
	return d
}

// counting is a model that fails where fail says so, of a version.
func counting(name string, version int, fail func(journal.Event) error) projections.Projection {
	return projections.Projection{
		Name: name, Version: version, Tables: []string{"n"}, Schema: fmt.Sprintf(`CREATE TABLE @_n (n INTEGER NOT NULL, v%d TEXT); INSERT INTO @_n VALUES (0, '')`, version),
		Apply: func(ctx context.Context, t projections.Tables, e journal.Event) error {
			if fail != nil {
				if err := fail(e); err != nil {
					return err
				}
			}
			return t.Exec(ctx, `UPDATE @_n SET n = n + 1`)
		},
	}
}

// What was kept live, with restarts in between, is what a replay from the first event makes, and each event counts once.
func TestReplayEqualsLive(t *testing.T) {
	b := newBench(t)
	var last int64
	for round := range 4 {
		last = b.observe(700)
		b.append(fmt.Sprintf("payment-cloudpayments-%d", round), payment.Held{Provider: "cloudpayments", TransactionID: fmt.Sprint(round), PaidAt: noon, Amount: domain.KZT(4990), Reason: "unknown-order"})
		if round == 2 {
			last = b.append("payment-cloudpayments-1", payment.Applied{UserID: someone, OrderID: "o"})
		}
		if round%2 == 1 {
			b.stop()
			b.start()
		}
	}
	for _, p := range projections.All {
		b.wait(p.Name, last)
		live := b.digest(p.Name)
		if err := b.Rebuild(t.Context(), p.Name); err != nil {
			t.Fatal(err)
		}
		b.wait(p.Name, last)
		if again := b.digest(p.Name); again != live {
			t.Errorf("%s: live %s, replayed %s", p.Name, live, again)
		}
	}
	page, more, err := b.Actions(t.Context(), someone, projections.ActionsAfter{}, 2000)
	if err != nil || !more || len(page) != 2000 {
		t.Errorf("a page of %d actions, more %v (%v)", len(page), more, err)
	}
	rest, more, err := b.Actions(t.Context(), someone, page[1999].After(), 2000)
	if err != nil || more || len(rest) != 800 {
		t.Errorf("the rest is %d actions, more %v (%v)", len(rest), more, err)
	}
	money, err := b.HeldMoney(t.Context())
	if err != nil || len(money) != 3 {
		t.Errorf("%d sums are held (%v)", len(money), err)
	}
}

// A model that is swapped in while the others are read for has every event, also those that were read before it joined.
func TestJoiningModelMissesNothing(t *testing.T) {
	b := newBench(t, counting("quick", 1, nil), counting("slow", 1, func(e journal.Event) error {
		if e.Position%50 == 0 {
			time.Sleep(time.Millisecond)
		}
		return nil
	}))
	var last int64
	for range 3 {
		last = b.observe(2500)
		if err := b.Rebuild(t.Context(), "slow"); err != nil && last == 0 {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"quick", "slow"} {
		b.wait(name, last)
		live := b.digest(name)
		if err := b.Rebuild(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		b.wait(name, last)
		if again := b.digest(name); again != live {
			t.Errorf("%s: live %s, replayed %s", name, live, again)
		}
	}
}

// An event that one projection cannot apply halts that one, says so, and leaves the others alone; a restart tries it again.
func TestPoisonedEvent(t *testing.T) {
	poison := true
	bad := counting("bad", 1, func(e journal.Event) error {
		if o, ok := e.Data.(activity.Observed); ok && o.Object == "lesson-3" && poison {
			return errors.New("no such lesson")
		}
		return nil
	})
	b := newBench(t, counting("good", 1, nil), bad)
	last := b.observe(10)
	b.wait("good", last)
	deadline := time.Now().Add(20 * time.Second)
	for {
		statuses, err := b.Statuses(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if statuses[1].Fault != "" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the poisoned event halted nothing")
		}
		time.Sleep(time.Millisecond)
	}
	last = b.observe(5)
	b.wait("good", last)
	b.stop()
	poison = false
	b.start()
	b.wait("bad", last)
}

// A raised version is built from the first event, beside the old tables, which go when it is done.
func TestVersionIsRebuilt(t *testing.T) {
	b := newBench(t, counting("n", 1, nil))
	last := b.observe(20)
	b.wait("n", last)
	b.stop()
	b.models = []projections.Projection{counting("n", 2, nil)}
	b.start()
	b.wait("n", last)
	b.stop()
	b.start() // the retired tables go with the next start
	rows, err := b.views.Readers.Query(`SELECT name FROM sqlite_schema WHERE name LIKE 'n\_%' ESCAPE '\'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if len(names) != 1 || names[0] != "n_2_n" {
		t.Errorf("the tables are %v", names)
	}
}

// While a model is rebuilt, questions are answered all the time from the tables that there were.
func TestRebuildLeavesNoPause(t *testing.T) {
	b := newBench(t)
	last := b.observe(3000)
	b.wait("activity", last)
	done := make(chan error, 1)
	go func() { done <- b.Rebuild(context.Background(), "activity") }()
	for {
		page, _, err := b.Actions(t.Context(), someone, projections.ActionsAfter{}, 5000)
		if err != nil || len(page) != 3000 {
			t.Fatalf("%d actions while it was rebuilt (%v)", len(page), err)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return
		default:
		}
	}
}

// Checkpoints and leases come to no read model, and each is passed by: who waits for their position is answered.
func TestUncountedStreamsArePassedBy(t *testing.T) {
	b := newBench(t, counting("all", 1, func(e journal.Event) error {
		if !domain.Stream(e.Stream).Counted() {
			return fmt.Errorf("%s came", e.Type)
		}
		return nil
	}))
	last := b.observe(2)
	b.wait("all", last)
	before := b.digest("all")
	b.append(string(domain.CheckpointsStream), ledger.CheckpointCommitted{Origin: "o", Size: 1, Root: "r"})
	last = b.append(string(domain.LeaseStream("policies")), ledger.LeaseTaken{Epoch: 1, Holder: "a", TTL: 1}, ledger.LeaseRenewed{Epoch: 1, TTL: 1}, ledger.LeaseReleased{Epoch: 1})
	b.wait("all", last)
	if got := b.digest("all"); got != before {
		t.Error("they changed the tables")
	}
}

// outage is a journal that cannot be read for a while.
type outage struct {
	journal.Store
	all, streams atomic.Bool
}

var errOutage = errors.New("the journal is away")

func (o *outage) ReadAll(ctx context.Context, after int64) iter.Seq2[journal.Record, error] {
	return unless(&o.all, o.Store.ReadAll(ctx, after))
}

func (o *outage) ReadStream(ctx context.Context, stream string, from int64) iter.Seq2[journal.Record, error] {
	return unless(&o.streams, o.Store.ReadStream(ctx, stream, from))
}

func unless(away *atomic.Bool, records iter.Seq2[journal.Record, error]) iter.Seq2[journal.Record, error] {
	if away.Load() {
		return func(yield func(journal.Record, error) bool) { yield(journal.Record{}, errOutage) }
	}
	return records
}

// A journal that is away for a while halts no model, whether it is missed while it is followed or while a user's stream is folded, and whether the model
// answers already or is being built; when it is back all go on by themselves.
func TestOutageIsOutlived(t *testing.T) {
	b := &bench{t: t, store: &journal.Memory{Step: 3}, path: filepath.Join(t.TempDir(), "views.db")}
	away := &outage{Store: b.store}
	outside := journal.New(b.store, catalogue.All()) // that others append to, and see
	b.Journal = journal.New(away, catalogue.All())
	b.start()
	t.Cleanup(func() { b.stop() })
	register := func(i int) (last int64) {
		following := b.Journal
		b.Journal = outside
		defer func() { b.Journal = following }()
		return b.append("user-"+string(someUser(i)), registration(i)...)
	}
	kept := func(last int64) {
		t.Helper()
		for _, p := range projections.All {
			b.wait(p.Name, last)
		}
		eventually(t, "the trouble is over", func() bool { return b.Trouble() == nil })
	}
	kept(register(1))
	for i, what := range []*atomic.Bool{&away.streams, &away.all} {
		what.Store(true)
		last := register(2 + i)
		eventually(t, "the outage is told of", func() bool { return errors.Is(b.Trouble(), errOutage) })
		what.Store(false)
		kept(last)
	}
	b.stop()
	last := register(4)
	away.streams.Store(true)
	b.path = filepath.Join(t.TempDir(), "views.db")
	b.start()
	eventually(t, "the outage is told of while models are built", func() bool { return errors.Is(b.Trouble(), errOutage) })
	away.streams.Store(false)
	kept(last)
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came that %s", what)
		}
	}
}

// One model is made ready alone, from the first event or from where it stands, while another cannot go on at all; whoever followed next misses nothing.
func TestReadyWaitsForNobody(t *testing.T) {
	held := make(chan struct{})
	slow := func(journal.Event) error { <-held; return nil }
	b := &bench{t: t, store: &journal.Memory{Step: 3}, path: filepath.Join(t.TempDir(), "views.db"),
		models: []projections.Projection{counting("slow", 1, slow), counting("first", 1, nil)}}
	b.Journal = journal.New(b.store, catalogue.All())
	open := func() {
		t.Helper()
		var err error
		if b.views, err = sqlite.OpenViews(b.path); err != nil {
			t.Fatal(err)
		}
		b.Runner = &projections.Runner{Journal: b.Journal, Writer: b.views.Writer, Readers: b.views.Readers, Models: b.models}
		if err := b.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ready := func(name string) (reached []int64, err error) {
		ctx, done := context.WithTimeout(t.Context(), 20*time.Second)
		defer done()
		err = b.Ready(ctx, name, func(position int64) { reached = append(reached, position) })
		return reached, err
	}
	last := int64(0)
	for _, what := range []string{"built", "live, and behind"} {
		last = b.observe(2500)
		open()
		reached, err := ready("first")
		if err != nil || len(reached) < 3 || !slices.IsSorted(reached) || reached[len(reached)-1] != last {
			t.Fatalf("%s: reached %v of %d: %v", what, reached, last, err)
		}
		b.wait("first", last)
		if reached, err = ready("first"); err != nil || len(reached) != 0 {
			t.Errorf("%s: read again: %v %v", what, reached, err)
		}
		if err := b.views.Close(); err != nil {
			t.Fatal(err)
		}
	}
	b.start()
	defer func() { b.stop() }()
	last = b.observe(1)
	close(held)
	b.wait("first", last)
	b.wait("slow", last)
	if b.digest("first") != b.digest("slow") {
		t.Error("one of them missed an event")
	}
	b.stop()

	b.models = []projections.Projection{counting("first", 2, func(journal.Event) error { return errors.New("poisoned") })}
	open()
	defer func() {
		if err := b.views.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := ready("first"); domain.Code(err) != "unavailable" {
		t.Errorf("halted: %v", err)
	}
	if _, err := ready("nothing"); err == nil {
		t.Error("a model that there is not is ready")
	}
}
