package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"kelisim/commands/journal"
	"kelisim/commands/journal/journaltest"
)

func TestJournalKeepsTheContract(t *testing.T) {
	journaltest.Run(t, func(t *testing.T, place string, now func() time.Time) journal.Store {
		j, err := OpenJournal(filepath.Join(place, "journal.db"), Options{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return j
	}, journaltest.Options{Persistent: true})
}
