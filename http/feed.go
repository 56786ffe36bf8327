package http

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"kelisim/commands"
	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/domain/user"
)

// inFeed tells whether an event is in the feed: all are but checkpoints and leases.
func inFeed(e journal.Event, kind string) bool {
	return domain.Stream(e.Stream).Counted() && (kind == "" || e.Type == kind)
}

func feedView(e journal.Event) (eventView, error) {
	recorded := user.Recorded{Meta: e.Meta, Data: e.Data}
	data, err := commands.Masked(recorded)
	return viewOf(recorded, data), err
}

// feed lists the journal's events in order, with personal values left out of sight. after is the last position that the
// caller has; next is the one to go on from.
func (a *API) feed(r *Request) (*Response, error) {
	after, err := position(r.Query.String("after"), "?after")
	if err != nil {
		return nil, err
	}
	limit := r.Query.Int("limit", 100, 1, 1000)
	if err := r.Query.Err(); err != nil {
		return nil, err
	}
	items, next := []eventView{}, ""
	for e, err := range a.Service.Journal.ReadAll(r.Context(), after) {
		if err != nil {
			return nil, err
		}
		if !inFeed(e, r.Query.String("type")) {
			continue
		}
		if len(items) == limit {
			next = strconv.FormatInt(items[limit-1].Position, 10)
			break
		}
		v, err := feedView(e)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
	}
	return Page(items, next), nil
}

// position reads a position that a caller has; none is the beginning.
func position(s, pointer string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, domain.Malformed(pointer, "a position is a whole number from 0: the last one that you have")
	}
	return n, nil
}

// heartbeat is how often a quiet stream shows that it is alive.
const heartbeat = 15 * time.Second

// follow streams the feed as server-sent events: id is the position, event the type, data the event. A caller that was cut off goes on with
// Last-Event-ID.
func (a *API) follow(r *Request) (*Response, error) {
	from := r.http.Header.Get("Last-Event-ID")
	if from == "" {
		from = r.Query.String("after")
	}
	after, err := position(from, "@Last-Event-ID")
	if err != nil {
		return nil, err
	}
	kind := r.Query.String("type")
	ctx, stop := context.WithCancel(r.Context())
	return Streamed("text/event-stream", func(w *Stream) error {
		defer stop()
		go func() {
			select {
			case <-r.Closing():
				stop()
			case <-ctx.Done():
			}
		}()
		if _, err := fmt.Fprint(w, ": the feed begins\n\n"); err != nil {
			return err
		}
		for {
			for e, err := range a.Service.Journal.ReadAll(ctx, after) {
				if err != nil {
					return quiet(ctx, err)
				}
				after = e.Position
				if !inFeed(e, kind) {
					continue
				}
				v, err := feedView(e)
				if err != nil {
					return err
				}
				data, err := marshal(v)
				if err != nil {
					return err
				}
				if _, err := fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n", e.Position, e.Type, data); err != nil {
					return err
				}
			}
			if err := w.Flush(); err != nil {
				return err
			}
			waiting, done := context.WithTimeout(ctx, heartbeat)
			err := a.Service.Journal.Wait(waiting, after)
			done()
			switch {
			case ctx.Err() != nil:
				return nil
			case err != nil && waiting.Err() == nil:
				return err
			case err != nil:
				if _, err := fmt.Fprint(w, ": still here\n\n"); err != nil {
					return err
				}
			}
		}
	}).With("Cache-Control", "no-store"), nil
}

// quiet drops an error that only says that the caller has gone.
func quiet(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
