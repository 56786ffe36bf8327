package sqlite

import (
	"database/sql"
	"errors"
)

// Views is the file of the read models, views.db. It can be thrown away: they are rebuilt from the journal.
type Views struct {
	Writer  *sql.DB // one connection
	Readers *sql.DB
}

// OpenViews opens the file of the read models, and makes it if it is not there.
func OpenViews(path string) (*Views, error) {
	writer, readers, err := openDB(path, viewMode, false)
	if err != nil {
		return nil, err
	}
	return &Views{writer, readers}, nil
}

// Close closes the readers, then the writer.
func (v *Views) Close() error { return errors.Join(v.Readers.Close(), v.Writer.Close()) }

// ReadViews opens the file of the read models for reading, also beside the process that keeps them up.
func ReadViews(path string) (*sql.DB, error) {
	_, readers, err := openDB(path, viewMode, true)
	return readers, err
}
