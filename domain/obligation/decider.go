package obligation

import (
	"regexp"

	"kelisim/domain"
	"kelisim/domain/calendar"
)

// Decider is the book's rules.
var Decider = domain.Decider[Command, State, Event]{Decide: decide, Evolve: evolve}

// The content licence and the clause on fines: what a fine can be demanded for (T-6.6).
var fineable = regexp.MustCompile(`^T-6\.[1-6]$`)

func decide(s State, c Command, in domain.Context) ([]Event, error) {
	switch c := c.(type) {
	case DemandFine:
		return demandFine(s, c, in)
	case ContestFine:
		return contestFine(s, c, in)
	case Discharge:
		return discharge(s, c, in)
	}
	panic("unhandled obligation command")
}

func demandFine(s State, c DemandFine, in domain.Context) ([]Event, error) {
	switch {
	case !fineable.MatchString(c.Clause):
		return nil, domain.Refuse(domain.Conflict, "clause-without-fine",
			"a fine can be demanded for a breach of T-6.1 to T-6.6").At("/clause").By("T-6.6")
	case c.ActOn.IsZero():
		return nil, domain.Malformed("/act_on", "the day of the act is wanted")
	case c.ActOn.After(calendar.DayOf(in.OccurredAt)):
		return nil, domain.Refuse(domain.Conflict, "act-in-future", "the act lies in the future").At("/act_on").By("T-6.6")
	case c.ActOn.Before(calendar.DayOf(c.RegisteredAt)):
		return nil, domain.Refuse(domain.Conflict, "act-before-registration",
			"the user had not accepted the terms by the day of the act").At("/act_on").By("T-2.3")
	case c.Amount.Minor <= 0:
		return nil, domain.Refuse(domain.Conflict, "fine-not-set", "the terms in force name no fine").By("T-6.6")
	}
	id := c.ObligationID
	if id == "" {
		id = in.ID("obligation")
	}
	if _, err := domain.ParseID(id); err != nil {
		return nil, domain.Malformed("/obligation_id", "an obligation's id is a UUID in lower case with hyphens")
	}
	if _, known := s.Obligation(id); known {
		return nil, domain.Refuse(domain.Conflict, "obligation-exists", "an obligation of this id was demanded already").At("/obligation_id")
	}
	return []Event{FineDemanded{
		ObligationID: id, Clause: c.Clause, ActOn: c.ActOn, Amount: c.Amount, TermsVersion: c.TermsVersion, Permissions: c.Permissions, Note: c.Note,
	}}, nil
}

// known is an obligation that had been demanded by the command's moment.
func known(s State, id string, in domain.Context) (Obligation, error) {
	o, ok := s.Obligation(id)
	switch {
	case !ok:
		return o, domain.Refuse(domain.NotFound, "obligation-not-found", "there is no such obligation").At("/obligation_id")
	case in.OccurredAt.Before(o.DemandedAt):
		return o, domain.Malformed("/occurred_at", "that is before the obligation was demanded")
	}
	return o, nil
}

func contestFine(s State, c ContestFine, in domain.Context) ([]Event, error) {
	o, err := known(s, c.ObligationID, in)
	switch {
	case err != nil:
		return nil, err
	case o.Kind != Fine:
		return nil, domain.Refuse(domain.Conflict, "not-a-fine", "only a fine can be contested here").At("/obligation_id").By("T-6.6")
	case !o.DischargedAt.IsZero() && !in.OccurredAt.Before(o.DischargedAt):
		return nil, settled()
	case !o.ContestedAt.IsZero():
		return nil, domain.Refuse(domain.Conflict, "already-contested", "this fine is contested already").By("T-6.6")
	}
	return []Event{FineContested(c)}, nil
}

func discharge(s State, c Discharge, in domain.Context) ([]Event, error) {
	o, err := known(s, c.ObligationID, in)
	switch {
	case err != nil:
		return nil, err
	case c.How != Paid && c.How != Waived && c.How != Cancelled:
		return nil, domain.Malformed("/how", "an obligation is paid, waived or cancelled")
	case c.How == Paid && !c.Reference.Given():
		return nil, domain.Malformed("/reference", "name the paper that shows the payment")
	case !o.DischargedAt.IsZero():
		return nil, settled()
	}
	return []Event{Discharged(c)}, nil
}

func settled() error {
	return domain.Refuse(domain.Conflict, "obligation-settled", "this obligation was discharged already").By("T-6.6")
}
