package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// passing errors of the server are of this moment: another try, perhaps on another host, may succeed.
func passing(err error) bool {
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		return false
	}
	switch server.Code {
	case "57P01", "57P02", "57P03", // it shuts down, was killed, or starts
		"25006",                   // it is a standby
		"25P03",                   // this process stood still for too long
		"40001", "40P01", "55P03", // another transaction was in the way
		"53300": // it has no connection to spare
		return true
	}
	return strings.HasPrefix(server.Code, "08")
}

// unreachable tells whether a failed connecting may be tried again: not where the server refused us or is too weak.
func unreachable(err error) bool {
	var weak *WeakError
	var server *pgconn.PgError
	return !errors.As(err, &weak) && (!errors.As(err, &server) || passing(err))
}

// pause waits a little before the next try, not always the same time: many would come at once.
func pause(ctx context.Context, try int) error {
	most := min(25*time.Millisecond<<min(try, 5), 500*time.Millisecond)
	select {
	case <-time.After(most/2 + rand.N(most/2)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// try does something on a connection of the pool, and again while its errors are passing, until the deadline. The context is looked
// at before each try; what has begun ends by the deadline alone, since a connection that is given up half-way is lost.
func (db *Database) try(ctx context.Context, do func(context.Context, *pgx.Conn) error) error {
	ctx, cancel := db.deadline(ctx)
	defer cancel()
	for n := 0; ; n++ {
		again, err := db.once(ctx, do)
		if err == nil || !again || ctx.Err() != nil {
			return err
		}
		if late := pause(ctx, n); late != nil {
			return fmt.Errorf("%w: %w", late, err)
		}
	}
}

// unsure marks an error after which the same thing may have been done: it is not tried again.
type unsure struct{ error }

func (u unsure) Unwrap() error { return u.error }

var errClosed = errors.New("the database is closed")

func (db *Database) once(ctx context.Context, do func(context.Context, *pgx.Conn) error) (again bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if db.closed.Load() {
		return false, errClosed
	}
	held, err := db.pool.Acquire(ctx)
	if err != nil {
		return unreachable(err), err
	}
	defer held.Release()
	conn := held.Conn()
	deadline, _ := ctx.Deadline()
	detached, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline)
	defer cancel()
	if err = do(detached, conn); err == nil {
		return false, nil
	}
	if passing(err) {
		cancel()
		_ = conn.Close(detached) // the pool makes another, on the host that takes writes by then
	}
	var stop unsure
	return conn.IsClosed() && !errors.As(err, &stop), err
}
