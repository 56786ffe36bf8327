package reports

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"kelisim/commands/journal"
	"kelisim/commands/tlog/tree"
	"kelisim/domain"
	"kelisim/domain/incident"
	"kelisim/domain/letter"
	"kelisim/domain/payment"
	"kelisim/domain/reads"
	"kelisim/domain/reconciliation"
	"kelisim/domain/site"
	"kelisim/domain/user"
)

// Everything keeps all events of all users.
var Everything = []string{""}

// Kept is what one asking leaves to the next, so that several papers asked in a row read once: the folds up to the position that was known, and the
// events that papers so far needed. The next asking goes on from there where it may know as much or more and needs no other events, and begins anew
// where not. The papers are the same either way (TestSameBytesWhateverWasAskedBefore). A paper that needs everything leaves nothing.
//
// It is for one asking at a time, and the facts of one are done with when the next begins. The zero value keeps nothing.
type Kept struct {
	// Most is how many users and other streams it may hold between two askings; what is more is let go.
	Most int

	journal *journal.Journal
	at      *gathering
}

// Gather gathers what the report needs.
func (r Report) Gather(ctx context.Context, j *journal.Journal, a Asked) (*Facts, error) {
	a.Keeps = r.Keeps
	return Gather(ctx, j, a)
}

// Gather reads the journal once, up to what may be known, and folds it; where something is kept, it reads on from there.
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
	known := a.KnownAt.UTC()
	if known.IsZero() || known.After(now) {
		known = now
	}
	if a.KnownPosition > 0 {
		known = time.Time{}
	}
	g := a.Kept.take(j, a.KnownPosition, known, a.Keeps)
	if err := g.read(ctx, j, a.KnownPosition, known); err != nil {
		return nil, err
	}
	a.Kept.leave(j, g)
	f := g.Facts
	f.Basis = Basis{From: a.From.UTC(), To: a.To.UTC(), KnownAt: known, Position: g.Position}
	if a.KnownPosition > 0 {
		if f.KnownAt = g.last; g.last.IsZero() {
			f.KnownAt = now
		}
	}
	root := g.log.Root()
	f.LogSize, f.LogRoot = g.log.Size(), base64.StdEncoding.EncodeToString(root[:])
	f.AsOf = f.KnownAt
	if last := f.To.Add(-time.Microsecond); !f.To.IsZero() && last.Before(f.AsOf) {
		f.AsOf = last
	}
	f.TermsVersion = f.Site.ParametersAt(f.AsOf).TermsVersion
	return &f, nil
}

// take is a gathering to go on from: what was kept, if it knows no more than may be known and has every event that is needed, else an empty one.
func (k *Kept) take(j *journal.Journal, position int64, known time.Time, keeps []string) *gathering {
	if k != nil && k.at != nil && k.journal == j && !slices.Contains(keeps, "") {
		g := k.at
		k.at = nil // a reading that fails half way leaves nothing
		within := position > 0 && g.Position <= position || position == 0 && !g.last.After(known)
		lacks := slices.DeleteFunc(slices.Clone(keeps), g.keep)
		if within && len(lacks) == 0 {
			return g
		}
		keeps = append(lacks, g.keeps...)
	}
	return &gathering{of: map[string]any{}, keeps: keeps}
}

// leave keeps a gathering for the next asking, if it is not too large.
func (k *Kept) leave(j *journal.Journal, g *gathering) {
	if k != nil && len(g.of) <= k.Most && !g.keep("") {
		k.journal, k.at = j, g
	}
}

// gathering is Gather at work: Facts without a basis but for the position.
type gathering struct {
	Facts
	keeps []string
	of    map[string]any // what a stream folds into, and a finding's id
	last  time.Time      // when the last event was recorded
	log   tree.Roll
}

// read goes on to what may be known: a position, or else a moment. It stops at the first record after it.
func (g *gathering) read(ctx context.Context, j *journal.Journal, position int64, known time.Time) error {
	var again []*Person
	for r, err := range j.Store.ReadAll(ctx, g.Position) {
		if err != nil {
			return fmt.Errorf("read the journal: %w", err)
		}
		if position > 0 && r.Position > position || position == 0 && r.RecordedAt.After(known) {
			break
		}
		g.Position, g.last = r.Position, r.RecordedAt
		g.log.Add(tree.Event{ID: r.ID, Stream: r.Stream, Revision: r.Revision, Type: r.Type, Data: r.Data, Meta: r.Meta}) // as the log itself does (TestLogRoot)
		p, err := g.fold(j, r)
		if err != nil {
			return err
		}
		if p != nil && p.voided {
			again = append(again, p)
		}
	}
	for _, p := range again {
		if err := g.refold(ctx, j, p); err != nil {
			return err
		}
	}
	return nil
}

// refold folds a user's stream without what was voided in it.
func (g *gathering) refold(ctx context.Context, j *journal.Journal, p *Person) error {
	if !p.voided {
		return nil
	}
	var all []user.Recorded
	for r, err := range j.Store.ReadStream(ctx, string(domain.UserStream(p.ID)), 0) {
		if err != nil {
			return fmt.Errorf("read a user's stream: %w", err)
		}
		if r.Position > g.Position {
			break
		}
		e, err := j.Decode(r)
		if err != nil {
			return err
		}
		all = append(all, user.Recorded{Meta: e.Meta, Data: e.Data})
	}
	p.State, p.voided = user.Fold(all), false
	return nil
}

// keep tells whether events of a type, or all of a beginning, are kept.
func (g *gathering) keep(kind string) bool {
	return slices.ContainsFunc(g.keeps, func(beginning string) bool { return strings.HasPrefix(kind, beginning) })
}

// fold folds one record, and answers whose book it is in. Bulk activity, markers of time and what the ledger says of itself make no row in any report.
func (g *gathering) fold(j *journal.Journal, r journal.Record) (*Person, error) {
	stream := domain.Stream(r.Stream)
	switch stream.Category() {
	case "user", "site", "letter", "incident", "payment", "reads", "reconciliation":
	default:
		return nil, nil
	}
	e, err := j.Decode(r)
	if err != nil {
		return nil, err
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
	case reconciliation.Found:
		folded(g, e.ID.String(), &g.Findings, func() *Finding { return &Finding{ID: e.ID.String(), Found: data, FoundAt: e.OccurredAt} })
	case reconciliation.FindingResolved:
		if f, ok := g.of[data.FindingID].(*Finding); ok {
			f.ResolvedAt = e.OccurredAt
		}
	case reconciliation.Event: // runs and payouts make no row
	case reads.PersonalDataRead:
		id, _ := stream.User()
		g.Looks = append(g.Looks, Look{id, e.Meta, data})
	default:
		id, _ := stream.User()
		p := folded(g, r.Stream, &g.Users, func() *Person { return &Person{ID: id} })
		if g.keep(r.Type) {
			p.Events = append(p.Events, user.Recorded{Meta: e.Meta, Data: e.Data})
		}
		if p.voided = p.voided || user.Voids(e.Data); !p.voided {
			p.State = user.Evolve(p.State, e.Data, e.Meta)
		}
		return p, nil
	}
	return nil, nil
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
