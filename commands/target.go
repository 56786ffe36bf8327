package commands

import (
	"slices"
	"strings"

	"kelisim/domain"
	"kelisim/domain/account"
	"kelisim/domain/activity"
	"kelisim/domain/custody"
	"kelisim/domain/event"
	"kelisim/domain/incident"
	"kelisim/domain/letter"
	"kelisim/domain/payment"
	"kelisim/domain/reads"
	"kelisim/domain/reconciliation"
	"kelisim/domain/site"
	"kelisim/domain/user"
)

// Target is a kind of stream: how its events fold and how its wishes are decided.
type Target int

const (
	User Target = iota
	Site
	Letter
	Incident
	Activity // a batch of observed actions: a stream of its own
	Reads    // who read a person's data
	Payment  // a transaction that fits no order; its subject is provider-transaction
	Register // what a processor's register says of a month; its subject is provider-month
	Custody  // the master key's generations
)

func (t Target) stream(subject string) string {
	switch t {
	case User:
		return string(domain.UserStream(domain.UserID(subject)))
	case Site:
		return string(domain.SiteStream)
	case Letter:
		return string(domain.LetterStream(subject))
	case Incident:
		return string(domain.IncidentStream(subject))
	case Activity:
		return string(domain.ActivityStream(subject))
	case Reads:
		return string(domain.ReadsStream(domain.UserID(subject)))
	case Payment:
		return string(domain.PaymentStream(subject))
	case Register:
		return string(domain.ReconciliationStream(subject))
	case Custody:
		return string(domain.CustodyStream)
	}
	panic("unknown target")
}

func (t Target) zero() any {
	switch t {
	case User:
		return user.State{}
	case Site:
		return site.State{}
	case Letter:
		return letter.State{}
	case Incident:
		return incident.State{}
	case Payment:
		return payment.State{}
	case Register:
		return reconciliation.State{}
	case Custody:
		return custody.State{}
	}
	return nil
}

func (t Target) notFound() error {
	switch t {
	case Letter:
		return domain.Refuse(domain.NotFound, "letter-not-found", "there is no such letter")
	case Incident:
		return domain.Refuse(domain.NotFound, "incident-not-found", "there is no such incident")
	case Payment:
		return domain.Refuse(domain.NotFound, "payment-not-found", "no such payment is held")
	case Register:
		return reconciliation.NotFound()
	}
	return account.NotFound()
}

// foldOn folds the fresh events, the last ones of all, into the state before them.
func (t Target) foldOn(state any, all, fresh []user.Recorded) any {
	for _, e := range fresh {
		if t == User && user.Voids(e.Data) {
			return user.Fold(all)
		}
	}
	for _, e := range fresh {
		state = t.evolve(state, e.Data, e.Meta)
	}
	return state
}

// evolve folds one event. Streams that nothing is decided upon have no state.
func (t Target) evolve(state, data any, m event.Meta) any {
	switch t {
	case User:
		return user.Evolve(state.(user.State), data, m)
	case Site:
		return site.Decider.Evolve(state.(site.State), data.(site.Event), m)
	case Letter:
		return letter.Decider.Evolve(state.(letter.State), data.(letter.Event), m)
	case Incident:
		return incident.Decider.Evolve(state.(incident.State), data.(incident.Event), m)
	case Payment:
		return payment.Decider.Evolve(state.(payment.State), data.(payment.Event), m)
	case Register:
		return reconciliation.Decider.Evolve(state.(reconciliation.State), data.(reconciliation.Event), m)
	case Custody:
		return custody.Decider.Evolve(state.(custody.State), data.(custody.Event), m)
	}
	return nil
}

// decide asks the rules. Their answers are the target's events.
func (t Target) decide(s *stream, published site.State, command any, in domain.Context) ([]any, error) {
	switch t {
	case User:
		return user.Decide(s.state.(user.State), slices.Clip(s.events), published, command, in)
	case Site:
		return decided(site.Decider.Decide(s.state.(site.State), command.(site.Command), in))
	case Letter:
		return decided(letter.Decider.Decide(s.state.(letter.State), command.(letter.Command), in))
	case Incident:
		return decided(incident.Decider.Decide(s.state.(incident.State), command.(incident.Command), in))
	case Payment:
		return decided(payment.Decider.Decide(s.state.(payment.State), command.(payment.Command), in))
	case Register:
		return decided(reconciliation.Decider.Decide(s.state.(reconciliation.State), command.(reconciliation.Command), in))
	case Custody:
		return decided(custody.Decider.Decide(s.state.(custody.State), command.(custody.Command), in))
	case Activity:
		return decided(activity.Decider.Decide(activity.State{}, command.(activity.Command), in))
	case Reads:
		return decided(reads.Decider.Decide(reads.State{}, command.(reads.Command), in))
	}
	panic("unknown target")
}

func decided[E any](events []E, err error) ([]any, error) {
	out := make([]any, len(events))
	for i, e := range events {
		out[i] = e
	}
	return out, err
}

// subjectOf is whose keys seal what stands in a stream: the person's, or, for streams of no one person, the stream's own.
func subjectOf(stream string) string {
	if id, ok := domain.Stream(stream).User(); ok {
		return string(id)
	}
	if strings.HasPrefix(stream, "activity-") {
		return ""
	}
	return stream
}
