package domain

import (
	"strings"

	"github.com/google/uuid"
)

// UserID names a registered user: a random UUID in its canonical form, so that nothing about
// the person can be read from it.
type UserID string

// ParseUserID reads a UUID in canonical form; anything else is invalid-request.
func ParseUserID(s string) (UserID, error) {
	id, err := ParseID(s)
	return UserID(id), err
}

// ParseID reads any id of ours: a UUID in its canonical 36-character lower-case form.
func ParseID(s string) (string, error) {
	u, err := uuid.Parse(s)
	if err != nil || u.String() != s || u == uuid.Nil {
		return "", Refuse(Invalid, "invalid-request", "an id is a UUID in lower case with hyphens")
	}
	return s, nil
}

// Stream names an ordered run of events: a category, a hyphen, an id that may itself hold
// hyphens ("user-5f0c…"); the site's own stream and the master key's are a category alone.
type Stream string

// The streams there are. Categories are cut at the first hyphen, so none holds one itself,
// save the ledger's own two.
const (
	SiteStream        Stream = "site"
	CustodyStream     Stream = "custody"
	HeadsStream       Stream = "ledger-heads"
	CheckpointsStream Stream = "ledger-checkpoints"
)

func UserStream(id UserID) Stream     { return Stream("user-" + string(id)) }
func ReadsStream(id UserID) Stream    { return Stream("reads-" + string(id)) }
func DueStream(id UserID) Stream      { return Stream("due-" + string(id)) }
func LeaseStream(name string) Stream  { return Stream("lease-" + name) }
func ActivityStream(id string) Stream { return Stream("activity-" + id) }
func LetterStream(id string) Stream   { return Stream("letter-" + id) }
func IncidentStream(id string) Stream { return Stream("incident-" + id) }

// PaymentStream is of one transaction, "cloudpayments-504".
func PaymentStream(id string) Stream { return Stream("payment-" + id) }

// ReconciliationStream is of one month of a processor's operations, "cloudpayments-2026-11".
func ReconciliationStream(id string) Stream { return Stream("reconciliation-" + id) }

// Category is what stands before the first hyphen: "user", "activity", "site".
func (s Stream) Category() string {
	c, _, _ := strings.Cut(string(s), "-")
	return c
}

// ID is what stands after the first hyphen, or "".
func (s Stream) ID() string {
	_, id, _ := strings.Cut(string(s), "-")
	return id
}

// Counted tells whether a stream's events are for others: leaves of the log, in the feed, in read models, in what is exported. All are but
// checkpoints, since each would call for the next, and leases, which say nothing of anybody.
func (s Stream) Counted() bool {
	return s != CheckpointsStream && !strings.HasPrefix(string(s), string(LeaseStream("")))
}

// User is the user whom a stream belongs to, where it belongs to one.
func (s Stream) User() (UserID, bool) {
	switch s.Category() {
	case "user", "reads", "due":
		return UserID(s.ID()), true
	}
	return "", false
}
