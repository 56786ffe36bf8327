package tlog_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"slices"
	"testing"

	"kelisim/commands/journal"
	"kelisim/commands/tlog"
	"kelisim/commands/tlog/tree"
	"kelisim/commands/tlog/verify"
)

// forged is a data directory in which somebody has changed something.
type forged struct {
	verify.Source
	records     func([]verify.Record) []verify.Record
	checkpoints func([][]byte) [][]byte
	newest      func([]byte) []byte
	tile        func(level int, n int64, data []byte) []byte
	twofold     bool // read by itself, a stream is as it was
}

func (f forged) Records(ctx context.Context) iter.Seq2[verify.Record, error] {
	return f.some(f.Source.Records(ctx), "")
}

func (f forged) Stream(ctx context.Context, stream string) iter.Seq2[verify.Record, error] {
	if f.twofold {
		return f.Source.Stream(ctx, stream)
	}
	return f.some(f.Source.Records(ctx), stream)
}

func (f forged) some(all iter.Seq2[verify.Record, error], stream string) iter.Seq2[verify.Record, error] {
	return func(yield func(verify.Record, error) bool) {
		var records []verify.Record
		for r, err := range all {
			if err != nil {
				yield(r, err)
				return
			}
			records = append(records, r)
		}
		if f.records != nil {
			records = f.records(records)
		}
		for _, r := range records {
			if (stream == "" || r.Stream == stream) && !yield(r, nil) {
				return
			}
		}
	}
}

func (f forged) Checkpoints(ctx context.Context) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		var all [][]byte
		for c, err := range f.Source.Checkpoints(ctx) {
			if err != nil {
				yield(nil, err)
				return
			}
			all = append(all, c)
		}
		if f.checkpoints != nil {
			all = f.checkpoints(all)
		}
		for _, c := range all {
			if !yield(c, nil) {
				return
			}
		}
	}
}

func (f forged) Newest(ctx context.Context) ([]byte, error) {
	c, err := f.Source.Newest(ctx)
	if f.newest != nil {
		c = f.newest(c)
	}
	return c, err
}

func (f forged) Tile(ctx context.Context, level int, n int64) ([]byte, error) {
	data, err := f.Source.Tile(ctx, level, n)
	if f.tile != nil {
		data = f.tile(level, n, data)
	}
	return data, err
}

// byIndex changes the record of the nth leaf.
func byIndex(n int, change func(*verify.Record)) func([]verify.Record) []verify.Record {
	return func(all []verify.Record) []verify.Record {
		n := n
		for i := range all {
			if tree.Counted(all[i].Stream) {
				if n--; n < 0 {
					change(&all[i])
					break
				}
			}
		}
		return all
	}
}

func at(all []verify.Record, stream string, nth int) int {
	for i, r := range all {
		if r.Stream == stream {
			if nth--; nth < 0 {
				return i
			}
		}
	}
	panic("not there")
}

func TestJournalIsVerified(t *testing.T) {
	w := newWorld(t, nil, nil)
	for range 4 {
		w.some(200, 9)
		w.commitHeads()
	}
	w.some(3, 2)
	signed := w.checkpoint().Size
	var done, total int64
	v, err := verify.Dir(t.Context(), tlog.NewSource(w.journal, w.store), verify.Options{Policy: bothKeys(t), Progress: func(d, t int64) { done, total = d, t }})
	if err != nil || v.Events != signed+3 || v.Late != 3 || v.Size != signed || v.Heads != 4 || v.CompleteTo != signed-1 || !v.Trusted || v.Origin != origin {
		t.Errorf("%+v (%v)", v, err)
	}
	if head, _, _ := w.journal.Head(t.Context()); done != head || total != head {
		t.Errorf("progress ended at %d of %d", done, total)
	}
	v, err = verify.Dir(t.Context(), tlog.NewSource(w.journal, w.store), verify.Options{})
	if err != nil || v.Trusted || len(v.Signers) != 2 {
		t.Errorf("by its own keys: %+v (%v)", v, err)
	}
	// A journal without a log, and nothing at all.
	v, err = verify.Dir(t.Context(), tlog.NewSource(w.journal, &tlog.Memory{}), verify.Options{})
	if err != nil || v.Events != signed+3 || v.Late != v.Events || v.Size != 0 {
		t.Errorf("without a log: %+v (%v)", v, err)
	}
	for _, opts := range []verify.Options{{}, {Policy: bothKeys(t)}} {
		if v, err = verify.Dir(t.Context(), tlog.NewSource(&journal.Memory{}, &tlog.Memory{}), opts); err != nil || v.Events != 0 {
			t.Errorf("nothing: %+v (%v)", v, err)
		}
	}
	// Who takes all signatures away has nothing that a policy could believe.
	wantFault(t, second(verify.Dir(t.Context(), tlog.NewSource(w.journal, &tlog.Memory{}), verify.Options{Policy: bothKeys(t)})), verify.Unsigned)
	// A log without its journal.
	wantFault(t, second(verify.Dir(t.Context(), tlog.NewSource(&journal.Memory{}, w.store), verify.Options{})), verify.Behind)
	other, err := verify.ParsePolicy(tlog.PolicyText(mustKeys(t, fixedKeys(origin, 9)).VerifierKeys()))
	if err != nil {
		t.Fatal(err)
	}
	wantFault(t, second(verify.Dir(t.Context(), tlog.NewSource(w.journal, w.store), verify.Options{Policy: other})), verify.Unsigned)
}

