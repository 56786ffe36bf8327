package http

import (
	"time"

	"kelisim/commands"
	"kelisim/commands/tlog"
	"kelisim/domain"
	"kelisim/domain/account"
)

// disclosureView is a disclosure of single fields: which, to whom, up to when, and who decided it.
type disclosureView struct {
	DisclosureID string          `json:"disclosure_id"`
	Status       string          `json:"status"` // requested, granted, expired
	Fields       []account.Field `json:"fields"`
	To           string          `json:"to"`
	Until        time.Time       `json:"until"`
	RequestedAt  time.Time       `json:"requested_at"`
	RequestedBy  string          `json:"requested_by"`
	GrantedAt    *time.Time      `json:"granted_at"`
	GrantedBy    string          `json:"granted_by,omitempty"`
}

// fieldDisclosures lists what was asked for and granted of one user's personal values.
func (a *API) fieldDisclosures(r *Request) (*Response, error) {
	snap, about, err := a.ask(r, "as_of")
	if err != nil {
		return nil, err
	}
	items := []disclosureView{}
	for _, d := range snap.State.Account.FieldDisclosures {
		if d.RequestedAt.After(about.AsOf) {
			continue
		}
		v := disclosureView{DisclosureID: d.ID, Status: "requested", Fields: d.Fields, To: d.To, Until: d.Until.UTC(), RequestedAt: d.RequestedAt.UTC(), RequestedBy: d.RequestedBy}
		if d.Granted.Event != "" && !d.Granted.At.After(about.AsOf) {
			v.Status, v.GrantedAt, v.GrantedBy = "granted", moment(d.Granted.At), d.GrantedBy
		}
		if !about.AsOf.Before(d.Until) {
			v.Status = "expired"
		}
		items = append(items, v)
	}
	return Page(items, "").At(snap.Revision), nil
}

// keyView is the key of one personal value of one event.
type keyView struct {
	EventID string `json:"event_id"`
	Stream  string `json:"stream"`
	Type    string `json:"type"`
	Path    string `json:"path"`
	Key     []byte `json:"key"` // in base64
}

// disclosedKeys gives the keys of a granted disclosure to the auditor whom it names, or to an officer who passes them on. The look is recorded
// before the answer (P-2.4).
func (a *API) disclosedKeys(r *Request) (*Response, error) {
	id, err := r.User()
	if err != nil {
		return nil, err
	}
	disclosure, err := r.VarID("disclosure")
	if err != nil {
		return nil, err
	}
	keys, err := a.handOver(r, id, disclosure)
	if err != nil {
		return nil, err
	}
	items := []keyView{}
	for _, k := range keys {
		items = append(items, keyView{k.Event.String(), k.Stream, k.EventType, k.Path, k.Key})
	}
	return Page(items, "").With("Cache-Control", "no-store"), nil
}

func (a *API) handOver(r *Request, id domain.UserID, disclosure string) ([]commands.FieldKey, error) {
	return a.Service.HandOver(r.Context(), id, disclosure, commands.Reader{Actor: r.Actor.Event(), Why: "disclosure " + disclosure, Route: r.Route.Path})
}

// disclosing are the keys to go into a bundle, none unless the question names a disclosure.
func (a *API) disclosing(r *Request, id domain.UserID) ([]tlog.Disclosure, error) {
	if !r.Query.Has("disclosure") {
		return nil, nil
	}
	disclosure, err := domain.ParseID(r.Query.String("disclosure"))
	if err != nil {
		return nil, domain.Malformed("?disclosure", "a disclosure is named by its id")
	}
	keys, err := a.handOver(r, id, disclosure)
	var out []tlog.Disclosure
	for _, k := range keys {
		out = append(out, tlog.Disclosure{Event: k.Event, Field: k.Path, Key: k.Key})
	}
	return out, err
}
