package statistics_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/activity"
	"kelisim/domain/calendar"
	"kelisim/projections/reports"
	"kelisim/projections/statistics"
)

// P-2.3: an act counts if the consent stood at its moment and stands at the asking, for the statistic's own purpose; a disputed act is nobody's
// (T-3.6).
func TestWhoCounts(t *testing.T) {
	w := newWorld(t)
	for n := range 6 { // five who count, and one for research alone
		w.registers(n, "2026-02-01T09:00", everything...)
	}
	w.registers(6, "2026-02-01T09:00", research)
	w.registers(7, "2026-02-01T09:00", everything...) // will have withdrawn
	w.registers(8, "2026-02-01T09:00")                // consents in the middle of a day
	w.registers(9, "2026-02-01T09:00", everything...) // reports a breach
	for n := range 10 {
		w.acts(n, "2026-03-03T10:00", activity.Observed{Object: "course-1", Language: "kk"})
	}
	w.consents(8, "2026-03-03T12:00", everything...)
	w.acts(8, "2026-03-03T13:00", activity.Observed{Object: "course-1", Language: "kk"})
	w.tell("user-"+string(userID(9)), "2026-03-04T09:00", account.UnauthorisedAccessReported{ReportID: "r", SuspectedSince: moment("2026-03-03T00:00"), Channel: "phone"})
	w.tell("user-"+string(userID(9)), "2026-03-05T09:00", account.AccessRestored{})
	w.withdraws(7, "2026-03-10")
	march := asked("2026-03-01", "2026-03-31")
	march.KnownAt = moment("2026-03-15T00:00") // the notice runs
	w.wants("active-users", march, "2026-03-01 8 false")
	w.wants("actions", march, "2026-03-01 course-1 9 false", "2026-03-01 * 9 false")
	march = asked("2026-03-01", "2026-03-31") // and has run
	w.wants("active-users", march, "2026-03-01 7 false")
	w.wants("actions", march, "2026-03-01 course-1 8 false", "2026-03-01 * 8 false")
	march.By = []string{"language", "location"}
	w.wants("actions", march, "2026-03-01 kk ? 8 false", "2026-03-01 * ? 8 false", "2026-03-01 kk * 8 false", "2026-03-01 * * 8 false")
	// The data of two are destroyed and blocked: four are left, which is too few to be shown.
	w.tell("user-"+string(userID(0)), "2026-04-01T09:00", account.Destroyed{Basis: "asked"})
	w.tell("user-"+string(userID(1)), "2026-04-01T09:00", account.DataBlocked{Basis: "asked"})
	w.tell("user-"+string(userID(2)), "2026-04-01T09:00", account.Depersonalised{Basis: "asked"})
	w.wants("active-users", asked("2026-03-01", "2026-04-30"), "2026-03-01 - true", "2026-04-01 - true")
	w.wants("active-users", whole(asked("2026-03-01", "2026-04-30")), "2026-03-01 4 false", "2026-04-01 0 false")
}

// A period is told of as a whole or not at all; weeks begin on Monday, in Astana.
func TestPeriods(t *testing.T) {
	w := newWorld(t)
	for n := range 5 {
		w.registers(n, "2026-02-01T09:00", everything...)
		w.acts(n, "2026-03-02T00:00", activity.Observed{}) // a Monday
		w.acts(n, "2026-03-08T23:59", activity.Observed{}) // a Sunday
		w.acts(n, "2026-03-09T00:00", activity.Observed{})
	}
	w.wants("active-users", asked("2026-03-01", "2026-03-09", "week"), "2026-03-02 5 false", "2026-03-09 5 false")
	w.wants("active-users", asked("2026-03-07", "2026-03-09", "day"), "2026-03-07 - true", "2026-03-08 5 false", "2026-03-09 5 false")
	w.wants("active-users", asked("2026-03-02", "2026-04-30", "month"), "2026-04-01 - true")
	a := statistics.Asked{Asked: reports.Asked{KnownAt: moment("2026-04-10T00:00")}}
	if got := w.paper("active-users", a); len(got.Rows) != 12 || fmt.Sprint(got.Rows[11]) != "[2026-04-01 <nil> true]" || !got.From.Equal(moment("2025-05-01T00:00")) || !got.To.Equal(moment("2026-05-01T00:00")) {
		t.Errorf("%v from %v to %v", got.Rows, got.From, got.To)
	}
	for _, k := range []struct{ by, pointer string }{{"", "?from"}, {"day", "?by"}, {"month,week", "?by"}, {"content,content", "?by"}, {"content,language,location", "?by"}} {
		a := asked("1900-01-01", "2026-12-31", statistics.ParseBy(k.by)...)
		_, err := statistics.All[2].Make(t.Context(), w.Journal, a)
		var refusal *domain.Error
		if refusal, _ = err.(*domain.Error); refusal == nil || refusal.Code != "invalid-request" || refusal.Pointer != k.pointer {
			t.Errorf("by %q: %v", k.by, err)
		}
	}
	if _, err := statistics.Lookup("everything"); domain.Code(err) != "statistics-not-found" {
		t.Error(err)
	}
}

