package tlog_test

import (
	"testing"

	"kelisim/commands/tlog/tree"
	"kelisim/domain"
)

// Who builds the log, who checks it without knowing the domain, and who shows events agree on which events count.
func TestCountedStreams(t *testing.T) {
	user := domain.UserID("5f0c1b1e-7c5b-4a3e-9a60-0d1f2a3b4c5d")
	for _, s := range []domain.Stream{domain.UserStream(user), domain.DueStream(user), domain.ReadsStream(user), domain.SiteStream, domain.HeadsStream, domain.CheckpointsStream,
		domain.LeaseStream("policies"), domain.LeaseStream(""), "lease", "leases", "leases-x", "ledger-checkpoints-2", "xlease-a", "ledger"} {
		if s.Counted() != tree.Counted(string(s)) {
			t.Errorf("%s: the domain says %v, the tree %v", s, s.Counted(), tree.Counted(string(s)))
		}
	}
}
