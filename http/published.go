package http

import (
	"slices"
	"time"

	"kelisim/commands"
	"kelisim/domain"
	"kelisim/domain/site"
)

type documentView struct {
	ID          string    `json:"id"`
	Version     string    `json:"version"`
	Language    string    `json:"language"`
	SHA256      string    `json:"sha256"`
	InForceFrom time.Time `json:"in_force_from"`
	InForce     bool      `json:"in_force"` // now
	Purposes    []string  `json:"purposes,omitempty"`
	FullSHA256  string    `json:"full_sha256,omitempty"`
}

func (a *API) published(r *Request) (site.State, time.Time, error) {
	st, err := a.Service.SiteAt(r.Context(), commands.Known{})
	return st, a.Service.Now(), err
}

// documents lists every published text.
func (a *API) documents(r *Request) (*Response, error) {
	st, now, err := a.published(r)
	if err != nil {
		return nil, err
	}
	items := []documentView{}
	for _, d := range st.Documents() {
		current, ok := st.InForce(d.ID, d.Language, now)
		items = append(items, documentView{d.ID, d.Version, d.Language, d.SHA256, d.InForceFrom.UTC(), ok && current.Version == d.Version, d.Purposes, d.FullSHA256})
	}
	return Page(items, ""), nil
}

// document gives a published text's exact bytes.
func (a *API) document(r *Request) (*Response, error) {
	st, _, err := a.published(r)
	if err != nil {
		return nil, err
	}
	d, ok := st.Document(r.Var("id"), r.Var("version"), r.Var("language"))
	if !ok {
		return nil, notFound("document")
	}
	return Bytes("text/plain; charset=utf-8", d.Content).With("Content-Language", d.Language).With("Digest", "sha-256="+d.SHA256), nil
}

// tariffs lists the prices, those in force first marked as such (T-2.1).
func (a *API) tariffs(r *Request) (*Response, error) {
	st, now, err := a.published(r)
	if err != nil {
		return nil, err
	}
	type tariffView struct {
		site.TariffSet
		InForce bool `json:"in_force"`
	}
	items := []tariffView{}
	latest := map[int]int{}
	for i, t := range st.Tariffs() {
		v := tariffView{TariffSet: t.TariffSet}
		if !t.InForceFrom.After(now) {
			if j, ok := latest[t.Months]; !ok || !t.InForceFrom.Before(items[j].InForceFrom) {
				latest[t.Months] = i
			}
		}
		items = append(items, v)
	}
	for _, i := range latest {
		items[i].InForce = true
	}
	slices.SortStableFunc(items, func(a, b tariffView) int { return a.Months - b.Months })
	return Page(items, ""), nil
}

// parameters gives the numbers of the terms in force, and all that were ever set.
func (a *API) parameters(r *Request) (*Response, error) {
	st, now, err := a.published(r)
	if err != nil {
		return nil, err
	}
	items := st.Parameters()
	if items == nil {
		items = []site.ParametersSet{}
	}
	return OK(struct {
		InForce domain.Parameters    `json:"in_force"`
		Items   []site.ParametersSet `json:"items"`
		Next    *string              `json:"next"`
	}{st.ParametersAt(now), items, nil}), nil
}

// restrictions lists the restrictions by category (T-1.3).
func (a *API) restrictions(r *Request) (*Response, error) {
	st, now, err := a.published(r)
	if err != nil {
		return nil, err
	}
	type restrictionView struct {
		RestrictionID string        `json:"restriction_id"`
		Category      site.Category `json:"category"`
		Since         time.Time     `json:"since"`
		Until         *time.Time    `json:"until"`
		Stands        bool          `json:"stands"`
		Event         string        `json:"event"`
	}
	items := []restrictionView{}
	for _, k := range st.Restrictions() {
		items = append(items, restrictionView{k.ID, k.Category, k.Since.UTC(), moment(k.Until), !k.Since.After(now) && (k.Until.IsZero() || now.Before(k.Until)), k.Event})
	}
	return Page(items, ""), nil
}
