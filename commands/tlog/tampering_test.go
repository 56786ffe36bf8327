package tlog_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/mod/sumdb/tlog"

	"kelisim/commands/journal"
	ledgerlog "kelisim/commands/tlog"
	"kelisim/commands/tlog/tree"
	"kelisim/commands/tlog/verify"
)

// Every bit of a bundle that anything rests on is held: a change is a fault that says where.
func TestEveryByteOfABundleIsHeld(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.record(user(1), 1)
	w.record(user(2), 1)
	w.commitHeads()
	w.record(user(1), 1)
	w.settle()
	both, one := verify.Options{Policy: bothKeys(t)}, verify.Options{Policy: policy(t)}
	proofs := 0
	for kind, bundle := range map[string]files{"full": w.full(), "streams": w.streams(user(1), user(2), "user-none")} {
		for _, name := range slices.Sorted(maps.Keys(bundle)) {
			content := bundle[name].Bytes()
			opts, step := one, 1
			switch {
			case strings.HasPrefix(name, verify.FileCheckpoint):
				opts, step = both, 37 // most of it is a long signature
			case strings.HasPrefix(name, verify.DirProofs):
				if proofs++; proofs > 1 {
					step = 13 // they are all alike
				}
			}
			for i := 0; i < len(content); i += step {
				changed := bytes.Clone(content)
				changed[i] ^= 1 << (i % 8)
				v, err := verify.BundleFS(t.Context(), bundle.with(name, changed), opts)
				var f *verify.Fault
				if unchecked(name) {
					if err != nil {
						t.Errorf("%s: a change of %s is said to matter: %v", kind, name, err)
					}
				} else if err == nil && bytes.HasPrefix(changed, content[:bytes.Index(content, []byte("\n\n"))+2]) && len(v.Signers) > 0 && strings.HasPrefix(name, verify.FileCheckpoint) {
					continue // a signature that is now by somebody unknown, beside one that is not
				} else if !errors.As(err, &f) {
					t.Errorf("%s: byte %d of %s was changed from %q to %q: %+v (%v)", kind, i, name, content[i], changed[i], v, err)
				} else if f.Place == verify.Nowhere {
					t.Errorf("%s: byte %d of %s: the fault has no place: %v", kind, i, name, f)
				}
			}
			if unchecked(name) {
				continue
			}
			for what, changed := range map[string][]byte{"gone": nil, "empty": {}, "longer": append(bytes.Clone(content), 'x'), "with a line more": append(bytes.Clone(content), '\n'),
				"shorter": content[:len(content)-min(1, len(content))], "twice": append(bytes.Clone(content), content...)} {
				if bytes.Equal(changed, content) || changed == nil && strings.HasPrefix(name, verify.DirCheckpoints) {
					continue // as it was, or without what it need not have
				}
				var f *verify.Fault
				if v, err := verify.BundleFS(t.Context(), bundle.with(name, changed), opts); !errors.As(err, &f) {
					t.Errorf("%s: %s %s: %+v (%v)", kind, name, what, v, err)
				}
			}
		}
		for _, name := range []string{"evil.txt", "tile/0/001", "tile/0/000.p/3", "tile/entries/001", "tile/x", "proofs/99.tlog-proof", "heads/0000.bin", "heads/0000.evil.bin",
			"checkpoints/1", "consistency/1-2", "tile/0/000.p/300", "events.ndjson.bak"} {
			var f *verify.Fault
			if v, err := verify.BundleFS(t.Context(), bundle.with(name, []byte("x")), one); !errors.As(err, &f) || f.File != name {
				t.Errorf("%s with %s: %+v (%v)", kind, name, v, err)
			}
		}
	}
}

