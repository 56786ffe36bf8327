package journal_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/commands/journal"
	"kelisim/commands/journal/journaltest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	t.Run("dense", func(t *testing.T) {
		journaltest.Run(t, func(_ *testing.T, _ string, now func() time.Time) journal.Store {
			return &journal.Memory{Now: now}
		}, journaltest.Options{})
	})
	t.Run("growing", func(t *testing.T) {
		journaltest.Run(t, func(_ *testing.T, _ string, now func() time.Time) journal.Store {
			return &journal.Memory{Now: now, Step: 7, Shared: true}
		}, journaltest.Options{Growing: true, Shared: true})
	})
}

func TestMemoryFailsAsAsked(t *testing.T) {
	for _, c := range []struct {
		failure journal.Failure
		err     error
		stands  bool
	}{
		{journal.Refused, journal.ErrNotWritten, false},
		{journal.LostOnTheWay, journal.ErrUnknown, false},
		{journal.LostItsAnswer, journal.ErrUnknown, true},
	} {
		failure := c.failure
		m := &journal.Memory{Fail: func(string) journal.Failure { return failure }}
		wish := []journal.NewRecord{{ID: uuid.New(), Type: "test.happened", Data: []byte("{}"), Meta: []byte("{}")}}
		if _, err := m.Append(t.Context(), "user-a", journal.NoStream, wish); !errors.Is(err, c.err) {
			t.Errorf("failure %d: %v, want %v", c.failure, err, c.err)
		}
		failure = journal.Works
		receipt, err := m.Append(t.Context(), "user-a", journal.NoStream, wish)
		if err != nil || receipt.Repeated != c.stands {
			t.Errorf("failure %d, then a repetition: %+v (%v), want repeated %v", c.failure, receipt, err, c.stands)
		}
	}
}

func TestFollowStopsAtTheFirstError(t *testing.T) {
	m := &journal.Memory{Step: 10}
	for n := range 5 {
		wish := []journal.NewRecord{{ID: uuid.New(), Type: "test.happened", Data: fmt.Appendf(nil, `{"n":%d}`, n), Meta: []byte("{}")}}
		if _, err := m.Append(t.Context(), "user-a", int64(n-1), wish); err != nil {
			t.Fatal(err)
		}
	}
	broken := errors.New("broken")
	var seen []int64
	err := journal.Follow(t.Context(), m, 20, func(r journal.Record) error {
		seen = append(seen, r.Position)
		if r.Position == 40 {
			return broken
		}
		return nil
	})
	if !errors.Is(err, broken) || fmt.Sprint(seen) != "[30 40]" {
		t.Errorf("followed %v, stopped by %v", seen, err)
	}
	if m.Close(); !errors.Is(journal.Follow(t.Context(), m, 0, nil), journal.ErrClosed) {
		t.Error("followed a closed journal")
	}
}
