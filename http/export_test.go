package http

import (
	"maps"
	"slices"
)

// NewWith makes a server with routes of a test beside the table's.
func NewWith(o Options, more ...Route) (*Server, error) { return build(o, more) }

// What tests look at from outside.
var (
	OpenAPIJSON = openapiJSON
	ParseQuery  = parseQuery
	LineIsAbout = lineIsAbout
)

// Routes is the table.
func (s *Server) Routes() []Route { return s.table }

// Codes lists every code that is explained, sorted.
func Codes() []string { return slices.Sorted(maps.Keys(explanations())) }

// Explained is what problems.json says of a code: its status, and title and detail by language.
func Explained(code string) (status int, said map[string][2]string) {
	x := explanations()[code]
	said = map[string][2]string{}
	for lang, w := range x.Words {
		said[lang] = [2]string{w.Title, w.Detail}
	}
	return x.Status, said
}

// Stub lets every route answer yes, so that a test sees who is let in and nothing else.
func Stub(s *Server) {
	for i := range s.table {
		s.table[i].Handle = func(*Request) (*Response, error) { return OK("let in"), nil }
	}
}
