package verify_test

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The verifier and the arithmetic that it stands on import nothing of the program that writes what they check, so that they can be read, built and believed by themselves.
func TestVerifierStandsAlone(t *testing.T) {
	may := []string{"kelisim/commands/tlog/tree", "kelisim/commands/vault/sealed", "golang.org/x/mod/sumdb/", "filippo.io/torchwood", "filippo.io/mldsa"}
	n := 0
	for _, dir := range []string{".", "../tree", "../../vault/sealed"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range file.Imports {
				path, _ := strconv.Unquote(spec.Path.Value)
				first, _, _ := strings.Cut(path, "/")
				ok := !strings.Contains(first, ".") && first != "kelisim" && path != "net" && !strings.HasPrefix(path, "net/") // the standard library, without the network
				for _, prefix := range may {
					ok = ok || strings.HasPrefix(path, prefix)
				}
				if !ok {
					t.Errorf("%s imports %s", name, path)
				}
				n++
			}
		}
	}
	if n < 20 {
		t.Errorf("looked at %d imports: this test sees nothing", n)
	}
}
