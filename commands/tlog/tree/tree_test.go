package tree_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"kelisim/commands/tlog/tree"
)

func TestWhatIsNoLeaf(t *testing.T) {
	for stream, want := range map[string]bool{
		"site": true, "user-5f": true, tree.HeadsStream: true, "ledger-checkpoints-2": true, "leases": true,
		tree.CheckpointsStream: false, "lease-scheduler": false,
	} {
		if tree.Counted(stream) != want {
			t.Errorf("%s is a leaf: %v, want %v", stream, !want, want)
		}
	}
}

func recordHash(n int64) tree.Hash {
	return tlog.RecordHash(binary.BigEndian.AppendUint64(nil, uint64(n)))
}

// The edge gives the roots that the library's own stored hashes give, its tiles are those that the library makes of them, and a third implementation agrees.
func TestEdgeAgainstStoredHashes(t *testing.T) {
	const most = 66_000
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			out[i] = stored[index]
		}
		return out, nil
	})
	third := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	var e tree.Edge
	tiles := map[int][]byte{}
	put := func(level int, h tree.Hash) { tiles[level] = append(tiles[level], h[:]...) }
	for n := range int64(most) {
		h := recordHash(n)
		e.Append(h, put)
		hashes, err := tlog.StoredHashesForRecordHash(n, h, reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
		if err := third.Append(h[:], nil); err != nil {
			t.Fatal(err)
		}
		if size := n + 1; size < 600 || size%997 == 0 || size%256 == 0 {
			want, err := tlog.TreeHash(size, reader)
			if err != nil || e.Root() != want || e.Size() != size {
				t.Fatalf("at %d leaves the root is %v, want %v (%v)", size, e.Root(), want, err)
			}
			if theirs, err := third.GetRootHash(nil); err != nil || !bytes.Equal(theirs, want[:]) {
				t.Fatalf("at %d leaves the third implementation has %x (%v)", size, theirs, err)
			}
		}
	}
	for _, tile := range tlog.NewTiles(tree.TileHeight, 0, most) {
		want, err := tlog.ReadTileData(tile, reader)
		if err != nil {
			t.Fatal(err)
		}
		at := int(tile.N) * tree.TileWidth * tlog.HashSize
		if got := tiles[tile.L][at : at+len(want)]; !bytes.Equal(got, want) {
			t.Fatalf("tile %s differs", tile.Path())
		}
	}
	// From its tiles the edge is taken up at any size, and grows on.
	for _, size := range []int64{0, 1, 2, 255, 256, 257, 511, 65_535, 65_536, 65_537} {
		again, err := tree.NewEdge(size, tree.Hashes(func(level int, n int64, width int) ([]byte, error) {
			return tiles[level][int(n)*tree.TileWidth*tlog.HashSize:][:width*tlog.HashSize], nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		for n := size; n < size+300; n++ {
			again.Append(recordHash(n), ignore)
		}
		if want, err := tlog.TreeHash(size+300, reader); err != nil || again.Root() != want {
			t.Errorf("taken up at %d: root %v, want %v (%v)", size, again.Root(), want, err)
		}
	}
}

func TestEdgeTellsWhatItCannotRead(t *testing.T) {
	broken := errors.New("broken")
	_, err := tree.NewEdge(5, tree.Hashes(func(int, int64, int) ([]byte, error) { return nil, broken }))
	if !errors.Is(err, broken) {
		t.Error(err)
	}
	if _, err := tree.NewEdge(5, tree.Hashes(func(int, int64, int) ([]byte, error) { return make([]byte, 31), nil })); err == nil {
		t.Error("a tile too short was read")
	}
}

// plainRoot is the root of the tree of heads by the definition.
func plainRoot(heads map[tree.Key]tree.Head) tree.Hash {
	buckets := make([][]tree.Head, tree.Buckets)
	for k, h := range heads {
		buckets[k.Bucket()] = append(buckets[k.Bucket()], h)
	}
	var e tree.Edge
	none := tlog.RecordHash(nil)
	for _, b := range buckets {
		if len(b) == 0 {
			e.Append(none, ignore)
			continue
		}
		slices.SortFunc(b, func(a, b tree.Head) int { return bytes.Compare(a.Key[:], b.Key[:]) })
		var content []byte
		for _, h := range b {
			content = h.Append(content)
		}
		e.Append(tlog.RecordHash(content), ignore)
	}
	return e.Root()
}

// Whatever was set in whatever order, and whenever a root was asked for, the root is that of the definition.
func TestHeadsRootFollowsChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := &tree.Heads{}
		plain := map[tree.Key]tree.Head{}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		for range rapid.IntRange(1, 2).Draw(t, "roots") {
			for range rapid.IntRange(0, 30).Draw(t, "changes") {
				head := tree.Head{Key: tree.KeyOf(fmt.Sprint(r.IntN(20))), Revision: r.Int64N(1000), Leaf: recordHash(r.Int64())}
				if r.IntN(2) == 0 {
					head.Key = tree.Key{1, 2, byte(r.IntN(4))} // several in one bucket
				}
				h.Set(head)
				plain[head.Key] = head
			}
			if got, want := h.Root(), plainRoot(plain); got != want {
				t.Fatalf("%d streams have the root %v, want %v", len(plain), got, want)
			}
		}
		for k, want := range plain {
			if got, ok := h.Get(k); !ok || got != want {
				t.Fatalf("head %+v, want %+v", got, want)
			}
		}
		if _, ok := h.Get(tree.Key{9}); ok {
			t.Fatal("a head of a stream that is not there")
		}
	})
}

