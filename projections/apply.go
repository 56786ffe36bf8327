package projections

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"kelisim/commands/journal"
	"kelisim/domain"
)

// apply takes what the journal holds after a position to the generations, in transactions of a bounded size. Each takes only what is past
// its own cursor.
func (r *Runner) apply(ctx context.Context, after int64, to []at) error {
	if len(to) == 0 {
		return nil
	}
	var batch []journal.Event
	began := time.Now()
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := r.commit(ctx, batch, to)
		batch, began = batch[:0], time.Now()
		return err
	}
	for e, err := range r.Journal.ReadAll(ctx, after) {
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the journal: %w", err)
		}
		batch = append(batch, e)
		if len(batch) >= batchEvents || time.Since(began) > batchTime {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	r.suffer(nil)
	return nil
}

// commit applies a batch to each generation, in one transaction for all. Where a projection fails, the others are applied without it; that the
// journal cannot be read is nobody's fault, and ends it.
func (r *Runner) commit(ctx context.Context, batch []journal.Event, to []at) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	for {
		reached := map[*generation]int64{}
		var failed at
		var fault error
		err := r.transact(context.WithoutCancel(ctx), func(tx *sql.Tx) error {
			for _, g := range to {
				if g.fault != "" {
					continue
				}
				if fault = r.one(ctx, tx, batch, g, reached); fault != nil {
					failed = g
					return fault
				}
			}
			return nil
		})
		if err != nil { // what was numbered in it is not there
			for _, g := range to {
				g.memo = nil
			}
		}
		switch {
		case fault != nil && ctx.Err() != nil:
			return nil
		case errors.As(fault, new(*unreadError)):
			return fault
		case fault != nil:
			if err := r.halt(ctx, failed, fault); err != nil {
				return err
			}
			continue
		case err != nil:
			return fmt.Errorf("write the read models: %w", err)
		}
		r.mu.Lock()
		for g, position := range reached {
			g.position = position
		}
		r.mu.Unlock()
		r.tell()
		if r.progress != nil {
			r.progress(batch[len(batch)-1].Position)
		}
		return nil
	}
}

// one applies a batch to one generation.
func (r *Runner) one(ctx context.Context, tx *sql.Tx, batch []journal.Event, g at, reached map[*generation]int64) error {
	position := g.position
	t := Tables{begin: beginning(g.Name, g.number), db: prepare(tx), memo: g.numbers()}
	for _, e := range batch {
		if e.Position <= position {
			continue
		}
		position = e.Position
		if !domain.Stream(e.Stream).Counted() {
			continue
		}
		if err := g.Apply(ctx, t, e); err != nil {
			return fmt.Errorf("event %s (%s, position %d): %w", e.ID, e.Type, e.Position, err)
		}
	}
	if position == g.position {
		return nil
	}
	if g.generation == g.live {
		for left := true; left; {
			n, err := r.settleSome(ctx, t, g, position)
			if err != nil {
				return err
			}
			left = n > 0
		}
	}
	reached[g.generation] = position
	_, err := tx.ExecContext(ctx, `UPDATE read_models SET position = ? WHERE name = ? AND generation = ?`, position, g.Name, g.number)
	return err
}

// settleAtOnce is how many marks one statement of a batch, or one transaction of a rebuild, settles.
const settleAtOnce = 1000

func (r *Runner) settleSome(ctx context.Context, t Tables, g at, position int64) (int, error) {
	if g.Settle == nil {
		return 0, nil
	}
	n, err := g.Settle(ctx, t, Past{r.Journal, position, &r.folds}, settleAtOnce)
	if err != nil {
		return 0, fmt.Errorf("settle at position %d: %w", position, err)
	}
	return n, nil
}

// settle makes the rows of tables that were built, in transactions of a bounded size. Where that fails for a reason of its own the model halts.
func (r *Runner) settle(ctx context.Context, g at) error {
	some := func() (n int, err error) {
		r.writing.Lock()
		defer r.writing.Unlock()
		var fault error
		err = r.transact(context.WithoutCancel(ctx), func(tx *sql.Tx) error {
			n, fault = r.settleSome(ctx, Tables{begin: beginning(g.Name, g.number), db: prepare(tx)}, g, g.position)
			return fault
		})
		switch {
		case fault != nil && ctx.Err() != nil:
			return 0, nil
		case errors.As(fault, new(*unreadError)):
			return 0, fault
		case fault != nil:
			return 0, r.halt(ctx, g, fault)
		case err != nil:
			return 0, fmt.Errorf("write the read models: %w", err)
		}
		return n, nil
	}
	for ctx.Err() == nil && g.fault == "" {
		if n, err := some(); err != nil || n == 0 {
			return err
		}
	}
	return nil
}

// halt stops one generation at its fault and says so; the others go on.
func (r *Runner) halt(ctx context.Context, g at, fault error) error {
	r.Log.Error("a read model has halted: its answers grow old until it is mended", "model", g.Name, "position", g.position, "error", fault)
	r.mu.Lock()
	g.generation.fault = fault.Error()
	r.mu.Unlock()
	r.tell()
	_, err := r.Writer.ExecContext(context.WithoutCancel(ctx), `UPDATE read_models SET fault = ? WHERE name = ? AND generation = ?`, fault.Error(), g.Name, g.number)
	if err != nil {
		return errors.Join(fault, err)
	}
	return nil
}

// tell wakes whoever waits for a model to move on.
func (r *Runner) tell() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.moved)
	r.moved = make(chan struct{})
}
