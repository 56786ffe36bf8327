package reports

import (
	"strings"
	"time"

	"kelisim/domain"
	"kelisim/domain/calendar"
	"kelisim/domain/event"
	"kelisim/domain/incident"
	"kelisim/domain/letter"
	"kelisim/domain/payment"
	"kelisim/domain/reads"
	"kelisim/domain/reconciliation"
	"kelisim/domain/site"
	"kelisim/domain/user"
)

// Asked is what a caller wants to know. The range is half-open; a zero end is open. What may be known is a position, else a moment, else
// all that is recorded now; what lies ahead of the record is now.
type Asked struct {
	From, To      time.Time
	KnownAt       time.Time
	KnownPosition int64
	// Keeps are the beginnings of the types of users' events that Gather keeps beside the folds; see Report.
	Keeps []string
	// Kept is what the last asking left, to go on from; nil: nothing.
	Kept *Kept
	// Settled is a moment up to which the record is final, for a reader who knows better than the journal, which says no more than its last
	// event's where it is only read; zero: as the journal says.
	Settled time.Time
}

// Edge reads where a range begins: a moment (RFC 3339), or a day in Astana, which is inside from its start. "" is open.
func Edge(s string) (time.Time, error) { return edge(s, calendar.Day.Start) }

// End reads where a range ends: a moment (RFC 3339), the first one outside, or a day in Astana, which is inside to its end
// (TestLastDayIsInside). "" is open.
func End(s string) (time.Time, error) { return edge(s, calendar.Day.End) }

func edge(s string, of func(calendar.Day) time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := calendar.ParseDay(s); err == nil {
		return of(d), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, domain.Malformed("", "a day such as 2026-01-31 or a moment such as 2026-01-31T10:00:00+05:00 is wanted")
	}
	return t.UTC(), nil
}

// Basis is what a paper rests on.
type Basis struct {
	From, To time.Time // of the range; zero where it is open
	KnownAt  time.Time // what was recorded later is left out
	Position int64     // of the last event that is known; 0 where there is none
	// AsOf is the moment as of which a standing is told: the last one of the range, or KnownAt where that is earlier.
	AsOf         time.Time
	LogSize      int64  // leaves of the Merkle log up to Position
	LogRoot      string // its root at that size, standard base64
	TermsVersion string // in force as of AsOf; "" where none was
}

// Facts are the folds of all that was known.
type Facts struct {
	Basis
	Site      site.State
	Users     []*Person
	Letters   []*Letter
	Incidents []*Incident
	Payments  []*Payment
	Findings  []*Finding
	Looks     []Look
}

// The folds keep the order in which their streams began.
type (
	// Person is one user's stream. Of its events there are those that were to be kept.
	Person struct {
		ID     domain.UserID
		State  user.State
		Events []user.Recorded
		voided bool // an entry was, and the fold is to be made anew
	}
	Letter struct {
		ID string
		letter.State
	}
	Incident struct {
		ID string
		incident.State
	}
	// Payment is a transaction that no user's book could take.
	Payment struct {
		Provider, Transaction string
		payment.State
		AppliedAt time.Time
	}
	// Finding is a place in which a processor's register and the ledger differ, or did.
	Finding struct {
		ID string // of the event that found it
		reconciliation.Found
		FoundAt, ResolvedAt time.Time // zero: it is open
	}
	// Look is one reading of personal data.
	Look struct {
		User domain.UserID
		event.Meta
		reads.PersonalDataRead
	}
)

// happened tells whether something had happened by the moment as of which the paper speaks.
func (b Basis) happened(t time.Time) bool { return !t.IsZero() && !t.After(b.AsOf) }

// dated is a moment that had come by then, else none.
func (b Basis) dated(t time.Time) time.Time {
	if b.happened(t) {
		return t
	}
	return time.Time{}
}

// entry is a recorded event of the user's stream, of a type that is kept.
func (p *Person) entry(id string) user.Recorded {
	for _, e := range p.Events {
		if e.ID.String() == id {
			return e
		}
	}
	return user.Recorded{}
}

// present are the users who had registered by then.
func (f *Facts) present() []*Person {
	var out []*Person
	for _, p := range f.Users {
		if p.State.Account.Exists && f.happened(p.State.Account.Registered.At) {
			out = append(out, p)
		}
	}
	return out
}

// paymentOf is what the stream of a payment is named after. A provider's name may hold hyphens, a transaction's id of one that has such a
// stream does not.
func paymentOf(stream domain.Stream) (provider, transaction string) {
	id := stream.ID()
	i := strings.LastIndexByte(id, '-')
	return id[:max(i, 0)], id[i+1:]
}
