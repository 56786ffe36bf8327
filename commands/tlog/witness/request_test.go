package witness_test

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"kelisim/commands/tlog/witness"
)

func FuzzParseRequest(f *testing.F) {
	b := newBook(f, origin)
	b = b.history(9, 9, "")
	f.Add(b.ask(0, 9).Format())
	f.Add(b.ask(5, 9).Format())
	f.Add([]byte("old 0\n\n"))
	f.Add([]byte("old 00\n\nx"))
	f.Add([]byte("old 1\n" + strings.Repeat(tlog.Hash{}.String()+"\n", 64) + "\nx"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := witness.ParseRequest(text)
		if err != nil {
			return
		}
		if !bytes.Equal(r.Format(), text) || r.Old < 0 || len(r.Proof) > 63 {
			t.Errorf("%q is read as %+v", text, r)
		}
	})
}
