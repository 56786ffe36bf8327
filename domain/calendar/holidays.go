package calendar

// Holidays is the set of days named by the parameters of the terms, for AnswerDue and AddWorkingDays.
// A name that is no day is left out: it can make a term end earlier, never later.
func Holidays(names []string) map[Day]bool {
	out := map[Day]bool{}
	for _, n := range names {
		if d, err := ParseDay(n); err == nil {
			out[d] = true
		}
	}
	return out
}
