package http_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"html"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"kelisim/commands/access"
	ledger "kelisim/http"
)

// The explorer is what its authors shipped, to the byte, and its licence is with it.
func TestVendoredFilesAreWhole(t *testing.T) {
	const dir = "docs/vendor"
	var list struct {
		Package, Version, Licence string
		Files                     map[string]string
	}
	data, err := os.ReadFile(filepath.Join(dir, "vendor.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &list); err != nil || list.Version == "" || list.Licence == "" {
		t.Fatalf("vendor.json: %+v, %v", list, err)
	}
	there, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(there) != len(list.Files)+1 {
		t.Errorf("%d files lie there, %d are listed", len(there)-1, len(list.Files))
	}
	for name, want := range list.Files {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s is not the file that was taken over", name)
		}
	}
}

var (
	linked       = regexp.MustCompile(`(?:src|href)="([^"]*)"`)
	inlineScript = regexp.MustCompile(`<script>|<style|\son[a-z]+=|style="|javascript:`)
)

// The pages work without another host and without a script or a style inside them, which is what their policy allows.
func TestDocs(t *testing.T) {
	o := newOutside(t, nil)
	for path, want := range map[string]string{
		"/docs": "text/html; charset=utf-8", "/docs/swagger-ui.css": "text/css; charset=utf-8", "/docs/swagger-ui-bundle.js": "text/javascript; charset=utf-8",
		"/docs/explorer.js": "text/javascript; charset=utf-8", "/docs/page.css": "text/css; charset=utf-8", "/docs/favicon-32x32.png": "image/png",
		"/docs/swagger-ui-LICENSE.txt": "text/plain; charset=utf-8", "/openapi.json": "application/json", "/problems/blocked": "text/html; charset=utf-8",
	} {
		w := o.ask("", "GET", path, "")
		if w.Code != 200 || w.Header().Get("Content-Type") != want || w.Body.Len() == 0 {
			t.Errorf("%s: %d, %s, %d bytes", path, w.Code, w.Header().Get("Content-Type"), w.Body.Len())
		}
		if !strings.HasPrefix(want, "text/html") {
			continue
		}
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "//") {
			t.Errorf("%s: policy %s", path, policy)
		}
		if inlineScript.MatchString(w.Body.String()) {
			t.Errorf("%s has a script or a style inside", path)
		}
		links := linked.FindAllStringSubmatch(w.Body.String(), -1)
		if len(links) == 0 {
			t.Errorf("%s links nothing", path)
		}
		for _, link := range links {
			target := strings.TrimPrefix(link[1], "../")
			if strings.Contains(target, ":") || strings.HasPrefix(target, "/") {
				t.Errorf("%s links %s, which a page under a proxy's path would not find, or another host", path, link[1])
			} else if w := o.ask("", "GET", "/"+target, ""); w.Code != 200 {
				t.Errorf("%s links %s, which answers %d", path, link[1], w.Code)
			}
		}
	}
	for _, path := range []string{"/docs/vendor.json", "/docs/index.html", "/docs/problem.html", "/docs/nothing.js", "/docs/..%2Fopenapi.yaml", "/docs/vendor%2Fswagger-ui.css", "/problems/nothing"} {
		if w := o.ask("", "GET", path, ""); w.Code != 404 {
			t.Errorf("%s: %d, want 404", path, w.Code)
		}
	}
}

func TestEveryCodeHasAPage(t *testing.T) {
	o := newOutside(t, nil)
	for _, code := range ledger.Codes() {
		w := o.ask("", "GET", "/problems/"+code, "")
		status, said := ledger.Explained(code)
		if w.Code != 200 || !strings.Contains(w.Body.String(), "HTTP "+strconv.Itoa(status)) {
			t.Errorf("%s: %d", code, w.Code)
		}
		for _, lang := range []string{"kk", "ru", "en"} {
			if !strings.Contains(w.Body.String(), `lang="`+lang+`"`) || !strings.Contains(html.UnescapeString(w.Body.String()), said[lang][0]) {
				t.Errorf("the page of %s lacks %s", code, lang)
			}
		}
	}
}

// Letters that only Kazakh has, and that only Cyrillic has: a text in the wrong column is seen.
var (
	kazakh   = regexp.MustCompile(`[ӘәҒғҚқҢңӨөҰұҮүҺһІі]`)
	cyrillic = regexp.MustCompile(`[А-Яа-яЁё]`)
)

