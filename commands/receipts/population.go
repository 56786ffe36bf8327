package receipts

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"kelisim/commands"
	"kelisim/commands/journal"
	"kelisim/commands/tlog/verify"
	"kelisim/domain"
	"kelisim/domain/account"
)

// Population writes every consent of every person as it stood at a moment, by what was known: for each a line, which is the record that Receipt.DPV gives
// of it, in the order of the registrations and, of one person, of the presses. Evidence is named by its events; their proofs, which are others at each
// checkpoint, are had one by one or in a bundle. So the same ledger, knowledge and moment give the same bytes (TestPopulation).
//
// Nobody is named but by an opaque id, and nothing sealed is opened: the lines are the same for whoever may have them. Persons are read one after the other,
// so that memory does not grow with their number. people, where it is not nil, is told of each.
func Population(ctx context.Context, j *journal.Journal, known commands.Known, asOf time.Time, line func([]byte) error, people func()) error {
	said := map[string]words{}
	for _, language := range Languages {
		var err error
		if said[language], err = wordsIn(language); err != nil {
			return err
		}
	}
	// A service of its own keeps few streams, and pushes none out that others ask for.
	service := &commands.Service{Journal: j, Now: time.Now, CacheStreams: 64}
	for r, err := range j.Store.ReadAll(ctx, 0) {
		if err != nil {
			return fmt.Errorf("read the journal: %w", err)
		}
		if known.Position > 0 && r.Position > known.Position || known.Position == 0 && r.RecordedAt.After(known.At) {
			return nil
		}
		id, ok := domain.Stream(r.Stream).User()
		if !ok || r.Revision != 0 || r.Type != registered {
			continue
		}
		snap, err := service.Snapshot(ctx, id, known)
		if domain.Code(err) == domain.Code(account.NotFound()) { // the registration was voided
			continue
		}
		if err != nil {
			return err
		}
		for _, c := range snap.State.Consent.Consents {
			if err := writeConsent(snap, asOf, c.ID, said, line); err != nil {
				return err
			}
		}
		if people != nil {
			people()
		}
	}
	return ctx.Err()
}

// registered is how a person's stream begins.
const registered = "account.registered"

func writeConsent(snap commands.Snapshot, asOf time.Time, id string, said map[string]words, line func([]byte) error) error {
	record, ok := ofConsent(snap, asOf, id)
	if !ok {
		return nil // given later
	}
	for _, e := range snap.Events {
		if e.ID.String() == record.Consent.Event {
			record.Evidence = append(record.Evidence, Evidence{ID: e.ID.String(), Type: e.Type})
		}
	}
	text, err := json.Marshal(dpv{Receipt{Record: record}, said}.consent())
	if err == nil {
		text, err = verify.CanonicalJSON(text)
	}
	if err != nil {
		return fmt.Errorf("write a record: %w", err)
	}
	return line(append(text, '\n'))
}
