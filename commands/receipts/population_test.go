package receipts_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"kelisim/commands"
	"kelisim/commands/receipts"
	"kelisim/domain"
	"kelisim/domain/account"
)

// The record of a whole population is, line by line, the record of each consent, save for the proofs (ISO/IEC TS 27560; P-2.2); the same knowledge and
// moment give the same bytes after more was recorded, and what was not known or not given by then is not in it.
func TestPopulation(t *testing.T) {
	w := newWorld(t)
	write := func(known commands.Known, asOf string) (text []byte, people int) {
		t.Helper()
		line := func(b []byte) error { text = append(text, b...); return nil }
		if err := receipts.Population(t.Context(), w.typed, known, at(asOf), line, func() { people++ }); err != nil {
			t.Fatal(err)
		}
		return text, people
	}
	head, _, err := w.store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	known, now := commands.Known{Position: head}, "2026-03-02T00:00:00+05:00"
	first, people := write(known, now)
	lines := bytes.Split(bytes.TrimSuffix(first, []byte("\n")), []byte("\n"))
	if len(lines) != 4 || people != 3 {
		t.Fatalf("%d lines of %d people", len(lines), people)
	}
	for i, c := range []struct {
		user domain.UserID
		id   string
	}{{kazakh, consentOf(kazakh)}, {russian, consentOf(russian)}, {english, consentOf(english)}, {english, partly}} {
		r, err := w.desk.Consent(t.Context(), w.snapshot(c.user, known), at(now), c.id)
		if err != nil {
			t.Fatal(err)
		}
		alone, err := r.DPV()
		if err != nil {
			t.Fatal(err)
		}
		var got, want map[string]any
		if err := errors.Join(json.Unmarshal(lines[i], &got), json.Unmarshal(alone, &want)); err != nil {
			t.Fatal(err)
		}
		for _, e := range want["kelisim:evidence"].([]any) {
			delete(e.(map[string]any), "kelisim:proof")
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("line %d is\n%s\nand the record\n%s", i, lines[i], alone)
		}
	}
	w.now = at("2026-04-01T00:00:00+05:00")
	w.press(kazakh, "kk", "buy", "marketplace", "dddddddd-0000-4000-8000-000000000001")
	if again, _ := write(known, now); !bytes.Equal(again, first) {
		t.Error("other bytes after more was recorded")
	}
	if all, _ := write(commands.Known{At: w.now}, "2026-04-02T00:00:00+05:00"); bytes.Count(all, []byte("\n")) != 5 {
		t.Errorf("%d lines of five consents", bytes.Count(all, []byte("\n")))
	}
	if early, _ := write(commands.Known{At: w.now}, "2026-03-31T00:00:00+05:00"); bytes.Count(early, []byte("\n")) != 4 {
		t.Error("a consent that was given later is told")
	}
	if none, _ := write(commands.Known{At: at("2026-01-31T00:00:00+05:00")}, now); len(none) != 0 {
		t.Error("consents are told that were not known")
	}
	snap := w.snapshot(kazakh, commands.Known{})
	w.record(domain.UserStream(kazakh), "approver", account.EntryVoided{EventID: snap.Events[0].ID.String()})
	w.now = at("2026-04-02T00:00:00+05:00")
	if _, people := write(commands.Known{At: w.now}, now); people != 2 {
		t.Errorf("%d people, one of them by mistake", people)
	}
	stop := errors.New("enough")
	if err := receipts.Population(t.Context(), w.typed, known, at(now), func([]byte) error { return stop }, nil); !errors.Is(err, stop) {
		t.Errorf("a full disk is passed over: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := receipts.Population(gone, w.typed, known, at(now), func([]byte) error { return nil }, nil); err == nil {
		t.Error("what is broken off looks whole")
	}
}
