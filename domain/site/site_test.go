package site_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"kelisim/domain"
	"kelisim/domain/calendar"
	"kelisim/domain/decidertest"
	"kelisim/domain/site"
)

const (
	one = "5f0c1b1e-7c5b-4a3e-9a60-0d1f2a3b4c5d"
	two = "0b0e5a52-5a0b-4f0e-8f5e-0a4b6a1f7e11"
)

var (
	start = decidertest.Start // Monday 12 January 2026, 11:00 in Astana
	text  = domain.NewPersonal
)

type story = decidertest.Story[site.Command, site.State, site.Event]

// decider is the book's, which also holds the kind of a refusal, from which a caller gets a status, against its code.
func decider(t testing.TB) domain.Decider[site.Command, site.State, site.Event] {
	d := site.Decider
	d.Decide = func(s site.State, c site.Command, in domain.Context) ([]site.Event, error) {
		events, err := site.Decider.Decide(s, c, in)
		var refusal *domain.Error
		if errors.As(err, &refusal) {
			want := domain.Conflict
			switch {
			case slices.Contains([]string{"invalid-request", "period-not-offered"}, refusal.Code):
				want = domain.Invalid
			case strings.HasSuffix(refusal.Code, "-not-found"):
				want = domain.NotFound
			}
			if refusal.Kind != want {
				t.Errorf("%s is of kind %d, want %d", refusal.Code, refusal.Kind, want)
			}
		}
		return events, err
	}
	return d
}

func empty(t *testing.T) *story { return decidertest.New(t, decider(t)) }

func from(s string) site.From {
	d, err := calendar.ParseDay(s)
	if err != nil {
		panic(err)
	}
	return site.From{Time: d.Start()}
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func published(id, version, language, since, content string, purposes ...string) site.DocumentPublished {
	return site.DocumentPublished{ID: id, Version: version, Language: language, SHA256: hash(content), Content: []byte(content),
		InForceFrom: from(since).Time, Purposes: purposes}
}

func now() domain.Context { return domain.Context{OccurredAt: start.Add(time.Hour)} }

func TestTotal(t *testing.T) { decidertest.Total(t, site.Decider, site.Events) }
