package cmd_test

import (
	"strings"
	"testing"
	"testing/fstest"
)

// TestComplaints plants one fault at a time in a small house and hears the sentence.
func TestComplaints(t *testing.T) {
	const decl = "// Package x.\npackage x\n\n"
	good := fstest.MapFS{
		"README.md":                          {Data: []byte("# Kelisim\n")},
		".ci/run":                            {Data: []byte("#!/usr/bin/env bash\n")},
		"kelisim":                            {Data: []byte("\x00/" + "work/\x00")},
		"domain/decider.go":                  {Data: []byte(decl + "import (\n\t\"fmt\"\n\t\"time\"\n)\nvar A, B = fmt.Sprint, time.UTC\n")},
		"domain/account/events.go":           {Data: []byte(decl + "import \"kelisim/domain\"\nvar A = domain.A\n")},
		"domain/account/events_test.go":      {Data: []byte("// Package x too.\npackage x_test\n\nimport _ \"os\"\n")},
		"commands/sqlite/open.go":            {Data: []byte(decl + "import _ \"github.com/mattn/go-sqlite3\"\n")},
		"cmd/kelisim/main.go":                {Data: []byte(decl + "import _ \"kelisim/commands/sqlite\"\n")},
		"commands/journal/testdata/a/bad.go": {Data: []byte("not go")},
	}
	if faults := house(good); len(faults) > 0 {
		t.Fatalf("nothing is wrong with the house: %q", faults)
	}
	for _, c := range []struct{ name, text, want string }{
		{"main.go", decl, "main.go: the top level holds only domain, "},
		{"docs/a.md", "a", "docs: the top level holds only "},
		{"domain/newroom/a.go", decl, "domain/newroom: not in the plan; add it to rooms"},
		{"domain/account/a.go", "package x\n\nimport _ \"kelisim/commands/journal\"\n", "may not import commands/journal: imports go leftwards only"},
		{"domain/site/a.go", decl + "import _ \"kelisim/domain/account\"\n", "may not import domain/account: the plan gives domain/site only domain domain/event"},
		{"domain/event/a.go", decl + "import _ \"kelisim/domain\"\n", "may not import domain: imports go leftwards only"},
		{"projections/a.go", decl + "import _ \"kelisim/commands\"\n", "may not import commands: the plan gives projections only"},
		{"projections/a.go", decl + "import _ \"kelisim/commands/cache\"\n", "imports commands/cache: not in the plan"},
		{"http/a.go", decl + "import _ \"kelisim/commands/sqlite\"\n", "may not import commands/sqlite: the plan gives http only"},
		{"http/a.go", decl + "import _ \"github.com/mattn/go-sqlite3\"\n", "may not import github.com/mattn/go-sqlite3: its home is commands/sqlite"},
		{"http/a.go", decl + "import _ \"github.com/google/go-cmp/cmp\"\n", "may not import github.com/google/go-cmp/cmp: its home is tests"},
		{"http/a.go", decl + "import _ \"github.com/google/go-cmpx\"\n", "github.com/google/go-cmpx, which has no home"},
		{"domain/account/a.go", "package x\n\nimport _ \"os\"\n", "domain/account/a.go may not use os: the domain is pure"},
		{"domain/account/a.go", "package x\n\nimport _ \"sync\"\n", "may not use sync: the domain is pure"},
		{"domain/account/a.go", "package x\n\nimport _ \"math/rand/v2\"\n", "may not use math/rand/v2: the domain is pure"},
		{"domain/account/a.go", "package x\n\nimport \"time\"\n\nvar N = time.Now()\n", "domain/account/a.go uses time.Now: a moment is passed in"},
		{"domain/account/a.go", "package x\n\nimport clock \"time\"\n\nvar N = clock.Since\n", "uses clock.Since: a moment is passed in"},
		{"domain/account/a.go", "package x\n\nimport \"fmt\"\n\nfunc f() { fmt.Println() }\n", "uses fmt.Println: the domain speaks to nobody"},
		{"domain/account/a.go", "package x\n\nimport \"log/slog\"\n\nfunc f() { slog.Info(\"\") }\n", "uses slog.Info: the domain does not log"},
		{"domain/account/a.go", "package x\n\nimport \"github.com/google/uuid\"\n\nvar N = uuid.New()\n", "uses uuid.New: the domain draws no random number"},
		{"domain/account/a.go", "package x\n\nfunc f() { go f() }\n", "starts a goroutine: the domain only answers"},
		{"domain/account/a.go", decl, "domain/account has 2 package comments [a.go events.go]: write exactly one"},
		{"commands/bus/a.go", "package x\n", "commands/bus has 0 package comments []: write exactly one"},
		{"cmd/kelisim/a.go", "package x\n\nfunc init() {}\n", "cmd/kelisim/a.go has a func init"},
		{"cmd/kelisim/a_test.go", "package x\n\nfunc init() {}\n", "cmd/kelisim/a_test.go has a func init"},
		{"cmd/kelisim/a.go", "package x\n" + strings.Repeat("\n", 450), "cmd/kelisim/a.go has 451 lines: above 450 a file is two"},
		{"cmd/kelisim/a.go", "package x\n\n// " + "TO" + "DO: later\n", "says TO" + "DO: finish it"},
		{"cmd/kelisim/a.go", "package", "cmd/kelisim/a.go:1:8: expected 'IDENT'"},
		{"README.md", "see /" + "work/main\n", "README.md names \"/" + "work/\": a path of one machine"},
		{".ci/run", "cd /" + "tmp/x\n", ".ci/run names \"/" + "tmp/\": a path of one machine"},
		{"testdata/a.txtar", "at=\"/" + "home/me\"\n", "names \"\\\"/" + "home/\": a path of one machine"},
	} {
		tree := fstest.MapFS{}
		for name, f := range good {
			tree[name] = f
		}
		tree[c.name] = &fstest.MapFile{Data: []byte(c.text)}
		if faults := strings.Join(house(tree), "\n"); !strings.Contains(faults, c.want) {
			t.Errorf("%s with %q: said %q, want %q", c.name, c.text, faults, c.want)
		}
	}
	for _, text := range []string{"GET /v1/tmp/items", "$HOME/tmp/x", "a/home/b", "${DIR}/tmp/x"} {
		tree := fstest.MapFS{"README.md": {Data: []byte(text)}}
		if faults := house(tree); len(faults) > 0 {
			t.Errorf("%q is no path of a machine: %q", text, faults)
		}
	}
}
