// Package permission answers the two questions that the ledger is for: may this person use what they paid for (Access),
// and may we use this person's data (Processing). An answer names its reasons, each with its clause and the events that
// decided it, and the next moment at which it will be another, if nothing more is recorded.
//
// Answers are pure functions of the books as folded up to known_at and of the moment as_of. No timer, marker or
// cache has a part in them.
package permission

import (
	"slices"
	"time"

	"kelisim/domain/account"
	"kelisim/domain/consent"
	"kelisim/domain/obligation"
	"kelisim/domain/site"
	"kelisim/domain/subscription"
)

// Books are the four books of one user.
type Books struct {
	Account      account.State
	Consent      consent.State
	Subscription subscription.State
	Obligations  obligation.State
}

// Reason is one ground of an answer.
type Reason struct {
	Code   string     `json:"code"`
	Clause string     `json:"clause"`
	Since  *time.Time `json:"since,omitempty"`
	Until  *time.Time `json:"until,omitempty"`
	Events []string   `json:"events"`
}

// Answer is what both questions have in common.
type Answer struct {
	Allowed bool     `json:"allowed"`
	Reasons []Reason `json:"reasons"`
	// NextChangeAt is the first moment after the asked one at which Allowed or the reasons' codes will differ; nil if none is known.
	NextChangeAt *time.Time `json:"next_change_at"`
}

// Place is where the user is and the language of the Site shown, as asked; an empty field means the last recorded.
type Place struct{ Location, Language string }

// Access answers whether the user may use the paid content at a moment (T-2.1, T-1.3, T-3.8).
func Access(b Books, s site.State, place Place, asOf time.Time) Answer {
	a := access(b, s, place, asOf)
	a.NextChangeAt = nextChange(asOf, accessBoundaries(b, s), a, func(t time.Time) Answer { return access(b, s, place, t) })
	return a
}

func access(b Books, s site.State, place Place, t time.Time) Answer {
	recorded := b.Account.PlaceAt(t)
	if place.Location == "" {
		place.Location = recorded.Location
	}
	if place.Language == "" {
		place.Language = recorded.Language
	}
	var deny []Reason
	for _, r := range s.Matching(place.Location, place.Language, t) {
		deny = append(deny, Reason{"restricted", "T-1.3", at(r.Since), at(r.Until), []string{r.Event}})
	}
	if k, blocked := b.Account.BlockedAt(t); blocked {
		deny = append(deny, Reason{"blocked", "T-3.8", at(k.Since), at(k.Until), []string{k.Began}})
	}
	stretches := b.Subscription.Coverage(t)
	i := slices.IndexFunc(stretches, func(c subscription.Stretch) bool { return !c.From.After(t) && t.Before(c.Until) })
	if i < 0 {
		deny = append(deny, uncovered(b, stretches, t))
	}
	if len(deny) > 0 {
		return Answer{Reasons: deny}
	}
	c := stretches[i]
	return Answer{Allowed: true, Reasons: []Reason{{c.Reason, "T-2.1", at(c.From), at(c.ChainEnd), c.Events}}}
}

// uncovered tells apart a user whose coverage is over from one who has had none yet. The stretches are those of a moment at which none
// of them covers: each has ended.
func uncovered(b Books, stretches []subscription.Stretch, t time.Time) Reason {
	if len(stretches) == 0 {
		r := Reason{Code: "not-started", Clause: "T-2.1", Events: []string{}}
		if e := b.Account.Registered; !e.At.After(t) && e.Event != "" {
			r.Since, r.Events = at(e.At), []string{e.Event}
		}
		return r
	}
	last := stretches[len(stretches)-1]
	return Reason{Code: "lapsed", Clause: "T-2.1", Since: at(last.Until), Events: last.Events}
}

func accessBoundaries(b Books, s site.State) []time.Time {
	out := b.Subscription.Boundaries()
	for _, k := range b.Account.Blocks {
		out = append(out, k.Since, k.Until)
	}
	for _, p := range b.Account.Places() {
		out = append(out, p.Since)
	}
	for _, r := range s.Restrictions() {
		out = append(out, r.Since, r.Until)
	}
	return append(out, b.Account.Registered.At)
}

// nextChange asks again at each boundary after the moment, until the answer differs.
func nextChange(after time.Time, boundaries []time.Time, now Answer, ask func(time.Time) Answer) *time.Time {
	boundaries = slices.DeleteFunc(boundaries, func(t time.Time) bool { return !t.After(after) })
	slices.SortFunc(boundaries, time.Time.Compare)
	for i, t := range boundaries {
		if i > 0 && t.Equal(boundaries[i-1]) {
			continue
		}
		if !same(now, ask(t)) {
			return at(t)
		}
	}
	return nil
}

// same compares what a change is: Allowed and the codes of the reasons.
func same(a, b Answer) bool {
	return a.Allowed == b.Allowed && slices.EqualFunc(a.Reasons, b.Reasons, func(x, y Reason) bool { return x.Code == y.Code })
}

// at is a pointer to a moment in UTC, nil for none.
func at(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
