package reads_test

import (
	"strings"
	"testing"

	"kelisim/domain"
	"kelisim/domain/decidertest"
	"kelisim/domain/event"
	"kelisim/domain/reads"
)

func story(t *testing.T) *decidertest.Story[reads.Command, reads.State, reads.Event] {
	return decidertest.New(t, reads.Decider)
}

func TestTotal(t *testing.T) { decidertest.Total(t, reads.Decider, reads.Events) }

var (
	officer = domain.Context{Actor: event.Actor{Kind: "officer", ID: "officer-1"}}
	subject = domain.Context{Actor: event.Actor{Kind: "subject", ID: "5f0c1b1e-7c5b-4a3e-9a60-0d1f2a3b4c5d"}}
	look    = reads.Read{Fields: []string{"iin", "contacts.email"}, Purpose: domain.NewPersonal("identity check"), Route: "/v1/users/{id}/personal-data"}
)

// P-2.4: who, what, why and how are on record.
func TestReadIsRecorded(t *testing.T) {
	own := reads.Read{Fields: []string{"iin"}, Route: "bundle"}
	s := story(t).
		When(officer, look).Then(reads.PersonalDataRead(look)).
		When(subject, own).Then(reads.PersonalDataRead(own)).
		State()
	if len(s.Looks) != 2 || s.Looks[0].By != officer.Actor || s.Looks[1].By != subject.Actor ||
		!s.Looks[0].At.Equal(decidertest.Start) || s.Looks[1].Event != decidertest.EventID(1).String() {
		t.Errorf("the looks are %+v", s.Looks)
	}
}

// many are n different names of fields.
func many(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = strings.Repeat("a", i/26+1) + string(rune('a'+i%26))
	}
	return out
}

func TestReadIsRefused(t *testing.T) {
	for name, change := range map[string]func(*reads.Read){
		"an officer without a purpose": func(r *reads.Read) { r.Purpose = domain.Personal{} },
		"no field":                     func(r *reads.Read) { r.Fields = nil },
		"too many fields":              func(r *reads.Read) { r.Fields = many(65) },
		"a field twice":                func(r *reads.Read) { r.Fields = []string{"iin", "iin"} },
		"a value for a field":          func(r *reads.Read) { r.Fields = []string{"850101300123"} },
		"no route":                     func(r *reads.Read) { r.Route = "" },
		"a URL with an id":             func(r *reads.Read) { r.Route = "/v1/users/5f0c1b1e-7c5b-4a3e-9a60-0d1f2a3b4c5d/personal-data" },
		"a URL with a query":           func(r *reads.Read) { r.Route = "/search?q=aigerim" },
	} {
		c := look
		change(&c)
		t.Run(name, func(t *testing.T) { story(t).When(officer, c).Refused("invalid-request") })
	}
	most := look
	most.Fields = many(64)
	story(t).When(officer, most).Then(reads.PersonalDataRead(most))
	none := look
	none.Purpose = domain.Personal{}
	story(t).When(officer, none).Refused("invalid-request", "P-2.4")
}
