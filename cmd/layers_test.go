// Package cmd_test holds the plan of the house: which rooms there are, what each may import, and what none may do.
package cmd_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "kelisim"

// A room may import those of our packages that it names, and no others. "x/..." is x and all below it that stand above in
// the list: a room never sees what stands after it, so that there are no cycles and imports go leftwards only.
type room struct{ path, may string }

const (
	words = "domain domain/event domain/calendar"
	books = "domain/account domain/consent domain/subscription domain/obligation"
)

// rooms is the plan, lowest first. Adapters (sqlite, eventstoredb, postgres, those of the bus) are named by nobody but cmd/kelisim.
var rooms = []room{
	{"domain/event", ""},
	{"domain", "domain/event"},
	{"domain/calendar", "domain"},
	{"domain/person", "domain"},
	{"domain/decidertest", "domain domain/event"},
	{"domain/account", words},
	{"domain/site", words},
	{"domain/consent", words + " domain/account"},
	{"domain/subscription", words + " domain/account"},
	{"domain/obligation", words + " domain/account"},
	{"domain/permission", words + " domain/site " + books},
	{"domain/user", words + " domain/site domain/permission " + books},
	{"domain/letter", words},
	{"domain/incident", words},
	{"domain/activity", words},
	{"domain/reads", words},
	{"domain/payment", words},
	{"domain/reconciliation", words},
	{"domain/custody", words},
	{"domain/ledger", "domain/event"},
	{"domain/catalogue", "domain/event domain/site domain/letter domain/incident domain/activity domain/reads domain/payment domain/reconciliation domain/custody domain/ledger " + books},

	{"commands/journal", "domain domain/event"},
	{"commands/journal/journaltest", "domain domain/event commands/journal"},
	{"commands/vault/sealed", ""},
	{"commands/vault", "domain domain/event domain/person commands/vault/sealed"},
	{"commands/vault/vaulttest", "domain commands/vault"},
	{"commands/access", "domain domain/event"},
	{"commands/access/accesstest", "domain commands/access"},
	{"commands/tlog/tree", ""},
	{"commands/tlog/verify", "commands/tlog/tree commands/vault/sealed"},
	{"commands/tlog/witness", "commands/tlog/tree commands/tlog/verify"},
	{"commands/tlog", "domain domain/event domain/ledger commands/journal commands/tlog/tree commands/tlog/verify commands/tlog/witness"},
	{"commands/tlog/tlogtest", "domain domain/event domain/ledger commands/journal commands/tlog/..."},
	{"commands/lease", "domain domain/event domain/ledger commands/journal"},
	{"commands/cloudpayments", "domain"},
	{"commands/cloudpayments/cloudpaymentstest", "domain commands/cloudpayments"},
	{"commands", "domain/... commands/journal commands/vault commands/access commands/cloudpayments"},
	{"commands/terms", "domain/... commands"},
	// A receipt is of one person and comes from their stream, which no read model has; the log vouches for it.
	{"commands/receipts", "domain/... commands commands/journal commands/tlog commands/tlog/verify"},
	{"commands/policies", "domain/... commands commands/cloudpayments commands/journal commands/vault"},
	{"commands/bus", "domain domain/event commands/journal"},
	{"commands/bus/bustest", "commands/bus"},
	{"commands/bus/jetstream", "commands/bus"},
	{"commands/bus/kafka", "commands/bus"},
	{"commands/sqlite", "domain commands/journal commands/vault commands/access commands/tlog/... commands/bus"},
	{"commands/postgres", "domain commands/journal commands/vault commands/access commands/tlog/... commands/bus"},
	{"commands/postgres/postgrestest", ""},
	{"commands/eventstoredb/esdbtest", ""},
	{"commands/eventstoredb", "domain domain/event commands/journal"},

	{"projections", "domain/... commands/journal"},
	{"projections/finance", "domain/... commands/journal"},
	{"projections/reports", "domain/... commands/journal commands/tlog/tree projections"},
	{"projections/statistics", "domain/... commands/journal projections/reports"},
	{"projections/simulation", "domain/... projections/reports"},

	{"http/strictjson", "domain"},
	{"http/webhooks", "domain/... commands commands/access commands/cloudpayments commands/journal projections http/strictjson"},
	{"http/govstack", "domain/..."},
	{"http/console", "domain/... commands commands/access commands/journal commands/vault commands/tlog/... commands/receipts projections/... http/strictjson"},
	{"http", "domain/... commands commands/access commands/bus commands/journal commands/vault commands/tlog/... commands/receipts commands/terms commands/cloudpayments projections/... http/..."},

	{"cmd/kelisim/story", "domain/... commands http/strictjson"},
	{"cmd/kelisim/demo", "domain/... commands commands/terms cmd/kelisim/story"},
	{"cmd/kelisim", "domain/... commands/... projections/... http/... cmd/kelisim/..."},
}

