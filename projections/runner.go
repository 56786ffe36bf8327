package projections

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"kelisim/commands/journal"
)

// Runner keeps the read models up to the journal. Reading and decoding is done once for all of them; a model that is built anew reads for
// itself, and joins the others when it has caught up.
type Runner struct {
	Journal *journal.Journal
	Writer  *sql.DB // one connection
	Readers *sql.DB
	Models  []Projection // nil: All
	Log     *slog.Logger

	// writing is held by whoever has a transaction open: the common reading or a rebuild.
	writing sync.Mutex

	folds folds // of users' streams; whoever holds writing may use them

	progress func(position int64) // nil: nobody is told

	mu     sync.Mutex
	models map[string]*model
	moved  chan struct{} // closed when a model has moved on

	trouble error // why the journal is not followed, or nil
}

// model is a projection at work.
type model struct {
	Projection
	live  *generation // nil while its first tables are built
	build *generation // nil when none is built
	// retired are tables that answered before: they go when the next are begun, long after the last question to them has ended.
	retired []*generation
}

// generation is one set of tables and how far it has come.
type generation struct {
	number   int64
	version  int
	position int64
	fault    string // why it halted; "" while it runs
	memo     map[string]int64
}

// Status is how far a read model is.
type Status struct {
	Name     string `json:"name"`
	Version  int    `json:"version"`
	Position int64  `json:"position"`
	Lag      int64  `json:"lag"` // positions behind the journal's head
	Building bool   `json:"building"`
	// Built is how far new tables have come while they are built.
	Built int64  `json:"built,omitempty"`
	Fault string `json:"fault,omitempty"`
}

const (
	batchEvents = 1000
	batchTime   = 200 * time.Millisecond
	// gather is how long events are let come together after a transaction, so that a busy journal does not wake the models for each. After a
	// rest the first event is applied at once.
	gather = 10 * time.Millisecond
)

const registry = `CREATE TABLE IF NOT EXISTS read_models (
	name       TEXT    NOT NULL,
	generation INTEGER NOT NULL,
	version    INTEGER NOT NULL,
	position   INTEGER NOT NULL, -- of the last event applied
	live       INTEGER NOT NULL, -- 1: questions are answered from it; 2: they were, and one may still be
	fault      TEXT    NOT NULL, -- why it halted, or empty
	PRIMARY KEY (name, generation)
) STRICT`

