package projections

import (
	"context"
	"time"

	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/consent"
	"kelisim/domain/subscription"
	"kelisim/domain/user"
)

// due are the moments that time alone brings and that no marker stands for yet, of all users: what is to be marked next, and when (domain.Due). Apply
// only notes whose stream has grown by what can move one; Settle asks the books, so that the table says what they say (TestDueIsExact).
var due = Projection{
	Name: "due", Version: 1, Tables: []string{"moments", "marked"},
	Schema: `
CREATE TABLE @_moments (
	user  TEXT    NOT NULL,
	id    TEXT    NOT NULL, -- of the marker to come
	at    INTEGER NOT NULL, -- microseconds since 1970, UTC
	until INTEGER NOT NULL, -- from when on a marker is of no use; 0: it never comes too late
	PRIMARY KEY (user, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX @_moments_at ON @_moments (at, user, id, until);
CREATE TABLE @_marked (
	user TEXT NOT NULL,
	id   TEXT NOT NULL, -- of a marker that stands
	PRIMARY KEY (user, id)
) STRICT, WITHOUT ROWID;` + grownTable,
	Apply: func(ctx context.Context, t Tables, e journal.Event) error {
		id, _ := domain.Stream(e.Stream).User()
		switch domain.Stream(e.Stream).Category() {
		case "user":
			if !moves(e.Data) {
				return nil
			}
			return t.grew(ctx, id)
		case "due":
			if err := t.Exec(ctx, `INSERT INTO @_marked (user, id) VALUES (?, ?)`, string(id), e.ID.String()); err != nil {
				return err
			}
			if lapsed, ok := e.Data.(subscription.CoverageLapsed); ok { // its approach is not told of any more
				if err := t.Exec(ctx, `DELETE FROM @_moments WHERE user = ? AND until = ?`, string(id), lapsed.LapsedAt.UnixMicro()); err != nil {
					return err
				}
			}
			return t.Exec(ctx, `DELETE FROM @_moments WHERE user = ? AND id = ?`, string(id), e.ID.String())
		}
		return nil
	},
	Settle: func(ctx context.Context, t Tables, past Past, most int) (int, error) {
		return t.settleGrown(ctx, past, most, func(id domain.UserID, f folded, _ bool) error {
			return t.remark(ctx, id, user.Due(f.state))
		})
	},
}

// moves tells whether an event can make, move or end a moment; of one that cannot the stream need not be folded.
func moves(data any) bool {
	switch data.(type) {
	case consent.Given, consent.DisclosureMade, consent.LegalHoldSet, consent.LegalHoldLifted,
		subscription.PaymentDeclined, subscription.RefundRequested, subscription.RefundSent, subscription.RefundRefused, subscription.RefundCompleted, subscription.ChargedBack,
		subscription.ChargeBackReturned:
		return false
	case consent.Event, subscription.Event, account.Registered, account.EntryVoided, account.Depersonalised, account.Destroyed:
		return true
	}
	return false
}

// remark puts a user's moments in the place of those that there were.
func (t Tables) remark(ctx context.Context, id domain.UserID, all []domain.Due) error {
	marked := map[string]bool{}
	err := t.each(ctx, func(scan func(...any) error) error {
		var m string
		err := scan(&m)
		marked[m] = true
		return err
	}, `SELECT id FROM @_marked WHERE user = ?`, string(id))
	if err != nil {
		return err
	}
	over := map[time.Time]bool{} // ends of coverage that are marked
	for _, d := range all {
		if _, ok := d.Marker.(subscription.CoverageLapsed); ok && marked[d.ID(id).String()] {
			over[d.At] = true
		}
	}
	if err := t.Exec(ctx, `DELETE FROM @_moments WHERE user = ?`, string(id)); err != nil {
		return err
	}
	for _, d := range all {
		if marked[d.ID(id).String()] || over[d.Until] {
			continue
		}
		until := int64(0)
		if !d.Until.IsZero() {
			until = d.Until.UnixMicro()
		}
		if err := t.Exec(ctx, `INSERT INTO @_moments (user, id, at, until) VALUES (?, ?, ?, ?)`, string(id), d.ID(id).String(), d.At.UnixMicro(), until); err != nil {
			return err
		}
	}
	return nil
}

// Moment is one that has come and that no marker stands for.
type Moment struct {
	At     time.Time
	UserID domain.UserID
	Marker string // the id that its marker will have
}

// Due lists the moments that have come by now, from old to new, after one of them; the zero Moment is before all.
func (r *Runner) Due(ctx context.Context, now time.Time, after Moment, limit int) ([]Moment, error) {
	t, err := r.tables("due")
	if err != nil {
		return nil, err
	}
	var out []Moment
	err = t.each(ctx, func(scan func(...any) error) error {
		var m Moment
		var at int64
		err := scan(&at, &m.UserID, &m.Marker)
		m.At = time.UnixMicro(at).UTC()
		out = append(out, m)
		return err
	}, `SELECT at, user, id FROM @_moments WHERE at <= ? AND (until = 0 OR until > ?) AND (at, user, id) > (?, ?, ?) ORDER BY at, user, id LIMIT ?`,
		now.UnixMicro(), now.UnixMicro(), after.At.UnixMicro(), string(after.UserID), after.Marker, limit)
	return out, err
}

// NextDue is the first moment after now, zero where none is known.
func (r *Runner) NextDue(ctx context.Context, now time.Time) (time.Time, error) {
	t, err := r.tables("due")
	if err != nil {
		return time.Time{}, err
	}
	var at *int64
	if err := t.Row(ctx, `SELECT min(at) FROM @_moments WHERE at > ?`, now.UnixMicro()).Scan(&at); err != nil || at == nil {
		return time.Time{}, err
	}
	return time.UnixMicro(*at).UTC(), nil
}
