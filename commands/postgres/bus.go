package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"kelisim/commands/bus"
)

// Bus keeps a relay's cursors and deliveries in a PostgreSQL database, so that whoever takes the relay over goes on where the other stopped; see
// bus.Cursors and bus.Deliveries for what they promise. One process at a time relays: they share the tables, and do not wait for each other.
type Bus struct{ db *Database }

var (
	_ bus.Cursors    = (*Bus)(nil)
	_ bus.Deliveries = (*Bus)(nil)
)

// exec carries out one statement that may be carried out twice.
func (b *Bus) exec(ctx context.Context, what, statement string, args ...any) error {
	err := b.db.try(ctx, func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, statement, args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func (b *Bus) Cursor(ctx context.Context, outlet string) (p bus.Place, found bool, err error) {
	var all []bus.Place
	err = b.db.try(ctx, func(ctx context.Context, c *pgx.Conn) error {
		all, err = gather(ctx, c, func(row pgx.CollectableRow) (p bus.Place, err error) {
			return p, row.Scan(&p.Position, (*[16]byte)(&p.ID))
		}, "SELECT position, event FROM outlet WHERE name = $1", outlet)
		return err
	})
	if err != nil {
		return bus.Place{}, false, fmt.Errorf("read a cursor: %w", err)
	}
	if len(all) == 0 {
		return bus.Place{}, false, nil
	}
	return all[0], true, nil
}

func (b *Bus) Save(ctx context.Context, outlet string, at bus.Place) error {
	return b.exec(ctx, "save a cursor", `INSERT INTO outlet (name, position, event) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET position = excluded.position, event = excluded.event`, outlet, at.Position, [16]byte(at.ID))
}

func (b *Bus) Keep(ctx context.Context, d bus.Delivery) error {
	last, err := json.Marshal(d.Last)
	if err != nil {
		return fmt.Errorf("keep a delivery: %w", err)
	}
	lastAt := d.FirstAt
	if n := len(d.Last); n > 0 {
		lastAt = d.Last[n-1].At
	}
	return b.exec(ctx, "keep a delivery", `INSERT INTO delivery (outlet, event, position, type, state, first_at, last_at, attempts, last)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (outlet, event) DO UPDATE SET state = excluded.state, first_at = excluded.first_at, last_at = excluded.last_at,
		attempts = excluded.attempts, last = excluded.last`,
		d.Outlet, [16]byte(d.Event), d.Position, d.Type, string(d.State), d.FirstAt.UnixMilli(), lastAt.UnixMilli(), d.Attempts, last)
}

func (b *Bus) Find(ctx context.Context, outlet string, event uuid.UUID) (bus.Delivery, bool, error) {
	all, err := b.deliveries(ctx, "WHERE outlet = $1 AND event = $2", outlet, [16]byte(event))
	if err != nil {
		return bus.Delivery{}, false, fmt.Errorf("find a delivery: %w", err)
	}
	if len(all) == 0 {
		return bus.Delivery{}, false, nil
	}
	return all[0], true, nil
}

func (b *Bus) List(ctx context.Context, outlet string, state bus.DeliveryState, before int64, limit int) ([]bus.Delivery, error) {
	where, values := "WHERE outlet = $1", []any{outlet}
	also := func(condition string, value any) {
		values = append(values, value)
		where += fmt.Sprintf(condition, len(values))
	}
	if state != "" {
		also(" AND state = $%d", string(state))
	}
	if before != 0 {
		also(" AND position < $%d", before)
	}
	also(" ORDER BY position DESC LIMIT $%d", limit)
	all, err := b.deliveries(ctx, where, values...)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return all, nil
}

func (b *Bus) deliveries(ctx context.Context, which string, args ...any) (all []bus.Delivery, err error) {
	err = b.db.try(ctx, func(ctx context.Context, c *pgx.Conn) error {
		all, err = gather(ctx, c, scanDelivery, "SELECT outlet, event, position, type, state, first_at, attempts, last FROM delivery "+which, args...)
		return err
	})
	return all, err
}

func scanDelivery(row pgx.CollectableRow) (d bus.Delivery, err error) {
	var first int64
	var last []byte
	if err := row.Scan(&d.Outlet, (*[16]byte)(&d.Event), &d.Position, &d.Type, (*string)(&d.State), &first, &d.Attempts, &last); err != nil {
		return d, err
	}
	d.FirstAt = time.UnixMilli(first).UTC()
	return d, json.Unmarshal(last, &d.Last)
}

func (b *Bus) Forget(ctx context.Context, before time.Time) error {
	return b.exec(ctx, "forget deliveries", "DELETE FROM delivery WHERE state <> 'waiting' AND last_at < $1", before.UnixMilli())
}
