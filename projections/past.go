package projections

import (
	"context"
	"fmt"
	"time"

	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/user"
)

// Past is the journal as it stood at a position.
type Past struct {
	journal  *journal.Journal
	position int64
	folds    *folds
}

// folded is a user's stream up to a position.
type folded struct {
	state    user.State
	first    int64 // position of the stream's first event
	last     int64 // of its last one
	revision int64
	recorded time.Time // of the last one
}

// folds keeps the streams that were folded last, so that a long one is not read from its beginning for each event. Any can be dropped.
type folds struct{ users map[domain.UserID]folded }

// mostFolds bounds what is kept: a few kilobytes each.
const mostFolds = 4096

func (f *folds) keep(id domain.UserID, k folded) {
	if f.users == nil {
		f.users = map[domain.UserID]folded{}
	}
	f.users[id] = k
	for other := range f.users {
		if len(f.users) <= mostFolds {
			return
		}
		if other != id {
			delete(f.users, other)
		}
	}
}

// User is a user's stream, folded; false where it has no event yet. What is read is what the fold that is kept has not: an entry that voids
// others alone makes it begin anew.
func (p Past) User(ctx context.Context, id domain.UserID) (folded, bool, error) {
	base, known := p.folds.users[id]
	if !known || base.last > p.position {
		base = folded{revision: journal.NoStream}
	}
	fresh, err := p.read(ctx, id, base.revision+1)
	if err != nil || len(fresh) == 0 {
		return base, base.revision != journal.NoStream, err
	}
	out, anew := base, false
	for _, e := range fresh {
		anew = anew || user.Voids(e.Data)
	}
	if anew && base.revision != journal.NoStream {
		if fresh, err = p.read(ctx, id, 0); err != nil {
			return folded{}, false, err
		}
	}
	if anew {
		out.state = user.Fold(fresh)
	} else {
		for _, e := range fresh {
			out.state = user.Evolve(out.state, e.Data, e.Meta)
		}
	}
	if base.revision == journal.NoStream || anew {
		out.first = fresh[0].Position
	}
	last := fresh[len(fresh)-1]
	out.last, out.revision, out.recorded = last.Position, last.Revision, last.RecordedAt
	p.folds.keep(id, out)
	return out, true, nil
}

// read reads a user's stream from a revision on, up to the position.
func (p Past) read(ctx context.Context, id domain.UserID, from int64) ([]user.Recorded, error) {
	var out []user.Recorded
	for e, err := range p.journal.ReadStream(ctx, string(domain.UserStream(id)), from) {
		if err != nil {
			return nil, &unreadError{fmt.Errorf("fold the stream of user %s: %w", id, err)}
		}
		if e.Position > p.position {
			break
		}
		out = append(out, user.Recorded{Meta: e.Meta, Data: e.Data})
	}
	return out, nil
}

// unreadError: the journal could not be read. It is no fault of the projection that asked.
type unreadError struct{ cause error }

func (e *unreadError) Error() string { return e.cause.Error() }
func (e *unreadError) Unwrap() error { return e.cause }
