package reports_test

import (
	"bytes"
	"context"
	"iter"
	"reflect"
	"testing"

	"kelisim/commands/journal"
	"kelisim/domain/account"
	"kelisim/domain/catalogue"
	"kelisim/domain/consent"
	"kelisim/domain/user"
	"kelisim/projections/reports"
)

// entered is everything, the end of a block, two entries that were voided, and what followed.
func entered(p *past) {
	everything(p)
	p.tell("user-"+anna, "2026-05-01T09:00", "2026-05-01T09:00", account.Unblocked{CompensateDays: 3})
	p.tell("user-"+anna, "2026-05-02T09:00", "2026-05-02T09:00", account.EntryVoided{EventID: id(4).String(), RequestedBy: "marat", ApprovedBy: "aigul"})
	p.tell("user-"+anna, "2026-05-03T09:00", "2026-05-03T09:00", notice("n5", "2026-05-03"), consent.DisclosureMade{DisclosureID: "d2", Recipient: "Post", Country: "KZ", Purpose: advertising, Basis: "contract"})
	p.tell("user-"+berik, "2026-05-04T09:00", "2026-05-04T09:00", account.EntryVoided{EventID: id(9).String(), RequestedBy: "marat", ApprovedBy: "aigul"})
}

// A report reads no event that it did not ask to be kept: with everything kept it has the same bytes.
func TestReportsSayWhatTheyNeed(t *testing.T) {
	p := newPast(t)
	entered(p)
	for _, r := range reports.All {
		for _, a := range []reports.Asked{{}, {From: moment("2026-03-01T00:00"), To: moment("2026-05-02T12:00")}} {
			got := write(t, p.paper(r.Name, a), reports.JSON, "en")
			a.Keeps = reports.Everything
			f, err := reports.Gather(t.Context(), p.Journal, a)
			if err != nil {
				t.Fatal(err)
			}
			for _, u := range f.Users {
				if !reflect.DeepEqual(u.State, user.Fold(u.Events)) {
					t.Fatalf("%s: the fold of %s is not that of its events", r.Name, u.ID)
				}
			}
			paper, err := r.Of(f)
			if err != nil {
				t.Fatal(err)
			}
			if want := write(t, paper, reports.JSON, "en"); !bytes.Equal(got, want) {
				t.Errorf("%s says\n%s\nand with everything kept\n%s", r.Name, got, want)
			}
		}
	}
}

// counting counts the records that are read from all streams.
type counting struct {
	journal.Store
	read *int
}

func (c counting) ReadAll(ctx context.Context, after int64) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		for r, err := range c.Store.ReadAll(ctx, after) {
			*c.read++
			if !yield(r, err) {
				return
			}
		}
	}
}

// Papers that go on from what others left have the bytes of those that read everything anew: whatever was asked before, earlier or later, and
// whatever was recorded in between, a voided entry too. What is asked again is not read again.
func TestSameBytesWhateverWasAskedBefore(t *testing.T) {
	p, read := newPast(t), 0
	whole := p.Journal
	j := journal.New(counting{p.Store, &read}, catalogue.All())
	kept := reports.Kept{Most: 1000}
	ask := func(r reports.Report, a reports.Asked) {
		t.Helper()
		of := func(j *journal.Journal, k *reports.Kept) []byte {
			a.Kept = k
			f, err := r.Gather(t.Context(), j, a)
			if err != nil {
				t.Fatal(err)
			}
			paper, err := r.Of(f)
			if err != nil {
				t.Fatal(err)
			}
			return write(t, paper, reports.JSON, "kk")
		}
		if got, want := of(j, &kept), of(whole, nil); !bytes.Equal(got, want) {
			t.Errorf("%s of %+v, going on, says\n%s\nand anew\n%s", r.Name, a, got, want)
		}
	}
	round := func() {
		for i, r := range reports.All {
			ask(r, reports.Asked{})
			if i%3 == 0 {
				ask(r, reports.Asked{KnownPosition: int64(2 + i)})
			}
			if i%4 == 0 {
				ask(r, known("2026-03-22T00:00"))
			}
		}
	}
	everything(p)
	round()
	p.tell("user-"+anna, "2026-05-02T09:00", "2026-05-02T09:00", account.EntryVoided{EventID: id(4).String(), RequestedBy: "marat", ApprovedBy: "aigul"})
	ask(reports.All[0], reports.Asked{})
	p.tell("user-"+anna, "2026-05-03T09:00", "2026-05-03T09:00", notice("n5", "2026-05-03"))
	round()

	deadlines, err := reports.Lookup("deadlines")
	if err != nil {
		t.Fatal(err)
	}
	ask(deadlines, reports.Asked{})
	read = 0
	ask(deadlines, reports.Asked{})
	if read != 0 {
		t.Errorf("%d records are read again", read)
	}
	ask(deadlines, known("2026-01-02T00:00")) // far in the past: the site's events alone, and one to see that it is later
	if read > 5 {
		t.Errorf("%d records are read for what was known early", read)
	}
	kept.Most = 1
	ask(deadlines, reports.Asked{})
	read = 0
	ask(deadlines, reports.Asked{})
	if read == 0 {
		t.Error("more than may be kept is kept")
	}
}
