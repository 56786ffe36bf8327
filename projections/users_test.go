package projections_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/calendar"
	"kelisim/domain/consent"
	"kelisim/domain/obligation"
	"kelisim/domain/subscription"
	"kelisim/projections"
)

func someUser(i int) domain.UserID {
	return domain.UserID(uuid.NewSHA1(uuid.Nil, fmt.Append(nil, "user ", i)).String())
}

// registration is what a registration records.
func registration(i int) []any {
	a := account.Acceptance{Button: "register", Page: "subscription", Language: "kk", Documents: []account.DocumentRef{{ID: "terms", Version: "2020-10-27"}, {ID: "personal-data", Version: "2020-10-27"}}}
	day := calendar.DayOf(noon)
	var login domain.Personal
	login.Seal(json.RawMessage(`"planted-login"`))
	return []any{
		account.Registered{Acceptance: a, Location: "KZ-71", Login: login},
		consent.Given{ConsentID: fmt.Sprint(i), Acceptance: a, Purposes: []string{"advertising", "quality-research"}, Day: day},
		subscription.TrialStarted{RegisteredAt: noon, From: noon, Until: day.AddMonths(3).End(), Months: 3, Anchor: day},
	}
}

func (b *bench) pages(f projections.UserFilter, limit int, between func()) (ids []domain.UserID) {
	b.t.Helper()
	var after projections.UsersAfter
	for {
		page, err := b.UserList(b.t.Context(), f, time.Now(), after, limit)
		if err != nil || len(page.Users) > limit {
			b.t.Fatalf("%d users (%v)", len(page.Users), err)
		}
		for _, u := range page.Users {
			ids = append(ids, u.UserID)
		}
		if page.Next == nil {
			return ids
		}
		after = *page.Next
		between()
	}
}

// Whoever is in the result all the while is in one page and no other, whatever is recorded between the pages; who joins or leaves may be in one.
func TestPagesNeitherRepeatNorSkip(t *testing.T) {
	b := newBench(t, projections.All...)
	var last int64
	const users = 60
	for i := range users {
		last = b.append("user-"+string(someUser(i)), registration(i)...)
	}
	b.wait("users", last)
	r := rand.New(rand.NewPCG(5, 5))
	left := map[domain.UserID]bool{}
	next := users
	got := b.pages(projections.UserFilter{Status: "active", Coverage: "lapsed", Document: "terms"}, 7, func() {
		for range 10 {
			i := r.IntN(users)
			stream := "user-" + string(someUser(i))
			switch r.IntN(4) {
			case 0:
				last = b.append(stream, account.Blocked{Clause: "T-3.8"})
				left[someUser(i)] = true
			case 1:
				last = b.append(stream, account.LocationSet{Location: "KZ-10"})
			case 2:
				last = b.append(stream, obligation.FineDemanded{ObligationID: fmt.Sprint(last), Amount: domain.KZT(50000)})
			case 3:
				last = b.append("user-"+string(someUser(next)), registration(next)...)
				next++
			}
		}
		b.wait("users", last)
	})
	seen := map[domain.UserID]int{}
	for _, id := range got {
		seen[id]++
	}
	for i := range next {
		n := seen[someUser(i)]
		if n > 1 || n == 0 && i < users && !left[someUser(i)] {
			t.Errorf("user %d is in %d pages", i, n)
		}
	}
	if len(left) == 0 || next == users {
		t.Error("nothing changed meanwhile")
	}
}

