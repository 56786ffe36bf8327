package user_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kelisim/domain/calendar"
	"kelisim/domain/consent"
	"kelisim/domain/decidertest"
	"kelisim/domain/permission"
	"kelisim/domain/site"
	"kelisim/domain/user"
)

// question is one of those that the books are asked.
type question struct {
	place        permission.Place
	purpose, act string // none: about access
}

func someQuestion(t *rapid.T) question {
	if rapid.Bool().Draw(t, "about access") {
		return question{place: one(t, "place", permission.Place{}, permission.Place{Location: "RU"}, permission.Place{Language: "ru"})}
	}
	return question{purpose: one(t, "purpose", research, advertising, "profiling"),
		act: one(t, "act", "use", "use", "store", "block", "destroy")}
}

func (q question) ask(s user.State, rules site.State, at time.Time) permission.Answer {
	if q.purpose == "" {
		return permission.Access(s.Books, rules, q.place, at)
	}
	return permission.Processing(s.Books, rules, q.purpose, q.act, at).Answer
}

// someAsOf draws a moment to ask about: at an event, just before it, or anywhere.
func someAsOf(t *rapid.T, l lived) time.Time {
	at := l.life.Events[pick(t, len(l.life.Events), "event")].OccurredAt
	return one(t, "as of", at, at.Add(-1), someMoment(t, -1, span, "as of"), someMoment(t, -1, span, "as of"))
}

// short is what a change of an answer is about: whether it allows, and by which codes.
func short(a permission.Answer) string {
	out := fmt.Sprint(a.Allowed)
	for _, r := range a.Reasons {
		out += " " + r.Code
	}
	return out
}

// questions are some of every kind, to compare all answers of two states.
func questions() []question {
	out := []question{{}, {place: permission.Place{Language: "ru"}}}
	for _, purpose := range []string{research, advertising} {
		for _, act := range []string{"use", "store", "destroy"} {
			out = append(out, question{purpose: purpose, act: act})
		}
	}
	return out
}

// answers are the answers of a state to all questions at some moments, with whose an action is then.
func answers(s user.State, rules site.State, at []time.Time) []any {
	var out []any
	for _, t := range at {
		for _, q := range questions() {
			out = append(out, q.ask(s, rules, t))
		}
		out = append(out, permission.AttributionAt(s.Books, t))
	}
	return out
}

// instants are moments at which answers could be other ones: each event's, each midnight's, and just before them.
func instants(l lived) []time.Time {
	out := []time.Time{decidertest.Start}
	for _, e := range l.life.Events {
		out = append(out, e.OccurredAt)
	}
	for d := range span + 10 {
		out = append(out, calendar.DayOf(decidertest.Start).AddDays(d).Start())
	}
	for _, t := range out {
		out = append(out, t.Add(-1))
	}
	slices.SortFunc(out, time.Time.Compare)
	return slices.CompactFunc(out, time.Time.Equal)
}

// Answers for a fixed known_at never change: whatever is recorded later, voidings and late entries too, the fold of what was known
// then answers as it did then (design: quality).
func TestKnownAnswersNeverChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := aLife(t, 40)
		at := []time.Time{someMoment(t, 0, span, "as of"), someMoment(t, 0, span, "as of too"), decidertest.Start.AddDate(20, 0, 0)}
		for _, then := range l.states {
			want := answers(then.State, l.rules, at)
			n := len(then.Events)
			if got := answers(user.Fold(l.life.Events[:n]), l.rules, at); !reflect.DeepEqual(got, want) {
				t.Fatalf("after %d of %d events the answers were\n%+v\nand are now\n%+v", n, len(l.life.Events), want, got)
			}
		}
		// The same by time: what is recorded after a moment alters no answer that knows as much as that moment.
		k := someMoment(t, 0, span, "known at")
		last := life{}
		for _, then := range l.states {
			if !then.Events[len(then.Events)-1].RecordedAt.After(k) {
				last = then
			}
		}
		if got, want := answers(user.Fold(l.knownAt(k)), l.rules, at), answers(last.State, l.rules, at); !reflect.DeepEqual(got, want) {
			t.Fatalf("known at %v the answers were\n%+v\nand are now\n%+v", k, want, got)
		}
	})
}

