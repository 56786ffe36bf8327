package account_test

import (
	"testing"
	"time"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/decidertest"
)

func disputed(s account.State) func(time.Time) bool {
	return func(t time.Time) bool { _, ok := s.DisputedAt(t); return ok }
}

// T-2.5, T-3.6, T-3.7: a report disputes the account's actions from the suspected moment, which lies before it, until access is restored.
func TestReportUnauthorisedAccess(t *testing.T) {
	reported := account.UnauthorisedAccessReported{ReportID: one, SuspectedSince: after(2 * time.Hour), Channel: "phone"}
	s := cabinet(t).
		When(domain.Context{OccurredAt: after(4 * time.Hour)}, account.ReportUnauthorisedAccess(reported)).Then(reported).
		When(domain.Context{OccurredAt: after(6 * time.Hour)}, account.RestoreAccess{Note: text("new password")}).Then(account.AccessRestored{Note: text("new password")}).
		When(domain.Context{OccurredAt: after(6 * time.Hour)}, account.RestoreAccess{}).Refused("access-not-disputed", "T-3.6").
		State()
	if got := standing(8, disputed(s)); got != "--####--" {
		t.Errorf("disputed at %s", got)
	}
	r, _ := s.DisputedAt(after(3 * time.Hour))
	want := account.Report{ID: one, SuspectedSince: after(2 * time.Hour), ReportedAt: after(4 * time.Hour), Channel: "phone",
		Event: decidertest.EventID(1).String(), RestoredAt: after(6 * time.Hour), RestoredBy: decidertest.EventID(2).String()}
	if r != want {
		t.Errorf("the report says when it was made: %+v", r)
	}
}

// T-3.6: what is restored are the reports that dispute that moment; one whose suspicion begins later stands.
func TestRestoreEndsWhatStands(t *testing.T) {
	first := account.UnauthorisedAccessReported{ReportID: one, SuspectedSince: after(time.Hour)}
	second := account.UnauthorisedAccessReported{ReportID: two, SuspectedSince: after(5 * time.Hour)}
	s := cabinet(t).At(after(6*time.Hour)).Given(first, second).
		When(domain.Context{OccurredAt: after(3 * time.Hour)}, account.RestoreAccess{}).Then(account.AccessRestored{}).State()
	if got := standing(8, disputed(s)); got != "-##--###" {
		t.Errorf("disputed at %s", got)
	}

	// A report made after a restoration is not answered by it, also where its suspicion reaches back.
	s = cabinet(t).At(after(time.Hour)).Given(first).At(after(3 * time.Hour)).Given(account.AccessRestored{}).
		At(after(6 * time.Hour)).Given(account.UnauthorisedAccessReported{ReportID: two, SuspectedSince: after(2 * time.Hour)}).State()
	if got := standing(8, disputed(s)); got != "-#######" {
		t.Errorf("disputed at %s", got)
	}
}

func TestReportRefused(t *testing.T) {
	now := domain.Context{OccurredAt: after(time.Hour)}
	given := account.UnauthorisedAccessReported{ReportID: one, SuspectedSince: start}
	for name, c := range map[string]struct {
		command      account.Command
		code, clause string
	}{
		"suspected since nothing":    {account.ReportUnauthorisedAccess{}, "invalid-request", "T-3.7"},
		"suspected after the report": {account.ReportUnauthorisedAccess{SuspectedSince: after(time.Hour + 1)}, "invalid-request", "T-3.7"},
		"a channel of many words":    {account.ReportUnauthorisedAccess{SuspectedSince: start, Channel: "a friend said"}, "invalid-request", ""},
		"an id that is none":         {account.ReportUnauthorisedAccess{SuspectedSince: start, ReportID: "850101300123"}, "invalid-request", ""},
		"an id used before":          {account.ReportUnauthorisedAccess{SuspectedSince: start, ReportID: one}, "report-exists", ""},
	} {
		t.Run(name, func(t *testing.T) { cabinet(t, given).When(now, c.command).Refused(c.code, c.clause) })
	}
	cabinet(t).When(now, account.RestoreAccess{}).Refused("access-not-disputed", "T-3.6")
}