// Each statement of a page goes by an index, from the place where the page begins; and the index is the one with the least to look at.
func TestListsGoByIndexes(t *testing.T) {
	b := newBench(t, projections.All...)
	for i := range 20 {
		b.append("user-"+string(someUser(i)), registration(i)...)
	}
	b.append("user-"+string(someUser(3)), account.Blocked{Clause: "T-3.8"})
	last := b.append("user-"+string(someUser(4)), obligation.FineDemanded{ObligationID: "o", Amount: domain.KZT(50000)}, account.DataBlocked{Basis: "b"})
	b.wait("users", last)
	all := projections.UserFilter{Status: "blocked", Coverage: "lapsed", Plan: "none", Consent: "withdrawn", Purpose: "advertising", Block: "account", Obligation: "any", Hold: "none",
		Document: "terms", Version: "2020-10-27", Location: "KZ", Language: "kk", ExpiresAfter: noon, ExpiresBefore: noon.AddDate(1, 0, 0), RegisteredFrom: noon, RegisteredTill: noon.AddDate(0, 0, 1)}
	for _, c := range []struct {
		filter projections.UserFilter
		mark   string
		ends   bool
	}{{projections.UserFilter{}, "", false}, {all, "", false}, {all, "status=blocked", false}, {all, "", true}, {projections.UserFilter{Coverage: "trial"}, "coverage=trial", false}} {
		plan, err := b.Plans(t.Context(), c.filter, c.mark, c.ends)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(plan) {
			if !strings.HasPrefix(line, "SEARCH ") && !(c.ends && strings.HasPrefix(line, "USE TEMP B-TREE FOR ORDER BY")) {
				t.Errorf("%q, ends %v: %s", c.mark, c.ends, plan)
			}
		}
	}
	for _, c := range []struct {
		filter projections.UserFilter
		want   string
	}{
		{projections.UserFilter{}, ""}, {projections.UserFilter{Status: "active"}, ""}, {projections.UserFilter{Status: "blocked", Coverage: "lapsed"}, "status=blocked"},
		{projections.UserFilter{Obligation: "fine", Document: "terms"}, "obligation=fine"}, {projections.UserFilter{ExpiresBefore: noon, Coverage: "lapsed"}, "ends"},
		{projections.UserFilter{Consent: "data-blocked", Purpose: "any"}, "data=data-blocked"}, {projections.UserFilter{Consent: "given", Purpose: "advertising"}, ""},
	} {
		if got, err := b.Way(t.Context(), c.filter); err != nil || got != c.want {
			t.Errorf("%+v goes by %q, want %q (%v)", c.filter, got, c.want, err)
		}
	}
}

// A filter that hardly anybody meets costs a page no more than so many places: the page is short, and the next goes on behind them.
func TestPagesAreBounded(t *testing.T) {
	b := newBench(t, projections.All...)
	last := b.append("user-"+string(someUser(0)), registration(0)...)
	b.wait("users", last)
	// Many who look like the one there is, save for the place where they are.
	_, err := b.views.Writer.Exec(`WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < ?)
		INSERT INTO users_1_phases (registered, n, since, until, user, ends, marks, standing)
		SELECT registered - 2 * ? + 2 * i, n + i, since, until, 'u' || i, ends, replace(marks, 'location=kz', 'location=de'), standing FROM users_1_phases, i`, 2*projections.MostLooked, projections.MostLooked)
	if err != nil {
		t.Fatal(err)
	}
	var after projections.UsersAfter
	var pages, users int
	for ; pages < 10; pages++ {
		page, err := b.UserList(t.Context(), projections.UserFilter{Status: "active", Location: "KZ"}, time.Now(), after, 5)
		if err != nil {
			t.Fatal(err)
		}
		users += len(page.Users)
		if page.Next == nil {
			break
		}
		after = *page.Next
	}
	if users != 1 || pages < 2 || pages > 6 {
		t.Errorf("%d users in %d pages", users, pages+1)
	}
}

