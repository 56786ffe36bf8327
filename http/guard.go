package http

import (
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"kelisim/commands/access"
	"kelisim/domain"
	"kelisim/http/strictjson"
)

// answer is a route with all its guards around it.
func (s *Server) answer(route *Route) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w := out.(*recorder)
		w.route = route
		request, err := s.admit(w, r, route)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		response, err := route.Handle(request)
		if err == nil {
			err = response.write(w, r)
		}
		switch {
		case err == nil:
		case w.status == 0:
			s.fail(w, r, err)
		default: // a stream broke off: the caller learns it by the cut connection, we by the log
			s.log.WarnContext(r.Context(), "a stream broke off", "request_id", w.id, "route", route.Path, "error", err)
			panic(http.ErrAbortHandler)
		}
	})
}

// admit turns what came into a Request, or refuses it. Who asks is settled before anything else is looked at.
func (s *Server) admit(w *recorder, r *http.Request, route *Route) (*Request, error) {
	vars, ok := pathVars(r)
	if !ok {
		return nil, refuse("route-not-found", "there is nothing at this path")
	}
	q := &Request{ID: w.id, Route: *route, http: r, vars: vars, closed: s.closing}
	if !route.Public {
		actor, err := s.authorise(w, r, route)
		if err != nil {
			return nil, err
		}
		q.Actor = actor
		if user := vars["user"]; actor.Role == access.Subject && user != "" && !actor.MayLookAt(domain.UserID(user)) {
			return nil, notFound("user")
		}
	}
	var err error
	if q.Query, err = parseQuery(r.URL.RawQuery, route.Query); err != nil {
		return nil, err
	}
	if err := acceptable(r, route); err != nil {
		return nil, err
	}
	if route.writes() {
		if q.Key, err = idempotencyKey(r, q.Actor.Role); err != nil {
			return nil, err
		}
		if q.IfRevision, err = ifMatch(r); err != nil {
			return nil, err
		}
	}
	return q, q.readBody(w, r)
}

// authorise tells who asks, and whether they may.
func (s *Server) authorise(w *recorder, r *http.Request, route *Route) (access.Actor, error) {
	token, err := bearer(r)
	if err != nil {
		return access.Actor{}, err
	}
	actor, err := s.options.Tokens.Check(r.Context(), token)
	if err != nil {
		return access.Actor{}, err
	}
	w.actor = actor
	if seconds := s.limiters.wait(actor); seconds > 0 {
		s.metrics.refused.WithLabelValues(string(actor.Role)).Inc()
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		return access.Actor{}, refuse("rate-limited", "too many requests with this token; try again in %d seconds", seconds)
	}
	if !slices.Contains(route.Roles, actor.Role) {
		return access.Actor{}, domain.Refuse(domain.Forbidden, "forbidden", "role %s may not do this", actor.Role)
	}
	return actor, nil
}

func bearer(r *http.Request) (string, error) {
	switch values := r.Header.Values("Authorization"); len(values) {
	case 0:
		return "", refuse("unauthenticated", "a token is wanted: Authorization: Bearer …")
	case 1:
		scheme, token, _ := strings.Cut(values[0], " ")
		if strings.EqualFold(scheme, "Bearer") {
			return strings.TrimSpace(token), nil
		}
	}
	return "", refuse("unauthenticated", "one Authorization header is wanted, of the form Bearer …")
}

// readBody reads the whole body and holds it against the rules of its kind.
func (r *Request) readBody(w *recorder, in *http.Request) error {
	if in.Header.Get("Content-Encoding") != "" {
		return refuse("unsupported-media-type", "a compressed body is not taken")
	}
	limit := r.Route.limit()
	tooLarge := refuse("body-too-large", "the body is over %d bytes", limit)
	if in.ContentLength > limit {
		return tooLarge
	}
	var err error
	if r.Raw, err = readAll(http.MaxBytesReader(w.ResponseWriter, in.Body, limit), in.ContentLength); err != nil {
		if _, over := err.(*http.MaxBytesError); over {
			return tooLarge
		}
		return domain.Malformed("", "the body did not come whole")
	}
	return r.checkBody(in.Header.Get("Content-Type"))
}

func readAll(body io.Reader, length int64) ([]byte, error) {
	if length <= 0 {
		return io.ReadAll(body)
	}
	data := make([]byte, length)
	_, err := io.ReadFull(body, data)
	return data, err
}

func (r *Request) checkBody(contentType string) error {
	kind := r.Route.Body
	switch {
	case kind == Raw:
		return nil
	case kind == NoBody:
		if len(r.Raw) > 0 {
			return domain.Malformed("", "no body is taken here")
		}
		return nil
	case kind == OptionalJSON && len(r.Raw) == 0:
		return nil
	case len(r.Raw) == 0 && kind != Lines:
		return domain.Malformed("", "a body is wanted and there is none")
	}
	media, params, err := mime.ParseMediaType(contentType)
	if charset, ok := params["charset"]; err != nil || ok && !strings.EqualFold(charset, "utf-8") {
		return unsupported(kind)
	}
	isLines := slices.Contains(linesTypes, media)
	switch {
	case isLines && (kind == Lines || kind == JSONOrLines):
		r.lines = true
		return strictjson.CheckLines(r.Raw)
	case media == "application/json" && kind != Lines:
		return strictjson.Check(r.Raw)
	}
	return unsupported(kind)
}

var linesTypes = []string{"application/x-ndjson", "application/ndjson", "application/jsonl"}

func unsupported(kind Body) error {
	switch kind {
	case Lines:
		return refuse("unsupported-media-type", "the body is application/x-ndjson in UTF-8")
	case JSONOrLines:
		return refuse("unsupported-media-type", "the body is application/json or application/x-ndjson in UTF-8")
	}
	return refuse("unsupported-media-type", "the body is application/json in UTF-8")
}

// acceptable tells whether the caller takes any of what the route can answer with.
func acceptable(r *http.Request, route *Route) error {
	accepts := r.Header.Values("Accept")
	if len(accepts) == 0 {
		return nil
	}
	produces := route.Produces
	if len(produces) == 0 {
		produces = []string{"application/json"}
	}
	for part := range strings.SplitSeq(strings.Join(accepts, ","), ",") {
		media, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		if q, err := strconv.ParseFloat(params["q"], 64); err == nil && q == 0 {
			continue
		}
		group, all := strings.CutSuffix(media, "*")
		for _, p := range produces {
			if p == media || media == "*/*" || all && strings.HasPrefix(p, group) {
				return nil
			}
		}
	}
	return refuse("not-acceptable", "this is answered as: %s", strings.Join(produces, ", "))
}
