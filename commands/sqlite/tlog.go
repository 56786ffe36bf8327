package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"

	"github.com/google/uuid"

	"kelisim/commands/tlog"
	"kelisim/commands/tlog/tree"
)

// Log keeps what the Merkle log is made of in tlog.db; see tlog.Store for what it promises. Its tables of signed checkpoints take no change and no removal.
type Log struct {
	writer, readers *sql.DB // writer is nil where it only reads
	state           *sql.Stmt
	tile            *sql.Stmt
	leaf            *sql.Stmt
	find            *sql.Stmt
	head            *sql.Stmt
}

var _ tlog.Store = (*Log)(nil)

// OpenLog opens the file, made if it is not there. With readOnly it must be there, and a follower in another process is not disturbed.
func OpenLog(path string, readOnly bool) (*Log, error) {
	writer, readers, err := openDB(path, walMode, readOnly)
	if err != nil {
		return nil, err
	}
	l := &Log{writer: writer, readers: readers}
	if err := l.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), l.Close())
	}
	return l, nil
}

func (l *Log) prepare() error {
	ready := migrated
	db := l.readers
	if l.writer != nil {
		ready, db = migrate, l.writer
	}
	if err := ready(db, "tlog"); err != nil {
		return err
	}
	for query, stmt := range map[string]**sql.Stmt{
		stateQuery:                              &l.state,
		"SELECT data FROM tiles WHERE tile = ?": &l.tile,
		"SELECT idx, position, prev, id FROM leaves WHERE idx = ?": &l.leaf,
		"SELECT idx, position, prev, id FROM leaves WHERE id = ?":  &l.find,
		"SELECT key, revision, idx, hash FROM heads WHERE key = ?": &l.head,
	} {
		var err error
		if *stmt, err = l.readers.Prepare(query); err != nil {
			return err
		}
	}
	return nil
}

// Close lets go of the file.
func (l *Log) Close() error {
	err := l.readers.Close()
	if l.writer != nil {
		err = errors.Join(err, l.writer.Close())
	}
	return err
}

const stateQuery = `SELECT s.size, s.position, s.record, s.bodies, s.heads_index, s.heads_up_to, s.lasting,
	ifnull(c.size, 0), c.root, c.note, ifnull(c.audit, 0)
	FROM (SELECT 1) LEFT JOIN state s ON one = 1 LEFT JOIN checkpoints c ON c.size = (SELECT max(size) FROM checkpoints)`

func (l *Log) State(context.Context) (tlog.State, error) { return scanState(l.state.QueryRow()) }

func scanState(row *sql.Row) (tlog.State, error) {
	var size, position, bodies, headsIndex, headsUpTo sql.NullInt64
	var record, root []byte
	var s tlog.State
	err := row.Scan(&size, &position, &record, &bodies, &headsIndex, &headsUpTo, &s.Signed.Lasting, &s.Signed.Size, &root, &s.Signed.Note, &s.Signed.Audit)
	if err != nil {
		return tlog.State{}, fmt.Errorf("read the log's state: %w", err)
	}
	copy(s.Signed.Root[:], root)
	s.Size, s.Position, s.Bodies, s.Heads = size.Int64, position.Int64, -1, tlog.Commitment{Index: -1}
	if size.Valid {
		copy(s.Record[:], record)
		s.Bodies, s.Heads = bodies.Int64, tlog.Commitment{Index: headsIndex.Int64, UpTo: headsUpTo.Int64}
	}
	return s, nil
}

