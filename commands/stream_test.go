package commands

import (
	"testing"

	"github.com/google/uuid"

	"kelisim/commands/journal"
	"kelisim/domain/account"
	"kelisim/domain/event"
	"kelisim/domain/user"
)

// Two values that grow from one share its past and nothing else, whichever of them took the room behind it.
func TestStreamGrowsApart(t *testing.T) {
	fresh := func(n byte) []user.Recorded {
		return []user.Recorded{{Meta: event.Meta{ID: uuid.UUID{n}}, Data: account.ContentRemoved{}}}
	}
	base := (&stream{revision: journal.NoStream, state: user.State{}}).with(User, fresh(1)).with(User, fresh(2)).with(User, fresh(3))
	for len(base.events) == cap(base.events) {
		base = base.with(User, fresh(3))
	}
	first, second := base.with(User, fresh(4)), base.with(User, fresh(5))
	if &first.events[0] != &base.events[0] {
		t.Error("the first to grow copied the past")
	}
	n := len(base.events)
	if first.events[n].ID != (uuid.UUID{4}) || second.events[n].ID != (uuid.UUID{5}) || len(base.events) != n {
		t.Errorf("%v and %v", first.events[n].ID, second.events[n].ID)
	}
}
