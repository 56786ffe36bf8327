package tlog

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"kelisim/commands/tlog/verify"
)

// Disclosure is the key of one personal value, as the vault gives it.
type Disclosure struct {
	Event uuid.UUID
	Field string // the path of the value in the event's data
	Key   []byte
}

// disclosures writes the keys of single fields, none where none is handed over. An event that the bundle has not, because no checkpoint covers it
// yet or it is another's, is ErrNotCovered.
func (w *writer) disclosures(all []exported) error {
	if len(w.opts.Disclosures) == 0 {
		return nil
	}
	var lines []verify.Disclosure
	for _, d := range w.opts.Disclosures {
		i := slices.IndexFunc(all, func(e exported) bool { return e.Record.ID == d.Event })
		if i < 0 {
			return fmt.Errorf("disclose a field of event %s: %w", d.Event, ErrNotCovered)
		}
		lines = append(lines, verify.Disclosure{Index: all[i].Index, Field: d.Field, Key: d.Key})
	}
	slices.SortFunc(lines, func(a, b verify.Disclosure) int {
		return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Field, b.Field))
	})
	var text []byte
	for _, l := range lines {
		text = l.Append(text)
	}
	return w.put(verify.FileDisclosures, text)
}
