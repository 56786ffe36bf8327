// Package commands is the write side: it turns a wish into a record. The route is one way:
//
//	wish → load and fold the stream → Decide (pure) → seal personal values → append with the expected revision
//
// A conflict goes back to the load, five times. Nobody publishes from here: the journal is the outbox, and the Merkle log,
// read models, policies and the bus follow it.
//
// Idempotency needs no table. The id of a wish derives from the caller's key, the ids of its events from the wish, and both stand
// in the events' metadata with a keyed fingerprint of the body: a repeated wish finds its own events in the stream
// and is answered from them; the same key with another body is refused (TestIdempotencyAnswersTheSame, TestIdempotencyKeyRacesWithOtherBodies).
//
// The books of one user are asked through Snapshot, which folds what was recorded up to a moment or position; reads never write, save
// the audit of reads of personal data.
package commands

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"kelisim/commands/journal"
	"kelisim/commands/vault"
	"kelisim/domain"
	"kelisim/domain/activity"
	"kelisim/domain/event"
	"kelisim/domain/letter"
	"kelisim/domain/site"
	"kelisim/domain/user"
)

// Service carries out wishes and answers from the streams. Its fields are set once, before use.
type Service struct {
	Journal *journal.Journal
	Vault   *vault.Vault
	Now     func() time.Time
	Log     *slog.Logger
	// CacheStreams bounds how many folded streams are kept in memory; 0 means 20,000.
	CacheStreams int

	cache    streamCache
	turns    [4096]sync.Mutex
	rotating sync.Mutex // held while the master key is changed
}

// turn is whose turn it is to write to a stream. Wishes about one stream go one after the other in this process, so that they do not
// conflict with each other, and the same key with two bodies cannot be decided twice; conflicts are left for other processes.
func (s *Service) turn(stream string) *sync.Mutex {
	h := fnv.New32a()
	_, _ = h.Write([]byte(stream))
	return &s.turns[h.Sum32()%uint32(len(s.turns))]
}

// defaultCacheStreams is the number of streams kept folded.
const defaultCacheStreams = 20_000

// How far a wish's occurred_at may be from now before it is refused, or entered late.
const (
	maxAhead  = 5 * time.Minute
	lateAfter = 5 * time.Minute
	attempts  = 6
)

// Wish is a command on its way in.
type Wish struct {
	Command string // its name in the table, "purchase"
	Subject string // the id in the path: user, letter, incident; "" where the command creates it
	Body    any    // pointer to the command, as Spec.New makes it
	Actor   event.Actor

	// ID names the wish where the caller has made sure that it is its own (a line of a story); else it derives from Key.
	ID uuid.UUID
	// Key is the caller's idempotency key and Scope what it is unique in (credential and path); "" for none.
	Key, Scope string
	// Fingerprinted is what must be equal when a key is used again: the body in a canonical form.
	Fingerprinted []byte

	OccurredAt  *time.Time // nil: now
	MayBeLate   bool       // the actor may enter what happened more than five minutes ago
	IfRevision  *int64     // the revision that the caller saw; another is revision-conflict
	Correlation string
	Causation   uuid.UUID

	// Rehearsed: the wish is decided and reserves what it needs, and nothing is appended; Done tells then only whether it was carried out
	// before. A reservation that nothing follows is healed as any other.
	Rehearsed bool

	// Imported wishes may lie at any time past, leave out accepted documents, and ask for the moment of their record.
	Imported   bool
	RecordedAt time.Time
}

// Done is what became of a wish.
type Done struct {
	Subject  string
	Events   []string // ids of the events that it appended, now or when it was first made
	Revision int64    // of the stream after it
	Position int64    // of the last of the events; of the stream's last event where there are none
	Answer   map[string]any
	Repeated bool // it had been carried out before
}

// Do carries out a wish. Its errors are *domain.Error refusals, journal.ErrUnknown where the outcome is not known, and
// failures of the journal or the key store.
func (s *Service) Do(ctx context.Context, w Wish) (Done, error) {
	switch body := w.Body.(type) {
	case *activity.Observe:
		return s.observe(ctx, w, *body)
	case *letter.Match:
		return s.matchLetter(ctx, w, *body)
	}
	return s.do(ctx, w)
}

