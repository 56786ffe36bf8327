package projections

import (
	"context"
	"database/sql"
)

// prepared is a transaction that prepares each statement once. A batch applies the same few statements to a thousand events: to prepare them
// for each takes longer than to run them.
type prepared struct {
	*sql.Tx
	statements map[string]*sql.Stmt // the transaction closes them
}

func prepare(tx *sql.Tx) *prepared { return &prepared{tx, map[string]*sql.Stmt{}} }

// ExecContext is sql.Tx's, by a statement that is prepared already.
func (p *prepared) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	s, ok := p.statements[query]
	if !ok {
		var err error
		if s, err = p.PrepareContext(ctx, query); err != nil {
			return nil, err
		}
		p.statements[query] = s
	}
	return s.ExecContext(ctx, args...)
}

// mostNumbers bounds what one generation remembers of its own rows.
const mostNumbers = 10_000

// numbers are what an Apply remembers of the rows of its tables from one batch to the next.
func (g *generation) numbers() map[string]int64 {
	if g.memo == nil || len(g.memo) > mostNumbers {
		g.memo = map[string]int64{}
	}
	return g.memo
}
