package site_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"kelisim/domain"
	"kelisim/domain/site"
)

func publish(change func(*site.PublishDocument)) site.PublishDocument {
	c := site.PublishDocument{ID: "personal-data", Version: "2020-10-27", Language: "kk", Content: "келісім", InForceFrom: from("2020-10-27")}
	if change != nil {
		change(&c)
	}
	return c
}

// P-2.2, P-2.3: what is published stands with its exact bytes, their hash and the purposes that a consent to it covers.
func TestPublish(t *testing.T) {
	agreement := published("personal-data", "2020-10-27", "kk", "2020-10-27", "келісім", "quality-research", "marketing-statistics", "advertising")
	terms := published("terms", "2020-10-27", "kk", "2020-10-27", "ережелер")
	narrow := published("personal-data", "2", "ru", "2026-02-01", "согласие", "quality-research")
	narrow.FullSHA256 = hash("full")
	s := empty(t).
		When(now(), publish(nil)).Then(agreement).
		When(now(), publish(nil)).Nothing().
		When(now(), publish(func(c *site.PublishDocument) { c.ID, c.Content = "terms", "ережелер" })).Then(terms).
		When(now(), publish(func(c *site.PublishDocument) {
			c.Version, c.Language, c.Content, c.InForceFrom = "2", "ru", "согласие", from("2026-02-01")
			c.Purposes, c.FullSHA256 = []string{"quality-research"}, hash("full")
		})).Then(narrow).
		State()
	if got := s.Documents(); len(got) != 3 || got[0].SHA256 != hash("келісім") || string(got[0].Content) != "келісім" {
		t.Errorf("the documents: %+v", got)
	}
	if d, ok := s.Document("personal-data", "2", "ru"); !ok || d.FullSHA256 != hash("full") || !slices.Equal(d.Purposes, []string{"quality-research"}) {
		t.Errorf("a document is found by id, version and language: %+v", d)
	}
	for _, k := range [][3]string{{"personal-data", "2", "kk"}, {"personal-data", "3", "ru"}, {"terms", "2", "ru"}} {
		if _, ok := s.Document(k[0], k[1], k[2]); ok {
			t.Errorf("there is no %v", k)
		}
	}
}

// Decision 10: a version that stands is never changed, in any respect.
func TestPublishedForEver(t *testing.T) {
	for name, change := range map[string]func(*site.PublishDocument){
		"another text":          func(c *site.PublishDocument) { c.Content += " " },
		"in force from another": func(c *site.PublishDocument) { c.InForceFrom = from("2020-10-28") },
		"for other purposes":    func(c *site.PublishDocument) { c.Purposes = []string{"quality-research"} },
		"another full version":  func(c *site.PublishDocument) { c.FullSHA256 = hash("full") },
	} {
		t.Run(name, func(t *testing.T) {
			empty(t).When(now(), publish(nil)).Then(published("personal-data", "2020-10-27", "kk", "2020-10-27", "келісім", site.DefaultPurposes...)).
				When(now(), publish(change)).Refused("document-published")
		})
	}
}

func TestPublishRefused(t *testing.T) {
	for name, change := range map[string]func(*site.PublishDocument){
		"no id":                      func(c *site.PublishDocument) { c.ID = "" },
		"an id of two words":         func(c *site.PublishDocument) { c.ID = "personal data" },
		"no version":                 func(c *site.PublishDocument) { c.Version = "" },
		"a version with a slash":     func(c *site.PublishDocument) { c.Version = "1/2" },
		"a language that is no tag":  func(c *site.PublishDocument) { c.Language = "Kazakh" },
		"no text":                    func(c *site.PublishDocument) { c.Content = "" },
		"too long a text":            func(c *site.PublishDocument) { c.Content = strings.Repeat("x", 512<<10+1) },
		"in force from no moment":    func(c *site.PublishDocument) { c.InForceFrom = site.From{} },
		"a hash that is none":        func(c *site.PublishDocument) { c.FullSHA256 = strings.Repeat("A", 64) },
		"a purpose of two words":     func(c *site.PublishDocument) { c.Purposes = []string{"direct mail"} },
		"terms that cover a purpose": func(c *site.PublishDocument) { c.ID, c.Purposes = "terms", []string{"advertising"} },
	} {
		t.Run(name, func(t *testing.T) { empty(t).When(now(), publish(change)).Refused("invalid-request") })
	}
	empty(t).When(now(), publish(func(c *site.PublishDocument) { c.ID, c.Purposes = "terms", []string{"advertising"} })).Refused("invalid-request", "P-2.3")
	empty(t).When(now(), publish(func(c *site.PublishDocument) { c.Purposes = []string{"direct mail"} })).Refused("invalid-request", "P-2.3")
	longest := publish(func(c *site.PublishDocument) { c.Content = strings.Repeat("x", 512<<10) })
	if _, err := site.Decider.Decide(site.State{}, longest, now()); err != nil {
		t.Errorf("half a mebibyte is taken, not %v", err)
	}
}

