package tlog_test

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"kelisim/commands/journal"
	ledgerlog "kelisim/commands/tlog"
	"kelisim/commands/tlog/verify"
)

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

// False heads, by another follower of the same journal, halt this one.
func TestFalseHeadsHalt(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.some(10, 3)
	w.append("ledger-heads", -1, []journal.NewRecord{{ID: w.uuid(), Type: "ledger.heads_committed",
		Data: []byte(`{"up_to_index":10,"root":"` + tlog.RecordHash(nil).String() + `","streams":3}`),
		Meta: []byte(`{"version":1,"occurred_at":"2026-01-31T10:00:00.000000Z","actor":{"kind":"system","id":"log"}}`)}})
	wantFault(t, w.Settle(t.Context()), verify.HeadsDiffer)
}
