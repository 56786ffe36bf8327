package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"kelisim/commands/vault"
	"kelisim/domain"
)

// Keys is a vault.Keys in a PostgreSQL database, shared by every process that opens it. A change is one transaction that locks the subjects it
// is about, in the order of their names; the server shares one sync of its disk among those that commit at once.
//
// What is destroyed is gone for every reader when Destroy returns, but not yet from the disk: PostgreSQL writes a row anew instead of over the old
// one. The table is vacuumed within about a minute after; the server's log keeps the row until it is recycled, and so do its archive and
// base backups for as long as they are kept. What lies there is wrapped: destroying the generation of the master key that it is wrapped under, after
// "rotate", makes all of it useless at once.
type Keys struct{ db *Database }

var _ vault.Keys = (*Keys)(nil)

// Close leaves the database open: it is the database that is closed.
func (k *Keys) Close() error { return nil }

// Both tables of keys are read as one.
const (
	living    = `SELECT kid, name, class, generation, wrapped, 'available', 0 FROM dek JOIN subject ON subject.id = dek.subject WHERE `
	destroyed = `SELECT kid, name, class, 0, NULL, reads, at FROM destroyed JOIN subject ON subject.id = destroyed.subject WHERE `

	keysOf   = living + `name = $1 UNION ALL ` + destroyed + `name = $1 ORDER BY 1`
	keysByID = living + `kid = ANY ($1) UNION ALL ` + destroyed + `kid = ANY ($1) ORDER BY 1`
	liveKeys = living + `kid > $1 ORDER BY kid LIMIT $2`

	reservations = `SELECT mac, name, reserved_at, instance, confirmed FROM login JOIN subject ON subject.id = login.subject `
	holderOf     = reservations + `WHERE mac = $1`
	unconfirmed  = reservations + `WHERE NOT confirmed AND reserved_at < $1 ORDER BY reserved_at, name, mac LIMIT $2`

	found   = `SELECT name FROM search JOIN subject ON subject.id = search.subject WHERE field = $1 AND mac = $2 ORDER BY name LIMIT $3`
	claimed = `SELECT holder FROM claim WHERE kind = $1 AND thing = $2`
)

// read gathers the rows of one statement.
func read[T any](ctx context.Context, k *Keys, scan pgx.RowToFunc[T], query string, args ...any) (all []T, err error) {
	err = k.db.try(ctx, func(ctx context.Context, c *pgx.Conn) error {
		all, err = gather(ctx, c, scan, query, args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the key store: %w", err)
	}
	return all, nil
}

// queryer is a connection or a transaction.
type queryer interface {
	Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
}

func gather[T any](ctx context.Context, c queryer, scan pgx.RowToFunc[T], query string, args ...any) ([]T, error) {
	rows, err := c.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, scan)
}

// collect answers nil where there is no row.
func collect[T any](rows pgx.Rows, scan pgx.RowToFunc[T]) ([]T, error) {
	return pgx.AppendRows([]T(nil), rows, scan)
}

func scanKey(row pgx.CollectableRow) (k vault.Key, err error) {
	var class, state string
	var at int64
	err = row.Scan(&k.ID, &k.Subject, &class, &k.Generation, &k.Wrapped, &state, &at)
	if k.Class, k.State = domain.Class(class), domain.PersonalState(state); k.State != domain.Available {
		k.At = time.UnixMicro(at).UTC()
	}
	return k, err
}

func scanReservation(row pgx.CollectableRow) (r vault.Reservation, err error) {
	var mac []byte
	var at int64
	err = row.Scan(&mac, &r.Subject, &at, &r.Instance, &r.Confirmed)
	copy(r.Login[:], mac)
	r.ReservedAt = time.UnixMicro(at).UTC()
	return r, err
}

func (k *Keys) KeysOf(ctx context.Context, subject string) ([]vault.Key, error) {
	return read(ctx, k, scanKey, keysOf, subject)
}

func (k *Keys) Key(ctx context.Context, id string) (vault.Key, error) {
	all, err := read(ctx, k, scanKey, keysByID, []string{id})
	if err != nil {
		return vault.Key{}, err
	}
	if len(all) == 0 {
		return vault.Key{}, fmt.Errorf("key %s: %w", id, vault.ErrNoKey)
	}
	return all[0], nil
}

func (k *Keys) Live(ctx context.Context, after string, limit int) ([]vault.Key, error) {
	return read(ctx, k, scanKey, liveKeys, after, limit)
}

func (k *Keys) Holder(ctx context.Context, login vault.MAC) (vault.Reservation, bool, error) {
	all, err := read(ctx, k, scanReservation, holderOf, login[:])
	if err != nil || len(all) == 0 {
		return vault.Reservation{}, false, err
	}
	return all[0], true, nil
}

func (k *Keys) Unconfirmed(ctx context.Context, before time.Time, limit int) ([]vault.Reservation, error) {
	return read(ctx, k, scanReservation, unconfirmed, before.UnixMicro(), limit)
}

func (k *Keys) Find(ctx context.Context, field vault.Field, value vault.MAC, limit int) ([]string, error) {
	return read(ctx, k, pgx.RowTo[string], found, string(field), value[:], limit)
}

// Claim looks first, so that a claim that stands writes nothing.
func (k *Keys) Claim(ctx context.Context, c vault.Claim) (string, error) {
	holders, err := read(ctx, k, pgx.RowTo[string], claimed, c.Kind, c.Thing[:])
	if err != nil {
		return "", fmt.Errorf("claim: %w", err)
	}
	if len(holders) > 0 {
		return holders[0], nil
	}
	err = k.change(ctx, func(ctx context.Context, tx *change) (err error) {
		const claim = `INSERT INTO claim (kind, thing, holder) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
		if _, err := tx.Exec(ctx, claim, c.Kind, c.Thing[:], c.Holder); err != nil {
			return err
		}
		holders, err = gather(ctx, tx, pgx.RowTo[string], claimed, c.Kind, c.Thing[:])
		return err
	})
	if err != nil {
		return "", fmt.Errorf("claim: %w", err)
	}
	return holders[0], nil
}

func (k *Keys) Apply(ctx context.Context, c vault.Change) (standing []vault.Key, err error) {
	err = k.change(ctx, func(ctx context.Context, tx *change) (err error) {
		standing, err = tx.apply(ctx, c)
		return err
	}, subjectsOf(c)...)
	if err != nil {
		return nil, fmt.Errorf("change the key store: %w", err)
	}
	return standing, nil
}

func (k *Keys) Destroy(ctx context.Context, d vault.Destruction) (ids []string, err error) {
	err = k.change(ctx, func(ctx context.Context, tx *change) (err error) {
		ids, err = tx.destroy(ctx, d)
		return err
	}, d.Subject)
	if err != nil {
		return nil, fmt.Errorf("destroy keys: %w", err)
	}
	return ids, nil
}

// Rewrap takes the keys in the order of their ids, so that two at once do not wait for each other.
func (k *Keys) Rewrap(ctx context.Context, keys []vault.Key) error {
	keys = slices.Clone(keys)
	slices.SortFunc(keys, func(a, b vault.Key) int { return strings.Compare(a.ID, b.ID) })
	err := k.change(ctx, func(ctx context.Context, tx *change) error {
		var b pgx.Batch
		for _, key := range keys {
			b.Queue(`UPDATE dek SET generation = $2, wrapped = $3 WHERE kid = $1 AND generation < $2`, key.ID, key.Generation, key.Wrapped)
		}
		return tx.SendBatch(ctx, &b).Close()
	})
	if err != nil {
		return fmt.Errorf("rewrap keys: %w", err)
	}
	return nil
}