// do carries out a wish that is one append to one stream.
func (s *Service) do(ctx context.Context, w Wish) (Done, error) {
	spec, ok := table[w.Command]
	if !ok {
		spec, ok = internal[w.Command]
	}
	if !ok {
		return Done{}, fmt.Errorf("command %q is not in the table", w.Command)
	}
	id := s.wishID(w)
	if w.Subject == "" {
		w.Subject = spec.subject(id)
	}
	err := checkTexts(w.Body)
	if err != nil {
		return Done{}, err
	}
	turn := s.turn(spec.Target.stream(w.Subject))
	turn.Lock()
	defer turn.Unlock()
	for range attempts {
		var done Done
		done, err = s.try(ctx, spec, w, id)
		var conflict *journal.ConflictError
		if !errors.As(err, &conflict) {
			return done, err
		}
		s.cache.drop(conflict.Stream)
		if w.IfRevision != nil {
			return Done{}, revisionConflict(conflict.Actual)
		}
	}
	return Done{}, domain.Refuse(domain.Unavailable, "unavailable", "others are writing to the same stream; try again")
}

func keyReused() error {
	return domain.Refuse(domain.Unprocessable, "idempotency-key-reused", "this key was used for another request")
}

func revisionConflict(actual int64) error {
	return domain.Refuse(domain.Precondition, "revision-conflict", "the stream is at revision %d now; look again before you decide", actual)
}

// wishID names a wish: the same key in the same scope always has the same id.
func (s *Service) wishID(w Wish) uuid.UUID {
	switch {
	case w.ID != uuid.Nil:
		return w.ID
	case w.Key == "":
		return uuid.New()
	}
	return s.Vault.CommandID(w.Scope, w.Key)
}

// try is one pass over the route.
func (s *Service) try(ctx context.Context, spec Spec, w Wish, id uuid.UUID) (Done, error) {
	stream := spec.Target.stream(w.Subject)
	loaded, err := s.load(ctx, stream, spec.Target)
	if err != nil {
		return Done{}, err
	}
	fingerprint := ""
	if w.Key != "" || w.ID != uuid.Nil {
		fingerprint = s.Vault.Fingerprint(w.Fingerprinted)
		if before := loaded.of(id); len(before) > 0 {
			if before[0].Fingerprint != fingerprint {
				return Done{}, keyReused()
			}
			return answered(spec, w.Subject, before, loaded, true), nil
		}
	}
	if w.IfRevision != nil && *w.IfRevision != loaded.revision {
		return Done{}, revisionConflict(loaded.revision)
	}
	if loaded.revision == journal.NoStream && !spec.Creates {
		return Done{}, spec.Target.notFound()
	}
	published, err := s.site(ctx)
	if err != nil {
		return Done{}, err
	}
	in, late, err := s.context(w, id, published)
	if err != nil {
		return Done{}, err
	}
	command := w.Body
	if w.Imported {
		user.CompleteDocuments(command, published, in.OccurredAt)
	}
	if command, err = s.complete(ctx, w, command, in); err != nil {
		return Done{}, err
	}
	events, err := spec.Target.decide(loaded, published, value(command), in)
	if err != nil {
		return Done{}, err
	}
	if len(events) == 0 {
		var before []user.Recorded
		if spec.Before != nil {
			before = spec.Before(loaded, w.Body)
		}
		return answered(spec, w.Subject, before, loaded, true), nil
	}
	if err := s.reserve(ctx, w, id, loaded, events); err != nil || w.Rehearsed {
		return Done{}, err
	}
	meta := event.Meta{
		OccurredAt: in.OccurredAt, Late: late, Actor: w.Actor, Command: w.Command, CommandID: id, Fingerprint: fingerprint,
		Correlation: w.Correlation, Causation: w.Causation, TermsVersion: in.Parameters.TermsVersion, RecordedAt: w.RecordedAt,
	}
	if w.Imported && !w.RecordedAt.IsZero() {
		meta.ImportedAt = s.now()
	}
	after, err := s.append(ctx, loaded, spec.Target, events, meta)
	if err != nil {
		return Done{}, err
	}
	stored := after.of(id)
	if len(stored) > 0 && stored[0].Fingerprint != fingerprint { // another instance used the key for another body meanwhile
		return Done{}, keyReused()
	}
	s.settle(ctx, loaded, after, events)
	return answered(spec, w.Subject, stored, after, false), nil
}

