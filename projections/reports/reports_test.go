package reports_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/xuri/excelize/v2"

	"kelisim/commands/journal"
	"kelisim/commands/tlog"
	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/calendar"
	"kelisim/domain/catalogue"
	"kelisim/domain/consent"
	"kelisim/domain/event"
	"kelisim/domain/site"
	"kelisim/domain/subscription"
	"kelisim/projections/reports"
)

const (
	anna  = "00000000-0000-4000-8000-00000000000a"
	berik = "00000000-0000-4000-8000-00000000000b"

	advertising, research, statistics = "advertising", "quality-research", "marketing-statistics"
)

var all = []string{advertising, statistics, research}

// past is a journal in which a test tells what happened.
type past struct {
	t testing.TB
	*journal.Journal
	told int
}

func newPast(t testing.TB) *past {
	store := &journal.Memory{Now: func() time.Time { return moment("2026-11-01T12:00") }}
	p := &past{t: t, Journal: journal.New(store, catalogue.All())}
	var published []any
	for _, id := range []string{"terms", "personal-data"} {
		d := site.DocumentPublished{ID: id, Version: "2020-10-27", Language: "kk", SHA256: "c0ffee", InForceFrom: moment("2020-10-27T00:00")}
		if id == "personal-data" {
			d.Purposes = all
		}
		published = append(published, d)
	}
	published = append(published, site.ParametersSet{InForceFrom: moment("2020-10-27T00:00"), Parameters: domain.Parameters{
		TermsVersion: "2020-10-27", WithdrawalDays: 10, WithdrawalEdge: domain.StartOfDay, Fine: domain.KZT(50000), Holidays: []string{"2026-03-23", "2026-03-24"},
	}})
	p.tell("site", "2020-10-27T00:00", "2026-01-01T00:00", published...)
	return p
}

