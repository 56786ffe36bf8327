package tlog_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"kelisim/commands/journal"
	ledgerlog "kelisim/commands/tlog"
	"kelisim/commands/tlog/tree"
	"kelisim/commands/tlog/verify"
)

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
