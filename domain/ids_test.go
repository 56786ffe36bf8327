package domain_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"kelisim/domain"
)

const id = "5f0c1b1e-7c5b-4a3e-9a60-0d1f2a3b4c5d"

func TestParseID(t *testing.T) {
	if got, err := domain.ParseUserID(id); err != nil || string(got) != id {
		t.Errorf("%s is an id, not %q (%v)", id, got, err)
	}
	for _, s := range []string{"", "user", strings.ToUpper(id), "{" + id + "}", "urn:uuid:" + id, strings.ReplaceAll(id, "-", ""),
		id + " ", " " + id, id + "\n", id[:35], id[:35] + "g", uuid.Nil.String(), "../" + id, "850101300123"} {
		got, err := domain.ParseUserID(s)
		if domain.Code(err) != "invalid-request" || got != "" {
			t.Errorf("%q is refused, not %q (%v)", s, got, err)
		}
		if len(s) > 4 && strings.Contains(err.Error(), s) {
			t.Errorf("the refusal repeats what was sent: %v", err)
		}
	}
}

func FuzzParseID(f *testing.F) {
	for _, s := range []string{id, "", "{" + id + "}", strings.ToUpper(id), "urn:uuid:" + id} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := domain.ParseID(s)
		if err != nil {
			return
		}
		if got != s || len(s) != 36 || s != strings.ToLower(s) || strings.Count(s, "-") != 4 {
			t.Errorf("%q is not the canonical form of an id", s)
		}
	})
}

func TestStreams(t *testing.T) {
	user := domain.UserID(id)
	for _, c := range []struct {
		stream         domain.Stream
		name, category string
		user           bool
	}{
		{domain.UserStream(user), "user-" + id, "user", true},
		{domain.ReadsStream(user), "reads-" + id, "reads", true},
		{domain.DueStream(user), "due-" + id, "due", true},
		{domain.ActivityStream(id), "activity-" + id, "activity", false},
		{domain.LetterStream(id), "letter-" + id, "letter", false},
		{domain.IncidentStream(id), "incident-" + id, "incident", false},
		{domain.PaymentStream("cloudpayments-504"), "payment-cloudpayments-504", "payment", false},
		{domain.ReconciliationStream("cloudpayments-2026-11"), "reconciliation-cloudpayments-2026-11", "reconciliation", false},
		{domain.SiteStream, "site", "site", false},
	} {
		if string(c.stream) != c.name || c.stream.Category() != c.category {
			t.Errorf("%s has category %s, want %s and %s", c.stream, c.stream.Category(), c.name, c.category)
		}
		got, ok := c.stream.User()
		if ok != c.user || ok && got != user {
			t.Errorf("%s belongs to user %q, %v", c.stream, got, ok)
		}
	}
	for _, s := range []domain.Stream{domain.LeaseStream("policies"), domain.CheckpointsStream} {
		if s.Counted() {
			t.Errorf("%s is for nobody else", s)
		}
	}
	if !domain.DueStream(user).Counted() || !domain.HeadsStream.Counted() || string(domain.LeaseStream("policies")) != "lease-policies" {
		t.Error("markers and heads are for others")
	}
	if got := domain.UserStream(user).ID(); got != id {
		t.Errorf("an id keeps its hyphens: %s", got)
	}
	if got := domain.SiteStream.ID(); got != "" {
		t.Errorf("the site's stream has no id: %s", got)
	}
}

func TestContextIDs(t *testing.T) {
	one, same := domain.Context{Command: uuid.MustParse(id)}, domain.Context{Command: uuid.MustParse(id)}
	other := domain.Context{Command: uuid.MustParse("00000000-0000-4000-8000-000000000001")}
	if one.ID("order") != same.ID("order") {
		t.Error("the same command makes the same id")
	}
	seen := map[string]bool{one.ID("order"): true, one.ID("consent"): true, other.ID("order"): true}
	if len(seen) != 3 {
		t.Error("another command or another thing makes another id")
	}
	for s := range seen {
		if _, err := domain.ParseID(s); err != nil {
			t.Errorf("a made id is an id: %v", err)
		}
	}
}