// Commit takes no context: a transaction that has begun is carried through.
func (l *Log) Commit(_ context.Context, b tlog.Batch) error {
	tx, err := l.writer.Begin()
	if err != nil {
		return fmt.Errorf("store a batch of the log: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // nothing to undo once it is committed
	if err := commitBatch(tx, b); err != nil {
		return fmt.Errorf("store a batch of the log: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("store a batch of the log: %w", err)
	}
	return nil
}

func commitBatch(tx *sql.Tx, b tlog.Batch) error {
	before, err := scanState(tx.QueryRow(stateQuery))
	if err != nil {
		return err
	}
	if before.Size != b.From {
		return tlog.ErrStale
	}
	err = insertAll(tx, "INSERT INTO tiles (tile, data) VALUES (?, ?) ON CONFLICT DO UPDATE SET data = excluded.data", b.Tiles, func(t tlog.Tile) []any {
		return []any{tileNumber(t.Level, t.N), t.Data}
	})
	if err != nil {
		return err
	}
	err = insertAll(tx, "INSERT INTO leaves (idx, position, prev, id) VALUES (?, ?, ?, ?)", b.Leaves, func(l tlog.Leaf) []any {
		return []any{l.Index, l.Position, l.Prev, l.ID[:]}
	})
	if err != nil {
		return err
	}
	err = insertAll(tx, "INSERT INTO heads (key, revision, idx, hash) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET revision = excluded.revision, idx = excluded.idx, hash = excluded.hash",
		b.Heads, func(h tlog.Head) []any { return []any{h.Key[:], h.Revision, h.Index, h.Leaf[:]} })
	if err != nil {
		return err
	}
	lasting := before.Signed.Lasting
	if c := b.State.Signed; c.Size > before.Signed.Size {
		lasting = c.Lasting
		kept := []byte{}
		if c.Audit {
			kept = c.Lasting
		}
		if _, err := tx.Exec("INSERT INTO checkpoints (size, root, note, lasting, audit) VALUES (?, ?, ?, ?, ?)", c.Size, c.Root[:], c.Note, filled(kept), c.Audit); err != nil {
			return err
		}
	}
	s := b.State
	_, err = tx.Exec("REPLACE INTO state (one, size, position, record, bodies, heads_index, heads_up_to, lasting) VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
		s.Size, s.Position, s.Record[:], s.Bodies, s.Heads.Index, s.Heads.UpTo, filled(lasting))
	return err
}

// filled is no NULL.
func filled(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// insertAll runs a statement for each item.
func insertAll[T any](tx *sql.Tx, query string, items []T, args func(T) []any) error {
	if len(items) == 0 {
		return nil
	}
	stmt, err := tx.Prepare(query)
	if err != nil {
		return err
	}
	defer stmt.Close()
	for _, item := range items {
		if _, err := stmt.Exec(args(item)...); err != nil {
			return err
		}
	}
	return nil
}

func tileNumber(level int, n int64) int64 { return int64(level)<<56 | n }

// found tells that there is no row by the log's own error.
func found(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return tlog.ErrNotFound
	}
	return err
}

func (l *Log) Tile(_ context.Context, level int, n int64) ([]byte, error) {
	var data []byte
	err := l.tile.QueryRow(tileNumber(level, n)).Scan(&data)
	return data, found(err)
}

func (l *Log) Leaf(_ context.Context, index int64) (tlog.Leaf, error) {
	return scanLeaf(l.leaf.QueryRow(index).Scan)
}

func (l *Log) Find(_ context.Context, id uuid.UUID) (tlog.Leaf, error) {
	return scanLeaf(l.find.QueryRow(id[:]).Scan)
}

func scanLeaf(scan func(...any) error) (tlog.Leaf, error) {
	var leaf tlog.Leaf
	var id []byte
	err := scan(&leaf.Index, &leaf.Position, &leaf.Prev, &id)
	copy(leaf.ID[:], id)
	return leaf, found(err)
}

// page is how many rows are read at once: a long reading would keep the write-ahead log from being folded.
const page = 4096

func (l *Log) Leaves(ctx context.Context, from int64) iter.Seq2[tlog.Leaf, error] {
	next := from
	return pages(func() ([]tlog.Leaf, error) {
		leaves, err := collect(ctx, l.readers, func(rows *sql.Rows) (tlog.Leaf, error) { return scanLeaf(rows.Scan) },
			"SELECT idx, position, prev, id FROM leaves WHERE idx >= ? ORDER BY idx LIMIT ?", next, page)
		if n := len(leaves); n > 0 {
			next = leaves[n-1].Index + 1
		}
		return leaves, err
	})
}

func (l *Log) Head(_ context.Context, key tree.Key) (tlog.Head, error) {
	return scanHead(l.head.QueryRow(key[:]).Scan)
}

func scanHead(scan func(...any) error) (tlog.Head, error) {
	var h tlog.Head
	var key, hash []byte
	err := scan(&key, &h.Revision, &h.Index, &hash)
	copy(h.Key[:], key)
	copy(h.Leaf[:], hash)
	return h, found(err)
}

func (l *Log) Heads(ctx context.Context, first, last int) iter.Seq2[tlog.Head, error] {
	from := []byte{byte(first >> 8), byte(first)}
	to := append([]byte{byte(last >> 8), byte(last)}, maxKey[2:]...)
	return pages(func() ([]tlog.Head, error) {
		heads, err := collect(ctx, l.readers, func(rows *sql.Rows) (tlog.Head, error) { return scanHead(rows.Scan) },
			"SELECT key, revision, idx, hash FROM heads WHERE key > ? AND key <= ? ORDER BY key LIMIT ?", from, to, page)
		if n := len(heads); n > 0 {
			from = append(from[:0], heads[n-1].Key[:]...)
		}
		return heads, err
	})
}

var maxKey = func() (k tree.Key) {
	for i := range k {
		k[i] = 0xff
	}
	return k
}()

func (l *Log) Checkpoints(ctx context.Context, after int64) iter.Seq2[tlog.Checkpoint, error] {
	return pages(func() ([]tlog.Checkpoint, error) {
		all, err := collect(ctx, l.readers, func(rows *sql.Rows) (c tlog.Checkpoint, err error) {
			var root []byte
			err = rows.Scan(&c.Size, &root, &c.Note, &c.Lasting, &c.Audit)
			copy(c.Root[:], root)
			return c, err
		}, "SELECT size, root, note, lasting, audit FROM checkpoints WHERE size > ? ORDER BY size LIMIT ?", after, page)
		if n := len(all); n > 0 {
			after = all[n-1].Size
		}
		return all, err
	})
}

// pages yields the rows of one page after another, until one is not full.
func pages[T any](next func() ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			items, err := next()
			if err != nil {
				var none T
				yield(none, fmt.Errorf("read the log's store: %w", err))
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if len(items) < page {
				return
			}
		}
	}
}

func collect[T any](ctx context.Context, db *sql.DB, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		item, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, item)
	}
	return all, rows.Err()
}

