package receipts_test

import (
	"bytes"
	"compress/zlib"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"kelisim/commands/receipts"
)

var update = flag.Bool("update", false, "write the golden files anew")

const golden = "../../testdata/golden/receipts"

// drawn are the receipts whose PDFs are kept; of the others what they say is.
var drawn = map[string]bool{"consent-kk": true, "notice-refused": true}

// Every receipt in every form and language is what was agreed upon. A change of a word, a field or the drawing shows in the files.
func TestGolden(t *testing.T) {
	expected := map[string]bool{}
	for name, r := range newWorld(t).all() {
		files := map[string][]byte{}
		files[name+".json"] = must(r.JSON())(t)
		files[name+".jsonld"] = must(r.DPV())(t)
		for _, language := range receipts.Languages {
			said, err := r.Words(language, "")
			if err != nil {
				t.Fatal(err)
			}
			files[name+"."+language+".txt"] = []byte(said)
			if drawn[name] {
				files[name+"."+language+".pdf"] = must(r.PDF(language, ""))(t)
			}
		}
		for file, got := range files {
			expected[file] = true
			compare(t, file, got)
		}
	}
	stored, err := os.ReadDir(golden)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range stored {
		if !expected[f.Name()] {
			t.Errorf("%s is no receipt of this test", f.Name())
		}
	}
}

func must(b []byte, err error) func(testing.TB) []byte {
	return func(t testing.TB) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

func compare(t *testing.T, file string, got []byte) {
	t.Helper()
	path := filepath.Join(golden, file)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: run with -update", err)
	}
	if strings.HasSuffix(file, ".pdf") { // another release of Go may compress otherwise
		got, want = inflated(t, got), inflated(t, want)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s has changed: run with -update and look at the difference", file)
	}
}

var (
	streams = regexp.MustCompile(`(?s)stream\n(.*?)\nendstream`)
	lengths = regexp.MustCompile(`/Length[12]? \d+|\d{10} \d{5} n|startxref\n\d+`)
)

// inflated is a PDF without its compression.
func inflated(t testing.TB, pdf []byte) []byte {
	t.Helper()
	out := streams.ReplaceAllFunc(pdf, func(s []byte) []byte {
		body := streams.FindSubmatch(s)[1]
		if plain, err := inflate(body); err == nil {
			return append(append([]byte("stream\n"), plain...), "\nendstream"...)
		}
		return s
	})
	return lengths.ReplaceAll(out, nil)
}

func inflate(b []byte) ([]byte, error) {
	r, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// The same receipt has the same bytes, made again and in another ledger of the same events.
func TestSameBytes(t *testing.T) {
	one, other := newWorld(t).all(), newWorld(t).all()
	for name, r := range one {
		for form, write := range map[string]func(receipts.Receipt) ([]byte, error){
			"json": receipts.Receipt.JSON, "dpv": receipts.Receipt.DPV,
			"pdf": func(r receipts.Receipt) ([]byte, error) { return r.PDF("kk", "Әсел Қанатқызы") },
		} {
			a, b, c := must(write(r))(t), must(write(r))(t), must(write(other[name]))(t)
			if !bytes.Equal(a, b) || !bytes.Equal(a, c) {
				t.Errorf("%s as %s is not the same twice", name, form)
			}
		}
	}
}
