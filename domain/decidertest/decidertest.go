// Package decidertest states a book's rules as Given, When, Then, and holds every book to the
// house's conventions for a Decider:
//
//   - Evolve has a case for each declared event, and its default case panics with a message that
//     begins with "unhandled": an event without a case is a mistake of ours, never of a caller. See Total.
//   - Evolve never changes the state that it was given, and leaves nothing shared that a later fold
//     could overwrite. Every When checks it on the events of its own story.
//   - Decide depends on its arguments alone. Every When asks twice and compares.
package decidertest

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"kelisim/domain"
	"kelisim/domain/event"
)

// Start is when a story's first event occurs unless At says otherwise: 11:00 in Astana on 12 January 2026.
var Start = time.Date(2026, 1, 12, 6, 0, 0, 0, time.UTC)

// EventID is the id of the i-th event (from 0) of any story, for answers that name events.
func EventID(i int) uuid.UUID {
	return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "event %d", i))
}

// Parameters are the numbers of the terms of 2020-10-27, which a Context gets where it names no terms version.
func Parameters() domain.Parameters {
	return domain.Parameters{
		TermsVersion: "2020-10-27", TrialMonths: 3, Periods: []int{1, 3, 6, 12},
		WithdrawalDays: 10, WithdrawalEdge: domain.StartOfDay, Fine: domain.KZT(50_000), OrderHours: 24,
		SupportFrom: 9, SupportUntil: 18, SupportHours: 9,
	}
}

// Story is a stream in the making: what is given, and the state that it folds to.
type Story[C, S, E any] struct {
	t        testing.TB
	decider  domain.Decider[C, S, E]
	events   []E
	metas    []event.Meta
	states   []S       // states[i] is the fold of the first i events
	occurs   time.Time // when the next event occurs
	recorded time.Time // when it is recorded; zero: as it occurs, or with the last one if that is later
}

// New begins a story with nothing in it.
func New[C, S, E any](t testing.TB, decider domain.Decider[C, S, E]) *Story[C, S, E] {
	var empty S
	return &Story[C, S, E]{t: t, decider: decider, states: []S{empty}, occurs: Start}
}

// At sets when the next given event occurs; those after it follow a minute apart. An event before
// one already given is a late entry: it is recorded with the last one.
func (s *Story[C, S, E]) At(occurs time.Time) *Story[C, S, E] {
	s.occurs, s.recorded = occurs.UTC(), time.Time{}
	return s
}

// RecordedAt sets when the ledger learns of the events given next, where it is not when they occur.
func (s *Story[C, S, E]) RecordedAt(at time.Time) *Story[C, S, E] {
	s.t.Helper()
	if at.Before(s.lastRecorded()) {
		s.t.Fatalf("recorded time may not run backwards: %v is before %v", at, s.lastRecorded())
	}
	s.recorded = at.UTC()
	return s
}

// Given adds what happened.
func (s *Story[C, S, E]) Given(events ...E) *Story[C, S, E] {
	s.t.Helper()
	for _, e := range events {
		recorded := s.recorded
		if recorded.IsZero() {
			recorded = latest(s.occurs, s.lastRecorded())
		}
		s.add(e, s.occurs, recorded, event.Actor{Kind: "service", ID: "site"}, uuid.UUID{})
		s.occurs = s.occurs.Add(time.Minute)
	}
	return s
}

func (s *Story[C, S, E]) add(e E, occurred, recorded time.Time, actor event.Actor, command uuid.UUID) {
	s.t.Helper()
	i := len(s.events)
	if command == uuid.Nil {
		command = uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "given %d", i))
	}
	m := event.Meta{
		ID: EventID(i), Stream: "story-1", Revision: int64(i), Position: int64(i) + 1, Version: 1,
		OccurredAt: occurred, RecordedAt: recorded, Late: recorded.Sub(occurred) > 5*time.Minute,
		Actor: actor, CommandID: command, TermsVersion: Parameters().TermsVersion,
	}
	s.events, s.metas = append(s.events, e), append(s.metas, m)
	s.states = append(s.states, s.decider.Evolve(s.states[i], e, m))
}

