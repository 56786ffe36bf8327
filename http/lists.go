package http

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"kelisim/domain"
	"kelisim/projections"
)

// catchUpWait is how long a question waits for a table to reach the position that it names.
const catchUpWait = 5 * time.Second

// reach waits until a read model answers for at_least, so that callers can read what they wrote.
func (a *API) reach(r *Request, model string) error {
	least, err := position(r.Query.String("at_least"), "?at_least")
	if err != nil || least == 0 {
		return err
	}
	ctx, done := context.WithTimeout(r.Context(), catchUpWait)
	defer done()
	err = a.Views.WaitFor(ctx, model, least)
	if errors.Is(err, context.DeadlineExceeded) {
		return domain.Refuse(domain.Unavailable, "unavailable", "this table has not reached that position yet; ask again")
	}
	return err
}

// activity lists what was observed of a user (T-1.5, T-3.4).
func (a *API) activity(r *Request) (*Response, error) {
	var after projections.ActionsAfter
	r.Query.Cursor("after", &after)
	limit := r.Query.Int("limit", 100, 1, 1000)
	snap, _, err := a.ask(r, "as_of")
	if err != nil {
		return nil, err
	}
	if err := a.reach(r, "activity"); err != nil {
		return nil, err
	}
	page, more, err := a.Views.Actions(r.Context(), snap.User, after, limit)
	if err != nil {
		return nil, err
	}
	next := ""
	if more {
		next = Cursor(page[len(page)-1].After())
	}
	return Page(page, next), nil
}

// letters lists postal notices by the day of their receipt.
func (a *API) letters(r *Request) (*Response, error) {
	only := r.Query.OneOf("status", "", "unmatched", "matched")
	if err := errors.Join(r.Query.Err(), a.reach(r, "letters")); err != nil {
		return nil, err
	}
	items, err := a.Views.Letters(r.Context(), only)
	if err != nil {
		return nil, err
	}
	return paged(r, items, func(l projections.Letter) string { return l.ReceivedOn + " " + l.LetterID })
}

// incidents lists the register of incidents (P-2.4).
func (a *API) incidents(r *Request) (*Response, error) {
	if err := a.reach(r, "incidents"); err != nil {
		return nil, err
	}
	items, err := a.Views.Incidents(r.Context())
	if err != nil {
		return nil, err
	}
	return paged(r, items, func(i projections.Incident) string { return newestFirst(i.DetectedAt) + " " + i.IncidentID })
}

// held lists money that could not be applied, the oldest first.
func (a *API) held(r *Request) (*Response, error) {
	if err := a.reach(r, "held"); err != nil {
		return nil, err
	}
	items, err := a.Views.HeldMoney(r.Context())
	if err != nil {
		return nil, err
	}
	return paged(r, items, func(h projections.Held) string {
		return fmt.Sprintf("%016x %s %s %s", uint64(h.Since.UnixMicro()), h.Provider, h.TransactionID, h.UserID)
	})
}

// newestFirst writes a moment so that a later one sorts before an earlier one.
func newestFirst(t time.Time) string {
	return fmt.Sprintf("%016x", math.MaxUint64-uint64(t.UnixMicro()))
}

// paged is the page of a list that the request asks for. key tells a line's place: the list is in its order.
func paged[T any](r *Request, items []T, key func(T) string) (*Response, error) {
	var from struct {
		Key string `json:"k"`
	}
	r.Query.Cursor("after", &from)
	limit := r.Query.Int("limit", 100, 1, 1000)
	if err := r.Query.Err(); err != nil {
		return nil, err
	}
	start, _ := slices.BinarySearchFunc(items, from.Key, func(item T, after string) int {
		if key(item) <= after {
			return -1
		}
		return 1
	})
	items = items[start:]
	next := ""
	if len(items) > limit {
		items = items[:limit]
		from.Key = key(items[limit-1])
		next = Cursor(from)
	}
	return Page(items, next), nil
}