func (l *Log) SaveHeads(_ context.Context, upTo int64, tiles []tlog.Tile) error {
	tx, err := l.writer.Begin()
	if err != nil {
		return fmt.Errorf("store a tree of heads: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	err = insertAll(tx, "REPLACE INTO heads_tiles (up_to, tile, data) VALUES (?, ?, ?)", tiles, func(t tlog.Tile) []any {
		return []any{upTo, tileNumber(t.Level, t.N), t.Data}
	})
	if err == nil {
		_, err = tx.Exec("DELETE FROM heads_tiles WHERE up_to NOT IN (SELECT DISTINCT up_to FROM heads_tiles ORDER BY up_to DESC LIMIT 2)")
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		return fmt.Errorf("store a tree of heads: %w", err)
	}
	return nil
}

func (l *Log) HeadsTile(ctx context.Context, upTo int64, level int, n int64) ([]byte, error) {
	var data []byte
	err := l.readers.QueryRowContext(ctx, "SELECT data FROM heads_tiles WHERE up_to = ? AND tile = ?", upTo, tileNumber(level, n)).Scan(&data)
	return data, found(err)
}

func (l *Log) AddKeys(_ context.Context, vkeys []string) error {
	for _, k := range vkeys {
		if _, err := l.writer.Exec("INSERT INTO keys (vkey) VALUES (?) ON CONFLICT DO NOTHING", k); err != nil {
			return fmt.Errorf("store a public key: %w", err)
		}
	}
	return nil
}

func (l *Log) Keys(ctx context.Context) ([]string, error) {
	return collect(ctx, l.readers, func(rows *sql.Rows) (k string, err error) { return k, rows.Scan(&k) }, "SELECT vkey FROM keys ORDER BY at")
}

func (l *Log) Reset(context.Context) error {
	tx, err := l.writer.Begin()
	if err != nil {
		return fmt.Errorf("empty the log's store: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	for _, table := range []string{"tiles", "leaves", "heads", "heads_tiles", "state"} {
		if _, err := tx.Exec("DELETE FROM " + table); err != nil {
			return fmt.Errorf("empty the log's store: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("empty the log's store: %w", err)
	}
	return nil
}
