package simulation

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"kelisim/domain"
	"kelisim/domain/calendar"
	"kelisim/domain/consent"
	"kelisim/domain/subscription"
	"kelisim/domain/user"
	"kelisim/projections/reports"
)

// Settings are numbers of the terms that take the place of those that held. Its zero value replaces nothing.
type Settings struct {
	trialMonths    *int
	withdrawalDays *int
	withdrawalEdge string
	texts          []string
}

// Names are the settings that can be replaced.
var Names = []string{"trial.months", "withdrawal.days", "withdrawal.edge"}

// Add reads one replacement, such as trial.months=1 (0 to 120 months), withdrawal.days=15 (0 to 365) or withdrawal.edge=end-of-day. A name is
// replaced once: which of two was meant nobody can tell (TestSettings).
func (s *Settings) Add(text string) error {
	name, value, _ := strings.Cut(text, "=")
	if slices.ContainsFunc(s.texts, func(given string) bool { return strings.HasPrefix(given, name+"=") }) {
		return fmt.Errorf("%s is given twice", name)
	}
	var err error
	switch name {
	case "trial.months":
		s.trialMonths, err = number(value, 120)
	case "withdrawal.days":
		s.withdrawalDays, err = number(value, 365)
	case "withdrawal.edge":
		if s.withdrawalEdge = value; value != domain.StartOfDay && value != domain.EndOfDay {
			err = fmt.Errorf("%s or %s is wanted", domain.StartOfDay, domain.EndOfDay)
		}
	default:
		return fmt.Errorf("%q cannot be replaced: what follows from it is not in the record; there are %s", name, strings.Join(Names, ", "))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	s.texts = append(s.texts, text)
	return nil
}

// Any tells whether something is replaced.
func (s Settings) Any() bool { return len(s.texts) > 0 }

func number(text string, most int) (*int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		return nil, fmt.Errorf("a whole number from 0 to %d is wanted", most)
	}
	return &n, nil
}

// differences lists stretches in which an answer would have been another.
var differences = reports.Report{
	Name: "differences", By: "since", Words: words,
	Codes: map[string][]string{"kind": kinds[:2], "purposes": reports.PurposeCodes, "recorded": reports.AnswerCodes, "simulated": reports.AnswerCodes},
	Columns: []reports.Column{
		{Key: "since", Kind: reports.Moment}, {Key: "until", Kind: reports.Moment}, {Key: "kind", Kind: reports.Text}, {Key: "user_id", Kind: reports.Text},
		{Key: "purposes", Kind: reports.List}, {Key: "recorded", Kind: reports.Text}, {Key: "simulated", Kind: reports.Text},
	},
}

// Differences lists, up to until, each stretch in which a user's answer would have been another if the settings had held from the first day. A
// stretch that is not over by then has no end.
func Differences(f *reports.Facts, until time.Time, s Settings) (*reports.Paper, error) {
	if !until.After(f.KnownAt) {
		return nil, domain.Malformed("/until", "the day to look ahead to is not in the future")
	}
	whole := *f
	whole.From, whole.To = time.Time{}, until.UTC()
	r := differences
	r.Says = [][2]string{{"settings", strings.Join(s.texts, " ")}}
	r.Make = func(f *reports.Facts) (rows []reports.Row) {
		for _, p := range f.Users {
			if p.State.Account.Exists {
				rows = append(rows, differ(f, p, user.Fold(s.replaced(p.Events)))...)
			}
		}
		return rows
	}
	return r.Of(&whole)
}

// replaced is a life in which the settings held. Ids stay, so that what was voided stays voided.
func (s Settings) replaced(events []user.Recorded) []user.Recorded {
	out := slices.Clone(events)
	for i, e := range out {
		switch d := e.Data.(type) {
		case subscription.TrialStarted:
			if s.trialMonths != nil {
				d.Months, d.Until = *s.trialMonths, calendar.Chain{Anchor: d.Anchor, Months: *s.trialMonths}.End()
				out[i].Data = d
			}
		case consent.WithdrawalNoticeReceived:
			out[i].Data = s.notice(d)
		}
	}
	if s.trialMonths != nil && *s.trialMonths == 0 {
		out = slices.DeleteFunc(out, func(e user.Recorded) bool { _, trial := e.Data.(subscription.TrialStarted); return trial })
	}
	return out
}

// notice counts a withdrawal's clock with the settings; what is not replaced is read off the clock that ran.
func (s Settings) notice(d consent.WithdrawalNoticeReceived) consent.WithdrawalNoticeReceived {
	if s.withdrawalDays == nil && s.withdrawalEdge == "" {
		return d
	}
	var requested calendar.Day
	if d.RequestedOn != nil {
		requested = *d.RequestedOn
	}
	edge := s.withdrawalEdge
	if edge == "" {
		edge = domain.StartOfDay
		if d.EffectiveFrom.Equal(d.EffectiveOn.End()) {
			edge = domain.EndOfDay
		}
	}
	if s.withdrawalDays == nil { // the day stays, counted or named; only its edge moves
		d.EffectiveFrom = d.EffectiveOn.Start()
		if edge == domain.EndOfDay {
			d.EffectiveFrom = d.EffectiveOn.End()
		}
		return d
	}
	d.EffectiveOn, d.EffectiveFrom, d.RequestedOnTooEarly = calendar.Withdrawal(d.ReceivedOn, requested, *s.withdrawalDays, edge)
	return d
}

// differ walks through both lives of a user.
func differ(f *reports.Facts, p *reports.Person, other user.State) (rows []reports.Row) {
	begin := p.State.Account.Registered.At
	for _, d := range reports.Differ(p.State.Books, other.Books, begin, f.To, reports.AskAccess(f.Site)) {
		rows = append(rows, reports.Row{d.Since, d.Until, "access", string(p.ID), nil, d.One, d.Other})
	}
	together := map[reports.Stretch][]string{} // purposes that differ alike
	var order []reports.Stretch
	for _, purpose := range p.Purposes() {
		for _, d := range reports.Differ(p.State.Books, other.Books, begin, f.To, reports.AskProcessing(f.Site, purpose)) {
			if together[d] == nil {
				order = append(order, d)
			}
			together[d] = append(together[d], purpose)
		}
	}
	for _, d := range order {
		rows = append(rows, reports.Row{d.Since, d.Until, "processing", string(p.ID), together[d], d.One, d.Other})
	}
	return rows
}
