package http

import (
	"time"

	"kelisim/commands"
	"kelisim/domain"
	"kelisim/http/govstack"
)

// facade is the routes of the GovStack building block for consent that can be answered from what the ledger knows; package govstack says what stands
// for what. All paths end in a slash, as its specification has them. The whole population is not listed by its offsets: /v1/users and
// /v1/consents/records are for that.
func (a *API) facade() []Route {
	get := func(path string, verification bool, handle func(*Request) (*Response, error), query ...string) Route {
		r := Route{Method: "GET", Path: "/govstack/audit/" + path, Roles: inspectors, Query: query, Handle: handle}
		if verification {
			r.Path, r.Roles = "/govstack/service/verification/"+path, deciders
		}
		return r
	}
	active := func(only bool) func(*Request) (*Response, error) {
		return func(r *Request) (*Response, error) { return a.agreements(r, only) }
	}
	filter := []string{"individualId", "dataAgreementId", "offset", "limit"}
	return []Route{
		get("data-agreements/", true, active(true), "offset", "limit"),
		get("consent-records/", true, a.individualRecords, filter...),
		get("consent-record/{record}/", true, a.individualRecord),
		get("data-agreements/", false, active(false), "offset", "limit"),
		get("data-agreement/{agreement}/", false, a.agreement),
		get("consent-records/", false, a.individualRecords, filter...),
		get("consent-record/{record}/", false, a.individualRecord),
	}
}

// agreements lists purposes as data agreements: those in force, or all there ever were.
func (a *API) agreements(r *Request, active bool) (*Response, error) {
	cut, err := r.cut()
	if err != nil {
		return nil, err
	}
	st, now, err := a.published(r)
	if err != nil {
		return nil, err
	}
	return OK(map[string]any{"dataAgreements": portion(govstack.Agreements(st, now, active), cut)}), nil
}

// agreement is one purpose as a data agreement, with its texts.
func (a *API) agreement(r *Request) (*Response, error) {
	st, now, err := a.published(r)
	if err != nil {
		return nil, err
	}
	agreement, revisions, ok := govstack.Agreement(st, now, r.Var("agreement"))
	if !ok {
		return nil, notFound("document")
	}
	return OK(map[string]any{"dataAgreement": agreement, "revisions": revisions}), nil
}

// individualRecords lists how one person's consents stand.
func (a *API) individualRecords(r *Request) (*Response, error) {
	id, err := domain.ParseUserID(r.Query.Required("individualId"))
	if err != nil && r.Query.String("individualId") != "" {
		r.Query.fault("individualId", "an id is a UUID in lower case with hyphens")
	}
	cut, err := r.cut()
	if err != nil {
		return nil, err
	}
	records, err := a.recordsOf(r, id)
	if err != nil {
		return nil, err
	}
	if only := r.Query.String("dataAgreementId"); r.Query.Has("dataAgreementId") {
		some := records[:0]
		for _, k := range records {
			if k.DataAgreement.ID == only {
				some = append(some, k)
			}
		}
		records = some
	}
	return OK(map[string]any{"consentRecords": portion(records, cut)}), nil
}

// individualRecord is how one person's consent stands for one purpose.
func (a *API) individualRecord(r *Request) (*Response, error) {
	id, purpose, ok := govstack.Split(r.Var("record"))
	if !ok {
		return nil, notFound("consent")
	}
	records, err := a.recordsOf(r, id)
	if err != nil && domain.Code(err) != "user-not-found" {
		return nil, err
	}
	for _, k := range records {
		if k.DataAgreement.ID == purpose {
			return OK(map[string]any{"consentRecord": k}), nil
		}
	}
	return nil, notFound("consent")
}

func (a *API) recordsOf(r *Request, id domain.UserID) ([]govstack.ConsentRecord, error) {
	snap, err := a.Service.Snapshot(r.Context(), id, commands.Known{})
	if err != nil {
		return nil, err
	}
	return govstack.Records(id, snap.State.Books, snap.Site, a.Service.Now().UTC().Truncate(time.Microsecond)), nil
}

// span is a part of a list, by offset and length.
type span struct{ offset, limit int }

func (r *Request) cut() (span, error) {
	s := span{r.Query.Int("offset", 0, 0, 1_000_000), r.Query.Int("limit", 100, 1, 1000)}
	return s, r.Query.Err()
}

func portion[T any](items []T, s span) []T {
	items = items[min(s.offset, len(items)):]
	return items[:min(s.limit, len(items))]
}
