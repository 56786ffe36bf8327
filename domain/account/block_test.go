package account_test

import (
	"testing"
	"time"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/decidertest"
)

var (
	block   = account.Blocked{Clause: "T-6.1", Note: text("sold recordings")}
	unblock = account.Unblocked{Note: text("settled")}
)

// spans tells at which of these whole hours after the registration something stands.
func standing(hours int, stands func(time.Time) bool) string {
	out := make([]byte, hours)
	for h := range out {
		out[h] = '-'
		if stands(after(time.Duration(h) * time.Hour)) {
			out[h] = '#'
		}
	}
	return string(out)
}

func blocked(s account.State) func(time.Time) bool {
	return func(t time.Time) bool { _, ok := s.BlockedAt(t); return ok }
}

// T-3.8: the Company may block the cabinet on a breach, and open it again. Each is dated, and the edges are half-open.
func TestBlock(t *testing.T) {
	s := cabinet(t).
		When(as(officer, after(2*time.Hour)), account.Block(block)).Then(block).
		When(as(officer, after(3*time.Hour)), account.Block{Clause: "T-1.4"}).Refused("already-blocked", "T-3.8").
		When(as(officer, after(5*time.Hour)), account.Unblock(unblock)).Then(unblock).
		When(as(officer, after(5*time.Hour)), account.Unblock(unblock)).Refused("not-blocked", "T-3.8").
		When(as(officer, after(7*time.Hour)), account.Block{Clause: "T-1.4"}).Then(account.Blocked{Clause: "T-1.4"}).
		State()
	if got := standing(9, blocked(s)); got != "--###--##" {
		t.Errorf("blocked at %s", got)
	}
	if k, _ := s.BlockedAt(after(2 * time.Hour)); k.Clause != "T-6.1" || k.Began != decidertest.EventID(1).String() || k.Ended != decidertest.EventID(2).String() {
		t.Errorf("a block names its clause and its events: %+v", k)
	}
	if _, yes := s.BlockedAt(after(5*time.Hour - 1)); !yes {
		t.Error("a block stands until the very moment at which it ends")
	}
}

// T-3.8: a block may carry its own end; nobody has to open the cabinet then.
func TestBlockUntil(t *testing.T) {
	until := account.Blocked{Clause: "T-6.2", Until: at(after(4 * time.Hour))}
	s := cabinet(t).When(as(officer, after(time.Hour)), account.Block(until)).Then(until).
		When(as(officer, after(4*time.Hour)), account.Unblock{}).Refused("not-blocked").
		When(as(officer, after(4*time.Hour)), account.Block{Clause: "T-6.2"}).Then(account.Blocked{Clause: "T-6.2"}).
		State()
	if got := standing(6, blocked(s)); got != "-#####" {
		t.Errorf("blocked at %s", got)
	}
	s = cabinet(t).At(after(time.Hour)).Given(until).When(as(officer, after(2*time.Hour)), account.Unblock{}).Then(account.Unblocked{}).State()
	if got := standing(6, blocked(s)); got != "-#----" {
		t.Errorf("opened before its end, it was blocked at %s", got)
	}
}

func TestBlockRefused(t *testing.T) {
	now := as(officer, after(time.Hour))
	for name, c := range map[string]account.Command{
		"no clause":                account.Block{Note: text("x")},
		"words for a clause":       account.Block{Clause: "rudeness"},
		"it ends as it begins":     account.Block{Clause: "T-1.4", Until: at(after(time.Hour))},
		"days below nothing":       account.Unblock{CompensateDays: -1},
		"more days than a year":    account.Unblock{CompensateDays: 367},
		"removal of no content":    account.RemoveContent{Clause: "T-6.1"},
		"removal of a person":      account.RemoveContent{Content: "u/791028302728", Clause: "T-6.1"},
		"removal without a clause": account.RemoveContent{Content: "post/7"},
	} {
		t.Run(name, func(t *testing.T) {
			cabinet(t, account.Blocked{Clause: "T-1.4", Until: at(after(time.Minute))}).When(now, c).Refused("invalid-request")
		})
	}
	cabinet(t).When(now, account.Unblock{}).Refused("not-blocked", "T-3.8")
	cabinet(t, block).When(now, account.Unblock{CompensateDays: 366}).Then(account.Unblocked{CompensateDays: 366})
}

// TestLateEntryFindsItsEnd: a block, a report or a block of the data that is entered late ends where it ended, although that is
// known already; and an end that is entered late ends what stood then (two times on every event).
func TestLateEntryFindsItsEnd(t *testing.T) {
	hour := func(h int) time.Time { return after(time.Duration(h) * time.Hour) }
	report := account.UnauthorisedAccessReported{ReportID: one, SuspectedSince: hour(2)}
	for name, c := range map[string]struct {
		begins, ends account.Event
		stands       func(account.State) func(time.Time) bool
	}{
		"block":          {block, unblock, blocked},
		"block of data":  {account.DataBlocked{Basis: "complaint"}, account.DataUnblocked{Basis: "settled"}, dataBlocked},
		"disputed times": {report, account.AccessRestored{}, disputed},
	} {
		t.Run(name, func(t *testing.T) {
			for order, s := range map[string]*story{
				"in order":           cabinet(t).At(hour(2)).Given(c.begins).At(hour(5)).Given(c.ends).At(hour(8)).Given(c.ends),
				"beginning late":     cabinet(t).At(hour(8)).Given(c.ends).At(hour(5)).Given(c.ends).At(hour(2)).Given(c.begins),
				"end late":           cabinet(t).At(hour(2)).Given(c.begins).At(hour(8)).Given(c.ends).At(hour(5)).Given(c.ends),
				"an end before all":  cabinet(t).At(hour(1)).Given(c.ends).At(hour(2)).Given(c.begins).At(hour(5)).Given(c.ends),
				"ends on both sides": cabinet(t).At(hour(1)).Given(c.ends).At(hour(5)).Given(c.ends).At(hour(2)).Given(c.begins),
				"an end that is far": cabinet(t).At(hour(5)).Given(c.ends).At(hour(2)).Given(c.begins),
			} {
				if got := standing(9, c.stands(s.State())); got != "--###----" {
					t.Errorf("%s: it stands at %s", order, got)
				}
			}
		})
	}
}

// T-3.8: content is deleted with an internal ground.
func TestRemoveContent(t *testing.T) {
	removed := account.ContentRemoved{Content: "comment/42", Clause: "T-1.4", Note: text("spam")}
	s := cabinet(t).When(as(officer, after(time.Hour)), account.RemoveContent(removed)).Then(removed).State()
	want := account.Removal{At: after(time.Hour), Content: "comment/42", Clause: "T-1.4", Event: decidertest.EventID(1).String()}
	if len(s.Removals) != 1 || s.Removals[0] != want {
		t.Errorf("removed: %+v", s.Removals)
	}
}

// T-3.9: a cabinet is never deleted: after everything that can befall it, it is still there.
func TestNeverDeleted(t *testing.T) {
	s := cabinet(t, block, account.Depersonalised{Basis: "asked"}, account.DestructionRequested{By: "officer-1"}, account.Destroyed{}).State()
	if !s.Exists {
		t.Error("the cabinet is gone")
	}
	decidertest.New(t, decider(t)).Given(registered, account.Destroyed{}).When(domain.Context{}, register(nil)).Refused("user-exists")
}
