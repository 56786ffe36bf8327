package http

import (
	"time"

	"kelisim/domain/account"
	"kelisim/domain/consent"
)

type consentView struct {
	ConsentID string              `json:"consent_id"`
	GivenAt   time.Time           `json:"given_at"`
	Day       string              `json:"day"`
	Button    string              `json:"button"`
	Page      string              `json:"page"`
	Language  string              `json:"language"`
	Document  account.DocumentRef `json:"document"`
	Purposes  []string            `json:"purposes"`
	Event     string              `json:"event"`
}

type noticeView struct {
	consent.WithdrawalNoticeReceived
	Status string `json:"status"`
	// EffectiveFrom stands for the event's: it is null where no clock runs.
	EffectiveFrom *time.Time       `json:"effective_from"`
	EnteredAt     time.Time        `json:"entered_at"`
	Grounds       []consent.Ground `json:"grounds"`
	Event         string           `json:"event"`
}

type holdView struct {
	HoldID string     `json:"hold_id"`
	Basis  string     `json:"basis"`
	Acts   []string   `json:"acts"`
	Since  time.Time  `json:"since"`
	Until  *time.Time `json:"until"`
}

// consents lists what a user agreed to and took back (P-2.2, P-2.6).
func (a *API) consents(r *Request) (*Response, error) {
	snap, about, err := a.ask(r, "as_of")
	if err != nil {
		return nil, err
	}
	c := snap.State.Consent
	items, notices, holds, disclosures := []consentView{}, []noticeView{}, []holdView{}, []any{}
	for _, k := range c.Consents {
		items = append(items, consentView{k.ID, k.At.UTC(), k.Day.String(), k.Acceptance.Button, k.Acceptance.Page, k.Acceptance.Language, k.Document, k.Purposes, k.Event})
	}
	for _, n := range c.Notices {
		grounds := n.Grounds
		if grounds == nil {
			grounds = []consent.Ground{}
		}
		notices = append(notices, viewOfNotice(n, grounds, about.AsOf))
	}
	for _, h := range c.Holds {
		holds = append(holds, holdView{h.ID, h.Basis, h.Acts, h.Since.UTC(), moment(h.Until)})
	}
	for _, d := range c.Disclosures {
		disclosures = append(disclosures, struct {
			consent.DisclosureMade
			At    time.Time `json:"at"`
			Event string    `json:"event"`
		}{d.DisclosureMade, d.At.UTC(), d.Event})
	}
	return OK(map[string]any{"items": items, "next": nil, "notices": notices, "legal_holds": holds, "disclosures": disclosures}).At(snap.Revision), nil
}

func viewOfNotice(n consent.Notice, grounds []consent.Ground, t time.Time) noticeView {
	v := noticeView{WithdrawalNoticeReceived: n.WithdrawalNoticeReceived, Status: n.StatusAt(t), EnteredAt: n.EnteredAt.UTC(), Grounds: grounds, Event: n.Event}
	if v.Status == consent.StatusPending || v.Status == consent.StatusEffective {
		v.EffectiveFrom = moment(n.EffectiveFrom)
	}
	return v
}
