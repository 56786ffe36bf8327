package tlog_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"kelisim/commands/journal"
	ledgerlog "kelisim/commands/tlog"
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
