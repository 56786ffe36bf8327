package http

import (
	"time"

	"kelisim/domain"
	"kelisim/domain/obligation"
	"kelisim/domain/subscription"
)

type stretchView struct {
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"`
	Events []string  `json:"events"`
}

// subscription lists what use a user has had and has (T-2.1).
func (a *API) subscription(r *Request) (*Response, error) {
	snap, about, err := a.ask(r, "as_of")
	if err != nil {
		return nil, err
	}
	coverage := []stretchView{}
	for _, c := range snap.State.Subscription.Coverage(about.AsOf) {
		coverage = append(coverage, stretchView{c.From.UTC(), c.Until.UTC(), c.Reason, c.Events})
	}
	status, until := snap.State.Subscription.StandingAt(about.AsOf)
	return OK(struct {
		asked
		Status   string        `json:"status"`
		Until    *time.Time    `json:"until"`
		Coverage []stretchView `json:"coverage"`
		Payments []paymentView `json:"payments"`
	}{about, status, moment(until), coverage, paymentsOf(snap.State.Subscription)}).At(snap.Revision), nil
}

type paymentView struct {
	Provider      string        `json:"provider"`
	TransactionID string        `json:"transaction_id"`
	OrderID       string        `json:"order_id"`
	Status        string        `json:"status"`
	Reason        string        `json:"reason,omitempty"`
	PaidAt        *time.Time    `json:"paid_at"`
	Amount        *domain.Money `json:"amount"` // nil where the payment itself is not known: what came of it came first, or its entry was voided
	Months        int           `json:"months"`
}

func paymentsOf(s subscription.State) []paymentView {
	out := []paymentView{}
	for _, p := range s.Payments() {
		v := paymentView{p.Provider, p.TransactionID, p.OrderID, p.Status(), "", moment(p.PaidAt), nil, p.Months}
		if p.Amount.Currency != "" {
			v.Amount = &p.Amount
		}
		if v.Status == subscription.StatusHeld {
			v.Reason = p.HeldReason
		}
		out = append(out, v)
	}
	return out
}

// orders lists a user's orders.
func (a *API) orders(r *Request) (*Response, error) {
	snap, about, err := a.ask(r, "as_of")
	if err != nil {
		return nil, err
	}
	type orderView struct {
		subscription.OrderPlaced
		Status string `json:"status"` // open, paid, expired
		Event  string `json:"event"`
	}
	items := []orderView{}
	for _, o := range snap.State.Subscription.Orders() {
		status := "open"
		if p, ok := snap.State.Subscription.PaidBy(o.OrderID); ok && !p.PaidAt.After(about.AsOf) {
			status = "paid"
		} else if !about.AsOf.Before(o.ExpiresAt) {
			status = "expired"
		}
		items = append(items, orderView{o.OrderPlaced, status, o.Event})
	}
	return Page(items, "").At(snap.Revision), nil
}

// obligations lists what a user owes and owed (T-6.6, P-2.6).
func (a *API) obligations(r *Request) (*Response, error) {
	snap, about, err := a.ask(r, "as_of")
	if err != nil {
		return nil, err
	}
	items := []obligationView{}
	for _, o := range snap.State.Obligations.All() {
		if v := viewOfObligation(o, about.AsOf); v.Status != "" {
			items = append(items, v)
		}
	}
	return Page(items, "").At(snap.Revision), nil
}

type obligationView struct {
	ObligationID string       `json:"obligation_id"`
	Kind         string       `json:"kind"`   // fine, charge-back
	Status       string       `json:"status"` // standing, contested, or how it was discharged
	Amount       domain.Money `json:"amount"`
	Clause       string       `json:"clause,omitempty"`
	ActOn        string       `json:"act_on,omitempty"`
	TermsVersion string       `json:"terms_version,omitempty"`
	Permissions  []string     `json:"permissions,omitempty"`
	Transaction  string       `json:"transaction_id,omitempty"`
	DemandedAt   time.Time    `json:"demanded_at"`
	ContestedAt  *time.Time   `json:"contested_at"`
	DischargedAt *time.Time   `json:"discharged_at"`
	Events       []string     `json:"events"`
}

// viewOfObligation is an obligation as it stands at a moment; its status is empty before it was demanded.
func viewOfObligation(o obligation.Obligation, t time.Time) obligationView {
	v := obligationView{ObligationID: o.ID, Kind: o.Kind, Amount: o.Amount, Clause: o.Clause, TermsVersion: o.TermsVersion, Permissions: o.Permissions,
		Transaction: o.TransactionID, DemandedAt: o.DemandedAt.UTC(), Events: []string{o.DemandEvent}}
	if !o.ActOn.IsZero() {
		v.ActOn = o.ActOn.String()
	}
	if o.DemandedAt.After(t) {
		return v
	}
	v.Status = "standing"
	if o.ContestEvent != "" && !o.ContestedAt.After(t) {
		v.Status, v.ContestedAt, v.Events = "contested", moment(o.ContestedAt), append(v.Events, o.ContestEvent)
	}
	if o.DischargeEvent != "" && !o.DischargedAt.After(t) {
		v.Status, v.DischargedAt, v.Events = o.How, moment(o.DischargedAt), append(v.Events, o.DischargeEvent)
	}
	return v
}
