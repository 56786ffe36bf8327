package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"kelisim/commands/vault"
	"kelisim/domain"
)

// Keys is a vault.Keys in one file, keys.db, apart from the journal so that it can be backed up and destroyed apart.
//
// The file has a rollback journal and overwrites what is deleted: a write-ahead log would keep a destroyed key for a while
// (TestDestroyedKeyLeavesTheFile). One goroutine writes, and takes every change that waits into one transaction; a change that is
// refused is undone alone. At its first I/O error it stops for good, as the journal does (Failed); reading goes on.
type Keys struct {
	readers *sql.DB
	writer  *keyWriter // nil: only reads
	find    map[string]*sql.Stmt
	bulk    *bulk // nil unless opened by OpenBulkKeys
	release func() error
}

var _ vault.Keys = (*Keys)(nil)

var errKeysOnlyRead = errors.New("the key store was opened for reading")

// OpenKeys opens the key store at path, and makes it if it is not there. With readOnly the file must be there, and what would write fails.
func OpenKeys(path string, readOnly bool) (*Keys, error) {
	return openKeyStore(path, readOnly, nil)
}

func openKeyStore(path string, readOnly bool, b *bulk) (*Keys, error) {
	k := &Keys{find: map[string]*sql.Stmt{}, bulk: b}
	k.release = sync.OnceValue(k.closeFile)
	writer, readers, err := openDB(path, deleteMode, readOnly)
	if err != nil {
		return nil, fmt.Errorf("open the key store: %w", err)
	}
	k.readers = readers
	if readOnly {
		err = migrated(readers, "keys")
	} else if err = migrate(writer, "keys"); err == nil {
		if k.writer, err = newKeyWriter(writer); err == nil && b == nil {
			go k.writer.run()
		}
	}
	if err == nil {
		err = k.prepare(context.Background())
	}
	if err != nil {
		err = errors.Join(fmt.Errorf("open the key store: %w", err), k.Close())
		if writer != nil && k.writer == nil {
			err = errors.Join(err, writer.Close())
		}
		return nil, err
	}
	return k, nil
}

// Failed delivers the error that stopped the writing, once, to one listener. The process must then end. Where nothing is written it is nil.
func (k *Keys) Failed() <-chan error {
	if k.writer == nil {
		return nil
	}
	return k.writer.failed
}

// Close ends the writing after the transaction that is under way.
func (k *Keys) Close() error { return k.release() }

func (k *Keys) closeFile() error {
	var err error
	if k.bulk != nil && k.writer != nil {
		err = k.Flush()
		close(k.writer.ended) // nothing ran
	}
	for _, s := range k.find {
		err = errors.Join(err, s.Close())
	}
	err = errors.Join(err, k.readers.Close())
	if k.writer != nil {
		err = errors.Join(err, k.writer.close())
	}
	return err
}

// Both tables of keys are read as one.
const (
	living    = `SELECT kid, name, class, generation, wrapped, 'available', 0 FROM dek JOIN subject ON subject.id = dek.subject WHERE `
	destroyed = `SELECT kid, name, class, 0, NULL, reads, at FROM destroyed JOIN subject ON subject.id = destroyed.subject WHERE `

	keysOf  = living + `name = ?1 UNION ALL ` + destroyed + `name = ?1`
	keyByID = living + `kid = ?1 UNION ALL ` + destroyed + `kid = ?1`

	reservations = `SELECT mac, name, reserved_at, instance, confirmed FROM login JOIN subject ON subject.id = login.subject `
)

func (k *Keys) prepare(ctx context.Context) error {
	prepare := k.readers.PrepareContext
	if k.bulk != nil {
		prepare = k.writer.conn.PrepareContext // which alone sees what is not committed yet
	}
	for name, query := range map[string]string{
		"keysOf":      keysOf,
		"key":         keyByID,
		"live":        living + `kid > ?1 ORDER BY kid LIMIT ?2`,
		"holder":      reservations + `WHERE mac = ?1`,
		"unconfirmed": reservations + `WHERE confirmed = 0 AND reserved_at < ?1 ORDER BY reserved_at, name, mac LIMIT ?2`,
		"find":        `SELECT name FROM search JOIN subject ON subject.id = search.subject WHERE field = ?1 AND mac = ?2 ORDER BY name LIMIT ?3`,
		"claim":       `SELECT holder FROM claim WHERE kind = ?1 AND thing = ?2`,
	} {
		statement, err := prepare(ctx, query)
		if err != nil {
			return fmt.Errorf("prepare to read: %w", err)
		}
		k.find[name] = statement
	}
	return nil
}

// queryer is a statement of the readers or of the writer.
type queryer interface {
	QueryContext(ctx context.Context, args ...any) (*sql.Rows, error)
}

