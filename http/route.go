package http

import (
	"fmt"
	"slices"
	"strings"

	"kelisim/commands/access"
)

// Route is one line of the table: who may ask what, with which body, and who answers. What it declares is checked before
// Handle is called, so that a handler only meets callers, parameters and bodies of the declared form. openapi.yaml says the same in public;
// TestTableAndDocumentAgree holds the two together.
type Route struct {
	Method string // GET, POST or PUT; HEAD is served by GET
	Path   string // "/v1/users/{user}/consents": a variable matches one segment, {x:.+} several

	// Roles may ask; everyone else gets 403. A path with {user} is open to role subject for their own id alone, any other id being
	// answered as a user that is not there. Public routes have no roles and look at no token.
	Roles  []access.Role
	Public bool

	// Asks marks a POST that records nothing: it takes no Idempotency-Key and no If-Match.
	Asks bool

	Query    []string // names of the query parameters; any other is a 400
	Body     Body
	Limit    int64    // bytes of body; 0 is the usual limit of its kind
	Produces []string // media types that it can answer with beside problems; none is application/json

	Handle func(*Request) (*Response, error)
}

// Body says what a route takes. Every kind but Raw is held against the rules of strictjson before the handler is called.
type Body int

const (
	NoBody       Body = iota
	JSON              // one value, required
	OptionalJSON      // one value, or nothing, which is read as {}
	JSONOrLines       // one array, or newline-delimited JSON; see Items
	Lines             // newline-delimited JSON; see Items
	Raw               // as it comes: the handler reads Request.Raw and answers for its form
)

// The usual limits, in bytes.
const (
	bodyLimit  = 256 << 10
	linesLimit = 8 << 20
)

func (t Route) limit() int64 {
	switch {
	case t.Limit > 0:
		return t.Limit
	case t.Body == Lines, t.Body == JSONOrLines:
		return linesLimit
	}
	return bodyLimit
}

func (t Route) writes() bool { return t.Method != "GET" && !t.Asks && !t.Public }

// check refuses a line that does not say who may ask, or says what cannot be.
func (t Route) check() error {
	at := t.Method + " " + t.Path
	switch {
	case !slices.Contains([]string{"GET", "POST", "PUT"}, t.Method):
		return fmt.Errorf("route %s: the method is not one of GET, POST, PUT", at)
	case !strings.HasPrefix(t.Path, "/"):
		return fmt.Errorf("route %s: the path does not begin with /", at)
	case t.Handle == nil:
		return fmt.Errorf("route %s: nobody handles it", at)
	case t.Public == (len(t.Roles) > 0):
		return fmt.Errorf("route %s: say which roles may ask, or that it is public, and not both", at)
	case t.Method == "GET" && (t.Body != NoBody || t.Asks):
		return fmt.Errorf("route %s: a GET has no body and always asks", at)
	}
	for _, r := range t.Roles {
		if !slices.Contains(access.Roles(), r) {
			return fmt.Errorf("route %s: there is no role %q", at, r)
		}
		if r == access.Subject && strings.HasPrefix(t.Path, "/v1/users") && !strings.Contains(t.Path, "{user}") {
			return fmt.Errorf("route %s: a subject can only be let in where the path has {user}", at)
		}
	}
	return nil
}
