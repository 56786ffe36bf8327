package site_test

import (
	"testing"
	"time"

	"kelisim/domain"
	"kelisim/domain/decidertest"
	"kelisim/domain/site"
)

// T-1.3: use may be restricted for all or for a category, by where the user is and by language: fields must all match, any value
// of a field will do.
func TestCategory(t *testing.T) {
	places, tongues := []string{"KZ-71", "RU"}, []string{"ru", "en"}
	for _, c := range []struct {
		name               string
		category           site.Category
		location, language string
		meets              bool
	}{
		{"all", site.Category{All: true}, "", "", true},
		{"nobody", site.Category{}, "KZ-71", "ru", false},
		{"a place", site.Category{Locations: places}, "RU", "kk", true},
		{"another place", site.Category{Locations: places}, "KZ-75", "ru", false},
		{"no place known", site.Category{Locations: places}, "", "ru", false},
		{"a language", site.Category{Languages: tongues}, "KZ-75", "en", true},
		{"another language", site.Category{Languages: tongues}, "RU", "kk", false},
		{"no language known", site.Category{Languages: tongues}, "RU", "", false},
		{"both", site.Category{Locations: places, Languages: tongues}, "KZ-71", "en", true},
		{"the place alone", site.Category{Locations: places, Languages: tongues}, "KZ-71", "kk", false},
		{"the language alone", site.Category{Locations: places, Languages: tongues}, "KZ-75", "ru", false},
		{"a country meets its regions", site.Category{Locations: []string{"KZ"}}, "KZ-71", "", true},
		{"a region does not meet its country", site.Category{Locations: []string{"KZ-71"}}, "KZ", "", false},
		{"a code is not a beginning", site.Category{Locations: []string{"KZ"}}, "KZA", "", false},
		{"a language meets its variants", site.Category{Languages: []string{"en"}}, "", "en-GB", true},
		{"capitals do not matter", site.Category{Locations: []string{"kz"}}, "KZ-71", "", true},
	} {
		if got := c.category.Meets(c.location, c.language); got != c.meets {
			t.Errorf("%s: a user at %q in %q is met: %v", c.name, c.location, c.language, got)
		}
	}
}

// T-1.3: a restriction stands from its moment until it is lifted.
func TestRestrictions(t *testing.T) {
	hour := func(h int) domain.Context { return domain.Context{OccurredAt: start.Add(time.Duration(h) * time.Hour)} }
	imposed := site.RestrictionImposed{RestrictionID: one, Category: site.Category{Languages: []string{"en"}}, Reason: text("no licence")}
	lifted := site.RestrictionLifted{RestrictionID: one, Reason: text("licence bought")}
	all := site.RestrictionImposed{RestrictionID: two, Category: site.Category{All: true}}
	s := empty(t).
		When(hour(2), site.ImposeRestriction(imposed)).Then(imposed).
		When(hour(3), site.ImposeRestriction(imposed)).Refused("restriction-exists").
		When(hour(3), site.ImposeRestriction(all)).Then(all).
		When(hour(1), site.LiftRestriction(lifted)).Refused("invalid-request").
		When(hour(5), site.LiftRestriction(lifted)).Then(lifted).
		When(hour(6), site.LiftRestriction(lifted)).Refused("restriction-lifted", "T-1.3").
		When(hour(6), site.LiftRestriction{RestrictionID: decidertest.EventID(9).String()}).Refused("restriction-not-found").
		State()
	for h, want := range []int{0, 0, 1, 2, 2, 1, 1} {
		if got := s.Matching("", "en", hour(h).OccurredAt); len(got) != want {
			t.Errorf("at hour %d %d restrictions meet, want %d", h, len(got), want)
		}
	}
	if got := s.Matching("", "kk", hour(4).OccurredAt); len(got) != 1 || got[0].ID != two || got[0].Since != hour(3).OccurredAt || got[0].Event != decidertest.EventID(1).String() {
		t.Errorf("what meets is named with its event: %+v", got)
	}
	if got := s.Matching("", "en", hour(5).OccurredAt.Add(-1)); len(got) != 2 {
		t.Errorf("until the very moment it stands: %+v", got)
	}
	if r := s.Restrictions(); len(r) != 2 || r[0].Until != hour(5).OccurredAt || !r[1].Until.IsZero() {
		t.Errorf("the restrictions: %+v", r)
	}
}

func TestRestrictionRefused(t *testing.T) {
	for name, c := range map[string]site.ImposeRestriction{
		"of nobody":              {},
		"of all and of some":     {Category: site.Category{All: true, Languages: []string{"en"}}},
		"of all and of a place":  {Category: site.Category{All: true, Locations: []string{"KZ"}}},
		"a place in words":       {Category: site.Category{Locations: []string{"KZ", "near Astana"}}},
		"a language in words":    {Category: site.Category{Languages: []string{"en", "Russian"}}},
		"an id that is no id":    {RestrictionID: "licence", Category: site.Category{All: true}},
		"a place that is a void": {Category: site.Category{Locations: []string{""}}},
	} {
		t.Run(name, func(t *testing.T) { empty(t).When(now(), c).Refused("invalid-request") })
	}
	some := site.Category{Locations: []string{"KZ-71", "RU"}, Languages: []string{"ru", "en-GB"}}
	empty(t).When(now(), site.ImposeRestriction{RestrictionID: one, Category: some}).Then(site.RestrictionImposed{RestrictionID: one, Category: some})
	in := domain.Context{OccurredAt: start, Command: [16]byte{7}}
	empty(t).When(in, site.ImposeRestriction{Category: site.Category{All: true}}).
		Then(site.RestrictionImposed{RestrictionID: in.ID("restriction"), Category: site.Category{All: true}})
}
