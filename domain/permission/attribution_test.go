package permission_test

import (
	"reflect"
	"testing"

	"kelisim/domain/account"
	"kelisim/domain/permission"
)

// T-3.6: an action is the user's own, save from the suspected moment of a report until access is restored; the answer
// shows the report and when it was made.
func TestAttribution(t *testing.T) {
	b := books(registered, fact{"2026-02-05", account.UnauthorisedAccessReported{ReportID: "r", SuspectedSince: moment("2026-02-01"), Channel: "phone"}})
	restored := books(registered, fact{"2026-02-05", account.UnauthorisedAccessReported{ReportID: "r", SuspectedSince: moment("2026-02-01")}},
		fact{"2026-02-07", account.AccessRestored{}})
	view := func(s string) *permission.DisputeView {
		v := permission.DisputeView{ReportID: "r", SuspectedSince: moment("2026-02-01"), ReportedAt: moment("2026-02-05"), Event: id(1)}
		if s != "" {
			v.RestoredAt = momentAt(s)
		}
		return &v
	}
	for _, c := range []struct {
		books permission.Books
		at    string
		whose string
		view  *permission.DisputeView
	}{
		{b, "2026-01-31T23:59:59+05:00", "user", nil}, {b, "2026-02-01", "disputed", view("")}, {b, "2026-02-06", "disputed", view("")}, {b, "2027-01-01", "disputed", view("")},
		{restored, "2026-02-01", "disputed", view("2026-02-07")}, {restored, "2026-02-06T23:59:59+05:00", "disputed", view("2026-02-07")}, {restored, "2026-02-07", "user", nil},
	} {
		want := permission.Attribution{Attribution: c.whose, Clause: "T-3.6", At: moment(c.at), Report: c.view}
		if got := permission.AttributionAt(c.books, moment(c.at)); !reflect.DeepEqual(got, want) {
			t.Errorf("at %s: %+v, want %+v", c.at, got, want)
		}
	}
}
