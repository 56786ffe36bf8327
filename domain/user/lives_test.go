package user_test

import (
	"fmt"
	"math/bits"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/calendar"
	"kelisim/domain/consent"
	"kelisim/domain/decidertest"
	"kelisim/domain/event"
	"kelisim/domain/obligation"
	"kelisim/domain/site"
	"kelisim/domain/subscription"
	"kelisim/domain/user"
)

// span is how many days after the registration anything happens in a random life.
const span = 200

// lived is a random life, as it was recorded step by step.
type lived struct {
	rules  site.State
	life   life
	states []life    // after each command
	now    time.Time // when the last one was recorded
}

// pick draws one of n, nearly evenly: rapid prefers small numbers, which the multiplication spreads.
func pick(t *rapid.T, n int, what string) int {
	i, _ := bits.Mul64(rapid.Uint64().Draw(t, what)*0x9e3779b97f4a7c15, uint64(n))
	return int(i)
}

// one draws one of all, evenly.
func one[T any](t *rapid.T, what string, all ...T) T { return all[pick(t, len(all), what)] }

// someMoment draws a moment between two days after the registration, most often at the edge of a day.
func someMoment(t *rapid.T, from, until int, what string) time.Time {
	d := calendar.DayOf(decidertest.Start).AddDays(from + pick(t, max(1, until-from+1), what+" day"))
	return one(t, what, d.Start(), d.End().Add(-1), d.Start().Add(11*time.Hour), d.Start().Add(17*time.Hour))
}

func someDay(t *rapid.T, until int, what string) calendar.Day {
	return calendar.DayOf(decidertest.Start).AddDays(pick(t, max(0, until)+1, what))
}

