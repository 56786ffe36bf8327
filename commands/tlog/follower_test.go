package tlog_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
