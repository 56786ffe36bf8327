// Package demo writes the story of a site that there never was: fictional users over some months, in three languages, with
// everything that can happen to them.
//
// The same options write the same story to the byte (TestSameSeedSameStory). With the built-in terms every line of it is taken, and every
// event that a command can make stands in it (TestEveryEvent).
package demo

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"

	"kelisim/cmd/kelisim/story"
	"kelisim/commands"
	"kelisim/domain"
	"kelisim/domain/calendar"
)

// Name of the story, which the ids of its events derive from: the file to print it to, if it is to be imported.
const Name = "demo.ndjson"

// Options of a demo.
type Options struct {
	Users  int
	Months int
	Seed   uint64
	// Until is when the story ends: nothing is recorded after it. It begins so many months before.
	Until time.Time
}

// Check refuses what no story can be written of.
func (o Options) Check() error {
	switch {
	case o.Users < 1 || o.Users > 100_000:
		return fmt.Errorf("a demo has 1 to 100000 users")
	case o.Months < 1 || o.Months > 60:
		return fmt.Errorf("a demo has 1 to 60 months")
	}
	return nil
}

// Story is the lines, in the order in which they became known.
func Story(o Options) ([][]byte, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	a := newAuthor(o)
	a.site()
	a.cast()
	a.lessons()
	return a.lines()
}

// author gathers entries in any order.
type author struct {
	Options
	*rand.Rand
	begin    time.Time
	raise    time.Time // from when the prices are higher
	users    []*life
	entries  []*entry
	payments int
	letters  int
}

func newAuthor(o Options) *author {
	o.Until = o.Until.UTC().Truncate(time.Second)
	a := &author{Options: o, Rand: rand.New(rand.NewPCG(o.Seed, 2020_10_27))}
	a.begin = calendar.DayOf(o.Until).AddMonths(-o.Months).Start().Add(9 * time.Hour)
	a.raise = calendar.DayOf(o.Until).AddMonths(-o.Months / 3).Start()
	return a
}

// entry is a line to be, with the moment of its record.
type entry struct {
	recorded time.Time
	line     story.Line
	body     any
	about    *entry // whose first event the body is to name, in each of its fields where it has some
	number   int
}

type members = map[string]any

// add notes what happened at a moment, and when it was recorded.
func (a *author) add(at, recorded time.Time, actor, command string, user domain.UserID, body any) *entry {
	e := &entry{recorded: recorded.UTC().Truncate(time.Second), body: body,
		line: story.Line{At: at.UTC().Truncate(time.Second), Actor: actor, Command: command, User: user}}
	a.entries = append(a.entries, e)
	return e
}

// now is add for what is recorded as it happens.
func (a *author) now(at time.Time, actor, command string, user domain.UserID, body any) *entry {
	return a.add(at, at.Add(time.Duration(a.IntN(3))*time.Second), actor, command, user, body)
}

// lines puts the entries in the order of their record and leaves out what would be recorded after the end. What a life leads to stands
// after it in time, so that what is left is whole.
func (a *author) lines() ([][]byte, error) {
	a.entries = slices.DeleteFunc(a.entries, func(e *entry) bool { return !e.recorded.Before(a.Until) })
	slices.SortStableFunc(a.entries, func(x, y *entry) int {
		return cmp.Or(x.recorded.Compare(y.recorded), x.line.At.Compare(y.line.At))
	})
	out := make([][]byte, len(a.entries))
	for i, e := range a.entries {
		e.number = i + 1
		if e.about != nil {
			event := commands.EventID(story.WishID(Name, e.about.number, e.about.line), 0).String()
			named, _ := e.body.(members)["fields"].([]members)
			if named == nil {
				named = []members{e.body.(members)}
			}
			for _, m := range named {
				m["event_id"] = event
			}
		}
		var err error
		if e.line.Body, err = plain(e.body); err != nil {
			return nil, fmt.Errorf("write line %d of the demo: %w", e.number, err)
		}
		e.line.RecordedAt = &e.recorded
		if out[i], err = plain(e.line); err != nil {
			return nil, fmt.Errorf("write line %d of the demo: %w", e.number, err)
		}
	}
	return out, nil
}

// plain is JSON that people can read: without escapes for HTML.
func plain(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// id draws an id.
func (a *author) id() string {
	var u uuid.UUID
	for i := range u {
		u[i] = byte(a.IntN(256))
	}
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return u.String()
}

// one of some things.
func one[T any](a *author, of []T) T { return of[a.IntN(len(of))] }

// chance is true so many times in a hundred.
func (a *author) chance(percent int) bool { return a.IntN(100) < percent }

// evening is a moment of a day so many days later, or earlier, when people study: from 8 in the morning to 11 at night in Astana.
func (a *author) evening(from time.Time, days int) time.Time {
	d := calendar.DayOf(from).AddDays(days)
	t := d.Start().Add(8*time.Hour + time.Duration(a.IntN(15*60*60))*time.Second)
	if days >= 0 && !t.After(from) {
		t = from.Add(time.Minute)
	}
	return t
}

// office is a moment in the office hours of the first working day that comes so many days later.
func (a *author) office(from time.Time, days int) time.Time {
	d := calendar.DayOf(from).AddDays(max(days, 1) - 1)
	d = calendar.AddWorkingDays(d, 1, nil)
	return d.Start().Add(9*time.Hour + time.Duration(a.IntN(8*60*60))*time.Second)
}
