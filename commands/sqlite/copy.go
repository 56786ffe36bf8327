package sqlite

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
)

// Copy writes the database at from, as it stands at one moment, into a new file at to: its owner's alone, without free pages, and
// without a log beside it. A process that writes to it meanwhile is not disturbed. to must not be there.
func Copy(ctx context.Context, from, to string) error {
	if _, err := os.Stat(from); err != nil {
		return fmt.Errorf("copy a database: %w", err)
	}
	if _, err := os.Stat(to); !errors.Is(err, os.ErrNotExist) {
		return errors.Join(fmt.Errorf("copy a database: %w: %s", os.ErrExist, to), err)
	}
	if err := create(to); err != nil {
		return fmt.Errorf("copy a database: %w", err)
	}
	db := pool(dsn(from, url.Values{"mode": {"ro"}}), always)
	_, err := db.ExecContext(ctx, "VACUUM INTO ?", dsn(to, nil))
	if err = errors.Join(err, db.Close()); err != nil {
		return errors.Join(fmt.Errorf("copy %s: %w", from, err), os.Remove(to))
	}
	return nil
}