// T-1.5: operational counts ask nobody's consent, and leave nothing out.
func TestOperations(t *testing.T) {
	w := newWorld(t)
	w.registers(0, "2026-01-10T09:00") // free through 10 April, and consents to nothing
	w.registers(1, "2026-01-11T09:00", everything...)
	w.buys(0, "2026-03-01T09:00") // through 10 May
	w.tell("user-"+string(userID(1)), "2026-03-02T09:00", account.Blocked{Clause: "T-1.4"})
	w.tell("user-"+string(userID(1)), "2026-04-02T09:00", account.Unblocked{})
	w.withdraws(1, "2026-04-28") // in effect on 8 May
	a := asked("2026-01-01", "2026-05-31")
	a.KnownAt = moment("2026-05-09T00:00")
	var got []string
	for _, row := range w.paper("operations", a).Rows {
		if row[2] != 0 {
			got = append(got, fmt.Sprint(row[0].(calendar.Day).String()[5:7], " ", row[1], " ", row[2]))
		}
	}
	want := []string{"01 registered 2", "01 active-cabinets 2", "02 active-cabinets 2", "03 first-bought 1", "03 blocked 1", "03 active-cabinets 1",
		"04 trial-ended 2", "04 trial-converted 1", "04 lapsed 1", "04 withdrawal-received 1", "04 unblocked 1", "04 active-cabinets 1", "05 withdrawn 1", "05 active-cabinets 1"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// Small cells of nested groups: 30 registered, 26 acted (4 did not), 9 bought, 2 bought again.
func TestFunnelAndRetention(t *testing.T) {
	w := newWorld(t)
	for n := range 30 {
		w.registers(n, "2026-03-01T09:00", everything...)
	}
	for n := range 26 {
		w.acts(n, "2026-03-05T10:00", activity.Observed{})
	}
	for n := range 9 {
		w.buys(n, "2026-04-05T10:00")
		w.acts(n, "2026-04-05T11:00", activity.Observed{})
	}
	w.buys(29, "2026-04-05T10:00") // without a step between
	for n := range 2 {
		w.buys(n, "2026-05-05T10:00")
	}
	march := asked("2026-03-01", "2026-03-31")
	w.wants("funnel", march, "2026-03-01 registered 30 false", "2026-03-01 acted - true", "2026-03-01 bought 9 false", "2026-03-01 bought-again - true")
	w.wants("funnel", whole(march), "2026-03-01 registered 30 false", "2026-03-01 acted 26 false", "2026-03-01 bought 9 false", "2026-03-01 bought-again 2 false")
	march.KnownAt = moment("2026-05-31T00:00")
	w.wants("retention", march, "2026-03-01 30 0 - true", "2026-03-01 30 1 9 false", "2026-03-01 30 2 - true")
	w.wants("retention", whole(march), "2026-03-01 30 0 26 false", "2026-03-01 30 1 9 false", "2026-03-01 30 2 0 false")
}

// every way to ask for every statistic.
func everyWay() map[string]statistics.Asked {
	out := map[string]statistics.Asked{}
	for _, s := range statistics.All {
		for i, by := range s.By {
			out[s.Name+" "+by] = asked("2026-01-01", "2026-06-30", by)
			if s.Most > 1 {
				out[s.Name+" "+by+" too"] = asked("2026-01-01", "2026-06-30", by, s.By[(i+1)%len(s.By)])
			}
		}
	}
	return out
}

// The record's own coordinates, which every event of anybody moves.
var coordinates = regexp.MustCompile(`"(position|log_size|log_root)": ?("[^"]*"|[0-9]+)`)

// P-2.3: removing persons whose consent never stood changes no byte of a behaviour statistic, for whoever asks.
func TestNoConsentNoTrace(t *testing.T) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(11, seed))
		var with, without []*person
		for range 30 {
			bare := r.IntN(3) == 0
			p := somebody(r, bare)
			with, without = append(with, &p), append(without, &p)
			if bare {
				p.acts = append(p.acts, act{"2026-04-03T10:00", activity.Observed{Object: "only-theirs"}})
				without[len(without)-1] = nil
			}
		}
		a, b := populated(t, with), populated(t, without)
		for way, asked := range everyWay() {
			name, _, _ := strings.Cut(way, " ")
			if name == "operations" {
				continue
			}
			for _, full := range []bool{false, true} {
				asked.Whole = full
				got, want := coordinates.ReplaceAll(a.file(name, reports.JSON, asked), nil), coordinates.ReplaceAll(b.file(name, reports.JSON, asked), nil)
				if !bytes.Equal(got, want) {
					t.Fatalf("seed %d, %s: %s\nwithout them\n%s", seed, way, got, want)
				}
			}
		}
	}
}

