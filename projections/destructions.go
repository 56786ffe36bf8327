package projections

import (
	"context"
	"time"

	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/custody"
	"kelisim/domain/event"
)

// destructions are the persons whose keys are to be destroyed or are, and what became of the master key, which tells when a destruction is
// final (P-1.5, P-2.5).
var destructions = Projection{
	Name: "destructions", Version: 1, Tables: []string{"users", "custody"},
	Schema: `
CREATE TABLE @_users (
	user      TEXT    NOT NULL PRIMARY KEY,
	kind      TEXT    NOT NULL, -- destruction, depersonalisation
	request   TEXT    NOT NULL, -- the event that asked for it, or empty
	requested INTEGER NOT NULL, -- microseconds since 1970, UTC; 0: nobody asked
	destroyed INTEGER NOT NULL, -- microseconds; 0: the keys are there
	position  INTEGER NOT NULL  -- of the event that destroyed them
) STRICT, WITHOUT ROWID;
CREATE TABLE @_custody (
	position   INTEGER NOT NULL PRIMARY KEY,
	fact       TEXT    NOT NULL, -- begun, rotated, dropped
	generation INTEGER NOT NULL,
	at         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;`,
	Apply: func(ctx context.Context, t Tables, e journal.Event) error {
		id, _ := domain.Stream(e.Stream).User()
		at := e.OccurredAt.UnixMicro()
		gone := func(kind string) error {
			return t.Exec(ctx, `INSERT INTO @_users (user, kind, request, requested, destroyed, position) VALUES (?1, ?2, '', 0, ?3, ?4)
				ON CONFLICT (user) DO UPDATE SET kind = ?2, destroyed = ?3, position = ?4`, string(id), kind, at, e.Position)
		}
		keep := func(fact string, generation int) error {
			return t.Exec(ctx, `INSERT INTO @_custody (position, fact, generation, at) VALUES (?, ?, ?, ?)`, e.Position, fact, generation, at)
		}
		switch v := e.Data.(type) {
		case account.DestructionRequested:
			return t.Exec(ctx, `INSERT INTO @_users (user, kind, request, requested, destroyed, position) VALUES (?1, 'destruction', ?2, ?3, 0, 0)
				ON CONFLICT (user) DO UPDATE SET request = ?2, requested = ?3`, string(id), e.ID.String(), at)
		case account.EntryVoided:
			if err := t.Exec(ctx, `UPDATE @_users SET request = '', requested = 0 WHERE user = ? AND request = ?`, string(id), v.EventID); err != nil {
				return err
			}
			return t.Exec(ctx, `DELETE FROM @_users WHERE user = ? AND requested = 0 AND destroyed = 0`, string(id))
		case account.Depersonalised:
			return gone("depersonalisation")
		case account.Destroyed:
			return gone("destruction")
		case custody.RotationBegun:
			return keep("begun", v.Generation)
		case custody.Rotated:
			return keep("rotated", v.Generation)
		case custody.GenerationDropped:
			return keep("dropped", v.Generation)
		}
		return nil
	},
}

// Destruction is how far the destruction of one person's keys has come.
type Destruction struct {
	UserID      string     `json:"user_id"`
	Kind        string     `json:"kind"`   // destruction, depersonalisation
	Status      string     `json:"status"` // requested, keys-destroyed, final
	RequestedAt *time.Time `json:"requested_at"`
	DestroyedAt *time.Time `json:"destroyed_at"`
	FinalAt     *time.Time `json:"final_at"`
}

// Destructions lists, by user, whose keys are to be destroyed or are. only is one of the states, or "" for all.
func (r *Runner) Destructions(ctx context.Context, only string) ([]Destruction, error) {
	t, err := r.tables("destructions")
	if err != nil {
		return nil, err
	}
	var state custody.State
	err = t.each(ctx, func(scan func(...any) error) error {
		var m event.Meta
		var fact string
		var generation int
		var at int64
		if err := scan(&m.Position, &fact, &generation, &at); err != nil {
			return err
		}
		m.OccurredAt = time.UnixMicro(at).UTC()
		facts := map[string]custody.Event{"begun": custody.RotationBegun{Generation: generation}, "rotated": custody.Rotated{Generation: generation},
			"dropped": custody.GenerationDropped{Generation: generation}}
		state = custody.Decider.Evolve(state, facts[fact], m)
		return nil
	}, `SELECT position, fact, generation, at FROM @_custody ORDER BY position`)
	if err != nil {
		return nil, err
	}
	out := []Destruction{}
	err = t.each(ctx, func(scan func(...any) error) error {
		d := Destruction{Status: "requested"}
		var requested, destroyed, position int64
		if err := scan(&d.UserID, &d.Kind, &requested, &destroyed, &position); err != nil {
			return err
		}
		d.RequestedAt, d.DestroyedAt = micros(requested), micros(destroyed)
		if destroyed != 0 {
			d.Status = "keys-destroyed"
			if fact, ok := state.Final(position); ok {
				d.Status, d.FinalAt = "final", &fact.At
			}
		}
		if only == "" || only == d.Status {
			out = append(out, d)
		}
		return nil
	}, `SELECT user, kind, requested, destroyed, position FROM @_users ORDER BY user`)
	return out, err
}
