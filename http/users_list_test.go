package http_test

import (
	"flag"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"kelisim/commands/access"
	ledger "kelisim/http"
	"kelisim/projections"
)

// townSeeds is how many towns of random lives TestListEqualsSingleQuestions asks about; the long form has many.
var townSeeds = flag.Uint64("towns", 1, "how many towns the list of users is tried on")

// What a list says of a user is what the single questions answer as of the same moment, now and at each moment at which anything changes, and just
// before it (P-2.2, T-2.1, T-3.8, P-1.5, P-2.5, T-6.6).
func TestListEqualsSingleQuestions(t *testing.T) {
	for seed := range *townSeeds {
		w := newTown(t, seed)
		var moments int
		for range 3 {
			for range 4 {
				w.register()
			}
			for range 60 {
				w.clock.pass(time.Duration(w.r.IntN(14*3600)) * time.Second)
				w.live()
			}
			now := w.clock.Now()
			asked := []time.Time{now, now.Add(time.Duration(w.r.IntN(1e7)) * time.Second)}
			items, _ := w.list("as_of="+url.QueryEscape(now.Format(time.RFC3339Nano)), 3)
			for _, u := range items {
				if u.NextChangeAt != nil && w.r.IntN(3) == 0 {
					asked = append(asked, *u.NextChangeAt, u.NextChangeAt.Add(-time.Microsecond))
				}
			}
			for _, end := range w.ends {
				asked = append(asked, end.Truncate(time.Microsecond), end.Truncate(time.Microsecond).Add(time.Microsecond))
			}
			w.ends = nil
			for _, at := range asked {
				if at.Before(now) {
					continue
				}
				moments++
				w.compare(at)
			}
		}
		if moments < 12 {
			t.Errorf("only %d moments were asked about", moments)
		}
	}
}

