package projections

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// MostLooked is how many places one page looks at.
const MostLooked = mostLooked

// Plans are the plans of all statements of a page: the one that finds its last place, and its own.
func (r *Runner) Plans(ctx context.Context, f UserFilter, mark string, ends bool) (string, error) {
	t, err := r.tables("users")
	if err != nil {
		return "", err
	}
	l, w := listing{t: t, f: f, at: time.Now().UnixMicro()}, way{mark, ends}
	var out strings.Builder
	explain := func(query string, args []any) error {
		return t.each(ctx, func(scan func(...any) error) error {
			var id, parent, unused int
			var detail string
			err := scan(&id, &parent, &unused, &detail)
			fmt.Fprintln(&out, detail)
			return err
		}, "EXPLAIN QUERY PLAN "+query, args...)
	}
	if query, args := l.edgeQuery(w); !ends {
		if err := explain(query, args); err != nil {
			return "", err
		}
	}
	query, args := l.query(w, place{}, !ends, 10)
	return out.String(), explain(query, args)
}

// Way is the index that a page of a filter is found by.
func (r *Runner) Way(ctx context.Context, f UserFilter) (string, error) {
	t, err := r.tables("users")
	if err != nil {
		return "", err
	}
	w, err := listing{t: t, f: f, at: time.Now().UnixMicro()}.choose(ctx)
	if w.ends {
		return "ends", err
	}
	return w.mark, err
}