func mustKeys(t *testing.T, text string) *tlog.Keys {
	t.Helper()
	k, err := tlog.ParseKeys(text, origin)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Whatever was done to a data directory after it was signed, without the key, is found, and the first fault's place is told.
func TestTamperingWithAJournal(t *testing.T) {
	w := newWorld(t, nil, nil)
	for range 3 {
		w.some(200, 9)
		w.commitHeads()
	}
	const n = 333
	leaf, err := w.store.Leaf(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	var record verify.Record
	for r, err := range tlog.NewSource(w.journal, w.store).Records(t.Context()) {
		if err == nil && r.Position == leaf.Position {
			record = r
		}
	}
	here := verify.Place{Index: n, Position: leaf.Position, Stream: record.Stream, Revision: record.Revision}
	for what, c := range map[string]struct {
		forged
		code string
		at   verify.Place // zero: wherever
	}{
		"data":     {forged{records: byIndex(n, func(r *verify.Record) { r.Data = []byte(`{}`) })}, verify.EventChanged, here},
		"metadata": {forged{records: byIndex(n, func(r *verify.Record) { r.Meta = bytes.Replace(r.Meta, []byte("2026"), []byte("2025"), 1) })}, verify.EventChanged, here},
		"type":     {forged{records: byIndex(n, func(r *verify.Record) { r.Type = "test.undone" })}, verify.EventChanged, here},
		"id":       {forged{records: byIndex(n, func(r *verify.Record) { r.ID[15]++ })}, verify.EventChanged, here},
		"one gone": {forged{records: func(all []verify.Record) []verify.Record {
			i := slices.IndexFunc(all, func(r verify.Record) bool { return r.Position == leaf.Position })
			return slices.Delete(all, i, i+1)
		}}, "", verify.Place{}},
		"two swapped": {forged{records: func(all []verify.Record) []verify.Record {
			i := slices.IndexFunc(all, func(r verify.Record) bool { return r.Position == leaf.Position })
			for all[i].Stream == all[i+1].Stream || !tree.Counted(all[i+1].Stream) {
				i++
			}
			all[i], all[i+1] = all[i+1], all[i]
			return all
		}}, verify.EventChanged, verify.Place{}},
		"the end cut off":   {forged{records: func(all []verify.Record) []verify.Record { return all[:len(all)-5] }}, verify.Behind, verify.Place{}},
		"the start cut off": {forged{records: func(all []verify.Record) []verify.Record { return all[5:] }}, "", verify.Place{}},
		"one put in": {forged{records: func(all []verify.Record) []verify.Record {
			e := all[n]
			e.Stream, e.Revision = "user-new", 0
			return slices.Insert(all, n, e)
		}}, verify.EventChanged, verify.Place{}},
		"a body changed": {forged{records: func(all []verify.Record) []verify.Record {
			i := at(all, tree.CheckpointsStream, 1)
			all[i].Data = bytes.Replace(all[i].Data, []byte(`"size":`), []byte(`"size":1`), 1)
			return all
		}}, "", verify.Place{}},
		"a body that is another where it stands": {forged{twofold: true, records: func(all []verify.Record) []verify.Record {
			i := at(all, tree.CheckpointsStream, 1)
			all[i].Data = all[at(all, tree.CheckpointsStream, 0)].Data
			return all
		}}, verify.EventChanged, verify.Place{}},
		"a body said twice": {forged{records: func(all []verify.Record) []verify.Record {
			again := all[at(all, tree.CheckpointsStream, 2)]
			again.Revision, again.Position = again.Revision+1, all[len(all)-1].Position
			again.ID[0]++
			return append(all, again)
		}}, verify.Malformed, verify.Place{}},
		"a body gone": {forged{records: func(all []verify.Record) []verify.Record {
			i := at(all, tree.CheckpointsStream, 1)
			return slices.Delete(all, i, i+1)
		}}, verify.Gap, verify.Place{}},
		"a body before its events": {forged{records: func(all []verify.Record) []verify.Record {
			i := at(all, tree.CheckpointsStream, 1)
			b := all[i]
			return slices.Insert(slices.Delete(all, i, i+1), i-50, b)
		}}, verify.Malformed, verify.Place{}},
		"a commitment of heads changed": {forged{records: func(all []verify.Record) []verify.Record {
			i := at(all, tree.HeadsStream, 1)
			all[i].Data = bytes.Replace(all[i].Data, []byte(`"root":"`), []byte(`"root":"A`), 1)
			return all
		}}, verify.Malformed, verify.Place{}},
		"an earlier checkpoint changed": {forged{checkpoints: func(all [][]byte) [][]byte {
			line := bytes.Index(all[1], []byte("\n")) + 1
			all[1][line]++
			return all
		}}, "", verify.Place{}},
		"an earlier root changed": {forged{checkpoints: func(all [][]byte) [][]byte {
			lines := bytes.SplitAfterN(all[1], []byte("\n"), 4)
			if lines[2][3]++; lines[2][3] > 'Z' {
				lines[2][3] = 'A'
			}
			all[1] = bytes.Join(lines, nil)
			return all
		}}, verify.RootDiffers, verify.Place{}},
		"the newest checkpoint changed": {forged{newest: func(c []byte) []byte { c[len(origin)+3] ^= 1; return c }}, verify.Unsigned, verify.Place{}},
		"a hash of a leaf": {forged{tile: func(level int, m int64, data []byte) []byte {
			if level == 0 && m == n/256 {
				data[32*(n%256)] ^= 1
			}
			return data
		}}, verify.TileDiffers, verify.Place{File: "tile/0/001", Index: n, Position: leaf.Position, Stream: record.Stream, Revision: record.Revision}},
		"a hash of a tile": {forged{tile: func(level int, m int64, data []byte) []byte {
			if level == 1 {
				data[33] ^= 1
			}
			return data
		}}, verify.TileDiffers, verify.InFile("tile/1/000")},
		"a tile gone": {forged{tile: func(level int, m int64, data []byte) []byte {
			if level == 0 && m == 1 {
				return nil
			}
			return data
		}}, verify.Missing, verify.InFile("tile/0/001")},
		"the last tile cut": {forged{tile: func(level int, m int64, data []byte) []byte {
			if level == 0 && m == 2 {
				return data[:len(data)-32]
			}
			return data
		}}, verify.Missing, verify.Place{}},
	} {
		c.Source = tlog.NewSource(w.journal, w.store)
		_, err := verify.Dir(t.Context(), c.forged, verify.Options{Policy: bothKeys(t)})
		var f *verify.Fault
		if !errors.As(err, &f) || c.code != "" && f.Code != c.code || c.at != (verify.Place{}) && f.Place != c.at {
			t.Errorf("%s: %v, want %s at %s", what, err, c.code, c.at)
		}
	}
}

// Without a log the streams themselves still show that a revision is missing, or comes twice.
func TestGapsInAJournalWithoutALog(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.some(60, 4)
	for what, change := range map[string]func([]verify.Record) []verify.Record{
		"one gone":  func(all []verify.Record) []verify.Record { return slices.Delete(all, 20, 21) },
		"one twice": func(all []verify.Record) []verify.Record { return slices.Insert(all, 21, all[20]) },
		"none first": func(all []verify.Record) []verify.Record {
			return slices.DeleteFunc(all, func(r verify.Record) bool { return r.Revision == 0 })
		},
	} {
		f := wantFault(t, second(verify.Dir(t.Context(), forged{Source: tlog.NewSource(w.journal, &tlog.Memory{}), records: change}, verify.Options{})), verify.Gap)
		if f.Stream == "" || f.Position <= 0 {
			t.Errorf("%s: the fault is at %s", what, f.Place)
		}
	}
}

// An auditor who was shown two histories of one length holds the proof in hand.
func TestTwoEarlierCheckpointsThatDiffer(t *testing.T) {
	a, b := newWorld(t, nil, nil), newWorld(t, nil, nil)
	b.rand.Uint64()
	for _, w := range []*world{a, b} {
		w.record(user(1), 20)
		w.settle()
	}
	x, y := a.checkpoint(), b.checkpoint()
	if x.Size != y.Size || x.Root == y.Root {
		t.Fatal("the two are no fork")
	}
	for _, previous := range [][][]byte{{x.Note, y.Note}, {y.Note, x.Note}} {
		wantFault(t, second(verify.Dir(t.Context(), tlog.NewSource(a.journal, a.store), verify.Options{Policy: bothKeys(t), Previous: previous})), verify.Inconsistent)
	}
	if _, err := verify.Dir(t.Context(), tlog.NewSource(a.journal, a.store), verify.Options{Policy: bothKeys(t), Previous: [][]byte{x.Note, x.Note}}); err != nil {
		t.Errorf("the same twice: %v", err)
	}
}

// False heads that somebody with the key committed and signed: whoever checks the whole journal finds them.
func TestFalseHeadsAreFound(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.some(20, 3)
	liar := &lying{Store: w.store}
	w.store = liar
	w.open()
	liar.drop = tree.KeyOf(user(1))
	w.commitHeads()
	liar.drop = tree.Key{}
	f := wantFault(t, second(verify.Dir(t.Context(), tlog.NewSource(w.journal, w.store), verify.Options{Policy: bothKeys(t)})), verify.HeadsDiffer)
	if f.Stream != tree.HeadsStream {
		t.Errorf("the fault is at %s", f.Place)
	}
	f = wantFault(t, second(verify.BundleFS(t.Context(), w.full().fs(), verify.Options{Policy: bothKeys(t)})), verify.HeadsDiffer)
	if f.File != verify.FileHeads {
		t.Errorf("the fault is at %s", f.Place)
	}
}

// Heads that somebody with the key committed, and that are not those of the streams in the bundle.
func TestFalseHeadsInABundleOfStreams(t *testing.T) {
	for what, alter := range map[string]func(*tlog.Head){
		"an earlier end": func(h *tlog.Head) { h.Revision-- },
		"another leaf":   func(h *tlog.Head) { h.Leaf[0]++ },
		"no such stream": nil,
	} {
		w := newWorld(t, nil, nil)
		w.record(user(1), 5)
		liar := &lying{Store: w.store, alter: alter}
		if alter == nil {
			liar.drop = tree.KeyOf(user(1))
		}
		w.store = liar
		w.open()
		w.commitHeads()
		f := wantFault(t, second(verify.BundleFS(t.Context(), w.streams(user(1)).fs(), verify.Options{Policy: bothKeys(t)})), verify.HeadsDiffer)
		if f.Stream != user(1) {
			t.Errorf("%s: the fault is at %s", what, f.Place)
		}
	}
}

// lying is a store that leaves a stream out of the heads, or alters them.
type lying struct {
	tlog.Store
	drop  tree.Key
	alter func(*tlog.Head)
}

func (l *lying) Heads(ctx context.Context, first, last int) iter.Seq2[tlog.Head, error] {
	return func(yield func(tlog.Head, error) bool) {
		for h, err := range l.Store.Heads(ctx, first, last) {
			if l.alter != nil {
				l.alter(&h)
			}
			if h.Key != l.drop && !yield(h, err) {
				return
			}
		}
	}
}

// growing is a data directory in which a server goes on to write.
type growing struct {
	verify.Source
	grow func()
}

func (g growing) Head(ctx context.Context) (int64, error) {
	head, err := g.Source.Head(ctx)
	g.grow()
	return head, err
}

// What is appended while the check runs does not make it fail.
func TestJournalIsVerifiedWhileItGrows(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.some(300, 9)
	w.commitHeads()
	before := w.checkpoint()
	v, err := verify.Dir(t.Context(), growing{tlog.NewSource(w.journal, w.store), func() {
		w.some(300, 9)
		w.commitHeads()
	}}, verify.Options{Policy: bothKeys(t)})
	if err != nil || v.Size != before.Size || v.Events != before.Size {
		t.Errorf("%+v (%v)", v, err)
	}
}

// Trouble with reading is no fault of the ledger.
func TestTroubleIsNoFault(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.some(30, 3)
	w.commitHeads()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := verify.Dir(ctx, tlog.NewSource(w.journal, w.store), verify.Options{Policy: bothKeys(t)})
	var f *verify.Fault
	if !errors.Is(err, context.Canceled) || errors.As(err, &f) {
		t.Errorf("%v", err)
	}
}
