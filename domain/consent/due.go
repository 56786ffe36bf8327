package consent

import "kelisim/domain"

// Due are the moments of this book that time alone brings, as all that is known makes them: the effect of each notice whose clock runs. A notice
// that was entered late has its moment in the past; one that is refused, rescinded before its effect, or waits for an officer has none.
func (s State) Due() []domain.Due {
	var out []domain.Due
	for _, n := range s.Notices {
		if n.StatusAt(n.EffectiveFrom) != StatusEffective {
			continue
		}
		cause := n.Event
		if n.AcceptedEvent != "" {
			cause = n.AcceptedEvent
		}
		out = append(out, domain.NewDue("withdrawal", n.NoticeID, n.EffectiveFrom, cause, WithdrawalTookEffect{n.NoticeID, n.EffectiveFrom.UTC(), n.Purposes}))
	}
	return out
}
