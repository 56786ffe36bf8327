package tlog_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
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
	"kelisim/domain"
)

// files is a Sink in memory.
type files map[string]*bytes.Buffer

func (f files) Create(name string) (io.Writer, error) {
	if f[name] != nil {
		return nil, fs.ErrExist
	}
	f[name] = &bytes.Buffer{}
	return f[name], nil
}

func (f files) Close() error { return nil }

// with is the bundle as it reads with one file changed; nil takes the file away.
func (f files) with(name string, content []byte) fstest.MapFS {
	out := fstest.MapFS{}
	for n, b := range f {
		out[n] = &fstest.MapFile{Data: b.Bytes()}
	}
	if content == nil {
		delete(out, name)
	} else {
		out[name] = &fstest.MapFile{Data: content}
	}
	return out
}

func (f files) fs() fstest.MapFS { return f.with("", nil) }

// bothKeys is a policy under which every signature of the test's keys is looked at.
func bothKeys(t testing.TB) *verify.Policy {
	t.Helper()
	p, err := verify.ParsePolicy(ledgerlog.PolicyText(testKeys.VerifierKeys()))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (w *world) full() files {
	w.t.Helper()
	f := files{}
	if err := w.Reader().ExportFull(w.t.Context(), f, ledgerlog.ExportOptions{}); err != nil {
		w.t.Fatal(err)
	}
	return f
}

func (w *world) streams(names ...string) files {
	w.t.Helper()
	f := files{}
	if err := w.Reader().ExportStreams(w.t.Context(), f, names, ledgerlog.ExportOptions{}); err != nil {
		w.t.Fatal(err)
	}
	return f
}

// small has two users, one of whom goes on after the heads were committed.
func small(t *testing.T) *world {
	w := newWorld(t, nil, nil)
	w.record(user(1), 2)
	w.record(user(2), 2)
	w.record(user(1), 1)
	w.commitHeads()
	w.record(user(1), 1)
	w.settle()
	return w
}

func unchecked(name string) bool {
	return strings.HasSuffix(name, ".txt") && name != verify.FileStreams
}

func TestBundlesHold(t *testing.T) {
	w := newWorld(t, nil, nil)
	for range 3 {
		w.some(400, 9)
		w.commitHeads()
	}
	w.record(user(3), 2)
	w.settle()
	size := w.checkpoint().Size
	last := 0
	opts := verify.Options{Policy: bothKeys(t), Streams: []string{user(3)}, Progress: func(done, total int64) { last = int(done) }}
	v, err := verify.BundleFS(t.Context(), w.full().fs(), opts)
	if err != nil || v.Kind != "full bundle" || v.Events != size || v.Size != size || v.Heads != 3 || v.CompleteTo != size || !v.Trusted || len(v.Signers) != 2 || last != int(size) {
		t.Errorf("%+v, progress %d (%v)", v, last, err)
	}
	if want := w.ends[user(3)] + 1; v.Streams[0].Events != want {
		t.Errorf("%+v, want %d", v.Streams, want)
	}
	names := []string{user(3), user(5), "user-none"}
	opts.Streams = names[2:]
	v, err = verify.BundleFS(t.Context(), w.streams(names...).fs(), opts)
	want := []verify.Stream{{Name: user(3), Events: w.ends[user(3)] + 1}, {Name: user(5), Events: w.ends[user(5)] + 1}, {Name: "user-none"}}
	if err != nil || v.Kind != "bundle of streams" || !slices.Equal(v.Streams, want) || v.CompleteTo != size-3 || v.Events != want[0].Events+want[1].Events {
		t.Errorf("%+v (%v)", v, err)
	}
	v, err = verify.BundleFS(t.Context(), w.streams(names...).fs(), verify.Options{})
	if err != nil || v.Trusted {
		t.Errorf("by the bundle's own keys: %+v (%v)", v, err)
	}
	opts.Streams = []string{user(7)}
	f := wantFault(t, second(verify.BundleFS(t.Context(), w.streams(names...).fs(), opts)), verify.Incomplete)
	if f.Stream != user(7) {
		t.Errorf("the fault is at %s", f.Place)
	}
}

// The same log under the same checkpoint gives the same bytes, as a file and as a directory, and an export leaves no trace.
func TestExportIsDeterministicAndAppendsNothing(t *testing.T) {
	w := small(t)
	id := domain.UserID(strings.TrimPrefix(user(1), "user-"))
	export := map[string]func(ledgerlog.Sink) error{
		"full": func(s ledgerlog.Sink) error { return w.Reader().ExportFull(t.Context(), s, ledgerlog.ExportOptions{}) },
		"user": func(s ledgerlog.Sink) error {
			return w.Reader().ExportUser(t.Context(), s, id, ledgerlog.ExportOptions{Since: []int64{2, 6, 2}})
		},
	}
	before, _, _ := w.journal.Head(t.Context())
	for name, export := range export {
		var a, b bytes.Buffer
		dir := filepath.Join(t.TempDir(), name)
		d, err := ledgerlog.DirSink(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(export(ledgerlog.ZipSink(&a)), export(ledgerlog.ZipSink(&b)), export(d)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Errorf("%s: two exports differ", name)
		}
		z, err := zip.NewReader(bytes.NewReader(a.Bytes()), int64(a.Len()))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range z.File {
			inZip, errA := fs.ReadFile(z, f.Name)
			onDisk, errB := os.ReadFile(filepath.Join(dir, f.Name))
			if errA != nil || errB != nil || !bytes.Equal(inZip, onDisk) {
				t.Errorf("%s: %s differs (%v, %v)", name, f.Name, errA, errB)
			}
		}
		file := filepath.Join(t.TempDir(), "bundle.zip")
		if err := os.WriteFile(file, a.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{file, dir} {
			if v, err := verify.Bundle(t.Context(), path, verify.Options{Policy: bothKeys(t)}); err != nil {
				t.Errorf("%s: %+v (%v)", path, v, err)
			}
		}
		if _, err := ledgerlog.DirSink(dir); err == nil {
			t.Error("would write over a bundle")
		}
	}
	if after, _, _ := w.journal.Head(t.Context()); after != before {
		t.Error("an export appended to the journal")
	}
	err := w.Reader().ExportUser(t.Context(), files{}, "00000000-0000-4000-8000-00000000ffff", ledgerlog.ExportOptions{})
	if !errors.Is(err, ledgerlog.ErrNotFound) {
		t.Errorf("of a user who is not there: %v", err)
	}
	err = w.Reader().ExportStreams(t.Context(), files{}, []string{"ledger-checkpoints"}, ledgerlog.ExportOptions{})
	if !errors.Is(err, ledgerlog.ErrNotFound) {
		t.Errorf("of a stream that is no part of the log: %v", err)
	}
}

// Without a commitment of heads under a checkpoint nothing could show a history to be whole, so there is no bundle.
func TestNoHeadsNoBundleOfStreams(t *testing.T) {
	w := newWorld(t, nil, nil)
	if err := w.Reader().ExportFull(t.Context(), files{}, ledgerlog.ExportOptions{}); !errors.Is(err, ledgerlog.ErrNotFound) {
		t.Errorf("of an empty log: %v", err)
	}
	m := w.journal.(*journal.Memory)
	m.Fail = func(stream string) journal.Failure {
		if stream == "ledger-heads" {
			return journal.Refused
		}
		return journal.Works
	}
	w.record("user-a", 1)
	if err := w.Settle(t.Context()); !errors.Is(err, journal.ErrNotWritten) {
		t.Fatal(err)
	}
	m.Fail = nil
	c := w.config()
	c.Keys = nil
	if err := w.Reader().ExportStreams(t.Context(), files{}, []string{"user-a"}, ledgerlog.ExportOptions{}); err == nil {
		t.Error("exported")
	}
}

// The bundle's own policies name the log's keys, whatever letters a key is written with.
func TestPoliciesInABundle(t *testing.T) {
	var keys *ledgerlog.Keys
	for n := byte(0); keys == nil; n++ {
		k, err := ledgerlog.ParseKeys(fixedKeys(origin, n), origin)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Count(k.VerifierKeys()[0], "+") > 2 {
			keys = k
		}
	}
	w := newWorld(t, nil, nil)
	w.store = &ledgerlog.Memory{} // that knows no other key
	c := w.config()
	c.Keys = keys
	f, err := ledgerlog.NewFollower(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	w.Follower = f
	w.record(user(1), 2)
	w.commitHeads()
	bundle := w.full()
	for name, want := range map[string][]string{verify.FilePolicy: keys.VerifierKeys()[:1], verify.FilePolicyMLDSA: keys.VerifierKeys()[1:]} {
		if got := bundle[name].String(); got != string(ledgerlog.PolicyText(want)) {
			t.Errorf("%s is %q", name, got)
		}
		p, err := verify.ParsePolicy(bundle[name].Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if v, err := verify.BundleFS(t.Context(), bundle.fs(), verify.Options{Policy: p}); err != nil || len(v.Signers) != 1 {
			t.Errorf("%s: %+v (%v)", name, v, err)
		}
	}
}

// A store that was made anew has no tree of heads until the follower has checked one. The bundle is the same all the same.
func TestExportAfterAReset(t *testing.T) {
	w := small(t)
	before := w.streams(user(1))
	if err := w.store.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.store = treeless{w.store}
	w.open()
	w.settle()
	after := w.streams(user(1))
	for name, content := range before {
		if after[name] == nil || !bytes.Equal(after[name].Bytes(), content.Bytes()) {
			t.Errorf("%s is another", name)
		}
	}
}

type treeless struct{ ledgerlog.Store }

func (treeless) HeadsTile(context.Context, int64, int, int64) ([]byte, error) {
	return nil, ledgerlog.ErrNotFound
}

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

func TestWhatIsNoBundle(t *testing.T) {
	if _, err := verify.Bundle(t.Context(), filepath.Join(t.TempDir(), "none"), verify.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a path that is not there: %v", err)
	}
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantFault(t, second(verify.Bundle(t.Context(), path, verify.Options{})), verify.Malformed)
	wantFault(t, second(verify.Bundle(t.Context(), t.TempDir(), verify.Options{})), verify.Missing)
}

// Whatever stands in a bundle in place of one of its files, it is refused or shows what the true one shows.
func FuzzBundle(f *testing.F) {
	w := newWorld(f, nil, nil)
	w.record(user(1), 2)
	w.commitHeads()
	root := w.checkpoint().Root
	keys := bothKeys(f)
	bundles := []files{w.full(), w.streams(user(1))}
	for kind, bundle := range bundles {
		for i, name := range slices.Sorted(maps.Keys(bundle)) {
			f.Add(kind, i, bundle[name].Bytes())
		}
	}
	f.Fuzz(func(t *testing.T, kind, file int, content []byte) {
		bundle := bundles[kind&1]
		names := slices.Sorted(maps.Keys(bundle))
		name := names[uint(file)%uint(len(names))]
		v, err := verify.BundleFS(t.Context(), bundle.with(name, append([]byte{}, content...)), verify.Options{Policy: keys})
		var fault *verify.Fault
		if err == nil && v.Root != root || err != nil && !errors.As(err, &fault) {
			t.Errorf("%s: %+v (%v)", name, v, err)
		}
	})
}