// aLife registers a user and draws up to so many commands, in the order of their record; any may be a late entry. What is refused leaves no
// trace. What has no command here is drawn as an event.
func aLife(t *rapid.T, most int) lived {
	l := lived{rules: restricted(t, published()), now: decidertest.Start}
	l.do(register(), decidertest.Start, officer)
	for step := range rapid.IntRange(most/2, most).Draw(t, "commands") {
		today := int(l.now.Sub(decidertest.Start) / (24 * time.Hour))
		today = min(span, today+one(t, "days pass", 0, 0, 0, 0, 1, 2, 5, 10, 20))
		l.now = later(l.now, someMoment(t, today, today, "now"))
		at := l.now
		if pick(t, 3, "late") == 0 {
			at = earlier(l.now, someMoment(t, 0, today, "occurred"))
		}
		if e := l.event(t, at); e != nil {
			l.record(at, uuid.NewSHA1(uuid.NameSpaceDNS, fmt.Append(nil, step)), officer, e)
			continue
		}
		l.do(l.wish(t, today, at), at, one(t, "actor", officer, approver))
	}
	return l
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// do decides a wish and records what comes of it.
func (l *lived) do(c user.Command, at time.Time, actor event.Actor) {
	in := domain.Context{OccurredAt: at, Now: l.now, Subject: me, Actor: actor, Parameters: l.rules.ParametersAt(at),
		Command: uuid.NewSHA1(uuid.NameSpaceURL, fmt.Append(nil, len(l.states)))}
	events, err := user.Decide(l.life.State, l.life.Events, l.rules, c, in)
	if err == nil && len(events) > 0 {
		l.record(at, in.Command, actor, events...)
	}
}

func (l *lived) record(at time.Time, command uuid.UUID, actor event.Actor, events ...any) {
	for _, e := range events {
		n := len(l.life.Events)
		l.life = live(l.life, e, event.Meta{ID: decidertest.EventID(n), Revision: int64(n), Position: int64(n) + 1,
			OccurredAt: at, RecordedAt: l.now, Actor: actor, CommandID: command})
	}
	l.states = append(l.states, l.life)
}

// knownAt is what was known at a moment of the record.
func (l lived) knownAt(k time.Time) []user.Recorded {
	n := len(l.life.Events)
	for n > 0 && l.life.Events[n-1].RecordedAt.After(k) {
		n--
	}
	return l.life.Events[:n]
}

func (l lived) voided() bool {
	for _, e := range l.life.Events {
		if user.Voids(e.Data) {
			return true
		}
	}
	return false
}

// restricted draws up to two restrictions of use, which may be lifted.
func restricted(t *rapid.T, s site.State) site.State {
	for i := range rapid.IntRange(0, 2).Draw(t, "restrictions") {
		c := one(t, "category", site.Category{All: true}, site.Category{Locations: []string{"RU"}}, site.Category{Languages: []string{"ru"}},
			site.Category{Locations: []string{"KZ"}, Languages: []string{"ru"}})
		from, until := someMoment(t, -3, span, "imposed"), someMoment(t, 0, span, "lifted")
		s = site.Decider.Evolve(s, site.RestrictionImposed{RestrictionID: id(i), Category: c}, event.Meta{ID: uuid.UUID{1, byte(i)}, OccurredAt: from})
		if until.After(from) {
			s = site.Decider.Evolve(s, site.RestrictionLifted{RestrictionID: id(i)}, event.Meta{ID: uuid.UUID{2, byte(i)}, OccurredAt: until})
		}
	}
	return s
}

// of draws one of a life's things, or one that is not there.
func of[T any](t *rapid.T, all []T, name func(T) string) string {
	if n := pick(t, 4*len(all)+1, "which"); n > 0 {
		return name(all[(n-1)/4])
	}
	return id(999)
}

// wish draws a command that could be wished for as things stand.
func (l *lived) wish(t *rapid.T, today int, at time.Time) user.Command {
	s := l.life.State
	notice := func() string {
		return of(t, s.Consent.Notices, func(n consent.Notice) string { return n.NoticeID })
	}
	press := pressed("buy", "marketplace", "personal-data")
	if !at.Before(moment("2026-06-01")) {
		press.Documents = []account.DocumentRef{shown("personal-data", "2", "kk")}
	}
	told := rapid.Bool().Draw(t, "told")
	approve := func() user.Command {
		return account.ApproveVoid{EventID: of(t, s.Account.Voids, func(v account.Void) string { return v.EventID })}
	}
	if n := len(s.Account.Voids); n > 0 && !s.Account.Voids[n-1].Approved && told {
		return approve()
	}
	kinds := []func() user.Command{
		func() user.Command { return user.Consent{Acceptance: press, AcknowledgePendingWithdrawal: told} },
		func() user.Command {
			return user.Purchase{Months: one(t, "months", 1, 12), Acceptance: press, AcknowledgePendingWithdrawal: told}
		},
		func() user.Command {
			o := of(t, s.Subscription.Orders(), func(o subscription.Order) string { return o.OrderID })
			paid := user.RecordPayment{OrderID: o, Provider: "cloudpayments", TransactionID: fmt.Sprint(len(l.states)), PaidAt: at, Amount: domain.KZT(4_990)}
			if order, ok := s.Subscription.Order(o); ok {
				paid.PaidAt, paid.Amount = order.PlacedAt.Add(time.Duration(rapid.IntRange(0, 25).Draw(t, "hours"))*time.Hour), order.Price
			}
			return paid
		},
		func() user.Command { return subscription.GrantDays{Days: rapid.IntRange(1, 40).Draw(t, "days")} },
		func() user.Command {
			w := consent.Withdraw{ReceivedOn: someDay(t, today, "received"), Channel: one(t, "channel", consent.RegisteredPost, "e-mail"),
				TrackingNumber: fmt.Sprintf("RR%09dKZ", len(l.states)), Purposes: one(t, "purposes", nil, nil, []string{research}, []string{advertising})}
			if rapid.Bool().Draw(t, "names a day") {
				d := someDay(t, span, "requested")
				w.RequestedOn = &d
			}
			return w
		},
		func() user.Command { return consent.RescindWithdrawal{NoticeID: notice()} },
		func() user.Command { return consent.RefuseWithdrawal{NoticeID: notice(), Ground: text("x")} },
		func() user.Command { return consent.AcceptWithdrawal{NoticeID: notice()} },
		func() user.Command {
			return consent.SetLegalHold{Basis: "law", Acts: []string{one(t, "act", "store", "use")}}
		},
		func() user.Command {
			return consent.LiftLegalHold{HoldID: of(t, s.Consent.Holds, func(h consent.Hold) string { return h.ID })}
		},
		func() user.Command {
			c := account.Block{Clause: "T-1.4"}
			if rapid.Bool().Draw(t, "until") {
				u := someMoment(t, 0, span, "until")
				c.Until = &u
			}
			return c
		},
		func() user.Command {
			return user.Unblock{Unblock: account.Unblock{CompensateDays: rapid.IntRange(0, 5).Draw(t, "days")}}
		},
		func() user.Command { return account.BlockData{Basis: "complaint"} },
		func() user.Command { return account.UnblockData{Basis: "settled"} },
		func() user.Command {
			return account.SetLocation{Location: one(t, "location", "", "KZ", "RU-MOW"), Language: one(t, "language", "", "kk", "ru")}
		},
		func() user.Command {
			return account.ReportUnauthorisedAccess{SuspectedSince: someMoment(t, 0, today, "suspected")}
		},
		func() user.Command { return account.RestoreAccess{} },
		func() user.Command { return obligation.DemandFine{Clause: "T-6.1", ActOn: someDay(t, today, "act")} },
		func() user.Command {
			return obligation.Discharge{ObligationID: of(t, s.Obligations.All(), func(o obligation.Obligation) string { return o.ID }), How: obligation.Waived}
		},
		func() user.Command {
			return account.VoidEntry{EventID: of(t, l.life.Events, func(e user.Recorded) string { return e.ID.String() }), Reason: text("x")}
		},
		approve,
	}
	pay, withdraw := kinds[2], kinds[4]
	return one(t, "wish", append(kinds, pay, pay, withdraw, withdraw, withdraw)...)()
}

// event draws, now and then, an event for which there is no command here: months revoked, an erasure; otherwise none.
func (l *lived) event(t *rapid.T, at time.Time) any {
	switch pick(t, 150, "event") {
	case 10:
		return account.Depersonalised{}
	case 11:
		return account.Destroyed{}
	case 20, 21, 22, 23, 24, 25, 26, 27, 28, 29:
		for _, p := range l.life.State.Subscription.Payments() {
			if p.Status() == subscription.StatusApplied && len(p.Revocations) == 0 {
				return subscription.MonthsRevoked{Provider: p.Provider, TransactionID: p.TransactionID, Cause: subscription.CauseRefund, At: at}
			}
		}
	}
	return nil
}

// branch folds one of every event into a state and throws the outcome away: what is shared with the state would be overwritten.
func branch(s user.State) {
	for _, declared := range known.Types() {
		switch declared.Zero().(type) {
		case account.Event, consent.Event, subscription.Event, obligation.Event:
			user.Evolve(s, declared.Zero(), event.Meta{ID: uuid.Max, OccurredAt: moment("2026-03-03")})
		}
	}
}
