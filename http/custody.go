package http

import (
	"errors"
	"net/http"
	"time"

	"kelisim/commands"
	"kelisim/domain"
	"kelisim/projections"
)

// generationView is one generation of the master key.
type generationView struct {
	Generation int        `json:"generation"`
	Status     string     `json:"status"` // announced, in-use, superseded, dropped
	RotatedAt  *time.Time `json:"rotated_at"`
	DroppedAt  *time.Time `json:"dropped_at"`
}

// generations lists the master key's generations, the oldest first. It shows no key.
func (a *API) generations(r *Request) (*Response, error) {
	state, err := a.Service.Custody(r.Context(), commands.Known{})
	if err != nil {
		return nil, err
	}
	items := []generationView{}
	for _, g := range state.Generations() {
		v := generationView{Generation: g.N, Status: "announced", RotatedAt: moment(g.Rotated.At), DroppedAt: moment(g.Dropped.At)}
		switch {
		case g.Dropped.Event != "":
			v.Status = "dropped"
		case g.N == state.InUse():
			v.Status = "in-use"
		case g.N < state.InUse():
			v.Status = "superseded"
		}
		items = append(items, v)
	}
	return Page(items, ""), nil
}

// rotate makes a new generation of the master key. Where several processes share the ledger each has a copy of the master key, and one alone must
// not change its own.
func (a *API) rotate(r *Request) (*Response, error) {
	if !a.Service.Journal.Exclusive() {
		return nil, domain.Refuse(domain.Conflict, "master-key-shared", "several processes share this ledger: stop them, run kelisim keys rotate at one, and copy its master.key to the others")
	}
	n, err := a.Service.RotateKeys(r.Context(), commands.Wish{Actor: r.Actor.Event(), Key: r.Key, Scope: r.Scope(), IfRevision: r.IfRevision, Correlation: r.ID})
	if err != nil {
		return nil, err
	}
	return &Response{Status: http.StatusCreated, Body: map[string]int{"generation": n}}, nil
}

// destructionView is how far the destruction of a person's keys has come (P-1.5, P-2.5). It is final when every generation of the master key is
// gone that the keys were ever wrapped under, so that no older copy of the key store can bring them back.
type destructionView struct {
	Status      string     `json:"status"` // requested, keys-destroyed, final
	RequestedAt *time.Time `json:"requested_at"`
	DestroyedAt *time.Time `json:"destroyed_at"` // or depersonalised
	FinalAt     *time.Time `json:"final_at"`
}

// destruction tells how far a user's destruction has come as of a moment; nil where nobody asked for one.
func (a *API) destruction(r *Request, snap commands.Snapshot, at time.Time) (*destructionView, error) {
	b := snap.State.Account
	var v *destructionView
	for _, d := range b.DestructionRequested {
		if !d.At.After(at) {
			v = &destructionView{Status: "requested", RequestedAt: moment(d.At)}
		}
	}
	gone := b.DepersonalisedAt
	if b.DestroyedAt.Event != "" && !b.DestroyedAt.At.After(at) {
		gone = b.DestroyedAt
	}
	if gone.Event == "" || gone.At.After(at) {
		return v, nil
	}
	if v == nil {
		v = &destructionView{}
	}
	v.Status, v.DestroyedAt = "keys-destroyed", moment(gone.At)
	state, err := a.Service.Custody(r.Context(), snap.Known)
	if err != nil {
		return nil, err
	}
	for _, e := range snap.Events {
		if e.ID.String() != gone.Event {
			continue
		}
		if fact, ok := state.Final(e.Position); ok && !fact.At.After(at) {
			v.Status, v.FinalAt = "final", moment(fact.At)
		}
	}
	return v, nil
}

// destructions lists whose keys are to be destroyed or are, and how far that has come.
func (a *API) destructions(r *Request) (*Response, error) {
	only := r.Query.OneOf("status", "", "requested", "keys-destroyed", "final")
	if err := errors.Join(r.Query.Err(), a.reach(r, "destructions")); err != nil {
		return nil, err
	}
	items, err := a.Views.Destructions(r.Context(), only)
	if err != nil {
		return nil, err
	}
	return paged(r, items, func(d projections.Destruction) string { return d.UserID })
}