// homes gives each library its home, so that it can be replaced in one place. "tests" are _test.go files and the
// rooms whose name ends in "test"; "*" is everywhere.
var homes = []struct{ library, at string }{
	{"github.com/google/uuid", "*"}, // a word, not a tool
	{"golang.org/x/text", "domain/person projections/reports http/..."},
	{"github.com/mattn/go-sqlite3", "commands/sqlite"},
	{"github.com/EventStore/EventStore-Client-Go/v4", "commands/eventstoredb/..."},
	{"google.golang.org/grpc", "commands/eventstoredb/..."},
	{"github.com/jackc/pgx/v5", "commands/postgres/..."},
	{"github.com/ThreeDotsLabs/watermill", "commands/bus/..."},
	{"github.com/ThreeDotsLabs/watermill-nats/v2", "commands/bus/jetstream"},
	{"github.com/nats-io/nats.go", "commands/bus/jetstream"},
	{"github.com/nats-io/nats-server/v2", "tests"},
	{"github.com/ThreeDotsLabs/watermill-kafka/v3", "commands/bus/kafka"},
	{"github.com/IBM/sarama", "commands/bus/kafka"},
	{"golang.org/x/mod/sumdb", "commands/tlog/..."},
	{"filippo.io/torchwood", "commands/tlog/..."},
	{"filippo.io/mldsa", "commands/tlog/..."},
	{"github.com/tink-crypto/tink-go/v2", "commands/vault"},
	{"golang.org/x/sync", "commands/... projections/... http/... cmd/kelisim"},
	{"golang.org/x/sys", "commands/sqlite cmd/kelisim"},
	{"github.com/gorilla/mux", "http http/console http/webhooks"},
	{"github.com/getkin/kin-openapi", "http"},
	{"golang.org/x/time", "http"},
	{"go.yaml.in/yaml/v3", "http"},
	{"github.com/prometheus/client_golang", "http cmd/kelisim"},
	{"codeberg.org/go-pdf/fpdf", "commands/receipts projections/reports"},
	{"codeberg.org/go-fonts/dejavu", "commands/receipts projections/reports"},
	{"github.com/xuri/excelize/v2", "projections/reports"},
	{"github.com/spf13", "cmd/kelisim"},
	{"github.com/knadh/koanf", "cmd/kelisim"},
	{"github.com/vbauerster/mpb/v8", "cmd/kelisim"},
	{"github.com/mattn/go-runewidth", "cmd/kelisim"},
	{"golang.org/x/term", "cmd/kelisim"},
	{"github.com/google/go-cmp", "tests"},
	{"pgregory.net/rapid", "tests"},
	{"github.com/rogpeppe/go-internal", "tests"},
	{"github.com/chromedp", "tests"},
}

