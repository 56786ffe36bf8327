package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"time"

	"kelisim/commands/vault"
	"kelisim/domain"
)

// Items yields all that the key store holds, as it stands at one moment. Whoever would change it meanwhile waits.
func (k *Keys) Items(ctx context.Context) iter.Seq2[vault.Item, error] {
	return func(yield func(vault.Item, error) bool) {
		// The driver is not told of the context: it would interrupt the connection.
		tx, err := k.readers.BeginTx(context.WithoutCancel(ctx), &sql.TxOptions{ReadOnly: true})
		if err != nil {
			yield(vault.Item{}, fmt.Errorf("read the whole key store: %w", err))
			return
		}
		defer func() { _ = tx.Rollback() }() // nothing was written
		for _, list := range lists {
			if err := list.each(ctx, tx, yield); err != nil {
				if !errors.Is(err, errEnough) {
					yield(vault.Item{}, fmt.Errorf("read the whole key store: %w", err))
				}
				return
			}
		}
	}
}

var errEnough = errors.New("no more is wanted")

// list is one of the lists that a key store is made of.
type list struct {
	query string
	scan  func(*sql.Rows) (vault.Item, error)
}

var lists = []list{
	{living + `1 ORDER BY kid`, scanKeyItem},
	{destroyed + `1 ORDER BY kid`, scanKeyItem},
	{reservations + `ORDER BY mac`, func(rows *sql.Rows) (vault.Item, error) {
		var all []vault.Reservation
		if err := scanReservations(&all)(rows); err != nil {
			return vault.Item{}, err
		}
		return vault.Item{Login: &all[0]}, nil
	}},
	{`SELECT field, mac, name FROM search JOIN subject ON subject.id = search.subject ORDER BY field, mac, name`, func(rows *sql.Rows) (vault.Item, error) {
		var e vault.Entry
		var mac []byte
		err := rows.Scan(&e.Field, &mac, &e.Subject)
		copy(e.Value[:], mac)
		return vault.Item{Entry: &e}, err
	}},
	{`SELECT kind, thing, holder FROM claim ORDER BY kind, thing`, func(rows *sql.Rows) (vault.Item, error) {
		var c vault.Claim
		var mac []byte
		err := rows.Scan(&c.Kind, &mac, &c.Holder)
		copy(c.Thing[:], mac)
		return vault.Item{Claim: &c}, err
	}},
}

func scanKeyItem(rows *sql.Rows) (vault.Item, error) {
	var k vault.Key
	var at int64
	err := rows.Scan(&k.ID, &k.Subject, &k.Class, &k.Generation, &k.Wrapped, &k.State, &at)
	if k.State != domain.Available {
		k.At = time.UnixMicro(at).UTC()
	}
	return vault.Item{Key: &k}, err
}

func (l list) each(ctx context.Context, tx *sql.Tx, yield func(vault.Item, error) bool) error {
	rows, err := tx.Query(l.query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		item, err := l.scan(rows)
		if err != nil {
			return err
		}
		if !yield(item, nil) {
			return errEnough
		}
	}
	return rows.Err()
}
