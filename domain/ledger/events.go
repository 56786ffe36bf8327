// Package ledger is the book that the ledger keeps of itself: what it has bound itself to about all other streams, and which instance does
// what must be done by one alone. Its events are written by the Merkle log's follower and by the leases' holders, so there is no command and no
// decision here.
//
// Commitments are claims that anybody who has the events can check: a false one does not pass unseen, it proves who lied.
package ledger

import "kelisim/domain/event"

// Events is the catalogue of this book.
var Events = []event.Type{
	event.Of[HeadsCommitted]("ledger.heads_committed"),
	event.Of[CheckpointCommitted]("ledger.checkpoint_committed"),
	event.Of[LeaseTaken]("ledger.lease_taken"),
	event.Of[LeaseRenewed]("ledger.lease_renewed"),
	event.Of[LeaseReleased]("ledger.lease_released"),
}

// HeadsCommitted fixes where every stream ended, so that no event of a user can be left out of a history unseen. It stands in
// domain.HeadsStream and is a leaf of the log itself.
type HeadsCommitted struct {
	UpToIndex int64  `json:"up_to_index"` // the heads are those of the leaves whose index is below this
	Root      string `json:"root"`        // of the tree of heads: SHA-256, standard base64
	Streams   int64  `json:"streams"`     // how many have a head
}

// CheckpointCommitted is the body of a checkpoint, written down before anybody signs it: of two signers who race only one
// body can have a revision of domain.CheckpointsStream, and nothing is signed that does not stand there. It is no leaf, or each
// checkpoint would call for the next.
type CheckpointCommitted struct {
	Origin string `json:"origin"` // the log's name
	Size   int64  `json:"size"`   // in leaves
	Root   string `json:"root"`   // of the log at that size: SHA-256, standard base64
}

// LeaseTaken: an instance does some work alone from now on, and for so long as it renews the lease. It stands in domain.LeaseStream of the
// work's name, and is no leaf.
type LeaseTaken struct {
	Epoch  int64  `json:"epoch"`  // greater than that of every holder before
	Holder string `json:"holder"` // names the process
	TTL    int64  `json:"ttl_ms"` // how long it may be held after this event, unless it is renewed; milliseconds
}

// LeaseRenewed: the holder goes on.
type LeaseRenewed struct {
	Epoch int64 `json:"epoch"`
	TTL   int64 `json:"ttl_ms"` // from this event on
}

// LeaseReleased: the holder has stopped, and another need not wait.
type LeaseReleased struct {
	Epoch int64 `json:"epoch"`
}