func TestLinesAreExact(t *testing.T) {
	events, _ := leafVectors(t)
	lines := []tree.Line{}
	for i, v := range events {
		lines = append(lines, tree.Line{Index: int64(i), Event: v.event(), Leaf: unhex(t, v.Leaf)})
	}
	odd := lines[0]
	for _, bytes := range []string{"", " {}", "{}\n", "{\"a\":\n1}", "{\"a\":\"\xff\"}", "\x00", "nonsense", `{"metadata":{},"data":[1, 2]}`, "{\"a\":\"\u2028<&>\"}"} {
		odd.Data, odd.Meta = []byte(bytes), []byte(`{"m":`+"\r"+`1}`)
		lines = append(lines, odd)
	}
	for _, l := range lines {
		text := l.Append(nil)
		if bytes.Count(text, []byte("\n")) != 1 {
			t.Errorf("%q is not one line", text)
		}
		got, err := tree.ParseLine(text[:len(text)-1])
		if err != nil || !bytes.Equal(got.Data, l.Data) || !bytes.Equal(got.Meta, l.Meta) || got.ID != l.ID || got.Stream != l.Stream ||
			got.Revision != l.Revision || got.Type != l.Type || got.Index != l.Index || !bytes.Equal(got.Leaf, l.Leaf) {
			t.Errorf("%s was read as %+v (%v)", text, got, err)
		}
	}
	text := string(lines[1].Append(nil))
	text = text[:len(text)-1]
	for _, other := range []string{
		" " + text, text + " ", text + text, `{"index":1}`, "null", "[]", "",
		text[:len(text)-1] + `,"more":1}`, text[:len(text)-1] + `,"index":1}`,
	} {
		if l, err := tree.ParseLine([]byte(other)); err == nil {
			t.Errorf("%s was read as %+v", other, l)
		}
	}
}

func FuzzParseLeaf(f *testing.F) {
	events, _ := leafVectors(f)
	for _, v := range events {
		f.Add(unhex(f, v.Leaf))
	}
	f.Add(tree.Leaf{Stream: "user-1", Revision: -1}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := tree.ParseLeaf(b)
		if err == nil && (!bytes.Equal(l.Append(nil), b) || l.Revision < 0) {
			t.Errorf("%x was read as %+v", b, l)
		}
	})
}

func FuzzParseBucket(f *testing.F) {
	a, b := tree.Head{Key: tree.Key{1, 2, 3}, Revision: 7}, tree.Head{Key: tree.Key{1, 2, 4}}
	f.Add(0x102, a.Append(nil))
	f.Add(0x102, b.Append(a.Append(nil)))
	f.Add(0x102, a.Append(b.Append(nil)))
	f.Add(0, []byte{})
	f.Add(0x103, a.Append(nil)) // in another's bucket
	f.Fuzz(func(t *testing.T, n int, content []byte) {
		heads, err := tree.ParseBucket(n, content)
		if err != nil {
			return
		}
		var again []byte
		for _, h := range heads {
			if h.Key.Bucket() != n || h.Revision < 0 {
				t.Errorf("bucket %d has %+v", n, h)
			}
			if found, ok := tree.FindHead(heads, h.Key); !ok || found != h {
				t.Errorf("%+v is not found where it stands", h)
			}
			again = h.Append(again)
		}
		if !bytes.Equal(again, content) {
			t.Errorf("%x was read as %+v", content, heads)
		}
	})
}

func FuzzParseLine(f *testing.F) {
	events, _ := leafVectors(f)
	for i, v := range events {
		l := tree.Line{Index: int64(i), Event: v.event(), Leaf: unhex(f, v.Leaf)}
		f.Add(l.Append(nil))
		l.Data = []byte("\xff\n")
		f.Add(bytes.TrimSuffix(l.Append(nil), []byte("\n")))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := tree.ParseLine(b)
		if err == nil && !bytes.Equal(l.Append(nil), append(b, '\n')) {
			t.Errorf("%q was read as %+v", b, l)
		}
	})
}