// Open reads where each model stands and makes what is missing. Call it once, before Run.
func (r *Runner) Open(ctx context.Context) error {
	if r.Models == nil {
		r.Models = All
	}
	if r.Log == nil {
		r.Log = slog.New(slog.DiscardHandler)
	}
	r.models, r.moved = map[string]*model{}, make(chan struct{})
	if _, err := r.Writer.ExecContext(ctx, registry); err != nil {
		return fmt.Errorf("open the read models: %w", err)
	}
	for _, p := range r.Models {
		m := &model{Projection: p}
		r.models[p.Name] = m
		if err := r.find(ctx, m); err != nil {
			return fmt.Errorf("open the read model %s: %w", p.Name, err)
		}
		if m.live != nil && m.live.version == p.Version {
			if err := r.sweep(ctx, m); err != nil {
				return fmt.Errorf("open the read model %s: %w", p.Name, err)
			}
			continue
		}
		if m.build == nil || m.build.version != p.Version {
			if err := r.begin(ctx, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// find reads a model's generations.
func (r *Runner) find(ctx context.Context, m *model) error {
	rows, err := r.Writer.QueryContext(ctx, `SELECT generation, version, position, live, fault FROM read_models WHERE name = ? ORDER BY generation`, m.Name)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var g generation
		var live int
		if err := rows.Scan(&g.number, &g.version, &g.position, &live, &g.fault); err != nil {
			return err
		}
		g.fault = "" // a restart tries again
		switch live {
		case 0:
			m.build = &g
		case 1:
			m.live = &g
		default:
			m.retired = append(m.retired, &g)
		}
	}
	return rows.Err()
}

// begin makes new tables beside those that there are; tables that were being built are dropped.
func (r *Runner) begin(ctx context.Context, m *model) error {
	g := &generation{number: 1, version: m.Version}
	if m.live != nil {
		g.number = m.live.number + 1
	}
	old := m.retired
	if m.build != nil {
		old = append(old, m.build)
		g.number = max(g.number, m.build.number+1)
	}
	err := r.transact(ctx, func(tx *sql.Tx) error {
		for _, o := range old {
			if err := r.drop(ctx, tx, m, o); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, Tables{begin: beginning(m.Name, g.number)}.name(m.Schema)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO read_models (name, generation, version, position, live, fault) VALUES (?, ?, ?, 0, 0, '')`, m.Name, g.number, g.version)
		return err
	})
	if err != nil {
		return fmt.Errorf("make the tables of %s: %w", m.Name, err)
	}
	r.mu.Lock()
	m.build, m.retired = g, nil
	r.mu.Unlock()
	return nil
}

// sweep drops the tables that an earlier process retired.
func (r *Runner) sweep(ctx context.Context, m *model) error {
	return r.transact(ctx, func(tx *sql.Tx) error {
		for _, o := range m.retired {
			if err := r.drop(ctx, tx, m, o); err != nil {
				return err
			}
		}
		m.retired = nil
		return nil
	})
}

func (r *Runner) drop(ctx context.Context, tx *sql.Tx, m *model, g *generation) error {
	names, err := tx.QueryContext(ctx, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE ? ESCAPE '\'`, beginning(m.Name, g.number)+`\_%`)
	if err != nil {
		return err
	}
	var tables []string
	for names.Next() {
		var name string
		if err := names.Scan(&name); err != nil {
			return errors.Join(err, names.Close())
		}
		tables = append(tables, name)
	}
	if err := errors.Join(names.Err(), names.Close()); err != nil {
		return err
	}
	for _, name := range tables {
		if _, err := tx.ExecContext(ctx, `DROP TABLE "`+name+`"`); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM read_models WHERE name = ? AND generation = ?`, m.Name, g.number)
	return err
}

func (r *Runner) transact(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := r.Writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// Ready brings one model alone up to what the journal held when it was called: what a process must know before it answers anybody does not wait for
// tables that it does not need (TestReadyWaitsForNobody). Call it between Open and Run. progress is told each position that was reached. A model that
// halts on the way is unavailable.
func (r *Runner) Ready(ctx context.Context, name string, progress func(position int64)) error {
	m, ok := r.models[name]
	if !ok {
		return fmt.Errorf("there is no read model %s", name)
	}
	r.progress = progress
	defer func() { r.progress = nil }()
	err := r.outlast(ctx, func() error {
		if m.build != nil {
			return r.catchUp(ctx, m)
		}
		return r.apply(ctx, m.live.position, []at{{m, m.live}})
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	case m.build != nil || m.live.fault != "":
		return unavailable()
	}
	return nil
}

// Run follows the journal until the context ends. While the journal or the read models' database fails it rests, and goes on from where each model
// stands (TestOutageIsOutlived); Trouble tells of it. Its error is that the journal is closed; a fault of one projection is none.
func (r *Runner) Run(ctx context.Context) error {
	ended := make(chan error, len(r.models)+1)
	var wg sync.WaitGroup
	for _, m := range r.models {
		if m.build != nil {
			wg.Go(func() { ended <- r.outlast(ctx, func() error { return r.catchUp(ctx, m) }) })
		}
	}
	wg.Go(func() { ended <- r.outlast(ctx, func() error { return r.follow(ctx) }) })
	wg.Wait()
	close(ended)
	var err error
	for one := range ended {
		err = errors.Join(err, one)
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// rest is how long nothing is tried after a failure.
const rest = time.Second

// outlast follows again for as long as it fails.
func (r *Runner) outlast(ctx context.Context, follow func() error) error {
	for {
		err := follow()
		if err == nil || ctx.Err() != nil || errors.Is(err, journal.ErrClosed) {
			return err
		}
		r.suffer(err)
		select {
		case <-time.After(rest):
		case <-ctx.Done():
			return nil
		}
	}
}

// suffer notes why the journal is not followed, nil where it is again, and logs what is new.
func (r *Runner) suffer(trouble error) {
	r.mu.Lock()
	before := r.trouble
	r.trouble = trouble
	r.mu.Unlock()
	switch {
	case before == nil && trouble != nil:
		r.Log.Error("the read models are not kept up for now", "error", trouble)
	case before != nil && trouble == nil:
		r.Log.Info("the read models are kept up again")
	}
}

// Trouble is why the models are not kept up at the moment, or nil. That one has halted is told by its Status.
func (r *Runner) Trouble() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.trouble
}

// follow keeps all live models up to the journal. Each reading is for the models that were live when it began: one that joins meanwhile would
// miss what was read before, and is taken along by the next (TestJoiningModelMissesNothing).
func (r *Runner) follow(ctx context.Context) error {
	for {
		r.mu.Lock()
		moved := r.moved
		r.mu.Unlock()
		targets := r.running()
		if len(targets) == 0 { // all are being built, or have halted
			select {
			case <-moved:
				continue
			case <-ctx.Done():
				return nil
			}
		}
		after := furthestBehind(targets)
		if err := r.apply(ctx, after, targets); err != nil {
			return err
		}
		if now := r.running(); len(now) != len(targets) || furthestBehind(now) > after {
			select {
			case <-time.After(gather):
			case <-ctx.Done():
				return nil
			}
			continue
		}
		waiting, done := context.WithTimeout(ctx, time.Second) // models may have joined meanwhile
		err := r.Journal.Wait(waiting, after)
		done()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && waiting.Err() == nil {
			return fmt.Errorf("follow the journal: %w", err)
		}
	}
}

// furthestBehind is the least position among generations; 0 where there are none.
func furthestBehind(targets []at) int64 {
	least := int64(0)
	for i, t := range targets {
		if i == 0 || t.position < least {
			least = t.position
		}
	}
	return least
}

// at is a generation of a model.
type at struct {
	*model
	*generation
}

func (r *Runner) running() []at {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []at
	for _, m := range r.models {
		if m.live != nil && m.live.fault == "" {
			out = append(out, at{m, m.live})
		}
	}
	return out
}

// catchUp builds a model's new tables and swaps them in when nothing is left to apply.
func (r *Runner) catchUp(ctx context.Context, m *model) error {
	for {
		before := m.build.position
		if err := r.apply(ctx, before, []at{{m, m.build}}); err != nil || ctx.Err() != nil || m.build.fault != "" {
			return err
		}
		if err := r.settle(ctx, at{m, m.build}); err != nil || ctx.Err() != nil || m.build.fault != "" {
			return err
		}
		if m.build.position == before {
			return r.swap(ctx, m)
		}
	}
}

// swap makes the built tables the ones that answer. The old ones stay for the questions that have begun.
func (r *Runner) swap(ctx context.Context, m *model) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	err := r.transact(ctx, func(tx *sql.Tx) error {
		if m.live != nil {
			if _, err := tx.ExecContext(ctx, `UPDATE read_models SET live = 2 WHERE name = ? AND generation = ?`, m.Name, m.live.number); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `UPDATE read_models SET live = 1 WHERE name = ? AND generation = ?`, m.Name, m.build.number)
		return err
	})
	if err != nil {
		return fmt.Errorf("swap the tables of %s: %w", m.Name, err)
	}
	r.mu.Lock()
	if m.live != nil {
		m.retired = append(m.retired, m.live)
	}
	m.live, m.build = m.build, nil
	r.mu.Unlock()
	r.tell()
	return nil
}

// Rebuild builds a model's tables anew beside the live ones, from the first event, and swaps them in.
func (r *Runner) Rebuild(ctx context.Context, name string) error {
	m, ok := r.models[name]
	if !ok {
		return fmt.Errorf("there is no read model %s", name)
	}
	if m.build != nil {
		return fmt.Errorf("the read model %s is being built", name)
	}
	r.writing.Lock()
	err := r.begin(ctx, m)
	r.writing.Unlock()
	if err != nil {
		return err
	}
	return r.catchUp(ctx, m)
}
