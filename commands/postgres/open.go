// Package postgres keeps the journal, the keys, the tokens and the bus's cursors in a PostgreSQL database, so that several processes on several machines
// share them. It is the way between one machine (commands/sqlite) and a cluster made for events (commands/eventstoredb), and the only home
// of the driver.
//
// What PostgreSQL would acknowledge without keeping is refused: a connection whose synchronous_commit is off, a server whose fsync is, and
// where there are synchronous standbys a synchronous_commit that does not wait for what they keep on disk ("on" or "remote_apply" do). It is
// looked at when a connection is made and again in each transaction that appends (TestWeakSettingsAreRefused).
//
// No cancel request is ever sent to the server. PostgreSQL takes one during the wait for a standby as leave to commit without it:
// the transaction would be seen, and acknowledged when it is asked for again, though a failover takes it away. A call that is given up is cut off, and
// the server carries it through or undoes it by itself (TestNoCancelRequest, TestAppendEndsByItself). An administrator's pg_cancel_backend does the same harm; the
// append is then answered ErrUnknown.
//
// The URL may name several hosts; whichever takes writes is used, so that a promoted standby is found by itself (TestFailover). A dead
// server is an error only when the call's deadline has come: reads, and writes that have surely not begun, are tried again until then. A pooler
// between must leave sessions whole: LISTEN and prepared statements need them.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Options of a database. The zero value is for use.
type Options struct {
	Now     func() time.Time // the clock; nil is time.Now
	Timeout time.Duration    // the longest that any call takes whose context sets no nearer deadline; zero is 15 seconds
}

// defaultSchema is where the tables stand, unless the URL says search_path=another.
const defaultSchema = "kelisim"

// Database is one schema of a PostgreSQL database: a journal, a key store, tokens and cursors. They share its connections, and Close ends all of them.
// To keep keys apart from the journal, open two databases.
type Database struct {
	config  *pgx.ConnConfig
	pool    *pgxpool.Pool
	now     func() time.Time
	timeout time.Duration
	schema  string
	closed  atomic.Bool

	journal *Journal
	keys    *Keys
	access  *Access
}

// Open connects to postgres://user@host[:port][,host2[:port2]]/database, makes the schema and its tables where they are not there, and
// refuses those that a newer program made. The URL's password, and whatever else it holds, stands in no error.
func Open(ctx context.Context, url string, o Options) (*Database, error) {
	config, schema, err := parse(url)
	if err != nil {
		return nil, err
	}
	db := &Database{config: config.ConnConfig, now: o.Now, timeout: o.Timeout, schema: schema}
	if db.now == nil {
		db.now = time.Now
	}
	if db.timeout == 0 {
		db.timeout = 15 * time.Second
	}
	db.session()
	ctx, cancel := context.WithTimeout(ctx, db.timeout)
	defer cancel()
	db.journal, db.keys, db.access = newJournal(db), &Keys{db}, &Access{db}
	w := db.journal.writer
	if err = w.connect(ctx); err == nil {
		err = migrate(ctx, w.conn, schema)
	}
	if err == nil {
		config.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error { guard(c); return nil }
		db.pool, err = pgxpool.NewWithConfig(context.WithoutCancel(ctx), config)
	}
	if err != nil {
		w.drop()
		return nil, fmt.Errorf("open the PostgreSQL database: %w", err)
	}
	db.journal.ended.Go(w.run)
	return db, nil
}

// Journal is the database's journal.
func (db *Database) Journal() *Journal { return db.journal }

// Keys is the database's key store.
func (db *Database) Keys() *Keys { return db.keys }

// Access is the database's tokens.
func (db *Database) Access() *Access { return db.access }

// Bus is the database's cursors and deliveries.
func (db *Database) Bus() *Bus { return &Bus{db} }

// Close ends the journal and lets go of every connection.
func (db *Database) Close() error {
	err := db.journal.Close()
	db.closed.Store(true)
	db.pool.Close()
	return err
}

var (
	errURL    = errors.New("the address of the PostgreSQL database cannot be read: its form is postgres://user:password@host:5432,host2:5432/database?sslmode=verify-full")
	errSchema = errors.New("search_path in the address of the PostgreSQL database names one schema, of a to z, 0 to 9 and _")

	schemaForm = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)
)

