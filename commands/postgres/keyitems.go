package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"

	"kelisim/commands/vault"
)

// Items yields all that the key store holds, as it stands at one moment. It is not ended by the database's timeout.
func (k *Keys) Items(ctx context.Context) iter.Seq2[vault.Item, error] {
	return func(yield func(vault.Item, error) bool) {
		err := k.alone(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
			for _, l := range lists {
				rows, err := tx.Query(ctx, l.query)
				if err != nil {
					return err
				}
				for rows.Next() {
					item, err := l.scan(rows)
					if err == nil && !yield(item, nil) {
						err = errEnough
					}
					if err != nil {
						rows.Close()
						return err
					}
				}
				if err := rows.Err(); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(vault.Item{}, fmt.Errorf("read the whole key store: %w", err))
		}
	}
}

var errEnough = errors.New("no more is wanted")

// alone does something in one transaction on a connection of its own, for as long as it takes.
func (k *Keys) alone(ctx context.Context, options pgx.TxOptions, do func(pgx.Tx) error) error {
	connecting, cancel := k.db.deadline(ctx)
	defer cancel()
	conn, err := k.db.connect(connecting, func() {})
	if err != nil {
		return err
	}
	defer func() {
		ended, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(ended) // however it ends
	}()
	// What another process holds for long is told of; a slow reader of the items is not cut off.
	if _, err := conn.Exec(ctx, "SET idle_in_transaction_session_timeout = 0"); err != nil {
		return err
	}
	return pgx.BeginTxFunc(ctx, conn, options, do)
}

// list is one of the lists that a key store is made of.
type list struct {
	query string
	scan  func(pgx.CollectableRow) (vault.Item, error)
}

var lists = []list{
	{living + `true ORDER BY kid`, scanKeyItem},
	{destroyed + `true ORDER BY kid`, scanKeyItem},
	{reservations + `ORDER BY mac`, func(row pgx.CollectableRow) (vault.Item, error) {
		r, err := scanReservation(row)
		return vault.Item{Login: &r}, err
	}},
	{`SELECT field, mac, name FROM search JOIN subject ON subject.id = search.subject ORDER BY field, mac, name`, func(row pgx.CollectableRow) (vault.Item, error) {
		var e vault.Entry
		var mac []byte
		err := row.Scan((*string)(&e.Field), &mac, &e.Subject)
		copy(e.Value[:], mac)
		return vault.Item{Entry: &e}, err
	}},
	{`SELECT kind, thing, holder FROM claim ORDER BY kind, thing`, func(row pgx.CollectableRow) (vault.Item, error) {
		var c vault.Claim
		var mac []byte
		err := row.Scan(&c.Kind, &mac, &c.Holder)
		copy(c.Thing[:], mac)
		return vault.Item{Claim: &c}, err
	}},
}

func scanKeyItem(row pgx.CollectableRow) (vault.Item, error) {
	key, err := scanKey(row)
	return vault.Item{Key: &key}, err
}

// Fill takes all items into a key store that holds nothing, in one transaction: all or none. Nobody else may use the store before. ErrNotEmpty: it holds
// something, and nothing was written.
func (k *Keys) Fill(ctx context.Context, items iter.Seq2[vault.Item, error]) error {
	err := k.alone(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "LOCK TABLE subject, claim IN EXCLUSIVE MODE"); err != nil {
			return err
		}
		var any bool
		if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM subject) OR EXISTS (SELECT FROM claim)").Scan(&any); err != nil {
			return err
		}
		if any {
			return vault.ErrNotEmpty
		}
		// One row an item, so that one pass through the items is enough; what is common to them is called alike.
		const stage = `CREATE TEMPORARY TABLE item (list text, subject text COLLATE "C", id text, word text, mac bytea, at bigint, number bigint, done boolean) ON COMMIT DROP`
		if _, err := tx.Exec(ctx, stage); err != nil {
			return err
		}
		next, stop := iter.Pull2(items)
		defer stop()
		columns := []string{"list", "subject", "id", "word", "mac", "at", "number", "done"}
		from := &staged{next: next}
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{"item"}, columns, from); err != nil || from.err != nil {
			return cmp.Or(from.err, err) // the server tells of the first as a text
		}
		_, err := tx.Exec(ctx, `
			INSERT INTO subject (name) SELECT DISTINCT subject FROM item WHERE list <> 'claim';
			INSERT INTO dek (kid, subject, class, generation, wrapped)
				SELECT item.id, subject.id, word, number, mac FROM item JOIN subject ON name = item.subject WHERE list = 'available';
			INSERT INTO destroyed (kid, subject, class, reads, at)
				SELECT item.id, subject.id, word, list, at FROM item JOIN subject ON name = item.subject WHERE list IN ('destroyed', 'depersonalised');
			INSERT INTO login (mac, subject, reserved_at, instance, confirmed)
				SELECT mac, subject.id, at, word, done FROM item JOIN subject ON name = item.subject WHERE list = 'login';
			INSERT INTO search (field, mac, subject) SELECT word, mac, subject.id FROM item JOIN subject ON name = item.subject WHERE list = 'entry';
			INSERT INTO claim (kind, thing, holder) SELECT word, mac, item.subject FROM item WHERE list = 'claim'`)
		return err
	})
	if err != nil {
		return fmt.Errorf("fill the key store: %w", err)
	}
	return nil
}

// staged are items on their way to the server.
type staged struct {
	next func() (vault.Item, error, bool)
	item vault.Item
	err  error
}

func (s *staged) Next() bool {
	var ok bool
	s.item, s.err, ok = s.next()
	return ok && s.err == nil
}

func (s *staged) Err() error { return s.err }

func (s *staged) Values() ([]any, error) {
	switch i := s.item; {
	case i.Key != nil:
		at := int64(0)
		if !i.Key.At.IsZero() {
			at = i.Key.At.UnixMicro()
		}
		return []any{string(i.Key.State), i.Key.Subject, i.Key.ID, string(i.Key.Class), i.Key.Wrapped, at, int64(i.Key.Generation), false}, nil
	case i.Login != nil:
		return []any{"login", i.Login.Subject, "", i.Login.Instance, i.Login.Login[:], i.Login.ReservedAt.UnixMicro(), int64(0), i.Login.Confirmed}, nil
	case i.Entry != nil:
		return []any{"entry", i.Entry.Subject, "", string(i.Entry.Field), i.Entry.Value[:], int64(0), int64(0), false}, nil
	case i.Claim != nil:
		return []any{"claim", i.Claim.Holder, "", i.Claim.Kind, i.Claim.Thing[:], int64(0), int64(0), false}, nil
	}
	return nil, errors.New("an item is empty")
}