// context gathers what the decision may know, and tells whether the entry is late.
func (s *Service) context(w Wish, id uuid.UUID, published site.State) (domain.Context, bool, error) {
	now := s.now()
	at := now
	recorded := now
	if !w.RecordedAt.IsZero() {
		recorded = w.RecordedAt.UTC().Truncate(time.Microsecond)
	}
	if w.OccurredAt != nil {
		at = w.OccurredAt.UTC().Truncate(time.Microsecond)
	}
	late := at.Before(recorded.Add(-lateAfter))
	switch {
	case recorded.After(now):
		return domain.Context{}, false, domain.Malformed("/recorded_at", "nothing is recorded before its time")
	case at.After(recorded.Add(maxAhead)):
		return domain.Context{}, false, domain.Malformed("/occurred_at", "that is more than five minutes ahead")
	case late && !w.MayBeLate && !w.Imported:
		return domain.Context{}, false, domain.Refuse(domain.Forbidden, "forbidden", "only services and officers enter what happened more than five minutes ago").At("/occurred_at")
	}
	return domain.Context{
		OccurredAt: at, Now: recorded, Subject: w.Subject, Actor: w.Actor, Command: id, Parameters: published.ParametersAt(at),
	}, late, nil
}

// now is the clock's moment, as precise as the journal keeps it.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

// EventID is the id of the i-th event that a wish appends.
func EventID(wish uuid.UUID, i int) uuid.UUID {
	return uuid.NewSHA1(wish, fmt.Appendf(nil, "event %d", i))
}

// append seals, stores and folds on. An unknown outcome is asked about once, with the same ids.
func (s *Service) append(ctx context.Context, loaded *stream, target Target, events []any, m event.Meta) (*stream, error) {
	records := make([]journal.NewRecord, len(events))
	for i, e := range events {
		m.ID = EventID(m.CommandID, i)
		sealed, err := s.seal(ctx, loaded.name, m.ID, e)
		if err != nil {
			return nil, err
		}
		if records[i], err = s.Journal.Encode(sealed, m); err != nil {
			return nil, err
		}
	}
	s.cache.begin(loaded.name)
	defer s.cache.end(loaded.name)
	receipt, err := s.appendOnce(ctx, loaded.name, loaded.revision, records)
	if err != nil {
		return nil, err
	}
	return s.grow(ctx, loaded, target, records, receipt)
}

// appendOnce stores records. An unknown outcome is asked about once more, with the same ids and expectation, which cannot
// write them twice; if it stays unknown the caller is told so.
func (s *Service) appendOnce(ctx context.Context, stream string, expected int64, records []journal.NewRecord) (journal.Receipt, error) {
	receipt, err := s.Journal.Append(ctx, stream, expected, records)
	if errors.Is(err, journal.ErrUnknown) {
		receipt, err = s.Journal.Append(context.WithoutCancel(ctx), stream, expected, records)
	}
	switch {
	case err == nil:
		return receipt, nil
	case errors.Is(err, journal.ErrBeforeLast):
		return receipt, domain.Malformed("/recorded_at", "that is before the last recorded event")
	case errors.Is(err, journal.ErrTooLarge):
		return receipt, domain.Malformed("/", "the command makes more than one append can hold")
	case errors.Is(err, journal.ErrUnknown):
		s.cache.drop(stream)
	}
	return receipt, fmt.Errorf("append to %s: %w", stream, err)
}
