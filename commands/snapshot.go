package commands

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/site"
	"kelisim/domain/user"
)

// Known says up to which record an answer may know: a moment, or a position. The zero value is now.
type Known struct {
	At       time.Time
	Position int64
}

// ParseKnown reads known_at: a moment (RFC 3339) or position:N; "" is now.
func ParseKnown(s string) (Known, error) {
	if s == "" {
		return Known{}, nil
	}
	if n, ok := strings.CutPrefix(s, "position:"); ok {
		p, err := strconv.ParseInt(n, 10, 64)
		if err != nil || p < 1 {
			return Known{}, domain.Malformed("/known_at", "a position is a whole number from 1")
		}
		return Known{Position: p}, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return Known{}, domain.Malformed("/known_at", "known_at is a moment (RFC 3339) or position:N")
	}
	return Known{At: t.UTC()}, nil
}

// includes tells whether a recorded event was known.
func (k Known) includes(e user.Recorded) bool {
	if k.Position > 0 {
		return e.Position <= k.Position
	}
	return !e.RecordedAt.After(k.At)
}

// Snapshot is what was known of one user, and of the site, at one moment of the record. Two questions with the same Known get
// the same snapshot for ever (see TestKnownAnswersNeverChange).
type Snapshot struct {
	User     domain.UserID
	State    user.State
	Site     site.State
	Events   []user.Recorded // of the user's stream, in order
	Revision int64
	Position int64 // of the last event that the snapshot rests on
	Known    Known // as it was applied: a moment in the future, or none, is now
}

// Text is how known_at is written back.
func (k Known) Text() string {
	if k.Position > 0 {
		return fmt.Sprintf("position:%d", k.Position)
	}
	return k.At.UTC().Format(time.RFC3339Nano)
}

// Snapshot reads what was known of a user. A user who was not known then is user-not-found.
func (s *Service) Snapshot(ctx context.Context, id domain.UserID, known Known) (Snapshot, error) {
	known, err := s.bounded(ctx, known)
	if err != nil {
		return Snapshot{}, err
	}
	u, err := s.known(ctx, string(domain.UserStream(id)), User, known)
	if err != nil {
		return Snapshot{}, err
	}
	if u.revision == journal.NoStream || !u.state.(user.State).Account.Exists {
		return Snapshot{}, account.NotFound()
	}
	p, err := s.known(ctx, string(domain.SiteStream), Site, known)
	if err != nil {
		return Snapshot{}, err
	}
	return Snapshot{
		User: id, State: u.state.(user.State), Site: p.state.(site.State), Events: slices.Clip(u.events),
		Revision: u.revision, Position: max(u.position, p.position), Known: known,
	}, nil
}

// bounded is a Known as it is applied: none, a moment in the future, or a position that no event has yet, is now. Now is a moment up to which
// the record is final; where others append too, so that such a moment may have to be waited for, it is the last position, which is final at once
// (TestNowOnASharedJournal).
func (s *Service) bounded(ctx context.Context, known Known) (Known, error) {
	if shared := !s.Journal.Exclusive(); known.Position > 0 || shared && known.At.IsZero() {
		head, _, err := s.Journal.Head(ctx)
		if err != nil {
			return known, fmt.Errorf("read the journal's head: %w", err)
		}
		if known.Position > 0 && known.Position <= head {
			return known, nil
		}
		if shared && head > 0 {
			return Known{Position: head}, nil
		}
	}
	now, err := s.Journal.Settled(ctx)
	if err != nil {
		return known, err
	}
	if known.Position == 0 && !known.At.IsZero() && !known.At.After(now) {
		return known, nil
	}
	return Known{At: now}, nil
}

// SiteAt reads what was known of the site.
func (s *Service) SiteAt(ctx context.Context, known Known) (site.State, error) {
	known, err := s.bounded(ctx, known)
	if err != nil {
		return site.State{}, err
	}
	p, err := s.known(ctx, string(domain.SiteStream), Site, known)
	if err != nil {
		return site.State{}, err
	}
	return p.state.(site.State), nil
}

// Entries reads a stream of any target as it stands.
func (s *Service) Entries(ctx context.Context, target Target, subject string) (events []user.Recorded, state any, err error) {
	loaded, err := s.load(ctx, target.stream(subject), target)
	if err != nil {
		return nil, nil, err
	}
	if loaded.revision == journal.NoStream {
		return nil, nil, target.notFound()
	}
	return slices.Clip(loaded.events), loaded.state, nil
}

// known is a stream as far as it was known.
func (s *Service) known(ctx context.Context, name string, target Target, known Known) (*stream, error) {
	all, err := s.load(ctx, name, target)
	if err != nil {
		return nil, err
	}
	n := len(all.events)
	for n > 0 && !known.includes(all.events[n-1]) {
		n--
	}
	if n == len(all.events) {
		return all, nil
	}
	base := &stream{name: name, state: target.zero(), revision: journal.NoStream}
	if n == 0 {
		return base, nil
	}
	return base.with(target, all.events[:n:n]), nil
}
