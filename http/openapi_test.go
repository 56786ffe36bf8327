package http_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	ledger "kelisim/http"
)

// notBuilt are the operations that the document promises and nobody answers yet, each with why. It only ever shrinks.
var notBuilt = map[string]string{
	"GET /console":                        "the console is mounted beside the table, by Options.Console",
	"POST /webhooks/cloudpayments/{kind}": "the notifications are mounted beside the table, by Options.CloudPayments",
}

// contract is the document as the library reads it, with its router.
var contract = sync.OnceValues(func() (*openapi3.T, routers.Router) {
	data, err := ledger.OpenAPIJSON()
	if err != nil {
		panic(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(data)
	if err != nil {
		panic(err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		panic(err)
	}
	return doc, router
})

// operations are the document's, by "METHOD /path".
func operations() map[string]*openapi3.Operation {
	doc, _ := contract()
	all := map[string]*openapi3.Operation{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			all[method+" "+path] = op
		}
	}
	return all
}

var allOperations = sync.OnceValue(operations)

func words(op *openapi3.Operation, extension string) []string {
	var all []string
	list, _ := op.Extensions[extension].([]any)
	for _, v := range list {
		all = append(all, v.(string))
	}
	return all
}

func TestDocumentIsValid(t *testing.T) {
	doc, _ := contract()
	if err := doc.Validate(context.Background(), openapi3.EnableExamplesValidation()); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("version %s", doc.OpenAPI)
	}
	seen := map[string]string{}
	for at, op := range allOperations() {
		if op.OperationID == "" || op.Summary == "" || len(op.Tags) != 1 || doc.Tags.Get(op.Tags[0]) == nil {
			t.Errorf("%s: id %q, summary %q, tags %v", at, op.OperationID, op.Summary, op.Tags)
		}
		if other, twice := seen[op.OperationID]; twice {
			t.Errorf("%s and %s are both %s", at, other, op.OperationID)
		}
		seen[op.OperationID] = at
		for _, status := range []string{"4XX", "5XX"} {
			if op.Responses.Value(status) == nil {
				t.Errorf("%s does not say what %s looks like", at, status)
			}
		}
		for _, code := range words(op, "x-codes") {
			if status, _ := ledger.Explained(code); status == 0 {
				t.Errorf("%s: x-codes names %s, which is not explained", at, code)
			}
		}
		roles, open := words(op, "x-roles"), op.Security != nil && len(*op.Security) == 0
		if _, said := op.Extensions["x-roles"]; !said || open != (len(roles) == 0) {
			t.Errorf("%s: roles %v, open to all %v", at, roles, open)
		}
	}
	if len(seen) < 90 {
		t.Errorf("only %d operations", len(seen))
	}
}

// codesInDocument are the codes that the document names anywhere.
func codesInDocument(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, op := range allOperations() {
		for _, code := range words(op, "x-codes") {
			all[code] = true
		}
	}
	doc, _ := contract()
	for _, name := range []string{"Refused", "Failed"} {
		for _, word := range regexp.MustCompile(`[a-z-]+`).FindAllString(*doc.Components.Responses[name].Value.Description, -1) {
			all[word] = true
		}
	}
	return all
}

var longVariable = strings.NewReplacer(":.+}", "}")

// Every route in one is in the other, and both say the same of it: who may ask, with which parameters and which body, and in which form the answer comes.
func TestTableAndDocumentAgree(t *testing.T) {
	described := maps.Clone(allOperations())
	for _, route := range newOutside(t, nil).Routes() {
		at := route.Method + " " + longVariable.Replace(route.Path)
		op, ok := described[at]
		if !ok {
			t.Errorf("%s is not in openapi.yaml", at)
			continue
		}
		delete(described, at)
		if why, marked := notBuilt[at]; marked {
			t.Errorf("%s is built: take it out of notBuilt (%q)", at, why)
		}
		agree(t, at, route, op)
	}
	for at := range described {
		if notBuilt[at] == "" {
			t.Errorf("%s is in openapi.yaml, and nobody answers it", at)
		}
	}
	for at := range notBuilt {
		if _, ok := described[at]; !ok && allOperations()[at] == nil {
			t.Errorf("notBuilt names %s, which the document does not know", at)
		}
	}
}

func agree(t *testing.T, at string, route ledger.Route, op *openapi3.Operation) {
	t.Helper()
	var roles, query, body, produces []string
	for _, r := range route.Roles {
		roles = append(roles, string(r))
	}
	same(t, at, "roles", roles, words(op, "x-roles"))
	headers := map[string]bool{}
	for _, p := range op.Parameters {
		switch p.Value.In {
		case "query":
			query = append(query, p.Value.Name)
		case "header":
			headers[p.Value.Name] = true
		case "path":
			if !strings.Contains(route.Path, "{"+p.Value.Name) {
				t.Errorf("%s: the document's {%s} is not in the path", at, p.Value.Name)
			}
		}
	}
	same(t, at, "query parameters", route.Query, query)
	writes := route.Method != "GET" && !route.Asks && !route.Public
	if headers["Idempotency-Key"] != writes || headers["If-Match"] != writes {
		t.Errorf("%s: the document has Idempotency-Key %v and If-Match %v, the table writes: %v", at, headers["Idempotency-Key"], headers["If-Match"], writes)
	}
	required := false
	if op.RequestBody != nil {
		required = op.RequestBody.Value.Required
		body = slices.Collect(maps.Keys(op.RequestBody.Value.Content))
	}
	wanted := map[ledger.Body][]string{ledger.JSON: {"application/json"}, ledger.OptionalJSON: {"application/json"}, ledger.Lines: {"application/x-ndjson"},
		ledger.JSONOrLines: {"application/json", "application/x-ndjson"}}
	if route.Body != ledger.Raw {
		same(t, at, "content types", wanted[route.Body], body)
		if required != (route.Body != ledger.NoBody && route.Body != ledger.OptionalJSON) {
			t.Errorf("%s: the document's body is required: %v, and the table takes kind %d", at, required, route.Body)
		}
	}
	for status, response := range op.Responses.Map() {
		if strings.HasPrefix(status, "2") {
			produces = slices.Collect(maps.Keys(response.Value.Content))
		}
	}
	offered := route.Produces
	if len(offered) == 0 {
		offered = []string{"application/json"}
	}
	same(t, at, "answers' types", offered, produces)
}

func same(t *testing.T, at, what string, table, document []string) {
	t.Helper()
	table, document = slices.Sorted(slices.Values(table)), slices.Sorted(slices.Values(document))
	if !slices.Equal(table, document) {
		t.Errorf("%s: the table's %s are %v, the document's %v", at, what, table, document)
	}
}

// describedAs holds one answer against the document: its status, its type and its form. Routes of tests are in no document.
func describedAs(r *http.Request, w *httptest.ResponseRecorder) error {
	_, router := contract()
	route, params, err := router.FindRoute(r)
	if err != nil || r.Method == http.MethodHead {
		return nil
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route},
		Status:                 w.Code, Header: w.Header(),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	}
	input.SetBodyBytes(w.Body.Bytes())
	if !strings.Contains(w.Header().Get("Content-Type"), "json") || strings.Contains(w.Header().Get("Content-Type"), "ndjson") {
		input.Options.ExcludeResponseBody = true
	}
	if err := openapi3filter.ValidateResponse(context.Background(), input); err != nil {
		return fmt.Errorf("%s %s answered %d as the document does not say: %w", r.Method, route.Path, w.Code, err)
	}
	return nil
}

// The JSON form is the YAML one: same order, and no day or number became something else on the way.
func TestDocumentAsJSON(t *testing.T) {
	data, err := ledger.OpenAPIJSON()
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(data) || !bytes.HasPrefix(data, []byte(`{"openapi":"3.1.0","info":{"title":"Kelisim","version":"1"`)) {
		t.Errorf("begins with %.120s", data)
	}
	if bytes.Contains(data, []byte("T00:00:00Z\"")) && !bytes.Contains(data, []byte(`"2026-03-01T00:00:00Z"`)) {
		t.Error("a day became a moment")
	}
	for _, want := range []string{`"received_on":"2026-02-03"`, `"trial_months":3`, `"type":["string","null"]`, `"required":true`} {
		if !bytes.Contains(data, []byte(want)) {
			t.Errorf("lacks %s", want)
		}
	}
	for _, vague := range []string{"localhost", "http://", "https://"} {
		if bytes.Contains(data, []byte(vague)) {
			t.Errorf("names a host: %s", vague)
		}
	}
}
