package tlog_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"kelisim/commands/journal"
	ledgerlog "kelisim/commands/tlog"
	"kelisim/commands/tlog/verify"
	"kelisim/commands/vault/sealed"
)

// planted is a sealed value, where it stands and the key of it.
type planted struct {
	event uuid.UUID
	index int64
	field string
	text  string
	key   []byte
}

// disclosing is a log of three events of two users with sealed values, under keys that the test knows.
func disclosing(t testing.TB) (*world, []planted) {
	w := newWorld(t, nil, nil)
	var all []planted
	place := func(u, revision, index int) {
		stream, id := user(u), w.uuid()
		dek := bytes.Repeat([]byte{byte(u)}, sealed.KeyLen)
		seal := func(field, class string) json.RawMessage {
			text := fmt.Sprintf("planted %d/%d %s", u, revision, field)
			raw, err := sealed.Seal(dek, sealed.KID(strings.Repeat("a", 20), class), class, sealed.Place{Stream: stream, EventID: id, Type: "test.happened", Version: 3}, field, text)
			if err != nil {
				t.Fatal(err)
			}
			v, err := sealed.Parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			key, err := v.FieldKey(dek)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, planted{id, int64(index), field, text, key})
			return raw
		}
		data, err := json.Marshal(map[string]any{
			"login": seal("login", "identity"), "n": 3,
			"personal_data": map[string]any{"iin": seal("personal_data.iin", "identity"), "addresses": []any{
				map[string]any{"kind": "post", "text": seal("personal_data.addresses.0.text", "identity")},
				map[string]any{"kind": "post", "text": seal("personal_data.addresses.1.text", "identity")},
			}},
			"note": seal("note", "freeform"),
		})
		if err != nil {
			t.Fatal(err)
		}
		meta := fmt.Appendf(nil, `{"version":3,"occurred_at":"%s","actor":{"kind":"user","id":"7"}}`, w.now.Format(journal.TimeForm))
		w.append(stream, int64(revision)-1, []journal.NewRecord{{ID: id, Type: "test.happened", Data: data, Meta: meta}})
	}
	place(1, 0, 0)
	place(1, 1, 1)
	place(2, 0, 2)
	w.commitHeads()
	w.settle()
	return w, all
}

func (w *world) disclosed(give ...planted) files {
	w.t.Helper()
	var opts ledgerlog.ExportOptions
	for _, p := range give {
		opts.Disclosures = append(opts.Disclosures, ledgerlog.Disclosure{Event: p.event, Field: p.field, Key: p.key})
	}
	f := files{}
	if err := w.Reader().ExportStreams(w.t.Context(), f, []string{user(1), user(2)}, opts); err != nil {
		w.t.Fatal(err)
	}
	return f
}

// The key of one field opens that field in the stored bytes, and no other field of the same event, of another event or of another person.
func TestDisclosedKeyOpensOneField(t *testing.T) {
	w, all := disclosing(t)
	opts := verify.Options{Policy: policy(t)}
	for _, given := range all {
		bundle := w.disclosed(given)
		v, err := verify.BundleFS(t.Context(), bundle.fs(), opts)
		if err != nil || len(v.Disclosed) != 1 || v.Disclosed[0].Text != given.text || v.Disclosed[0].Field != given.field || v.Disclosed[0].Index != given.index {
			t.Fatalf("%s of leaf %d: %+v (%v)", given.field, given.index, v.Disclosed, err)
		}
		for _, other := range all {
			if other.event == given.event && other.field == given.field {
				continue
			}
			line := verify.Disclosure{Index: other.index, Field: other.field, Key: given.key}.Append(nil)
			f := wantFault(t, second(verify.BundleFS(t.Context(), bundle.with(verify.FileDisclosures, line), opts)), verify.DisclosureFails)
			if f.Index != other.index || f.File != verify.FileDisclosures {
				t.Errorf("the fault is at %s", f.Place)
			}
		}
	}
}

