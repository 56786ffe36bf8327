package projections

import (
	"context"
	"maps"
	"math"
	"slices"
	"strings"

	"kelisim/commands/journal"
	"kelisim/domain"
)

// users is what lists of users ask for: for each, what stands about them from now on. A standing hangs on time, so a user has one row for each phase
// in which all of it stays the same, dated by the facts; no timer moves anything. The phases before the user's last entry are not kept: what stood
// then is for the reports.
//
// A phase has its marks, words such as coverage=trial, which filters are held against; those that few users have are in an index too. Apply only notes
// whose stream has grown; Settle folds it and writes what has changed.
//
// Users are in the order of their registration, which nothing changes: a page's place is that of its last user.
var users = Projection{
	Name: "users", Version: 1, Tables: []string{"phases", "marks"},
	Schema: `
CREATE TABLE @_phases (
	registered INTEGER NOT NULL, -- microseconds since 1970, UTC, as all moments here
	n          INTEGER NOT NULL, -- position of the stream's first event
	since      INTEGER NOT NULL, -- 0: the first that is kept
	until      INTEGER NOT NULL, -- half-open; the largest number where nothing more is known to change
	user       TEXT    NOT NULL,
	ends       INTEGER NOT NULL, -- when coverage ends or ended; 0 where there was none
	marks      TEXT    NOT NULL, -- with a space before and after each
	standing   TEXT    NOT NULL, -- JSON
	PRIMARY KEY (registered, n, since)
) STRICT, WITHOUT ROWID;
CREATE INDEX @_phases_n ON @_phases (n);
CREATE INDEX @_phases_ends ON @_phases (ends) WHERE ends > 0;
CREATE TABLE @_marks (
	mark       TEXT    NOT NULL,
	registered INTEGER NOT NULL,
	n          INTEGER NOT NULL,
	since      INTEGER NOT NULL,
	until      INTEGER NOT NULL,
	PRIMARY KEY (mark, registered, n, since)
) STRICT, WITHOUT ROWID;` + grownTable,
	Apply: func(ctx context.Context, t Tables, e journal.Event) error {
		id, ok := domain.Stream(e.Stream).User()
		if !ok || domain.Stream(e.Stream).Category() != "user" {
			return nil
		}
		return t.grew(ctx, id)
	},
	Settle: func(ctx context.Context, t Tables, past Past, most int) (int, error) {
		return t.settleGrown(ctx, past, most, func(id domain.UserID, f folded, known bool) error {
			if !known {
				return nil
			}
			return t.rewrite(ctx, f.first, phasesOf(id, f))
		})
	},
}

// forever is the end of a phase that nothing known ends.
const forever = math.MaxInt64

// phase is one row.
type phase struct {
	registered, n, since, until, ends int64
	user, marks, standing             string
}

// marking is one row of the index: how long one mark stands, over neighbouring phases.
type marking struct {
	mark                        string
	registered, n, since, until int64
}

// rewrite puts a user's phases in the place of those that there were, and writes what is other.
func (t Tables) rewrite(ctx context.Context, n int64, now []phase) error {
	var before []phase
	err := t.each(ctx, func(scan func(...any) error) error {
		var p phase
		err := scan(&p.registered, &p.n, &p.since, &p.until, &p.user, &p.ends, &p.marks, &p.standing)
		before = append(before, p)
		return err
	}, `SELECT registered, n, since, until, user, ends, marks, standing FROM @_phases WHERE n = ? ORDER BY since`, n)
	if err != nil {
		return err
	}
	old, fresh := markings(before), markings(now)
	for _, m := range sorted(old) {
		if fresh[m] {
			continue
		}
		if err := t.Exec(ctx, `DELETE FROM @_marks WHERE mark = ? AND registered = ? AND n = ? AND since = ?`, m.mark, m.registered, m.n, m.since); err != nil {
			return err
		}
	}
	for _, m := range sorted(fresh) {
		if old[m] {
			continue
		}
		if err := t.Exec(ctx, `INSERT INTO @_marks (mark, registered, n, since, until) VALUES (?, ?, ?, ?, ?)`, m.mark, m.registered, m.n, m.since, m.until); err != nil {
			return err
		}
	}
	for _, p := range before {
		if slices.Contains(now, p) {
			continue
		}
		if err := t.Exec(ctx, `DELETE FROM @_phases WHERE registered = ? AND n = ? AND since = ?`, p.registered, p.n, p.since); err != nil {
			return err
		}
	}
	for _, p := range now {
		if slices.Contains(before, p) {
			continue
		}
		if err := t.Exec(ctx, `INSERT INTO @_phases (registered, n, since, until, user, ends, marks, standing) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			p.registered, p.n, p.since, p.until, p.user, p.ends, p.marks, p.standing); err != nil {
			return err
		}
	}
	return nil
}

// markings are the rows of the index that phases, in order, make.
func markings(phases []phase) map[marking]bool {
	out := map[marking]bool{}
	open := map[string]marking{}
	for _, p := range phases {
		still := map[string]marking{}
		for mark := range strings.FieldsSeq(p.marks) {
			if !indexed(mark) {
				continue
			}
			m, stood := open[mark]
			if !stood {
				m = marking{mark, p.registered, p.n, p.since, 0}
			}
			m.until = p.until
			still[mark] = m
		}
		for mark, m := range open {
			if _, stands := still[mark]; !stands {
				out[m] = true
			}
		}
		open = still
	}
	for _, m := range open {
		out[m] = true
	}
	return out
}

// indexed tells whether a mark is in the index. What nearly everybody has is not: the order of registration finds it as fast.
func indexed(mark string) bool {
	switch name, value, _ := strings.Cut(mark, "="); value {
	case "none", "active", "clear", "given":
		return false
	default:
		return name != "location" && name != "language"
	}
}

func sorted(m map[marking]bool) []marking {
	return slices.SortedFunc(maps.Keys(m), func(a, b marking) int { return strings.Compare(a.mark, b.mark) })
}
