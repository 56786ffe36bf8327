package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"kelisim/commands/access"
	"kelisim/domain"
)

// Access keeps token hashes in a PostgreSQL database; see access.Store for what it promises. Each Find is one round trip: what another process
// revoked a moment ago must count.
type Access struct{ db *Database }

var _ access.Store = (*Access)(nil)

const tokenColumns = "id, name, role, person, subject, hash, created_at, expires_at, revoked_at, last_used_at"

func scanToken(row pgx.CollectableRow) (r access.Record, err error) {
	var hash []byte
	var role, subject string
	var created, expires, revoked, used int64
	err = row.Scan(&r.ID, &r.Name, &role, &r.Person, &subject, &hash, &created, &expires, &revoked, &used)
	copy(r.Hash[:], hash)
	r.Role = access.Role(role)
	r.Subject = domain.UserID(subject)
	r.CreatedAt, r.ExpiresAt, r.RevokedAt, r.LastUsedAt = date(created), date(expires), date(revoked), date(used)
	return r, err
}

// date reads a stored time; 0 is not yet.
func date(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// Insert takes turns with those who insert the same name.
func (a *Access) Insert(ctx context.Context, r access.Record) error {
	at := r.CreatedAt.UnixMicro()
	err := a.db.try(ctx, func(ctx context.Context, c *pgx.Conn) error {
		tx, err := c.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback(ctx) }() // nothing to undo once it is committed
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1, hashtext($2))", tokenLock, r.Name); err != nil {
			return err
		}
		var taken, ours bool
		err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM token WHERE name = $1 AND id <> $6 AND
			(role <> $2 OR subject <> $3 OR person <> $4 OR (revoked_at = 0 AND expires_at > $5))),
			EXISTS (SELECT 1 FROM token WHERE id = $6 AND hash = $7)`, r.Name, string(r.Role), string(r.Subject), r.Person, at, r.ID, r.Hash[:]).Scan(&taken, &ours)
		if err != nil || ours {
			return err
		}
		if taken {
			return access.ErrNameTaken
		}
		if _, err := tx.Exec(ctx, "DELETE FROM token WHERE role = 'subject' AND expires_at < $1", at-access.Forgotten.Microseconds()); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "INSERT INTO token (id, name, role, person, subject, hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
			r.ID, r.Name, string(r.Role), r.Person, string(r.Subject), r.Hash[:], at, r.ExpiresAt.UnixMicro())
		if err != nil {
			return err
		}
		return tx.Commit(ctx)
	})
	if errors.Is(err, access.ErrNameTaken) {
		return access.ErrNameTaken
	}
	if err != nil {
		return fmt.Errorf("insert a token: %w", err)
	}
	return nil
}

// tokenLock is the first half of the advisory locks on names; it means nothing and only has to be ours.
const tokenLock = 0x746f6b

// errAway: the caller may come again; it is not the ledger that is broken.
var errAway = domain.Refuse(domain.Unavailable, "unavailable", "it cannot be looked up now who asks; try again")

func (a *Access) Find(ctx context.Context, id string) (access.Record, bool, error) {
	all, err := a.list(ctx, "WHERE id = $1", id)
	if err != nil {
		return access.Record{}, false, fmt.Errorf("find a token: %w: %w", errAway, err)
	}
	if len(all) == 0 {
		return access.Record{}, false, nil
	}
	return all[0], true, nil
}

func (a *Access) List(ctx context.Context) ([]access.Record, error) {
	all, err := a.list(ctx, "ORDER BY created_at, seq")
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return all, nil
}

func (a *Access) list(ctx context.Context, which string, args ...any) (all []access.Record, err error) {
	err = a.db.try(ctx, func(ctx context.Context, c *pgx.Conn) error {
		all, err = gather(ctx, c, scanToken, "SELECT "+tokenColumns+" FROM token "+which, args...)
		return err
	})
	return all, err
}

func (a *Access) Revoke(ctx context.Context, name string, at time.Time) (found bool, err error) {
	found, err = a.update(ctx, "UPDATE token SET revoked_at = $1 WHERE name = $2 AND revoked_at IN (0, $1) AND expires_at > $1", at.UnixMicro(), name)
	if err != nil {
		return false, fmt.Errorf("revoke a token: %w", err)
	}
	return found, nil
}

func (a *Access) Touch(ctx context.Context, id string, at time.Time) error {
	if _, err := a.update(ctx, "UPDATE token SET last_used_at = $1 WHERE id = $2", at.UnixMicro(), id); err != nil {
		return fmt.Errorf("note a token's use: %w", err)
	}
	return nil
}

func (a *Access) update(ctx context.Context, statement string, args ...any) (done bool, err error) {
	err = a.db.try(ctx, func(ctx context.Context, c *pgx.Conn) error {
		tag, err := c.Exec(ctx, statement, args...)
		done = tag.RowsAffected() > 0
		return err
	})
	return done, err
}
