package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
)

// The tables are made by schema/*.sql, in the order of the names, each once. A released step is never edited: what it made stands in
// people's databases; a change is a further step.
//
//go:embed schema
var steps embed.FS

// migrate brings the tables of the connection's schema up to date. Of several instances that start at once one does it, and the others
// wait (TestManyOpenAtOnce). Tables that a newer program made are refused.
func migrate(ctx context.Context, c *pgx.Conn, schema string) error {
	names, err := fs.Glob(steps, "schema/*.sql")
	if err != nil || len(names) == 0 {
		return fmt.Errorf("no tables are declared (%v)", err)
	}
	at, err := version(ctx, c, schema)
	if err != nil {
		return err
	}
	if at < len(names) {
		if at, err = step(ctx, c, schema, names); err != nil {
			return err
		}
	}
	if at > len(names) {
		return fmt.Errorf("the schema %s has tables of version %d, this program knows %d: a newer one made them", schema, at, len(names))
	}
	return nil
}

// version is 0 where there is no table yet.
func version(ctx context.Context, c *pgx.Conn, schema string) (at int, err error) {
	// Not to_regclass: it may answer from what the connection remembers of before the lock (TestManyOpenAtOnce).
	const query = `SELECT EXISTS (SELECT FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace WHERE nspname = $1 AND relname = 'schema_version')`
	var there bool
	if err = c.QueryRow(ctx, query, schema).Scan(&there); err == nil && there {
		err = c.QueryRow(ctx, "SELECT version FROM schema_version").Scan(&at)
	}
	if err != nil {
		return 0, fmt.Errorf("read the tables' version: %w", err)
	}
	return at, nil
}

// migrationLock is the number of the advisory lock; it means nothing and only has to be ours.
const migrationLock = 0x6b656c6973696d

func step(ctx context.Context, c *pgx.Conn, schema string, names []string) (at int, err error) {
	tx, err := c.Begin(ctx)
	if err != nil {
		return 0, fmt.Errorf("make tables: %w", err)
	}
	defer func() { _ = tx.Rollback(ctx) }() // nothing to undo once it is committed
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", migrationLock); err != nil {
		return 0, fmt.Errorf("make tables: %w", err)
	}
	if at, err = version(ctx, c, schema); err != nil || at >= len(names) {
		return at, err
	}
	if at == 0 {
		const begin = `CREATE TABLE schema_version (one boolean PRIMARY KEY DEFAULT true CHECK (one), version integer NOT NULL);
			INSERT INTO schema_version (version) VALUES (0)`
		if _, err := tx.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS "+pgx.Identifier{schema}.Sanitize()+";"+begin); err != nil {
			return 0, fmt.Errorf("make tables: %w", err)
		}
	}
	for ; at < len(names); at++ {
		text, err := steps.ReadFile(names[at])
		if err != nil {
			return at, fmt.Errorf("make tables: %w", err)
		}
		if _, err := tx.Exec(ctx, string(text)+fmt.Sprintf(";\nUPDATE schema_version SET version = %d", at+1)); err != nil {
			return at, fmt.Errorf("make tables, step %d: %w", at+1, err)
		}
	}
	if err := tx.Commit(ctx); err != nil {
		return at, fmt.Errorf("make tables: %w", err)
	}
	return at, nil
}
