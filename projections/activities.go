package projections

import (
	"context"
	"fmt"
	"time"

	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/activity"
)

// activities are the observed actions by user, and their counts by day (T-1.5, T-3.4).
var activities = Projection{
	Name: "activity", Version: 1, Tables: []string{"actions", "days"},
	Schema: `
CREATE TABLE @_actions (
	user       TEXT    NOT NULL,
	occurred   INTEGER NOT NULL, -- microseconds since 1970, UTC
	position   INTEGER NOT NULL,
	action     TEXT    NOT NULL,
	object     TEXT    NOT NULL,
	language   TEXT    NOT NULL,
	location   TEXT    NOT NULL,
	event      TEXT    NOT NULL,
	PRIMARY KEY (user, occurred, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE @_days (
	day        TEXT    NOT NULL, -- in Astana
	action     TEXT    NOT NULL,
	object     TEXT    NOT NULL,
	language   TEXT    NOT NULL,
	location   TEXT    NOT NULL,
	actions    INTEGER NOT NULL,
	PRIMARY KEY (day, action, object, language, location)
) STRICT, WITHOUT ROWID;`,
	Apply: func(ctx context.Context, t Tables, e journal.Event) error {
		o, ok := e.Data.(activity.Observed)
		if !ok {
			return nil
		}
		err := t.Exec(ctx, `INSERT INTO @_actions (user, occurred, position, action, object, language, location, event) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			string(o.UserID), e.OccurredAt.UnixMicro(), e.Position, o.Action, o.Object, o.Language, o.Location, e.ID.String())
		if err != nil {
			return err
		}
		return t.Exec(ctx, `INSERT INTO @_days (day, action, object, language, location, actions) VALUES (?, ?, ?, ?, ?, 1)
			ON CONFLICT DO UPDATE SET actions = actions + 1`, dayOf(e.OccurredAt), o.Action, o.Object, o.Language, o.Location)
	},
}

// Action is one observed action of a user.
type Action struct {
	OccurredAt time.Time `json:"occurred_at"`
	Action     string    `json:"action"`
	Object     string    `json:"object,omitempty"`
	Language   string    `json:"language,omitempty"`
	Location   string    `json:"location,omitempty"`
	Event      string    `json:"event"`
	Position   int64     `json:"position"`
}

// ActionsAfter is where a page of actions begins.
type ActionsAfter struct {
	Occurred int64 `json:"o"` // microseconds
	Position int64 `json:"p"`
}

// Actions lists a user's observed actions from old to new, from after a place on; more tells whether there are others behind them.
func (r *Runner) Actions(ctx context.Context, id domain.UserID, after ActionsAfter, limit int) (page []Action, more bool, err error) {
	t, err := r.tables("activity")
	if err != nil {
		return nil, false, err
	}
	err = t.each(ctx, func(scan func(...any) error) error {
		var a Action
		var occurred int64
		if err := scan(&occurred, &a.Action, &a.Object, &a.Language, &a.Location, &a.Event, &a.Position); err != nil {
			return err
		}
		a.OccurredAt = time.UnixMicro(occurred).UTC()
		page = append(page, a)
		return nil
	}, `SELECT occurred, action, object, language, location, event, position FROM @_actions
		WHERE user = ? AND (occurred, position) > (?, ?) ORDER BY occurred, position LIMIT ?`, string(id), after.Occurred, after.Position, limit+1)
	if err != nil {
		return nil, false, fmt.Errorf("list actions: %w", err)
	}
	if len(page) > limit {
		return page[:limit], true, nil
	}
	return page, false, nil
}

// After is the place after an action.
func (a Action) After() ActionsAfter { return ActionsAfter{a.OccurredAt.UnixMicro(), a.Position} }
