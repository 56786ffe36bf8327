package projections

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"kelisim/domain"
	"kelisim/domain/permission"
)

// UserFilter says which users a list is of; what is empty asks for nothing. All that is asked must hold.
type UserFilter struct {
	Status, Coverage string
	Plan             string // months of the period paid for last, or none
	// The purpose that Consent is about; without one, any that the user consented to.
	Consent, Purpose   string
	Block              string // account, data, none
	Obligation, Hold   string // a kind, any, none
	Document, Version  string // accepted last; without a version, any
	Location, Language string // a wider code meets the narrower ones, as with restrictions (T-1.3)
	// The last moment of coverage lies at or after the one, and before the other: who is covered through 30 November expires before 1 December.
	// Zero is open.
	ExpiresAfter, ExpiresBefore    time.Time
	RegisteredFrom, RegisteredTill time.Time // half-open
}

// User is a line of the list.
type User struct {
	UserID       domain.UserID `json:"user_id"`
	RegisteredAt time.Time     `json:"registered_at"`
	UserStanding
	// NextChangeAt is the first moment at which some of this will be other, if nothing more is recorded.
	NextChangeAt *time.Time `json:"next_change_at"`
}

// UsersAfter is where a page begins: the place of the last user that was looked at.
type UsersAfter struct {
	Registered int64 `json:"r"` // microseconds
	N          int64 `json:"n"`
	AsOf       int64 `json:"t"` // microseconds: all pages of a list speak of one moment
}

// UserPage is one page.
type UserPage struct {
	Users    []User
	Next     *UsersAfter // nil: there are no more
	AsOf     time.Time
	Position int64 // of the last event that is known
}

// mostLooked is how many places one page looks at: a filter that hardly anybody meets gives short pages rather than slow ones.
const mostLooked = 10_000