// Where nothing is voided, folding all events at once is folding them one by one; and no state changes when it is folded on, by
// whomever.
func TestFoldIsEvolve(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := aLife(t, 40)
		var one user.State
		for i, e := range l.life.Events {
			if fold := user.Fold(l.life.Events[:i]); !l.voided() && !reflect.DeepEqual(one, fold) {
				t.Fatalf("before event %d (%s) one by one gives\n%+v\nand all at once\n%+v", i, e.Type, one, fold)
			}
			one = user.Evolve(one, e.Data, e.Meta)
		}
		for _, then := range l.states {
			branch(then.State)
		}
		for i, then := range l.states {
			if fresh := user.Fold(then.Events); !reflect.DeepEqual(fresh, then.State) {
				t.Fatalf("the state after command %d was changed by a later one:\n%+v\nwas\n%+v", i, then.State, fresh)
			}
		}
	})
}

// next_change_at is the next change: at it the answer is another one, and at no moment before it; where none is named, none comes.
func TestNextChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := aLife(t, 40)
		s, q := l.life.State, someQuestion(t)
		asOf := someAsOf(t, l)
		now := q.ask(s, l.rules, asOf)
		next := decidertest.Start.AddDate(20, 0, 0)
		if now.NextChangeAt != nil {
			next = *now.NextChangeAt
			if !next.After(asOf) {
				t.Fatalf("the next change after %v is at %v", asOf, next)
			}
			if then := q.ask(s, l.rules, next); short(then) == short(now) {
				t.Fatalf("at %v %+v is %s and should change at %v, where it is the same", asOf, q, short(now), next)
			}
		} else if far := q.ask(s, l.rules, next); short(far) != short(now) {
			t.Fatalf("at %v %+v is %s for ever, yet in twenty years it is %s", asOf, q, short(now), short(far))
		}
		for _, at := range append(instants(l), next.Add(-1)) {
			if at.After(asOf) && at.Before(next) {
				if then := q.ask(s, l.rules, at); short(then) != short(now) {
					t.Fatalf("at %v %+v is %s until %v, yet at %v it is %s", asOf, q, short(now), now.NextChangeAt, at, short(then))
				}
			}
		}
	})
}

// An answer has a reason with a clause, and denies by every reason or allows by one; its times lie around the moment asked about.
func TestAnswersAreGrounded(t *testing.T) {
	order := []string{"restricted", "blocked", "lapsed", "not-started"}
	rapid.Check(t, func(t *rapid.T) {
		l := aLife(t, 40)
		at := someAsOf(t, l)
		for _, q := range questions() {
			a := q.ask(l.life.State, l.rules, at)
			if len(a.Reasons) == 0 || a.Allowed && len(a.Reasons) != 1 {
				t.Fatalf("%+v at %v: %+v", q, at, a)
			}
			if !slices.IsSortedFunc(a.Reasons, func(x, y permission.Reason) int { return slices.Index(order, x.Code) - slices.Index(order, y.Code) }) {
				t.Fatalf("%+v at %v has its reasons in another order: %s", q, at, short(a))
			}
			for _, r := range a.Reasons {
				if r.Clause == "" || r.Events == nil || r.Since != nil && r.Since.After(at) || r.Until != nil && !r.Until.After(at) {
					t.Fatalf("%+v at %v: %+v", q, at, r)
				}
			}
		}
	})
}

// P-2.2, P-2.6: once a notice for everything stands accepted, nothing that was consented to by the end of the day of its receipt is used after its effect.
func TestWithdrawnIsWithdrawn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := aLife(t, 40)
		s := l.life.State
		for _, n := range s.Consent.Notices {
			for _, at := range []time.Time{n.EffectiveFrom, n.EffectiveFrom.Add(1), n.EffectiveFrom.AddDate(1, 0, 0)} {
				if len(n.Purposes) > 0 || n.StatusAt(at) != consent.StatusEffective {
					continue
				}
				standing := s.Consent.StandingAt(research, at)
				for _, c := range standing.Consents {
					if standing.Status != consent.Withdrawn && !c.At.After(at) && c.At.Before(n.ReceivedOn.End()) && !slices.Contains(c.Survives, n.NoticeID) {
						t.Fatalf("the consent of %v stands at %v as %s, after notice %s of %v took effect", c.At, at, standing.Status, n.NoticeID, n.ReceivedOn)
					}
				}
			}
		}
	})
}