func (s *Story[C, S, E]) lastRecorded() time.Time {
	if len(s.metas) == 0 {
		return time.Time{}
	}
	return s.metas[len(s.metas)-1].RecordedAt
}

// State is what everything given so far folds to.
func (s *Story[C, S, E]) State() S { return s.states[len(s.states)-1] }

// Outcome is what came of a command.
type Outcome[C, S, E any] struct {
	story  *Story[C, S, E]
	ctx    domain.Context
	events []E
	err    error
}

// When wishes. What ctx leaves out is filled in: OccurredAt is where the story stands, Now is the later of
// that and the last recorded time, the actor is a service, the parameters are Parameters, and the command
// id is the same in every run.
func (s *Story[C, S, E]) When(ctx domain.Context, command C) *Outcome[C, S, E] {
	s.t.Helper()
	if ctx.OccurredAt.IsZero() {
		ctx.OccurredAt = s.occurs
	}
	if ctx.Now.IsZero() {
		ctx.Now = latest(ctx.OccurredAt, latest(s.recorded, s.lastRecorded()))
	}
	if ctx.Actor == (event.Actor{}) {
		ctx.Actor = event.Actor{Kind: "service", ID: "site"}
	}
	if ctx.Command == uuid.Nil {
		ctx.Command = uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "command after %d", len(s.events)))
	}
	if ctx.Parameters.TermsVersion == "" {
		ctx.Parameters = Parameters()
	}
	events, err := s.decider.Decide(s.State(), command, ctx)
	again, errAgain := s.decider.Decide(s.State(), command, ctx)
	if d := diff(events, again); d != "" || domain.Code(err) != domain.Code(errAgain) {
		s.t.Errorf("Decide answered %T differently the second time (%v, then %v):\n%s", command, err, errAgain, d)
	}
	s.unchanged()
	return &Outcome[C, S, E]{story: s, ctx: ctx, events: events, err: err}
}

// unchanged folds the story anew and compares each state on the way with the one kept from the first
// time. Before that each event is folded once more under another envelope, which shows a slice or a map
// that two states share.
func (s *Story[C, S, E]) unchanged() {
	s.t.Helper()
	for i, e := range s.events {
		other := s.metas[i]
		other.ID, other.OccurredAt = uuid.Nil, other.OccurredAt.Add(-time.Second)
		s.decider.Evolve(s.states[i], e, other)
	}
	var fresh S
	for i, e := range s.events {
		if d := diff(fresh, s.states[i]); d != "" {
			s.t.Fatalf("Evolve changed a state that it was given (before event %d, %T):\n%s", i, e, d)
		}
		fresh = s.decider.Evolve(fresh, e, s.metas[i])
	}
	if d := diff(fresh, s.State()); d != "" {
		s.t.Fatalf("Evolve left something shared in the state after event %d:\n%s", len(s.events)-1, d)
	}
}

// Then expects exactly these events. They join the story, which may go on.
func (o *Outcome[C, S, E]) Then(want ...E) *Story[C, S, E] {
	s := o.story
	s.t.Helper()
	if o.err != nil {
		s.t.Fatalf("refused: %v", o.err)
	}
	if d := diff(want, o.events); d != "" && len(want)+len(o.events) > 0 {
		s.t.Fatalf("other events than expected (-want +got):\n%s", d)
	}
	for _, e := range o.events {
		s.add(e, o.ctx.OccurredAt, latest(o.ctx.Now, s.lastRecorded()), o.ctx.Actor, o.ctx.Command)
	}
	s.occurs, s.recorded = latest(s.occurs, o.ctx.OccurredAt.Add(time.Minute)), time.Time{}
	return s
}

// Nothing expects that nothing needs to happen: no event, and no refusal.
func (o *Outcome[C, S, E]) Nothing() *Story[C, S, E] {
	o.story.t.Helper()
	return o.Then()
}

