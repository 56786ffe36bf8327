package policies_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kelisim/commands"
	"kelisim/commands/journal"
	"kelisim/commands/policies"
	"kelisim/commands/terms"
	"kelisim/commands/vault"
	"kelisim/domain"
	"kelisim/domain/calendar"
	"kelisim/domain/catalogue"
	"kelisim/domain/event"
	"kelisim/domain/subscription"
	"kelisim/domain/user"
)

// town is a ledger of a few people to whom things happen, as drawn.
type town struct {
	*commands.Service
	t     testing.TB
	r     *rand.Rand
	store *journal.Memory
	log   *journal.Journal
	vault *vault.Vault
	now   func() time.Time
	users []domain.UserID
	steps int
}

func newTown(t testing.TB, seed uint64, store *journal.Memory, now func() time.Time) *town {
	t.Helper()
	v, err := vault.New(t.Context(), &vault.Memory{}, vault.NewMemoryKEK())
	if err != nil {
		t.Fatal(err)
	}
	w := &town{t: t, r: rand.New(rand.NewPCG(11, seed)), store: store, log: journal.New(store, catalogue.All()), vault: v, now: now}
	w.Service = w.instance(now)
	builtin, err := terms.Builtin()
	if err == nil {
		err = builtin.Publish(t.Context(), w.Service)
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// instance is another process's service over the same journal.
func (w *town) instance(now func() time.Time) *commands.Service {
	return &commands.Service{Journal: w.log, Vault: w.vault, Now: now}
}

// do carries out a command as of so long ago; what the rules refuse is left out.
func (w *town) do(name string, id domain.UserID, by string, ago time.Duration, body string, args ...any) (map[string]any, bool) {
	w.t.Helper()
	decoded, err := commands.Decode(name, fmt.Appendf(nil, body, args...), nil)
	if err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	at := w.now().Add(-ago)
	done, err := w.Do(w.t.Context(), commands.Wish{Command: name, Subject: string(id), Body: decoded.Command, Actor: event.Actor{Kind: by, ID: by}, OccurredAt: &at, Imported: true})
	var refused *domain.Error
	if errors.As(err, &refused) {
		return nil, false
	}
	if err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	return done.Answer, true
}

const press = `"acceptance":{"button":%q,"page":"subscription","language":"kk"}`

// register brings in somebody who registered so many days ago.
func (w *town) register(daysAgo int) domain.UserID {
	w.t.Helper()
	w.steps++
	out, ok := w.do("register", "", "officer", time.Duration(daysAgo)*24*time.Hour, `{"login":"u%d","contacts":{"mobile":"+77015550101"},`+press+`}`, w.steps, "register")
	if !ok {
		w.t.Fatal("nobody can register")
	}
	id := domain.UserID(out["user_id"].(string))
	w.users = append(w.users, id)
	return id
}

// happen lets one thing happen to somebody, up to nine days ago.
func (w *town) happen() {
	w.t.Helper()
	w.steps++
	id := w.users[w.r.IntN(len(w.users))]
	snap, err := w.Snapshot(w.t.Context(), id, commands.Known{})
	if err != nil {
		w.t.Fatal(err)
	}
	ago := time.Duration(w.r.IntN(2)*w.r.IntN(9*24)) * time.Hour
	day := calendar.DayOf(w.now().Add(-ago))
	notice, order, transaction := "", "", ""
	if all := snap.State.Consent.Notices; len(all) > 0 {
		notice = all[w.r.IntN(len(all))].NoticeID
	}
	if all := snap.State.Subscription.Orders(); len(all) > 0 {
		order = all[w.r.IntN(len(all))].OrderID
	}
	if all := snap.State.Subscription.Payments(); len(all) > 0 {
		transaction = all[w.r.IntN(len(all))].TransactionID
	}
	entry := snap.Events[w.r.IntN(len(snap.Events))].ID
	kind := w.r.IntN(21)
	if notice != "" && w.r.IntN(3) == 0 {
		kind = 12 + w.r.IntN(4)
	}
	switch {
	case kind < 3:
		w.do("purchase", id, "service", ago, `{"months":1,"acknowledge_pending_withdrawal":true,`+press+`}`, "buy")
	case kind < 6 && order != "":
		o, _ := snap.State.Subscription.Order(order)
		w.do("record-payment", id, "service", 0, `{"order_id":%q,"provider":"cloudpayments","transaction_id":"%d","paid_at":%q,"amount":{"amount":%q,"currency":"KZT"}}`,
			order, w.steps, o.PlacedAt.Add(time.Duration(w.r.IntN(26))*time.Hour).Format(time.RFC3339), o.Price.Amount())
	case kind < 7:
		w.do("grant-days", id, "officer", ago, `{"days":%d,"reason":"x"}`, 1+w.r.IntN(20))
	case kind < 8 && transaction != "":
		w.do("charge-back", id, "officer", ago, `{"transaction_id":%q,"amount":{"amount":"10.00","currency":"KZT"},"charged_back_at":%q}`, transaction, w.now().Add(-ago).Format(time.RFC3339))
	case kind < 12:
		w.do("withdraw", id, "officer", 0, `{"received_on":%q,"channel":%q,"tracking_number":"RR%09dKZ"}`, day, []string{"registered-post", "registered-post", "e-mail"}[w.r.IntN(3)], w.steps)
	case kind < 13 && notice != "":
		w.do("rescind-withdrawal", id, "officer", ago, `{"notice_id":%q,"ground":"x"}`, notice)
	case kind < 14 && notice != "":
		w.do("refuse-withdrawal", id, "officer", ago, `{"notice_id":%q,"ground":"x"}`, notice)
	case kind < 16 && notice != "":
		w.do("accept-withdrawal", id, "officer", ago, `{"notice_id":%q}`, notice)
	case kind < 17:
		w.do("set-parameters", "", "operator", 0, `{"in_force_from":%q,"terms_version":"2020-10-27","trial_months":3,"periods":[1,3,6,12],"withdrawal_days":%d,"withdrawal_edge":"start-of-day","fine":{"amount":"50000.00","currency":"KZT"},"order_hours":%d,"support_hours":9,"support_from":9,"support_until":18}`,
			w.now().Format(time.RFC3339), 5+w.r.IntN(10), 1+w.r.IntN(48))
	case kind < 19:
		if _, ok := w.do("void-entry", id, "officer", 0, `{"event_id":%q,"reason":"x"}`, entry); ok {
			w.do("approve-void", id, "approver", 0, `{"event_id":%q}`, entry)
		}
	case kind < 20 && w.r.IntN(8) == 0:
		w.do("depersonalise", id, "officer", 0, `{"basis":"retention-ended"}`)
	default:
		w.do("message", id, "service", 0, `{"text":"x"}`)
	}
}

// known is a user's stream, up to a record that is let through.
func (w *town) known(id domain.UserID, through func(journal.Event) bool) (out []user.Recorded) {
	w.t.Helper()
	for e, err := range w.log.ReadStream(context.Background(), string(domain.UserStream(id)), 0) {
		if err != nil {
			w.t.Fatal(err)
		}
		if !through(e) {
			break
		}
		out = append(out, user.Recorded{Meta: e.Meta, Data: e.Data})
	}
	return out
}

func (w *town) markers(id domain.UserID) (out []journal.Event) {
	w.t.Helper()
	for e, err := range w.log.ReadStream(context.Background(), string(domain.DueStream(id)), 0) {
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// due is what is due of a user by all that stands, and has no marker.
func (w *town) due(id domain.UserID) (out []domain.Due) {
	w.t.Helper()
	stand, over := map[string]bool{}, map[time.Time]bool{}
	for _, e := range w.markers(id) {
		stand[e.ID.String()] = true
		if l, ok := e.Data.(subscription.CoverageLapsed); ok {
			over[l.LapsedAt] = true
		}
	}
	for _, d := range user.Due(user.Fold(w.known(id, func(journal.Event) bool { return true }))) {
		if !stand[d.ID(id).String()] && !over[d.Until] {
			out = append(out, d)
		}
	}
	return out
}

// moment is one that is due, and how the table lists it.
type moment struct {
	policies.Moment
	domain.Due
}

// moments are all that is due of everybody, in the table's order.
func (w *town) moments() (out []moment) {
	w.t.Helper()
	for _, id := range w.users {
		for _, d := range w.due(id) {
			out = append(out, moment{policies.Moment{At: d.At, UserID: id, Marker: d.ID(id).String()}, d})
		}
	}
	slices.SortFunc(out, func(a, b moment) int { return compare(a.Moment, b.Moment) })
	return out
}

func compare(a, b policies.Moment) int {
	if c := a.At.Compare(b.At); c != 0 {
		return c
	}
	return strings.Compare(string(a.UserID)+a.Marker, string(b.UserID)+b.Marker)
}

// check looks at every marker: it is there once, dated by what it marks, caused by what made that, and was true of what was known when it was
// recorded; and nothing is missing that has come.
func (w *town) check(now time.Time) {
	w.t.Helper()
	total := 0
	for _, id := range w.users {
		seen := map[string]bool{}
		for _, m := range w.markers(id) {
			total++
			what := fmt.Sprintf("%T %+v", m.Data, m.Data)
			if seen[what] {
				w.t.Errorf("%s of %s is there twice", what, id)
			}
			seen[what] = true
			was := func(through func(journal.Event) bool) bool {
				return slices.ContainsFunc(user.Due(user.Fold(w.known(id, through))), func(d domain.Due) bool {
					return d.ID(id) == m.ID && d.At.Equal(m.OccurredAt) && d.Comes(m.RecordedAt) && d.Cause == m.Causation.String() && fmt.Sprintf("%T %+v", d.Marker, d.Marker) == what
				})
			}
			// What was recorded in the same instant may or may not have been known.
			if !was(func(e journal.Event) bool { return e.Position < m.Position }) && !was(func(e journal.Event) bool { return e.RecordedAt.Before(m.RecordedAt) }) {
				w.t.Errorf("%s of %s, at %v by %s, was untrue when it was recorded at %v", what, id, m.OccurredAt, m.Causation, m.RecordedAt)
			}
			if m.Actor.Kind != "system" || m.TermsVersion == "" {
				w.t.Errorf("the envelope of %s is %+v", what, m.Meta)
			}
		}
		for _, d := range w.due(id) {
			if d.Comes(now) {
				w.t.Errorf("%T of %s at %v has no marker at %v", d.Marker, id, d.At, now)
			}
		}
	}
	if total < len(w.users) {
		w.t.Errorf("there are %d markers of %d users", total, len(w.users))
	}
}

// policy is the policy of one instance over a table that is exact, or as old as lag says.
func (w *town) policy(s *commands.Service, lag func() bool) *policies.Markers {
	var mu sync.Mutex
	var at int64
	var list []moment
	table := func() []moment {
		mu.Lock()
		defer mu.Unlock()
		head, _, err := w.store.Head(context.Background())
		if err != nil {
			w.t.Error(err)
		}
		if head != at && (at == 0 || !lag()) {
			at, list = head, w.moments()
		}
		return list
	}
	return &policies.Markers{Service: s, Now: s.Now, Log: slog.New(slog.DiscardHandler),
		Due: func(_ context.Context, now time.Time, after policies.Moment, limit int) (out []policies.Moment, err error) {
			for _, m := range table() {
				if len(out) < limit && m.Comes(now) && compare(m.Moment, after) > 0 {
					out = append(out, m.Moment)
				}
			}
			return out, nil
		},
		Next: func(_ context.Context, now time.Time) (time.Time, error) {
			for _, m := range table() {
				if m.Due.At.After(now) {
					return m.Due.At, nil
				}
			}
			return time.Time{}, nil
		},
		Grown: func(ctx context.Context, past int64) (int64, error) {
			if err := w.store.Wait(ctx, past); err != nil {
				return 0, err
			}
			head, _, err := w.store.Head(ctx)
			return head, err
		}}
}
