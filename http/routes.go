package http

import (
	"slices"

	"kelisim/commands/access"
	"kelisim/projections/reports"
)

// Who may ask, after the table of roles. One set a line of that table, so that a route is granted by its meaning.
var (
	everyone  = access.Roles()
	service   = []access.Role{access.Service}
	operators = []access.Role{access.Operator}
)

// routes is the table: every route there is, a block for each resource.
func (s *Server) routes() []Route {
	tokens, outlets := tokens{s}, outlets{s}
	resources := &API{Service: s.options.Service, Views: s.options.Views, Log: s.options.Evidence, reporting: make(chan struct{}, 1),
		kept: reports.Kept{Most: s.options.ReportsKept}}
	return slices.Concat(
		resources.table(),
		resources.facade(),
		[]Route{
			{Method: "GET", Path: "/livez", Public: true, Handle: s.livez},
			{Method: "GET", Path: "/readyz", Public: true, Handle: s.readyz},
			{Method: "GET", Path: "/openapi.json", Public: true, Handle: s.openapi},
			{Method: "GET", Path: "/docs", Public: true, Produces: html, Handle: s.docs},
			{Method: "GET", Path: "/docs/{file}", Public: true, Produces: anything, Handle: s.docsFile},
			{Method: "GET", Path: "/problems/{code}", Public: true, Produces: html, Handle: s.problemPage},
		},
		[]Route{
			{Method: "GET", Path: "/v1/whoami", Roles: everyone, Handle: tokens.whoami},
			{Method: "GET", Path: "/v1/tokens", Roles: operators, Handle: tokens.list},
			{Method: "POST", Path: "/v1/tokens/{token}/revocation", Roles: operators, Asks: true, Handle: tokens.revoke},
			{Method: "GET", Path: "/v1/outlets", Roles: operators, Handle: outlets.list},
			{Method: "GET", Path: "/v1/outlets/{outlet}/deliveries", Roles: operators, Query: []string{"state", "after", "limit"}, Handle: outlets.deliveries},
			{Method: "POST", Path: "/v1/outlets/{outlet}/deliveries/{delivery}/redelivery", Roles: operators, Asks: true, Handle: outlets.redeliver},
			{Method: "POST", Path: "/v1/users/{user}/tokens", Roles: service, Asks: true, Body: OptionalJSON, Handle: tokens.createForUser},
		},
	)
}

var (
	html     = []string{"text/html"}
	anything = []string{"text/css", "text/javascript", "text/plain", "image/png"}
)
