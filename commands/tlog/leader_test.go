package tlog_test

import (
	"testing"

	"kelisim/commands/tlog"
)

// Of many followers of one journal the leader alone commits to checkpoints; each of the others signs the very same ones, and goes on when it leads.
func TestOneOfManyCommits(t *testing.T) {
	a := newWorld(t, nil, nil)
	b := newWorld(t, a.journal, nil)
	leads := false
	c := b.config()
	c.Leads = func() bool { return leads }
	f, err := tlog.NewFollower(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	b.Follower = f

	a.some(40, 5)
	b.commitHeads()
	if s := b.Status(); s.Size != 40 || s.Signed != 0 {
		t.Errorf("before the leader committed: %+v", s)
	}
	a.commitHeads()
	b.settle()
	if got, want := b.checkpoint(), a.checkpoint(); got.Size != 41 || got.Size != want.Size || got.Root != want.Root || string(got.Note) != string(want.Note) {
		t.Errorf("signed %d %v, the leader %d %v", got.Size, got.Root, want.Size, want.Root)
	}
	a.some(9, 5)
	leads = true
	b.settle()
	a.settle()
	if got, want := b.checkpoint(), a.checkpoint(); got.Size != 50 || got.Size != want.Size || got.Root != want.Root {
		t.Errorf("signed %d %v, the former leader %d %v", got.Size, got.Root, want.Size, want.Root)
	}
	bodies := 0
	for _, err := range a.journal.ReadStream(t.Context(), "ledger-checkpoints", 0) {
		if err != nil {
			t.Fatal(err)
		}
		bodies++
	}
	if bodies != 2 {
		t.Errorf("%d checkpoints were committed, want 2", bodies)
	}
}