// Refused expects a refusal with this code and, where one is given, this clause.
func (o *Outcome[C, S, E]) Refused(code string, clause ...string) *Story[C, S, E] {
	s := o.story
	s.t.Helper()
	var refusal *domain.Error
	switch {
	case o.err == nil:
		s.t.Fatalf("not refused with %s; it made %d events:\n%s", code, len(o.events), diff([]E(nil), o.events))
	case !errors.As(o.err, &refusal):
		s.t.Fatalf("a rule answers with a *domain.Error; this is %T: %v", o.err, o.err)
	case refusal.Code != code:
		s.t.Fatalf("refused with %s (%s), want %s", refusal.Code, refusal.Detail, code)
	case len(clause) > 0 && refusal.Clause != clause[0]:
		s.t.Fatalf("%s is refused by clause %q, want %q", code, refusal.Clause, clause[0])
	case refusal.Kind == 0 || refusal.Detail == "":
		s.t.Fatalf("%s lacks a kind or a detail", code)
	case len(o.events) > 0:
		s.t.Fatalf("%s is refused and still makes %d events", code, len(o.events))
	}
	return s
}

// Total checks the table of a book: each declared event is of the book's sealed kind, is a value and not
// a pointer, bears the book's name, and has a case in Evolve that stands an event with nothing in it; what
// is not declared panics with "unhandled".
func Total[C, S, E any](t testing.TB, decider domain.Decider[C, S, E], events []event.Type) {
	t.Helper()
	if len(events) == 0 {
		t.Fatal("the book declares no events")
	}
	book, _, _ := strings.Cut(events[0].Name(), ".")
	for _, declared := range events {
		if b, _, _ := strings.Cut(declared.Name(), "."); b != book {
			t.Errorf("%s stands in the table of %s", declared.Name(), book)
		}
		if declared.GoType().Kind() == reflect.Pointer {
			t.Errorf("%s is declared as a pointer: events are values", declared.Name())
			continue
		}
		e, ok := declared.Zero().(E)
		if !ok {
			t.Errorf("%v is not a %v", declared.GoType(), reflect.TypeFor[E]())
			continue
		}
		if p := evolve(decider, e); p != nil {
			t.Errorf("Evolve of an empty %v panics: %v", declared.GoType(), p)
			continue
		}
		if d := shared(decider, e); d != "" {
			t.Errorf("Evolve of %v lets two states share what one of them changes:\n%s", declared.GoType(), d)
		}
	}
	var undeclared E
	if p := evolve(decider, undeclared); !strings.HasPrefix(fmt.Sprint(p), "unhandled") {
		t.Errorf("Evolve of an undeclared event must panic with \"unhandled …\"; it answered %v", p)
	}
}

func evolve[C, S, E any](d domain.Decider[C, S, E], e E) (panicked any) {
	defer func() { panicked = recover() }()
	fold(d, e, 0)
	return nil
}

// fold folds the event so often, each time under the envelope of another index.
func fold[C, S, E any](d domain.Decider[C, S, E], e E, indexes ...int) (state S) {
	for _, i := range indexes {
		at := Start.Add(time.Duration(i) * time.Minute)
		state = d.Evolve(state, e, event.Meta{ID: EventID(i), Revision: int64(i), Position: int64(i) + 1, OccurredAt: at, RecordedAt: at})
	}
	return state
}

// shared folds an event into one state twice, as two readers of a cached fold would, and tells how that changed the
// state or what the first reader got. Three events come before it, so that a slice has room to grow in place.
func shared[C, S, E any](d domain.Decider[C, S, E], e E) string {
	before := fold(d, e, 0, 1, 2)
	meta := event.Meta{ID: EventID(3), Revision: 3, Position: 4, OccurredAt: Start.Add(3 * time.Minute), RecordedAt: Start.Add(3 * time.Minute)}
	first := d.Evolve(before, e, meta)
	meta.ID, meta.OccurredAt = EventID(4), Start
	d.Evolve(before, e, meta)
	return diff(fold(d, e, 0, 1, 2), before) + diff(fold(d, e, 0, 1, 2, 3), first)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// diff compares by what is stored: unexported fields count, and a personal value is what it holds.
func diff(want, got any) string {
	return cmp.Diff(want, got,
		cmp.Exporter(func(reflect.Type) bool { return true }),
		cmp.Transformer("Personal", func(p domain.Personal) personal {
			plain, _ := p.Plain()
			return personal{plain, string(p.Sealed())}
		}))
}

type personal struct{ Plain, Sealed string }