// lines are the events of a bundle, to be tampered with.
func (f files) lines(t *testing.T) (lines []tree.Line) {
	t.Helper()
	for _, text := range bytes.SplitAfter(f[verify.FileEvents].Bytes(), []byte("\n")) {
		if len(text) == 0 {
			continue
		}
		l, err := tree.ParseLine(bytes.TrimSuffix(text, []byte("\n")))
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	return lines
}

func joined(lines []tree.Line) []byte {
	b := []byte{}
	for _, l := range lines {
		b = l.Append(b)
	}
	return b
}

// One who sends a user's history leaves an event out, and mends all that can be mended without the log's key.
func TestOmissionFromAHistory(t *testing.T) {
	w := small(t)
	opts := verify.Options{Policy: bothKeys(t)}
	whole := w.streams(user(1), user(2))
	lines := whole.lines(t)
	covered := map[string]int64{user(1): 3, user(2): 2} // before the heads were committed
	for out, gone := range lines {
		left := slices.Delete(slices.Clone(lines), out, out+1)
		changed := whole.with(fmt.Sprintf("%s%d.tlog-proof", verify.DirProofs, gone.Index), nil)
		changed[verify.FileEvents] = &fstest.MapFile{Data: joined(left)}
		v, err := verify.BundleFS(t.Context(), changed, opts)
		lastOne := gone.Revision == w.ends[gone.Stream]
		switch {
		case gone.Revision >= covered[gone.Stream]: // after the commitment, and nothing says otherwise: the verdict says how far it reaches
			if err != nil || v.CompleteTo > gone.Index {
				t.Errorf("left out revision %d of %s: %+v (%v)", gone.Revision, gone.Stream, v, err)
			}
		case lastOne:
			if f := wantFault(t, err, verify.Incomplete); f.Stream != gone.Stream || f.Revision != gone.Revision {
				t.Errorf("left out revision %d of %s: the fault is at %s", gone.Revision, gone.Stream, f.Place)
			}
		default:
			wantFault(t, err, verify.Gap)
		}
		// With the revisions after it counted anew, the leaves are no longer those of the log.
		for i := range left {
			if left[i].Stream == gone.Stream && left[i].Revision > gone.Revision {
				left[i].Revision--
			}
		}
		changed[verify.FileEvents] = &fstest.MapFile{Data: joined(left)}
		if _, err := verify.BundleFS(t.Context(), changed, opts); gone.Revision < covered[gone.Stream] {
			var f *verify.Fault
			if !errors.As(err, &f) {
				t.Errorf("left out revision %d of %s and counted anew: %v", gone.Revision, gone.Stream, err)
			}
		}
	}
	// A whole stream left out: its name is asked for, or its bucket shows it.
	for _, stream := range []string{user(1), user(2)} {
		left := slices.DeleteFunc(slices.Clone(lines), func(l tree.Line) bool { return l.Stream == stream })
		changed := whole.with("", nil)
		for _, l := range lines {
			if l.Stream == stream {
				delete(changed, fmt.Sprintf("%s%d.tlog-proof", verify.DirProofs, l.Index))
			}
		}
		changed[verify.FileEvents] = &fstest.MapFile{Data: joined(left)}
		wantFault(t, second(verify.BundleFS(t.Context(), changed, opts)), verify.Incomplete)
	}
}

// Events of a full bundle are left out, moved, put in twice or put in anew, without the key.
func TestTamperingWithAFullBundle(t *testing.T) {
	w := small(t)
	opts := verify.Options{Policy: bothKeys(t)}
	whole := w.full()
	for what, change := range map[string]func([]tree.Line) []tree.Line{
		"one left out":   func(l []tree.Line) []tree.Line { return slices.Delete(l, 2, 3) },
		"last left out":  func(l []tree.Line) []tree.Line { return l[:len(l)-1] },
		"first left out": func(l []tree.Line) []tree.Line { return l[1:] },
		"none left":      func(l []tree.Line) []tree.Line { return nil },
		"two swapped":    func(l []tree.Line) []tree.Line { l[1], l[2] = l[2], l[1]; return l },
		"one twice":      func(l []tree.Line) []tree.Line { return slices.Insert(l, 2, l[2]) },
		"one at the end": func(l []tree.Line) []tree.Line { e := l[0]; e.Stream = "user-new"; return append(l, e) },
		"another text":   func(l []tree.Line) []tree.Line { l[1].Data = []byte(`{}`); return l },
		"another id":     func(l []tree.Line) []tree.Line { l[1].ID[3]++; return l },
		"another type":   func(l []tree.Line) []tree.Line { l[1].Type = "x"; return l },
		"another stream": func(l []tree.Line) []tree.Line { l[0].Stream = "user-x"; return l },
	} {
		for _, counted := range []bool{false, true} {
			lines := change(whole.lines(t))
			last := map[string]tree.Hash{}
			for i := range lines {
				lines[i].Index = int64(i)
				if counted { // with the leaves made anew as well
					lines[i].Leaf = tree.LeafOf(lines[i].Event, last[lines[i].Stream]).Append(nil)
					last[lines[i].Stream] = tlog.RecordHash(lines[i].Leaf)
				}
			}
			var f *verify.Fault
			if v, err := verify.BundleFS(t.Context(), whole.with(verify.FileEvents, joined(lines)), opts); !errors.As(err, &f) || what == "last left out" && f.Code != verify.Behind {
				t.Errorf("%s: %+v (%v)", what, v, err)
			}
		}
	}
}

// A commitment of heads that is true, and is no event of the bundle.
func TestCommitmentFromElsewhere(t *testing.T) {
	w := small(t)
	before := w.full()
	w.commitHeads()
	later := w.full()
	changed := before.with(verify.FileHeads, later[verify.FileHeads].Bytes())
	if f := wantFault(t, second(verify.BundleFS(t.Context(), changed, verify.Options{Policy: bothKeys(t)})), verify.Unexpected); f.File != verify.FileHeads {
		t.Errorf("the fault is at %s", f.Place)
	}
}

// The operator itself, who has the key, writes another history and signs it. Whoever kept a checkpoint finds it.
func TestForgeryWithTheKeyMeetsAnOldCheckpoint(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.some(50, 5)
	w.commitHeads()
	kept := w.checkpoint()
	w.some(20, 5)
	w.commitHeads()

	other := newWorld(t, copyOf(t, changed{w.journal, 30, func(r *journal.Record) {
		r.Data = []byte(`{"n":0}`)
	}}, 50, w.clock), nil)
	other.rand = rand.New(rand.NewPCG(3, 4))
	other.some(30, 200)
	other.commitHeads()

	for _, opts := range []verify.Options{{Policy: bothKeys(t), Previous: [][]byte{kept.Full()}}} {
		if _, err := verify.BundleFS(t.Context(), w.full().fs(), opts); err != nil {
			t.Errorf("the true one: %v", err)
		}
		if _, err := verify.Dir(t.Context(), ledgerlog.NewSource(w.journal, w.store), opts); err != nil {
			t.Errorf("the true one: %v", err)
		}
		wantFault(t, second(verify.BundleFS(t.Context(), other.full().fs(), opts)), verify.Inconsistent)
		wantFault(t, second(verify.Dir(t.Context(), ledgerlog.NewSource(other.journal, other.store), opts)), verify.Inconsistent)

		f := files{}
		since := ledgerlog.ExportOptions{Since: []int64{kept.Size}}
		if err := w.Reader().ExportStreams(t.Context(), f, []string{user(1)}, since); err != nil {
			t.Fatal(err)
		}
		if _, err := verify.BundleFS(t.Context(), f.fs(), opts); err != nil {
			t.Errorf("the true one: %v", err)
		}
		if wantFault(t, second(verify.BundleFS(t.Context(), w.streams(user(1)).fs(), opts)), verify.Missing).File == "" {
			t.Error("it does not say which proof is missing")
		}
		f = files{}
		if err := other.Reader().ExportStreams(t.Context(), f, []string{user(1)}, since); err != nil {
			t.Fatal(err)
		}
		wantFault(t, second(verify.BundleFS(t.Context(), f.fs(), opts)), verify.Inconsistent)
		// An older state of the true log is behind what the auditor has seen.
		old := verify.Options{Policy: bothKeys(t), Previous: [][]byte{w.checkpoint().Full()}}
		wantFault(t, second(verify.BundleFS(t.Context(), other.full().fs(), old)), verify.Inconsistent)
		yesterday := newWorld(t, copyOf(t, w.journal, 50, w.clock), nil)
		yesterday.settle()
		wantFault(t, second(verify.BundleFS(t.Context(), yesterday.full().fs(), old)), verify.Behind)
		wantFault(t, second(verify.Dir(t.Context(), ledgerlog.NewSource(yesterday.journal, yesterday.store), old)), verify.Behind)
	}
}

// An archive that two programs could read as two things is none.
func TestZipWithANameTwice(t *testing.T) {
	w := small(t)
	bundle := w.streams(user(1))
	for _, twice := range []string{verify.FileCheckpoint, verify.FileEvents, "../evil", "/evil"} {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for name, content := range bundle {
			f, err := z.Create(name)
			if err == nil {
				_, err = f.Write(content.Bytes())
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		f, err := z.Create(twice)
		if err == nil {
			_, err = f.Write([]byte("x"))
		}
		if err = errors.Join(err, z.Close()); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "b.zip")
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		wantFault(t, second(verify.Bundle(t.Context(), path, verify.Options{Policy: bothKeys(t)})), verify.Unexpected)
	}
}
