package http

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gorilla/mux"

	"kelisim/commands/access"
	"kelisim/domain"
	"kelisim/http/strictjson"
)

// Request is what a handler is given: all of it has the form that the route declares.
type Request struct {
	ID    string       // of the request, a UUID: the problem's instance, the log's request_id, an event's correlation
	Actor access.Actor // nobody on a public route
	Route Route
	Query *Query

	// Key is the Idempotency-Key, "" where none was given; a service always gives one where the route writes.
	Key string
	// IfRevision is the stream's revision that the caller saw, from If-Match; nil where none was given.
	IfRevision *int64
	// Raw is the body as it came.
	Raw []byte

	http   *http.Request
	vars   map[string]string
	lines  bool
	closed <-chan struct{}
}

// Context ends when the caller goes away.
func (r *Request) Context() context.Context { return r.http.Context() }

// Closing is closed when the server stops: a handler that streams for ever ends then.
func (r *Request) Closing() <-chan struct{} { return r.closed }

// Scope is what an idempotency key is unique in: credential and path.
func (r *Request) Scope() string {
	return r.Actor.Name + " " + r.http.Method + " " + r.http.URL.EscapedPath()
}

// Var is a variable of the path, unescaped, "" if the path has none of that name.
func (r *Request) Var(name string) string { return r.vars[name] }

// User is the path's {user}. A malformed id is user-not-found, as any id that is nobody's.
func (r *Request) User() (domain.UserID, error) {
	id, err := r.VarID("user")
	return domain.UserID(id), err
}

// VarID is a variable of the path that holds a UUID; one that is none is answered as a thing that is not there, NAME-not-found.
func (r *Request) VarID(name string) (string, error) {
	id, err := domain.ParseID(r.Var(name))
	if err != nil {
		return "", notFound(name)
	}
	return id, nil
}

func notFound(what string) error {
	return domain.Refuse(domain.NotFound, what+"-not-found", "there is no such %s", what)
}

// Decode reads the body into one pointer, or into several structs that share its members (a command, and what every command has in
// common). Unknown members, wrong kinds and missing fields tagged `required:"true"` are refused, each with its pointer.
func (r *Request) Decode(into ...any) error {
	return strictjson.Decode(r.value(), into...)
}

// Canonical is the body with its members sorted: what must be equal when an idempotency key is used again.
func (r *Request) Canonical() ([]byte, error) {
	if r.lines {
		return r.Raw, nil
	}
	return strictjson.Canonical(r.value())
}

func (r *Request) value() []byte {
	if r.Route.Body == OptionalJSON && len(r.Raw) == 0 {
		return []byte("{}")
	}
	return r.Raw
}

// Items reads a list from the body: the lines of newline-delimited JSON, or one array where the route takes both.
func Items[T any](r *Request, most int) ([]T, error) {
	if r.lines {
		return strictjson.DecodeLines[T](r.Raw, most)
	}
	var all []T
	if err := strictjson.Decode(r.Raw, &all); err != nil {
		return nil, err
	}
	if len(all) > most {
		return nil, domain.Malformed("", "more than %d items", most)
	}
	return all, nil
}

// Purpose is why personal data are asked for, in the reader's words (P-2.4): the Purpose header, 3 to 200 characters.
func (r *Request) Purpose() (string, error) {
	const name = "Purpose"
	text, err := one(r.http.Header, name)
	if err != nil {
		return "", err
	}
	// Headers are Latin-1 on the wire; what is percent-encoded is taken as UTF-8, so that a purpose can be in Kazakh.
	if plain, err := url.PathUnescape(text); err == nil {
		text = plain
	}
	text = strings.TrimSpace(text)
	if n := utf8.RuneCountInString(text); !utf8.ValidString(text) || n < 3 || n > 200 || strings.ContainsFunc(text, unicode.IsControl) {
		return "", badHeader(name, "say in 3 to 200 characters why personal data are read")
	}
	return text, strictjson.Text("@"+name, text)
}

// Header refusals name the header in place of a pointer.
func badHeader(name, detail string) error {
	return domain.Malformed("@"+name, "%s", detail)
}

// one is a header that may be given once.
func one(h http.Header, name string) (string, error) {
	switch values := h.Values(name); len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	}
	return "", badHeader(name, "the header is given twice")
}

// An IIN or a telephone number has no place in a key, which stands in every event's metadata as a hash.
var (
	keyForm      = regexp.MustCompile(`^[!-?A-~]{1,128}$`) // printable, no space, no @
	longDigitRun = regexp.MustCompile(`[0-9]{12}`)
	// drawnID is a UUID, or as many hexadecimal digits or more: of those that are drawn, some hold twelve decimal ones in a row.
	drawnID = regexp.MustCompile(`(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]*([0-9][a-f]|[a-f][0-9])[0-9a-f]*`)
)

func idempotencyKey(r *http.Request, role access.Role) (string, error) {
	const name = "Idempotency-Key"
	key, err := one(r.Header, name)
	switch {
	case err != nil:
		return "", err
	case key == "" && len(r.Header.Values(name)) == 0:
		if role == access.Service {
			return "", badHeader(name, "a service gives a key with every request that records something")
		}
		return "", nil
	case !keyForm.MatchString(key) || longDigitRun.MatchString(drawnID.ReplaceAllStringFunc(key, withoutID)):
		return "", badHeader(name, "a key is 1 to 128 printable characters without spaces, @ and runs of 12 digits; a UUID is best")
	}
	return key, nil
}

// withoutID leaves of a word what is not as long as an id.
func withoutID(word string) string {
	if len(word) < 32 {
		return word
	}
	return ""
}

// ifMatch reads the revision that the caller saw. A proxy that compresses may have made the tag weak; a revision means the same all the same.
func ifMatch(r *http.Request) (*int64, error) {
	const name = "If-Match"
	tag, err := one(r.Header, name)
	if err != nil || tag == "" {
		return nil, err
	}
	tag = strings.TrimPrefix(tag, "W/")
	if len(tag) > 2 && tag[0] == '"' && tag[len(tag)-1] == '"' {
		if n, err := strconv.ParseInt(tag[1:len(tag)-1], 10, 64); err == nil && n >= 0 {
			return &n, nil
		}
	}
	return nil, badHeader(name, "one entity tag is wanted, as an ETag gave it: the stream's revision in quotes")
}

// pathVars unescapes the variables of the path; false if one holds what no id of ours can.
func pathVars(r *http.Request) (map[string]string, bool) {
	vars := mux.Vars(r)
	for name, escaped := range vars {
		v, err := url.PathUnescape(escaped)
		if err != nil || !utf8.ValidString(v) || strings.ContainsFunc(v, unicode.IsControl) {
			return nil, false
		}
		vars[name] = v
	}
	return vars, true
}
