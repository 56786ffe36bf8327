package http

import (
	"strconv"
	"strings"
	"time"

	"kelisim/domain"
	"kelisim/domain/consent"
	"kelisim/domain/obligation"
	"kelisim/domain/permission"
	"kelisim/domain/site"
	"kelisim/domain/subscription"
	"kelisim/projections"
	"kelisim/projections/reports"
)

// listFilters are the parameters of the list of users, beside those of every list.
var listFilters = []string{"status", "coverage", "plan", "expires_after", "expires_before", "consent", "purpose", "block", "obligation", "legal_hold",
	"document", "version", "registered_from", "registered_to", "location", "language", "as_of", "after", "limit", "at_least"}

// users lists the users whom all the given filters meet, as of now or of a moment to come. They are in the order of their registration, and are not
// counted: a count would cost what the list is spared, and the reports have it.
func (a *API) users(r *Request) (*Response, error) {
	filter := r.userFilter()
	var after projections.UsersAfter
	r.Query.Cursor("after", &after)
	limit := r.Query.Int("limit", 100, 1, 1000)
	now := a.Service.Now().UTC()
	asOf := now
	if t := r.Query.Time("as_of"); t != nil {
		if asOf = *t; asOf.Before(now.Add(-listedLate)) {
			r.Query.fault("as_of", "a list tells of now and of what is to come; what stood earlier is in the reports")
		}
	}
	if err := r.Query.Err(); err != nil {
		return nil, err
	}
	if err := a.reach(r, "users"); err != nil {
		return nil, err
	}
	page, err := a.Views.UserList(r.Context(), filter, asOf, after, limit)
	if err != nil {
		return nil, err
	}
	body := struct {
		Items    []projections.User `json:"items"`
		Next     *string            `json:"next"`
		AsOf     time.Time          `json:"as_of"`
		Position int64              `json:"position"`
	}{page.Users, nil, page.AsOf, page.Position}
	if body.Items == nil {
		body.Items = []projections.User{}
	}
	if page.Next != nil {
		next := Cursor(page.Next)
		body.Next = &next
	}
	return OK(body), nil
}

// listedLate is how far a caller's clock may be behind ours.
const listedLate = 5 * time.Minute

// userFilter reads the filters; what is malformed is told by the query's Err.
func (r *Request) userFilter() projections.UserFilter {
	q := r.Query
	f := projections.UserFilter{
		Status:     q.OneOf("status", "", "active", "blocked", permission.Depersonalised, permission.Destroyed),
		Coverage:   q.OneOf("coverage", "", subscription.ReasonTrial, subscription.ReasonPaid, subscription.ReasonGranted, subscription.Lapsed, subscription.NotStarted),
		Consent:    q.OneOf("consent", "", consent.NeverGiven, consent.IsGiven, consent.WithdrawalPending, consent.Withdrawn, permission.DataBlocked, permission.Depersonalised, permission.Destroyed),
		Block:      q.OneOf("block", "", "account", "data", "none"),
		Obligation: q.OneOf("obligation", "", obligation.Fine, obligation.ChargeBack, "any", "none"),
		Hold:       q.OneOf("legal_hold", "", "any", "none"),
		Plan:       q.String("plan"), Purpose: q.String("purpose"), Document: q.String("document"), Version: q.String("version"),
		Location: q.String("location"), Language: q.String("language"),
		ExpiresAfter: q.edge("expires_after", reports.Edge), ExpiresBefore: q.edge("expires_before", reports.Edge),
		RegisteredFrom: q.edge("registered_from", reports.Edge), RegisteredTill: q.edge("registered_to", reports.End),
	}
	if n, err := strconv.Atoi(f.Plan); q.Has("plan") && f.Plan != "none" && (err != nil || n < 1 || n > 1200 || strconv.Itoa(n) != f.Plan) {
		q.fault("plan", "a number of months is wanted, or none")
	}
	for _, name := range []string{"status", "coverage", "consent", "block", "obligation", "legal_hold"} {
		if q.Has(name) && q.String(name) == "" {
			q.fault(name, "a word is wanted; leave the parameter out to ask for nothing")
		}
	}
	switch {
	case q.Has("purpose") && !site.ValidPurpose(f.Purpose):
		q.fault("purpose", "a purpose is a word of small letters, digits and hyphens, such as advertising")
	case f.Purpose != "" && f.Consent == "":
		q.fault("consent", "say which status of consent is wanted for the purpose")
	case f.Consent == consent.NeverGiven && f.Purpose == "":
		q.fault("purpose", "say for which purpose consent was never given")
	}
	const sample = "0000000000000000000000000000000000000000000000000000000000000000"
	switch {
	case q.Has("document") && !site.ValidDocument(f.Document, "1", sample):
		q.fault("document", "a document's id is wanted, such as terms")
	case q.Has("version") && f.Document == "":
		q.fault("document", "say of which document the version is")
	case q.Has("version") && !site.ValidDocument(f.Document, f.Version, sample):
		q.fault("version", "a version is wanted, such as 2020-10-27")
	}
	if q.Has("location") && !domain.ValidLocation(f.Location) {
		q.fault("location", "a location is a code such as KZ or KZ-71")
	}
	if q.Has("language") && !domain.ValidLanguage(f.Language) {
		q.fault("language", "a language is a tag such as kk, ru or en")
	}
	return f
}

// edge is an end of a range: a moment, or a day in Astana; zero where the parameter is not there.
func (q *Query) edge(name string, of func(string) (time.Time, error)) time.Time {
	t, err := of(strings.Replace(q.String(name), " ", "+", 1))
	if err != nil || q.Has(name) && q.String(name) == "" {
		q.fault(name, "a day such as 2026-01-31 or a moment such as 2026-01-31T10:00:00+05:00 is wanted")
		return time.Time{}
	}
	return t
}
