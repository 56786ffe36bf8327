package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"kelisim/commands/tlog"
)

func (l *Log) SaveCosigned(_ context.Context, c tlog.Cosigned) error {
	tx, err := l.writer.Begin()
	if err != nil {
		return fmt.Errorf("store cosignatures: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // nothing to undo once it is committed
	_, err = tx.Exec("DELETE FROM cosigned WHERE size < ?1 AND (?2 OR ?3 AND size <> ifnull((SELECT max(size) FROM cosigned WHERE quorum), 0))", c.Size, c.Quorum, c.Open)
	if err == nil {
		_, err = tx.Exec("REPLACE INTO cosigned (size, lines, lasting, quorum, open) VALUES (?, ?, ?, ?, ?)", c.Size, filled(c.Lines), filled(c.Lasting), c.Quorum, c.Open)
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		return fmt.Errorf("store cosignatures: %w", err)
	}
	return nil
}

func (l *Log) Cosigned(ctx context.Context) ([]tlog.Cosigned, error) {
	return collect(ctx, l.readers, func(rows *sql.Rows) (c tlog.Cosigned, err error) {
		return c, rows.Scan(&c.Size, &c.Lines, &c.Lasting, &c.Quorum, &c.Open)
	}, "SELECT size, lines, lasting, quorum, open FROM cosigned ORDER BY size")
}
