package reports

import (
	"slices"
	"time"

	"kelisim/domain/consent"
	"kelisim/domain/permission"
	"kelisim/domain/user"
)

// exposure lists what was allowed or disclosed between a notice's effect and the moment at which the ledger learnt of it: a notice that is
// entered late takes effect in the past (P-2.2), and until its entry the ledger answered as if it were not there.
//
// A row of kind allowed is a purpose and the time for which it was answered allowed and is answered withdrawn now; one of kind disclosed is
// a disclosure in such a time.
var exposure = Report{
	Name: "exposure", By: "exposed_from", Keeps: []string{"account.", "consent."}, // what answers about data rest on
	Codes: map[string][]string{"kind": {"allowed", "disclosed"}, "purpose": PurposeCodes},
	Columns: []Column{
		{"user_id", Text}, {"notice_id", Text}, {"received_on", Day}, {"effective_from", Moment}, {"learnt_at", Moment}, {"kind", Text}, {"purpose", Text},
		{"exposed_from", Moment}, {"exposed_until", Moment}, {"disclosure_id", Text}, {"recipient", Text}, {"country", Text}, {"event_id", Text},
	},
	Make: func(f *Facts) (rows []Row) {
		f.notices(func(p *Person, n consent.Notice) {
			at, position, ran := learnt(p, n)
			if !ran || !n.EffectiveFrom.Before(at) {
				return
			}
			before := user.Fold(p.until(position))
			add := func(kind, purpose string, from, until time.Time, d consent.Disclosure) {
				rows = append(rows, Row{
					string(p.ID), n.NoticeID, n.ReceivedOn, n.EffectiveFrom, at, kind, purpose, from, until, d.DisclosureID, d.Recipient, d.Country,
					or(d.Event, n.Event),
				})
			}
			for _, purpose := range purposesOf(p.State.Consent, n) {
				exposed := func(t time.Time) bool {
					now := permission.ProcessingOnly(p.State.Books, f.Site, purpose, "use", t)
					return !now.Allowed && now.Status == consent.Withdrawn && slices.ContainsFunc(p.State.Consent.StandingAt(purpose, t).Notices, func(by *consent.Notice) bool {
						return by.NoticeID == n.NoticeID
					}) && permission.ProcessingOnly(before.Books, f.Site, purpose, "use", t).Allowed
				}
				until := at
				if f.AsOf.Before(until) {
					until = f.AsOf
				}
				for _, s := range spells(n.EffectiveFrom, until, append(before.Consent.Boundaries(), p.boundaries()...), exposed) {
					add("allowed", purpose, s[0], s[1], consent.Disclosure{})
				}
				for _, d := range p.State.Consent.Disclosures {
					if d.Purpose == purpose && f.happened(d.At) && d.At.Before(at) && exposed(d.At) {
						add("disclosed", purpose, d.At, time.Time{}, d)
					}
				}
			}
		})
		return rows
	},
}

// until are the events of the stream before a position.
func (p *Person) until(position int64) []user.Recorded {
	n := slices.IndexFunc(p.Events, func(e user.Recorded) bool { return e.Position >= position })
	if n < 0 {
		n = len(p.Events)
	}
	return p.Events[:n]
}

// boundaries are the moments at which an answer about the person's data can change.
func (p *Person) boundaries() []time.Time {
	out := p.State.Consent.Boundaries()
	for _, b := range p.State.Account.DataBlocks {
		out = append(out, b.Since, b.Until)
	}
	return append(out, p.State.Account.DepersonalisedAt.At, p.State.Account.DestroyedAt.At)
}

// purposesOf are the purposes that a notice can end: those of the consents, as far as it is about them.
func purposesOf(s consent.State, n consent.Notice) []string {
	var out []string
	for _, c := range s.Consents {
		for _, p := range c.Purposes {
			if !slices.Contains(out, p) && (len(n.Purposes) == 0 || slices.Contains(n.Purposes, p)) {
				out = append(out, p)
			}
		}
	}
	slices.Sort(out)
	return out
}

// spells are the unbroken times from one moment to another for which something holds that changes at boundaries alone.
func spells(from, until time.Time, boundaries []time.Time, holds func(time.Time) bool) (out [][2]time.Time) {
	edges := []time.Time{from}
	for _, b := range boundaries {
		if b.After(from) && b.Before(until) {
			edges = append(edges, b)
		}
	}
	slices.SortFunc(edges, time.Time.Compare)
	edges = append(slices.CompactFunc(edges, time.Time.Equal), until)
	for i, at := range edges[:len(edges)-1] {
		if !at.Before(until) || !holds(at) {
			continue
		}
		if n := len(out); n > 0 && out[n-1][1].Equal(at) {
			out[n-1][1] = edges[i+1]
		} else {
			out = append(out, [2]time.Time{at, edges[i+1]})
		}
	}
	return out
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
