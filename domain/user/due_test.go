package user_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/consent"
	"kelisim/domain/decidertest"
	"kelisim/domain/event"
	"kelisim/domain/subscription"
	"kelisim/domain/user"
)

// What is due of a random life is what the answers say: coverage lapses where the time of use ends, a withdrawal takes effect where its notice
// comes to be effective, and the approach of an end is told of once, before it, while the person is there (T-2.1, P-2.2).
func TestDueIsWhatIsAnswered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := aLife(t, 40)
		s := l.life.State
		lapses, effects, ids := map[time.Time]bool{}, map[string]time.Time{}, map[string]bool{}
		var told []domain.Due
		last := time.Time{}
		for _, d := range user.Due(s) {
			if d.At.Before(last) || ids[d.ID(me).String()] {
				t.Fatalf("%+v is out of order, or there twice", d)
			}
			last, ids[d.ID(me).String()] = d.At, true
			switch m := d.Marker.(type) {
			case subscription.CoverageLapsed:
				lapses[d.At] = true
			case subscription.CoverageEndApproached:
				told = append(told, d)
			case consent.WithdrawalTookEffect:
				effects[m.NoticeID] = d.At
			}
			if !slices.ContainsFunc(l.life.Events, func(e user.Recorded) bool { return e.ID.String() == d.Cause }) {
				t.Fatalf("%+v is caused by no event", d)
			}
		}
		covered := func(at time.Time) bool {
			return slices.ContainsFunc(s.Subscription.Coverage(at), func(c subscription.Stretch) bool { return !at.Before(c.From) && at.Before(c.Until) })
		}
		for _, at := range append(instants(l), s.Subscription.Boundaries()...) {
			if ends := covered(at.Add(-1)) && !covered(at); ends != lapses[at.UTC()] {
				t.Fatalf("coverage ends at %v: %v; a lapse is due: %v", at, ends, lapses[at.UTC()])
			}
		}
		for _, n := range s.Consent.Notices {
			at, due := effects[n.NoticeID]
			if effective := n.StatusAt(decidertest.Start.AddDate(20, 0, 0)) == consent.StatusEffective; effective != due || due && !at.Equal(n.EffectiveFrom) {
				t.Fatalf("the notice %+v is effective: %v; due: %v", n, effective, due)
			}
		}
		gone := s.Account.DestroyedAt.Event != "" || s.Account.DepersonalisedAt.Event != ""
		if len(told) > 1 || gone && len(told) > 0 || len(told) == 1 && (!lapses[told[0].Until] || !told[0].At.Before(told[0].Until)) {
			t.Fatalf("the end is told of by %+v; the person is gone: %v", told, gone)
		}
	})
}

// Of nobody nothing is due; of a person whose data are gone all but what only they could be told.
func TestDueOfWhoIsGone(t *testing.T) {
	if due := user.Due(user.State{}); due != nil {
		t.Errorf("of nobody: %+v", due)
	}
	l := lived{rules: published(), now: decidertest.Start}
	l.do(register(), decidertest.Start, officer)
	s := l.life
	whole := len(user.Due(s.State))
	for _, e := range []any{account.Destroyed{}, account.Depersonalised{}} {
		if due := user.Due(user.Evolve(s.State, e, event.Meta{ID: decidertest.EventID(2), OccurredAt: decidertest.Start})); len(due) != whole-1 {
			t.Errorf("after %T: %+v", e, due)
		}
	}
}
