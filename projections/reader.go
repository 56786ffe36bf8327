package projections

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

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
	h := sha256.New()
	for _, table := range m.Tables {
		var lines []string
		rows, err := t.Query(ctx, `SELECT * FROM @_`+table)
		if err != nil {
			return "", 0, err
		}
		columns, err := rows.Columns()
		if err != nil {
			return "", 0, fmt.Errorf("read %s: %w", name, err)
		}
		for rows.Next() {
			values := make([]any, len(columns))
			into := make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				rows.Close()
				return "", 0, fmt.Errorf("read %s: %w", name, err)
			}
			lines = append(lines, fmt.Sprintf("%q", values))
		}
		if err := rows.Err(); err != nil {
			return "", 0, fmt.Errorf("read %s: %w", name, err)
		}
		rows.Close()
		slices.Sort(lines)
		fmt.Fprintf(h, "%s %s\n%s\n", table, strings.Join(columns, " "), strings.Join(lines, "\n"))
	}
	return hex.EncodeToString(h.Sum(nil)), m.live.position, nil
}