// The version in force is the one that began last, language by language; of two that begin together the later one published.
func TestInForce(t *testing.T) {
	s := empty(t).Given(
		published("terms", "2", "kk", "2026-02-01", "b"), published("terms", "1", "kk", "2020-10-27", "a"),
		published("terms", "1", "ru", "2020-10-27", "а"), published("terms", "3", "kk", "2026-03-01", "c"),
		published("terms", "3.1", "kk", "2026-03-01", "d"), published("personal-data", "9", "kk", "2026-02-15", "e")).State()
	for _, c := range []struct{ language, at, want string }{
		{"kk", "2020-10-26", ""}, {"kk", "2020-10-27", "1"}, {"kk", "2026-01-31", "1"}, {"kk", "2026-02-01", "2"},
		{"kk", "2026-02-28", "2"}, {"kk", "2026-03-01", "3.1"}, {"ru", "2026-03-01", "1"}, {"en", "2026-03-01", ""},
	} {
		d, ok := s.InForce("terms", c.language, from(c.at).Time)
		if d.Version != c.want || ok != (c.want != "") {
			t.Errorf("in %s on %s version %q is in force, want %q", c.language, c.at, d.Version, c.want)
		}
	}
	if d, _ := s.InForce("terms", "kk", from("2026-02-01").Add(-1)); d.Version != "1" {
		t.Errorf("until the very moment the old version holds, not %s", d.Version)
	}
}

// What callers write is held to its form before it is looked up.
func TestForms(t *testing.T) {
	sha := hash("x")
	for name, c := range map[string]struct{ got, want bool }{
		"a document":             {site.ValidDocument("terms", "2020-10-27", sha), true},
		"an id of two words":     {site.ValidDocument("the terms", "2020-10-27", sha), false},
		"a version of two words": {site.ValidDocument("terms", "of October", sha), false},
		"a hash in capitals":     {site.ValidDocument("terms", "2020-10-27", strings.ToUpper(sha)), false},
		"a purpose":              {site.ValidPurpose("quality-research"), true},
		"a purpose of two words": {site.ValidPurpose("quality research"), false},
		"no purpose":             {site.ValidPurpose(""), false},
	} {
		if c.got != c.want {
			t.Errorf("%s is of the form: %v", name, c.got)
		}
	}
}

// A moment may be written as an instant or as a day, which begins in Astana.
func TestFrom(t *testing.T) {
	for in, want := range map[string]string{
		`"2026-02-01"`: "2026-01-31T19:00:00Z", `"2024-02-29"`: "2024-02-28T18:00:00Z", `"2026-02-01T00:00:00Z"`: "2026-02-01T00:00:00Z",
		`"2026-02-01T05:00:00+05:00"`: "2026-02-01T00:00:00Z",
	} {
		var f site.From
		if err := json.Unmarshal([]byte(in), &f); err != nil || f.Format(time.RFC3339) != want || f.Location() != time.UTC {
			t.Errorf("%s is %v, want %s (%v)", in, f.Time, want, err)
		}
	}
	for _, in := range []string{`""`, `"tomorrow"`, `"2026-02-30"`, `"2026-02-01 10:00"`, `20260201`, `null`, `{}`, `"2026-02-01T10:00:00"`} {
		f := from("2020-10-27")
		if err := json.Unmarshal([]byte(in), &f); domain.Code(err) != "invalid-request" || f != from("2020-10-27") {
			t.Errorf("%s is refused and leaves the value alone: %v, %v", in, f, err)
		}
	}
}

// FuzzFrom: whatever is read is the moment that it says, and nothing else is taken.
func FuzzFrom(f *testing.F) {
	for _, s := range []string{"2026-02-01", "2026-02-01T10:00:00+05:00", "0000-00-00", "2026-02-01T24:00:00Z", "", "9999-12-31T23:59:59Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var from site.From
		if err := from.UnmarshalText([]byte(s)); err != nil {
			if domain.Code(err) != "invalid-request" || !from.IsZero() {
				t.Errorf("%q: %v, %v", s, from, err)
			}
			return
		}
		again := site.From{}
		if err := again.UnmarshalText([]byte(from.Format(time.RFC3339Nano))); err != nil || !again.Equal(from.Time) {
			t.Errorf("%q reads as %v, which reads back as %v (%v)", s, from, again, err)
		}
	})
}
