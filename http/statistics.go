package http

import (
	"slices"
	"strings"

	"kelisim/commands"
	"kelisim/commands/access"
	"kelisim/domain"
	"kelisim/domain/calendar"
	"kelisim/projections"
	"kelisim/projections/statistics"
)

// statisticView is a statistic as the list tells of it.
type statisticView struct {
	Name         string            `json:"name"`
	Purpose      *string           `json:"purpose"` // null where the counts are operational
	Clause       string            `json:"clause"`
	By           []string          `json:"by"`
	ByAtMost     int               `json:"by_at_most"`
	Titles       map[string]string `json:"titles"`
	Descriptions map[string]string `json:"descriptions"`
}

// statistics lists the statistics there are, with what they count, in every language.
func (a *API) statistics(*Request) (*Response, error) {
	var items []statisticView
	for _, s := range statistics.All {
		v := statisticView{Name: s.Name, Clause: s.Clause(), By: s.By, ByAtMost: s.Most, Titles: s.Titles(), Descriptions: s.Descriptions()}
		if s.Purpose != "" {
			v.Purpose = &s.Purpose
		}
		items = append(items, v)
	}
	return Page(items, ""), nil
}

// compliance sees small cells too: the officers, and the approvers, who have an officer's reading.
var compliance = []access.Role{access.Officer, access.Approver}

// statistic counts one. It takes its turn among the papers: each reads the whole journal.
func (a *API) statistic(r *Request) (*Response, error) {
	s, err := statistics.Lookup(r.Var("name"))
	if err != nil {
		return nil, err
	}
	asked, form, err := r.asksForPaper()
	if err != nil {
		return nil, err
	}
	leave, err := a.enter(r)
	if err != nil {
		return nil, err
	}
	defer leave()
	asked.Kept = &a.kept
	paper, err := s.Make(r.Context(), a.Service.Journal, statistics.Asked{
		Asked: asked, By: statistics.ParseBy(r.Query.String("by")), Whole: slices.Contains(compliance, r.Actor.Role),
	})
	if err != nil {
		return nil, err
	}
	return form.answer(paper)
}

// maxOwnCounts is how many lines a person's own statistics hold.
const maxOwnCounts = 10_000

// ownStatistics counts what one user did (T-3.4): the person's own view, for which nobody's consent is asked and nothing is left out.
func (a *API) ownStatistics(r *Request) (*Response, error) {
	by := statistics.ParseBy(r.Query.String("by"))
	if by == nil {
		by = []string{"day"}
	}
	for i, w := range by {
		if !slices.Contains(projections.ActionsBy, w) || slices.Contains(by[:i], w) {
			return nil, domain.Malformed("?by", "actions are told apart by some of: %s", strings.Join(projections.ActionsBy, ", "))
		}
	}
	from, err := r.day("from")
	if err != nil {
		return nil, err
	}
	to, err := r.day("to")
	if err != nil {
		return nil, err
	}
	if !to.IsZero() && to.Before(from) {
		return nil, domain.Malformed("?to", "the range ends before it begins")
	}
	id, err := r.User()
	if err != nil {
		return nil, err
	}
	if _, err := a.Service.Snapshot(r.Context(), id, commands.Known{}); err != nil {
		return nil, err
	}
	if err := a.reach(r, "activity"); err != nil {
		return nil, err
	}
	items, more, err := a.Views.ActionCounts(r.Context(), id, from, to, by, maxOwnCounts)
	if err != nil {
		return nil, err
	}
	if more {
		return nil, domain.Malformed("?from", "there are more than %d lines; ask for a shorter range", maxOwnCounts)
	}
	if items == nil {
		items = []projections.ActionCount{}
	}
	return OK(struct {
		UserID domain.UserID             `json:"user_id"`
		From   calendar.Day              `json:"from"`
		To     calendar.Day              `json:"to"` // the last day inside
		Zone   string                    `json:"zone"`
		By     []string                  `json:"by"`
		Items  []projections.ActionCount `json:"items"`
	}{id, from, to, calendar.Zone().String(), by, items}), nil
}

// day reads a parameter that is a day in Astana; left out, it is none.
func (r *Request) day(name string) (calendar.Day, error) {
	if !r.Query.Has(name) {
		return calendar.Day{}, nil
	}
	d, err := calendar.ParseDay(r.Query.String(name))
	return d, pointed(err, "?"+name)
}
