// Package reports writes the papers that officers, approvers and auditors ask for: registers, boards and lists over all users.
//
// A report is a pure function of the events recorded up to a position: Gather reads the journal once, folds every stream, and a
// Report makes rows of what it finds. So the same call with the same known_at gives the same bytes for ever, whatever was recorded since
// (TestSameBytesForEver). Each paper says what it rests on: the range, the moment and position up to which the record was known, the size and
// root of the Merkle log at that position, the version of the terms, and the hash of its own rows.
//
// No personal value is opened here. What Gather holds grows with the number of users: their folds, and of their events those that the report
// asks for. It is meant for a ledger whose folds fit into memory, and says nothing about one that is larger. Kept lets several papers in a row
// go on from what the one before had read.
package reports

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"kelisim/domain"
	"kelisim/domain/calendar"
)

// Report is one paper. Its title and its columns' headings stand in words.go.
type Report struct {
	Name string // "consent-register"
	// By is the key of the column that a range selects by and that rows are ordered by, a moment or a day; "" where Make does both.
	By      string
	Columns []Column
	// Make lists the rows, each with a value for every column, in an order that depends on nothing but the facts.
	Make func(*Facts) []Row
	// Keeps are the beginnings of the types of users' events that Make reads beside the folds, such as "consent."; what is not named is folded
	// and let go (TestReportsSayWhatTheyNeed). Everything is all.
	Keeps []string
	// Codes are the codes that a column can hold, by its key. Rows keep them, and JSON explains them in every language; the other forms show their words.
	// Whatever else stands in the column is free, and shown as it is (TestEveryCodeInEveryLanguage).
	Codes map[string][]string

	// What a paper of another package brings along: words of its own, in the order of Languages; what it says of itself beside its basis, as
	// pairs of a key and a text; and the codes in that text, with commas between them.
	Words  map[string][3]string
	Says   [][2]string
	Labels []string
}

// All is every report.
var All = []Report{
	consentRegister, withdrawals, refusals, exposure, obligationsDuringNotice, deadlines, unmatchedLetters, oldDocuments,
	disclosures, readAudit, incidents, segregation, heldMoney, duplicates, openFindings, paidWhileBlocked, subscriptions, recurring, cohorts, retold,
}

// Lookup finds a report; one that is not there is report-not-found.
func Lookup(name string) (Report, error) {
	i := slices.IndexFunc(All, func(r Report) bool { return r.Name == name })
	if i < 0 {
		return Report{}, domain.Refuse(domain.NotFound, "report-not-found", "there is no such report; the list of reports names them")
	}
	return All[i], nil
}

// Paper is a report as made of facts: what is written in any of the forms.
type Paper struct {
	Report
	Basis
	Rows   []Row
	SHA256 string // of the rows' canonical JSON (RFC 8785), hex
}

// Of makes the paper of facts.
func (r Report) Of(f *Facts) (*Paper, error) {
	p := &Paper{Report: r, Basis: f.Basis, Rows: []Row{}}
	by := slices.IndexFunc(r.Columns, func(c Column) bool { return c.Key == r.By })
	for _, row := range r.Make(f) {
		row, err := settled(row, r.Columns)
		if err != nil {
			return nil, fmt.Errorf("make %s: %w", r.Name, err)
		}
		if by < 0 || f.selects(row[by]) {
			p.Rows = append(p.Rows, row)
		}
	}
	if by >= 0 {
		slices.SortStableFunc(p.Rows, func(a, b Row) int { return compare(a[by], b[by]) })
	}
	p.SHA256 = digest(p.Rows, r.Columns)
	return p, nil
}

// selects tells whether the range holds a moment or the beginning of a day; what has none is in every range.
func (b Basis) selects(v any) bool {
	t, ok := instant(v)
	return !ok || !t.Before(b.From) && (b.To.IsZero() || t.Before(b.To))
}

func compare(a, b any) int {
	x, ok := instant(a)
	y, also := instant(b)
	if !ok || !also {
		return cmp.Compare(rank(ok), rank(also))
	}
	return x.Compare(y)
}

// rank puts rows without a moment after all others.
func rank(has bool) int {
	if has {
		return 0
	}
	return 1
}

func instant(v any) (time.Time, bool) {
	switch v := v.(type) {
	case time.Time:
		return v, true
	case calendar.Day:
		return v.Start(), true
	}
	return time.Time{}, false
}
