package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"slices"

	sqlite3 "github.com/mattn/go-sqlite3"

	"kelisim/commands/vault"
	"kelisim/domain"
)

// keyWriter is the goroutine that writes keys.db.
type keyWriter struct {
	db   *sql.DB
	conn *sql.Conn // its one connection
	do   map[string]*sql.Stmt

	requests chan *keyRequest // unbuffered: what was taken is answered
	closing  chan struct{}
	ended    chan struct{}
	failed   chan error
	stopped  error // read after ended
}

// keyRequest is one change on its way.
type keyRequest struct {
	do   func(*keyWriter) error
	err  error
	done chan struct{}
}

// mostChanges in one transaction: enough to share a sync among, and short enough that readers get their turn.
const mostChanges = 128

var errKeysClosed = errors.New("the key store is closed")

func newKeyWriter(db *sql.DB) (*keyWriter, error) {
	w := &keyWriter{db: db, do: map[string]*sql.Stmt{}, requests: make(chan *keyRequest), closing: make(chan struct{}),
		ended: make(chan struct{}), failed: make(chan error, 1)}
	ctx := context.Background()
	var err error
	if w.conn, err = db.Conn(ctx); err != nil {
		return nil, fmt.Errorf("take the writing connection: %w", err)
	}
	for name, query := range map[string]string{
		"begin": "BEGIN IMMEDIATE", "commit": "COMMIT", "rollback": "ROLLBACK",
		"mark": "SAVEPOINT change", "undo": "ROLLBACK TO change", "keep": "RELEASE change",

		"confirm": `UPDATE login SET confirmed = 1 WHERE mac = ?1 AND subject = ?2`,
		"release": `DELETE FROM login WHERE mac = ?1 AND subject = ?2`,
		"drop":    `DELETE FROM login WHERE mac = ?1 AND subject = ?2 AND confirmed = 0`,
		"lonely":  `DELETE FROM search WHERE subject = ?1 AND NOT EXISTS (SELECT 1 FROM login WHERE subject = ?1)`,
		"reserve": `INSERT INTO login (mac, subject, reserved_at, instance) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING`,
		"holder":  reservations + `WHERE mac = ?1`,
		"index":   `INSERT INTO search (field, mac, subject) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING`,
		"unindex": `DELETE FROM search WHERE field = ?1 AND mac = ?2 AND subject = ?3`,
		"erased":  `SELECT kid FROM destroyed WHERE subject = ?1 AND class IN ('identity', '') LIMIT 1`,
		"keysOf":  fmt.Sprintf(allKeys, "subject"),
		"key":     fmt.Sprintf(allKeys, "kid"),
		"create":  `INSERT INTO dek (kid, subject, class, generation, wrapped) VALUES (?1, ?2, ?3, ?4, ?5)`,
		"claim":   `INSERT INTO claim (kind, thing, holder) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING`,
		"claimed": `SELECT holder FROM claim WHERE kind = ?1 AND thing = ?2`,
		"remove":  `DELETE FROM dek WHERE kid = ?1`,
		"list":    `INSERT INTO destroyed (kid, subject, class, reads, at) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING`,
		"worsen":  `UPDATE destroyed SET reads = 'destroyed' WHERE subject = ?1 AND reads <> 'destroyed'`,
		"logout":  `DELETE FROM login WHERE subject = ?1`,
		"forget":  `DELETE FROM search WHERE subject = ?1`,
		"rewrap":  `UPDATE dek SET generation = ?2, wrapped = ?3 WHERE kid = ?1 AND generation < ?2`,
	} {
		if w.do[name], err = w.conn.PrepareContext(ctx, query); err != nil {
			return nil, errors.Join(fmt.Errorf("prepare to write: %w", err), w.conn.Close())
		}
	}
	go w.run()
	return w, nil
}

func (w *keyWriter) close() error {
	close(w.closing)
	<-w.ended
	var err error
	for _, s := range w.do {
		err = errors.Join(err, s.Close())
	}
	return errors.Join(err, w.conn.Close(), w.db.Close())
}

// run writes until the store is closed or an error stops it.
func (w *keyWriter) run() {
	defer close(w.ended)
	for {
		select {
		case r := <-w.requests:
			if err := w.write(w.gather(r)); err != nil {
				w.stopped = fmt.Errorf("the key store stopped at an error of its file: %w", err)
				w.failed <- w.stopped
				return
			}
			// Let the callers just answered ask again: together they fill the next transaction.
			runtime.Gosched()
		case <-w.closing:
			w.stopped = errKeysClosed
			return
		}
	}
}

// gather takes all who wait.
func (w *keyWriter) gather(first *keyRequest) []*keyRequest {
	batch := []*keyRequest{first}
	for len(batch) < mostChanges {
		select {
		case r := <-w.requests:
			batch = append(batch, r)
		default:
			return batch
		}
	}
	return batch
}

// write carries a batch through and answers it. An error is one after which nothing may be written.
func (w *keyWriter) write(batch []*keyRequest) error {
	err := w.transact(batch)
	if err != nil {
		for _, r := range batch {
			r.err = err
		}
		_, undone := w.exec("rollback")
		if survivable(err) && (undone == nil || w.idle()) {
			err = nil
		}
	}
	for _, r := range batch {
		close(r.done)
	}
	return err
}

