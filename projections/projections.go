// Package projections is the read side: it follows the journal and keeps tables to answer questions over many users, or over streams
// that no single user's fold reads. A single user's question is never answered from here: commands.Snapshot folds the stream.
//
// Tables are disposable: they hold nothing that the journal does not tell, and are rebuilt from it. A read model is a Projection, one
// file each, with one line in All. Raising its Version builds it anew, in tables beside the old ones with a cursor of their own, and swaps
// them in one transaction when they have caught up. Rows and cursor are written in one transaction, so that an event is applied exactly once
// (TestReplayEqualsLive). An event that a projection cannot apply halts that one, loudly, and nothing else (TestPoisonedEvent).
//
// No personal value is opened here: read models hold what stands in clear in the journal.
package projections

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"kelisim/commands/journal"
)

// Projection is one read model.
type Projection struct {
	Name    string // also the beginning of its tables' names
	Version int    // raise it when Schema or Apply changes what is kept
	// Schema makes its tables and indexes; @ stands for the beginning of their names ("CREATE TABLE @_days …").
	Schema string
	// Tables are its tables' names without their beginning: what a digest is taken over.
	Tables []string
	// Apply keeps what one event changes. It may use nothing but the event and what it kept before. Checkpoints and leases do not come to it.
	Apply func(ctx context.Context, t Tables, e journal.Event) error
	// Settle, where there is one, makes rows of what Apply only marked: of so many marks at most, and tells of how many; 0: none are left. It
	// may use the journal as well, up to the last event applied, which Past holds it to. A model that answers is settled at the end of each
	// batch; one that is built anew, before it answers, so that a rebuild makes each row once (TestReplayEqualsLive).
	Settle func(ctx context.Context, t Tables, past Past, most int) (int, error)
}

// All is every read model.
var All = []Projection{activities, letters, incidents, held, erasures, users, due, destructions, findings}

// Tables are one generation of a projection's tables.
type Tables struct {
	begin string
	db    querier
	memo  map[string]int64 // numbers that an Apply looked up, which hold while no batch fails; nil outside of one
}

type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func (t Tables) name(query string) string { return strings.ReplaceAll(query, "@", t.begin) }

// Exec runs a statement in which @ stands for the beginning of the tables' names.
func (t Tables) Exec(ctx context.Context, query string, args ...any) error {
	if _, err := t.db.ExecContext(ctx, t.name(query), args...); err != nil {
		return fmt.Errorf("change %s: %w", t.begin, err)
	}
	return nil
}

// Query asks for rows; the caller closes them.
func (t Tables) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := t.db.QueryContext(ctx, t.name(query), args...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", t.begin, err)
	}
	return rows, nil
}

// Row asks for one row.
func (t Tables) Row(ctx context.Context, query string, args ...any) *sql.Row {
	return t.db.QueryRowContext(ctx, t.name(query), args...)
}

// each asks for rows and visits them.
func (t Tables) each(ctx context.Context, visit func(scan func(...any) error) error, query string, args ...any) error {
	rows, err := t.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := visit(rows.Scan); err != nil {
			return fmt.Errorf("read %s: %w", t.begin, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read %s: %w", t.begin, err)
	}
	return nil
}

// beginning names the tables of one generation.
func beginning(name string, generation int64) string {
	return name + "_" + strconv.FormatInt(generation, 10)
}
