package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"

	"kelisim/commands/vault"
	"kelisim/domain"
)

// keyWriter is the goroutine that writes keys.db.
type keyWriter struct {
	db   *sql.DB
	conn *sql.Conn // its one connection
	do   map[string]*sql.Stmt

	size int           // of the last batch
	took time.Duration // to write it

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

// newKeyWriter takes the file's one writing connection; run then uses it.
func newKeyWriter(db *sql.DB) (*keyWriter, error) {
	w := &keyWriter{db: db, do: map[string]*sql.Stmt{}, requests: make(chan *keyRequest), closing: make(chan struct{}),
		ended: make(chan struct{}), failed: make(chan error, 1)}
	ctx := context.Background()
	var err error
	if w.conn, err = db.Conn(ctx); err != nil {
		return nil, fmt.Errorf("take the writing connection: %w", err)
	}
	// The pages of a full batch stay in memory until its commit.
	err = w.conn.Raw(func(c any) error {
		return apply(c.(*sqlite3.SQLiteConn), []setting{{"cache_size", "-16384", "-16384"}}) // KiB
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare to write: %w", err), w.conn.Close())
	}
	for name, query := range map[string]string{
		"begin": "BEGIN IMMEDIATE", "commit": "COMMIT", "rollback": "ROLLBACK",
		"mark": "SAVEPOINT change", "undo": "ROLLBACK TO change", "keep": "RELEASE change",

		"subject": `SELECT id FROM subject WHERE name = ?1`,
		"name":    `INSERT INTO subject (name) VALUES (?1)`,

		"confirm": `UPDATE login SET confirmed = 1 WHERE mac = ?1 AND subject = ?2`,
		"release": `DELETE FROM login WHERE mac = ?1 AND subject = ?2`,
		"drop":    `DELETE FROM login WHERE mac = ?1 AND subject = ?2 AND confirmed = 0`,
		"lonely":  `DELETE FROM search WHERE subject = ?1 AND NOT EXISTS (SELECT 1 FROM login WHERE subject = ?1)`,
		"reserve": `INSERT INTO login (mac, subject, reserved_at, instance) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING`,
		"holder":  reservations + `WHERE mac = ?1`,
		"index":   `INSERT INTO search (field, mac, subject) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING`,
		"unindex": `DELETE FROM search WHERE field = ?1 AND mac = ?2 AND subject = ?3`,
		"erased":  `SELECT kid FROM destroyed WHERE subject = ?1 AND class IN ('identity', '') LIMIT 1`,
		"keysOf":  keysOf,
		"key":     keyByID,
		"create":  `INSERT INTO dek (subject, class, kid, generation, wrapped) VALUES (?1, ?2, ?3, ?4, ?5)`,
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

// gather takes all who wait. Those who were answered a moment ago ask again in the next: as many as last time are waited
// for, a little, since a further commit would cost them more.
func (w *keyWriter) gather(first *keyRequest) []*keyRequest {
	batch := []*keyRequest{first}
	late := time.After(w.took / 8)
	for len(batch) < mostChanges {
		select {
		case r := <-w.requests:
			batch = append(batch, r)
			continue
		default:
		}
		if len(batch) >= w.size {
			break
		}
		select {
		case r := <-w.requests:
			batch = append(batch, r)
		case <-late:
			return batch
		}
	}
	return batch
}

// write carries a batch through and answers it. An error is one after which nothing may be written.
func (w *keyWriter) write(batch []*keyRequest) error {
	began := time.Now()
	err := w.transact(batch)
	w.size, w.took = len(batch), time.Since(began)
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
		var err error
		if r.err, err = w.change(r.do); err != nil {
			return err
		}
	}
	_, err := w.exec("commit")
	return err
}

// change does one of the changes of an open transaction. A refusal is this change's alone, and undone alone; any other error of the
// file, err, concerns the whole transaction.
func (w *keyWriter) change(do func(*keyWriter) error) (refused, err error) {
	if _, err := w.exec("mark"); err != nil {
		return nil, err
	}
	if refused = do(w); refused != nil {
		if fault := (sqlite3.Error{}); errors.As(refused, &fault) && !isConstraint(refused) {
			return refused, refused
		}
		if _, err := w.exec("undo"); err != nil {
			return refused, err
		}
	}
	_, err = w.exec("keep")
	return refused, err
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

// number is a subject's own; one that was never named is named now.
func (w *keyWriter) number(subject string) (id int64, err error) {
	err = each(w.do["subject"], func(rows *sql.Rows) error { return rows.Scan(&id) }, subject)
	if err != nil || id != 0 {
		return id, err
	}
	result, err := w.do["name"].ExecContext(context.Background(), subject)
	if err != nil {
		return 0, fmt.Errorf("name a subject: %w", err)
	}
	return result.LastInsertId()
}

// held does something to a login if it is the subject's.
func (w *keyWriter) held(name string, h vault.Holding) (int64, bool, error) {
	id, err := w.number(h.Subject)
	if err != nil {
		return 0, false, err
	}
	done, err := w.exec(name, h.Login[:], id)
	return id, done, err
}

func (w *keyWriter) apply(c vault.Change) ([]vault.Key, error) {
	for _, h := range c.Confirm {
		if _, _, err := w.held("confirm", h); err != nil {
			return nil, err
		}
	}
	for _, h := range c.Release {
		if _, _, err := w.held("release", h); err != nil {
			return nil, err
		}
	}
	for _, h := range c.Drop {
		id, dropped, err := w.held("drop", h)
		if err == nil && dropped {
			_, err = w.exec("lonely", id)
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
		id, err := w.notErased(e.Subject)
		if err == nil {
			_, err = w.exec("index", string(e.Field), e.Value[:], id)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, e := range c.Unindex {
		id, err := w.number(e.Subject)
		if err == nil {
			_, err = w.exec("unindex", string(e.Field), e.Value[:], id)
		}
		if err != nil {
			return nil, err
		}
	}
	return standing, nil
}

func (w *keyWriter) reserve(r vault.Reservation) error {
	id, err := w.notErased(r.Subject)
	if err != nil {
		return err
	}
	reserved, err := w.exec("reserve", r.Login[:], id, r.ReservedAt.UnixMicro(), r.Instance)
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

// notErased answers the subject's number.
func (w *keyWriter) notErased(subject string) (int64, error) {
	id, err := w.number(subject)
	if err != nil {
		return 0, err
	}
	var lost []string
	if err := each(w.do["erased"], scanText(&lost), id); err != nil {
		return 0, err
	}
	if len(lost) > 0 {
		return 0, vault.ErrErased
	}
	return id, nil
}

func (w *keyWriter) create(keys []vault.Key) ([]vault.Key, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	subject := keys[0].Subject
	id, err := w.notErased(subject)
	if err != nil {
		return nil, err
	}
	var standing []vault.Key
	if err := each(w.do["keysOf"], scanKeys(&standing), subject); err != nil || len(standing) > 0 {
		return standing, err
	}
	for _, k := range keys {
		if _, err := w.exec("create", id, string(k.Class), k.ID, k.Generation, k.Wrapped); err != nil {
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
	number, err := w.number(d.Subject)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		var there []vault.Key
		if err := each(w.do["key"], scanKeys(&there), id); err != nil {
			return nil, err
		}
		if len(there) > 0 && there[0].Subject != d.Subject {
			return nil, fmt.Errorf("key %s is not %s's", id, d.Subject)
		}
		if _, err := w.exec("remove", id); err != nil {
			return nil, err
		}
		if _, err := w.exec("list", id, number, string(class[id]), string(d.As), d.At.UnixMicro()); err != nil {
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
		if _, err := w.exec(name, number); err != nil {
			return nil, err
		}
	}
	return ids, nil
}
