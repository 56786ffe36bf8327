package projections

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/activity"
	"kelisim/domain/calendar"
)

// activities are the observed actions by user, and how many there were by day (T-1.5, T-3.4): a person's own record and statistics. What was done
// is written once and numbered, so that an action takes a few dozen bytes, and the counts grow with the days on which somebody did something, not
// with how often. A destroyed person's rows go, and what names them later makes none (P-1.5; TestDestructionForgetsActions).
//
// Statistics over persons are not made of it: they need the consent at the moment of each act and what was known when (projections/statistics).
var activities = Projection{
	Name: "activity", Version: 2, Tables: []string{"destroyed", "kinds", "actions", "days"},
	Schema: `
CREATE TABLE @_destroyed (
	user       BLOB    NOT NULL PRIMARY KEY -- the 16 bytes of the id, here and below
) STRICT, WITHOUT ROWID;
CREATE TABLE @_kinds (
	no         INTEGER NOT NULL PRIMARY KEY,
	action     TEXT    NOT NULL,
	object     TEXT    NOT NULL,
	language   TEXT    NOT NULL,
	location   TEXT    NOT NULL,
	UNIQUE (action, object, language, location)
) STRICT;
CREATE TABLE @_actions (
	user       BLOB    NOT NULL,
	occurred   INTEGER NOT NULL, -- microseconds since 1970, UTC
	position   INTEGER NOT NULL,
	kind       INTEGER NOT NULL,
	event      BLOB    NOT NULL, -- the 16 bytes of its id
	PRIMARY KEY (user, occurred, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE @_days (
	user       BLOB    NOT NULL,
	day        TEXT    NOT NULL, -- in Astana
	kind       INTEGER NOT NULL,
	actions    INTEGER NOT NULL,
	PRIMARY KEY (user, day, kind)
) STRICT, WITHOUT ROWID;`,
	Apply: func(ctx context.Context, t Tables, e journal.Event) error {
		switch v := e.Data.(type) {
		case activity.Observed:
			return t.observe(ctx, e, v)
		case account.Destroyed:
			id, _ := domain.Stream(e.Stream).User()
			return t.forget(ctx, id)
		}
		return nil
	},
}

func (t Tables) observe(ctx context.Context, e journal.Event, o activity.Observed) error {
	user, err := bytesOf(o.UserID)
	if err != nil {
		return err
	}
	kind, err := t.kind(ctx, o)
	if err != nil {
		return err
	}
	const present = ` WHERE NOT EXISTS (SELECT 1 FROM @_destroyed WHERE user = ?1)`
	if err := t.Exec(ctx, `INSERT INTO @_actions (user, occurred, position, kind, event) SELECT ?1, ?2, ?3, ?4, ?5`+present,
		user, e.OccurredAt.UnixMicro(), e.Position, kind, e.ID[:]); err != nil {
		return err
	}
	return t.Exec(ctx, `INSERT INTO @_days (user, day, kind, actions) SELECT ?1, ?2, ?3, 1`+present+` ON CONFLICT DO UPDATE SET actions = actions + 1`,
		user, dayOf(e.OccurredAt), kind)
}

