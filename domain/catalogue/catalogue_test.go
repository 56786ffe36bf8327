package catalogue_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"kelisim/domain/catalogue"
	"kelisim/domain/event"
)

var update = flag.Bool("update", false, "write the samples that are missing; an existing one is never changed")

const samples = "../../testdata/events"

func sampleFile(name string, version int) string {
	return filepath.Join(samples, fmt.Sprintf("%s.v%d.json", name, version))
}

// sampleOf is a filled value of an event's type, as it is written, over several lines.
func sampleOf(t event.Type) ([]byte, error) {
	v := reflect.New(t.GoType())
	fill(v.Elem(), "")
	return pretty(json.Marshal(v.Elem().Interface()))
}

func pretty(data []byte, err error) ([]byte, error) {
	var out bytes.Buffer
	if err == nil {
		err = json.Indent(&out, data, "", "  ")
	}
	return append(out.Bytes(), '\n'), err
}

// TestSamples: what was stored under a name and a version is read for ever, and what is written has the shape that its version had
// from the first day.
func TestSamples(t *testing.T) {
	c := catalogue.All()
	expected := map[string]bool{}
	for _, ty := range c.Types() {
		for version := 1; version <= ty.Version(); version++ {
			file := sampleFile(ty.Name(), version)
			expected[filepath.Base(file)] = true
			stored, err := os.ReadFile(file)
			switch {
			case err == nil:
			case version < ty.Version():
				t.Errorf("no sample of %s version %d: it was stored once, so the sample may not go", ty.Name(), version)
				continue
			case *update:
				if stored, err = sampleOf(ty); err == nil {
					err = os.WriteFile(file, stored, 0o644)
				}
				if err != nil {
					t.Fatal(err)
				}
			default:
				t.Errorf("no sample of %s version %d: run with -update and commit it", ty.Name(), version)
				continue
			}
			if fault := compare(c, ty, version, stored); fault != "" {
				t.Errorf("%s version %d: %s", ty.Name(), version, fault)
			}
		}
	}
	files, err := os.ReadDir(samples)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !expected[f.Name()] {
			t.Errorf("%s is a sample of an event that is not declared: what was stored must stay readable", f.Name())
		}
	}
}

// compare tells what is wrong with a stored sample, or "".
func compare(c *event.Catalogue, ty event.Type, version int, stored []byte) string {
	v, err := c.Decode(ty.Name(), version, stored)
	if err != nil {
		return err.Error()
	}
	if version < ty.Version() {
		return ""
	}
	_, _, data, err := c.Encode(v)
	written, err := pretty(data, err)
	if err != nil {
		return err.Error()
	}
	fresh, err := sampleOf(ty)
	if err != nil {
		return err.Error()
	}
	var was, is any
	if json.Unmarshal(stored, &was) != nil || json.Unmarshal(fresh, &is) != nil {
		return "the sample is not JSON"
	}
	old, now := paths(was, ""), paths(is, "")
	for _, p := range now {
		if !slices.Contains(old, p) {
			return fmt.Sprintf("the written shape changed without a new version: field %s is new. Keep the old shape and lift it with event.From", p)
		}
	}
	for _, p := range old {
		if !slices.Contains(now, p) {
			return fmt.Sprintf("the written shape changed without a new version: field %s is gone. Keep the old shape and lift it with event.From", p)
		}
	}
	if !bytes.Equal(written, stored) {
		return fmt.Sprintf("the written shape changed without a new version. Stored:\n%sNow:\n%s", stored, written)
	}
	return ""
}

// TestShapes: events hold plain values with snake_case names; a personal one says which key seals it.
func TestShapes(t *testing.T) {
	for _, ty := range catalogue.All().Types() {
		for _, fault := range faults(ty.GoType(), ty.GoType().String(), "") {
			t.Errorf("%s: %s", ty.Name(), fault)
		}
	}
}

// TestNothingIsForgotten reads the books' source: each type of a book's sealed kind stands in its table, and each
// book's table in All.
func TestNothingIsForgotten(t *testing.T) {
	declared := map[string]bool{}
	for _, ty := range catalogue.All().Types() {
		declared[ty.GoType().String()] = true
	}
	files, err := filepath.Glob("../*/*.go")
	if err != nil || len(files) < 30 {
		t.Fatalf("found %d files of the books: %v", len(files), err)
	}
	marker := regexp.MustCompile(`^is[A-Z]`)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv == nil || !marker.MatchString(f.Name.Name) || f.Name.Name == "isCommand" || len(f.Body.List) > 0 {
				continue
			}
			kind, ok := f.Recv.List[0].Type.(*ast.Ident)
			if !ok {
				t.Errorf("%s: an event is a value: %s has a pointer for a receiver", name, f.Name.Name)
				continue
			}
			if full := file.Name.Name + "." + kind.Name; !declared[full] {
				t.Errorf("%s is an event that no table declares, or its book is missing from All", full)
			}
		}
	}
}

// FuzzDecode: no stored bytes make the catalogue panic, and what it can read and write again comes to rest at once.
func FuzzDecode(f *testing.F) {
	c := catalogue.All()
	for i, ty := range c.Types() {
		if b, err := os.ReadFile(sampleFile(ty.Name(), ty.Version())); err == nil {
			f.Add(i, ty.Version(), b)
		}
		f.Add(i, 1, []byte(strconv.Quote(ty.Name())))
	}
	f.Fuzz(func(t *testing.T, i, version int, data []byte) {
		types := c.Types()
		name := types[((i%len(types))+len(types))%len(types)].Name()
		v, err := c.Decode(name, version, data)
		if err != nil {
			return
		}
		_, newest, once, err := c.Encode(v)
		if err != nil {
			return // a personal value in clear, or a year that cannot be written
		}
		again, err := c.Decode(name, newest, once)
		if err != nil {
			t.Fatalf("%s wrote what it cannot read: %s: %v", name, once, err)
		}
		if _, _, twice, err := c.Encode(again); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%s is written %s, then %s (%v)", name, once, twice, err)
		}
	})
}
