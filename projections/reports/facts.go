package reports

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"kelisim/commands/journal"
	"kelisim/commands/tlog/tree"
	"kelisim/domain"
	"kelisim/domain/calendar"
	"kelisim/domain/event"
	"kelisim/domain/incident"
	"kelisim/domain/letter"
	"kelisim/domain/payment"
	"kelisim/domain/reads"
	"kelisim/domain/site"
	"kelisim/domain/user"
)

// Asked is what a caller wants to know. The range is half-open; a zero end is open. What may be known is a position, else a moment, else
// all that is recorded now; what lies ahead of the record is now.
type Asked struct {
	From, To      time.Time
	KnownAt       time.Time
	KnownPosition int64
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
	Looks     []Look
}

// The folds keep the order in which their streams began.
type (
	// Person is one user's stream.
	Person struct {
		ID     domain.UserID
		State  user.State
		Events []user.Recorded
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
	// Look is one reading of personal data.
	Look struct {
		User domain.UserID
		event.Meta
		reads.PersonalDataRead
	}
)

// Gather reads the journal once, up to what may be known, and folds it.
func Gather(ctx context.Context, j *journal.Journal, a Asked) (*Facts, error) {
	if !a.From.IsZero() && !a.To.IsZero() && !a.From.Before(a.To) {
		return nil, domain.Malformed("?to", "the range ends before it begins")
	}
	now := a.Settled.UTC()
	if now.IsZero() {
		var err error
		if now, err = j.Settled(ctx); err != nil {
			return nil, fmt.Errorf("read how far the record is final: %w", err)
		}
	}
	f := &Facts{Basis: Basis{From: a.From.UTC(), To: a.To.UTC(), KnownAt: a.KnownAt.UTC()}}
	if f.KnownAt.IsZero() || f.KnownAt.After(now) {
		f.KnownAt = now
	}
	g := gathering{Facts: f, of: map[string]any{}}
	for r, err := range j.Store.ReadAll(ctx, 0) {
		if err != nil {
			return nil, fmt.Errorf("read the journal: %w", err)
		}
		if a.KnownPosition > 0 && r.Position > a.KnownPosition || a.KnownPosition == 0 && r.RecordedAt.After(f.KnownAt) {
			break
		}
		if a.KnownPosition > 0 {
			f.KnownAt = r.RecordedAt
		}
		f.Position = r.Position
		g.log.Add(tree.Event{ID: r.ID, Stream: r.Stream, Revision: r.Revision, Type: r.Type, Data: r.Data, Meta: r.Meta}) // as the log itself does (TestLogRoot)
		if err := g.take(j, r); err != nil {
			return nil, err
		}
	}
	for _, p := range f.Users {
		p.State = user.Fold(p.Events)
	}
	f.Looks = g.looks
	root := g.log.Root()
	f.LogSize, f.LogRoot = g.log.Size(), base64.StdEncoding.EncodeToString(root[:])
	f.AsOf = f.KnownAt
	if last := f.To.Add(-time.Microsecond); !f.To.IsZero() && last.Before(f.AsOf) {
		f.AsOf = last
	}
	f.TermsVersion = f.Site.ParametersAt(f.AsOf).TermsVersion
	return f, nil
}

// gathering is Gather at work.
type gathering struct {
	*Facts
	of    map[string]any // what a stream folds into
	looks []Look
	log   tree.Roll
}

// take folds one record. Bulk activity, markers of time and what the ledger says of itself make no row in any report.
func (g *gathering) take(j *journal.Journal, r journal.Record) error {
	stream := domain.Stream(r.Stream)
	switch stream.Category() {
	case "user", "site", "letter", "incident", "payment", "reads":
	default:
		return nil
	}
	e, err := j.Decode(r)
	if err != nil {
		return err
	}
	switch data := e.Data.(type) {
	case site.Event:
		g.Site = site.Decider.Evolve(g.Site, data, e.Meta)
	case letter.Event:
		l := folded(g, r.Stream, &g.Letters, func() *Letter { return &Letter{ID: stream.ID()} })
		l.State = letter.Decider.Evolve(l.State, data, e.Meta)
	case incident.Event:
		i := folded(g, r.Stream, &g.Incidents, func() *Incident { return &Incident{ID: stream.ID()} })
		i.State = incident.Decider.Evolve(i.State, data, e.Meta)
	case payment.Event:
		p := folded(g, r.Stream, &g.Payments, func() *Payment {
			provider, transaction := paymentOf(stream)
			return &Payment{Provider: provider, Transaction: transaction}
		})
		p.State = payment.Decider.Evolve(p.State, data, e.Meta)
		if _, applied := data.(payment.Applied); applied {
			p.AppliedAt = e.OccurredAt
		}
	case reads.PersonalDataRead:
		id, _ := stream.User()
		g.looks = append(g.looks, Look{id, e.Meta, data})
	default:
		id, _ := stream.User()
		p := folded(g, r.Stream, &g.Users, func() *Person { return &Person{ID: id} })
		p.Events = append(p.Events, user.Recorded{Meta: e.Meta, Data: e.Data})
	}
	return nil
}

// folded is what a stream folds into, in the list of its kind.
func folded[T any](g *gathering, stream string, all *[]*T, begin func() *T) *T {
	if v, ok := g.of[stream]; ok {
		return v.(*T)
	}
	v := begin()
	g.of[stream] = v
	*all = append(*all, v)
	return v
}

// happened tells whether something had happened by the moment as of which the paper speaks.
func (b Basis) happened(t time.Time) bool { return !t.IsZero() && !t.After(b.AsOf) }

// dated is a moment that had come by then, else none.
func (b Basis) dated(t time.Time) time.Time {
	if b.happened(t) {
		return t
	}
	return time.Time{}
}

// entry is a recorded event of the user's stream.
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