// parse reads an address. Its errors are fixed sentences: the driver's own would quote the text, and what in a text that cannot be read is
// the password nobody knows (FuzzAddressShowsNothing).
func parse(url string) (*pgxpool.Config, string, error) {
	if !strings.HasPrefix(url, "postgres://") && !strings.HasPrefix(url, "postgresql://") {
		return nil, "", errURL
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, "", errURL
	}
	params := config.ConnConfig.RuntimeParams
	schema := params["search_path"]
	if schema == "" {
		schema = defaultSchema
	}
	if !schemaForm.MatchString(schema) {
		return nil, "", errSchema
	}
	params["search_path"] = schema
	if params["application_name"] == "" {
		params["application_name"] = "kelisim"
	}
	if !strings.Contains(url, "pool_max_conns") {
		config.MaxConns = 16
	}
	if config.ConnConfig.ConnectTimeout == 0 || config.ConnConfig.ConnectTimeout > 5*time.Second {
		config.ConnConfig.ConnectTimeout = 5 * time.Second // for each host
	}
	return config, schema, nil
}

// session is what every connection asks of the server: that a waiter gives up before its caller does, and that a process which stands
// still in the midst of a transaction does not keep all others from appending.
func (db *Database) session() {
	params := db.config.RuntimeParams
	params["lock_timeout"] = fmt.Sprint(max(1, (db.timeout / 2).Milliseconds()))
	params["idle_in_transaction_session_timeout"] = fmt.Sprint(max(1, db.timeout.Milliseconds()))
	db.config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
}

// connect makes a connection outside the pool; warned is called at each warning of the server.
func (db *Database) connect(ctx context.Context, warned func()) (*pgx.Conn, error) {
	config := db.config.Copy()
	guard(config)
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if n.SeverityUnlocalized == "WARNING" {
			warned()
		}
	}
	return pgx.ConnectConfig(ctx, config)
}

// guard makes a connection's own copy of the settings refuse a weak server, and never send a cancel request: the driver makes a
// further connection for one, and once the first stands no other is made.
func guard(c *pgx.ConnConfig) {
	var stands atomic.Bool
	dial := c.DialFunc
	c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if stands.Load() {
			return nil, errNoCancel
		}
		return dial(ctx, network, address)
	}
	c.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		stands.Store(true)
		return strong(ctx, conn)
	}
}

var errNoCancel = errors.New("no cancel request is sent to the server")

const settings = "current_setting('synchronous_commit'), current_setting('fsync'), current_setting('synchronous_standby_names') <> ''"

// strong asks a new connection for its settings.
func strong(ctx context.Context, c *pgconn.PgConn) error {
	results, err := c.Exec(ctx, "SELECT "+settings+", current_setting('server_encoding')").ReadAll()
	if err != nil {
		return fmt.Errorf("read the server's settings: %w", err)
	}
	row := results[0].Rows[0]
	if encoding := string(row[3]); encoding != "UTF8" {
		return &WeakError{"server_encoding", encoding, "the database must be made with encoding UTF8"}
	}
	return weakness(string(row[0]), string(row[1]), string(row[2]) == "t")
}

// WeakError: a setting of the server under which it would acknowledge what it may lose. Nothing is written.
type WeakError struct{ Setting, Value, Why string }

func (e *WeakError) Error() string {
	return fmt.Sprintf("PostgreSQL's %s is %s: %s", e.Setting, e.Value, e.Why)
}

// weakness is nil where what is acknowledged lasts.
func weakness(commit, fsync string, standbys bool) error {
	switch {
	case fsync != "on":
		return &WeakError{"fsync", fsync, "a power cut would take acknowledged events away; turn it on"}
	case commit == "off":
		return &WeakError{"synchronous_commit", commit, "a crash would take acknowledged events away; set it to on or remote_apply"}
	case standbys && commit != "on" && commit != "remote_apply":
		return &WeakError{"synchronous_commit", commit, "there are synchronous standbys, and a failover would take acknowledged events away; set it to on or remote_apply"}
	}
	return nil
}

// deadline is the call's own, and never later than the timeout.
func (db *Database) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, db.timeout)
}
