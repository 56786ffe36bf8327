package projections

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"kelisim/commands/journal"
	"kelisim/domain"
)

// Statuses tells how far each model is.
func (r *Runner) Statuses(ctx context.Context) ([]Status, error) {
	head, _, err := r.Journal.Head(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the journal's head: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Status
	for _, p := range r.Models {
		m := r.models[p.Name]
		s := Status{Name: p.Name, Version: p.Version, Lag: head}
		if m.live != nil {
			s.Position, s.Fault, s.Lag = m.live.position, m.live.fault, max(0, head-m.live.position)
		}
		if m.build != nil {
			s.Building, s.Built = true, m.build.position
			if s.Fault == "" {
				s.Fault = m.build.fault
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// WaitFor returns once a model answers for a position, or with the context's error. A model that has halted before it is unavailable.
func (r *Runner) WaitFor(ctx context.Context, name string, position int64) error {
	for {
		r.mu.Lock()
		m, moved := r.models[name], r.moved
		ready := m != nil && m.live != nil && m.live.version == m.Version && m.live.position >= position
		halted := m != nil && m.live != nil && m.live.fault != ""
		r.mu.Unlock()
		switch {
		case m == nil:
			return fmt.Errorf("there is no read model %s", name)
		case ready:
			return nil
		case halted:
			return unavailable()
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Grown returns how far a model is, once that is past a position: -1 asks for the model as it stands, once it answers.
func (r *Runner) Grown(ctx context.Context, name string, past int64) (int64, error) {
	if err := r.WaitFor(ctx, name, past+1); err != nil {
		return 0, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.models[name].live.position, nil
}

func unavailable() error {
	return domain.Refuse(domain.Unavailable, "unavailable", "this table is being built or has halted; ask again later")
}

// tables are those of a model that answer now.
func (r *Runner) tables(name string) (Tables, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.models[name]
	if m == nil || m.live == nil || m.live.version != m.Version {
		return Tables{}, unavailable()
	}
	return Tables{begin: beginning(name, m.live.number), db: r.Readers}, nil
}

// Digest is a hash over all rows of a model, and the position that they stand for: two that were made of the same events are equal.
func (r *Runner) Digest(ctx context.Context, name string) (digest string, position int64, err error) {
	r.writing.Lock() // nothing moves meanwhile
	defer r.writing.Unlock()
	t, err := r.tables(name)
	if err != nil {
		return "", 0, err
	}
	m := r.models[name]
	digest, err = t.digest(ctx, m.Projection)
	return digest, m.live.position, err
}

// Seen is a model as a file holds it.
type Seen struct {
	Name     string `json:"name"`
	Version  int    `json:"version"`
	Position int64  `json:"position"`
	Digest   string `json:"digest"`
}

// Inspect reads from a file of read models how far each of them is, and its digest; beside a process that keeps them up as well. A model that
// the file does not hold in this version is left out.
func Inspect(ctx context.Context, readers *sql.DB, models []Projection) (out []Seen, err error) {
	tx, err := readers.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // one moment for rows and cursors
	if err != nil {
		return nil, fmt.Errorf("inspect the read models: %w", err)
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	for _, p := range models {
		s := Seen{Name: p.Name, Version: p.Version}
		var generation int64
		err := tx.QueryRowContext(ctx, `SELECT generation, position FROM read_models WHERE name = ? AND version = ? AND live = 1`, p.Name, p.Version).Scan(&generation, &s.Position)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("inspect %s: %w", p.Name, err)
		}
		if s.Digest, err = (Tables{begin: beginning(p.Name, generation), db: tx}).digest(ctx, p); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// digest hashes each table's rows in the order of their text.
func (t Tables) digest(ctx context.Context, p Projection) (string, error) {
	h := sha256.New()
	for _, table := range p.Tables {
		var lines []string
		rows, err := t.Query(ctx, `SELECT * FROM @_`+table)
		if err != nil {
			return "", err
		}
		columns, err := rows.Columns()
		for err == nil && rows.Next() {
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err = rows.Scan(into...); err == nil {
				lines = append(lines, fmt.Sprintf("%q", values))
			}
		}
		if err = errors.Join(err, rows.Err(), rows.Close()); err != nil {
			return "", fmt.Errorf("read %s: %w", p.Name, err)
		}
		slices.Sort(lines)
		fmt.Fprintf(h, "%s %s\n%s\n", table, strings.Join(columns, " "), strings.Join(lines, "\n"))
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Replay builds models from the first event into an empty file, up to what the journal holds now, and answers their digests. progress is
// told the position that was reached.
func Replay(ctx context.Context, j *journal.Journal, writer, readers *sql.DB, models []Projection, progress func(position int64)) ([]Seen, error) {
	r := &Runner{Journal: j, Writer: writer, Readers: readers, Models: models}
	if err := r.Open(ctx); err != nil {
		return nil, err
	}
	var building []at
	for _, p := range models {
		building = append(building, at{r.models[p.Name], r.models[p.Name].build})
	}
	r.progress = progress
	err := r.apply(ctx, 0, building)
	if err != nil {
		return nil, err
	}
	for _, b := range building {
		if err := r.settle(ctx, b); err != nil {
			return nil, err
		}
		if b.fault != "" {
			return nil, fmt.Errorf("replay %s: %s", b.Name, b.fault)
		}
		if err := r.swap(ctx, b.model); err != nil {
			return nil, err
		}
	}
	return Inspect(ctx, readers, models)
}