// Every refusal that the code can make is explained in three languages, under the status that its kind gives it; and nothing is explained that
// no code and no description of the API knows.
func TestEveryCodeIsExplained(t *testing.T) {
	statuses := map[string]int{"Invalid": 400, "Forbidden": 403, "NotFound": 404, "Conflict": 409, "Precondition": 412, "Unprocessable": 422, "Unavailable": 503}
	made := refusalsInSource(t)
	if len(made) < 30 {
		t.Fatalf("only %d refusals were found in the source: the search is broken", len(made))
	}
	explained := ledger.Codes()
	for _, r := range made {
		if !slices.Contains(explained, r.code) {
			t.Errorf("%s: code %s is not in problems.json", r.where, r.code)
			continue
		}
		if status, _ := ledger.Explained(r.code); r.kind != "" && status != statuses[r.kind] {
			t.Errorf("%s: code %s is explained as %d, its kind %s gives %d", r.where, r.code, status, r.kind, statuses[r.kind])
		}
	}
	used := codesInDocument(t)
	for _, code := range explained {
		if !used[code] && !slices.ContainsFunc(made, func(r refusal) bool { return r.code == code }) {
			t.Errorf("%s is explained, and nothing refuses with it", code)
		}
		status, said := ledger.Explained(code)
		if status < 400 || status > 599 {
			t.Errorf("%s: status %d", code, status)
		}
		for _, lang := range []string{"kk", "ru", "en"} {
			title, detail := said[lang][0], said[lang][1]
			if title == "" || detail == "" || len(title) > 100 || strings.HasSuffix(title, ".") || !strings.HasSuffix(detail, ".") {
				t.Errorf("%s in %s: %q, %q", code, lang, title, detail)
			}
			text := title + detail
			if cyrillic.MatchString(text) == (lang == "en") || kazakh.MatchString(text) != (lang == "kk") {
				t.Errorf("%s in %s is in another language: %q", code, lang, text)
			}
		}
	}
}

type refusal struct{ where, kind, code string }

// refusalsInSource finds every call of Refuse (and of this room's refuse and notFound) with its kind and code.
func refusalsInSource(t *testing.T) []refusal {
	t.Helper()
	var all []refusal
	for _, room := range []string{"../domain", "../commands", "../projections", "."} {
		err := filepath.WalkDir(room, func(path string, d fs.DirEntry, err error) error {
			if err != nil && !os.IsNotExist(err) {
				return err
			}
			if d == nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return nil
			}
			files := token.NewFileSet()
			parsed, err := parser.ParseFile(files, path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					if r, ok := refusalOf(call); ok {
						r.where = files.Position(call.Pos()).String()
						all = append(all, r)
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func refusalOf(call *ast.CallExpr) (refusal, bool) {
	name := ""
	switch f := call.Fun.(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		name = f.Sel.Name
	}
	text := func(i int) string {
		if i < len(call.Args) {
			if lit, ok := call.Args[i].(*ast.BasicLit); ok && lit.Kind == token.STRING {
				s, _ := strconv.Unquote(lit.Value)
				return s
			}
		}
		return ""
	}
	switch {
	case name == "Refuse" && text(1) != "":
		r := refusal{code: text(1)}
		switch kind := call.Args[0].(type) {
		case *ast.Ident:
			r.kind = kind.Name
		case *ast.SelectorExpr:
			r.kind = kind.Sel.Name
		}
		return r, true
	case name == "refuse" && text(0) != "":
		return refusal{code: text(0)}, true
	case (name == "notFound" || name == "VarID") && text(0) != "":
		return refusal{code: text(0) + "-not-found"}, true
	}
	return refusal{}, false
}

func TestMetrics(t *testing.T) {
	o := newOutside(t, nil, ledger.Route{Method: "GET", Path: "/t/{x}", Roles: officers, Handle: yes})
	o.ask(access.Officer, "GET", "/t/aselhan", "")
	o.ask(access.Officer, "BREW", "/t/aselhan", "")
	o.ask("", "GET", "/nothing-of-aselhan", "")
	server := o.AdminHandler()
	w := serve(server, "GET", "/metrics")
	for _, want := range []string{
		`kelisim_http_request_seconds_count{method="GET",route="/t/{x}",status="200"} 1`,
		`kelisim_http_request_seconds_count{method="other",route="none",status="405"} 1`,
		`kelisim_http_request_seconds_count{method="GET",route="none",status="404"} 1`,
		`kelisim_build_info{version="test"} 1`, "go_goroutines", "process_resident_memory_bytes",
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if strings.Contains(w.Body.String(), "aselhan") {
		t.Error("a metric holds a path")
	}
	if w := serve(server, "GET", "/debug/pprof/"); w.Code != 200 {
		t.Errorf("profiles: %d", w.Code)
	}
}

// The profiles and the metrics are for a listener of their own.
func TestProfilesAreNotPublic(t *testing.T) {
	o := newOutside(t, nil)
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline", "/debug/vars"} {
		wantProblem(t, path, o.ask(access.Operator, "GET", path, ""), 404, "route-not-found")
	}
}