// What is counted is what a naive count of the test's own people gives, cell by cell; and no cell of fewer than 5 persons is shown.
func TestCountsAreThoseOfThePeople(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(12, seed))
		var people []*person
		for range 40 {
			p := somebody(r, r.IntN(5) == 0)
			people = append(people, &p)
		}
		w := populated(t, people)
		count, persons := map[string]int{}, map[string]map[int]bool{}
		add := func(n int, keys ...string) {
			k := strings.Join(keys, " ")
			count[k]++
			if persons[k] == nil {
				persons[k] = map[int]bool{}
			}
			persons[k][n] = true
		}
		for n, p := range people {
			for _, a := range p.acts {
				month := a.at[:7] + "-01"
				if p.stands(research, a.at) && !moment(a.at).Before(moment(p.registered)) {
					for _, content := range []string{a.Object, "*"} {
						for _, language := range []string{a.Language, "*"} {
							if language == "" {
								language = "?"
							}
							add(n, month, content, language)
						}
					}
				}
				if p.stands(marketing, a.at) {
					add(n, "active", month)
				}
			}
		}
		rows := 0
		for _, row := range w.paper("actions", whole(asked("2026-04-01", "2026-05-31", "content", "language"))).Rows {
			k := fmt.Sprint(row[0], " ", row[1], " ", row[2])
			if row[3] != count[k] {
				t.Errorf("seed %d: %s is %v, want %d", seed, k, row[3], count[k])
			}
			rows++
		}
		for _, row := range w.paper("actions", asked("2026-04-01", "2026-05-31", "content", "language")).Rows {
			k := fmt.Sprint(row[0], " ", row[1], " ", row[2])
			if row[3] != nil && (row[3] != count[k] || len(persons[k]) < statistics.Least) {
				t.Errorf("seed %d: %s is shown as %v: %d actions of %d persons", seed, k, row[3], count[k], len(persons[k]))
			}
		}
		for _, row := range w.paper("active-users", asked("2026-04-01", "2026-05-31")).Rows {
			n := len(persons[fmt.Sprint("active ", row[0])])
			if shown := row[1] != nil; shown != (n >= statistics.Least) || shown && row[1] != n {
				t.Errorf("seed %d: %v active are shown as %v", seed, n, row)
			}
		}
		if n := len(count) - len(keysWith(count, "active")); rows != n {
			t.Errorf("seed %d: %d cells, want %d", seed, rows, n)
		}
	}
}

func keysWith(m map[string]int, beginning string) (out []string) {
	for k := range m {
		if strings.HasPrefix(k, beginning) {
			out = append(out, k)
		}
	}
	return out
}