// moment reads a moment of the clock of Astana.
func moment(s string) time.Time {
	t, err := time.ParseInLocation("2006-01-02T15:04", s, calendar.Zone())
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

func day(s string) calendar.Day {
	d, err := calendar.ParseDay(s)
	if err != nil {
		panic(err)
	}
	return d
}

// id is that of the n-th event told, counted from 0.
func id(n int) uuid.UUID { return uuid.NewSHA1(uuid.Nil, fmt.Appendf(nil, "event %d", n)) }

// tell records events in a stream and answers the position of the last.
func (p *past) tell(stream, occurred, recorded string, events ...any) int64 {
	p.t.Helper()
	return p.tellAs(event.Actor{Kind: "officer", ID: "marat"}, stream, occurred, recorded, events...)
}

func (p *past) tellAs(who event.Actor, stream, occurred, recorded string, events ...any) int64 {
	p.t.Helper()
	var records []journal.NewRecord
	for _, e := range events {
		m := event.Meta{ID: id(p.told), OccurredAt: moment(occurred), RecordedAt: moment(recorded), Actor: who, CommandID: id(p.told), Late: occurred != recorded}
		r, err := p.Encode(e, m)
		if err != nil {
			p.t.Fatal(err)
		}
		records = append(records, r)
		p.told++
	}
	expected := journal.NoStream
	for r, err := range p.Store.ReadStream(p.t.Context(), stream, 0) {
		if err != nil {
			p.t.Fatal(err)
		}
		expected = r.Revision
	}
	receipt, err := p.Append(p.t.Context(), stream, expected, records)
	if err != nil {
		p.t.Fatal(err)
	}
	return receipt.Position
}

// registers tells of a registration, with its consent to everything and its three free months.
func (p *past) registers(user, at string) {
	p.t.Helper()
	m := moment(at)
	d := calendar.DayOf(m)
	a := account.Acceptance{Button: "register", Page: "subscription", Language: "kk", Documents: []account.DocumentRef{
		{ID: "terms", Version: "2020-10-27", SHA256: "c0ffee"}, {ID: "personal-data", Version: "2020-10-27", SHA256: "c0ffee"},
	}}
	p.tell("user-"+user, at, at, account.Registered{Acceptance: a}, given("1"+user[1:], at, a, all...),
		subscription.TrialStarted{RegisteredAt: m, From: m, Until: d.AddMonths(3).End(), Months: 3, Anchor: d})
}

func given(id, at string, a account.Acceptance, purposes ...string) consent.Given {
	d, _ := a.Document("personal-data")
	return consent.Given{ConsentID: id, Acceptance: a, Document: d, Purposes: purposes, Day: calendar.DayOf(moment(at))}
}

// notice is one by registered post.
func notice(id, received string) consent.WithdrawalNoticeReceived {
	r := day(received)
	return consent.WithdrawalNoticeReceived{
		NoticeID: id, ReceivedOn: r, Channel: "registered-post", TrackingNumber: "RR1KZ", PerTerms: true,
		EffectiveOn: r.AddDays(10), EffectiveFrom: r.AddDays(10).Start(),
	}
}

func (p *past) paper(name string, a reports.Asked) *reports.Paper {
	p.t.Helper()
	r, err := reports.Lookup(name)
	if err != nil {
		p.t.Fatal(err)
	}
	f, err := r.Gather(p.t.Context(), p.Journal, a)
	if err != nil {
		p.t.Fatal(err)
	}
	paper, err := r.Of(f)
	if err != nil {
		p.t.Fatal(err)
	}
	return paper
}

// wants holds some columns of a report's rows against lines of the form "a | b | c"; nothing is "-".
func (p *past) wants(name string, a reports.Asked, columns string, lines ...string) {
	p.t.Helper()
	paper := p.paper(name, a)
	var got []string
	for _, row := range paper.Rows {
		var values []string
		for key := range strings.FieldsSeq(columns) {
			i := slices.IndexFunc(paper.Columns, func(c reports.Column) bool { return c.Key == key })
			if i < 0 {
				p.t.Fatalf("%s has no column %s", name, key)
			}
			values = append(values, written(row[i]))
		}
		got = append(got, strings.Join(values, " | "))
	}
	if !slices.Equal(got, lines) {
		p.t.Errorf("%s:\n  %s\nwant\n  %s", name, strings.Join(got, "\n  "), strings.Join(lines, "\n  "))
	}
}

func written(v any) string {
	switch v := v.(type) {
	case nil:
		return "-"
	case time.Time:
		return v.Format("2006-01-02T15:04:05.999999-07")
	}
	return fmt.Sprint(v)
}

func known(at string) reports.Asked { return reports.Asked{KnownAt: moment(at)} }

func write(t testing.TB, p *reports.Paper, format, language string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(&b, format, language); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The same call with the same known_at gives the same bytes in every form, whatever was recorded since: also what had happened before
// and came to be known after.
func TestSameBytesForEver(t *testing.T) {
	p := newPast(t)
	everything(p)
	p.tell("user-"+anna, "2026-08-03T09:00", "2026-08-03T09:00", notice("n4", "2026-05-04"))
	head, _, err := p.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	papers := func() map[string][]byte {
		out := map[string][]byte{}
		for _, r := range reports.All {
			for name, a := range map[string]reports.Asked{
				"moment": known("2026-10-01T00:00"), "position": {KnownPosition: head}, "range": {From: moment("2026-03-01T00:00"), To: moment("2026-07-01T00:00"), KnownPosition: head},
			} {
				paper := p.paper(r.Name, a)
				if wants := map[bool]string{true: "range", false: "moment"}[r.Name == "retold"]; name == wants && len(paper.Rows) == 0 {
					t.Errorf("%s has no row: nothing is held here", r.Name)
				}
				formats := []string{reports.JSON, reports.CSV, reports.XLSX}
				if name == "moment" { // a page takes long to draw
					formats = append(formats, reports.PDF)
				}
				for _, format := range formats {
					out[r.Name+" "+name+" "+format] = write(t, paper, format, "kk")
				}
			}
		}
		return out
	}
	before := papers()
	p.tell("user-"+anna, "2026-03-02T10:00", "2026-10-02T10:00", consent.LegalHoldSet{HoldID: "h2", Basis: "court", Acts: []string{"store"}},
		notice("late", "2026-03-01"), account.Blocked{Clause: "T-1.4"})
	p.registers("00000000-0000-4000-8000-00000000000c", "2026-10-03T09:00")
	after := papers()
	for name, want := range before {
		if !bytes.Equal(after[name], want) {
			t.Errorf("%s: other bytes after more was recorded", name)
		}
	}
	if bytes.Equal(write(t, p.paper("withdrawals", reports.Asked{}), reports.JSON, "kk"), before["withdrawals moment json"]) {
		t.Error("what was recorded since is not seen at all")
	}
}

// What is asked ahead of the record is asked as of now, and says so; a position is the moment at which it was recorded.
func TestBasis(t *testing.T) {
	p := newPast(t)
	p.registers(anna, "2026-01-10T09:00")
	head := p.tell("user-"+anna, "2026-03-07T10:15", "2026-03-07T10:15", notice("n", "2026-03-03"))
	now := moment("2026-11-01T12:00")
	for name, c := range map[string]struct {
		asked           reports.Asked
		known, asOf     time.Time
		position, leafs int64
	}{
		"now":               {reports.Asked{}, now, now, head, head},
		"ahead":             {known("2027-01-01T00:00"), now, now, head, head},
		"position ahead":    {reports.Asked{KnownPosition: 1000}, moment("2026-03-07T10:15"), moment("2026-03-07T10:15"), head, head},
		"position":          {reports.Asked{KnownPosition: 4}, moment("2026-01-10T09:00"), moment("2026-01-10T09:00"), 4, 4},
		"moment":            {known("2026-02-01T00:00"), moment("2026-02-01T00:00"), moment("2026-02-01T00:00"), 6, 6},
		"beside a writer":   {reports.Asked{Settled: moment("2026-03-08T00:00")}, moment("2026-03-08T00:00"), moment("2026-03-08T00:00"), head, head},
		"end of the range":  {reports.Asked{To: moment("2026-02-01T00:00")}, now, moment("2026-02-01T00:00").Add(-time.Microsecond), head, head},
		"before everything": {known("2025-01-01T00:00"), moment("2025-01-01T00:00"), moment("2025-01-01T00:00"), 0, 0},
	} {
		got := p.paper("withdrawals", c.asked).Basis
		if !got.KnownAt.Equal(c.known) || !got.AsOf.Equal(c.asOf) || got.Position != c.position || got.LogSize != c.leafs {
			t.Errorf("%s: %+v", name, got)
		}
		want := "2020-10-27"
		if c.position == 0 {
			want = ""
		}
		if got.TermsVersion != want {
			t.Errorf("%s: terms %q, want %q", name, got.TermsVersion, want)
		}
	}
	if _, err := reports.Gather(t.Context(), p.Journal, reports.Asked{From: now, To: now}); domain.Code(err) != "invalid-request" {
		t.Errorf("an empty range: %v", err)
	}
}

// The root that a paper names is the one that the log signs for the same events.
func TestLogRoot(t *testing.T) {
	p := newPast(t)
	everything(p)
	keys, err := tlog.OpenKeys(filepath.Join(t.TempDir(), "log.key"), tlog.DefaultOrigin)
	if err != nil {
		t.Fatal(err)
	}
	store := new(tlog.Memory)
	follower, err := tlog.NewFollower(t.Context(), tlog.Config{Journal: p.Journal, Store: store, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	if err := follower.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	state, err := store.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := p.paper("withdrawals", reports.Asked{}).Basis
	if want := base64.StdEncoding.EncodeToString(state.Signed.Root[:]); got.LogSize != state.Signed.Size || got.LogRoot != want || got.LogSize == 0 {
		t.Errorf("size %d root %s, the log signed %d %s", got.LogSize, got.LogRoot, state.Signed.Size, want)
	}
	if got.Position <= got.LogSize {
		t.Error("a checkpoint is no leaf, and stands in the journal") // else this test holds nothing of what is not counted
	}
}

// The hash that a paper names is that of its rows in canonical JSON: members by name, no spaces.
func TestRowsHash(t *testing.T) {
	p := newPast(t)
	everything(p)
	for _, r := range reports.All {
		var doc struct {
			Rows   []map[string]any `json:"rows"`
			SHA256 string           `json:"rows_sha256"`
			Count  int              `json:"row_count"`
		}
		if err := json.Unmarshal(write(t, p.paper(r.Name, reports.Asked{}), reports.JSON, "en"), &doc); err != nil {
			t.Fatalf("%s: %v", r.Name, err)
		}
		var b bytes.Buffer
		e := json.NewEncoder(&b) // sorts the members of a map
		e.SetEscapeHTML(false)
		if err := e.Encode(doc.Rows); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(bytes.TrimSpace(b.Bytes()))
		if hex.EncodeToString(sum[:]) != doc.SHA256 || doc.Count != len(doc.Rows) {
			t.Errorf("%s: the rows hash to %x, the paper says %s", r.Name, sum, doc.SHA256)
		}
	}
}

// A range is half-open and selects by the report's own column.
func TestRange(t *testing.T) {
	p := newPast(t)
	p.registers(anna, "2026-01-10T00:00")
	p.registers(berik, "2026-01-11T00:00")
	p.wants("consent-register", reports.Asked{From: moment("2026-01-10T00:00"), To: moment("2026-01-11T00:00")}, "user_id", anna)
	p.wants("consent-register", reports.Asked{From: moment("2026-01-11T00:00")}, "user_id", berik)
	for s, want := range map[string]string{"": "0001-01-01T00:00:00Z", "2026-01-11": "2026-01-10T19:00:00Z", "2026-01-11T00:00:00+05:00": "2026-01-10T19:00:00Z"} {
		if got, err := reports.Edge(s); err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%q is %v (%v), want %s", s, got, err, want)
		}
	}
	for _, s := range []string{"yesterday", "2026-02-30", "2026-01-11T00:00:00"} {
		if _, err := reports.Edge(s); domain.Code(err) != "invalid-request" {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// A bare day that ends a range is inside, to its last moment in Astana; a moment is the first one outside.
func TestLastDayIsInside(t *testing.T) {
	p := newPast(t)
	p.registers(anna, "2026-01-10T23:59")
	p.registers(berik, "2026-01-11T00:00")
	for s, want := range map[string]string{"2026-01-10": "2026-01-10T19:00:00Z", "2024-02-29": "2024-02-29T19:00:00Z", "2024-02-28": "2024-02-28T18:00:00Z",
		"2026-01-11T00:00:00+05:00": "2026-01-10T19:00:00Z", "": "0001-01-01T00:00:00Z"} {
		if got, err := reports.End(s); err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%q is %v (%v), want %s", s, got, err, want)
		}
	}
	end, err := reports.End("2026-01-10")
	if err != nil {
		t.Fatal(err)
	}
	p.wants("consent-register", reports.Asked{To: end}, "user_id", anna)
	if _, err := reports.End("2026-02-30"); domain.Code(err) != "invalid-request" {
		t.Errorf("a day that is not there: %v", err)
	}
}

func TestEveryWordInEveryLanguage(t *testing.T) {
	p := newPast(t)
	for _, r := range reports.All {
		paper := p.paper(r.Name, reports.Asked{})
		for _, language := range reports.Languages {
			lines, err := csv.NewReader(bytes.NewReader(write(t, paper, reports.CSV, language))).ReadAll() // every line has as many fields
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range lines {
				if strings.TrimPrefix(line[0], "# ") == "" {
					t.Errorf("%s in %s: an empty heading in %q", r.Name, language, line)
				}
			}
			heads := slices.DeleteFunc(slices.Clone(lines[len(lines)-1]), func(s string) bool { return s == "" })
			sums := len(slices.DeleteFunc(slices.Clone(r.Columns), func(c reports.Column) bool { return c.Kind != reports.Sum }))
			if slices.Sort(heads); len(heads) != len(r.Columns)+sums+len(r.Codes) || len(slices.Compact(heads)) != len(r.Columns)+sums+len(r.Codes) {
				t.Errorf("%s in %s: headings %q", r.Name, language, heads)
			}
		}
		if r.Title("kk") == r.Title("ru") || r.Title("ru") == r.Title("en") {
			t.Errorf("%s has the same title in two languages", r.Name)
		}
	}
}

// A table hides nothing from a spreadsheet and gives it no formula.
func TestForms(t *testing.T) {
	p := newPast(t)
	p.registers(anna, "2026-01-10T09:00")
	made := consent.DisclosureMade{DisclosureID: "d", Recipient: `=HYPERLINK("http://x"), "Y"`, Country: "KZ", Purpose: advertising, Basis: "+1", Allowed: true, Code: "consent-given"}
	p.tell("user-"+anna, "2026-01-11T09:00", "2026-01-11T09:00", made, subscription.PaymentHeld{OrderID: "o", Provider: "p", TransactionID: "-5",
		PaidAt: moment("2026-01-11T09:00"), Amount: domain.KZT(4990), Reason: "test-mode"})
	text := string(write(t, p.paper("disclosures", reports.Asked{}), reports.CSV, "en"))
	if !strings.Contains(text, `,"'=HYPERLINK(""http://x""), ""Y""",KZ,`) || !strings.Contains(text, ",'+1,true,") || !strings.HasSuffix(text, "\r\n") {
		t.Errorf("the table is\n%s", text)
	}
	if json := string(write(t, p.paper("disclosures", reports.Asked{}), reports.JSON, "en")); !strings.Contains(json, `"recipient":"=HYPERLINK(\"http://x\"), \"Y\""`) {
		t.Errorf("the document is\n%s", json)
	}
	held := p.paper("held-money", reports.Asked{})
	if text := string(write(t, held, reports.CSV, "en")); !strings.Contains(text, "p,'-5,"+anna+",o,4990.00,KZT,test-mode,2026-01-11T09:00:00+05:00,") {
		t.Errorf("the table is\n%s", text)
	}
	book, err := excelize.OpenReader(bytes.NewReader(write(t, held, reports.XLSX, "en")))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	rows, err := book.GetRows("Report")
	if err != nil || len(rows) != 2 || len(rows[1]) < 9 || rows[1][1] != "-5" || rows[1][4] != "4,990.00" || rows[1][5] != "KZT" || rows[1][8] != "2026-01-11 09:00:00" {
		t.Errorf("the sheet is %q (%v)", rows, err)
	}
	if about, err := book.GetRows("About"); err != nil || !slices.ContainsFunc(about, func(l []string) bool { return len(l) == 2 && l[1] == held.SHA256 }) {
		t.Errorf("the sheet about it is %q (%v)", about, err)
	}
}
