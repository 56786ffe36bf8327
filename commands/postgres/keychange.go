package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"kelisim/commands/vault"
	"kelisim/domain"
)

// change is one transaction of the key store, with the subjects that it has locked.
type change struct {
	pgx.Tx
	ids    map[string]int64 // by name
	erased map[string]bool
}

// change carries out one change of the named subjects, all of it or none, and tries again what the server has surely not done. Once
// begun it is carried through, whatever becomes of the context. An error at its very end leaves open whether it was done; every change can be asked
// for again.
func (k *Keys) change(ctx context.Context, do func(context.Context, *change) error, subjects ...string) error {
	slices.Sort(subjects)
	subjects = slices.Compact(subjects)
	return k.db.try(ctx, func(ctx context.Context, c *pgx.Conn) error {
		tx, err := c.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
		if err != nil {
			return err
		}
		t := &change{tx, map[string]int64{}, map[string]bool{}}
		if err = t.lock(ctx, subjects); err == nil {
			err = do(ctx, t)
		}
		if err != nil {
			if undone := tx.Rollback(ctx); undone != nil && !errors.Is(undone, pgx.ErrTxClosed) {
				err = errors.Join(err, undone)
			}
			return err
		}
		if err := tx.Commit(ctx); err != nil {
			var server *pgconn.PgError
			if errors.Is(err, pgx.ErrTxCommitRollback) || errors.As(err, &server) && !c.IsClosed() {
				return err
			}
			return unsure{fmt.Errorf("it is not known whether it was done: %w", err)}
		}
		return nil
	})
}

// lock names the subjects that are new, locks all of them, in the order of their names so that two changes do not wait for each other, and
// then looks which are erased: a statement after the lock sees what the lock waited for.
func (t *change) lock(ctx context.Context, subjects []string) error {
	if len(subjects) == 0 {
		return nil
	}
	var b pgx.Batch
	b.Queue(`INSERT INTO subject (name) SELECT name FROM unnest($1::text[]) AS name ON CONFLICT DO NOTHING`, subjects)
	b.Queue(`SELECT name, id FROM subject WHERE name = ANY ($1) ORDER BY name FOR UPDATE`, subjects).Query(func(rows pgx.Rows) error {
		var name string
		var id int64
		_, err := pgx.ForEachRow(rows, []any{&name, &id}, func() error { t.ids[name] = id; return nil })
		return err
	})
	b.Queue(`SELECT name FROM destroyed JOIN subject ON subject.id = destroyed.subject WHERE name = ANY ($1) AND class IN ('identity', '')`, subjects).
		Query(func(rows pgx.Rows) error {
			var name string
			_, err := pgx.ForEachRow(rows, []any{&name}, func() error { t.erased[name] = true; return nil })
			return err
		})
	return t.SendBatch(ctx, &b).Close()
}

func subjectsOf(c vault.Change) (names []string) {
	for _, holdings := range [][]vault.Holding{c.Confirm, c.Release, c.Drop} {
		for _, h := range holdings {
			names = append(names, h.Subject)
		}
	}
	for _, r := range c.Reserve {
		names = append(names, r.Subject)
	}
	if len(c.Keys) > 0 {
		names = append(names, c.Keys[0].Subject)
	}
	for _, entries := range [][]vault.Entry{c.Index, c.Unindex} {
		for _, e := range entries {
			names = append(names, e.Subject)
		}
	}
	return names
}

