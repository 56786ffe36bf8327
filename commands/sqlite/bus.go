package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"kelisim/commands/bus"
)

// Bus keeps a relay's cursors and deliveries in bus.db; see bus.Cursors and bus.Deliveries for what they promise. The file can be thrown away: then each outlet
// begins where its settings say, and events are sent again.
type Bus struct{ writer, readers *sql.DB }

var (
	_ bus.Cursors    = (*Bus)(nil)
	_ bus.Deliveries = (*Bus)(nil)
)

// OpenBus opens the file, made if it is not there.
func OpenBus(path string) (*Bus, error) {
	writer, readers, err := openDB(path, walMode, false)
	if err != nil {
		return nil, err
	}
	b := &Bus{writer, readers}
	if err := migrate(writer, "bus"); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), b.Close())
	}
	return b, nil
}

// Close lets go of the file.
func (b *Bus) Close() error { return errors.Join(b.readers.Close(), b.writer.Close()) }

func (b *Bus) Cursor(ctx context.Context, outlet string) (bus.Place, bool, error) {
	var p bus.Place
	var event []byte
	err := b.readers.QueryRowContext(ctx, "SELECT position, event FROM cursors WHERE outlet = ?", outlet).Scan(&p.Position, &event)
	if errors.Is(err, sql.ErrNoRows) {
		return bus.Place{}, false, nil
	}
	if err != nil {
		return bus.Place{}, false, fmt.Errorf("read a cursor: %w", err)
	}
	copy(p.ID[:], event)
	return p, true, nil
}

func (b *Bus) Save(_ context.Context, outlet string, at bus.Place) error {
	_, err := b.writer.Exec(`INSERT INTO cursors (outlet, position, event) VALUES (?, ?, ?)
		ON CONFLICT (outlet) DO UPDATE SET position = excluded.position, event = excluded.event`, outlet, at.Position, at.ID[:])
	if err != nil {
		return fmt.Errorf("save a cursor: %w", err)
	}
	return nil
}

func (b *Bus) Keep(_ context.Context, d bus.Delivery) error {
	last, err := json.Marshal(d.Last)
	if err != nil {
		return fmt.Errorf("keep a delivery: %w", err)
	}
	lastAt := d.FirstAt
	if n := len(d.Last); n > 0 {
		lastAt = d.Last[n-1].At
	}
	_, err = b.writer.Exec(`INSERT INTO deliveries (outlet, event, position, type, state, first_at, last_at, attempts, last) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (outlet, event) DO UPDATE SET state = excluded.state, first_at = excluded.first_at, last_at = excluded.last_at,
		attempts = excluded.attempts, last = excluded.last`,
		d.Outlet, d.Event[:], d.Position, d.Type, string(d.State), d.FirstAt.UnixMilli(), lastAt.UnixMilli(), d.Attempts, string(last))
	if err != nil {
		return fmt.Errorf("keep a delivery: %w", err)
	}
	return nil
}

const deliveryColumns = "event, position, type, state, first_at, attempts, last"

func scanDelivery(outlet string, scan func(...any) error) (bus.Delivery, error) {
	d := bus.Delivery{Outlet: outlet}
	var event []byte
	var first int64
	var last string
	if err := scan(&event, &d.Position, &d.Type, &d.State, &first, &d.Attempts, &last); err != nil {
		return d, err
	}
	id, err := uuid.FromBytes(event)
	d.Event, d.FirstAt = id, fromMillis(first)
	return d, errors.Join(err, json.Unmarshal([]byte(last), &d.Last))
}

func (b *Bus) Find(ctx context.Context, outlet string, event uuid.UUID) (bus.Delivery, bool, error) {
	row := b.readers.QueryRowContext(ctx, "SELECT "+deliveryColumns+" FROM deliveries WHERE outlet = ? AND event = ?", outlet, event[:])
	d, err := scanDelivery(outlet, row.Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return bus.Delivery{}, false, nil
	}
	if err != nil {
		return bus.Delivery{}, false, fmt.Errorf("find a delivery: %w", err)
	}
	return d, true, nil
}

func (b *Bus) List(ctx context.Context, outlet string, state bus.DeliveryState, before int64, limit int) ([]bus.Delivery, error) {
	query, values := "SELECT "+deliveryColumns+" FROM deliveries WHERE outlet = ?", []any{outlet}
	if state != "" {
		query, values = query+" AND state = ?", append(values, string(state))
	}
	if before != 0 {
		query, values = query+" AND position < ?", append(values, before)
	}
	rows, err := b.readers.QueryContext(ctx, query+" ORDER BY position DESC LIMIT ?", append(values, limit)...)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	defer rows.Close()
	var all []bus.Delivery
	for rows.Next() {
		d, err := scanDelivery(outlet, rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("list deliveries: %w", err)
		}
		all = append(all, d)
	}
	return all, rows.Err()
}

func (b *Bus) Forget(_ context.Context, before time.Time) error {
	if _, err := b.writer.Exec("DELETE FROM deliveries WHERE state != 'waiting' AND last_at < ?", before.UnixMilli()); err != nil {
		return fmt.Errorf("forget deliveries: %w", err)
	}
	return nil
}
