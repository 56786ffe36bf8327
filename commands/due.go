package commands

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/event"
	"kelisim/domain/user"
)

// marker is who writes the markers of time.
var marker = event.Actor{Kind: "system", ID: "markers"}

// mostMarkers bounds one append.
const mostMarkers = 500

// MarkDue writes the markers of what time has brought about a user by now and that have none yet, and answers how many. What is due is read from the
// user's stream at that moment, so that whoever asks need not be right. Their ids derive from what they mark, and they are appended with the revision of the
// stream of markers that was read: of many who mark at once, each marker is written by one (TestOneMarkerEach).
//
// A marker says what was known when it was recorded: a fact that becomes known later, or a void, can make it untrue, and it stays. Followers compare
// positions. No answer rests on one (TestNoAnswerDependsOnMarkers).
func (s *Service) MarkDue(ctx context.Context, id domain.UserID) (int, error) {
	written := 0
	for range attempts {
		n, more, err := s.markDue(ctx, id)
		written += n
		var conflict *journal.ConflictError
		if err == nil && more || errors.As(err, &conflict) {
			continue
		}
		return written, err
	}
	return written, domain.Refuse(domain.Unavailable, "unavailable", "others are writing to the same stream; try again")
}

// markDue is one append; more tells that there are others to write.
func (s *Service) markDue(ctx context.Context, id domain.UserID) (n int, more bool, err error) {
	loaded, err := s.load(ctx, string(domain.UserStream(id)), User)
	if err != nil {
		return 0, false, err
	}
	stream, last, stand := string(domain.DueStream(id)), journal.NoStream, map[uuid.UUID]bool{}
	for r, err := range s.Journal.Store.ReadStream(ctx, stream, 0) {
		if err != nil {
			return 0, false, fmt.Errorf("read %s: %w", stream, err)
		}
		last, stand[r.ID] = r.Revision, true
	}
	published, err := s.site(ctx)
	if err != nil {
		return 0, false, err
	}
	now := s.now()
	var records []journal.NewRecord
	for _, d := range user.Due(loaded.state.(user.State)) {
		if !d.Comes(now) || stand[d.ID(id)] {
			continue
		}
		if len(records) == mostMarkers {
			more = true
			break
		}
		cause, err := uuid.Parse(d.Cause)
		if err != nil {
			return 0, false, fmt.Errorf("mark what is due of %s: %w", id, err)
		}
		r, err := s.Journal.Encode(d.Marker, event.Meta{ID: d.ID(id), OccurredAt: d.At, Late: d.At.Before(now.Add(-lateAfter)), Actor: marker,
			Causation: cause, TermsVersion: published.ParametersAt(d.At).TermsVersion})
		if err != nil {
			return 0, false, err
		}
		records = append(records, r)
	}
	if len(records) == 0 {
		return 0, false, nil
	}
	receipt, err := s.appendOnce(ctx, stream, last, records)
	if err != nil {
		return 0, false, err
	}
	if receipt.Repeated {
		return 0, more, nil
	}
	return len(records), more, nil
}

// Markers are the markers of time about a user that a snapshot knows of, in order.
func (s *Service) Markers(ctx context.Context, snap Snapshot) ([]user.Recorded, error) {
	var out []user.Recorded
	for e, err := range s.Journal.ReadStream(ctx, string(domain.DueStream(snap.User)), 0) {
		if err != nil {
			return nil, fmt.Errorf("read the markers of %s: %w", snap.User, err)
		}
		r := user.Recorded{Meta: e.Meta, Data: e.Data}
		if !snap.Known.includes(r) {
			break
		}
		out = append(out, r)
	}
	return out, nil
}
