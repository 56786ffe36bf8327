package http

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/text/language"

	"kelisim/commands/access"
	"kelisim/commands/journal"
	"kelisim/domain"
)

// What each code means, in the three languages: title for a heading, detail for a person who met it. TestEveryCodeIsExplained holds it
// complete against every refusal of the rooms to the left.
//
//go:embed problems.json
var problemsJSON []byte

type explanation struct {
	Status int              `json:"status"`
	Words  map[string]words `json:"words"` // by language
}

type words struct {
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

var explanations = sync.OnceValue(func() map[string]explanation {
	var all map[string]explanation
	if err := json.Unmarshal(problemsJSON, &all); err != nil {
		panic("problems.json: " + err.Error())
	}
	return all
})

// The languages of a problem; the first is spoken to who asks for none.
var languages = []string{"en", "kk", "ru"}

var matcher = language.NewMatcher([]language.Tag{language.English, language.Kazakh, language.Russian})

// languageOf chooses by the caller's Accept-Language.
func languageOf(r *http.Request) string {
	_, index := language.MatchStrings(matcher, r.Header.Get("Accept-Language"))
	return languages[index]
}

// problem is RFC 9457. Members beside it: code, which is stable and for machines; clause, the ground in the terms; errors, each place at fault.
type problem struct {
	Type     string  `json:"type"` // a page that explains the code
	Title    string  `json:"title"`
	Status   int     `json:"status"`
	Detail   string  `json:"detail"`
	Instance string  `json:"instance"` // the request's id
	Code     string  `json:"code"`
	Clause   string  `json:"clause,omitempty"`
	Errors   []fault `json:"errors,omitempty"`
}

// A fault lies in the body (pointer), in a query parameter, or in a header.
type fault struct {
	Pointer   *string `json:"pointer,omitempty"`
	Parameter string  `json:"parameter,omitempty"`
	Header    string  `json:"header,omitempty"`
	Detail    string  `json:"detail"`
}

// Refusals of the edge itself; their statuses stand in problems.json.
func refuse(code, format string, args ...any) *domain.Error {
	return domain.Refuse(0, code, format, args...)
}

// known turns the failures of the rooms to the left into refusals that a caller can act upon; nil if it is none of them.
func known(err error) *domain.Error {
	var conflict *journal.ConflictError
	switch {
	case errors.Is(err, access.ErrExpired):
		return refuse("unauthenticated", "the token has expired")
	case errors.Is(err, access.ErrRevoked):
		return refuse("unauthenticated", "the token was revoked")
	case errors.Is(err, access.ErrToken):
		return refuse("unauthenticated", "the token is not valid")
	case errors.Is(err, journal.ErrUnknown):
		return refuse("outcome-unknown", "it is not known whether this was recorded; repeat it with the same Idempotency-Key")
	case errors.Is(err, journal.ErrNotWritten), errors.Is(err, journal.ErrClosed), errors.As(err, &conflict):
		return refuse("unavailable", "nothing was recorded; try again")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return refuse("unavailable", "the request took too long or was given up")
	}
	return nil
}

// refusals are the domain's errors inside err, those of errors.Join each for itself.
func refusals(err error) []*domain.Error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*domain.Error
		for _, e := range many.Unwrap() {
			all = append(all, refusals(e)...)
		}
		return all
	}
	var one *domain.Error
	if errors.As(err, &one) {
		return []*domain.Error{one}
	}
	return nil
}

// joined is nil, the one error, or all of them as one.
func joined(all []error) error {
	if len(all) == 1 {
		return all[0]
	}
	return errors.Join(all...)
}

// problemOf says what an error is to the caller, and whether it is a fault of ours, to be looked into.
func problemOf(err error, lang string) (p problem, ours bool) {
	all := refusals(err)
	if len(all) == 0 {
		if e := known(err); e != nil {
			all = []*domain.Error{e}
		} else {
			all, ours = []*domain.Error{refuse("internal", "something went wrong here; it was noted under the request's id")}, true
		}
	}
	first := all[0]
	p = problem{Type: "/problems/" + first.Code, Status: statusOf(first), Detail: first.Detail, Code: first.Code, Clause: first.Clause}
	explained := explanations()[first.Code].Words[lang]
	p.Title = explained.Title
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	if lang != languages[0] && explained.Detail != "" {
		p.Detail = explained.Detail // the rule's own words are English
	}
	for _, e := range all {
		if e.Code == first.Code && (e.Pointer != "" || len(all) > 1) {
			p.Errors = append(p.Errors, faultOf(e))
		}
	}
	return p, ours
}

func faultOf(e *domain.Error) fault {
	f := fault{Detail: e.Detail}
	switch {
	case strings.HasPrefix(e.Pointer, "?"):
		f.Parameter = e.Pointer[1:]
	case strings.HasPrefix(e.Pointer, "@"):
		f.Header = e.Pointer[1:]
	default:
		f.Pointer = &e.Pointer
	}
	return f
}

func statusOf(e *domain.Error) int {
	switch e.Kind {
	case domain.Invalid:
		return http.StatusBadRequest
	case domain.Forbidden:
		return http.StatusForbidden
	case domain.NotFound:
		return http.StatusNotFound
	case domain.Conflict:
		return http.StatusConflict
	case domain.Precondition:
		return http.StatusPreconditionFailed
	case domain.Unprocessable:
		return http.StatusUnprocessableEntity
	case domain.Unavailable:
		return http.StatusServiceUnavailable
	}
	if x, ok := explanations()[e.Code]; ok {
		return x.Status
	}
	return http.StatusInternalServerError
}

// fail answers with a problem. A fault of ours is logged here, once, and its words stay inside.
func (s *Server) fail(w *recorder, r *http.Request, err error) {
	lang := languageOf(r)
	p, ours := problemOf(err, lang)
	if ours {
		s.log.ErrorContext(r.Context(), "a request failed", "request_id", w.id, "route", w.template(), "error", err)
	}
	p.Instance = "urn:uuid:" + w.id
	h := w.Header()
	for _, name := range []string{"ETag", "Content-Encoding", "Last-Modified", "Content-Disposition"} {
		h.Del(name)
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Language", lang)
	h.Add("Vary", "Accept-Language")
	switch p.Status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", challenge(r))
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		if h.Get("Retry-After") == "" {
			h.Set("Retry-After", "1")
		}
	}
	data, err := marshal(p)
	if err != nil { // cannot be: strings and numbers
		panic(fmt.Sprintf("a problem cannot be written: %v", err))
	}
	h.Set("Content-Length", fmt.Sprint(len(data)))
	w.WriteHeader(p.Status)
	_, _ = w.Write(data)
}

func challenge(r *http.Request) string {
	if r.Header.Get("Authorization") == "" {
		return `Bearer realm="kelisim"`
	}
	return `Bearer realm="kelisim", error="invalid_token"`
}