// Nothing but what is disclosed can be read in a bundle; a wrong key, a place without a sealed value, a line out of order are faults.
func TestDisclosuresAreHeld(t *testing.T) {
	w, all := disclosing(t)
	opts := verify.Options{Policy: policy(t)}
	two := w.disclosed(all[7], all[1])
	v, err := verify.BundleFS(t.Context(), two.fs(), opts)
	if err != nil || len(v.Disclosed) != 2 || v.Disclosed[0].Text != all[1].text || v.Disclosed[1].Text != all[7].text {
		t.Fatalf("%+v (%v)", v.Disclosed, err)
	}
	for name, content := range two {
		for _, p := range all {
			if strings.Contains(content.String(), p.text) {
				t.Errorf("%s stands in clear in %s", p.field, name)
			}
		}
	}
	if _, there := w.streams(user(1))[verify.FileDisclosures]; there {
		t.Error("a bundle that discloses nothing has the file")
	}
	own := verify.Disclosure{Index: all[1].index, Field: all[1].field, Key: all[1].key}
	with := func(edit func(*verify.Disclosure)) []byte {
		d := own
		d.Key = slices.Clone(own.Key)
		edit(&d)
		return d.Append(nil)
	}
	lines := bytes.SplitAfter(two[verify.FileDisclosures].Bytes(), []byte("\n"))
	for name, c := range map[string]struct {
		content []byte
		code    string
	}{
		"an event that is not there":  {with(func(d *verify.Disclosure) { d.Index = 9 }), verify.Unexpected},
		"a field that is not there":   {with(func(d *verify.Disclosure) { d.Field = "personal_data.phone" }), verify.DisclosureFails},
		"a field that is clear":       {with(func(d *verify.Disclosure) { d.Field = "n" }), verify.DisclosureFails},
		"what holds the field":        {with(func(d *verify.Disclosure) { d.Field = "personal_data" }), verify.DisclosureFails},
		"no field":                    {with(func(d *verify.Disclosure) { d.Field = "" }), verify.DisclosureFails},
		"an item too many":            {with(func(d *verify.Disclosure) { d.Field = "personal_data.addresses.2.text" }), verify.DisclosureFails},
		"the same item named twice":   {with(func(d *verify.Disclosure) { d.Field = "personal_data.addresses.00.text" }), verify.DisclosureFails},
		"nothing":                     {[]byte{}, verify.Malformed},
		"a short key":                 {with(func(d *verify.Disclosure) { d.Key = d.Key[:31] }), verify.Malformed},
		"a long key":                  {with(func(d *verify.Disclosure) { d.Key = append(d.Key, 0) }), verify.Malformed},
		"out of order":                {slices.Concat(lines[1], lines[0]), verify.Malformed},
		"the same twice":              {slices.Concat(lines[0], lines[0]), verify.Malformed},
		"a member more":               {[]byte(strings.Replace(string(lines[0]), "{", `{"x":1,`, 1)), verify.Malformed},
		"without the end of the line": {bytes.TrimSpace(lines[0]), verify.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			wantFault(t, second(verify.BundleFS(t.Context(), two.with(verify.FileDisclosures, c.content), opts)), c.code)
		})
	}
	for i := range 8 * sealed.KeyLen {
		content := with(func(d *verify.Disclosure) { d.Key[i/8] ^= 1 << (i % 8) })
		wantFault(t, second(verify.BundleFS(t.Context(), two.with(verify.FileDisclosures, content), opts)), verify.DisclosureFails)
	}
	full := w.full()
	wantFault(t, second(verify.BundleFS(t.Context(), full.with(verify.FileDisclosures, own.Append(nil)), opts)), verify.Unexpected)
}

// What no checkpoint covers yet cannot be shown to be in the log, and so no key of it goes into a bundle.
func TestDisclosureOfWhatIsNotCovered(t *testing.T) {
	w, all := disclosing(t)
	other := all[0]
	other.event = w.uuid()
	opts := ledgerlog.ExportOptions{Disclosures: []ledgerlog.Disclosure{{Event: other.event, Field: other.field, Key: other.key}}}
	if err := w.Reader().ExportStreams(t.Context(), files{}, []string{user(1)}, opts); !errors.Is(err, ledgerlog.ErrNotCovered) {
		t.Errorf("got %v", err)
	}
}

func FuzzParseDisclosure(f *testing.F) {
	good := verify.Disclosure{Index: 3, Field: "personal_data.iin", Key: make([]byte, sealed.KeyLen)}.Append(nil)
	for _, s := range []string{string(good[:len(good)-1]), "{}", `{"index":-1,"field":"a","key":""}`, `{"index":1,"field":"<","key":"AA=="}`, "null"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		d, err := verify.ParseDisclosure(line)
		if err == nil && string(d.Append(nil)) != string(line)+"\n" {
			t.Errorf("%q reads as %+v", line, d)
		}
	})
}
