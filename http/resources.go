package http

import (
	"slices"

	"kelisim/commands/access"
)

// Who may ask what of the resources, after the table of roles in the contract.
var (
	officers   = []access.Role{access.Officer}
	approvers  = []access.Role{access.Approver}
	enters     = []access.Role{access.Service, access.Officer} // what the user enters, or an officer for them
	deciders   = []access.Role{access.Service, access.Officer, access.Approver, access.Auditor}
	own        = append(slices.Clone(deciders), access.Subject)
	inspectors = []access.Role{access.Officer, access.Approver, access.Auditor}
	searchers  = []access.Role{access.Service, access.Officer, access.Approver}
	readers    = []access.Role{access.Officer, access.Approver}
	keepers    = []access.Role{access.Approver, access.Operator} // of the master key
)

// table is the routes of the resources. A command's name is its name in the table of commands.
func (a *API) table() []Route {
	create := func(path, command string, roles []access.Role) Route {
		return Route{Method: "POST", Path: path, Roles: roles, Body: JSON, Handle: a.wished(command, "")}
	}
	post := func(path, command string, roles []access.Role) Route {
		return Route{Method: "POST", Path: "/v1/users/{user}" + path, Roles: roles, Body: JSON, Handle: a.wished(command, "user")}
	}
	plain := func(path, command string, roles []access.Role) Route { // may come without a body
		r := post(path, command, roles)
		r.Body = OptionalJSON
		return r
	}
	put := func(path, command string, roles []access.Role) Route {
		r := post(path, command, roles)
		r.Method = "PUT"
		return r
	}
	about := func(path string, roles []access.Role, handle func(*Request) (*Response, error), query ...string) Route {
		return Route{Method: "GET", Path: "/v1/users/{user}" + path, Roles: roles, Query: append([]string{"as_of", "known_at"}, query...), Handle: handle}
	}
	get := func(path string, roles []access.Role, handle func(*Request) (*Response, error), query ...string) Route {
		return Route{Method: "GET", Path: path, Roles: roles, Query: query, Handle: handle}
	}
	of := func(path, command, subject string) Route {
		return Route{Method: "POST", Path: path, Roles: officers, Body: JSON, Handle: a.wished(command, subject)}
	}
	document := get("/v1/documents/{id}/{version}/{language}", everyone, a.document)
	document.Produces = []string{"text/plain"}
	stream := get("/v1/events/stream", inspectors, a.follow, "after", "type")
	stream.Produces = []string{"text/event-stream"}
	consentRecord := about("/consents/{consent}/record", own, a.consentRecord, "format", "language")
	noticeRecord := about("/withdrawal-notices/{notice}/record", own, a.noticeRecord, "format", "language")
	consentRecord.Produces, noticeRecord.Produces = receiptTypes, receiptTypes
	population := get("/v1/consents/records", inspectors, a.population, "format", "as_of", "known_at")
	population.Produces = []string{"application/x-ndjson"}
	lift := of("/v1/restrictions/{restriction}/lift", "lift-restriction", "")
	lift.Body = OptionalJSON
	tariff := Route{Method: "PUT", Path: "/v1/tariffs/{months}", Roles: operators, Body: JSON, Handle: a.wished("set-tariff", "")}
	parameters := Route{Method: "PUT", Path: "/v1/parameters", Roles: operators, Body: JSON, Handle: a.wished("set-parameters", "")}
	text := []string{"text/plain"}
	report := get("/v1/reports/{name}", inspectors, a.report, "from", "to", "known_at", "format", "language")
	report.Produces = reportTypes
	statistic := get("/v1/statistics/{name}", inspectors, a.statistic, "from", "to", "known_at", "by", "format", "language")
	statistic.Produces = reportTypes
	statement := get("/v1/finance", inspectors, a.finance, "month", "format", "table")
	statement.Produces = financeTypes
	publish := create("/v1/documents", "publish-document", operators)
	publish.Limit = 1 << 20
	return slices.Concat(
		[]Route{
			create("/v1/users", "register", service),
			post("/consents", "consent", service),
			post("/purchases", "purchase", service),
			post("/payments", "record-payment", service),
			post("/refunds", "refund", officers),
			post("/charge-backs", "charge-back", officers),
			{Method: "POST", Path: "/v1/payments/{transaction}/apply", Roles: officers, Body: JSON, Handle: a.applyHeld},
			{Method: "POST", Path: "/v1/payments/{transaction}/refund", Roles: officers, Body: JSON, Handle: a.refundHeld},
			post("/charge-back-returns", "return-charge-back", officers),
			{Method: "POST", Path: "/v1/reconciliation/findings/{finding}/resolution", Roles: officers, Body: JSON, Handle: a.resolveFinding},
			post("/granted-days", "grant-days", officers),
			post("/withdrawal-notices", "withdraw", officers),
			plain("/withdrawal-notices/{notice}/rescission", "rescind-withdrawal", officers),
			post("/withdrawal-notices/{notice}/refusal", "refuse-withdrawal", officers),
			plain("/withdrawal-notices/{notice}/acceptance", "accept-withdrawal", officers),
			post("/block", "block", officers),
			plain("/unblock", "unblock", officers),
			post("/content-removals", "remove-content", officers),
			post("/content-permissions", "permit-content-use", officers),
			post("/unauthorised-access", "report-unauthorised-access", enters),
			plain("/access-restoration", "restore-access", enters),
			post("/fines", "demand-fine", officers),
			plain("/obligations/{obligation}/contest", "contest-fine", officers),
			post("/obligations/{obligation}/discharge", "discharge", officers),
			post("/legal-holds", "set-legal-hold", officers),
			plain("/legal-holds/{hold}/lift", "lift-legal-hold", officers),
			put("/personal-data", "record-personal-data", enters),
			put("/login", "change-login", enters),
			put("/contacts", "change-contacts", enters),
			put("/location", "set-location", enters),
			post("/data-block", "block-data", officers),
			post("/data-unblock", "unblock-data", officers),
			post("/depersonalisation", "depersonalise", officers),
			post("/destruction", "destroy", officers),
			plain("/destruction/approval", "approve-destruction", approvers),
			post("/disclosures", "disclose", officers),
			post("/messages", "message", enters),
			plain("/messages/{message}/answer", "answer-message", officers),
			post("/events/{event}/void", "void-entry", officers),
			plain("/events/{event}/void/approval", "approve-void", approvers),
			post("/field-disclosures", "request-field-disclosure", officers),
			plain("/field-disclosures/{disclosure}/approval", "grant-field-disclosure", approvers),
		},
		[]Route{
			about("", own, a.user),
			about("/access", own, a.access, "location", "language"),
			about("/processing", deciders, a.processing, "purpose", "act"),
			{Method: "GET", Path: "/v1/users/{user}/attribution", Roles: deciders, Query: []string{"at", "known_at"}, Handle: a.attribution},
			about("/events", own, a.events, "after", "limit"),
			about("/consents", own, a.consents),
			about("/subscription", own, a.subscription),
			about("/orders", own, a.orders),
			about("/obligations", own, a.obligations),
			about("/reads", own, a.reads),
			about("/activity", own, a.activity, "after", "limit", "at_least"),
			get("/v1/users/{user}/statistics", own, a.ownStatistics, "from", "to", "by", "at_least"),
			get("/v1/users/{user}/personal-data", readers, a.personalData),
			about("/field-disclosures", inspectors, a.fieldDisclosures),
			get("/v1/users/{user}/field-disclosures/{disclosure}/keys", inspectors, a.disclosedKeys),
			get("/v1/users", inspectors, a.users, listFilters...),
			{Method: "POST", Path: "/v1/users/search", Roles: searchers, Asks: true, Body: JSON, Handle: a.search},
			{Method: "POST", Path: "/v1/decisions/processing", Roles: searchers, Asks: true, Body: Lines, Limit: 64 << 20,
				Query: []string{"purpose", "act", "as_of", "known_at", "summary"}, Produces: []string{"application/x-ndjson"}, Handle: a.decisions},
		},
		[]Route{
			publish, tariff, parameters, document, stream, consentRecord, noticeRecord, population,
			get("/v1/documents", everyone, a.documents),
			get("/v1/tariffs", everyone, a.tariffs),
			get("/v1/parameters", everyone, a.parameters),
			create("/v1/restrictions", "impose-restriction", officers),
			lift,
			get("/v1/restrictions", inspectors, a.restrictions),
			get("/v1/events", inspectors, a.feed, "after", "limit", "type"),
			{Method: "POST", Path: "/v1/activities", Roles: service, Body: JSONOrLines, Handle: a.observe},
		},
		[]Route{
			get("/v1/letters", inspectors, a.letters, "status", "after", "limit", "at_least"),
			get("/v1/incidents", inspectors, a.incidents, "after", "limit", "at_least"),
			report,
			get("/v1/reports", inspectors, a.reports, "language"),
			statistic,
			get("/v1/statistics", inspectors, a.statistics),
			statement,
			get("/v1/reconciliation/findings", inspectors, a.findings, "status", "class", "after", "limit", "at_least"),
			get("/v1/payments/held", inspectors, a.held, "after", "limit", "at_least"),
			get("/v1/destructions", inspectors, a.destructions, "status", "after", "limit", "at_least"),
			get("/v1/keys", keepers, a.generations),
			{Method: "POST", Path: "/v1/keys/rotation", Roles: keepers, Handle: a.rotate},
			{Method: "GET", Path: "/v1/log/checkpoint", Public: true, Produces: text, Handle: a.checkpoint},
			{Method: "GET", Path: "/v1/log/key", Public: true, Produces: text, Handle: a.logKey},
			get("/v1/health", operators, a.health),
			{Method: "GET", Path: "/v1/log/tile/{tile:.+}", Roles: inspectors, Produces: []string{"application/octet-stream"}, Handle: a.tile},
			{Method: "GET", Path: "/v1/events/{event}/proof", Roles: deciders, Produces: text, Handle: a.proof},
			{Method: "GET", Path: "/v1/users/{user}/bundle", Roles: inspectors, Query: []string{"disclosure"}, Produces: []string{"application/zip"}, Handle: a.bundle},
			create("/v1/letters", "receive-letter", officers),
			of("/v1/letters/{letter}/match", "match-letter", "letter"),
			create("/v1/incidents", "detect-incident", officers),
			of("/v1/incidents/{incident}/contain", "contain-incident", "incident"),
			of("/v1/incidents/{incident}/assess", "assess-incident", "incident"),
			of("/v1/incidents/{incident}/notify", "notify-incident", "incident"),
			of("/v1/incidents/{incident}/close", "close-incident", "incident"),
		},
	)
}