// The same call with the same known_at gives the same bytes in every form, whatever was recorded since.
func TestSameBytesForEver(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 1))
	var people []*person
	for range 25 {
		p := somebody(r, false)
		people = append(people, &p)
	}
	w := populated(t, people)
	w.tell("user-"+string(userID(99)), "2026-10-02T09:00", account.RegistrationAbandoned{}) // the record is past known_at
	files := func() map[string][]byte {
		out := map[string][]byte{}
		for way, a := range everyWay() {
			name, _, _ := strings.Cut(way, " ")
			for _, format := range []string{reports.JSON, reports.CSV} {
				out[way+" "+format] = w.file(name, format, a)
			}
		}
		return out
	}
	before := files()
	w.withdraws(0, "2026-03-01")
	w.registers(98, "2026-02-01T09:00", everything...)
	for n := range 9 {
		w.acts(n, "2026-04-02T09:00", activity.Observed{Object: "course-1"})
	}
	w.tell("user-"+string(userID(3)), "2026-03-02T09:00", account.Destroyed{Basis: "asked"})
	for name, got := range files() {
		if !bytes.Equal(got, before[name]) {
			t.Errorf("%s: other bytes after more was recorded", name)
		}
	}
	later := asked("2026-01-01", "2026-06-30")
	later.KnownAt = moment("2026-11-01T00:00")
	if bytes.Equal(w.file("actions", reports.JSON, later), before["actions content json"]) {
		t.Error("what was recorded since is not seen at all")
	}
}

// Every paper says what it rests on, and every code and heading has a word in each language.
func TestEveryWordInEveryLanguage(t *testing.T) {
	w := newWorld(t)
	for n := range 12 {
		w.registers(n, "2026-02-01T09:00", everything...)
		w.acts(n, "2026-04-03T10:00", activity.Observed{Object: "course-1", Location: "KZ-71"})
	}
	for way, a := range everyWay() {
		name, _, _ := strings.Cut(way, " ")
		s, err := statistics.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, language := range reports.Languages {
			if s.Titles()[language] == "" || s.Descriptions()[language] == "" {
				t.Errorf("%s has no title or description in %s", name, language)
			}
		}
		var doc struct {
			From, To, Purpose, Clause, Zone string
			KnownAt                         time.Time `json:"known_at"`
			Position                        int
			Hash                            string `json:"rows_sha256"`
			SmallCells                      string `json:"small_cells"`
			Labels                          map[string]map[string]string
			Columns                         []struct{ Key string }
			Rows                            []map[string]any
		}
		if err := json.Unmarshal(w.file(name, reports.JSON, a), &doc); err != nil {
			t.Fatalf("%s: %v", way, err)
		}
		if doc.From == "" || doc.To == "" || doc.Zone != "Asia/Almaty" || doc.Position == 0 || len(doc.Hash) != 64 || !doc.KnownAt.Equal(moment("2026-10-01T00:00")) || len(doc.Rows) == 0 {
			t.Errorf("%s says of itself %+v", way, doc)
		}
		if operational := s.Purpose == ""; operational != (doc.Clause == "T-1.5") || operational != (doc.SmallCells == "shown") {
			t.Errorf("%s: %s, small cells %s", way, doc.Clause, doc.SmallCells)
		}
		codes := []string{name, doc.Purpose, doc.SmallCells}
		for _, c := range doc.Columns {
			codes = append(codes, c.Key)
		}
		for _, row := range doc.Rows {
			for _, key := range []string{"measure", "step"} {
				if code, ok := row[key].(string); ok {
					codes = append(codes, code)
				}
			}
			for _, key := range []string{"content", "language", "location", "action"} {
				if code, ok := row[key].(string); ok && strings.Contains("*?~", code) {
					codes = append(codes, code)
				}
			}
		}
		for _, code := range codes {
			for _, language := range reports.Languages {
				if doc.Labels[code][language] == "" {
					t.Errorf("%s: %q has no label in %s", way, code, language)
				}
			}
		}
	}
}

// FuzzBy: whatever a caller names, the answer is a table split by words of the statistic, each once and no more of them than it takes, or
// a refusal that says which parameter is wrong.
func FuzzBy(f *testing.F) {
	for _, s := range []string{"", "month", "content,language", "language,language", ",", "content,", "day,week", "CONTENT", "*"} {
		f.Add(s)
	}
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, by string) {
		for _, s := range statistics.All {
			p, err := s.Make(t.Context(), w.Journal, statistics.Asked{By: statistics.ParseBy(by)})
			if err != nil {
				if refusal, ok := err.(*domain.Error); !ok || refusal.Code != "invalid-request" || refusal.Pointer != "?by" {
					t.Errorf("%s by %q: %v", s.Name, by, err)
				}
				continue
			}
			said := strings.Split(p.Says[0][1], ",")
			for i, word := range said {
				if !slices.Contains(s.By, word) || slices.Contains(said[:i], word) || i >= s.Most {
					t.Errorf("%s by %q is split by %q", s.Name, by, said)
				}
			}
		}
	})
}