// each reads all rows. The context is not given to the driver: an interrupted connection is of no use to the next reader, and these
// reads are short.
func each(statement queryer, row func(*sql.Rows) error, args ...any) error {
	rows, err := statement.QueryContext(context.Background(), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (k *Keys) read(ctx context.Context, name string, row func(*sql.Rows) error, args ...any) error {
	err := ctx.Err()
	if err == nil && k.bulk != nil {
		k.bulk.mu.Lock() // one connection, and so one statement of each kind, which a second reader would begin anew under the first
		defer k.bulk.mu.Unlock()
	}
	if err == nil {
		err = each(k.find[name], row, args...)
	}
	if err != nil {
		return fmt.Errorf("read the key store: %w", err)
	}
	return nil
}

// scanKeys gathers keys, in the order of their ids.
func scanKeys(into *[]vault.Key) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		var k vault.Key
		var at int64
		if err := rows.Scan(&k.ID, &k.Subject, &k.Class, &k.Generation, &k.Wrapped, &k.State, &at); err != nil {
			return err
		}
		if k.State != domain.Available {
			k.At = time.UnixMicro(at).UTC()
		}
		i, _ := slices.BinarySearchFunc(*into, k, func(a, b vault.Key) int { return cmp.Compare(a.ID, b.ID) })
		*into = slices.Insert(*into, i, k)
		return nil
	}
}

func scanReservations(into *[]vault.Reservation) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		var r vault.Reservation
		var mac []byte
		var at int64
		if err := rows.Scan(&mac, &r.Subject, &at, &r.Instance, &r.Confirmed); err != nil {
			return err
		}
		copy(r.Login[:], mac)
		r.ReservedAt = time.UnixMicro(at).UTC()
		*into = append(*into, r)
		return nil
	}
}

func scanText(into *[]string) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		var s string
		err := rows.Scan(&s)
		*into = append(*into, s)
		return err
	}
}

func (k *Keys) KeysOf(ctx context.Context, subject string) ([]vault.Key, error) {
	var out []vault.Key
	return out, k.read(ctx, "keysOf", scanKeys(&out), subject)
}

func (k *Keys) Key(ctx context.Context, id string) (vault.Key, error) {
	var out []vault.Key
	if err := k.read(ctx, "key", scanKeys(&out), id); err != nil {
		return vault.Key{}, err
	}
	if len(out) == 0 {
		return vault.Key{}, fmt.Errorf("key %s: %w", id, vault.ErrNoKey)
	}
	return out[0], nil
}

func (k *Keys) Live(ctx context.Context, after string, limit int) ([]vault.Key, error) {
	var out []vault.Key
	return out, k.read(ctx, "live", scanKeys(&out), after, limit)
}

func (k *Keys) Holder(ctx context.Context, login vault.MAC) (vault.Reservation, bool, error) {
	var out []vault.Reservation
	if err := k.read(ctx, "holder", scanReservations(&out), login[:]); err != nil || len(out) == 0 {
		return vault.Reservation{}, false, err
	}
	return out[0], true, nil
}

func (k *Keys) Unconfirmed(ctx context.Context, before time.Time, limit int) ([]vault.Reservation, error) {
	var out []vault.Reservation
	return out, k.read(ctx, "unconfirmed", scanReservations(&out), before.UnixMicro(), limit)
}

func (k *Keys) Find(ctx context.Context, field vault.Field, value vault.MAC, limit int) ([]string, error) {
	var out []string
	return out, k.read(ctx, "find", scanText(&out), string(field), value[:], limit)
}

// Claim looks first, so that a claim that stands waits for no writer.
func (k *Keys) Claim(ctx context.Context, c vault.Claim) (string, error) {
	var held []string
	if err := k.read(ctx, "claim", scanText(&held), c.Kind, c.Thing[:]); err != nil {
		return "", err
	}
	if len(held) > 0 {
		return held[0], nil
	}
	err := k.write(ctx, func(w *keyWriter) error {
		if _, err := w.exec("claim", c.Kind, c.Thing[:], c.Holder); err != nil {
			return err
		}
		held = nil
		return each(w.do["claimed"], scanText(&held), c.Kind, c.Thing[:])
	})
	if err != nil {
		return "", fmt.Errorf("claim: %w", err)
	}
	return held[0], nil
}

func (k *Keys) Apply(ctx context.Context, c vault.Change) (standing []vault.Key, err error) {
	err = k.write(ctx, func(w *keyWriter) (err error) {
		standing, err = w.apply(c)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("change the key store: %w", err)
	}
	return standing, nil
}

func (k *Keys) Destroy(ctx context.Context, d vault.Destruction) (ids []string, err error) {
	err = k.write(ctx, func(w *keyWriter) (err error) {
		ids, err = w.destroy(d)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("destroy keys: %w", err)
	}
	return ids, nil
}

func (k *Keys) Rewrap(ctx context.Context, keys []vault.Key) error {
	err := k.write(ctx, func(w *keyWriter) error {
		for _, key := range keys {
			if _, err := w.exec("rewrap", key.ID, key.Generation, key.Wrapped); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("rewrap keys: %w", err)
	}
	return nil
}

// write has the writer carry out one change. Once the writer has it, it is carried through, whatever becomes of the context.
func (k *Keys) write(ctx context.Context, do func(*keyWriter) error) error {
	if k.writer == nil {
		return errKeysOnlyRead
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if k.bulk != nil {
		return k.bulk.write(k.writer, do)
	}
	r := &keyRequest{do: do, done: make(chan struct{})}
	select {
	case k.writer.requests <- r:
		<-r.done
		return r.err
	case <-k.writer.ended:
		return k.writer.stopped
	case <-ctx.Done():
		return ctx.Err()
	}
}
