package permission_test

import (
	"testing"

	"kelisim/domain/account"
	"kelisim/domain/calendar"
	"kelisim/domain/permission"
	"kelisim/domain/site"
	"kelisim/domain/subscription"
)

// T-2.1: free use through the day that bears the number of the registration's three months later; bought months extend it,
// granted days follow all months, and after them it has lapsed. Each answer says from when and until when, and what comes next.
func TestAccessByCoverage(t *testing.T) {
	granted := fact{"2026-04-20", subscription.DaysGranted{Days: 5, At: moment("2026-04-20")}}
	b := books(registered, trial, paid("2026-03-01", 1), granted)
	for _, c := range []struct{ at, want string }{
		{"2026-01-12", "false; not-started T-2.1 – ; then 2026-01-12T11:00"},
		{"2026-01-12T11:00:00+05:00", "true; trial T-2.1 2026-01-12T11:00–2026-04-13 #1; then 2026-04-13"},
		{"2026-03-01", "true; trial T-2.1 2026-01-12T11:00–2026-05-13 #1,#2; then 2026-04-13"},
		{"2026-04-12T23:59:59+05:00", "true; trial T-2.1 2026-01-12T11:00–2026-05-13 #1,#2; then 2026-04-13"},
		{"2026-04-13", "true; paid T-2.1 2026-04-13–2026-05-13 #1,#2; then 2026-05-13"},
		{"2026-05-13", "true; granted T-2.1 2026-05-13–2026-05-18 #1,#2,#3; then 2026-05-18"},
		{"2026-05-17T23:59:59+05:00", "true; granted T-2.1 2026-05-13–2026-05-18 #1,#2,#3; then 2026-05-18"},
		{"2026-05-18", "false; lapsed T-2.1 2026-05-18– #1,#2,#3; then "},
		{"2030-01-01", "false; lapsed T-2.1 2026-05-18– #1,#2,#3; then "},
	} {
		wantAccess(t, b, rules(), permission.Place{}, c.at, c.want)
	}

	// A purchase after a gap starts anew, and the gap had lapsed.
	b = books(registered, trial, paid("2026-06-01T15:00:00+05:00", 1))
	wantAccess(t, b, rules(), permission.Place{}, "2026-04-13", "false; lapsed T-2.1 2026-04-13– #1; then 2026-06-01T15:00")
	wantAccess(t, b, rules(), permission.Place{}, "2026-06-01T15:00:00+05:00", "true; paid T-2.1 2026-06-01T15:00–2026-07-02 #2; then 2026-07-02")

	// Without free months nothing has started until something is bought.
	b = books(registered, paid("2026-06-01T15:00:00+05:00", 1))
	wantAccess(t, b, rules(), permission.Place{}, "2026-01-12", "false; not-started T-2.1 – ; then 2026-06-01T15:00")
	wantAccess(t, b, rules(), permission.Place{}, "2026-02-01", "false; not-started T-2.1 2026-01-12T11:00– #0; then 2026-06-01T15:00")
	wantAccess(t, books(registered), rules(), permission.Place{}, "2026-02-01", "false; not-started T-2.1 2026-01-12T11:00– #0; then ")
}

// T-3.8, decision 17: a block denies; time runs, and what is covered afterwards is what it was.
func TestAccessBlocked(t *testing.T) {
	until := moment("2026-05-01").In(calendar.Zone()) // answers are in UTC all the same
	b := books(registered, trial, fact{"2026-02-01", account.Blocked{Clause: "T-1.4"}}, fact{"2026-02-10", account.Unblocked{}},
		fact{"2026-04-01", account.Blocked{Clause: "T-6.1", Until: &until}})
	for _, c := range []struct{ at, want string }{
		{"2026-01-31", "true; trial T-2.1 2026-01-12T11:00–2026-04-13 #1; then 2026-02-01"},
		{"2026-02-01", "false; blocked T-3.8 2026-02-01–2026-02-10 #2; then 2026-02-10"},
		{"2026-02-10", "true; trial T-2.1 2026-01-12T11:00–2026-04-13 #1; then 2026-04-01"},
		{"2026-04-01", "false; blocked T-3.8 2026-04-01–2026-05-01 #4; then 2026-04-13"},
		{"2026-04-13", "false; blocked T-3.8 2026-04-01–2026-05-01 #4; lapsed T-2.1 2026-04-13– #1; then 2026-05-01"},
		{"2026-05-01", "false; lapsed T-2.1 2026-04-13– #1; then "},
	} {
		wantAccess(t, b, rules(), permission.Place{}, c.at, c.want)
	}
}