// compare holds the list, and what each filter leaves of it, against the single questions as of a moment.
func (w *town) compare(at time.Time) {
	w.t.Helper()
	as := "as_of=" + url.QueryEscape(at.Format(time.RFC3339Nano))
	all, _ := w.list(as, 4)
	if len(all) > len(w.users) {
		w.t.Fatalf("%d users of %d", len(all), len(w.users))
	}
	there := map[string]projections.User{}
	for _, u := range all {
		there[string(u.UserID)] = u
		if want := w.single(string(u.UserID), at); told(u) != told(want) {
			w.t.Errorf("user %s as of %s: the list says\n%s\nand the questions\n%s", u.UserID, at, told(u), told(want))
		}
	}
	for _, id := range w.users {
		if _, listed := there[id]; !listed && w.ask(access.Officer, "GET", "/v1/users/"+id, "").Code != 404 {
			w.t.Errorf("user %s is not in the list", id)
		}
	}
	status := func(u projections.User, purpose string) string {
		for _, k := range u.Consents {
			if k.Purpose == purpose {
				return k.Status
			}
		}
		switch {
		case u.Status == "depersonalised", u.Status == "destroyed":
			return u.Status
		case u.DataBlocked:
			return "data-blocked"
		}
		return "never-given"
	}
	owes := func(u projections.User, kind string) bool {
		return slices.ContainsFunc(u.Obligations, func(o projections.UserObligation) bool { return o.Kind == kind })
	}
	meets := map[string]func(projections.User) bool{
		"obligation=any": func(u projections.User) bool { return len(u.Obligations) > 0 }, "obligation=none": func(u projections.User) bool { return len(u.Obligations) == 0 },
		"obligation=fine": func(u projections.User) bool { return owes(u, "fine") }, "legal_hold=any": func(u projections.User) bool { return u.LegalHolds > 0 },
		"block=account": func(u projections.User) bool { return u.Blocked }, "block=data": func(u projections.User) bool { return u.DataBlocked },
		"block=none&legal_hold=none": func(u projections.User) bool { return !u.Blocked && !u.DataBlocked && u.LegalHolds == 0 },
		"plan=none":                  func(u projections.User) bool { return u.Plan == 0 }, "plan=3": func(u projections.User) bool { return u.Plan == 3 },
		"location=kz": func(u projections.User) bool {
			l := strings.ToLower(u.Location)
			return l == "kz" || strings.HasPrefix(l, "kz-")
		},
		"language=ru&status=active": func(u projections.User) bool { return u.Language == "ru" && u.Status == "active" },
		"consent=withdrawn": func(u projections.User) bool {
			return slices.ContainsFunc(u.Consents, func(k projections.UserConsent) bool { return k.Status == "withdrawn" })
		},
		"consent=never-given&purpose=telepathy":  func(u projections.User) bool { return status(u, "telepathy") == "never-given" },
		"consent=data-blocked&purpose=telepathy": func(u projections.User) bool { return status(u, "telepathy") == "data-blocked" },
		"document=terms&version=2020-10-27":      func(u projections.User) bool { return len(u.Documents) > 0 },
		"document=terms&version=2021-01-01":      func(projections.User) bool { return false },
	}
	for _, s := range []string{"active", "blocked", "depersonalised", "destroyed"} {
		meets["status="+s] = func(u projections.User) bool { return u.Status == s }
	}
	for _, s := range []string{"trial", "paid", "granted", "lapsed", "not-started"} {
		meets["coverage="+s] = func(u projections.User) bool { return u.Coverage.Status == s }
		meets["coverage="+s+"&obligation=any"] = func(u projections.User) bool { return u.Coverage.Status == s && len(u.Obligations) > 0 }
	}
	for _, p := range purposes {
		for _, s := range []string{"given", "withdrawal-pending", "withdrawn", "data-blocked", "depersonalised", "destroyed", "never-given"} {
			meets["purpose="+p+"&consent="+s] = func(u projections.User) bool { return status(u, p) == s }
		}
	}
	edge := at.Add(time.Duration(w.r.IntN(200*24)) * time.Hour)
	if len(all) > 0 {
		if u := all[w.r.IntN(len(all))]; u.Coverage.Until != nil {
			edge = *u.Coverage.Until
		}
	}
	e := url.QueryEscape(edge.Format(time.RFC3339Nano))
	over := func(u projections.User) bool { return u.Coverage.Until != nil && !u.Coverage.Until.After(edge) }
	meets["expires_before="+e] = over
	meets["expires_after="+e] = func(u projections.User) bool { return u.Coverage.Until != nil && u.Coverage.Until.After(edge) }
	meets["coverage=paid&expires_before="+e] = func(u projections.User) bool { return over(u) && u.Coverage.Status == "paid" }
	from := url.QueryEscape(all[len(all)/2].RegisteredAt.Format(time.RFC3339Nano))
	meets["registered_from="+from] = func(u projections.User) bool { return !u.RegisteredAt.Before(all[len(all)/2].RegisteredAt) }
	meets["registered_to="+from] = func(u projections.User) bool { return u.RegisteredAt.Before(all[len(all)/2].RegisteredAt) }
	for query, meet := range meets {
		if *townSeeds == 1 && w.r.IntN(6) > 0 { // the long form tries each
			continue
		}
		var want, got []string
		for _, u := range all {
			if meet(u) {
				want = append(want, string(u.UserID))
			}
		}
		filtered, _ := w.list(as+"&"+query, 1+w.r.IntN(4))
		for _, u := range filtered {
			got = append(got, string(u.UserID))
		}
		if !slices.Equal(got, want) {
			w.t.Errorf("%s as of %s: %v, want %v", query, at, got, want)
		}
	}
}

// A cursor holds moments in microseconds, which are as long as a card number (C-2): each is taken back as it was given. What was not given is refused.
func TestCursorLikeACard(t *testing.T) {
	w := newTown(t, 1)
	w.register()
	w.list("", 1) // waits for the table
	for _, after := range []string{ledger.Cursor(projections.UsersAfter{Registered: 4111111111111111, N: 1}), ledger.Cursor(projections.UsersAfter{AsOf: 1_770_000_000_000_005})} {
		if a := w.ask(access.Officer, "GET", "/v1/users?after="+after, ""); a.Code != 200 {
			t.Errorf("%s: %d %s", after, a.Code, a.Body)
		}
	}
	for _, after := range []string{"x", ledger.Cursor(map[string]any{"r": 1, "q": 2}), ledger.Cursor("r"), ledger.Cursor(projections.UsersAfter{}) + "e30"} {
		a := w.ask(access.Officer, "GET", "/v1/users?after="+after, "")
		if p := wantProblem(t, after, a, 400, "invalid-request"); at(p) != "?after" {
			t.Errorf("%s: at %s", after, at(p))
		}
	}
}
