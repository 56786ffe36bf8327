package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"kelisim/commands/access"
)

// Access keeps token hashes in access.db; see access.Store for what it promises.
//
// A token is checked at every request, so what was read is kept in memory for as long as the file's data_version stands still: that
// number moves when any other connection commits, of this process or another, and costs no read of a page.
type Access struct {
	writer, readers *sql.DB

	mu      sync.Mutex // held around conn: data_version is a connection's own number
	conn    *sql.Conn
	version *sql.Stmt
	find    *sql.Stmt
	seen    int64
	known   map[string]access.Record
}

// OpenAccess opens the file, with its tables, made if it is not there.
func OpenAccess(path string) (*Access, error) {
	writer, readers, err := openDB(path, walMode, false)
	if err != nil {
		return nil, err
	}
	a := &Access{writer: writer, readers: readers, known: map[string]access.Record{}}
	if err := a.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), a.Close())
	}
	return a, nil
}

func (a *Access) prepare() (err error) {
	if err := migrate(a.writer, "access"); err != nil {
		return err
	}
	ctx := context.Background()
	if a.conn, err = a.readers.Conn(ctx); err != nil {
		return err
	}
	if a.version, err = a.conn.PrepareContext(ctx, "PRAGMA data_version"); err != nil {
		return err
	}
	a.find, err = a.conn.PrepareContext(ctx, "SELECT "+tokenColumns+" FROM tokens WHERE id = ?")
	return err
}

// Close lets go of the file.
func (a *Access) Close() error {
	var err error
	for _, statement := range []*sql.Stmt{a.version, a.find} { // one that is left open would leave the log beside the file
		if statement != nil {
			err = errors.Join(err, statement.Close())
		}
	}
	if a.conn != nil {
		err = errors.Join(err, a.conn.Close())
	}
	return errors.Join(err, a.readers.Close(), a.writer.Close())
}

const tokenColumns = "id, name, role, person, subject, hash, created_at, expires_at, revoked_at, last_used_at"

func scanToken(scan func(...any) error) (access.Record, error) {
	var r access.Record
	var hash []byte
	var created, expires, revoked, used int64
	err := scan(&r.ID, &r.Name, &r.Role, &r.Person, &r.Subject, &hash, &created, &expires, &revoked, &used)
	copy(r.Hash[:], hash)
	r.CreatedAt, r.ExpiresAt, r.RevokedAt, r.LastUsedAt = fromMillis(created), fromMillis(expires), fromMillis(revoked), fromMillis(used)
	return r, err
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func (a *Access) Insert(_ context.Context, r access.Record) error {
	tx, err := a.writer.Begin()
	if err != nil {
		return fmt.Errorf("insert a token: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // nothing to undo once it is committed
	at := r.CreatedAt.UnixMilli()
	var taken bool
	err = tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM tokens WHERE name = ?1 AND
		(role != ?2 OR subject != ?3 OR person != ?4 OR (revoked_at = 0 AND expires_at > ?5)))`, r.Name, r.Role, r.Subject, r.Person, at).Scan(&taken)
	if err != nil {
		return fmt.Errorf("insert a token: %w", err)
	}
	if taken {
		return access.ErrNameTaken
	}
	if _, err := tx.Exec("DELETE FROM tokens WHERE role = 'subject' AND expires_at < ?", at-access.Forgotten.Milliseconds()); err != nil {
		return fmt.Errorf("forget old tokens: %w", err)
	}
	_, err = tx.Exec("INSERT INTO tokens (id, name, role, person, subject, hash, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		r.ID, r.Name, r.Role, r.Person, r.Subject, r.Hash[:], at, r.ExpiresAt.UnixMilli())
	if err != nil {
		return fmt.Errorf("insert a token: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("insert a token: %w", err)
	}
	return nil
}

func (a *Access) Find(_ context.Context, id string) (access.Record, bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var version int64
	if err := a.version.QueryRow().Scan(&version); err != nil {
		return access.Record{}, false, fmt.Errorf("look for changed tokens: %w", err)
	}
	if version != a.seen {
		clear(a.known)
		a.seen = version
	}
	if r, ok := a.known[id]; ok {
		return r, true, nil
	}
	r, err := scanToken(a.find.QueryRow(id).Scan)
	if errors.Is(err, sql.ErrNoRows) { // not kept: there is no end of ids that are not there
		return access.Record{}, false, nil
	}
	if err != nil {
		return access.Record{}, false, fmt.Errorf("find a token: %w", err)
	}
	a.known[id] = r
	return r, true, nil
}

func (a *Access) List(ctx context.Context) ([]access.Record, error) {
	rows, err := a.readers.QueryContext(ctx, "SELECT "+tokenColumns+" FROM tokens ORDER BY created_at, rowid")
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	defer rows.Close()
	var all []access.Record
	for rows.Next() {
		r, err := scanToken(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("list tokens: %w", err)
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

func (a *Access) Revoke(_ context.Context, name string, at time.Time) (bool, error) {
	ms := at.UnixMilli()
	result, err := a.writer.Exec("UPDATE tokens SET revoked_at = ?1 WHERE name = ?2 AND revoked_at = 0 AND expires_at > ?1", ms, name)
	if err != nil {
		return false, fmt.Errorf("revoke a token: %w", err)
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

func (a *Access) Touch(_ context.Context, id string, at time.Time) error {
	if _, err := a.writer.Exec("UPDATE tokens SET last_used_at = ? WHERE id = ?", at.UnixMilli(), id); err != nil {
		return fmt.Errorf("note a token's use: %w", err)
	}
	return nil
}
