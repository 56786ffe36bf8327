package decidertest_test

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"kelisim/domain"
	"kelisim/domain/decidertest"
	"kelisim/domain/event"
)

// A guest book: the smallest book that has a rule, a refusal and a state that could be shared.
type entry interface{ isEntry() }

type signed struct {
	Name domain.Personal `json:"name" personal:"identity"`
}
type closed struct{}
type stray struct{}

func (signed) isEntry() {}
func (closed) isEntry() {}

type sign struct{ Name domain.Personal }
type book struct {
	Times  []time.Time
	Closed bool
	ByID   map[string]time.Time
}

var entries = []event.Type{event.Of[signed]("guests.signed"), event.Of[closed]("guests.closed")}

func decide(s book, c sign, _ domain.Context) ([]entry, error) {
	switch {
	case s.Closed:
		return nil, domain.Refuse(domain.Conflict, "book-closed", "the book is closed").By("T-1.3")
	case !c.Name.Given():
		return nil, nil
	}
	return []entry{signed(c)}, nil
}

func evolve(s book, e entry, m event.Meta) book {
	switch e.(type) {
	case signed:
		s.Times = append(slices.Clip(s.Times), m.OccurredAt)
		s.ByID = maps.Clone(s.ByID)
		if s.ByID == nil {
			s.ByID = map[string]time.Time{}
		}
		s.ByID[m.ID.String()] = m.OccurredAt
	case closed:
		s.Closed = true
	default:
		panic(fmt.Sprintf("unhandled %T", e))
	}
	return s
}

var guests = domain.Decider[sign, book, entry]{Decide: decide, Evolve: evolve}

func named(s string) signed { return signed{domain.NewPersonal(s)} }

func TestStory(t *testing.T) {
	later := decidertest.Start.Add(48 * time.Hour)
	s := decidertest.New(t, guests).
		Given(named("Aigerim"), named("Berik")).
		When(domain.Context{}, sign{domain.NewPersonal("Dana")}).Then(named("Dana")).
		When(domain.Context{}, sign{}).Nothing().
		At(later).Given(closed{}).
		When(domain.Context{}, sign{domain.NewPersonal("Erlan")}).Refused("book-closed", "T-1.3").
		State()
	if !s.Closed || len(s.Times) != 3 || len(s.ByID) != 3 {
		t.Errorf("the story folds to %+v", s)
	}
	for i, want := range []time.Duration{0, time.Minute, 2 * time.Minute} {
		if got := s.Times[i].Sub(decidertest.Start); got != want {
			t.Errorf("event %d occurs %v after the start, want %v", i, got, want)
		}
	}
	decidertest.Total(t, guests, entries)
}

func TestLateEntryIsRecordedAfterWhatStoodBefore(t *testing.T) {
	var metas []event.Meta
	d := guests
	d.Evolve = func(s book, e entry, m event.Meta) book {
		metas = append(metas, m)
		return evolve(s, e, m)
	}
	earlier, learnt := decidertest.Start.Add(-72*time.Hour), decidertest.Start.Add(96*time.Hour)
	decidertest.New(t, d).
		Given(named("Aigerim")).
		At(earlier).Given(named("Berik")).
		RecordedAt(learnt).Given(named("Dana"))
	if m := metas[1]; !m.OccurredAt.Equal(earlier) || !m.RecordedAt.Equal(decidertest.Start) || !m.Late {
		t.Errorf("late entry: %+v", m)
	}
	if m := metas[2]; !m.RecordedAt.Equal(learnt) || m.Position != 3 || m.Revision != 2 {
		t.Errorf("recorded later: %+v", m)
	}
}

// watcher stands in for a test that may fail.
type watcher struct {
	testing.TB
	said []string
}

func (w *watcher) Helper()                   {}
func (w *watcher) Errorf(f string, a ...any) { w.said = append(w.said, fmt.Sprintf(f, a...)) }
func (w *watcher) Fatalf(f string, a ...any) { w.Errorf(f, a...); runtime.Goexit() }
func (w *watcher) Fatal(a ...any)            { w.said = append(w.said, fmt.Sprint(a...)); runtime.Goexit() }

func complaint(run func(t testing.TB)) string {
	w, done := &watcher{}, make(chan struct{})
	go func() { defer close(done); run(w) }()
	<-done
	return strings.Join(w.said, "\n")
}