// pure is what the domain may use of the standard library: nothing in it reaches outside the program.
var pure = strings.Fields(`bytes cmp crypto/sha256 crypto/subtle embed encoding/base64 encoding/binary encoding/hex encoding/json errors
	fmt iter log/slog maps math math/big math/bits reflect regexp slices sort strconv strings time unicode unicode/utf8`)

// impure are the parts of pure packages that do reach outside; a "!" turns the list into what alone is allowed.
var impure = map[string]struct{ names, why string }{
	"time":     {"Now Since Until Sleep After AfterFunc Tick NewTimer NewTicker", "a moment is passed in"},
	"fmt":      {"Print Printf Println Scan Scanf Scanln", "the domain speaks to nobody"},
	"log/slog": {"! Value StringValue LogValuer", "the domain does not log"},
	"github.com/google/uuid": {"New NewString NewRandom NewRandomFromReader NewUUID NewV6 NewV7 SetRand EnableRandPool",
		"the domain draws no random number; derive the id with Context.ID"},
}

var (
	topLevel = strings.Fields("domain projections commands http cmd testdata go.mod go.sum README.md LICENSE")
	// What the build and the program leave behind, as .gitignore names it.
	leftBehind = strings.Fields("kelisim kelisim-data")

	machinePath = regexp.MustCompile(`(^|[^\w.$}-])/(work|farm|tmp|root|home|Users)/`)
	unfinished  = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)
)

const maxLines = 450

// TestLayers holds the whole tree to the plan.
func TestLayers(t *testing.T) {
	for _, fault := range house(os.DirFS("..")) {
		t.Error(fault)
	}
}

// TestPlan: a room names only rooms that stand above it.
func TestPlan(t *testing.T) {
	for i, r := range rooms {
		for _, name := range strings.Fields(r.may) {
			if !slices.ContainsFunc(rooms[:i], func(above room) bool { return covers(name, above.path) }) {
				t.Errorf("%s names %s, which does not stand above it in rooms", r.path, name)
			}
		}
	}
}

// house lists what in a tree is against the plan, each in a sentence.
func house(tree fs.FS) (faults []string) {
	say := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	top, err := fs.ReadDir(tree, ".")
	if err != nil {
		return []string{err.Error()}
	}
	for _, f := range top {
		if name := f.Name(); name[0] != '.' && !slices.Contains(topLevel, name) && !slices.Contains(leftBehind, name) {
			say("%s: the top level holds only %s and names that begin with a dot", name, strings.Join(topLevel, ", "))
		}
	}
	comments := map[string][]string{} // the files of a package that hold its comment
	err = fs.WalkDir(tree, ".", func(name string, f fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if f.IsDir() {
			if name == ".git" || slices.Contains(leftBehind, name) {
				return fs.SkipDir
			}
			return nil
		}
		if slices.Contains(leftBehind, name) || name == "go.sum" {
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		if !bytes.ContainsRune(text, 0) {
			if m := machinePath.Find(text); m != nil {
				say("%s names %q: a path of one machine means nothing on another", name, strings.TrimSpace(string(m)))
			}
		}
		if path.Ext(name) == ".go" && !strings.Contains(name, "testdata/") {
			faults = append(faults, source(name, text, comments)...)
		}
		return nil
	})
	if err != nil {
		say("%v", err)
	}
	for pkg, files := range comments {
		if len(files) != 1 {
			say("%s has %d package comments %v: write exactly one", pkg, len(files), files)
		}
	}
	slices.Sort(faults)
	return slices.Compact(faults)
}

// source lists what is wrong in one Go file, and notes where a package's comment stands.
func source(name string, text []byte, comments map[string][]string) (faults []string) {
	pkg, isTest := path.Dir(name), strings.HasSuffix(name, "_test.go")
	say := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		say("%v", err)
		return faults
	}
	for _, group := range file.Comments {
		if word := unfinished.FindString(group.Text()); word != "" {
			say("%s says %s: finish it, or leave it out", name, word)
		}
	}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			say("%s has a func init: what happens is said where it happens", name)
		}
	}
	if isTest {
		return faults
	}
	if file.Doc != nil {
		comments[pkg] = append(comments[pkg], path.Base(name))
	} else if comments[pkg] == nil {
		comments[pkg] = []string{}
	}
	if lines := bytes.Count(text, []byte("\n")); lines > maxLines && !strings.HasSuffix(name, ".gen.go") {
		say("%s has %d lines: above %d a file is two", name, lines, maxLines)
	}
	i := slices.IndexFunc(rooms, func(r room) bool { return r.path == pkg })
	if i < 0 {
		say("%s: not in the plan; add it to rooms", pkg)
		return faults
	}
	for _, spec := range file.Imports {
		target, _ := strconv.Unquote(spec.Path.Value)
		if fault := imports(i, target); fault != "" {
			say("%s %s", name, fault)
		}
	}
	if inTree(pkg, "domain") {
		faults = append(faults, impurities(name, file)...)
	}
	return faults
}

