package reports

import (
	"slices"

	"kelisim/domain/permission"
	"kelisim/domain/site"
	"kelisim/domain/user"
)

// retold lists where the past reads otherwise now than it did at the end of the range: each stretch of the range in which the answer as known then
// and the answer as known at known_at differ, and the events, recorded in between, that changed it. It explains why a paper made at that time and
// one made now do not agree. What is published and decreed on the site is taken as known now in both.
var retold = Report{
	Name: "retold", By: "since", Keeps: Everything,
	Codes: map[string][]string{"kind": questions, "purposes": PurposeCodes, "known_then": AnswerCodes, "known_now": AnswerCodes},
	Columns: []Column{
		{"since", Moment}, {"until", Moment}, {"kind", Text}, {"user_id", Text}, {"purposes", List}, {"known_then", Text}, {"known_now", Text}, {"events", List},
	},
	Make: func(f *Facts) (rows []Row) {
		for _, p := range f.Users {
			then := slices.IndexFunc(p.Events, func(e user.Recorded) bool { return e.RecordedAt.After(f.AsOf) })
			if then > 0 {
				rows = append(rows, f.retell(p, then)...)
			}
		}
		return rows
	},
}

// retell compares what the first events of a life say of the range with what all of them say.
func (f *Facts) retell(p *Person, then int) (rows []Row) {
	old := user.Fold(p.Events[:then])
	from, to := f.From, f.To
	if begin := p.State.Account.Registered.At; from.Before(begin) {
		from = begin
	}
	add := func(kind string, purposes []string, d Stretch, ask Question) {
		rows = append(rows, Row{d.Since, d.Until, kind, string(p.ID), purposes, d.One, d.Other, p.changed(then, d, ask)})
	}
	for _, d := range Differ(old.Books, p.State.Books, from, to, AskAccess(f.Site)) {
		add("access", nil, d, AskAccess(f.Site))
	}
	together := map[Stretch][]string{} // purposes that differ alike
	var order []Stretch
	for _, purpose := range p.Purposes() {
		for _, d := range Differ(old.Books, p.State.Books, from, to, AskProcessing(f.Site, purpose)) {
			if together[d] == nil {
				order = append(order, d)
			}
			together[d] = append(together[d], purpose)
		}
	}
	for _, d := range order {
		add("processing", together[d], d, AskProcessing(f.Site, together[d][0]))
	}
	return rows
}

// changed are the later events after each of which the answer at the stretch's beginning is another.
func (p *Person) changed(then int, d Stretch, ask Question) (events []string) {
	said := func(b permission.Books) string {
		codes, _ := ask(b, d.Since)
		return codes
	}
	before := d.One
	for i := then; i < len(p.Events); i++ {
		now := said(user.Fold(p.Events[:i+1]).Books)
		if now != before {
			events = append(events, p.Events[i].ID.String())
		}
		before = now
	}
	return events
}

// Purposes are those that the terms name, and whatever else the person agreed to (P-2.3), in order.
func (p *Person) Purposes() []string {
	out := slices.Clone(site.DefaultPurposes)
	for _, c := range p.State.Consent.Consents {
		out = append(out, c.Purposes...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
