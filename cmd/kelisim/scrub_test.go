package main

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"
	"testing"

	"kelisim/domain"
)

// FuzzScrubLines: whatever the list is, each line that comes out went in, names somebody who is allowed, and none who is allowed is lost.
func FuzzScrubLines(f *testing.F) {
	const yes, no = "01de0000-0000-4000-8000-000000000001", "01de0000-0000-4000-8000-000000000002"
	f.Add(yes + "\n" + no + "\n" + yes + "\n")
	f.Add("\ufeffuser_id,name\n" + yes + ",\"a\nb\"\n" + no + ",x\n")
	f.Add("name, user_id\nx, " + yes + "\n")
	f.Add("user_id\n\n")
	f.Add("id\n" + yes)
	f.Add("\"")
	f.Fuzz(func(t *testing.T, in string) {
		asked := 0
		var out bytes.Buffer
		err := scrubLines(strings.NewReader(in), &out, func(id domain.UserID) (bool, error) {
			asked++
			return id == yes, nil
		})
		if err != nil {
			return
		}
		lines, err := csv.NewReader(&out).ReadAll()
		if err != nil {
			t.Fatalf("what came out cannot be read: %v", err)
		}
		if len(lines) > 0 && slices.ContainsFunc(lines[0], func(s string) bool { return strings.Contains(s, "user_id") }) {
			lines = lines[1:] // a heading goes through, whatever else it says
		}
		if slices.ContainsFunc(lines, func(l []string) bool {
			return slices.ContainsFunc(l, func(s string) bool { return strings.TrimSpace(s) == no }) && !strings.Contains(strings.Join(l, " "), yes)
		}) {
			t.Errorf("%q lets %q through", in, lines)
		}
		if asked > strings.Count(in, "-")/4 {
			t.Errorf("%q was asked about %d times", in, asked)
		}
	})
}
