// Package statistics counts what many persons did, as far as the rules allow it. It stands beside projections/reports, whose papers it makes:
// the same header, the same forms, the same bytes for ever for the same known_at.
//
// There are two kinds. Operational counts are for running the service: they rest on T-1.5 and on nobody's consent. Behaviour statistics
// analyse what persons did, which is a purpose of P-2.3. The reading taken of "a person counts only for the time their consent stood": an act
// counts if the consent to the statistic's purpose stood at the moment of the act, and the processing of the person's data for that purpose is
// still allowed at the asking (P-2.2: what is withdrawn is withdrawn, and to count is to use). The asking is the moment known_at, so that an
// answer stays what it was. An act whose attribution is disputed is nobody's (T-3.6). Removing a person whose consent never stood changes
// no byte of a behaviour statistic (TestNoConsentNoTrace).
//
// A cell of fewer than 5 persons is not shown outside the compliance role, and neither is what would give it away: none of them looks like any
// other number of persons below 5; of a table with totals so much more is left out that each cell left out keeps a wide interval of possible
// values (cells.go, grid.go; TestNothingCanBeSolved). A range selects whole periods, so that no two ranges differ by a part of one. What this
// cannot hold is a comparison of answers for two moments known_at between which few persons acted; nor what a reader knows of how the keys
// hang together. Each key and each pair is guarded for itself: who knows that tests are passed on one content alone finds the same count under
// both, and one of them may be shown.
//
// The consent of the moment of an act, and what was known when, are in the journal alone: the table of activity by days has neither, and
// serves the person's own view. So the journal is read: once for the users (reports.Gather), and once more for the acts, of which nothing is
// kept but counts. Memory grows with the users and with the cells, never with the acts.
package statistics

import (
	"context"
	"slices"
	"strings"

	"kelisim/commands/journal"
	"kelisim/domain"
	"kelisim/projections/reports"
)

// Least is how many persons a cell must have to be shown to everybody who may ask.
const Least = 5

// Statistic is one table. Its title, its description and its words stand in words.go.
type Statistic struct {
	Name string
	// Purpose must be consented to by whoever is counted; "" where the counts are operational.
	Purpose string
	// By are the words that by takes; the first is taken where none is named. Most is how many of them may be named.
	By   []string
	Most int

	columns func(by []string) []reports.Column
	labels  []string // the codes in its rows
	count   func(ctx context.Context, f *facts) ([]reports.Row, error)
}

// All is every statistic.
var All = []Statistic{operations, activeUsers, actions, funnel, retention}

// Lookup finds a statistic; one that is not there is statistics-not-found.
func Lookup(name string) (Statistic, error) {
	i := slices.IndexFunc(All, func(s Statistic) bool { return s.Name == name })
	if i < 0 {
		return Statistic{}, domain.Refuse(domain.NotFound, "statistics-not-found", "there is no such statistic; the list of statistics names them")
	}
	return All[i], nil
}

// Clause is what the statistic rests on.
func (s Statistic) Clause() string {
	if s.Purpose == "" {
		return "T-1.5"
	}
	return "P-2.3"
}

// Titles are the statistic's title in every language of reports.Languages.
func (s Statistic) Titles() map[string]string { return inAll(s.Name) }

// Descriptions say what is counted, in every language of reports.Languages.
func (s Statistic) Descriptions() map[string]string { return inAll(s.Name + ":about") }

func inAll(key string) map[string]string {
	out := map[string]string{}
	for i, language := range reports.Languages {
		out[language] = words[key][i]
	}
	return out
}

// Asked is what a caller wants to know.
type Asked struct {
	reports.Asked
	// By names how the statistic is split; nil: as it is by itself.
	By []string
	// Whole shows cells of fewer persons too: for the compliance role alone.
	Whole bool
}

// ParseBy reads words with commas between them; "" is none.
func ParseBy(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// checked is how the statistic is split; what it cannot be split by is invalid-request.
func (s Statistic) checked(by []string) ([]string, error) {
	if len(by) == 0 {
		return s.By[:1], nil
	}
	for i, w := range by {
		if !slices.Contains(s.By, w) || slices.Contains(by[:i], w) || i >= s.Most {
			return nil, domain.Malformed("?by", "%s is split by at most %d of: %s", s.Name, s.Most, strings.Join(s.By, ", "))
		}
	}
	return by, nil
}

// Make counts. The paper's range is the whole periods that it tells of.
func (s Statistic) Make(ctx context.Context, j *journal.Journal, a Asked) (*reports.Paper, error) {
	by, err := s.checked(a.By)
	if err != nil {
		return nil, err
	}
	f, err := gather(ctx, j, a, by)
	if err != nil {
		return nil, err
	}
	f.ask(s.Purpose)
	rows, err := s.count(ctx, f)
	if err != nil {
		return nil, err
	}
	small := "shown"
	if s.Purpose != "" && !a.Whole {
		small = "suppressed"
	}
	purpose := s.Purpose
	if purpose == "" {
		purpose = "service"
	}
	says := [][2]string{{"by", strings.Join(by, ",")}, {"clause", s.Clause()}, {"purpose", purpose}, {"small_cells", small}}
	labels := slices.Concat([]string{s.Name, purpose, small}, by, s.labels)
	columns := s.columns(by)
	codes := map[string][]string{}
	for _, c := range columns {
		labels = append(labels, c.Key)
		if c.Kind == reports.Text {
			codes[c.Key] = s.labels
		}
	}
	slices.Sort(labels)
	r := reports.Report{
		Name: s.Name, Columns: columns, Words: words, Says: says, Labels: slices.Compact(labels), Codes: codes,
		Make: func(*reports.Facts) []reports.Row { return rows },
	}
	return r.Of(f.Facts)
}

// The purposes that behaviour statistics have (P-2.3 (1) and (2)).
const (
	research  = "quality-research"
	marketing = "marketing-statistics"
)

// use is the act of processing that counting is (P-1.5).
const use = "use"
