package commands

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/activity"
	"kelisim/domain/event"
	"kelisim/domain/user"
)

// chunkBytes keeps a chunk's append under the journal's limit with room for metadata of any length that actors have.
const chunkBytes = 700 << 10

// observe records a batch of actions (T-1.5), one event each. The batch is cut into chunks, each an append to a stream of its own; their
// names and ids derive from the wish, so that a batch that was cut short is completed when it is sent again with its key. An item
// about an unknown user refuses the batch before anything is written.
func (s *Service) observe(ctx context.Context, w Wish, batch activity.Observe) (Done, error) {
	id := s.wishID(w)
	published, err := s.site(ctx)
	if err != nil {
		return Done{}, err
	}
	in, _, err := s.context(w, id, published)
	if err != nil {
		return Done{}, err
	}
	decided, err := Activity.decide(&stream{}, published, batch, in)
	if err != nil {
		return Done{}, err
	}
	known := map[domain.UserID]time.Time{}
	for i, item := range batch {
		if since, ok := known[item.UserID]; ok {
			if item.At(in).Before(since) {
				return Done{}, beforeRegistration(i)
			}
			continue
		}
		u, err := s.load(ctx, string(domain.UserStream(item.UserID)), User)
		if err != nil {
			return Done{}, err
		}
		if u.revision == journal.NoStream {
			return Done{}, account.NotFound().(*domain.Error).At(fmt.Sprintf("/%d/user_id", i))
		}
		a := u.state.(user.State).Account
		switch {
		case !a.Exists:
			return Done{}, account.NotFound().(*domain.Error).At(fmt.Sprintf("/%d/user_id", i))
		case item.At(in).Before(a.Registered.At.Truncate(time.Second)):
			return Done{}, beforeRegistration(i)
		}
		known[item.UserID] = a.Registered.At.Truncate(time.Second)
	}
	meta := event.Meta{
		Actor: w.Actor, Command: w.Command, CommandID: id, Fingerprint: s.Vault.Fingerprint(w.Fingerprinted), Correlation: w.Correlation,
		TermsVersion: in.Parameters.TermsVersion, RecordedAt: w.RecordedAt,
	}
	if w.Imported && !w.RecordedAt.IsZero() {
		meta.ImportedAt = s.now()
	}
	records := make([]journal.NewRecord, len(decided))
	for i, e := range decided {
		meta.ID = EventID(id, i)
		meta.OccurredAt = batch[i].At(in).Truncate(time.Microsecond)
		meta.Late = meta.OccurredAt.Before(in.Now.Add(-lateAfter))
		if records[i], err = s.Journal.Encode(e, meta); err != nil {
			return Done{}, err
		}
	}
	done := Done{Events: []string{}}
	for n := 0; len(records) > 0; n++ {
		cut := chunk(records)
		name := string(domain.ActivityStream(uuid.NewSHA1(id, fmt.Appendf(nil, "chunk %d", n)).String()))
		if there, err := s.sameBatch(ctx, name, meta.Fingerprint); err != nil || w.Rehearsed {
			return Done{Repeated: there}, err
		}
		receipt, err := s.appendOnce(ctx, name, journal.NoStream, records[:cut])
		if err != nil {
			return Done{}, err
		}
		for _, r := range records[:cut] {
			done.Events = append(done.Events, r.ID.String())
		}
		done.Revision, done.Position, done.Repeated = receipt.Revision, receipt.Position, receipt.Repeated
		records = records[cut:]
	}
	done.Answer = map[string]any{"accepted": len(done.Events)}
	return done, nil
}

func beforeRegistration(i int) error {
	return domain.Malformed(fmt.Sprintf("/%d/occurred_at", i), "that is before the user registered").By("T-1.5")
}

// chunk is how many of the records one append takes.
func chunk(records []journal.NewRecord) int {
	size := 0
	for i, r := range records {
		size += len(r.Data) + len(r.Meta) + 64
		if i > 0 && size > chunkBytes {
			return i
		}
	}
	return len(records)
}

// sameBatch tells whether a chunk stands already, and refuses a key that was used for another batch.
func (s *Service) sameBatch(ctx context.Context, name, fingerprint string) (there bool, err error) {
	for e, err := range s.Journal.ReadStream(ctx, name, 0) {
		if err != nil {
			return false, fmt.Errorf("read %s: %w", name, err)
		}
		if e.Fingerprint != fingerprint {
			return true, keyReused()
		}
		return true, nil
	}
	return false, nil
}