func (w *keyWriter) transact(batch []*keyRequest) error {
	if _, err := w.exec("begin"); err != nil {
		return err
	}
	for _, r := range batch {
		if _, err := w.exec("mark"); err != nil {
			return err
		}
		if r.err = r.do(w); r.err != nil {
			// A refusal is this change's alone; any other error of the file concerns the whole transaction.
			if fault := (sqlite3.Error{}); errors.As(r.err, &fault) && !isConstraint(r.err) {
				return r.err
			}
			if _, err := w.exec("undo"); err != nil {
				return err
			}
		}
		if _, err := w.exec("keep"); err != nil {
			return err
		}
	}
	_, err := w.exec("commit")
	return err
}

// idle: no transaction is open.
func (w *keyWriter) idle() bool {
	idle := false
	err := w.conn.Raw(func(c any) error {
		idle = c.(*sqlite3.SQLiteConn).AutoCommit()
		return nil
	})
	return err == nil && idle
}

// exec runs one of the statements. No context reaches the driver.
func (w *keyWriter) exec(name string, args ...any) (changed bool, err error) {
	result, err := w.do[name].ExecContext(context.Background(), args...)
	if err != nil {
		return false, fmt.Errorf("%s: %w", name, err)
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

func (w *keyWriter) apply(c vault.Change) ([]vault.Key, error) {
	for _, h := range c.Confirm {
		if _, err := w.exec("confirm", h.Login[:], h.Subject); err != nil {
			return nil, err
		}
	}
	for _, h := range c.Release {
		if _, err := w.exec("release", h.Login[:], h.Subject); err != nil {
			return nil, err
		}
	}
	for _, h := range c.Drop {
		dropped, err := w.exec("drop", h.Login[:], h.Subject)
		if err == nil && dropped {
			_, err = w.exec("lonely", h.Subject)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, r := range c.Reserve {
		if err := w.reserve(r); err != nil {
			return nil, err
		}
	}
	standing, err := w.create(c.Keys)
	if err != nil {
		return nil, err
	}
	for _, e := range c.Index {
		if err := w.notErased(e.Subject); err != nil {
			return nil, err
		}
		if _, err := w.exec("index", string(e.Field), e.Value[:], e.Subject); err != nil {
			return nil, err
		}
	}
	for _, e := range c.Unindex {
		if _, err := w.exec("unindex", string(e.Field), e.Value[:], e.Subject); err != nil {
			return nil, err
		}
	}
	return standing, nil
}

func (w *keyWriter) reserve(r vault.Reservation) error {
	if err := w.notErased(r.Subject); err != nil {
		return err
	}
	reserved, err := w.exec("reserve", r.Login[:], r.Subject, r.ReservedAt.UnixMicro(), r.Instance)
	if err != nil || reserved {
		return err
	}
	var held []vault.Reservation
	if err := each(w.do["holder"], scanReservations(&held), r.Login[:]); err != nil {
		return err
	}
	if held[0].Subject != r.Subject {
		return &vault.TakenError{Reservation: held[0]}
	}
	return nil
}

func (w *keyWriter) notErased(subject string) error {
	var lost []string
	if err := each(w.do["erased"], scanText(&lost), subject); err != nil {
		return err
	}
	if len(lost) > 0 {
		return vault.ErrErased
	}
	return nil
}

func (w *keyWriter) create(keys []vault.Key) ([]vault.Key, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	subject := keys[0].Subject
	if err := w.notErased(subject); err != nil {
		return nil, err
	}
	var standing []vault.Key
	if err := each(w.do["keysOf"], scanKeys(&standing), subject); err != nil || len(standing) > 0 {
		return standing, err
	}
	for _, k := range keys {
		if _, err := w.exec("create", k.ID, k.Subject, string(k.Class), k.Generation, k.Wrapped); err != nil {
			return nil, err
		}
	}
	return standing, each(w.do["keysOf"], scanKeys(&standing), subject)
}

func (w *keyWriter) destroy(d vault.Destruction) ([]string, error) {
	var known []vault.Key
	if err := each(w.do["keysOf"], scanKeys(&known), d.Subject); err != nil {
		return nil, err
	}
	class := map[string]domain.Class{}
	ids := slices.Clone(d.IDs)
	for _, k := range known {
		class[k.ID] = k.Class
		if slices.Contains(d.Classes, k.Class) {
			ids = append(ids, k.ID)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	for _, id := range ids {
		var other []vault.Key
		if err := each(w.do["key"], scanKeys(&other), id); err != nil {
			return nil, err
		}
		if len(other) > 0 && other[0].Subject != d.Subject {
			return nil, fmt.Errorf("key %s is not %s's", id, d.Subject)
		}
		if _, err := w.exec("remove", id); err != nil {
			return nil, err
		}
		if _, err := w.exec("list", id, d.Subject, string(class[id]), string(d.As), d.At.UnixMicro()); err != nil {
			return nil, err
		}
	}
	var after []string
	if d.As == domain.Destroyed {
		after = append(after, "worsen")
	}
	if d.Forget {
		after = append(after, "logout", "forget")
	}
	for _, name := range after {
		if _, err := w.exec(name, d.Subject); err != nil {
			return nil, err
		}
	}
	return ids, nil
}