// UserList lists the users whom a filter meets as of a moment, in the order of their registration. The moment is now or later: of a user whose
// last entry is later it tells what stood at that entry. Whoever meets the filter all the while is in exactly one of a list's pages, whatever is
// recorded between them (TestPagesNeitherRepeatNorSkip). A page has limit users, or fewer with others still to come.
func (r *Runner) UserList(ctx context.Context, f UserFilter, asOf time.Time, after UsersAfter, limit int) (page UserPage, err error) {
	t, err := r.tables("users")
	if err != nil {
		return page, err
	}
	tx, err := r.Readers.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // one moment for rows and position
	if err != nil {
		return page, fmt.Errorf("list users: %w", err)
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	t.db = tx
	page.AsOf = asOf.UTC().Truncate(time.Microsecond)
	if after.AsOf != 0 {
		page.AsOf = time.UnixMicro(after.AsOf).UTC()
	}
	name, generation, _ := strings.Cut(t.begin, "_")
	if err := t.Row(ctx, `SELECT position FROM read_models WHERE name = ? AND generation = ?`, name, generation).Scan(&page.Position); err != nil {
		return page, fmt.Errorf("read how far the users are: %w", err)
	}
	l := listing{t: t, f: f, at: page.AsOf.UnixMicro(), after: place{after.Registered, after.N}}
	if !f.RegisteredFrom.IsZero() {
		if from := (place{f.RegisteredFrom.UnixMicro(), -1}); l.after.before(from) {
			l.after = from
		}
	}
	way, err := l.choose(ctx)
	if err != nil {
		return page, err
	}
	next, err := l.read(ctx, way, limit, &page)
	if err == nil && next != nil {
		page.Next = &UsersAfter{next.registered, next.n, l.at}
	}
	return page, err
}

// place is a user's in the order.
type place struct{ registered, n int64 }

func (p place) before(q place) bool {
	return p.registered < q.registered || p.registered == q.registered && p.n < q.n
}

// listing is a page in the making.
type listing struct {
	t     Tables
	f     UserFilter
	at    int64
	after place
}

// way is by which index a page is found: that of a mark, that of the ends of coverage, or, with neither, the order itself.
type way struct {
	mark string
	ends bool
}

// marks are those that must stand.
func (f UserFilter) marks() []string {
	var out []string
	add := func(name, value string) {
		if value != "" {
			out = append(out, name+"="+strings.ToLower(value))
		}
	}
	add("status", f.Status)
	add("coverage", f.Coverage)
	add("plan", f.Plan)
	add("block", f.Block)
	add("obligation", f.Obligation)
	add("hold", f.Hold)
	add("location", f.Location)
	add("language", f.Language)
	switch {
	case f.Document != "" && f.Version != "":
		out = append(out, "document:"+f.Document+"="+f.Version)
	default:
		add("document", f.Document)
	}
	switch f.Consent {
	case neverGiven:
		out = append(out, "data=clear")
	case permission.DataBlocked, permission.Depersonalised, permission.Destroyed: // of all purposes at once
		out = append(out, "data="+f.Consent)
	default:
		if f.Purpose != "" {
			add("consent:"+f.Purpose, f.Consent)
		} else {
			add("consent", f.Consent)
		}
	}
	return out
}

// neverGiven is the status of a purpose that a user has no mark for.
const neverGiven = "never-given"

// choose takes the index in which the fewest places are left to look at. It counts no further than a page would look.
func (l listing) choose(ctx context.Context) (way, error) {
	best, least := way{}, int64(mostLooked)
	try := func(w way, query string, args ...any) error {
		var n int64
		if err := l.t.Row(ctx, `SELECT count(*) FROM (`+query+` LIMIT `+strconv.Itoa(mostLooked)+`)`, args...).Scan(&n); err != nil {
			return fmt.Errorf("list users: %w", err)
		}
		if n < least || n == least && best == (way{}) && w.mark != "" {
			best, least = w, n
		}
		return nil
	}
	for _, mark := range l.f.marks() {
		if !indexed(mark) {
			continue
		}
		if err := try(way{mark: mark}, `SELECT 1 FROM @_marks WHERE mark = ? AND (registered, n) > (?, ?) AND registered < ?`,
			mark, l.after.registered, l.after.n, l.registeredTill()); err != nil {
			return best, err
		}
	}
	if from, till := l.expires(); from > 0 {
		if err := try(way{ends: true}, `SELECT 1 FROM @_phases INDEXED BY @_phases_ends WHERE ends > 0 AND ends >= ? AND ends < ?`, from, till); err != nil {
			return best, err
		}
	}
	return best, nil
}

// expires is the range, half-open, of the moments at which coverage is over; 0 where none is asked for.
func (l listing) expires() (from, till int64) {
	if l.f.ExpiresAfter.IsZero() && l.f.ExpiresBefore.IsZero() {
		return 0, 0
	}
	from, till = 1, forever
	if !l.f.ExpiresAfter.IsZero() {
		from = max(1, l.f.ExpiresAfter.UnixMicro()+1)
	}
	if !l.f.ExpiresBefore.IsZero() {
		till = l.f.ExpiresBefore.UnixMicro() + 1
	}
	return from, till
}

func (l listing) registeredTill() int64 {
	if l.f.RegisteredTill.IsZero() {
		return forever
	}
	return l.f.RegisteredTill.UnixMicro()
}

// from is the part of a query that an index answers, and the places that it goes through.
func (l listing) from(w way) (query, places string, args []any) {
	switch {
	case w.mark != "":
		query = ` FROM @_marks d CROSS JOIN @_phases p ON p.registered = d.registered AND p.n = d.n
			WHERE d.mark = ? AND d.since <= ? AND d.until > ?`
		return query, "d", []any{w.mark, l.at, l.at}
	case w.ends:
		from, till := l.expires()
		return ` FROM @_phases p INDEXED BY @_phases_ends WHERE p.ends > 0 AND p.ends >= ? AND p.ends < ?`, "p", []any{from, till}
	}
	return ` FROM @_phases p WHERE TRUE`, "p", nil
}

// edge is the last place that the page looks at; false where that is the last there is.
func (l listing) edge(ctx context.Context, w way) (last place, ok bool, err error) {
	if w.ends { // all of it is looked at: it is short
		return place{}, false, nil
	}
	query, args := l.edgeQuery(w)
	err = l.t.Row(ctx, query, args...).Scan(&last.registered, &last.n)
	if errors.Is(err, sql.ErrNoRows) {
		return place{}, false, nil
	}
	if err != nil {
		return place{}, false, fmt.Errorf("list users: %w", err)
	}
	return last, true, nil
}

func (l listing) edgeQuery(w way) (string, []any) {
	query, args := `SELECT registered, n FROM @_phases WHERE `, []any{l.after.registered, l.after.n, l.registeredTill()}
	if w.mark != "" {
		query, args = `SELECT registered, n FROM @_marks WHERE mark = ? AND `, append([]any{w.mark}, args...)
	}
	return query + `(registered, n) > (?, ?) AND registered < ? ORDER BY registered, n LIMIT 1 OFFSET ` + strconv.Itoa(mostLooked-1), args
}

// query is the page's.
func (l listing) query(w way, edge place, bounded bool, limit int) (string, []any) {
	query, of, args := l.from(w)
	add := func(condition string, values ...any) {
		query, args = query+" AND "+condition, append(args, values...)
	}
	add("("+of+".registered, "+of+".n) > (?, ?)", l.after.registered, l.after.n)
	add(of+".registered < ?", l.registeredTill())
	if bounded {
		add("("+of+".registered, "+of+".n) <= (?, ?)", edge.registered, edge.n)
	}
	add("p.since <= ? AND p.until > ?", l.at, l.at)
	for _, mark := range l.f.marks() {
		if mark != w.mark {
			add("instr(p.marks, ?) > 0", " "+mark+" ")
		}
	}
	if l.f.Consent == neverGiven {
		add("instr(p.marks, ?) = 0", " consent:"+l.f.Purpose+"=")
	}
	if from, till := l.expires(); from > 0 && !w.ends {
		add("p.ends >= ? AND p.ends < ?", from, till)
	}
	return `SELECT p.user, p.registered, p.n, p.until, p.standing` + query + ` ORDER BY ` + of + `.registered, ` + of + `.n LIMIT ` + strconv.Itoa(limit+1), args
}

// read makes the page, and tells where the next one begins.
func (l listing) read(ctx context.Context, w way, limit int, page *UserPage) (next *place, err error) {
	edge, bounded, err := l.edge(ctx, w)
	if err != nil {
		return nil, err
	}
	if bounded {
		next = &edge
	}
	var places []place
	query, args := l.query(w, edge, bounded, limit)
	err = l.t.each(ctx, func(scan func(...any) error) error {
		var u User
		var at place
		var until int64
		var standing string
		if err := scan(&u.UserID, &at.registered, &at.n, &until, &standing); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(standing), &u.UserStanding); err != nil {
			return fmt.Errorf("read what stands about user %s: %w", u.UserID, err)
		}
		u.RegisteredAt = time.UnixMicro(at.registered).UTC()
		if until != forever {
			change := time.UnixMicro(until).UTC()
			u.NextChangeAt = &change
		}
		page.Users, places = append(page.Users, u), append(places, at)
		return nil
	}, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	if len(page.Users) > limit {
		page.Users, next = slices.Clip(page.Users[:limit]), &places[limit-1]
	}
	return next, nil
}
