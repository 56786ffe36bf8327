package http

import (
	"time"

	"kelisim/commands"
	"kelisim/commands/access"
	"kelisim/domain"
	"kelisim/domain/subscription"
)

// occurred is what every command may say of itself.
type occurred struct {
	OccurredAt *time.Time `json:"occurred_at"`
}

// heldWish is the wish of an officer about held money or a finding; its command is chosen by the ledger.
func (a *API) heldWish(r *Request, at occurred) (commands.Wish, error) {
	canonical, err := r.Canonical()
	return commands.Wish{
		OccurredAt: at.OccurredAt,
		Actor:      r.Actor.Event(), Key: r.Key, Scope: r.Scope(), Fingerprinted: canonical,
		MayBeLate: r.Actor.Role == access.Officer, IfRevision: r.IfRevision, Correlation: r.ID,
	}, err
}

// named is a provider as a request names it; the card processor where it names none.
func named(provider string) string {
	if provider == "" {
		return commands.Provider
	}
	return provider
}

// applyHeld gives held money to an order.
func (a *API) applyHeld(r *Request) (*Response, error) {
	var body struct {
		UserID   string `json:"user_id" required:"true"`
		OrderID  string `json:"order_id" required:"true"`
		Provider string `json:"provider"`
		occurred
	}
	if err := r.Decode(&body); err != nil {
		return nil, err
	}
	id, err := domain.ParseUserID(body.UserID)
	if err != nil {
		return nil, domain.Malformed("/user_id", "an id is a UUID in lower case with hyphens")
	}
	wish, err := a.heldWish(r, body.occurred)
	if err != nil {
		return nil, err
	}
	done, err := a.Service.ApplyHeld(r.Context(), wish, id, subscription.ApplyPayment{Provider: named(body.Provider), TransactionID: r.Var("transaction"), OrderID: body.OrderID})
	if err != nil {
		return nil, err
	}
	return created(done), nil
}

// refundHeld asks for held money to go back. Money held in a user's own stream is named with the user.
func (a *API) refundHeld(r *Request) (*Response, error) {
	var body struct {
		UserID   string          `json:"user_id"`
		Provider string          `json:"provider"`
		Reason   domain.Personal `json:"reason" required:"true"`
		occurred
	}
	if err := r.Decode(&body); err != nil {
		return nil, err
	}
	var id domain.UserID
	if body.UserID != "" {
		var err error
		if id, err = domain.ParseUserID(body.UserID); err != nil {
			return nil, domain.Malformed("/user_id", "an id is a UUID in lower case with hyphens")
		}
	}
	wish, err := a.heldWish(r, body.occurred)
	if err != nil {
		return nil, err
	}
	done, err := a.Service.RefundHeld(r.Context(), wish, id, named(body.Provider), r.Var("transaction"), body.Reason)
	if err != nil {
		return nil, err
	}
	return created(done), nil
}