// imports tells why a room may not import a package, or "".
func imports(i int, target string) string {
	pkg := rooms[i].path
	if ours, ok := strings.CutPrefix(target, module+"/"); ok {
		j := slices.IndexFunc(rooms, func(r room) bool { return r.path == ours })
		switch {
		case j < 0:
			return fmt.Sprintf("imports %s: not in the plan; add it to rooms", ours)
		case j > i:
			return fmt.Sprintf("may not import %s: imports go leftwards only", ours)
		case !slices.ContainsFunc(strings.Fields(rooms[i].may), func(name string) bool { return covers(name, ours) }):
			return fmt.Sprintf("may not import %s: the plan gives %s only %s", ours, pkg, or(rooms[i].may, "itself"))
		}
		return ""
	}
	if first, _, _ := strings.Cut(target, "/"); !strings.Contains(first, ".") {
		help := target == "testing" && strings.HasSuffix(pkg, "test")
		if inTree(pkg, "domain") && !slices.Contains(pure, target) && !help {
			return fmt.Sprintf("may not use %s: the domain is pure", target)
		}
		return ""
	}
	for _, h := range homes {
		if !inTree(target, h.library) {
			continue
		}
		for _, at := range strings.Fields(h.at) {
			if at == "*" || covers(at, pkg) || at == "tests" && strings.HasSuffix(pkg, "test") {
				return ""
			}
		}
		return fmt.Sprintf("may not import %s: its home is %s", target, h.at)
	}
	return fmt.Sprintf("imports %s, which has no home; give it one in homes", target)
}

// impurities lists what in a file of the domain reaches outside.
func impurities(name string, file *ast.File) (faults []string) {
	local := map[string]string{} // what a package is called in this file
	for _, spec := range file.Imports {
		target, _ := strconv.Unquote(spec.Path.Value)
		called := path.Base(target)
		if spec.Name != nil {
			called = spec.Name.Name
		}
		local[called] = target
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			faults = append(faults, name+" starts a goroutine: the domain only answers")
		case *ast.SelectorExpr:
			called, ok := n.X.(*ast.Ident)
			if !ok {
				break
			}
			rule, ok := impure[local[called.Name]]
			if !ok {
				break
			}
			names := strings.Fields(rule.names)
			if slices.Contains(names, n.Sel.Name) != (names[0] == "!") {
				faults = append(faults, fmt.Sprintf("%s uses %s.%s: %s", name, called.Name, n.Sel.Name, rule.why))
			}
		}
		return true
	})
	return faults
}

// covers tells whether a name in the plan ("domain", "domain/...") means a package.
func covers(name, pkg string) bool {
	if tree, ok := strings.CutSuffix(name, "/..."); ok {
		return inTree(pkg, tree)
	}
	return name == pkg
}

func inTree(pkg, root string) bool { return pkg == root || strings.HasPrefix(pkg, root+"/") }

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
