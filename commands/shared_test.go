package commands_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"kelisim/commands"
	"kelisim/commands/journal"
	"kelisim/domain/catalogue"
)

// restless is a journal that others append to, which never comes to say up to when it is final.
type restless struct{ *journal.Memory }

func (restless) Settled(context.Context) (time.Time, error) {
	return time.Time{}, errors.New("the clocks of the others are not past it yet")
}

// On a journal that others append to, what is known now is told by its last position, at once: it is as final as a moment, and none is waited for.
func TestNowOnASharedJournal(t *testing.T) {
	b := newBench(t)
	id := b.register("aigerim")
	b.store.Shared = true
	b.Service.Journal = journal.New(restless{b.store}, catalogue.All())
	head, _, err := b.store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	now, err := b.Snapshot(t.Context(), id, commands.Known{})
	if err != nil || now.Known != (commands.Known{Position: head}) {
		t.Fatalf("known %+v (%v), want position %d", now.Known, err, head)
	}
	b.do("block", string(id), `{"clause":"T-6.1","note":"copied"}`)
	again, err := b.Snapshot(t.Context(), id, now.Known)
	if err != nil || again.Revision != now.Revision || again.Known != now.Known {
		t.Errorf("revision %d of %+v (%v), was %d", again.Revision, again.Known, err, now.Revision)
	}
	ahead, err := b.Snapshot(t.Context(), id, commands.Known{Position: head + 1000})
	if err != nil || ahead.Revision != now.Revision+1 || ahead.Known.Position <= head {
		t.Errorf("revision %d of %+v (%v)", ahead.Revision, ahead.Known, err)
	}
	if _, err := b.SiteAt(t.Context(), commands.Known{}); err != nil {
		t.Error(err)
	}
	if _, err := b.Snapshot(t.Context(), id, commands.Known{At: b.now()}); err == nil {
		t.Error("a moment is said to be final before it is")
	}
}
