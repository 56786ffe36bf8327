package tree_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"

	"kelisim/commands/tlog/tree"
)

func vectors(t testing.TB, name string, into any) {
	t.Helper()
	text, err := os.ReadFile("../../../testdata/vectors/" + name)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func ignore(int, tree.Hash) {}

func TestTreeOfRFC6962(t *testing.T) {
	var v struct{ Leaves, Roots []string }
	vectors(t, "rfc6962.json", &v)
	var e tree.Edge
	for i := 0; ; i++ {
		if got := e.Root(); hex.EncodeToString(got[:]) != v.Roots[i] {
			t.Errorf("the root of %d leaves is %x, want %s", i, got, v.Roots[i])
		}
		if i == len(v.Leaves) {
			break
		}
		e.Append(tlog.RecordHash(unhex(t, v.Leaves[i])), ignore)
	}
}

type vectorEvent struct {
	ID, Stream, Type, Data, Metadata, Leaf string
	Revision                               int64
	RecordHash                             string `json:"record_hash"`
}

func (v vectorEvent) event() tree.Event {
	return tree.Event{ID: uuid.MustParse(v.ID), Stream: v.Stream, Revision: v.Revision, Type: v.Type, Data: []byte(v.Data), Meta: []byte(v.Metadata)}
}

func leafVectors(t testing.TB) (events []vectorEvent, roots []string) {
	var v struct {
		Events []vectorEvent
		Roots  []string
	}
	vectors(t, "leaf.json", &v)
	return v.Events, v.Roots
}

// Another program made these vectors from the format's description alone.
func TestLeafVectors(t *testing.T) {
	events, roots := leafVectors(t)
	last := map[string]tree.Hash{}
	var e tree.Edge
	var hasher tree.Hasher
	for i, v := range events {
		leaf := tree.LeafOf(v.event(), last[v.Stream])
		want := unhex(t, v.Leaf)
		if got := leaf.Append(nil); !bytes.Equal(got, want) {
			t.Errorf("leaf %d is\n%x, want\n%x", i, got, want)
		}
		if got, err := tree.ParseLeaf(want); err != nil || got != leaf {
			t.Errorf("leaf %d was read as %+v (%v)", i, got, err)
		}
		h := hasher.Record(leaf)
		if hex.EncodeToString(h[:]) != v.RecordHash || h != tlog.RecordHash(want) || !bytes.Equal(hasher.Leaf(), want) {
			t.Errorf("leaf %d hashes to %x, want %s", i, h, v.RecordHash)
		}
		last[v.Stream] = h
		e.Append(h, ignore)
		if root := e.Root(); hex.EncodeToString(root[:]) != roots[i] {
			t.Errorf("the root after leaf %d is %x, want %s", i, root, roots[i])
		}
	}
}

func TestHeadsVectors(t *testing.T) {
	var v struct {
		Root, Stream, Content string
		EmptyRoot             string `json:"empty_root"`
		Bucket                int
		Proof                 []string
	}
	vectors(t, "heads.json", &v)
	h := &tree.Heads{}
	if root := h.Root(); hex.EncodeToString(root[:]) != v.EmptyRoot {
		t.Errorf("without a stream the root is %x, want %s", root, v.EmptyRoot)
	}
	events, _ := leafVectors(t)
	for _, e := range events {
		h.Set(tree.Head{Key: tree.KeyOf(e.Stream), Revision: e.Revision, Leaf: tree.Hash(unhex(t, e.RecordHash))})
	}
	root := h.Root()
	if hex.EncodeToString(root[:]) != v.Root {
		t.Errorf("the root of three streams is %x, want %s", root, v.Root)
	}
	content := unhex(t, v.Content)
	bucket, err := tree.ParseBucket(v.Bucket, content)
	if err != nil {
		t.Fatal(err)
	}
	head, ok := tree.FindHead(bucket, tree.KeyOf(v.Stream))
	if known, _ := h.Get(tree.KeyOf(v.Stream)); !ok || head != known || !bytes.Equal(head.Append(nil), content) || head.Key.Bucket() != v.Bucket {
		t.Errorf("the bucket's head is %+v, and the stream's %+v", head, known)
	}
	var proof tlog.RecordProof
	for _, p := range v.Proof {
		proof = append(proof, tree.Hash(unhex(t, p)))
	}
	if err := tlog.CheckRecord(proof, tree.Buckets, root, int64(v.Bucket), tlog.RecordHash(content)); err != nil {
		t.Error(err)
	}
}
