package http

import (
	"errors"
	"fmt"

	"kelisim/commands/cloudpayments"
	"kelisim/domain"
	"kelisim/domain/reconciliation"
	"kelisim/projections"
)

// findings lists the differences between the card processor's register and the ledger, the oldest first.
func (a *API) findings(r *Request) (*Response, error) {
	status := r.Query.OneOf("status", "", "open", "resolved")
	class := r.Query.OneOf("class", classes()...)
	if err := errors.Join(r.Query.Err(), a.reach(r, "findings")); err != nil {
		return nil, err
	}
	items, err := a.Views.Findings(r.Context(), status, class)
	if err != nil {
		return nil, err
	}
	return paged(r, items, func(f projections.Finding) string {
		return fmt.Sprintf("%016x %s", uint64(f.FoundAt.UnixMicro()), f.FindingID)
	})
}

// classes are the words for findings, and "" for all.
func classes() []string {
	out := []string{""}
	for _, k := range cloudpayments.FindingKinds {
		out = append(out, string(k))
	}
	return out
}

// resolveFinding resolves one. Where it lies is looked up in the list; the decision is its own stream's.
func (a *API) resolveFinding(r *Request) (*Response, error) {
	id, err := r.VarID("finding")
	if err != nil {
		return nil, err
	}
	var body struct {
		How  string          `json:"how" required:"true"`
		Note domain.Personal `json:"note"`
		occurred
	}
	if err := r.Decode(&body); err != nil {
		return nil, err
	}
	f, err := a.Views.Finding(r.Context(), id)
	if err != nil {
		return nil, err
	}
	wish, err := a.heldWish(r, body.occurred)
	if err != nil {
		return nil, err
	}
	done, err := a.Service.ResolveFinding(r.Context(), wish, f.At, reconciliation.Resolve{FindingID: id, How: body.How, Note: body.Note})
	if err != nil {
		return nil, err
	}
	return created(done), nil
}