// kind is the number of what was done.
func (t Tables) kind(ctx context.Context, o activity.Observed) (int64, error) {
	key := strings.Join([]string{o.Action, o.Object, o.Language, o.Location}, "\x00")
	if no, ok := t.memo[key]; ok {
		return no, nil
	}
	if err := t.Exec(ctx, `INSERT INTO @_kinds (action, object, language, location) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		o.Action, o.Object, o.Language, o.Location); err != nil {
		return 0, err
	}
	var no int64
	err := t.Row(ctx, `SELECT no FROM @_kinds WHERE action = ? AND object = ? AND language = ? AND location = ?`, o.Action, o.Object, o.Language, o.Location).Scan(&no)
	if err != nil {
		return 0, fmt.Errorf("read the number of a kind of action: %w", err)
	}
	t.memo[key] = no
	return no, nil
}

func (t Tables) forget(ctx context.Context, id domain.UserID) error {
	user, err := bytesOf(id)
	if err != nil {
		return err
	}
	if err := t.Exec(ctx, `INSERT INTO @_destroyed (user) VALUES (?) ON CONFLICT DO NOTHING`, user); err != nil {
		return err
	}
	for _, table := range []string{"actions", "days"} {
		if err := t.Exec(ctx, `DELETE FROM @_`+table+` WHERE user = ?`, user); err != nil {
			return err
		}
	}
	return nil
}

func bytesOf(id domain.UserID) ([]byte, error) {
	u, err := uuid.Parse(string(id))
	if err != nil {
		return nil, fmt.Errorf("read a user's id: %w", err)
	}
	return u[:], nil
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
	user, err := bytesOf(id)
	if err != nil {
		return nil, false, err
	}
	err = t.each(ctx, func(scan func(...any) error) error {
		var a Action
		var occurred int64
		var event []byte
		if err := scan(&occurred, &a.Action, &a.Object, &a.Language, &a.Location, &event, &a.Position); err != nil {
			return err
		}
		e, err := uuid.FromBytes(event)
		if err != nil {
			return fmt.Errorf("read the id of the action at position %d: %w", a.Position, err)
		}
		a.OccurredAt, a.Event = time.UnixMicro(occurred).UTC(), e.String()
		page = append(page, a)
		return nil
	}, `SELECT occurred, action, object, language, location, event, position FROM @_actions a JOIN @_kinds k ON k.no = a.kind
		WHERE user = ? AND (occurred, position) > (?, ?) ORDER BY occurred, position LIMIT ?`,
		user, after.Occurred, after.Position, limit+1)
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

// ActionCount is how many actions of a kind there were on a day, in Astana. What they are not told apart by is "".
type ActionCount struct {
	Day      string `json:"day,omitempty"`
	Action   string `json:"action,omitempty"`
	Content  string `json:"content,omitempty"`
	Language string `json:"language,omitempty"`
	Location string `json:"location,omitempty"`
	Actions  int    `json:"actions"`
}

// ActionsBy are what a user's actions can be told apart by.
var ActionsBy = []string{"day", "action", "content", "language", "location"}

// ActionCounts counts a user's actions from one day through another, no day being open, by some of ActionsBy, in the order of these. more tells
// whether there are others than the first so many.
func (r *Runner) ActionCounts(ctx context.Context, id domain.UserID, from, through calendar.Day, by []string, limit int) (counts []ActionCount, more bool, err error) {
	t, err := r.tables("activity")
	if err != nil {
		return nil, false, err
	}
	user, err := bytesOf(id)
	if err != nil {
		return nil, false, err
	}
	last := through.String()
	if last == "" {
		last = "9999"
	}
	var args []any
	for _, w := range ActionsBy {
		args = append(args, slices.Contains(by, w))
	}
	args = append(args, user, from.String(), last, limit+1)
	err = t.each(ctx, func(scan func(...any) error) error {
		var c ActionCount
		if err := scan(&c.Day, &c.Action, &c.Content, &c.Language, &c.Location, &c.Actions); err != nil {
			return err
		}
		counts = append(counts, c)
		return nil
	}, `SELECT iif(?, day, '') d, iif(?, action, '') a, iif(?, object, '') o, iif(?, language, '') l, iif(?, location, '') w, sum(actions)
		FROM @_days JOIN @_kinds k ON k.no = kind WHERE user = ? AND day >= ? AND day <= ?
		GROUP BY d, a, o, l, w ORDER BY d, a, o, l, w LIMIT ?`, args...)
	if err != nil {
		return nil, false, fmt.Errorf("count actions: %w", err)
	}
	if len(counts) > limit {
		return counts[:limit], true, nil
	}
	return counts, false, nil
}
