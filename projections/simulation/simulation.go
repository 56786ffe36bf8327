// Package simulation tells what the record already decides about the time to come, and what would stand otherwise under other terms.
//
// Nothing is written and nothing is guessed: Upcoming asks the very functions that answer for a user (domain/permission) at each moment at
// which their answer will change if nothing more is recorded, and lists what falls due. Differences folds every life once more with some numbers of
// the terms replaced, as if they had held from the first day, and lists the stretches in which an answer would have been another one.
//
// A number can be replaced only where the record holds all that follows from it: the length of the trial, and the days and the edge of a
// withdrawal. What people would have done under other terms (bought earlier, not bought at all) nobody knows, and is as it was.
//
// Both make papers of package reports: the same facts give the same bytes.
package simulation

import (
	"slices"
	"strings"
	"time"

	"kelisim/domain"
	"kelisim/domain/permission"
	"kelisim/domain/site"
	"kelisim/projections/reports"
)

// upcoming lists changes and deadlines, each at its moment.
var upcoming = reports.Report{
	Name: "upcoming", By: "at", Words: words,
	Codes: map[string][]string{"kind": kinds, "subject": reports.PurposeCodes, "before": changed, "after": changed},
	Columns: []reports.Column{
		{Key: "at", Kind: reports.Moment}, {Key: "kind", Kind: reports.Text}, {Key: "clause", Kind: reports.Text}, {Key: "user_id", Kind: reports.Text},
		{Key: "subject", Kind: reports.Text}, {Key: "before", Kind: reports.Text}, {Key: "after", Kind: reports.Text},
	},
}

// Upcoming lists what changes by itself and what falls due after the facts' KnownAt and before until, in order: access and processing of
// each user, orders that can be paid no longer, and each open deadline of the board.
func Upcoming(f *reports.Facts, until time.Time) (*reports.Paper, error) {
	if !until.After(f.KnownAt) {
		return nil, domain.Malformed("/until", "the day to look ahead to is not in the future")
	}
	ahead := *f
	ahead.From, ahead.To = f.KnownAt, until.UTC()
	due, err := openDeadlines(&ahead)
	if err != nil {
		return nil, err
	}
	r := upcoming
	r.Make = func(f *reports.Facts) []reports.Row {
		rows := due
		for _, p := range f.Users {
			if p.State.Account.Exists {
				rows = append(rows, changes(f, p)...)
			}
		}
		return rows
	}
	return r.Of(&ahead)
}

// openDeadlines are the rows of the board of deadlines that wait for somebody.
func openDeadlines(f *reports.Facts) ([]reports.Row, error) {
	board, err := reports.Lookup("deadlines")
	if err != nil {
		return nil, err
	}
	paper, err := board.Of(f)
	if err != nil {
		return nil, err
	}
	at := func(key string) int {
		return slices.IndexFunc(board.Columns, func(c reports.Column) bool { return c.Key == key })
	}
	kind, clause, user, subject, due, status := at("kind"), at("clause"), at("user_id"), at("subject"), at("due_at"), at("status")
	var rows []reports.Row
	for _, r := range paper.Rows {
		if r[status] == "open" {
			rows = append(rows, reports.Row{r[due], "due-" + r[kind].(string), r[clause], r[user], r[subject], "open", "overdue"})
		}
	}
	return rows, nil
}

// changes are what becomes of one user in the range of the facts.
func changes(f *reports.Facts, p *reports.Person) (rows []reports.Row) {
	s := p.State
	for t, now := f.From, access(s.Books, f.Site, f.From); ; {
		next := permission.Access(s.Books, f.Site, permission.Place{}, t).NextChangeAt
		if next == nil || !next.Before(f.To) {
			break
		}
		then := access(s.Books, f.Site, *next)
		rows = append(rows, reports.Row{*next, "access", then.clause, string(p.ID), "", now.code, then.code})
		t, now = *next, then
	}
	type change struct {
		at           time.Time
		before, then string
	}
	together := map[change][]string{} // purposes that change alike
	var order []change
	clauses := map[change]string{}
	for _, purpose := range p.Purposes() {
		for t, now := f.From, processing(s.Books, f.Site, purpose, f.From); ; {
			next := permission.Processing(s.Books, f.Site, purpose, "use", t).NextChangeAt
			if next == nil || !next.Before(f.To) {
				break
			}
			then := processing(s.Books, f.Site, purpose, *next)
			c := change{*next, now.code, then.code}
			if together[c] == nil {
				order, clauses[c] = append(order, c), then.clause
			}
			together[c] = append(together[c], purpose)
			t, now = *next, then
		}
	}
	for _, c := range order {
		rows = append(rows, reports.Row{c.at, "processing", clauses[c], string(p.ID), strings.Join(together[c], " "), c.before, c.then})
	}
	for _, o := range s.Subscription.Orders() {
		if _, paid := s.Subscription.PaidBy(o.OrderID); !paid && o.ExpiresAt.After(f.From) {
			rows = append(rows, reports.Row{o.ExpiresAt, "order", "T-2.1", string(p.ID), o.OrderID, "payable", "expired"})
		}
	}
	return rows
}

// said is an answer in short.
type said struct{ code, clause string }

func short(a permission.Answer) said { return said{reports.Codes(a), a.Reasons[0].Clause} }

func access(b permission.Books, s site.State, t time.Time) said {
	return short(permission.Access(b, s, permission.Place{}, t))
}

func processing(b permission.Books, s site.State, purpose string, t time.Time) said {
	return short(permission.ProcessingOnly(b, s, purpose, "use", t).Answer)
}
