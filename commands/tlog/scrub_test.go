package tlog_test

import (
	"testing"

	"kelisim/commands/journal"
	ledgerlog "kelisim/commands/tlog"
	"kelisim/commands/tlog/verify"
)

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
