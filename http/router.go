package http

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"
)

// The one table becomes one gorilla/mux router. Its defaults are turned off where they lose a body or an answer: paths are not cleaned (a
// redirect would drop a POST's body), escaped slashes stay within their segment, a wrong method names the right ones, and what every answer
// needs is wrapped around the router, since its own middleware does not run where no route matched.
func (s *Server) newRouter() (http.Handler, error) {
	router := mux.NewRouter().SkipClean(true).UseEncodedPath()
	seen := map[string]bool{}
	for i := range s.table {
		route := &s.table[i]
		if err := route.check(); err != nil {
			return nil, err
		}
		if at := route.Method + " " + route.Path; seen[at] {
			return nil, fmt.Errorf("route %s stands in the table twice", at)
		} else {
			seen[at] = true
		}
		added := router.NewRoute().MatcherFunc(sameShape(route.Path)).Path(route.Path).Methods(route.Method).Handler(s.answer(route))
		if err := added.GetError(); err != nil {
			return nil, fmt.Errorf("route %s %s: %w", route.Method, route.Path, err)
		}
	}
	beside := func(template string, handler http.Handler, routes ...*mux.Route) {
		as := &Route{Path: template}
		for _, r := range routes {
			r.Handler(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
				out.(*recorder).route = as
				handler.ServeHTTP(out, r)
			}))
		}
	}
	if s.options.Console != nil {
		beside("/console", s.options.Console, router.Path("/console"), router.PathPrefix("/console/"))
	}
	if s.options.CloudPayments != nil {
		beside("/webhooks/cloudpayments/{kind}", s.options.CloudPayments, router.Path("/webhooks/cloudpayments/{kind}"))
	}
	router.NotFoundHandler = s.edge(func(*recorder, *http.Request) error {
		return refuse("route-not-found", "there is nothing at this path")
	})
	router.MethodNotAllowedHandler = s.edge(func(w *recorder, r *http.Request) error {
		allowed := s.allowed(router, r)
		w.Header().Set("Allow", allowed)
		return refuse("method-not-allowed", "allowed here: %s", allowed)
	})
	return router, nil
}

// edge answers where no route did.
func (s *Server) edge(refusal func(*recorder, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w := out.(*recorder)
		s.fail(w, r, refusal(w, r))
	})
}

// allowed are the methods that the path has, as RFC 9110 wants them in Allow.
func (s *Server) allowed(router *mux.Router, r *http.Request) string {
	var methods []string
	for _, m := range []string{"GET", "POST", "PUT"} {
		as := *r
		as.Method = m
		var match mux.RouteMatch
		if router.Match(&as, &match) && match.MatchErr == nil {
			methods = append(methods, m)
			if m == "GET" {
				methods = append(methods, "HEAD")
			}
		}
	}
	return strings.Join(methods, ", ")
}

// sameShape spares the table's regular expressions: most paths differ in their length or in a word of it, which is told without one.
func sameShape(template string) mux.MatcherFunc {
	want := strings.Split(template, "/")
	long := strings.Contains(template, ":.+}")
	return func(r *http.Request, _ *mux.RouteMatch) bool {
		path := r.URL.RawPath
		if path == "" {
			path = r.URL.Path
		}
		for i, part := range want {
			if long && i == len(want)-1 {
				return true
			}
			here, rest, more := strings.Cut(path, "/")
			if more != (i < len(want)-1) || part != here && (part == "" || part[0] != '{') {
				return false
			}
			path = rest
		}
		return true
	}
}

func knownMethod(method string) string {
	if slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"}, method) {
		return method
	}
	return "other"
}