func TestComplaints(t *testing.T) {
	type D = domain.Decider[sign, book, entry]
	asked := 0
	sharing := map[string]D{
		"map": {Decide: decide, Evolve: func(s book, e entry, m event.Meta) book {
			if s.ByID == nil {
				s.ByID = map[string]time.Time{}
			}
			s.ByID[m.ID.String()] = m.OccurredAt
			return s
		}},
		"slice": {Decide: decide, Evolve: func(s book, e entry, m event.Meta) book {
			s.Times = append(s.Times, m.OccurredAt)
			return s
		}},
		"moody": {Evolve: evolve, Decide: func(book, sign, domain.Context) ([]entry, error) {
			asked++
			return []entry{named(fmt.Sprint(asked))}, nil
		}},
		"bare":  {Evolve: evolve, Decide: func(book, sign, domain.Context) ([]entry, error) { return nil, fmt.Errorf("no") }},
		"quiet": {Decide: decide, Evolve: func(s book, _ entry, _ event.Meta) book { return s }},
		"fragile": {Decide: decide, Evolve: func(s book, e entry, m event.Meta) book {
			if _, ok := e.(closed); ok {
				return book{Times: []time.Time{s.Times[0]}}
			}
			return evolve(s, e, m)
		}},
	}
	ada := sign{domain.NewPersonal("Ada")}
	for _, c := range []struct {
		name, want string
		run        func(t testing.TB)
	}{
		{"other personal value", "Berik", func(t testing.TB) {
			decidertest.New(t, guests).When(domain.Context{}, ada).Then(named("Berik"))
		}},
		{"other sealed form", `{"k":2}`, func(t testing.TB) {
			one, two := domain.Personal{}, domain.Personal{}
			one.Seal([]byte(`{"k":1}`))
			two.Seal([]byte(`{"k":2}`))
			decidertest.New(t, guests).When(domain.Context{}, sign{one}).Then(signed{two})
		}},
		{"events where none were expected", "other events than expected", func(t testing.TB) {
			decidertest.New(t, guests).When(domain.Context{}, ada).Nothing()
		}},
		{"refused against expectation", "refused: book-closed", func(t testing.TB) {
			decidertest.New(t, guests).Given(closed{}).When(domain.Context{}, ada).Then(named("Ada"))
		}},
		{"not refused", "not refused with book-closed; it made 1 events", func(t testing.TB) {
			decidertest.New(t, guests).When(domain.Context{}, ada).Refused("book-closed")
		}},
		{"other code", "want book-full", func(t testing.TB) {
			decidertest.New(t, guests).Given(closed{}).When(domain.Context{}, ada).Refused("book-full")
		}},
		{"other clause", `by clause "T-1.3", want "T-3.8"`, func(t testing.TB) {
			decidertest.New(t, guests).Given(closed{}).When(domain.Context{}, ada).Refused("book-closed", "T-3.8")
		}},
		{"not a refusal of ours", "a rule answers with a *domain.Error", func(t testing.TB) {
			decidertest.New(t, sharing["bare"]).When(domain.Context{}, ada).Refused("no")
		}},
		{"Decide with a will of its own", "differently the second time", func(t testing.TB) {
			decidertest.New(t, sharing["moody"]).When(domain.Context{}, ada)
		}},
		{"shared map", "Evolve changed a state that it was given", func(t testing.TB) {
			decidertest.New(t, sharing["map"]).Given(named("a"), named("b")).When(domain.Context{}, ada)
		}},
		{"shared slice", "Evolve left something shared|Evolve changed a state", func(t testing.TB) {
			decidertest.New(t, sharing["slice"]).Given(named("a"), named("b"), named("c"), named("d")).When(domain.Context{}, ada)
		}},
		{"recorded time runs backwards", "may not run backwards", func(t testing.TB) {
			decidertest.New(t, guests).Given(named("a")).RecordedAt(decidertest.Start.Add(-time.Hour))
		}},
		{"no event declared", "declares no events", func(t testing.TB) { decidertest.Total(t, guests, nil) }},
		{"a stray event", "decidertest_test.stray is not a decidertest_test.entry", func(t testing.TB) {
			decidertest.Total(t, guests, append(slices.Clip(entries), event.Of[stray]("guests.strayed")))
		}},
		{"a pointer", "declared as a pointer", func(t testing.TB) {
			decidertest.Total(t, guests, append(slices.Clip(entries), event.Of[*closed]("guests.shut")))
		}},
		{"another book's name", "hosts.signed stands in the table of guests", func(t testing.TB) {
			decidertest.Total(t, guests, append(slices.Clip(entries), event.Of[closed]("hosts.signed")))
		}},
		{"no default case", "must panic with \"unhandled", func(t testing.TB) { decidertest.Total(t, sharing["quiet"], entries) }},
		{"a shared map, without a story", "lets two states share", func(t testing.TB) { decidertest.Total(t, sharing["map"], entries) }},
		{"a shared slice, without a story", "lets two states share", func(t testing.TB) { decidertest.Total(t, sharing["slice"], entries) }},
		{"a panic of its own", "Evolve of an empty decidertest_test.closed panics", func(t testing.TB) {
			decidertest.Total(t, sharing["fragile"], entries)
		}},
	} {
		got := complaint(c.run)
		heard := slices.ContainsFunc(strings.Split(c.want, "|"), func(w string) bool { return strings.Contains(got, w) })
		if !heard {
			t.Errorf("%s: said %q, want %q", c.name, got, c.want)
		}
	}
}
