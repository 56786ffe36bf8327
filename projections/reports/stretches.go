package reports

import (
	"strings"
	"time"

	"kelisim/domain/permission"
	"kelisim/domain/site"
)

// Question is one thing that can be asked of a user's books at a moment: its answer in codes, and the next moment at which that will be
// another if nothing more is recorded, nil for none.
type Question func(b permission.Books, at time.Time) (codes string, next *time.Time)

// AskAccess asks whether the user may use paid content, where they were last recorded to be.
func AskAccess(s site.State) Question {
	return func(b permission.Books, at time.Time) (string, *time.Time) {
		a := permission.Access(b, s, permission.Place{}, at)
		return Codes(a), a.NextChangeAt
	}
}

// AskProcessing asks whether the person's data may be used for a purpose.
func AskProcessing(s site.State, purpose string) Question {
	return func(b permission.Books, at time.Time) (string, *time.Time) {
		a := permission.Processing(b, s, purpose, "use", at)
		return Codes(a.Answer), a.NextChangeAt
	}
}

// Codes are an answer's reasons, with a space between them.
func Codes(a permission.Answer) string {
	codes := make([]string, len(a.Reasons))
	for i, r := range a.Reasons {
		codes[i] = r.Code
	}
	return strings.Join(codes, " ")
}

// Stretch is a time in which two folds of a life answer differently. Until is zero where it is not over at the end of what was asked about.
type Stretch struct {
	Since, Until time.Time
	One, Other   string // their answers
}

// Differ walks from one moment to another and lists the stretches in which two folds of a life answer a question differently. It asks where
// either answer can change, and nowhere else.
func Differ(one, other permission.Books, from, to time.Time, ask Question) (out []Stretch) {
	for t := from; t.Before(to); {
		a, nextA := ask(one, t)
		b, nextB := ask(other, t)
		next := to
		for _, n := range []*time.Time{nextA, nextB} {
			if n != nil && n.Before(next) {
				next = *n
			}
		}
		until := next
		if next.Equal(to) {
			until = time.Time{}
		}
		if a != b {
			if n := len(out); n > 0 && out[n-1].Until.Equal(t) && out[n-1].One == a && out[n-1].Other == b {
				out[n-1].Until = until
			} else {
				out = append(out, Stretch{t, until, a, b})
			}
		}
		t = next
	}
	return out
}
