package bus

import "strings"

// Types are patterns of event types: a type, or a beginning that ends with *. None at all mean every type.
type Types []string

// Match tells whether a type is among them.
func (t Types) Match(kind string) bool {
	if len(t) == 0 {
		return true
	}
	for _, pattern := range t {
		if begin, open := strings.CutSuffix(pattern, "*"); open && strings.HasPrefix(kind, begin) || pattern == kind {
			return true
		}
	}
	return false
}
