package obligation

import (
	"slices"
	"time"

	"kelisim/domain"
	"kelisim/domain/calendar"
	"kelisim/domain/event"
)

// State is what was ever owed, as dated facts.
type State struct {
	obligations []Obligation
}

// Kinds of obligation.
const (
	Fine       = "fine"
	ChargeBack = "charge-back"
)

// Obligation is one thing that is or was owed. Moments are those at which it happened; zero where it did not.
type Obligation struct {
	ID     string
	Kind   string
	Amount domain.Money

	// Of a fine.
	Clause       string
	ActOn        calendar.Day
	TermsVersion string
	Permissions  []string

	// Of a charge-back.
	Provider, TransactionID string

	DemandedAt     time.Time
	DemandEvent    string
	ContestedAt    time.Time
	ContestEvent   string
	DischargedAt   time.Time
	DischargeEvent string
	How            string
}

func evolve(s State, e Event, m event.Meta) State {
	at, id := m.OccurredAt, m.ID.String()
	switch e := e.(type) {
	case FineDemanded:
		s.obligations = append(slices.Clip(s.obligations), Obligation{
			ID: e.ObligationID, Kind: Fine, Amount: e.Amount, Clause: e.Clause, ActOn: e.ActOn, TermsVersion: e.TermsVersion,
			Permissions: e.Permissions, DemandedAt: at, DemandEvent: id,
		})
	case ChargeBackOwed:
		s.obligations = append(slices.Clip(s.obligations), Obligation{
			ID: e.ObligationID, Kind: ChargeBack, Amount: e.Amount, Provider: e.Provider, TransactionID: e.TransactionID,
			DemandedAt: at, DemandEvent: id,
		})
	case FineContested:
		s.change(e.ObligationID, func(o *Obligation) { o.ContestedAt, o.ContestEvent = at, id })
	case Discharged:
		s.change(e.ObligationID, func(o *Obligation) { o.DischargedAt, o.DischargeEvent, o.How = at, id, e.How })
	default:
		panic("unhandled obligation event")
	}
	return s
}

// change changes one obligation in a copy of the list.
func (s *State) change(id string, change func(*Obligation)) {
	s.obligations = slices.Clone(s.obligations)
	for i := range s.obligations {
		if s.obligations[i].ID == id {
			change(&s.obligations[i])
		}
	}
}

// All is everything that was ever owed, in the order of its entry.
func (s State) All() []Obligation { return slices.Clone(s.obligations) }

// Obligation finds one by its id.
func (s State) Obligation(id string) (Obligation, bool) {
	for _, o := range s.obligations {
		if o.ID == id {
			return o, true
		}
	}
	return Obligation{}, false
}

// StandingAt is what is owed in the moment just before t: demanded before t and not discharged before t. Asked
// about the end of a day, it tells what stood as the day ended (P-2.6, decision 4).
func (s State) StandingAt(t time.Time) []Obligation {
	var out []Obligation
	for _, o := range s.obligations {
		if o.DemandedAt.Before(t) && (o.DischargedAt.IsZero() || !o.DischargedAt.Before(t)) {
			out = append(out, o)
		}
	}
	return out
}