// T-1.3: all that stands against use is named, in one order: restricted, blocked, lapsed.
func TestEveryReasonInOrder(t *testing.T) {
	s := rules(fact{"2026-01-01", site.RestrictionImposed{RestrictionID: "a", Category: site.Category{All: true}}},
		fact{"2026-06-01", site.RestrictionImposed{RestrictionID: "b", Category: site.Category{Languages: []string{"kk"}}}},
		fact{"2026-07-01", site.RestrictionLifted{RestrictionID: "a"}})
	b := books(registered, trial, fact{"2026-02-01", account.Blocked{Clause: "T-1.4"}})
	for _, c := range []struct{ at, want string }{
		{"2026-01-01", "false; restricted T-1.3 2026-01-01–2026-07-01 §0; not-started T-2.1 – ; then 2026-01-12T11:00"},
		{"2026-01-31", "false; restricted T-1.3 2026-01-01–2026-07-01 §0; then 2026-02-01"},
		{"2026-02-01", "false; restricted T-1.3 2026-01-01–2026-07-01 §0; blocked T-3.8 2026-02-01– #2; then 2026-04-13"},
		{"2026-05-01", "false; restricted T-1.3 2026-01-01–2026-07-01 §0; blocked T-3.8 2026-02-01– #2; lapsed T-2.1 2026-04-13– #1; then 2026-06-01"},
		{"2026-06-15", "false; restricted T-1.3 2026-01-01–2026-07-01 §0; restricted T-1.3 2026-06-01– §1; blocked T-3.8 2026-02-01– #2; lapsed T-2.1 2026-04-13– #1; then 2026-07-01"},
		{"2026-07-01", "false; restricted T-1.3 2026-06-01– §1; blocked T-3.8 2026-02-01– #2; lapsed T-2.1 2026-04-13– #1; then "},
	} {
		wantAccess(t, b, s, permission.Place{}, c.at, c.want)
	}
}

// T-1.3: a restriction is held against the place and the language that were asked about, else against the last recorded.
func TestPlaceAskedAndRecorded(t *testing.T) {
	s := rules(fact{"2026-01-01", site.RestrictionImposed{RestrictionID: "a", Category: site.Category{Locations: []string{"DE"}, Languages: []string{"en", "de"}}}})
	b := books(registered, trial, fact{"2026-02-01", account.LocationSet{Location: "DE"}}, fact{"2026-02-10", account.LocationSet{Language: "de"}},
		fact{"2026-03-01", account.LocationSet{Location: "KZ"}})
	const (
		open   = "true; trial T-2.1 2026-01-12T11:00–2026-04-13 #1; then "
		closed = "false; restricted T-1.3 2026-01-01– §0; then "
	)
	for _, c := range []struct {
		place    permission.Place
		at, want string
	}{
		{permission.Place{}, "2026-02-01", open + "2026-02-10"},
		{permission.Place{}, "2026-02-10", closed + "2026-03-01"},
		{permission.Place{}, "2026-03-01", open + "2026-04-13"},
		{permission.Place{Location: "DE"}, "2026-03-01", closed + "2026-04-13"},
		{permission.Place{Location: "KZ"}, "2026-02-10", open + "2026-04-13"},
		{permission.Place{Language: "kk"}, "2026-02-10", open + "2026-04-13"},
		{permission.Place{Language: "en"}, "2026-02-01", closed + "2026-03-01"},
		{permission.Place{Location: "DE-BE", Language: "en-GB"}, "2026-01-20", closed + "2026-04-13"},
	} {
		wantAccess(t, b, s, c.place, c.at, c.want)
	}
}
