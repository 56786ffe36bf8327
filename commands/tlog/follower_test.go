package tlog_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"filippo.io/torchwood"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"kelisim/commands/journal"
	ledgerlog "kelisim/commands/tlog"
	"kelisim/commands/tlog/tree"
	"kelisim/commands/tlog/verify"
)

func wantFault(t *testing.T, err error, code string) *verify.Fault {
	t.Helper()
	var f *verify.Fault
	if !errors.As(err, &f) || f.Code != code {
		t.Fatalf("%v, want a fault %s", err, code)
	}
	return f
}

// plain makes the root of a journal by the definition: every record that counts, in order, each naming the one before it.
func plain(t testing.TB, j journal.Store) tlog.Tree {
	t.Helper()
	last := map[string]tree.Hash{}
	var e tree.Edge
	for r, err := range j.ReadAll(context.Background(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Stream == "ledger-checkpoints" {
			continue
		}
		h := tlog.RecordHash(tree.LeafOf(ledgerlog.EventOf(r), last[r.Stream]).Append(nil))
		last[r.Stream] = h
		e.Append(h, func(int, tree.Hash) {})
	}
	return tlog.Tree{N: e.Size(), Hash: e.Root()}
}

func TestCheckpointCoversTheJournal(t *testing.T) {
	w := newWorld(t, nil, nil)
	for range 4 {
		w.some(150, 12)
		w.settle()
		c := w.checkpoint()
		if got := (tlog.Tree{N: c.Size, Hash: c.Root}); got != plain(t, w.journal) {
			t.Errorf("signed %v, the journal gives %v", got, plain(t, w.journal))
		}
		text := torchwood.Checkpoint{Origin: origin, Tree: tlog.Tree{N: c.Size, Hash: c.Root}}.String()
		for _, vkey := range testKeys.VerifierKeys() {
			v, err := fnote.NewVerifier(vkey)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := note.Open(c.Full(), note.VerifierList(v)); err != nil || n.Text != text || len(n.Sigs) != 1 {
				t.Errorf("signed %+v (%v), want %q", n, err, text)
			}
		}
	}
	if w.Status().Signed != w.Status().Size {
		t.Errorf("%+v", w.Status())
	}
}

// However the events come and however often the program starts anew, the tree is the same.
func TestSameTreeHoweverItWasFollowed(t *testing.T) {
	a, b := newWorld(t, nil, nil), newWorld(t, nil, nil)
	dice := newRand()
	const n = 9000 // more than a batch
	a.some(n, 50)
	for range n / 100 {
		b.some(100, 50)
		if dice.IntN(2) == 0 {
			b.follow()
		}
		if dice.IntN(4) == 0 {
			b.open()
		}
	}
	a.follow()
	b.follow()
	if x, y := a.Status(), b.Status(); x.Size != n || x.Size != y.Size {
		t.Fatalf("%+v and %+v", x, y)
	}
	for _, tile := range tlog.NewTiles(tree.TileHeight, 0, n) {
		x, errX := a.store.Tile(t.Context(), tile.L, tile.N)
		y, errY := b.store.Tile(t.Context(), tile.L, tile.N)
		if errX != nil || errY != nil || !slices.Equal(x, y) {
			t.Fatalf("tile %s differs (%v, %v)", tile.Path(), errX, errY)
		}
	}
}

// follow brings the log to the head without signing.
func (w *world) follow() {
	w.t.Helper()
	c := w.config()
	c.Keys = nil
	f, err := ledgerlog.NewFollower(w.t.Context(), c)
	if err == nil {
		err = f.Settle(w.t.Context())
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.Follower = f
}

// holey is a journal that leaves out a record, as stores have been seen to do.
type holey struct {
	journal.Store
	without int64 // position
}

func (h holey) ReadAll(ctx context.Context, after int64) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		for r, err := range h.Store.ReadAll(ctx, after) {
			if err == nil && r.Position == h.without {
				continue
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

func TestGapHalts(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.record("user-a", 3)
	w.record("user-b", 1)
	w.record("user-a", 1)
	w.journal = holey{w.journal, 6}
	w.open()
	f := wantFault(t, w.Settle(t.Context()), verify.Gap)
	if f.Stream != "user-a" || f.Revision != 2 || f.Position != 9 {
		t.Errorf("the fault is at %s", f.Place)
	}
	if _, err := w.Reader().Checkpoint(t.Context()); !errors.Is(err, ledgerlog.ErrNotFound) {
		t.Errorf("something was signed all the same (%v)", err)
	}
	if w.Status().Fault != f {
		t.Errorf("status %+v", w.Status())
	}
	wantFault(t, w.Run(t.Context()), verify.Gap)
	wantFault(t, w.CommitHeads(t.Context()), verify.Gap)
}

// copyOf is a journal with the first n records of another.
func copyOf(t *testing.T, j journal.Store, n int, clock func() time.Time) *journal.Memory {
	t.Helper()
	out := &journal.Memory{Now: clock, Step: 3}
	for r, err := range j.ReadAll(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if n--; n < 0 {
			break
		}
		meta := []byte(strings.Replace(string(r.Meta), `,"recorded_at":"`+r.RecordedAt.Format(journal.TimeForm)+`"`, "", 1))
		one := []journal.NewRecord{{ID: r.ID, Type: r.Type, Data: r.Data, Meta: meta, RecordedAt: r.RecordedAt}}
		if _, err := out.Append(t.Context(), r.Stream, r.Revision-1, one); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// A journal that was put back to yesterday, under today's checkpoint: nothing is signed, neither at once nor after it has grown again.
func TestYesterdaysJournalIsNotSigned(t *testing.T) {
	for _, kept := range []int{0, 1, 20, 39, 40, 41} {
		for _, grown := range []int{0, 1, 60} {
			t.Run(fmt.Sprint(kept, " and ", grown), func(t *testing.T) {
				w := newWorld(t, nil, nil)
				w.some(40, 5)
				w.settle()
				before := w.checkpoint()
				whole := copyOf(t, w.journal, 1000, w.clock)
				head, _, err := whole.Head(t.Context())
				if mine, _, _ := w.journal.Head(t.Context()); err != nil || head != mine {
					t.Fatal("the copy is no copy")
				}
				old := copyOf(t, w.journal, kept, w.clock)
				w.journal, w.ends = old, map[string]int64{}
				for r := range old.ReadAll(t.Context(), 0) {
					w.ends[r.Stream] = r.Revision
				}
				w.some(grown, 5)
				w.open()
				if w.Status().Fault == nil {
					t.Errorf("opened without a word: %+v", w.Status())
				}
				size, _, _ := old.Head(t.Context())
				var f *verify.Fault
				if err := w.Settle(t.Context()); !errors.As(err, &f) {
					t.Errorf("went on: %v", err)
				}
				if now, _, _ := old.Head(t.Context()); now != size {
					t.Error("wrote to the journal all the same")
				}
				if kept == 41 {
					return // only a body was lost, and no leaf: made anew, the tree is the one that was signed
				}
				// The store made anew from that journal comes to no other end.
				if err := w.store.Reset(t.Context()); err != nil {
					t.Fatal(err)
				}
				w.open()
				if err := w.Settle(t.Context()); !errors.As(err, &f) {
					t.Errorf("after a reset it went on: %v", err)
				}
				if now, _, _ := old.Head(t.Context()); now != size {
					t.Error("after a reset it wrote to the journal all the same")
				}
				if c := w.checkpoint(); c.Size != before.Size || c.Root != before.Root {
					t.Error("something else was signed")
				}
			})
		}
	}
}

// The store is made anew from the journal, and agrees with all that was signed.
func TestResetIsMadeAnew(t *testing.T) {
	w := newWorld(t, nil, nil)
	for range 5 {
		w.some(130, 9)
		w.commitHeads()
	}
	before, state := w.checkpoint(), w.Status()
	if err := w.store.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.open()
	if s := w.Status(); s.Size != 0 || s.Signed != before.Size || s.Fault != nil {
		t.Errorf("after a reset: %+v", s)
	}
	w.settle()
	if c := w.checkpoint(); c.Size != before.Size || string(c.Note) != string(before.Note) || w.Status().Size != state.Size {
		t.Errorf("made anew: %+v, was %+v", w.Status(), state)
	}
	if err := w.Scrub(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := verify.Dir(t.Context(), ledgerlog.NewSource(w.journal, w.store), verify.Options{Policy: policy(t)}); err != nil {
		t.Error(err)
	}
}

// Two programs with the same key follow one journal and race. Whatever each signs stands in the journal first, so there is one chain.
func TestTwoSignersOneChain(t *testing.T) {
	a := newWorld(t, nil, nil)
	b := newWorld(t, a.journal, nil)
	b.now = a.now
	signed := map[int64]tree.Hash{}
	for range 60 {
		a.some(a.rand.IntN(4), 5)
		for _, w := range []*world{a, b} {
			if a.rand.IntN(3) == 0 {
				continue
			}
			if a.rand.IntN(5) == 0 {
				w.commitHeads()
			} else {
				w.settle()
			}
			if c, err := w.Reader().Checkpoint(t.Context()); err == nil {
				if root, ok := signed[c.Size]; ok && root != c.Root {
					t.Fatalf("two roots were signed at %d leaves", c.Size)
				}
				signed[c.Size] = c.Root
			}
		}
	}
	a.settle()
	b.settle()
	x, y := a.checkpoint(), b.checkpoint()
	if string(x.Full()) != string(y.Full()) {
		t.Errorf("the one ended with\n%s, the other with\n%s", x.Full(), y.Full())
	}
	bodies := map[int64]bool{}
	for r, err := range a.journal.ReadStream(t.Context(), "ledger-checkpoints", 0) {
		if err != nil {
			t.Fatal(err)
		}
		var size int64
		if _, err := fmt.Sscanf(string(r.Data), `{"origin":"`+origin+`","size":%d`, &size); err != nil {
			t.Fatal(err)
		}
		bodies[size] = true
	}
	for size := range signed {
		if !bodies[size] {
			t.Errorf("a checkpoint of %d leaves was signed, and its body does not stand in the journal", size)
		}
	}
	if _, err := verify.Dir(t.Context(), ledgerlog.NewSource(a.journal, b.store), verify.Options{Policy: policy(t)}); err != nil {
		t.Error(err)
	}
}

// Two at once, for the race detector and for what it does not see.
func TestTwoSignersAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal.Memory{}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		stores := []*ledgerlog.Memory{{}, {}}
		for _, s := range stores {
			f, err := ledgerlog.NewFollower(ctx, ledgerlog.Config{Journal: journal.New(j, catalogue(t)), Store: s, Keys: testKeys, HeadsEvery: 3 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			go func() { ended <- f.Run(ctx) }()
		}
		w := &world{t: t, journal: j, rand: newRand(), ends: map[string]int64{}}
		for range 100 {
			w.some(w.rand.IntN(5), 7)
			time.Sleep(time.Duration(w.rand.IntN(400)) * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		cancel()
		for range stores {
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
		want := plain(t, j)
		for _, s := range stores {
			state, err := s.State(context.Background())
			if err != nil || state.Size != want.N || state.Signed.Size != want.N || state.Signed.Root != want.Hash {
				t.Errorf("ended at %d leaves of %d, signed %d (%v)", state.Size, want.N, state.Signed.Size, err)
			}
			v, err := verify.Dir(context.Background(), ledgerlog.NewSource(j, s), verify.Options{Policy: policy(t)})
			if err != nil || v.Heads < 5 {
				t.Errorf("%+v (%v)", v, err)
			}
		}
	})
}

// What was appended and not answered, or not appended and not said, ends the same: one body a revision, and it is signed.
func TestLostAnswersDoNotFork(t *testing.T) {
	w := newWorld(t, nil, nil)
	m := w.journal.(*journal.Memory)
	for _, failure := range []journal.Failure{journal.Refused, journal.LostOnTheWay, journal.LostItsAnswer} {
		for _, stream := range []string{"ledger-checkpoints", "ledger-heads"} {
			w.some(5, 3)
			failed := 0
			m.Fail = func(s string) journal.Failure {
				if s == stream && failed < 2 {
					failed++
					return failure
				}
				return journal.Works
			}
			var err error
			for range 4 {
				if err = w.CommitHeads(t.Context()); err == nil {
					break
				}
				if !errors.Is(err, journal.ErrNotWritten) && !errors.Is(err, journal.ErrUnknown) {
					t.Fatalf("failure %d of %s: %v", failure, stream, err)
				}
			}
			m.Fail = nil
			if err != nil || failed == 0 {
				t.Errorf("failure %d of %s: %v after %d", failure, stream, err, failed)
			}
			if c := w.checkpoint(); c.Size != plain(t, w.journal).N || c.Root != plain(t, w.journal).Hash {
				t.Errorf("failure %d of %s: signed %d leaves", failure, stream, c.Size)
			}
		}
	}
	if _, err := verify.Dir(t.Context(), ledgerlog.NewSource(w.journal, w.store), verify.Options{Policy: policy(t)}); err != nil {
		t.Error(err)
	}
}

// A transaction of the store that failed is made again, and no leaf is hashed twice or left out.
func TestFailedCommitsAreMadeAgain(t *testing.T) {
	w := newWorld(t, nil, nil)
	m := w.store.(*ledgerlog.Memory)
	broken := errors.New("broken")
	for i := range 20 {
		w.some(300, 9)
		m.Fail = func(ledgerlog.Batch) error { return broken }
		if err := w.Settle(t.Context()); !errors.Is(err, broken) {
			t.Fatalf("round %d: %v", i, err)
		}
		m.Fail = nil
		if w.rand.IntN(2) == 0 {
			w.open()
		}
		w.settle()
	}
	if c := w.checkpoint(); (tlog.Tree{N: c.Size, Hash: c.Root}) != plain(t, w.journal) {
		t.Error("the tree is not the journal's")
	}
}

// A false body in the journal is not signed: whoever wrote it, the tree does not give it.
func TestFalseBodiesAreNotSigned(t *testing.T) {
	root := tlog.RecordHash(nil).String()
	for what, data := range map[string]string{
		"another root":   `{"origin":"` + origin + `","size":5,"root":"` + root + `"}`,
		"another origin": `{"origin":"other","size":5,"root":"` + root + `"}`,
		"the future":     `{"origin":"` + origin + `","size":5000,"root":"` + root + `"}`,
		"nothing":        `{}`,
		"no root":        `{"origin":"` + origin + `","size":5,"root":"x"}`,
	} {
		w := newWorld(t, nil, nil)
		w.some(10, 3)
		w.append("ledger-checkpoints", -1, []journal.NewRecord{{ID: w.uuid(), Type: "ledger.checkpoint_committed", Data: []byte(data),
			Meta: []byte(`{"version":1,"occurred_at":"2026-01-31T10:00:00.000000Z","actor":{"kind":"system","id":"log"}}`)}})
		var f *verify.Fault
		if err := w.Settle(t.Context()); !errors.As(err, &f) || f.Stream != "ledger-checkpoints" {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := w.Reader().Checkpoint(t.Context()); !errors.Is(err, ledgerlog.ErrNotFound) {
			t.Errorf("%s: something was signed (%v)", what, err)
		}
	}
}

// own appends an event of the ledger's own, as another follower might.
func (w *world) own(stream, name, data string) {
	w.t.Helper()
	last := int64(-1)
	for r, err := range w.journal.ReadStream(context.Background(), stream, 0) {
		if err != nil {
			w.t.Fatal(err)
		}
		last = r.Revision
	}
	w.append(stream, last, []journal.NewRecord{{ID: w.uuid(), Type: name, Data: []byte(data),
		Meta: []byte(`{"version":1,"occurred_at":"2026-01-31T10:00:00.000000Z","actor":{"kind":"system","id":"log"}}`)}})
}

// A body that is true of the tree, and all the same cannot be: of another log's name, or of less than was said before.
func TestTrueBodiesOutOfPlace(t *testing.T) {
	for what, origins := range map[string][]string{"another origin": {"other.test/log"}, "less than before": {origin, origin}} {
		w := newWorld(t, nil, nil)
		w.some(10, 3)
		five := plain(t, copyOf(t, w.journal, 5, w.clock))
		for i, o := range origins {
			tree := plain(t, w.journal)
			if i > 0 {
				tree = five
			}
			w.own("ledger-checkpoints", "ledger.checkpoint_committed", fmt.Sprintf(`{"origin":%q,"size":%d,"root":%q}`, o, tree.N, tree.Hash))
		}
		var f *verify.Fault
		if err := w.Settle(t.Context()); !errors.As(err, &f) || f.Stream != "ledger-checkpoints" {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestLostBodyHalts(t *testing.T) {
	w := newWorld(t, nil, nil)
	var lost int64
	for range 3 {
		w.some(10, 3)
		w.settle()
		if lost == 0 {
			lost, _, _ = w.journal.Head(t.Context()) // the first body
		}
	}
	w.journal, w.store = holey{w.journal, lost}, &ledgerlog.Memory{}
	w.open()
	if f := wantFault(t, w.Settle(t.Context()), verify.Gap); f.Stream != "ledger-checkpoints" || f.Revision != 1 {
		t.Errorf("the fault is at %s", f.Place)
	}
}

// overtaken is a journal in which another follower is always quicker.
type overtaken struct {
	journal.Store
	first func(stream string)
}

func (o overtaken) Append(ctx context.Context, stream string, expected int64, records []journal.NewRecord) (journal.Receipt, error) {
	o.first(stream)
	return o.Store.Append(ctx, stream, expected, records)
}

// One who loses every race signs what the winner committed, and nothing else.
func TestLoserSignsTheWinnersBody(t *testing.T) {
	winner := newWorld(t, nil, nil)
	loser := newWorld(t, winner.journal, nil)
	loser.now = winner.now
	races := map[string]int{}
	loser.journal = overtaken{winner.journal, func(stream string) {
		races[stream]++
		winner.some(1, 5) // so that the winner's body is not the loser's
		winner.commitHeads()
	}}
	loser.open()
	for range 5 {
		winner.some(3, 5)
		loser.settle()
		loser.commitHeads()
	}
	if races["ledger-checkpoints"] == 0 || races["ledger-heads"] == 0 {
		t.Fatalf("raced %v: this test sees nothing", races)
	}
	winner.settle()
	loser.settle()
	if a, b := winner.checkpoint(), loser.checkpoint(); string(a.Full()) != string(b.Full()) {
		t.Errorf("the winner signed\n%s, the loser\n%s", a.Full(), b.Full())
	}
	if _, err := verify.Dir(t.Context(), ledgerlog.NewSource(winner.journal, loser.store), verify.Options{Policy: policy(t)}); err != nil {
		t.Error(err)
	}
}

// Those checkpoints are for ever that first cover a commitment of heads: they keep the signature that lasts.
func TestAuditCheckpoints(t *testing.T) {
	w := newWorld(t, nil, nil)
	for i := range 9 {
		w.some(5, 3)
		if i%3 == 0 {
			w.commitHeads()
		} else {
			w.settle()
		}
	}
	n := 0
	for c, err := range w.store.Checkpoints(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if c.Audit != (n%3 == 0) || (len(c.Lasting) > 0) != c.Audit {
			t.Errorf("checkpoint %d of %d leaves: audit %v, %d bytes that last", n, c.Size, c.Audit, len(c.Lasting))
		}
		n++
	}
	if n != 9 || len(w.checkpoint().Lasting) == 0 {
		t.Errorf("%d checkpoints were kept, and the newest has %d bytes that last", n, len(w.checkpoint().Lasting))
	}
}

func TestCommitmentOfHeadsTwiceHalts(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.some(10, 3)
	w.commitHeads()
	for r, err := range w.journal.ReadStream(t.Context(), "ledger-heads", 0) {
		if err != nil {
			t.Fatal(err)
		}
		w.own("ledger-heads", r.Type, string(r.Data))
	}
	wantFault(t, w.Settle(t.Context()), verify.Malformed)
}

// The scrub finds that the end is gone, or that something was put in.
func TestScrubFindsWhatIsGone(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.some(600, 9)
	w.settle()
	whole := w.journal
	for what, c := range map[string]struct {
		journal journal.Store
		code    string
	}{
		"the end":   {copyOf(t, whole, 400, w.clock), verify.Behind},
		"one event": {holey{whole, 300}, verify.EventChanged},
	} {
		w.journal = &switched{Store: whole}
		f, err := ledgerlog.NewFollower(t.Context(), w.config())
		if err != nil {
			t.Fatal(err)
		}
		w.journal.(*switched).Store = c.journal
		if got := wantFault(t, f.Scrub(t.Context()), c.code); c.code == verify.EventChanged && got.Position != 303 {
			t.Errorf("%s: the fault is at %s", what, got.Place)
		}
	}
}

// switched is a journal that can be put in another's place.
type switched struct{ journal.Store }

// False heads, by another follower of the same journal, halt this one.
func TestFalseHeadsHalt(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.some(10, 3)
	w.append("ledger-heads", -1, []journal.NewRecord{{ID: w.uuid(), Type: "ledger.heads_committed",
		Data: []byte(`{"up_to_index":10,"root":"` + tlog.RecordHash(nil).String() + `","streams":3}`),
		Meta: []byte(`{"version":1,"occurred_at":"2026-01-31T10:00:00.000000Z","actor":{"kind":"system","id":"log"}}`)}})
	wantFault(t, w.Settle(t.Context()), verify.HeadsDiffer)
}

// The pace: at most one checkpoint a second, at once for 256 events; nothing while nothing comes; heads every hour that brought something.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal.Memory{}
		s := &ledgerlog.Memory{}
		f, err := ledgerlog.NewFollower(t.Context(), ledgerlog.Config{Journal: journal.New(j, catalogue(t)), Store: s, Keys: testKeys})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- f.Run(ctx) }()
		w := &world{t: t, journal: j, rand: newRand(), ends: map[string]int64{}}
		count := func(stream string) (n int) {
			for range j.ReadStream(context.Background(), stream, 0) {
				n++
			}
			return n
		}
		for range 600 { // a minute, an event every 100 ms
			w.some(1, 3)
			time.Sleep(100 * time.Millisecond)
		}
		if n := count("ledger-checkpoints"); n < 55 || n > 61 {
			t.Errorf("%d checkpoints in a minute", n)
		}
		time.Sleep(2 * time.Second)
		n := count("ledger-checkpoints")
		w.record("user-x", 256)
		time.Sleep(100 * time.Millisecond)
		w.record("user-x", 256)
		time.Sleep(100 * time.Millisecond)
		if m := count("ledger-checkpoints"); m != n+2 || f.Status().Signed != f.Status().Size {
			t.Errorf("%d checkpoints for twice 256 events, %+v", m-n, f.Status())
		}
		heads := count("ledger-heads")
		time.Sleep(70 * time.Minute)
		if got := count("ledger-heads"); got != heads+1 {
			t.Errorf("%d commitments of heads in an hour that brought events, want 1", got-heads)
		}
		n, heads = count("ledger-checkpoints"), count("ledger-heads")
		time.Sleep(48 * time.Hour)
		if a, b := count("ledger-checkpoints"), count("ledger-heads"); a != n || b != heads {
			t.Errorf("two idle days brought %d checkpoints and %d commitments", a-n, b-heads)
		}
		if f.Status().Scrubbed.IsZero() {
			t.Error("the journal was never compared with the tree")
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestWaitProve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal.Memory{}
		f, err := ledgerlog.NewFollower(t.Context(), ledgerlog.Config{Journal: journal.New(j, catalogue(t)), Store: &ledgerlog.Memory{}, Keys: testKeys})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- f.Run(ctx) }()
		w := &world{t: t, journal: j, rand: newRand(), ends: map[string]int64{}}
		for range 10 {
			e := w.record("user-a", 1)[0]
			limited, stop := context.WithTimeout(ctx, 2*time.Second)
			p, err := f.WaitProve(limited, e.ID)
			stop()
			if err != nil {
				t.Fatal(err)
			}
			if got, err := verify.Proof(p, policy(t)); err != nil || got.ID != e.ID {
				t.Errorf("%+v (%v)", got, err)
			}
		}
		limited, stop := context.WithTimeout(ctx, 2*time.Second)
		defer stop()
		if _, err := f.WaitProve(limited, w.uuid()); !errors.Is(err, ledgerlog.ErrNotFound) {
			t.Errorf("of an event that is not there: %v", err)
		}
		cancel()
		<-ended
	})
}

// The scrub finds what was changed in the journal after it was hashed, and then nothing is signed any more.
func TestScrubFindsAChangedEvent(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.some(600, 9)
	w.settle()
	if err := w.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.journal = changed{w.journal, 3 * 123, func(r *journal.Record) { r.Data = []byte(`{"n":1}`) }}
	w.open()
	f := wantFault(t, w.Scrub(t.Context()), verify.EventChanged)
	if f.Position != 3*123 || f.Index != 122 {
		t.Errorf("the fault is at %s", f.Place)
	}
	wantFault(t, w.Settle(t.Context()), verify.EventChanged)
}

// changed is a journal of which somebody has changed a record.
type changed struct {
	journal.Store
	at     int64
	change func(*journal.Record)
}

func (c changed) ReadAll(ctx context.Context, after int64) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		for r, err := range c.Store.ReadAll(ctx, after) {
			if err == nil && r.Position == c.at {
				c.change(&r)
			}
			if !yield(r, err) {
				return
			}
		}
	}
}