// apply asks for all but the drops in one round trip.
func (t *change) apply(ctx context.Context, c vault.Change) (standing []vault.Key, err error) {
	for _, r := range c.Reserve {
		if t.erased[r.Subject] {
			return nil, vault.ErrErased
		}
	}
	for _, e := range c.Index {
		if t.erased[e.Subject] {
			return nil, vault.ErrErased
		}
	}
	if len(c.Keys) > 0 && t.erased[c.Keys[0].Subject] {
		return nil, vault.ErrErased
	}
	var b pgx.Batch
	for _, h := range c.Confirm {
		b.Queue(`UPDATE login SET confirmed = true WHERE mac = $1 AND subject = $2`, h.Login[:], t.ids[h.Subject])
	}
	for _, h := range c.Release {
		b.Queue(`DELETE FROM login WHERE mac = $1 AND subject = $2`, h.Login[:], t.ids[h.Subject])
	}
	if err := t.SendBatch(ctx, &b).Close(); err != nil {
		return nil, err
	}
	for _, h := range c.Drop {
		tag, err := t.Exec(ctx, `DELETE FROM login WHERE mac = $1 AND subject = $2 AND NOT confirmed`, h.Login[:], t.ids[h.Subject])
		if err == nil && tag.RowsAffected() > 0 {
			_, err = t.Exec(ctx, `DELETE FROM search WHERE subject = $1 AND NOT EXISTS (SELECT 1 FROM login WHERE subject = $1)`, t.ids[h.Subject])
		}
		if err != nil {
			return nil, err
		}
	}
	for _, r := range c.Reserve {
		if err := t.reserve(ctx, r); err != nil {
			return nil, err
		}
	}
	b = pgx.Batch{}
	if len(c.Keys) > 0 {
		t.create(&b, c.Keys, &standing)
	}
	for _, e := range c.Index {
		b.Queue(`INSERT INTO search (field, mac, subject) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, string(e.Field), e.Value[:], t.ids[e.Subject])
	}
	for _, e := range c.Unindex {
		b.Queue(`DELETE FROM search WHERE field = $1 AND mac = $2 AND subject = $3`, string(e.Field), e.Value[:], t.ids[e.Subject])
	}
	if err := t.SendBatch(ctx, &b).Close(); err != nil {
		return nil, err
	}
	return standing, nil
}

// reserve waits for whoever is reserving the same login, and looks again if they let it go meanwhile.
func (t *change) reserve(ctx context.Context, r vault.Reservation) error {
	for {
		var reserved bool
		var held []vault.Reservation
		var b pgx.Batch
		b.Queue(`INSERT INTO login (mac, subject, reserved_at, instance) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
			r.Login[:], t.ids[r.Subject], r.ReservedAt.UnixMicro(), r.Instance).Exec(func(tag pgconn.CommandTag) error {
			reserved = tag.RowsAffected() > 0
			return nil
		})
		b.Queue(holderOf, r.Login[:]).Query(func(rows pgx.Rows) (err error) {
			held, err = collect(rows, scanReservation)
			return err
		})
		if err := t.SendBatch(ctx, &b).Close(); err != nil || reserved {
			return err
		}
		if len(held) > 0 && held[0].Subject != r.Subject {
			return &vault.TakenError{Reservation: held[0]}
		}
		if len(held) > 0 {
			return nil
		}
	}
}

// create makes keys for a subject that has none, living or destroyed, and lists what then stands.
func (t *change) create(b *pgx.Batch, keys []vault.Key, standing *[]vault.Key) {
	subject := keys[0].Subject
	var ids, classes []string
	var generations []int64
	var wrapped [][]byte
	for _, k := range keys {
		ids, classes = append(ids, k.ID), append(classes, string(k.Class))
		generations, wrapped = append(generations, int64(k.Generation)), append(wrapped, k.Wrapped)
	}
	b.Queue(`INSERT INTO dek (subject, kid, class, generation, wrapped)
		SELECT $1::bigint, k.* FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bytea[]) AS k
		WHERE NOT EXISTS (SELECT 1 FROM dek WHERE subject = $1) AND NOT EXISTS (SELECT 1 FROM destroyed WHERE subject = $1)`,
		t.ids[subject], ids, classes, generations, wrapped)
	b.Queue(keysOf, subject).Query(func(rows pgx.Rows) (err error) {
		*standing, err = collect(rows, scanKey)
		return err
	})
}

func (t *change) destroy(ctx context.Context, d vault.Destruction) ([]string, error) {
	known, err := gather(ctx, t, scanKey, keysOf, d.Subject)
	if err != nil {
		return nil, err
	}
	class := map[string]string{}
	ids := slices.Clone(d.IDs)
	for _, k := range known {
		class[k.ID] = string(k.Class)
		if slices.Contains(d.Classes, k.Class) {
			ids = append(ids, k.ID)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	there, err := gather(ctx, t, scanKey, keysByID, ids)
	if err != nil {
		return nil, err
	}
	for _, k := range there {
		if k.Subject != d.Subject {
			return nil, fmt.Errorf("key %s is not %s's", k.ID, d.Subject)
		}
	}
	classes := make([]string, len(ids))
	for i, id := range ids {
		classes[i] = class[id]
	}
	subject := t.ids[d.Subject]
	var b pgx.Batch
	b.Queue(`DELETE FROM dek WHERE kid = ANY ($1)`, ids)
	b.Queue(`INSERT INTO destroyed (kid, class, subject, reads, at)
		SELECT k.*, $3::bigint, $4, $5::bigint FROM unnest($1::text[], $2::text[]) AS k ON CONFLICT DO NOTHING`,
		ids, classes, subject, string(d.As), d.At.UnixMicro())
	if d.As == domain.Destroyed {
		b.Queue(`UPDATE destroyed SET reads = 'destroyed' WHERE subject = $1 AND reads <> 'destroyed'`, subject)
	}
	if d.Forget {
		b.Queue(`DELETE FROM login WHERE subject = $1`, subject)
		b.Queue(`DELETE FROM search WHERE subject = $1`, subject)
	}
	if err := t.SendBatch(ctx, &b).Close(); err != nil {
		return nil, err
	}
	return ids, nil
}