// A long life with voided entries comes out the same live, by way of folds that were kept, and rebuilt; and nothing that is sealed is in the file.
func TestUsersReplayEqualsLive(t *testing.T) {
	b := newBench(t, projections.All...)
	var last int64
	var entries []string
	for i := range 30 {
		last = b.append("user-"+string(someUser(i)), registration(i)...)
	}
	r := rand.New(rand.NewPCG(8, 8))
	for step := range 200 {
		stream := "user-" + string(someUser(r.IntN(30)))
		switch r.IntN(4) {
		case 0:
			last = b.append(stream, account.Blocked{Clause: "T-3.8"})
		case 1:
			last = b.append(stream, account.Unblocked{})
		case 2:
			last = b.append(stream, subscription.DaysGranted{Days: 1 + r.IntN(60), At: noon})
		case 3:
			entries = entries[:0]
			for e, err := range b.ReadStream(t.Context(), stream, 3) {
				if err != nil {
					t.Fatal(err)
				}
				entries = append(entries, e.ID.String())
			}
			if len(entries) > 0 {
				last = b.append(stream, account.EntryVoided{EventID: entries[r.IntN(len(entries))]})
			}
		}
		if step == 100 {
			b.wait("users", last)
			b.stop()
			b.start()
		}
	}
	b.wait("users", last)
	live := b.digest("users")
	if err := b.Rebuild(t.Context(), "users"); err != nil {
		t.Fatal(err)
	}
	b.wait("users", last)
	if again := b.digest("users"); again != live {
		t.Error("rebuilt, the users are others")
	}
	ids := b.pages(projections.UserFilter{}, 1000, func() {})
	if len(ids) != 30 || slices.Contains(ids, "") {
		t.Errorf("%d users", len(ids))
	}
	b.stop()
	data, err := os.ReadFile(b.path)
	if err != nil || bytes.Contains(data, []byte("planted")) {
		t.Errorf("the file holds what was sealed (%v)", err)
	}
}

// BenchmarkUsers measures, in one run, what a user's event costs this model live and in a rebuild, against reading and decoding it and against the
// model of held money; and a page of a ledger of eight times as many users against one of a smaller.
func BenchmarkUsers(b *testing.B) {
	few, many := usersIn(b, 500), usersIn(b, 4000)
	b.Run("events", func(b *testing.B) {
		var read, held, users time.Duration
		events := 0
		for b.Loop() {
			began := time.Now()
			for _, err := range few.ReadAll(b.Context(), 0) {
				if err != nil {
					b.Fatal(err)
				}
				events++
			}
			read += time.Since(began)
			for name, spent := range map[string]*time.Duration{"held": &held, "users": &users} {
				began := time.Now()
				if err := few.Rebuild(b.Context(), name); err != nil {
					b.Fatal(err)
				}
				*spent += time.Since(began)
			}
		}
		b.ReportMetric(float64(users.Nanoseconds())/float64(events), "ns/event")
		b.ReportMetric(float64(users)/float64(read), "of-reading")
		b.ReportMetric(float64(users)/float64(held), "of-held")
	})
	b.Run("pages", func(b *testing.B) {
		var small, large time.Duration
		filter := projections.UserFilter{Coverage: "lapsed", Obligation: "any", Consent: "given", Purpose: "advertising"}
		for b.Loop() {
			for on, spent := range map[*bench]*time.Duration{few: &small, many: &large} {
				began := time.Now()
				page, err := on.UserList(b.Context(), filter, time.Now(), projections.UsersAfter{}, 10)
				if err != nil || len(page.Users) != 10 {
					b.Fatalf("%d users (%v)", len(page.Users), err)
				}
				*spent += time.Since(began)
			}
		}
		b.ReportMetric(float64(large.Microseconds())/float64(b.N), "us/page")
		b.ReportMetric(float64(large)/float64(small), "of-an-eighth")
	})
}

// usersIn is a ledger of so many users of six events each, one in twenty with a fine.
func usersIn(b *testing.B, users int) *bench {
	b.Helper()
	on := newBench(b, projections.All...)
	var last int64
	for i := range users {
		last = on.append("user-"+string(someUser(i)), registration(i)...)
	}
	for i := range users {
		stream := "user-" + string(someUser(i))
		last = on.append(stream, account.LocationSet{Location: "KZ-10"}, subscription.DaysGranted{Days: 5, At: noon})
		if i%20 == 0 {
			last = on.append(stream, obligation.FineDemanded{ObligationID: fmt.Sprint(i), Amount: domain.KZT(50000)})
		}
	}
	on.wait("users", last)
	return on
}
