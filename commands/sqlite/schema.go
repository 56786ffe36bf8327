package sqlite

import (
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"path"
)

// Each file's tables are made by schema/NAME/*.sql, in the order of the names, each once. A released step is never edited: what it
// made stands in people's files; a change is a further step.
//
//go:embed schema
var schemas embed.FS

// migrate brings a file's tables up to date, each step in a transaction of its own, counted in user_version.
// A file that a newer program wrote is refused.
func migrate(writer *sql.DB, name string) error {
	steps, at, err := schemaState(writer, name)
	if err != nil {
		return err
	}
	for ; at < len(steps); at++ {
		text, err := schemas.ReadFile(steps[at])
		if err != nil {
			return fmt.Errorf("tables of %s: %w", name, err)
		}
		tx, err := writer.Begin()
		if err != nil {
			return fmt.Errorf("tables of %s, step %d: %w", name, at+1, err)
		}
		if _, err := tx.Exec(string(text) + fmt.Sprintf(";\nPRAGMA user_version = %d", at+1)); err != nil {
			_ = tx.Rollback()
			return fmt.Errorf("tables of %s, step %d: %w", name, at+1, err)
		}
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("tables of %s, step %d: %w", name, at+1, err)
		}
	}
	return nil
}

// migrated tells whether a file that is only read has the tables that this program knows.
func migrated(readers *sql.DB, name string) error {
	steps, at, err := schemaState(readers, name)
	if err != nil {
		return err
	}
	if at < len(steps) {
		return fmt.Errorf("the %s file has tables of version %d, this program reads %d: open it once for writing", name, at, len(steps))
	}
	return nil
}

func schemaState(db *sql.DB, name string) (steps []string, at int, err error) {
	steps, err = fs.Glob(schemas, path.Join("schema", name, "*.sql"))
	if err != nil || len(steps) == 0 {
		return nil, 0, fmt.Errorf("no tables are declared for %s (%v)", name, err)
	}
	if err := db.QueryRow("PRAGMA user_version").Scan(&at); err != nil {
		return nil, 0, fmt.Errorf("tables of %s: %w", name, err)
	}
	if at > len(steps) {
		return nil, 0, fmt.Errorf("the %s file has tables of version %d, this program knows %d: a newer one wrote it", name, at, len(steps))
	}
	return steps, at, nil
}
