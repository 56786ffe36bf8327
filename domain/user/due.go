package user

import (
	"slices"
	"strings"

	"kelisim/domain"
	"kelisim/domain/subscription"
)

// Due are the moments of a user that time alone brings, as all that is known makes them, in order. Of a person whose data are gone nobody is left to be told
// that coverage ends.
func Due(s State) []domain.Due {
	if !s.Account.Exists {
		return nil
	}
	out := slices.Concat(s.Consent.Due(), s.Subscription.Due())
	if s.Account.DepersonalisedAt.Event != "" || s.Account.DestroyedAt.Event != "" {
		out = slices.DeleteFunc(out, func(d domain.Due) bool {
			_, tells := d.Marker.(subscription.CoverageEndApproached)
			return tells
		})
	}
	slices.SortFunc(out, func(a, b domain.Due) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return strings.Compare(a.Key, b.Key)
	})
	return out
}
