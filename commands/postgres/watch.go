package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// look is how often the head is looked at where nothing is told: a notification can be lost with its connection, never an event.
const look = time.Second

// Wait is woken by the server's notifications, and looks at the head every second behind them (TestWaitSurvivesItsConnection,
// TestWaitLooksToo). While the server is away it waits on.
func (j *Journal) Wait(ctx context.Context, after int64) error {
	for {
		j.mu.Lock()
		if j.stopped == nil && !j.listening {
			j.listening = true
			j.ended.Go(j.listen)
		}
		head, grown, stopped := j.head, j.grown, j.stopped
		j.mu.Unlock()
		if stopped != nil {
			return fmt.Errorf("wait for the journal: %w", stopped)
		}
		if head > after {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return fmt.Errorf("wait for the journal: %w", ctx.Err())
		}
	}
}

// listen keeps a connection of its own on the channel until the journal stops.
func (j *Journal) listen() {
	for n := 0; j.ctx.Err() == nil; n++ {
		heard, err := j.hear()
		if errors.Is(err, ErrHistoryLost) {
			return
		}
		if heard {
			n = 0
		}
		if pause(j.ctx, n) != nil {
			return
		}
	}
}

// hear listens on one connection until it fails, and tells whether it ever heard anything. Listening comes before looking, so that nothing
// falls between.
func (j *Journal) hear() (heard bool, err error) {
	ctx, cancel := j.db.deadline(j.ctx)
	defer cancel()
	conn, err := j.db.connect(ctx, func() {})
	if err != nil {
		return false, err
	}
	defer func() {
		ended, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = conn.Close(ended) // however it ends
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{j.channel}.Sanitize()); err != nil {
		return false, err
	}
	for {
		if err := j.lookOn(conn); err != nil {
			return heard, err
		}
		heard = true
		if err := j.told(conn); err != nil {
			return heard, err
		}
	}
}

// lookOn looks at the head on the listening connection, which so proves to be alive.
func (j *Journal) lookOn(conn *pgx.Conn) error {
	ctx, cancel := j.db.deadline(j.ctx)
	defer cancel()
	seen := j.seen()
	var head int64
	if err := conn.QueryRow(ctx, "SELECT position FROM head").Scan(&head); err != nil {
		return err
	}
	if err := j.lost(seen, head); err != nil {
		return err
	}
	j.saw(head)
	return nil
}

// told takes in notifications until it is time to look.
func (j *Journal) told(conn *pgx.Conn) error {
	until := time.Now().Add(look)
	for {
		ctx, cancel := context.WithDeadline(j.ctx, until)
		n, err := conn.WaitForNotification(ctx)
		cancel()
		switch {
		case err == nil:
			// What is told is not believed beyond what it is for: whoever may connect may notify.
			if position, err := strconv.ParseInt(n.Payload, 10, 64); err != nil || position > j.seen() {
				return j.lookOn(conn)
			}
		case j.ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
			return nil
		default:
			return err
		}
	}
}
